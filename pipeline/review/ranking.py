"""Where an expert's look is worth most: a ranking of doubtful stretches and of disagreements with the human.

Chance that a frame is wrong
    A model's probability p is stretched so that its threshold t becomes one half, the point at which the
    decision would turn over: q = p / 2t below it, 1 - (1 - p) / 2(1 - t) above. A frame that is called
    active is wrong with chance 1 - q, another one with chance q. Of exclusive classes t is, in each frame, the middle
    between p and the most probable other class: there the two would change places. So a frame whose call was changed by
    post-processing (a filled gap, a dropped bout) has a chance above one half.
    Where several models were averaged, the chance grows by how far they lie apart: of a member drawn from a normal
    distribution about the mean, with their standard deviation, the share d is on the other side of the threshold, and
    a chance c becomes c + (1 - c) d.
Doubt
    Of a doubtful stretch: the mean of these chances. Of a disagreement: 1, for one of the two is wrong. Where a
    human scored the whole stretch and agrees with the model, a doubt counts for a quarter.
Score
    What is set right per second of looking: doubt x (length + what the bouts are worth) / (length + 3 s). A
    bout is worth a second, so that short ones count; 3 s is what it takes to go there and to decide.

A frame without probability (NaN) is never doubtful, and a frame that no human scored is no disagreement.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.review.disagreements import Place, disagreements
from pipeline.review.reasons import Threshold, doubt_reason, part_of, short_reason, spread_reason
from pipeline.scoring.bouts.bouts import runs_of_true
from pipeline.scoring.postprocessing.postprocess import PostprocessConfig, close_gaps
from pipeline.scoring.timeline import FULL, BehaviorTimeline, Timeline

DOUBTFUL = 0.2
"""A frame is doubtful when its chance of being wrong is at least this."""
MAX_PAUSE_S = 0.3
"""Doubtful frames this near to each other are one place to look at."""
AGREEMENT_FACTOR = 0.25
SHORT_DOUBT = 0.25
BUDGET_S = 600.0
MOST_PLACES = 300
"""More than that nobody looks at."""
_MIN_SCORE = 0.01
_CONFUSED_SHARE = 0.5

# Of the members of an ensemble, shape (n_frames,); None of a single model.
Spread = NDArray[np.floating] | None


def chance_wrong(probability: ArrayLike, predicted: ArrayLike, threshold: Threshold) -> NDArray[np.float64]:
    """Chance in [0, 1] that each frame's call is wrong, as told at the top of this file, shape (n_frames,).

    NaN where the probability is.
    """
    p = np.asarray(probability, dtype=np.float64)
    # With a threshold at an end of the scale no probability lies beyond it, and nothing is divided by zero.
    below = p / np.maximum(2 * threshold, 1e-9)
    above = 1 - (1 - p) / np.maximum(2 * (1 - threshold), 1e-9)
    q = np.clip(np.where(p < threshold, below, above), 0.0, 1.0)
    return np.where(np.asarray(predicted, dtype=bool), 1 - q, q)


def chance_with_spread(
    wrong: NDArray[np.float64], probability: ArrayLike, threshold: Threshold, spread: ArrayLike
) -> NDArray[np.float64]:
    """The same where members of an ensemble lie apart by a standard deviation of `spread`, shape (n_frames,) each."""
    from scipy.special import ndtr

    apart = np.nan_to_num(np.asarray(spread, dtype=np.float64))
    distance = np.abs(np.asarray(probability, dtype=np.float64) - threshold)
    other_side = np.where(apart > 0, ndtr(-distance / np.maximum(apart, 1e-9)), 0.0)
    return np.asarray(wrong + (1 - wrong) * other_side)


def rank(timeline: Timeline) -> list[Place]:
    """All places of a recording that are worth a look, the most rewarding first.

    Parameters
    ----------
    timeline : Timeline
        Predicted, with the settings of each behavior.

    Returns
    -------
    list of Place
        At most `MOST_PLACES`, by falling score; of equal ones the earlier first.
    """
    found = [
        _with_confusion(place._replace(behavior=behavior), timeline)
        for column, (behavior, settings) in enumerate(zip(timeline.behaviors, timeline.settings, strict=True))
        for place in _places(
            timeline.behavior(column),
            settings[FULL],
            _threshold(timeline, column),
            None if timeline.spread is None else timeline.spread[:, column],
        )
        if place.score >= _MIN_SCORE
    ]
    return sorted(found, key=lambda p: (-round(p.score, 6), p.start_frame, p.behavior, p.kind))[:MOST_PLACES]


def _threshold(timeline: Timeline, column: int) -> Threshold:
    """That of the behavior, or of each frame where it is one of exclusive classes, shape (n_frames,)."""
    fixed = timeline.threshold(column, FULL)
    if fixed is not None:
        return fixed
    probability = timeline.probability.astype(np.float64)
    others = np.column_stack([np.delete(probability, column, axis=1), 1 - probability.sum(axis=1)])
    return np.asarray((probability[:, column] + others.max(axis=1)) / 2)


def gain_s(places: Sequence[Place], budget_s: float = BUDGET_S) -> float:
    """Seconds of labels, a bout counted as one, that are expected to be set right within a time of looking.

    Parameters
    ----------
    places : sequence of Place
        By falling score; the first that fit into the time count.
    budget_s : float
        Seconds that the expert has.
    """
    gained = spent = 0.0
    for place in places:
        spent += place.cost_s
        if spent > budget_s:
            break
        gained += place.score * place.cost_s
    return gained


def _with_confusion(place: Place, timeline: Timeline) -> Place:
    """Say it where a bout of one of the two stands under another behavior for the other one."""
    if place.kind not in ("missed", "invented"):
        return place
    who = "model" if place.kind == "missed" else "human"
    for column, behavior in enumerate(timeline.behaviors):
        line = timeline.behavior(column)
        theirs = line.predicted if who == "model" else line.true
        share = theirs[place.start_frame : place.stop_frame].mean()
        if behavior != place.behavior and share >= _CONFUSED_SHARE:
            return place._replace(reason=f"{place.reason} The {who} has {behavior} there.")
    return place


def _places(line: BehaviorTimeline, settings: PostprocessConfig, threshold: Threshold, spread: Spread) -> list[Place]:
    """Disagreements, and doubts where there is no disagreement."""
    places = disagreements(line, settings, threshold)
    judged, disputed = line.used_frames(), np.zeros(len(line.true), dtype=bool)
    for place in places:
        disputed[place.start_frame : place.stop_frame] = True
    for place in _doubts(line, settings, threshold, spread):
        stretch = slice(place.start_frame, place.stop_frame)
        if judged[stretch].all():
            words = f"{place.reason} The human agrees with the model."
            place = place._replace(doubt=place.doubt * AGREEMENT_FACTOR, reason=words)
        if not disputed[stretch].any():
            places.append(place)
    return places


def _doubts(line: BehaviorTimeline, settings: PostprocessConfig, threshold: Threshold, spread: Spread) -> list[Place]:
    """Doubtful stretches, and bouts that are only just long enough."""
    fps, min_bout_s, known = line.fps, settings.min_bout_s, line.model.scored
    wrong = chance_wrong(line.probability, line.predicted, threshold)
    if spread is not None:
        wrong = chance_with_spread(wrong, line.probability, threshold, spread)
    doubtful = np.nan_to_num(wrong, nan=0.0) >= DOUBTFUL
    for start, stop in runs_of_true(known):
        doubtful[start:stop] = close_gaps(doubtful[start:stop], int(MAX_PAUSE_S * fps + 1e-6))
    bouts = runs_of_true(line.predicted)
    found = []
    for start, stop in runs_of_true(doubtful):
        kind = _kind(start, stop, bouts)
        # That probability takes a moment to rise and fall is no doubt.
        if kind == "edge" and stop - start <= max(2, round(MAX_PAUSE_S * fps)):
            continue
        if kind == "unsure":
            start, stop = _whole_bouts(start, stop, bouts)
        values = np.asarray(line.probability[start:stop], dtype=np.float64)
        reason = doubt_reason(kind, values, part_of(threshold, start, stop), fps)
        if spread is not None:
            reason += spread_reason(spread[start:stop])
        found.append(Place(kind, start, stop, (stop - start) / fps, 1, reason, float(wrong[start:stop].mean())))
    for start, stop in bouts:
        shortness = 2 - (stop - start) / (min_bout_s * fps) if min_bout_s > 0 else 0.0
        if shortness > 0 and known[start:stop].all() and not doubtful[start:stop].any():
            reason = short_reason(stop - start, min_bout_s, fps)
            doubt = SHORT_DOUBT * min(1.0, shortness)
            found.append(Place("short", start, stop, (stop - start) / fps, 1, reason, doubt))
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
