"""Where an expert's look is worth most: a ranking of doubtful stretches and of disagreements with the human.

Chance that a frame is wrong
    A model's probability p is stretched so that its threshold t becomes one half, the point at which the
    decision would turn over: q = p / 2t below it, 1 - (1 - p) / 2(1 - t) above. A frame that is called
    active is wrong with chance 1 - q, another one with chance q. So a frame whose call was changed by
    post-processing (a filled gap, a dropped bout) has a chance above one half.
Doubt
    Of a doubtful stretch: the mean of these chances. Of a disagreement: 1, for one of the two is wrong. Where a
    human scored the whole stretch and agrees with the model, a doubt counts for a quarter.
Score
    What is set right per second of looking: doubt x (length + what the bouts are worth) / (length + 3 s). A
    bout is worth a second, so that short ones count; 3 s is what it takes to go there and to decide.

A frame without probability (NaN) is never doubtful, and a frame that no human scored is no disagreement.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.review.disagreements import Place, disagreements
from pipeline.review.reasons import doubt_reason, short_reason
from pipeline.scoring.bouts.bouts import runs_of_true
from pipeline.scoring.postprocessing.postprocess import close_gaps

DOUBTFUL = 0.2
"""A frame is doubtful when its chance of being wrong is at least this."""
MAX_PAUSE_S = 0.3
"""Doubtful frames this near to each other are one place to look at."""
LOOK_S = 3.0
BOUT_S = 1.0
AGREEMENT_FACTOR = 0.25
SHORT_DOUBT = 0.25
BUDGET_S = 600.0
MOST_CANDIDATES = 300
"""More than that nobody looks at."""
_MIN_SCORE = 0.01
_CONFUSED_SHARE = 0.5


@dataclass(frozen=True)
class Candidate:
    """A stretch that is worth a look.

    Attributes
    ----------
    behavior : str
    kind : str
        That of its `Place`.
    start_frame, stop_frame : int
        Half-open.
    reason : str
        Why, in a sentence.
    score : float
        In [0, 1]; what a second of looking sets right.
    cost_s : float
        How long the look takes.
    """

    behavior: str
    kind: str
    start_frame: int
    stop_frame: int
    reason: str
    score: float
    cost_s: float


@dataclass(frozen=True)
class BehaviorTimeline:
    """One behavior of one recording, as the model and a human have it.

    Attributes
    ----------
    behavior : str
    fps : float
    probability : ndarray of float, shape (n_frames,)
        In [0, 1]; NaN = not predicted.
    predicted : ndarray of bool, shape (n_frames,)
        After post-processing.
    threshold : float
        From which probability on a frame was called active, in [0, 1].
    min_bout_s : float
        Bouts shorter than this were dropped; 0 = none.
    active, scored : ndarray of bool, shape (n_frames,), or None
        What the human saw, and where the human looked; None = nobody did.
    """

    behavior: str
    fps: float
    probability: NDArray[np.floating]
    predicted: NDArray[np.bool_]
    threshold: float = 0.5
    min_bout_s: float = 0.0
    active: NDArray[np.bool_] | None = None
    scored: NDArray[np.bool_] | None = None


def chance_wrong(probability: ArrayLike, predicted: ArrayLike, threshold: float) -> NDArray[np.float64]:
    """Chance that each frame's call is wrong, as told at the top of this file.

    Parameters
    ----------
    probability : array_like of float, shape (n_frames,)
        In [0, 1]; NaN = not predicted.
    predicted : array_like of bool, shape (n_frames,)
    threshold : float
        In [0, 1].

    Returns
    -------
    ndarray of float64, shape (n_frames,)
        In [0, 1], NaN where the probability is.
    """
    p = np.asarray(probability, dtype=np.float64)
    # With a threshold at an end of the scale no probability lies beyond it, and nothing is divided by zero.
    below = p / max(2 * threshold, 1e-9)
    above = 1 - (1 - p) / max(2 * (1 - threshold), 1e-9)
    q = np.clip(np.where(p < threshold, below, above), 0.0, 1.0)
    return np.where(np.asarray(predicted, dtype=bool), 1 - q, q)


def rank(timelines: Iterable[BehaviorTimeline]) -> list[Candidate]:
    """All places of a recording that are worth a look, the most rewarding first.

    Parameters
    ----------
    timelines : iterable of BehaviorTimeline
        The behaviors of one recording.

    Returns
    -------
    list of Candidate
        At most `MOST_CANDIDATES`, by falling score; of equal ones the earlier first.
    """
    lines = list(timelines)
    found = [_with_confusion(candidate, lines) for line in lines for candidate in _candidates(line)]
    return sorted(found, key=lambda c: (-round(c.score, 6), c.start_frame, c.behavior, c.kind))[:MOST_CANDIDATES]


def gain_s(candidates: Sequence[Candidate], budget_s: float = BUDGET_S) -> float:
    """Seconds of labels, a bout counted as one, that are expected to be set right within a time of looking.

    Parameters
    ----------
    candidates : sequence of Candidate
        By falling score.
    budget_s : float
        Seconds that the expert has.

    Returns
    -------
    float
        The sum over the first candidates that fit into the time.
    """
    gained = spent = 0.0
    for candidate in candidates:
        spent += candidate.cost_s
        if spent > budget_s:
            break
        gained += candidate.score * candidate.cost_s
    return gained


def _with_confusion(candidate: Candidate, lines: Sequence[BehaviorTimeline]) -> Candidate:
    """Say it where a bout of one of the two stands under another behavior for the other one."""
    if candidate.kind not in ("missed", "invented"):
        return candidate
    span = slice(candidate.start_frame, candidate.stop_frame)
    who = "model" if candidate.kind == "missed" else "human"
    for line in lines:
        theirs = line.predicted if who == "model" else line.active
        if line.behavior != candidate.behavior and theirs is not None and theirs[span].mean() >= _CONFUSED_SHARE:
            return replace(candidate, reason=f"{candidate.reason} The {who} has {line.behavior} there.")
    return candidate


def _candidates(line: BehaviorTimeline) -> list[Candidate]:
    """Disagreements, and doubts where there is no disagreement."""
    known = ~np.isnan(np.asarray(line.probability, dtype=np.float64))
    places: list[Place] = []
    judged, disputed = np.zeros((2, len(known)), dtype=bool)
    if line.active is not None and line.scored is not None:
        judged = line.scored & known
        places = disagreements(
            line.active, line.predicted, judged, line.probability, line.fps, line.threshold, line.min_bout_s
        )
    for place in places:
        disputed[place.start_frame : place.stop_frame] = True
    for place in _doubts(line, known):
        stretch = slice(place.start_frame, place.stop_frame)
        if judged[stretch].all():
            words = f"{place.reason} The human agrees with the model."
            place = place._replace(doubt=place.doubt * AGREEMENT_FACTOR, reason=words)
        if not disputed[stretch].any():
            places.append(place)
    found = [_candidate(line, place) for place in places]
    return [candidate for candidate in found if candidate.score >= _MIN_SCORE]


def _candidate(line: BehaviorTimeline, place: Place) -> Candidate:
    length_s = place.n_frames / line.fps
    cost_s = length_s + LOOK_S
    score = min(1.0, place.doubt * (length_s + BOUT_S * place.n_bouts) / cost_s)
    return Candidate(line.behavior, place.kind, place.start_frame, place.stop_frame, place.reason, score, cost_s)


def _doubts(line: BehaviorTimeline, known: NDArray[np.bool_]) -> list[Place]:
    """Doubtful stretches, and bouts that are only just long enough."""
    wrong = chance_wrong(line.probability, line.predicted, line.threshold)
    doubtful = np.nan_to_num(wrong, nan=0.0) >= DOUBTFUL
    for start, stop in runs_of_true(known):
        doubtful[start:stop] = close_gaps(doubtful[start:stop], int(MAX_PAUSE_S * line.fps + 1e-6))
    bouts = runs_of_true(line.predicted)
    found = []
    for start, stop in runs_of_true(doubtful):
        kind = _kind(start, stop, bouts)
        # That probability takes a moment to rise and fall is no doubt.
        if kind == "edge" and stop - start <= max(2, round(MAX_PAUSE_S * line.fps)):
            continue
        if kind == "unsure":
            start, stop = _whole_bouts(start, stop, bouts)
        values = np.asarray(line.probability[start:stop], dtype=np.float64)
        reason = doubt_reason(kind, values, line.threshold, line.fps)
        found.append(Place(kind, start, stop, stop - start, 1, reason, float(wrong[start:stop].mean())))
    for start, stop in bouts:
        shortness = 2 - (stop - start) / (line.min_bout_s * line.fps) if line.min_bout_s > 0 else 0.0
        if shortness > 0 and known[start:stop].all() and not doubtful[start:stop].any():
            reason = short_reason(stop - start, line.min_bout_s, line.fps)
            found.append(Place("short", start, stop, stop - start, 1, reason, SHORT_DOUBT * min(1.0, shortness)))
    return found


def _kind(start: int, stop: int, bouts: Sequence[tuple[int, int]]) -> str:
    """What a doubtful stretch is of the predicted bouts that it meets or touches."""
    met = [(first, last) for first, last in bouts if first <= stop and start <= last]
    if not met:
        return "near"
    covered = [min(stop, last) - max(start, first) for first, last in met]
    if any(2 * frames >= last - first for frames, (first, last) in zip(covered, met, strict=True)):
        return "unsure"
    if len(met) > 1:
        return "gap"
    first, last = met[0]
    return "dip" if first < start and stop < last else "edge"


def _whole_bouts(start: int, stop: int, bouts: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """The stretch with all of the bouts that it is most of: these are in doubt as a whole."""
    for first, last in bouts:
        if 2 * (min(stop, last) - max(start, first)) >= last - first:
            start, stop = min(start, first), max(stop, last)
    return start, stop
