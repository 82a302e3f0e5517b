"""The files of the social demo: two mice per video, tracks in two forms, one BORIS project, tables that pair them.

`recordings.csv` names the multi-animal DeepLabCut CSVs, `recordings_tracks.csv` the same tracks as NumPy arrays of ids,
boxes and keypoints. Both have a row per animal.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from common.files import write_text
from common.tables import write_table
from pipeline.config.demo import DemoConfig
from pipeline.demo.social.boris import Events, events_of, project_text
from pipeline.demo.social.recording import ANIMALS, render_frames, simulate_recording
from pipeline.demo.social.tracking import track_animals, write_multi_animal_csv, write_npy_tracks
from pipeline.demo.video import write_video

SIMULATOR_VERSION = 1
"""Raise whenever the same settings would give other frames, tracks or labels."""

PROJECT_NAME = "labels.boris"
TRACKS_TABLE_NAME = "recordings_tracks.csv"
_COLUMNS = ("recording", "video", "poses", "annotations", "animal", "individual", "group", "split")


class WrittenRecording(NamedTuple):
    """What the tables need of a recording: its name, files and events, and the genotype of its mice."""

    name: str
    video: str
    poses: str
    tracks: str
    events: Events
    group: str
    split: str


def write_recording(folder: Path, index: int, config: DemoConfig, progress: Callable[[int], None]) -> WrittenRecording:
    """Simulate the recording of this index into the folder. `progress` is called with the frames done."""
    group = ("HD", "WT")[index % 2]
    name = f"{group}_pair_{index + 1:02d}"
    rng = np.random.default_rng([config.seed, index, len(ANIMALS)])
    recording = simulate_recording(config.n_frames, config.fps, config.size_px, rng)
    tracks = track_animals(recording, config.fps, config.size_px, rng)
    video, poses = f"{name}.mp4", f"{name}_dlc.csv"
    write_multi_animal_csv(folder / poses, tracks)
    arrays = write_npy_tracks(folder, name, tracks)
    write_video(folder / video, render_frames(recording, config.size_px, rng), config, progress)
    split = "train" if index < config.n_train else "test"
    return WrittenRecording(name, video, poses, arrays, events_of(recording.labels, config.fps), group, split)


def write_tables(folder: Path, config: DemoConfig, written: Sequence[WrittenRecording]) -> None:
    """Write the BORIS project of all recordings and the two tables."""
    observations = {each.name: (each.video, each.events) for each in written}
    write_text(folder / PROJECT_NAME, project_text(observations, config.n_frames, config.fps))
    write_table(folder / "recordings.csv", _COLUMNS, [row for each in written for row in _rows(each)])
    by_id = [
        row | {"poses": each.tracks, "animal": str(i), "annotations": f"{PROJECT_NAME}#subject={animal}"}
        for each in written
        for i, (animal, row) in enumerate(zip(ANIMALS, _rows(each), strict=True), start=1)
    ]
    write_table(folder / TRACKS_TABLE_NAME, _COLUMNS, by_id)


def _rows(written: WrittenRecording) -> list[dict[str, str]]:
    return [
        {
            "recording": f"{written.name}_{animal}",
            "video": written.video,
            "poses": written.poses,
            "annotations": PROJECT_NAME,
            "animal": animal,
            "individual": f"{written.name}_{animal}",
            "group": written.group,
            "split": written.split,
        }
        for animal in ANIMALS
    ]
