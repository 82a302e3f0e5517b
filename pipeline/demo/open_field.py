"""The files of the open field: one mouse per video, its keypoints and its labels."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from common.tables import write_lines, write_table
from pipeline.config.demo import DemoConfig
from pipeline.demo.behavior import LABELLED, label_frames
from pipeline.demo.body import KEYPOINTS
from pipeline.demo.recording import render_frames, simulate_recording
from pipeline.demo.tracking import track_keypoints, write_deeplabcut_csv
from pipeline.demo.video import write_video

SIMULATOR_VERSION = 4
"""Raise whenever the same settings would give other frames, tracks or labels."""

_COLUMNS = ("recording", "video", "poses", "annotations", "individual", "group", "split")


def write_recording(folder: Path, index: int, config: DemoConfig, progress: Callable[[int], None]) -> dict[str, str]:
    """Simulate the recording of this index into the folder; its row. `progress` is called with the frames done."""
    group = ("HD", "WT")[index % 2]
    name = f"{group}_sim_{index + 1:02d}"
    rng = np.random.default_rng([config.seed, index])
    recording = simulate_recording(config.n_frames, config.fps, config.size_px, rng)
    video, poses, labels = f"{name}.mp4", f"{name}_dlc.csv", f"{name}_labels.csv"
    # One recording per demo comes as bouts, to show that annotation formats may be mixed.
    if index == 1:
        labels = f"{name}_bouts.csv"
        bouts = [(e.state, e.start, e.stop) for e in recording.episodes if e.state in LABELLED]
        write_lines(folder / labels, [("behavior", "start_frame", "stop_frame"), *bouts])
    else:
        columns = [label_frames(recording.episodes, behavior).astype(int) for behavior in LABELLED]
        write_lines(folder / labels, [["frame", *LABELLED], *zip(itertools.count(), *columns)])
    xy, likelihood = track_keypoints(recording.keypoints_px, KEYPOINTS, config.fps, config.size_px, rng)
    write_deeplabcut_csv(folder / poses, xy, likelihood, KEYPOINTS)
    write_video(folder / video, render_frames(recording, config.size_px, rng), config, progress)
    return {
        "recording": name,
        "video": video,
        "poses": poses,
        "annotations": labels,
        "individual": f"{group}_{index + 1:02d}",
        "group": group,
        "split": "train" if index < config.n_train else "test",
    }


def write_tables(folder: Path, config: DemoConfig, rows: Sequence[Mapping[str, str]]) -> None:
    """Write the table of recordings."""
    write_table(folder / "recordings.csv", _COLUMNS, rows)
