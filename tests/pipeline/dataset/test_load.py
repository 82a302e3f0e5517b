"""What the trunk makes of a table of recordings before anything long begins."""

import itertools
import unicodedata
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.config.schema import load_config
from pipeline.dataset.load import load_dataset
from tests.features.test_video_damage import N_FRAMES as N_RAW
from tests.features.test_video_damage import make, spoil
from tests.lab import known_labels, make_video_lab, write_labels, write_table

N_FRAMES = 120


def place_px(frame: int) -> tuple[int, int]:
    """A square that wanders through most of the picture."""
    return 20 + int(40 * frame / N_FRAMES), 32 + int(18 * np.sin(frame / 12))


def write_wandering_video(path: Path) -> None:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10.0, (80, 64))  # type: ignore[attr-defined]
    for frame in range(N_FRAMES):
        picture = np.full((64, 80, 3), 200, dtype=np.uint8)
        x, y = place_px(frame)
        cv2.rectangle(picture, (x - 6, y - 6), (x + 6, y + 6), (50, 50, 50), -1)
        writer.write(picture)
    writer.release()


def test_without_a_pose_file_the_animal_is_tracked_in_the_video_once(tmp_path: Path):
    config_path = make_video_lab(tmp_path, n_train=1)
    write_wandering_video(tmp_path / "v0.avi")
    write_table(tmp_path, ["v0,v0.avi,blob,v0 labels.csv,mouse0,,train"])
    (item,) = load_dataset(load_config(config_path))
    assert item.centers is not None and item.centers.observed.all()
    expected = np.array([place_px(frame) for frame in range(N_FRAMES)])
    assert np.linalg.norm(item.centers.xy_px - expected, axis=1).max() < 3
    (cached,) = (tmp_path / "cache" / "blob_tracks").iterdir()
    written = cached.stat().st_mtime_ns
    (again,) = load_dataset(load_config(config_path))
    assert (again.centers is not None) and np.array_equal(again.centers.xy_px, item.centers.xy_px)
    assert cached.stat().st_mtime_ns == written


def test_the_table_says_which_part_of_a_shared_annotation_file_is_meant(tmp_path: Path):
    config_path = make_video_lab(tmp_path, n_train=2)
    write_labels(tmp_path / "by both.csv", known_labels(1))
    rows = ["v0,v0.avi,v0_dlc.csv,frame_csv:v0 labels.csv,mouse0,,train"]
    rows.append("v1,v1.avi,v1_dlc.csv,Ada=v1 labels.csv;Bo=frame_csv:by both.csv,mouse1,,train")
    write_table(tmp_path, rows)
    first, second = load_dataset(load_config(config_path, ["annotations=majority"]))
    assert first.labels is not None and first.labels.active.tolist() == known_labels(0).tolist()
    assert set(second.annotators) == {"Ada", "Bo"}
    assert second.disagreement is not None and not second.disagreement.any()


@pytest.mark.parametrize("cell", ["", "nothing.csv"])
def test_a_video_without_poses_is_refused_with_a_way_out(tmp_path: Path, cell: str):
    from common.errors import InputError

    config_path = make_video_lab(tmp_path, n_train=1)
    write_table(tmp_path, [f"v0,v0.avi,{cell},v0 labels.csv,mouse0,,train"])
    with pytest.raises(InputError, match="blob" if not cell else "no file"):
        load_dataset(load_config(config_path))


@pytest.mark.parametrize("forms", list(itertools.product(["NFC", "NFD"], repeat=4)), ids="-".join)
def test_names_are_the_same_however_their_accents_are_stored(tmp_path: Path, forms: tuple[str, ...]):
    """Names of files, and in the table, in the labels and poses, in the YAML."""
    files, table, inside, settings = (lambda text, form=form: unicodedata.normalize(form, text) for form in forms)
    folder = tmp_path / files("día")
    folder.mkdir()
    np.save(folder / files("ratón.npy"), np.zeros((N_FRAMES, 5), dtype=np.float32))
    lines = ["frame," + inside("olfateó"), *(f"{i},{int(i < 30)}" for i in range(N_FRAMES))]
    (folder / files("ratón José.csv")).write_text("\n".join(lines) + "\n", encoding="utf-8")
    write_table(tmp_path, [table("ratón,día/ratón.npy,,José=día/ratón José.csv,Ñu,,train")])
    (tmp_path / "x.yaml").write_text(
        settings(
            f"{{name: x, recordings: '{tmp_path.as_posix()}/recordings.csv', behaviors: {{olfateó: olfateó}}, "
            "annotations: José, backbone: {name: precomputed, fps: 10}, head: {name: lstm}}"
        ),
        encoding="utf-8",
    )
    (item,) = load_dataset(load_config(tmp_path / "x.yaml"))
    assert (item.id, item.recording.individual) == ("ratón", "Ñu")
    assert item.labels is not None and item.labels.behaviors == ("olfateó",) and item.labels.active.sum() == 30


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_keypoints_and_individuals_too(tmp_path: Path, form: str):
    from features.centers import CenterConfig, track_center
    from features.poses import read_poses

    head = ["scorer" + ",s" * 6, "individuals" + ",Niño" * 3 + ",Otro" * 3, "bodyparts" + ",mitad-é" * 6,
            "coords" + ",x,y,likelihood" * 2]  # fmt: skip
    text = "\n".join([*head, *(f"{i},1,2,1,3,4,1" for i in range(5))]) + "\n"
    (tmp_path / "p.csv").write_text(unicodedata.normalize(form, text), encoding="utf-8")
    config = CenterConfig(
        keypoints=unicodedata.normalize("NFD", "mitad-é"), individual=unicodedata.normalize("NFD", "Niño")
    )
    centers = track_center(read_poses(tmp_path / "p.csv", config.individual), config, 10.0)
    assert centers.xy_px.tolist() == [[1, 2]] * 5


def test_lost_frames_keep_their_labels_and_are_not_learned_from(tmp_path: Path):
    config_path = make_video_lab(tmp_path, n_train=2)
    whole, _ = load_dataset(load_config(config_path))
    spoil(tmp_path / "v0.avi", [30, 31, 100])
    damaged, other = load_dataset(load_config(config_path))
    assert whole.labels is not None and damaged.labels is not None and whole.centers is not None
    assert damaged.n_frames == whole.n_frames == N_FRAMES
    assert np.array_equal(damaged.labels.active, whole.labels.active)
    assert np.flatnonzero(whole.observed & ~damaged.observed).tolist() == [30, 31, 100]
    assert any("3 of 120 frames of v0.avi can't be decoded: 30-31, 100" in note for note in damaged.notes)
    assert not any("decoded" in note for note in other.notes)


@pytest.mark.parametrize("where", ["table", "yaml"])
def test_a_raw_videos_rate_is_doubted_unless_it_is_given(tmp_path: Path, where: str):
    config_path = make_video_lab(tmp_path, n_train=1)
    make(tmp_path / "v0.h264", "libx264", rate=60)
    poses = (tmp_path / "v0_dlc.csv").read_text(encoding="utf-8").splitlines()[: 3 + N_RAW]
    (tmp_path / "v0_dlc.csv").write_text("\n".join(poses) + "\n", encoding="utf-8")
    bout = "behavior,start_s,stop_s\ngrooming,0.5,0.75\nrearing,0.1,0.2\n"
    (tmp_path / "v0 labels.csv").write_text(bout, encoding="utf-8")
    row = "v0,v0.h264,v0_dlc.csv,v0 labels.csv,mouse0,,train"
    write_table(tmp_path, [row])
    (assumed,) = load_dataset(load_config(config_path))
    assert assumed.fps == 25.0 and any("25 frames/s are assumed" in note for note in assumed.notes)
    if where == "table":
        header = "recording,video,poses,annotations,individual,group,split,fps"
        (tmp_path / "recordings.csv").write_text(f"{header}\n{row},60\n", encoding="utf-8")
    (given,) = load_dataset(load_config(config_path, ["fps=60"] if where == "yaml" else []))
    assert given.fps == 60.0 and given.video is not None and given.video.fps == 60.0
    assert not any("assumed" in note for note in given.notes)
    assert given.labels is not None
    assert np.flatnonzero(given.labels.active[:, 0]).tolist() == list(range(30, 45))
