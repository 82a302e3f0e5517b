"""From probabilities to behavior: threshold, then close gaps, then drop short bouts.

Settings are in seconds and become frames through each recording's own fps, so that one
setting means the same in every video. The rule is what the words say, not a rounding:

- a gap of `g` frames lasts `g / fps` seconds and is filled when that is at most `max_gap_s`;
- a bout of `n` frames lasts `n / fps` seconds and is kept when that is at least `min_bout_s`.

So `max_gap_s` is rounded down to whole frames and `min_bout_s` is rounded up.
"""

import math
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict, Field

from pipeline.bouts import frames_from_runs, runs_of_true

# A duration written as 0.3 s at 10 fps is 3.0000000000000004 frames: this much is arithmetic, not time.
_FRAME_TOLERANCE = 1e-6


class PostprocessConfig(BaseModel):
    """How probabilities become behavior; durations in seconds, 0 switches a step off."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    threshold: float = Field(
        default=0.5, ge=0.0, le=1.0, description="A frame is active when its probability is at least this."
    )
    max_gap_s: float = Field(
        default=0.2,
        ge=0.0,
        allow_inf_nan=False,
        description="Gaps between two active stretches up to this long (seconds) are filled; 0 = off.",
    )
    min_bout_s: float = Field(
        default=0.5,
        ge=0.0,
        allow_inf_nan=False,
        description="Bouts shorter than this (seconds) are dropped; 0 = off.",
    )


def max_gap_frames(max_gap_s: float, fps: float) -> int:
    """Longest gap, in whole frames, that lasts at most `max_gap_s` seconds (rounded down)."""
    return math.floor(max_gap_s * fps + _FRAME_TOLERANCE)


def min_bout_frames(min_bout_s: float, fps: float) -> int:
    """Shortest bout, in whole frames, that lasts at least `min_bout_s` seconds (rounded up)."""
    return math.ceil(min_bout_s * fps - _FRAME_TOLERANCE)


def apply_threshold(probability: ArrayLike, threshold: float) -> NDArray[np.bool_]:
    """Call frames active whose probability is at least the threshold.

    Parameters
    ----------
    probability : array_like of float, shape (n_frames,)
        In [0, 1]; NaN = not predicted, which becomes False.
    threshold : float
        In [0, 1].

    Returns
    -------
    ndarray of bool, shape (n_frames,)
    """
    # Compared as float64: float32 0.3 against the YAML's 0.3 would otherwise depend on promotion rules.
    return np.asarray(probability, dtype=np.float64) >= threshold


def close_gaps(active: ArrayLike, max_gap_frames: int) -> NDArray[np.bool_]:
    """Fill the gaps of at most `max_gap_frames` frames that lie between two true frames.

    The stretches before the first and after the last true frame are no gaps and stay as they are.
    This equals morphological closing by `max_gap_frames + 1` frames on a padded timeline; without the
    padding, closing erases true frames at both ends.

    Parameters
    ----------
    active : array_like of bool, shape (n_frames,)
    max_gap_frames : int
        0 changes nothing.

    Returns
    -------
    ndarray of bool, shape (n_frames,)
        A new array.
    """
    if max_gap_frames < 0:
        raise ValueError(f"Expected max_gap_frames >= 0. Received: {max_gap_frames}")
    closed = np.array(active, dtype=bool)
    runs = runs_of_true(closed)
    for (_, gap_start), (gap_stop, _) in pairwise(runs):
        if gap_stop - gap_start <= max_gap_frames:
            closed[gap_start:gap_stop] = True
    return closed


def drop_short_bouts(active: ArrayLike, min_bout_frames: int) -> NDArray[np.bool_]:
    """Erase the bouts that are shorter than `min_bout_frames`.

    A bout that touches an end of the recording is judged by its visible length like every other.

    Parameters
    ----------
    active : array_like of bool, shape (n_frames,)
    min_bout_frames : int
        0 and 1 change nothing.

    Returns
    -------
    ndarray of bool, shape (n_frames,)
        A new array.
    """
    if min_bout_frames < 0:
        raise ValueError(f"Expected min_bout_frames >= 0. Received: {min_bout_frames}")
    runs = runs_of_true(active)
    long_enough = [(start, stop) for start, stop in runs if stop - start >= min_bout_frames]
    return frames_from_runs(long_enough, len(np.asarray(active)))


def postprocess(probability: ArrayLike, config: PostprocessConfig, fps: float) -> NDArray[np.bool_]:
    """Turn one behavior's probabilities into active frames: threshold, close gaps, drop short bouts.

    A frame without prediction (NaN) is never active, and it parts the timeline: no gap is filled
    across it, because nothing is known there.

    Parameters
    ----------
    probability : array_like of float, shape (n_frames,)
        In [0, 1]; NaN = not predicted.
    config : PostprocessConfig
    fps : float
        Frames per second of the video.

    Returns
    -------
    ndarray of bool, shape (n_frames,)

    Raises
    ------
    ValueError
        When fps is not a positive number.
    """
    if not (math.isfinite(fps) and fps > 0):
        raise ValueError(f"Expected a positive number of frames per second. Received: fps={fps}")
    values = np.asarray(probability, dtype=np.float64)
    active = apply_threshold(values, config.threshold)
    gap_frames = max_gap_frames(config.max_gap_s, fps)
    bout_frames = min_bout_frames(config.min_bout_s, fps)
    for start, stop in runs_of_true(~np.isnan(values)):
        active[start:stop] = drop_short_bouts(close_gaps(active[start:stop], gap_frames), bout_frames)
    return active
