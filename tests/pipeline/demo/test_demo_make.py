"""The demo folder: whole or absent, the same for the same settings, readable by Rearview itself."""

import csv
import json

import cv2
import numpy as np
import pytest

from common.errors import InputError
from features.poses import read_poses
from pipeline.annotations import read_annotation
from pipeline.config.demo import DEMOS, DemoConfig
from pipeline.dataset.table import read_recordings
from pipeline.demo import make as make_module
from pipeline.demo.body import KEYPOINTS
from pipeline.demo.make import SIMULATORS, make_demo
from pipeline.demo.tracking import track_keypoints

SMALL = DemoConfig(n_train=2, n_test=1, n_frames=300, size_px=112, seed=4)


@pytest.fixture(scope="module")
def demo_table(tmp_path_factory):
    return make_demo(tmp_path_factory.mktemp("labor für mäuse") / "demo", SMALL)


def test_the_table_pairs_what_lies_there(demo_table):
    recordings = read_recordings(demo_table)
    assert [r.id for r in recordings] == ["HD_sim_01", "WT_sim_02", "HD_sim_03"]
    assert [r.split for r in recordings] == ["train", "train", "test"]
    assert len({r.individual for r in recordings}) == 3
    assert {r.group for r in recordings} == {"HD", "WT"}
    for recording in recordings:
        pose = read_poses(recording.pose_path)
        assert pose.keypoints == KEYPOINTS
        assert pose.n_frames == SMALL.n_frames
        for path in recording.annotation_paths.values():
            read_annotation(path, SMALL.n_frames, SMALL.fps)


def test_videos_hold_the_asked_number_of_frames(demo_table):
    capture = cv2.VideoCapture(str(demo_table.with_name("HD_sim_01.mp4")))
    n_frames = 0
    while capture.grab():
        n_frames += 1
    assert n_frames == SMALL.n_frames
    assert capture.get(cv2.CAP_PROP_FPS) == pytest.approx(SMALL.fps)
    assert capture.get(cv2.CAP_PROP_FRAME_WIDTH) == SMALL.size_px


def test_pose_file_has_deeplabcuts_header(demo_table):
    with demo_table.with_name("HD_sim_01_dlc.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream))
    assert [row[0] for row in rows[:4]] == ["scorer", "bodyparts", "coords", "0"]
    assert rows[2][1:4] == ["x", "y", "likelihood"]
    assert len(rows) == 3 + SMALL.n_frames


def test_annotations_come_as_frames_and_as_bouts(demo_table):
    frames = demo_table.with_name("HD_sim_01_labels.csv").read_text(encoding="utf-8").splitlines()
    assert frames[0] == "frame,grooming,mid_rearing,wall_rearing"
    assert len(frames) == 1 + SMALL.n_frames
    assert {cell for line in frames[1:] for cell in line.split(",")[1:]} == {"0", "1"}
    bouts = demo_table.with_name("WT_sim_02_bouts.csv").read_text(encoding="utf-8").splitlines()
    assert bouts[0] == "behavior,start_frame,stop_frame"
    assert {line.split(",")[0] for line in bouts[1:]} == {"grooming", "mid_rearing", "wall_rearing"}


def test_the_same_settings_make_the_same_demo_and_progress_runs_up_to_all_frames(demo_table, tmp_path):
    seen = []
    again = make_demo(tmp_path / "demo", SMALL, lambda *done_and_total: seen.append(done_and_total))
    contents = [{path.name: path.read_bytes() for path in table.parent.iterdir()} for table in (demo_table, again)]
    assert contents[0] == contents[1]
    assert seen[-1] == (900, 900)
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})


def test_every_demo_that_a_yaml_may_name_is_made():
    assert [*SIMULATORS] == [*DEMOS]


def test_a_demo_that_is_there_is_left_alone(demo_table, monkeypatch):
    monkeypatch.setattr(make_module, "_write_demo", lambda *_: pytest.fail("made again"))
    assert make_demo(demo_table.parent, SMALL) == demo_table


@pytest.mark.parametrize("damage", ["other settings", "older simulator", "lost video", "cut video"])
def test_a_demo_that_does_not_fit_is_replaced(tmp_path, monkeypatch, damage):
    made = []

    def write(folder, config, progress, simulator):
        made.append(config)
        (folder / "a.mp4").write_bytes(b"video")
        (folder / "recordings.csv").write_text("recording\n", encoding="utf-8")
        spec = {"settings": make_module._spec(config, simulator), "size_bytes": {"a.mp4": 5}}
        (folder / "demo.json").write_text(json.dumps(spec), encoding="utf-8")

    monkeypatch.setattr(make_module, "_write_demo", write)
    folder = tmp_path / "demo"
    make_demo(folder, SMALL)
    config = SMALL
    if damage == "other settings":
        config = SMALL.model_copy(update={"seed": 5})
    elif damage == "older simulator":
        older = SIMULATORS["demo"]._replace(versions={"simulator_version": -1})
        monkeypatch.setitem(SIMULATORS, "demo", older)
    elif damage == "lost video":
        (folder / "a.mp4").unlink()
    else:
        (folder / "a.mp4").write_bytes(b"vid")
    make_demo(folder, config)
    assert made == [SMALL, config]
    assert (folder / "a.mp4").read_bytes() == b"video"
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["demo"]


def test_a_demo_that_was_interrupted_leaves_nothing(tmp_path):
    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_demo(tmp_path / "demo", SMALL, stop)
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == []


def test_a_folder_with_other_things_is_not_touched(tmp_path):
    folder = tmp_path / "demo"
    folder.mkdir()
    (folder / "thesis.docx").write_bytes(b"years of work")
    with pytest.raises(InputError, match="something else lies there"):
        make_demo(folder, SMALL)
    assert (folder / "thesis.docx").read_bytes() == b"years of work"


def test_the_tracker_is_precise_where_it_is_sure_and_lost_where_it_is_not():
    truth = np.full((3000, 2, 2), 60.0)
    xy, likelihood = track_keypoints(truth, ("snout", "leftpaw"), 10.0, 128, np.random.default_rng(0))
    error = np.linalg.norm(xy - truth, axis=-1)
    assert np.median(error[likelihood > 0.9]) < 3.0
    assert np.median(error[likelihood < 0.3]) > 10.0
    assert 0.005 < (likelihood[:, 0] < 0.6).mean() < 0.15
    assert np.isfinite(xy).all()
    assert ((xy >= 0) & (xy <= 127)).all()
