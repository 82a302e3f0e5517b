"""A run that decodes its videos once ends with what one that inspects them before ends with."""

import logging
from pathlib import Path

import numpy as np
import pytest

from features.engines import Engines
from features.sources.frames import FrameSource
from features.video import inspection
from pipeline.config.schema import ExperimentConfig, load_config
from pipeline.dataset import pose_findings
from pipeline.dataset.load import input_fingerprints, load_dataset
from pipeline.training.embed import StageOne, run_stage_one
from tests.features.stage_one import MeanEngine, tiny_backbone
from tests.features.test_extract import BreakingEngine
from tests.features.test_video_damage import N_FRAMES, make, spoil
from tests.lab import known_labels, write_experiment, write_labels, write_poses, write_table

# Intact with frames out of order, damaged in the middle, without times of its own, and a black one.
VIDEOS = ("v0.mp4", "v1.mp4", "v2.avi", "v3.mp4")


@pytest.fixture
def config_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(FrameSource, "resolved", tiny_backbone())
    monkeypatch.setattr(Engines, "get", lambda self, *of: MeanEngine())
    make(tmp_path / "v0.mp4", "libx264", 2)
    spoil(make(tmp_path / "v1.mp4", "mjpeg"), [30, 31])
    make(tmp_path / "v2.avi", "libx264")
    monkeypatch.setattr("tests.features.test_video_damage.numbered", lambda number: np.zeros((96, 160, 3), np.uint8))
    make(tmp_path / "v3.mp4", "libx264")
    for number in range(len(VIDEOS)):
        write_poses(tmp_path / f"v{number}.csv", N_FRAMES)
        write_labels(tmp_path / f"v{number} labels.csv", known_labels(number, N_FRAMES))
    rows = [f"v{i},{name},v{i}.csv,v{i} labels.csv,mouse{i},,train" for i, name in enumerate(VIDEOS)]
    backbone = "backbone: {name: mobilenet_v2, alpha: 0.35, input_px: 32, weights: random}"
    return write_experiment(tmp_path, write_table(tmp_path, rows), backbone)


def made_in(cache: str, config_path: Path, may_wait: bool) -> tuple[ExperimentConfig, StageOne]:
    settings = [f"cache_dir={(config_path.parent / cache).as_posix()}", "batch_frames=8"]
    config = load_config(config_path, settings)
    return config, run_stage_one(config, load_dataset(config, may_wait), only_cached=False)


def known(stage_one: StageOne) -> list[object]:
    checked = [item.checked for item in stage_one.recordings]
    frames = [(item.observed.tolist(), item.source.load().tolist()) for item in stage_one.recordings]
    caches = [item.source.fingerprint for item in stage_one.recordings]
    return [*input_fingerprints(checked).items(), *frames, *caches, *((item.notes, item.video) for item in checked)]


def test_results_and_notes_are_those_of_inspecting_before(
    config_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    _, before = made_in("before", config_path, may_wait=False)
    caplog.clear()
    config, once = made_in("once", config_path, may_wait=True)
    assert known(once) == known(before)
    assert once.n_frames_computed == before.n_frames_computed == len(VIDEOS) * N_FRAMES
    told = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    for words in ("2 of 60 frames of v1.mp4 can't be decoded: 30-31", "v3: The picture is dark"):
        assert sum(words in line for line in told) == 1
    caches = [{path.name for path in (config_path.parent / name).iterdir()} for name in ("before", "once")]
    assert caches[0] == caches[1], "nothing is left of what was not as promised"
    monkeypatch.setattr(inspection, "iter_frames", lambda path: pytest.fail("decoded again"))
    assert known(made_in("once", config_path, may_wait=True)[1]) == known(before)
    assert all(item.video and not item.video.awaited for item in load_dataset(config, may_wait=True))


def test_poses_of_another_video_are_doubted_before_the_next_is_embedded(
    config_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(pose_findings, "on_animal_share", lambda centers, video: None if video.awaited else 0.1)
    caplog.set_level(logging.INFO, "pipeline")
    made_in("once", config_path, may_wait=True)
    told = [record.getMessage() for record in caplog.records]
    in_order = "v0: 60 embeddings made", "v0: In only 10% of the frames", "v3: 60 embeddings made"
    places = [next(i for i, line in enumerate(told) if words in line) for words in in_order]
    assert places == sorted(places)
    assert sum("v0: In only 10%" in line for line in told) == 1


@pytest.mark.parametrize("at_call", [4, 9])
def test_a_run_that_was_killed_goes_on(config_path: Path, monkeypatch: pytest.MonkeyPatch, at_call: int) -> None:
    _, before = made_in("before", config_path, may_wait=False)
    breaking = BreakingEngine(at_call, KeyboardInterrupt())
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr("features.cache.rows.COMMIT_ROWS", 8)
        patched.setattr(Engines, "get", lambda self, *of: breaking)
        made_in("killed", config_path, may_wait=True)
    assert known(made_in("killed", config_path, may_wait=True)[1]) == known(before)


def test_poses_of_the_frames_that_there_are_are_no_error(config_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where packets promise more frames than there are, poses and labels are of those that there are."""
    folder, read = config_path.parent, inspection.iter_frames
    write_poses(folder / "v0.csv", N_FRAMES - 2)
    write_labels(folder / "v0 labels.csv", known_labels(0, N_FRAMES)[:-2])
    fewer = "v0.mp4"
    monkeypatch.setattr(
        inspection, "iter_frames",
        lambda path: (frame for frame in read(path) if path.name != fewer or frame.number < N_FRAMES - 2),
    )  # fmt: skip
    _, once = made_in("once", config_path, may_wait=True)
    assert once.recordings[0].checked.n_frames == N_FRAMES - 2
