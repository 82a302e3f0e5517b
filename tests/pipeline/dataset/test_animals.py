"""Several animals in one video: a row for each, with its own track and subject, on one side of every split."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from common.errors import InputError
from features.video import inspection as video_module
from pipeline.config.schema import load_config
from pipeline.dataset.load import load_dataset
from pipeline.dataset.reading import Measured, ReadingSettings, read_recording_labels, read_recording_poses
from pipeline.dataset.split_groups import split_groups
from pipeline.dataset.table import read_recordings
from pipeline.run_folder.frame_tables import read_timeline, write_predictions
from pipeline.run_folder.frame_tables import write_labels as write_label_table
from pipeline.run_folder.recordings import read_recordings as read_recordings_of
from pipeline.run_folder.recordings import recording_row, write_recordings
from pipeline.run_folder.run_dir import RunDir
from pipeline.scoring.timeline import Timeline
from pipeline.training.embed import run_stage_one
from pipeline.training.plan import plan_folds
from tests.lab import BEHAVIORS, N_FRAMES, known_labels, make_video_lab, write_labels, write_poses, write_video

FPS = 10
ANIMALS = {"dark": 20, "light": 44}
"""Name, and x of its midbody in pixels."""
COLUMNS = "recording,video,poses,annotations,individual,group,split,animal,partner"


def labels_of(video: int, animal: str) -> np.ndarray:
    return known_labels(10 * video + list(ANIMALS).index(animal))


def write_both_tracks(path: Path) -> None:
    names = [name for name in ANIMALS for _ in range(3)]
    rows = [",".join(["scorer", *["sim"] * 6]), ",".join(["individuals", *names])]
    rows += [",".join(["bodyparts", *["midbody"] * 6]), ",".join(["coords", *["x", "y", "likelihood"] * 2])]
    rows += [",".join([str(i), *(cell for x in ANIMALS.values() for cell in (str(x), "32", "0.99"))])
             for i in range(N_FRAMES)]  # fmt: skip
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")


def write_both_subjects(path: Path, video: int) -> None:
    """BORIS' tabular export, with a subject for each animal."""
    header = "Observation id,Media file name,Media duration (s),FPS (frame/s),Subject,Behavior,Behavior type,Time"
    events = []
    for animal in ANIMALS:
        for column, behavior in enumerate(BEHAVIORS):
            edges = np.flatnonzero(np.diff(np.pad(labels_of(video, animal)[:, column].astype(int), 1)))
            for kind, frame in zip(("START", "STOP") * len(edges), edges, strict=False):
                events.append((frame / FPS, animal, behavior, kind))
    rows = [f"o{video},w{video}.avi,{N_FRAMES / FPS},{FPS},{animal},{behavior},{kind},{time_s:.3f}"
            for time_s, animal, behavior, kind in sorted(events)]  # fmt: skip
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")


def make_pair_lab(folder: Path, n_videos: int = 3) -> Path:
    """Videos of two animals each; returns an experiment's YAML."""
    config = make_video_lab(folder, n_train=0)
    for i in range(n_videos):
        write_video(folder / f"w{i}.avi", known_labels(50 + i))
        write_both_tracks(folder / f"w{i}_dlc.csv")
        write_both_subjects(folder / f"w{i}_boris.csv", i)
    write_rows(folder, [row_of(i, animal) for i in range(n_videos) for animal in ANIMALS])
    return config


def row_of(video: int, animal: str, split: str = "train", annotations: str = "", partner: str = "") -> str:
    files = f"w{video}.avi,w{video}_dlc.csv,{annotations or f'w{video}_boris.csv'}"
    return f"w{video}_{animal},{files},mouse {video} {animal},,{split},{animal},{partner}"


def write_rows(folder: Path, rows: list[str]) -> Path:
    path = folder / "recordings.csv"
    path.write_text("\n".join([COLUMNS, *rows]) + "\n", encoding="utf-8")
    return path


def test_each_row_has_its_animals_track_and_behaviors_and_a_video_is_decoded_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    config = load_config(make_pair_lab(tmp_path))
    decoded: list[str] = []
    inspect = video_module._inspect

    def counted(path: Path, *arguments: object) -> object:
        decoded.append(path.name)
        return inspect(path, *arguments)

    monkeypatch.setattr(video_module, "_inspect", counted)
    recordings = load_dataset(config)
    assert decoded == ["w0.avi", "w1.avi", "w2.avi"]
    assert [item.id for item in recordings] == [f"w{i}_{animal}" for i in range(3) for animal in ANIMALS]
    for item in recordings:
        video, animal = int(item.id[1]), item.recording.animal
        assert item.centers is not None and item.labels is not None
        assert item.centers.xy_px.tolist() == [[ANIMALS[animal], 32]] * N_FRAMES
        assert np.array_equal(item.labels.active, labels_of(video, animal))


def test_a_partner_comes_with_its_poses(tmp_path: Path):
    config = load_config(make_pair_lab(tmp_path, n_videos=2))
    rows = [row_of(0, "dark", partner="light"), row_of(0, "light"), row_of(1, "light", partner="dark")]
    write_rows(tmp_path, rows)
    with_partner, alone, other = load_dataset(config)
    assert alone.animals is None
    assert with_partner.animals is not None and other.animals is not None
    assert with_partner.animals.whose == ("dark", ("dark", "light"), "light")
    assert other.animals.tracks["dark"].xy_px[:, 0].tolist() == [[ANIMALS["dark"], 32]] * N_FRAMES
    write_rows(tmp_path, [row_of(0, "dark", partner="lihgt")])
    with pytest.raises(InputError, match=r"column `partner` of w0_dark asks for 'lihgt'.*Did you mean 'light'"):
        load_dataset(config)


def test_a_video_is_decoded_once_for_the_crops_of_all_its_animals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    config_path = make_pair_lab(tmp_path, n_videos=2)
    config = load_config(config_path, [f"cache_dir={(tmp_path / 'together').as_posix()}"])
    checked = load_dataset(config)
    read: list[str] = []
    iter_frames = video_module.iter_frames
    monkeypatch.setattr(
        video_module, "iter_frames", lambda path, *more: read.append(path.name) or iter_frames(path, *more)
    )
    together = run_stage_one(config, checked, only_cached=False)
    assert read == ["w0.avi", "w1.avi"] and together.n_frames_computed == 4 * N_FRAMES
    assert [one.id for one in together.recordings] == [item.id for item in checked]
    alone = load_config(config_path, [f"cache_dir={(tmp_path / 'alone').as_posix()}"])
    (one,) = run_stage_one(alone, checked[1:2], only_cached=False).recordings
    assert np.array_equal(one.source.load(), together.recordings[1].source.load())


def test_animals_that_were_filmed_together_count_as_one_in_intervals(tmp_path: Path):
    checked = load_dataset(load_config(make_pair_lab(tmp_path)))
    rows = [recording_row(item) for item in checked]
    run = RunDir(tmp_path / "run")
    write_recordings(run, rows)
    read = read_recordings_of(run)
    assert [row.individual for row in read] == [f"mouse {i} {animal}" for i in range(3) for animal in ANIMALS]
    assert [row.split_group for row in read] == [f"mouse {i} dark" for i in range(3) for _ in ANIMALS]
    for row, item in zip(read, checked, strict=True):
        assert item.labels is not None
        write_label_table(run.labels_path(row.recording), item.labels)
        probability = item.labels.active.astype(np.float32)
        write_predictions(run, Timeline(row.recording, FPS, BEHAVIORS, probability, {"full": item.labels.active}))
    resampled = [timeline.individual for row in read if (timeline := read_timeline(run, row, BEHAVIORS))]
    assert resampled == [row.split_group for row in read]


def test_animals_of_one_video_are_held_out_together(tmp_path: Path):
    config = load_config(make_pair_lab(tmp_path))
    folds = plan_folds(config, load_dataset(config))["grooming"]
    assert [fold.held_out for fold in folds] == [(f"w{i}_dark", f"w{i}_light") for i in range(3)]
    for fold in folds:
        assert {name[:2] for name in fold.train}.isdisjoint({name[:2] for name in (*fold.held_out, *fold.validation)})


def test_videos_and_individuals_link_recordings(tmp_path: Path):
    make_pair_lab(tmp_path, n_videos=4)
    rows = [row_of(i, animal) for i in range(4) for animal in ANIMALS]
    rows[2] = rows[2].replace("mouse 1 dark", "mouse 3 light")
    recordings = read_recordings(write_rows(tmp_path, rows))
    groups = list(split_groups(recordings).values())
    one, two = "mouse 0 dark", "mouse 2 dark"
    assert groups == [one, one, "mouse 3 light", "mouse 3 light", two, two, "mouse 3 light", "mouse 3 light"]
    hashes = {recordings[0].id: "same", recordings[5].id: "same"}
    assert set(split_groups(recordings, hashes).values()) == {one, "mouse 3 light"}


def test_animals_of_one_video_must_be_on_one_side(tmp_path: Path):
    config_path = make_pair_lab(tmp_path, n_videos=2)
    table = write_rows(tmp_path, [row_of(0, "dark"), row_of(0, "light", "test"), row_of(1, "dark")])
    with pytest.raises(InputError, match=r"'w0_dark' is for train and 'w0_light' for test.*one video"):
        read_recordings(table)
    # A copy under another name is the same video.
    shutil.copy(tmp_path / "w0.avi", tmp_path / "w1.avi")
    write_rows(tmp_path, [row_of(0, "dark"), row_of(1, "light", "test")])
    with pytest.raises(InputError, match="'w0_dark' is for train and 'w1_light' for test"):
        load_dataset(load_config(config_path))


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([row_of(0, "dark"), row_of(0, "dark").replace("w0_dark,", "other,")], "'w0.avi' already stands in row 2"),
        ([row_of(0, "dark"), row_of(0, "").replace("w0_,", "other,")], "'w0.avi' already stands in row 2"),
        ([row_of(0, "dark"), row_of(1, "light").replace("w1_dlc", "w0_dlc")], "'w0_dlc.csv' already stands in row 2"),
        ([row_of(0, "dark").replace("w0_dlc.csv", "blob")], "`blob` is of a single animal"),
        ([row_of(0, "dark", partner="Dark")], "'Dark' is the row's own animal"),
        ([row_of(0, "", partner="dark").replace("w0_,", "w0,")], "no animal whose partner that is"),
        ([row_of(0, "dark", partner="light").replace("w0_dlc.csv", "")], "no pose file in which both"),
        (
            [row_of(0, "dark", annotations="frames.csv"), row_of(0, "light", annotations="frames.csv")],
            "frames.csv does not say which animal a behavior is of",
        ),
    ],
)
def test_rows_that_cannot_be_of_several_animals(tmp_path: Path, rows: list[str], said: str):
    make_pair_lab(tmp_path, n_videos=2)
    write_labels(tmp_path / "frames.csv", known_labels(0))
    with pytest.raises(InputError, match=said):
        read_recordings(write_rows(tmp_path, rows))


@pytest.mark.parametrize(
    ("row", "override", "said"),
    [
        (row_of(0, "dark"), "center.individual=light", "center.individual is 'light', but the row of w0_dark names"),
        (row_of(0, "dark", annotations="w0_boris.csv#subject=light"), "seed=0", "contradicts the column `animal`"),
        (row_of(0, "grey"), "seed=0", "'grey' is not in w0_dlc.csv.*column `animal` of w0_grey"),
    ],
)
def test_contradictions_and_unknown_animals_are_told(tmp_path: Path, row: str, override: str, said: str):
    config_path = make_pair_lab(tmp_path, n_videos=1)
    write_rows(tmp_path, [row])
    with pytest.raises(InputError, match=said):
        load_dataset(load_config(config_path, [override]))


def test_a_subject_may_have_another_name_than_the_track(tmp_path: Path):
    config_path = make_pair_lab(tmp_path, n_videos=1)
    boris = tmp_path / "w0_boris.csv"
    boris.write_text(boris.read_text(encoding="utf-8").replace(",dark,", ",resident,"), encoding="utf-8")
    write_rows(tmp_path, [row_of(0, "dark", annotations="w0_boris.csv#subject=resident"), row_of(0, "light")])
    first, second = load_dataset(load_config(config_path))
    assert [(row.animal, row.subject, row.animal_name) for row in map(recording_row, (first, second))] == [
        ("dark", "resident", "resident"),
        ("light", "", "light"),
    ]
    assert first.labels is not None and second.labels is not None
    assert np.array_equal(first.labels.active, labels_of(0, "dark"))
    assert np.array_equal(second.labels.active, labels_of(0, "light"))


def test_a_row_with_a_file_of_frames_of_its_own_needs_no_name_in_it(tmp_path: Path):
    config_path = make_pair_lab(tmp_path, n_videos=1)
    write_labels(tmp_path / "dark.csv", labels_of(0, "dark"))
    write_rows(tmp_path, [row_of(0, "dark", annotations="dark.csv"), row_of(0, "light")])
    first, _ = load_dataset(load_config(config_path))
    assert first.labels is not None and np.array_equal(first.labels.active, labels_of(0, "dark"))


def test_without_the_column_the_group_of_a_recording_is_its_individual(tmp_path: Path):
    config_path = make_video_lab(tmp_path, n_train=3)
    write_poses(tmp_path / "v0_dlc.csv", N_FRAMES)
    assert [item.split_group for item in load_dataset(load_config(config_path))] == ["mouse0", "mouse1", "mouse2"]


@pytest.mark.shared
def test_a_real_pair_is_read_by_animal(shared_dir: Path, tmp_path: Path):
    folder = shared_dir / "data" / "social_pair"
    name = "e3v813a-20210610T122332-122642"
    (tmp_path / "pair.avi").touch()
    cells = (
        f"{folder / f'{name}_dlc_multi_animal.csv'},{folder / f'{name}_boris_tabular_v7.csv'}#media={name}_reencode.avi"
    )
    rows = [f"pair_{animal},pair.avi,{cells},,,train,{animal}" for animal in ("adult", "juvenile")]
    adult, juvenile = read_recordings(write_rows(tmp_path, rows))
    tracks = [read_recording_poses(recording, ReadingSettings(), None) for recording in (adult, juvenile)]
    assert tracks[0].keypoints == tracks[1].keypoints
    assert not np.array_equal(tracks[0].xy_px, tracks[1].xy_px, equal_nan=True)
    labels = read_recording_labels(adult, "", Measured(5700, 30.0, ()), ReadingSettings())
    assert labels.behaviors == ("interact",)
    with pytest.raises(InputError, match="no subject 'juvenile'"):
        read_recording_labels(juvenile, "", Measured(5700, 30.0, ()), ReadingSettings())
