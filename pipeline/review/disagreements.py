"""Where model and human disagree on what one behavior did, as an expert would tell it: bout by bout.

Bouts that overlap belong together, each with all that it meets. Alone, a bout is missed or invented. A human bout that
several predicted ones meet is split, and a predicted one that meets several human ones is merged, as in the scores.
Each of these is a place of its own, over the pauses that only one of the two makes. Bouts that belong together may
also begin or end elsewhere.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from pipeline.review.reasons import (
    Threshold,
    edge_reason,
    invented_reason,
    merged_reason,
    missed_reason,
    part_of,
    split_reason,
)
from pipeline.scoring.bouts.bouts import runs_of_true
from pipeline.scoring.postprocessing.postprocess import PostprocessConfig
from pipeline.scoring.timeline import BehaviorTimeline

EDGE_TOLERANCE_S = 0.3
"""Ends that are at most this far apart are no disagreement: humans differ by as much."""
LOOK_S = 3.0
BOUT_S = 1.0

Run = tuple[int, int]


class Place(NamedTuple):
    """A stretch, half-open, in which somebody may be wrong.

    `kind` is `missed`, `invented`, `split`, `merged`, `start` or `stop` (disagreements with the human), or `unsure`,
    `near`, `dip`, `gap`, `edge` or `short` (doubts of the model). If the place is wrong, `wrong_s` seconds are, and
    `n_bouts` bouts are too many or too few (0 where only an end is elsewhere). `reason` is a sentence; `doubt` the
    chance that they are wrong, 1 where two disagree.
    """

    kind: str
    start_frame: int
    stop_frame: int
    wrong_s: float
    n_bouts: int
    reason: str
    doubt: float = 1.0
    behavior: str = ""

    @property
    def cost_s(self) -> float:
        """How long the look takes."""
        return self.wrong_s + LOOK_S

    @property
    def score(self) -> float:
        """What a second of looking sets right, in [0, 1]."""
        return min(1.0, self.doubt * (self.wrong_s + BOUT_S * self.n_bouts) / self.cost_s)


def disagreements(
    line: BehaviorTimeline, settings: PostprocessConfig, threshold: Threshold | None = None
) -> list[Place]:
    """Find the disagreements of one behavior in one recording.

    Frames that the human did not score or the model did not predict are never a disagreement, and cut bouts.

    Parameters
    ----------
    line : BehaviorTimeline
    settings : PostprocessConfig
        With what the model's bouts were made.
    threshold : float or ndarray, shape (n_frames,), optional
        That of each frame, where it is not that of the settings.

    Returns
    -------
    list of Place
        In order of time.
    """
    found: list[Place] = []
    for first, last in runs_of_true(line.used_frames()):
        human = [(start + first, stop + first) for start, stop in runs_of_true(line.true[first:last])]
        model = [(start + first, stop + first) for start, stop in runs_of_true(line.predicted[first:last])]
        for ours, theirs in _groups(human, model):
            start, stop = min(ours + theirs)[0], max(run[1] for run in ours + theirs)
            values = np.asarray(line.probability[start:stop], dtype=np.float64)
            if not theirs:
                limit = part_of(settings.threshold if threshold is None else threshold, start, stop)
                reason = missed_reason(values, line.fps, limit, settings.min_bout_s)
                found.append(Place("missed", start, stop, (stop - start) / line.fps, 1, reason))
            elif not ours:
                reason = invented_reason(values, line.fps)
                found.append(Place("invented", start, stop, (stop - start) / line.fps, 1, reason))
            else:
                found += _pauses("split", ours, theirs, line) + _pauses("merged", theirs, ours, line)
                found += _edges((ours[0][0], ours[-1][1]), (theirs[0][0], theirs[-1][1]), line.fps)
    return sorted(found, key=lambda place: (place.start_frame, place.stop_frame))


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


def _pauses(kind: str, bouts: Sequence[Run], others: Sequence[Run], line: BehaviorTimeline) -> list[Place]:
    """Each bout of one of the two that goes on through pauses of the other."""
    between = [(first[1], second[0]) for first, second in pairwise(others)]
    found = []
    for start, stop in bouts:
        pauses = [(first, last) for first, last in between if start < first and last < stop]
        if not pauses:
            continue
        values = np.concatenate([line.probability[first:last] for first, last in pauses]).astype(np.float64)
        wrong_s = len(values) / line.fps
        reason = (split_reason if kind == "split" else merged_reason)(len(pauses), values, line.fps)
        found.append(Place(kind, pauses[0][0], pauses[-1][1], wrong_s, len(pauses), reason))
    return found


def _tolerance_frames(fps: float) -> int:
    return max(1, int(EDGE_TOLERANCE_S * fps + 1e-6))


def _edges(human: Run, model: Run, fps: float) -> list[Place]:
    """Where bouts that belong together begin and end, of the two."""
    found = []
    for kind, ours, theirs in zip(("start", "stop"), human, model, strict=True):
        first, last = sorted((ours, theirs))
        if last - first > _tolerance_frames(fps):
            found.append(Place(kind, first, last, (last - first) / fps, 0, edge_reason(kind, theirs - ours, fps)))
    return found
