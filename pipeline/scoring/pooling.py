"""Frames of several recordings put together: all of them, or by individual."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.scoring.scores import PredictedRecording
from pipeline.scoring.statistics.intervals import gather_clusters

# What a human saw, and the probability, of the frames that count: each of shape (n_used_frames,).
UsedFrames = tuple[NDArray[np.bool_], NDArray[np.float64]]


def used_frames(recording: PredictedRecording, column: int) -> UsedFrames:
    """One behavior's frames that a human scored and the model predicted."""
    probability = recording.probability[:, column]
    used = recording.scored[:, column] & ~np.isnan(probability)
    return recording.active[used, column], probability[used].astype(np.float64)


def pooled_used_frames(recordings: Sequence[PredictedRecording], column: int) -> UsedFrames:
    """The same of several recordings, one after the other."""
    return _joined([used_frames(recording, column) for recording in recordings])


def individual_frames(recordings: Sequence[PredictedRecording], column: int) -> list[UsedFrames]:
    """The same, one entry per individual; an individual without a name is one recording."""
    parts = [used_frames(recording, column) for recording in recordings]
    return [_joined(found) for found in gather_clusters([r.individual for r in recordings], parts)]


def _joined(parts: Sequence[UsedFrames]) -> UsedFrames:
    true = np.concatenate([np.zeros(0, dtype=bool), *(part[0] for part in parts)])
    return true, np.concatenate([np.zeros(0), *(part[1] for part in parts)])
