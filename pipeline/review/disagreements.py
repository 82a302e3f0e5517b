"""Where model and human disagree on what one behavior did, as an expert would tell it: bout by bout.

Bouts that overlap belong together, each with all that it meets. Alone, a bout is missed or invented; one
against several is split or merged; one against one may begin or end elsewhere.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.review.reasons import edge_reason, invented_reason, missed_reason, several_reason
from pipeline.scoring.bouts.bouts import runs_of_true

EDGE_TOLERANCE_S = 0.3
"""Ends that are at most this far apart are no disagreement: humans differ by as much."""

Run = tuple[int, int]


class Place(NamedTuple):
    """A stretch in which somebody may be wrong.

    Attributes
    ----------
    kind : str
        `missed`, `invented`, `split`, `merged`, `start` or `stop` (disagreements with the human); `unsure`, `near`,
        `dip`, `gap`, `edge` or `short` (doubts of the model).
    start_frame, stop_frame : int
        Half-open.
    n_frames : int
        Frames that are wrong, if the place is.
    n_bouts : int
        How many bouts are too many or too few; 0 where only an end is elsewhere.
    reason : str
        In a sentence.
    doubt : float
        Chance that they are wrong; 1 where two disagree.
    """

    kind: str
    start_frame: int
    stop_frame: int
    n_frames: int
    n_bouts: int
    reason: str
    doubt: float = 1.0


def disagreements(
    active: NDArray[np.bool_],
    predicted: NDArray[np.bool_],
    judged: NDArray[np.bool_],
    probability: NDArray[np.floating],
    fps: float,
    threshold: float = 0.5,
    min_bout_s: float = 0.0,
) -> list[Place]:
    """Find the disagreements of one behavior in one recording.

    Parameters
    ----------
    active, predicted : ndarray of bool, shape (n_frames,)
        What the human saw, and what the model says.
    judged : ndarray of bool, shape (n_frames,)
        Frames that the human scored and the model predicted; others are never a disagreement and cut bouts.
    probability : ndarray of float, shape (n_frames,)
    fps : float
    threshold, min_bout_s : float
        With what the model's bouts were made.

    Returns
    -------
    list of Place
        In order of time.
    """
    found: list[Place] = []
    for first, last in runs_of_true(judged):
        human = [(start + first, stop + first) for start, stop in runs_of_true(active[first:last])]
        model = [(start + first, stop + first) for start, stop in runs_of_true(predicted[first:last])]
        for ours, theirs in _groups(human, model):
            if theirs:
                found += _of_group(ours, theirs, active != predicted, probability, fps)
                continue
            ((start, stop),) = ours
            values = np.asarray(probability[start:stop], dtype=np.float64)
            reason = missed_reason(values, fps, threshold, min_bout_s)
            found.append(Place("missed", start, stop, stop - start, 1, reason))
    return found


def _groups(human: Sequence[Run], model: Sequence[Run]) -> list[tuple[list[Run], list[Run]]]:
    """Bouts of the two that overlap, directly or through others, in order of time."""
    waiting = sorted([(run, 0) for run in human] + [(run, 1) for run in model])
    groups: list[tuple[list[Run], list[Run]]] = []
    end = -1
    for (start, stop), whose in waiting:
        if start >= end:
            groups.append(([], []))
        groups[-1][whose].append((start, stop))
        end = max(end, stop)
    return groups


def _of_group(
    human: list[Run], model: list[Run], differs: NDArray[np.bool_], probability: NDArray[np.floating], fps: float
) -> list[Place]:
    runs = human + model
    start, stop = min(run[0] for run in runs), max(run[1] for run in runs)
    values = np.asarray(probability[start:stop], dtype=np.float64)
    if not human:
        return [Place("invented", start, stop, stop - start, 1, invented_reason(values, fps))]
    if len(human) == len(model) == 1:
        return _edges(human[0], model[0], fps)
    kind = "split" if len(human) < len(model) else "merged"
    n_wrong = int(differs[start:stop].sum())
    n_bouts = max(1, abs(len(human) - len(model)))
    first, last = _where_they_differ(start, stop, differs, fps)
    return [Place(kind, first, last, n_wrong, n_bouts, several_reason(len(human), len(model), n_wrong / fps))]


def _where_they_differ(start: int, stop: int, differs: NDArray[np.bool_], fps: float) -> Run:
    """The part of a group to look at: without what is alike, and without small differences at its two ends."""
    runs = [(first + start, last + start) for first, last in runs_of_true(differs[start:stop])]
    tolerance_frames = _tolerance_frames(fps)
    large = [run for run in runs if run[1] - run[0] > tolerance_frames or (run[0] > start and run[1] < stop)]
    return (large or runs)[0][0], (large or runs)[-1][1]


def _tolerance_frames(fps: float) -> int:
    return max(1, int(EDGE_TOLERANCE_S * fps + 1e-6))


def _edges(human: Run, model: Run, fps: float) -> list[Place]:
    tolerance_frames = _tolerance_frames(fps)
    found = []
    for kind, ours, theirs in (("start", human[0], model[0]), ("stop", human[1], model[1])):
        n_frames = abs(ours - theirs)
        if n_frames > tolerance_frames:
            first, last = min(ours, theirs), max(ours, theirs)
            reason = edge_reason(kind, theirs - ours, fps)
            found.append(Place(kind, first, last, n_frames, 0, reason))
    return found
