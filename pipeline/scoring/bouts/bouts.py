"""Frames and bouts: the same timeline, once as one truth value per frame and once as intervals.

A frame `i` covers the time [i / fps, (i + 1) / fps). Intervals are half-open: `start_frame` is the
first frame of the bout, `stop_frame` is the first one after it, so that
`stop_frame - start_frame` is its length in frames.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, order=True)
class Bout:
    """One uninterrupted stretch of one behavior (named as in the experiment's configuration).

    `start_frame` is its first frame, counted from 0; `stop_frame` the first one after it (half-open).
    """

    behavior: str
    start_frame: int
    stop_frame: int

    def __post_init__(self) -> None:
        """Refuse an interval that holds no frame: nothing downstream could count it."""
        if not 0 <= self.start_frame < self.stop_frame:
            raise ValueError(
                f"A bout needs 0 <= start_frame < stop_frame. "
                f"Received: start_frame={self.start_frame}, stop_frame={self.stop_frame}"
            )

    @property
    def n_frames(self) -> int:
        """Length in frames."""
        return self.stop_frame - self.start_frame


def runs_of_true(active: ArrayLike) -> list[tuple[int, int]]:
    """Find the uninterrupted runs of true frames, of timelines of shape (n_frames,).

    Returns
    -------
    list of (start_frame, stop_frame)
        Half-open, in order of time, never touching each other.

    Raises
    ------
    ValueError
        When `active` has more than one dimension.
    """
    frames = np.asarray(active, dtype=bool)
    if frames.ndim != 1:
        raise ValueError(f"Expected one truth value per frame, shape (n_frames,). Received: {frames.shape}")
    # A false frame on both sides gives every run an edge, also those that touch an end.
    edges = np.flatnonzero(np.diff(np.concatenate(([False], frames, [False])).astype(np.int8)))
    return [(int(start), int(stop)) for start, stop in zip(edges[0::2], edges[1::2], strict=True)]


def frames_from_runs(runs: Iterable[tuple[int, int]], n_frames: int) -> NDArray[np.bool_]:
    """Turn half-open intervals (start_frame, stop_frame), which may overlap, into one truth value per frame.

    Raises
    ------
    ValueError
        When an interval is empty or does not lie within the recording.
    """
    active = np.zeros(n_frames, dtype=bool)
    for start_frame, stop_frame in runs:
        if not 0 <= start_frame < stop_frame <= n_frames:
            raise ValueError(
                f"Expected 0 <= start < stop <= {n_frames} (the recording's frames). "
                f"Received: start={start_frame}, stop={stop_frame}"
            )
        active[start_frame:stop_frame] = True
    return active


def bouts_from_frames(active: ArrayLike, behavior: str) -> list[Bout]:
    """Turn one truth value per frame, shape (n_frames,), into bouts in order of time."""
    return [Bout(behavior, start, stop) for start, stop in runs_of_true(active)]
