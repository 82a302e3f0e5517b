"""One behavior of one recording, made by hand."""

import numpy as np

from pipeline.scoring.metrics import FrameScores, pooled_frame_scores
from pipeline.scoring.timeline import BehaviorTimeline


def bits(text: str) -> np.ndarray:
    return np.array([character == "1" for character in text])


def line(true, probability, scored=None, predicted=None, fps: float = 10.0, recording: str = "") -> BehaviorTimeline:
    """A timeline of anything array-like; without more, all frames are scored, and active from .5 on."""
    value = np.asarray(probability)
    return BehaviorTimeline(
        np.asarray(true, dtype=bool),
        value >= 0.5 if predicted is None else np.asarray(predicted, dtype=bool),
        value,
        np.ones(np.shape(true), dtype=bool) if scored is None else np.asarray(scored, dtype=bool),
        fps,
        recording,
    )


def frame_scores(true, predicted, probability, scored=None) -> FrameScores:
    return pooled_frame_scores([line(true, probability, scored, predicted)])
