"""Rows of proximity.csv: how far two animals are apart while a behavior is shown and while it is not.

Frames count that a human scored and in which the distance is known; the others are counted apart. Intervals resample
individuals (those that were filmed together as one), never frames.

Distance alone is a classifier: frames are called from the nearest on, or from the farthest on where the pooled AUC of
the training recordings is below a half (`positive`). Its average precision is compared with the head's on the same
frames, for the measure whose AUC is the farthest from .5 in the training recordings. Where these are scored too, that
choice flatters the distance a little.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from common.tables import Row
from pipeline.scoring.classes import class_names, class_numbers
from pipeline.scoring.metrics import average_precision, roc_auc
from pipeline.scoring.scores import POOLED, groups_of
from pipeline.scoring.statistics.intervals import ClusterRanking, bootstrap_interval, gather_clusters
from pipeline.scoring.statistics.nearness import (
    AUC,
    FARTHEST_FIRST,
    NEAREST_FIRST,
    NOT_SHOWN_MEDIAN,
    QUANTILES,
    SHOWN_MEDIAN,
    SPEARMAN,
    Nearness,
)
from pipeline.scoring.statistics.paired import PairedDifference, paired_weighted_difference
from pipeline.scoring.statistics.verdict import NO_VALUE, Corrected, correct, find_verdict
from pipeline.scoring.timeline import Timeline
from pipeline.scoring.undefined import NO_FRAMES, NO_NEGATIVES, NO_POSITIVES

BODY_LENGTHS, PIXELS = "body lengths", "px"
NEARER, FARTHER = "nearer", "farther"
QUANTILE_COLUMNS = tuple(f"{when}_{name}" for when in ("shown", "not_shown") for name in QUANTILES)
AVERAGE_PRECISION = "average_precision"
WITH_INTERVAL = (AUC, AVERAGE_PRECISION, SPEARMAN, SHOWN_MEDIAN, NOT_SHOWN_MEDIAN)
COMPARED = (
    "head_minus_distance", "difference_low", "difference_high", "p", "p_holm", "p_smallest", "mean_difference",
)  # fmt: skip
UNKNOWN_DISTANCE = "the distance is known in no scored frame"
NOT_PREDICTED = "the head predicted none of these frames"
_TRAINING = "cross_validation"


@dataclass(frozen=True)
class Apart:
    """Distances of one recording's two animals, beside its timeline.

    `px`, `body_lengths`: by measure, shape (n_frames,), NaN = not known; `body_lengths` is {} where there is no body
    axis. `cluster`: which recordings are resampled together; "" = by itself.
    """

    timeline: Timeline
    px: Mapping[str, NDArray[np.float64]]
    body_lengths: Mapping[str, NDArray[np.float64]]
    cluster: str = ""

    def frames(self, of: int, measure: str, unit: str) -> "Frames":
        """One behavior (its place among the classes) and one measure in one unit."""
        line = self.timeline
        assert line.true is not None and line.scored is not None
        if of == len(line.behaviors):  # the background: none of the classes
            true, scored = class_numbers(line.true) == of, line.scored[:, 0]
            probability = 1 - line.probability.sum(axis=1, dtype=np.float64)
        else:
            true, scored = line.true[:, of], line.scored[:, of]
            probability = line.probability[:, of].astype(np.float64)
        distance = (self.body_lengths if unit == BODY_LENGTHS else self.px).get(measure)
        if distance is None:
            distance = np.full(line.n_frames, np.nan)
        return Frames(true[scored], distance[scored], probability[scored])


class Frames(NamedTuple):
    """Scored frames, arrays of shape (n_scored,); NaN = not known, not predicted."""

    true: NDArray[np.bool_]
    distance: NDArray[np.float64]
    probability: NDArray[np.float64]

    @property
    def known(self) -> NDArray[np.bool_]:
        """Where the distance is known."""
        return ~np.isnan(self.distance)

    @property
    def ranked(self) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
        """Truth and distance where that is known."""
        return self.true[self.known], self.distance[self.known]

    @property
    def predicted(self) -> "Frames":
        """Those with both a distance and a probability."""
        both = self.known & ~np.isnan(self.probability)
        return Frames(self.true[both], self.distance[both], self.probability[both])


def _joined(parts: Sequence[Frames]) -> Frames:
    return Frames(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


def proximity_rows(recordings: Sequence[Apart]) -> list[Row]:
    """Rows of proximity.csv.

    Parameters
    ----------
    recordings : sequence of Apart
        Of labelled recordings of one experiment. With exclusive classes the background is a behavior too.

    Returns
    -------
    list of dict
        By behavior, then subset, then pooled before the recordings, then measure. None = undefined; `reason` says why.
    """
    if not recordings:
        return []
    of_recording = {apart.timeline.recording: apart for apart in recordings}
    groups = [
        (subset, name, [of_recording[member.recording] for member in members])
        for subset, name, members in groups_of([apart.timeline for apart in recordings])
    ]
    measures = list(dict.fromkeys(name for apart in recordings for name in apart.px))
    lines: list[_Line] = []
    for of, behavior in enumerate(class_names(recordings[0].timeline)):
        lines += _of_behavior(of, behavior, groups, measures)
    return _with_verdicts(lines)


class _Line(NamedTuple):
    """A row before its p is corrected; `paired` is None where nothing is compared."""

    facts: Row
    paired: PairedDifference | None


def _of_behavior(
    of: int, behavior: str, groups: Sequence[tuple[str, str, list[Apart]]], measures: Sequence[str]
) -> Iterator[_Line]:
    positive: dict[str, str] = {}
    strongest, furthest = measures[0], -1.0
    training = next((group for subset, _, group in groups if subset == _TRAINING), groups[0][2])
    for measure in measures:
        first = _Cell(training, of, measure)
        auc, positive[measure] = first.value(AUC), NEARER
        if auc is not None and auc < 0.5:
            positive[measure] = FARTHER
        # Measures are known in other frames, of which other shares show the behavior: their AUC can be compared.
        if auc is not None and abs(auc - 0.5) > furthest:
            strongest, furthest = measure, abs(auc - 0.5)
    for subset, name, group in groups:
        for measure in measures:
            cell = _Cell(group, of, measure)
            key = {"behavior": behavior, "subset": subset, "recording": name, "measure": measure}
            facts = key | cell.facts(positive[measure], name == POOLED)
            is_compared = name == POOLED and measure == strongest
            yield _Line(facts, cell.against_head(positive[measure]) if is_compared else None)


def _ranking(positive: str) -> str:
    return NEAREST_FIRST if positive == NEARER else FARTHEST_FIRST


class _Cell:
    """One behavior and one measure in one group of recordings."""

    def __init__(self, group: Sequence[Apart], of: int, measure: str) -> None:
        has_axis = all(measure in apart.body_lengths for apart in group)
        self.unit = BODY_LENGTHS if has_axis else PIXELS
        self.parts = [apart.frames(of, measure, self.unit) for apart in group]
        self.px_parts = [apart.frames(of, measure, PIXELS) for apart in group]
        self.names = [apart.cluster for apart in group]
        self.clusters = [_joined(members) for members in gather_clusters(self.names, self.parts)]
        self.all = _joined(self.parts)
        self.nearness = Nearness([own.ranked for own in self.clusters])

    def value(self, name: str) -> float | None:
        """A statistic over all frames."""
        value = float(self.nearness.statistic(name)(np.ones((1, len(self.clusters)), dtype=np.int64))[0])
        return None if np.isnan(value) else value

    def facts(self, positive: str, has_interval: bool) -> Row:
        """All of a row but its key and what is compared."""
        true, known = self.all.true, self.all.known
        in_px = Nearness([_joined(self.px_parts).ranked])
        body = self.nearness if self.unit == BODY_LENGTHS else Nearness([])
        row: Row = {
            "n_shown": int((true & known).sum()),
            "n_not_shown": int((~true & known).sum()),
            "n_unknown_shown": int((true & ~known).sum()),
            "n_unknown_not_shown": int((~true & ~known).sum()),
        }
        for suffix, counted in (("", body), ("_px", in_px)):
            values = [*counted.quantiles(is_shown=True), *counted.quantiles(is_shown=False)]
            row |= {f"{name}{suffix}": value for name, value in zip(QUANTILE_COLUMNS, values, strict=True)}
        predicted = self.all.predicted
        return row | {
            "unit": self.unit,
            "positive": positive,
            "chance": row["n_shown"] / int(known.sum()) if known.any() else None,
            "head_average_precision": average_precision(predicted.true, predicted.probability),
            "head_roc_auc": roc_auc(predicted.true, predicted.probability),
            **self._ranked(positive, has_interval),
        }

    @property
    def undefined(self) -> str:
        """Why nothing can be ranked; "" where it can."""
        if not self.all.true.size:
            return NO_FRAMES
        if not self.all.known.any():
            return UNKNOWN_DISTANCE
        shown = self.all.ranked[0]
        return "" if shown.any() and not shown.all() else NO_NEGATIVES if shown.any() else NO_POSITIVES

    def _ranked(self, positive: str, has_interval: bool) -> Row:
        """Statistics, with their intervals over individuals where that is asked for."""
        found: Row = {"n_individuals": None, "reason": self.undefined}
        for name in WITH_INTERVAL:
            of = _ranking(positive) if name == AVERAGE_PRECISION else name
            interval = None
            if has_interval and not self.undefined:
                interval = bootstrap_interval(self.nearness.statistic(of), len(self.clusters))
                found |= {"n_individuals": interval.n_clusters, "reason": found["reason"] or interval.reason}
            if name not in QUANTILE_COLUMNS:
                found[name] = None if self.undefined else self.value(of)
            found[f"{name}_low"], found[f"{name}_high"] = (interval.low, interval.high) if interval else (None, None)
        return found

    def against_head(self, positive: str) -> PairedDifference:
        """The head's average precision minus that of distance alone, on frames that have both."""
        clusters = [own.predicted for own in self.clusters]
        head = ClusterRanking([(own.true, own.probability) for own in clusters]).average_precision
        alone = Nearness([(own.true, own.distance) for own in clusters]).statistic(_ranking(positive))
        return paired_weighted_difference(head, alone, len(clusters))


def _with_verdicts(lines: Sequence[_Line]) -> list[Row]:
    """Rows with p corrected (Holm 1979) over the behaviors of one subset."""
    families: dict[str, dict[int, PairedDifference]] = {}
    for place, line in enumerate(lines):
        if line.paired is not None:
            families.setdefault(str(line.facts["subset"]), {})[place] = line.paired
    corrected = {place: found for family in families.values() for place, found in correct(family).items()}
    return [line.facts | _compared(line.facts, line.paired, corrected.get(i)) for i, line in enumerate(lines)]


def _compared(facts: Row, paired: PairedDifference | None, corrected: Corrected | None) -> Row:
    if paired is None or corrected is None:
        return dict.fromkeys(COMPARED) | {"verdict": "", "verdict_reason": ""}
    verdict, reason = find_verdict(paired, corrected)
    if verdict == NO_VALUE:
        reason = str(facts["reason"]) if facts[AUC] is None else NOT_PREDICTED
    interval = paired.interval
    numbers = (paired.difference, interval.low, interval.high, paired.p)
    more = (corrected.p_holm, corrected.p_smallest, paired.mean)
    return dict(zip(COMPARED, (*numbers, *more), strict=True)) | {"verdict": verdict, "verdict_reason": reason}
