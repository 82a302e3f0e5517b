"""The tables of a run folder: the contract that other tools read."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from common.tables import write_table
from features.tracks import CenterTrack
from pipeline.dataset.labels import LabelTrack
from pipeline.dataset.load import CheckedRecording
from pipeline.run_folder.run_dir import RunDir
from pipeline.scoring.bouts.bouts import bouts_from_frames
from pipeline.scoring.postprocessing.postprocess import PostprocessConfig, postprocess

BOUT_COLUMNS = (
    "behavior",
    "start_frame",
    "stop_frame",
    "start_s",
    "stop_s",
    "duration_s",
    "mean_probability",
)
RECORDING_COLUMNS = (
    "recording", "subset", "individual", "group", "video", "fps", "n_frames", "n_unobserved", "width_px", "height_px",
    "video_path", "video_sha256",
)  # fmt: skip
CENTER_COLUMNS = ("frame", "x_px", "y_px", "observed")
TRAINING_COLUMNS = (
    "behavior", "head", "fold", "epoch", "loss", "validation_average_precision", "validation_loss", "seconds", "best",
)  # fmt: skip


def write_recordings(run: RunDir, checked: Sequence[CheckedRecording]) -> None:
    """Write recordings.csv: what took part, and in which role."""
    rows = [
        {
            "recording": item.id,
            "subset": item.subset,
            "individual": item.recording.individual,
            "group": item.recording.group,
            "video": item.video.path.name if item.video else "",
            "fps": item.fps,
            "n_frames": item.n_frames,
            "n_unobserved": int((~item.observed).sum()),
            "width_px": item.video.width_px if item.video else None,
            "height_px": item.video.height_px if item.video else None,
            "video_path": str(item.video.path.resolve()) if item.video else "",
            "video_sha256": item.video.sha256 if item.video else "",
        }
        for item in checked
    ]
    write_table(run.recordings_path, RECORDING_COLUMNS, rows)


def write_centers(path: Path, centers: CenterTrack) -> None:
    """Write the point that every crop was cut around, frame by frame, in pixels of the full frame."""
    rows = (
        {"frame": frame, "x_px": x_px, "y_px": y_px, "observed": bool(observed)}
        for frame, ((x_px, y_px), observed) in enumerate(zip(centers.xy_px, centers.observed, strict=True))
    )
    write_table(path, CENTER_COLUMNS, rows)


def write_labels(path: Path, labels: LabelTrack) -> None:
    """Write human labels, frame by frame; empty = not scored."""
    rows = (
        {"frame": frame}
        | {
            behavior: bool(labels.active[frame, i]) if labels.scored[frame, i] else None
            for i, behavior in enumerate(labels.behaviors)
        }
        for frame in range(len(labels.active))
    )
    write_table(path, ("frame", *labels.behaviors), rows)


def write_predictions(
    run: RunDir,
    recording: str,
    fps: float,
    probabilities: Mapping[str, NDArray[np.float32]],
    settings: Mapping[str, PostprocessConfig],
) -> None:
    """Write probabilities and cleaned labels of every frame, and the bouts they make."""
    behaviors = list(probabilities)
    active = {b: postprocess(p, settings[b], fps) for b, p in probabilities.items()}
    n_frames = len(next(iter(probabilities.values())))
    columns = ("frame", "time_s", *(f"{b}_probability" for b in behaviors), *behaviors)
    rows = (
        {"frame": frame, "time_s": frame / fps}
        | {f"{b}_probability": probabilities[b][frame] for b in behaviors}
        | {b: active[b][frame] for b in behaviors}
        for frame in range(n_frames)
    )
    write_table(run.predictions_path(recording), columns, rows)
    bouts = sorted(
        (bout for b in behaviors for bout in bouts_from_frames(active[b], b)),
        key=lambda bout: (bout.start_frame, bout.behavior),
    )
    bout_rows = [
        {
            "behavior": bout.behavior,
            "start_frame": bout.start_frame,
            "stop_frame": bout.stop_frame,
            "start_s": bout.start_frame / fps,
            "stop_s": bout.stop_frame / fps,
            "duration_s": (bout.stop_frame - bout.start_frame) / fps,
            "mean_probability": float(
                probabilities[bout.behavior][bout.start_frame : bout.stop_frame].mean(dtype=np.float64)
            ),
        }
        for bout in bouts
    ]
    write_table(run.bouts_path(recording), BOUT_COLUMNS, bout_rows)


def write_probabilities(path: Path, fps: float, probabilities: Mapping[str, NDArray[np.float32]]) -> None:
    """Write probabilities alone, of every frame: the baseline's, or those before calibration."""
    columns = ("frame", "time_s", *(f"{b}_probability" for b in probabilities))
    n_frames = len(next(iter(probabilities.values())))
    rows = (
        {"frame": frame, "time_s": frame / fps} | {f"{b}_probability": p[frame] for b, p in probabilities.items()}
        for frame in range(n_frames)
    )
    write_table(path, columns, rows)
