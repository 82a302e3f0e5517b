"""Data sets that bring their labels along, from `init` to a report: clips in folders, and sequences of poses."""

import csv
from pathlib import Path

import numpy as np
import pytest

from pipeline.command_line import main
from tests.features.test_poses_calms21 import sequence, write
from tests.lab import write_video

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("no_figures"),
]
SMALL = (
    "head={name: lstm, layers: 1, units: 4}",
    "training={window_frames: 20, batch_windows: 4, epochs: 1}",
    "cross_validation=2",
    "baseline=none",
    "workers=1",
)


def run_small(folder: Path, *settings: str) -> list[str]:
    """`init` and a run of what it wrote; the ids of the recordings that were predicted."""
    assert main(["init", str(folder), "--name", "x"]) == 0
    sets = [*SMALL, *settings, f"cache_dir={folder.as_posix()}/cache", f"output_dir={folder.as_posix()}/runs"]
    assert main([str(folder / "x.yaml"), *(word for text in sets for word in ("--set", text))]) == 0
    with (folder / "recordings.csv").open(encoding="utf-8", newline="") as stream:
        return [row["recording"] for row in csv.DictReader(stream)]


def predicted(folder: Path, recording: str) -> list[dict[str, str]]:
    with (folder / "runs" / "x" / "predictions" / f"{recording}.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_clips_in_folders(tmp_path: Path) -> None:
    n_frames = {}
    for number in range(12):
        folder = ("grooming", "rearing")[number % 2]
        (tmp_path / folder).mkdir(exist_ok=True)
        n_frames[f"{folder}_{number // 2}"] = 4 + number  # no two alike: a copy would be on one side of all folds
        write_video(tmp_path / folder / f"{number // 2}.avi", np.full((4 + number, 2), number % 2 == 0))
    backbone = "backbone={name: compact, input_px: 32, weights: random}"
    recordings = run_small(tmp_path, "features=frames", backbone, "engine=tensorflow")
    assert {recording: len(predicted(tmp_path, recording)) for recording in recordings} == n_frames


def test_sequences_of_one_file(tmp_path: Path) -> None:
    keys = ("keypoints", "scores", "annotations")
    long = [{key: sequence(i)[key] * 5 for key in keys} | {"metadata": sequence(i)["metadata"]} for i in range(4)]
    write(tmp_path / "train.json", {"group": {f"task1/train/mouse{i}": one for i, one in enumerate(long)}})
    for recording in run_small(tmp_path):
        assert len(predicted(tmp_path, recording)) == 30
