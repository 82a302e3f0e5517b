"""Several annotators: their labels merged, and how far they agree with each other and with the model.

Everyone is a track: what they saw, and in which frames they looked. Two tracks are compared on the frames
that both scored (for the model: predicted), in frames and in bouts. How well two humans agree is what a
model can be expected to reach: the human ceiling.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from common.tables import Row
from pipeline.scoring.bouts.metrics import BoutCounts, bout_counts
from pipeline.scoring.metrics import Counts, confusion_counts
from pipeline.scoring.scores import POOLED
from pipeline.scoring.timeline import Timeline, Track

MAJORITY = "majority"
UNION = "union"
INTERSECTION = "intersection"
RULES = (MAJORITY, UNION, INTERSECTION)

MODEL = "model"
CONSENSUS = "consensus"
HUMAN_HUMAN = "human-human"
MODEL_HUMAN = "model-human"
MODEL_CONSENSUS = "model-consensus"

NO_COMMON_FRAMES = "no frame was scored by both"
SAME_SINGLE_CLASS = "both put all frames in one and the same class"
NOT_SEEN = "the behavior is not seen by the one that is compared with"
NOT_SEEN_BY_EITHER = "the behavior is seen by neither"
FIRST_SAW_NOTHING = "the first never sees the behavior"
NO_MATCHED_ENDS = "no two bouts match whose onsets were both seen"

BOUT_IOU = 0.5


class MergedTrack(NamedTuple):
    """Labels of several annotators as one, each bool and of the shape of theirs.

    `active` is False where not `scored`; `disagree` marks frames on which those who scored them differ.
    """

    active: NDArray[np.bool_]
    scored: NDArray[np.bool_]
    disagree: NDArray[np.bool_]


def merge_annotators(tracks: Sequence[Track], rule: str) -> MergedTrack:
    """Merge the labels of several annotators, frame by frame, among those who scored the frame.

    - `majority`: what more than half of them say. A tie is not scored: unknown, never negative.
    - `union`: active where any of them says so; else not active.
    - `intersection`: active where all of them say so; else not active.

    A frame that nobody scored is not scored under any rule. `tracks`, at least one, have one shape (of one behavior
    or several).
    """
    scored = np.array([track.scored for track in tracks], dtype=bool)
    active = np.array([track.active for track in tracks], dtype=bool) & scored
    n_scored, n_active = scored.sum(axis=0), active.sum(axis=0)
    disagree = (n_active > 0) & (n_active < n_scored)
    if rule == MAJORITY:
        return MergedTrack(2 * n_active > n_scored, (n_scored > 0) & (2 * n_active != n_scored), disagree)
    if rule == UNION:
        return MergedTrack(n_active > 0, n_scored > 0, disagree)
    return MergedTrack((n_scored > 0) & (n_active == n_scored), n_scored > 0, disagree)


@dataclass(frozen=True)
class PairAgreement:
    """How far two tracks of one behavior agree; those of recordings add up.

    Precision, recall and F1 take the second for the truth when it is compared with (a model with a human).
    Of two humans neither is the truth: their F1 is the mean of both directions. (In frames, and in bouts
    at this IoU, both directions have the same F1, unless only one of the two saw the behavior: then it is
    0.) Onsets of two humans are those of the bouts that match in either direction.

    `frames` are those that both scored; `bouts` are of the first, matched to those of the second and cut at
    other frames; `mirrored_bouts` the same with their places changed.
    """

    frames: Counts
    bouts: BoutCounts
    mirrored_bouts: BoutCounts
    n_recordings: int = 1

    def __add__(self, other: "PairAgreement") -> "PairAgreement":
        return PairAgreement(
            self.frames + other.frames,
            self.bouts + other.bouts,
            self.mirrored_bouts + other.mirrored_bouts,
            self.n_recordings + other.n_recordings,
        )


def compare_tracks(first: Track, second: Track, fps: float) -> PairAgreement:
    """Compare two tracks of one behavior, shape (n_frames,), in one recording, on the frames that both scored."""
    both = first.scored & second.scored
    return PairAgreement(
        frames=confusion_counts(second.active[both], first.active[both]),
        bouts=bout_counts(second.active, first.active, fps, both),
        mirrored_bouts=bout_counts(first.active, second.active, fps, both),
    )


def agreement_cells(pair: PairAgreement, kind: str) -> Row:
    """Counts and measures of a row of agreement.csv, and why some of them are None.

    `onset_difference_s` is the median size of the difference of onsets of matched bouts (matched as for the
    onset errors of `pipeline.scoring.bouts.metrics`), in seconds.
    """
    frames, bouts = pair.frames, pair.bouts
    saw_it = bool(frames.n_positive)
    if kind == HUMAN_HUMAN:
        # Both directions have the same denominator, so that their mean is the ratio of their sums.
        frames_f1 = (frames + Counts(frames.tp, frames.fn, frames.fp, frames.tn)).f1
        bouts = bouts + pair.mirrored_bouts
        saw_it = saw_it or bool(frames.n_predicted)
    else:
        frames_f1 = frames.f1
    ratios = {
        "kappa": frames.cohen_kappa,
        "f1": frames_f1,
        "precision": frames.precision,
        "recall": frames.recall,
        "bout_f1_iou50": bouts.predicted_to_true(BOUT_IOU).f1,
        "onset_difference_s": bouts.onset_error_s,
    }
    not_seen = NOT_SEEN_BY_EITHER if kind == HUMAN_HUMAN else NOT_SEEN
    why = {
        "kappa": SAME_SINGLE_CLASS,
        "f1": not_seen,
        "precision": FIRST_SAW_NOTHING,
        "recall": NOT_SEEN,
        "bout_f1_iou50": not_seen,
        "onset_difference_s": NO_MATCHED_ENDS if saw_it else not_seen,
    }
    reasons = dict.fromkeys(why[name] for name, ratio in ratios.items() if ratio is None)
    counts = {
        "n_recordings": pair.n_recordings,
        "n_frames": frames.n_frames,
        "n_active_first": frames.n_predicted,
        "n_active_second": frames.n_positive,
        "n_bouts_first": pair.bouts.n_predicted,
        "n_bouts_second": pair.bouts.n_true,
    }
    return {**counts, **ratios, "reason": "; ".join(reasons) if frames.n_frames else NO_COMMON_FRAMES}


# For each annotator of a recording, what they say of all its behaviors: arrays of shape (n_frames, n_behaviors).
Annotators = Mapping[str, Track]


def agreement_rows(annotated: Iterable[tuple[Timeline, Annotators]], has_consensus: bool) -> list[Row]:
    """Rows of agreement.csv: who agrees with whom, pooled and per recording.

    Parameters
    ----------
    annotated : iterable of (Timeline, Annotators)
        Annotators are not called `model` or `consensus`, and may differ between recordings; a pair is pooled over
        those that both annotated.
    has_consensus : bool
        Whether the timelines' own labels are the annotators' merged, to be compared with as well.

    Returns
    -------
    list of dict
        By behavior and subset in order of appearance, then pooled before the recordings, then by kind.
    """
    tables: dict[tuple[str, str], dict[str, dict[tuple[str, str, str], PairAgreement]]] = {}
    for timeline, annotators in annotated:
        for column, behavior in enumerate(timeline.behaviors):
            table = tables.setdefault((behavior, timeline.subset), {POOLED: {}})
            pooled, own = table[POOLED], table.setdefault(timeline.recording, {})
            for key, first, second in _pairs(timeline, annotators, column, has_consensus):
                own[key] = compare_tracks(first, second, timeline.fps)
                pooled[key] = pooled[key] + own[key] if key in pooled else own[key]
    kinds = (HUMAN_HUMAN, MODEL_HUMAN, MODEL_CONSENSUS)
    return [
        {"behavior": behavior, "subset": subset, "recording": recording, "first": first, "second": second, "kind": kind}
        | agreement_cells(agreement, kind)
        for (behavior, subset), table in tables.items()
        for recording, pairs in table.items()
        for (kind, first, second), agreement in sorted(
            pairs.items(), key=lambda item: (kinds.index(item[0][0]), item[0][1:])
        )
    ]


def _pairs(
    timeline: Timeline, annotators: Annotators, column: int, has_consensus: bool
) -> Iterator[tuple[tuple[str, str, str], Track, Track]]:
    """Yield (kind, first, second) and the tracks of one behavior of all who are to be compared."""
    line = timeline.behavior(column)
    # Sorted, so that a pair is the same pair in every recording, however its table lists the two.
    humans = {name: Track(*(array[:, column] for array in annotators[name])) for name in sorted(annotators)}
    for first, second in combinations(humans, 2):
        yield (HUMAN_HUMAN, first, second), humans[first], humans[second]
    if timeline.is_predicted:
        for name, human in humans.items():
            yield (MODEL_HUMAN, MODEL, name), line.model, human
        if has_consensus:
            yield (MODEL_CONSENSUS, MODEL, CONSENSUS), line.model, line.human


class HumanCeiling(NamedTuple):
    """Agreement of human pairs in one measure: mean, least and largest, and how many pairs."""

    mean: float
    low: float
    high: float
    n_pairs: int


def human_ceiling(rows: Iterable[Row], behavior: str, subset: str, measure: str = "f1") -> HumanCeiling | None:
    """How far humans agree by a measure of agreement.csv, over pairs of annotators, each pooled over its recordings.

    The mean counts every pair once; None where no pair has a value.
    """
    wanted = (behavior, subset, POOLED, HUMAN_HUMAN)
    values = [
        float(row[measure])
        for row in rows
        if (row["behavior"], row["subset"], row["recording"], row["kind"]) == wanted and row[measure] is not None
    ]
    return HumanCeiling(sum(values) / len(values), min(values), max(values), len(values)) if values else None
