"""From probabilities of exclusive classes to behavior: most probable class, mode filter, gaps, short bouts.

A frame's class is the number of a behavior, or `n_behaviors` for the background, whose probability is what the
behaviors leave. Durations become frames as in `postprocess`:

- the most probable class is taken (of equals the first);
- the mode filter (`smooth_s`) gives a frame the class that is most frequent in the window around it; of equals its own
  if that is among them, else the first. Each stretch of predicted frames is continued beyond its ends by its first and
  last class;
- a gap (`max_gap_s`) is a run of another class between two runs of one behavior. From left to right, those that are
  short enough take that behavior's class;
- a bout shorter than `min_bout_s` is given to its stronger neighbor, the class beside it that is more probable during
  it (of equals the left one); the shortest bout first (of equals the left one), until none is left. A bout without
  neighbors stays.

The background makes no bouts: its gaps are not filled, and it is never too short.
"""

from collections.abc import Iterator, Sequence
from heapq import heapify, heappop, heappush
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.scoring.bouts.bouts import runs_of_true
from pipeline.scoring.postprocessing.postprocess import (
    PostprocessConfig,
    max_gap_frames,
    median_window_frames,
    min_bout_frames,
)

Classes = NDArray[np.int64]


class ClassRun(NamedTuple):
    """Frames [start, stop) of one class."""

    start: int
    stop: int
    of: int


class Stretch(NamedTuple):
    """Predicted frames in a row: the first of them, their classes (n,), and what probabilities sum up to before each.

    `before` has the shape (n + 1, n_behaviors + 1), the background last.
    """

    start: int
    classes: Classes
    before: NDArray[np.float64]

    @property
    def background(self) -> int:
        """The number of its class."""
        return self.before.shape[1] - 1

    def smoothed(self, window_frames: int) -> "Stretch":
        """With the mode filter applied."""
        return self._replace(classes=mode_filter(self.classes, window_frames, self.before.shape[1]))

    def runs(self) -> list[ClassRun]:
        """The runs of equal classes, in order; frames count from the stretch's first."""
        edges = [0, *(np.flatnonzero(np.diff(self.classes)) + 1).tolist(), len(self.classes)]
        return [ClassRun(a, b, int(self.classes[a])) for a, b in pairwise(edges)]


def stretches(probability: NDArray[np.floating]) -> Iterator[Stretch]:
    """Yield the stretches of predicted frames of a recording, each frame with its most probable class.

    `probability` has the shape (n_frames, n_behaviors); NaN = not predicted.
    """
    for start, stop in runs_of_true(~np.isnan(probability).any(axis=1)):
        of_behaviors = probability[start:stop].astype(np.float64)
        left = np.maximum(1 - of_behaviors.sum(axis=1), 0)
        every = np.column_stack([of_behaviors, left])
        before = np.concatenate([np.zeros((1, every.shape[1])), np.cumsum(every, axis=0)])
        yield Stretch(start, every.argmax(axis=1), before)


def mode_filter(classes: Classes, window_frames: int, n_classes: int) -> Classes:
    """Each frame's most frequent class in an odd window around it; a new array, shape (n_frames,)."""
    if window_frames == 1:
        return classes.copy()
    padded = np.pad(classes, window_frames // 2, mode="edge")
    # One more than the others, when it is as frequent: a frame keeps its class.
    counts = np.empty((n_classes, len(classes)))
    for of in range(n_classes):
        before = np.concatenate([[0], np.cumsum(padded == of)])
        counts[of] = before[window_frames:] - before[:-window_frames] + 0.5 * (classes == of)
    return counts.argmax(axis=0)


def close_class_gaps(runs: list[ClassRun], max_gap: int, background: int) -> list[ClassRun]:
    """Fill gaps of at most `max_gap` frames between two runs of one behavior."""
    closed: list[ClassRun] = []
    for run in runs:
        if len(closed) > 1 and closed[-2].of == run.of != background and closed[-1].stop - closed[-1].start <= max_gap:
            closed.pop()
            run = run._replace(start=closed.pop().start)
        closed.append(run)
    return closed


def give_short_bouts(runs: Sequence[ClassRun], min_frames: int, stretch: Stretch) -> list[ClassRun]:
    """Give bouts of fewer than `min_frames` frames to their stronger neighbors."""
    left: dict[int, ClassRun] = dict(enumerate(runs))
    previous, following = {i: i - 1 for i in left}, {i: i + 1 for i in left}

    def short(i: int) -> list[tuple[int, int, int]]:
        n_frames = left[i].stop - left[i].start
        return [(n_frames, left[i].start, i)] if n_frames < min_frames and left[i].of != stretch.background else []

    heap = [entry for i in left for entry in short(i)]
    heapify(heap)
    while heap:
        n_frames, start, i = heappop(heap)
        beside = [left[j] for j in (previous[i], following[i]) if j in left] if i in left else []
        if not beside or (left[i].stop - left[i].start, left[i].start) != (n_frames, start):
            continue
        inside = stretch.before[left[i].stop] - stretch.before[start]
        # Of equals the left one.
        taker = max(beside, key=lambda run: float(inside[run.of])).of
        if previous[i] in left and left[previous[i]].of == taker:
            left[i] = left[i]._replace(start=left.pop(previous[i]).start)
            previous[i] = previous[previous[i]]
            following[previous[i]] = i
        if following[i] in left and left[following[i]].of == taker:
            left[i] = left[i]._replace(stop=left.pop(following[i]).stop)
            following[i] = following[following[i]]
            previous[following[i]] = i
        left[i] = left[i]._replace(of=taker)
        for entry in short(i):
            heappush(heap, entry)
    return sorted(left.values())


def postprocess_classes(probability: NDArray[np.floating], config: PostprocessConfig, fps: float) -> NDArray[np.bool_]:
    """Turn probabilities of exclusive classes into active frames, at most one per frame.

    Threshold, opening and order of the settings are not used. A frame without prediction (NaN) has no active class and
    parts the timeline.

    Parameters
    ----------
    probability : ndarray, shape (n_frames, n_behaviors)
    config : PostprocessConfig
    fps : float

    Returns
    -------
    ndarray of bool, shape (n_frames, n_behaviors)
    """
    active = np.zeros(probability.shape, dtype=bool)
    for stretch in stretches(probability):
        smooth = stretch.smoothed(median_window_frames(config.smooth_s, fps))
        runs = close_class_gaps(smooth.runs(), max_gap_frames(config.max_gap_s, fps), stretch.background)
        for run in give_short_bouts(runs, min_bout_frames(config.min_bout_s, fps), stretch):
            if run.of != stretch.background:
                active[stretch.start + run.start : stretch.start + run.stop, run.of] = True
    return active
