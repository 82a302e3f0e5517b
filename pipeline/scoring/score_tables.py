"""Rows of the tables that stand beside the scores: how firm they are, and how far probabilities mean what they say.

Intervals and the comparison of protocols are over individuals, never over frames: frames of one recording are not
independent, and thousands of them do not make an estimate firm.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from common.tables import Row
from pipeline.scoring.bouts.scores import pooled_bout_counts
from pipeline.scoring.metrics import Counts, average_precision, pooled_counts
from pipeline.scoring.reliability import reliability_rows
from pipeline.scoring.scores import POOLED, groups_of
from pipeline.scoring.statistics.intervals import (
    DEFAULT_LEVEL,
    ClusterRanking,
    Interval,
    bootstrap_weighted,
    counts_by_weights,
    gather_clusters,
)
from pipeline.scoring.statistics.paired import paired_weighted_difference
from pipeline.scoring.timeline import RAW, VARIANTS, Timeline, joined_frames

AS_USED = "as used"
BEFORE_CALIBRATION = "before calibration"


def pooled_groups(timelines: Sequence[Timeline]) -> Iterator[tuple[str, list[Timeline]]]:
    """Yield each subset with its members."""
    yield from ((subset, group) for subset, name, group in groups_of(timelines) if name == POOLED)


def interval_rows(timelines: Sequence[Timeline], behaviors: Sequence[str]) -> list[Row]:
    """Rows of intervals.csv: the pooled scores that the report leads with, and how firm they are."""
    return [
        {"behavior": behavior, "subset": subset, "postprocessed": variant, "score": score, "value": value}
        | {"low": interval.low, "high": interval.high, "level": DEFAULT_LEVEL, "n_individuals": interval.n_clusters}
        | {"n_resamples": interval.n_resamples_used, "reason": interval.reason}
        for column, behavior in enumerate(behaviors)
        for subset, group in pooled_groups(timelines)
        for variant, score, value, interval in _intervals(group, column)
    ]


_RATIOS: dict[str, Callable[[Counts], float | None]] = {
    "f1": lambda counts: counts.f1,
    "precision": lambda counts: counts.precision,
    "recall": lambda counts: counts.recall,
}


def _intervals(group: Sequence[Timeline], column: int) -> Iterator[tuple[str, str, float | None, Interval]]:
    """Yield (variant, score, value, interval) of one behavior in one subset."""
    clusters = gather_clusters([member.individual for member in group], group)
    value = average_precision(*joined_frames(member.behavior(column) for member in group))
    ranking = _ranking_by_individual(group, column)
    yield RAW, "average_precision", value, bootstrap_weighted(ranking.average_precision, len(clusters))
    for variant in VARIANTS:
        parts = [[member.behavior(column, variant) for member in members] for members in clusters]
        frames = [pooled_counts(members) for members in parts]
        bouts = [pooled_bout_counts(members).predicted_to_true(0.5) for members in parts]
        for score, counts, ratio in (
            *((score, frames, ratio) for score, ratio in _RATIOS.items()),
            ("bout_f1_iou50", bouts, _RATIOS["f1"]),
        ):
            interval = bootstrap_weighted(counts_by_weights(counts, ratio), len(clusters))
            yield variant, score, ratio(sum(counts, Counts())), interval


def _ranking_by_individual(group: Sequence[Timeline], column: int) -> ClusterRanking:
    """Frames that count of one behavior."""
    clusters = gather_clusters([member.individual for member in group], group)
    return ClusterRanking([joined_frames(member.behavior(column, RAW) for member in members) for members in clusters])


def calibration_rows(
    timelines: Sequence[Timeline], behaviors: Sequence[str], uncalibrated: Sequence[Timeline] = ()
) -> list[Row]:
    """Rows of calibration.csv: one per bin, with the errors over all bins repeated in each.

    Parameters
    ----------
    timelines, behaviors
        With the probabilities as they are used; names of their columns.
    uncalibrated : sequence of Timeline
        The same recordings before calibration. A behavior that calibration left alone in a subset has no such rows.
    """
    before = {timeline.recording: timeline for timeline in uncalibrated}
    rows: list[Row] = []
    for kind in (AS_USED, BEFORE_CALIBRATION) if uncalibrated else (AS_USED,):
        for column, behavior in enumerate(behaviors):
            for subset, group in pooled_groups(timelines):
                members = group
                if kind == BEFORE_CALIBRATION:
                    members = [before[member.recording] for member in group]
                    if all(_equal(a, b, column) for a, b in zip(members, group, strict=True)):
                        continue
                frames = joined_frames(member.behavior(column, RAW) for member in members)
                key = {"behavior": behavior, "subset": subset, "probabilities": kind}
                rows += [key | cells for cells in reliability_rows(*frames)]
    return rows


def _equal(a: Timeline, b: Timeline, column: int) -> bool:
    return np.array_equal(a.probability[:, column], b.probability[:, column], equal_nan=True)


def protocol_rows(nested: Sequence[Timeline], thesis: Sequence[Timeline], behaviors: Sequence[str]) -> list[Row]:
    """Rows of protocol.csv: by how much the thesis' protocol flatters.

    `nested` and `thesis` are the same cross-validated recordings in the same order.
    """
    rows: list[Row] = []
    for column, behavior in enumerate(behaviors):
        ours, theirs = (_ranking_by_individual(group, column).average_precision for group in (nested, thesis))
        n_individuals = len(gather_clusters([member.individual for member in nested], nested))
        paired = paired_weighted_difference(theirs, ours, n_individuals)
        rows.append(
            {
                "behavior": behavior,
                "score": "average_precision",
                "nested": average_precision(*joined_frames(member.behavior(column, RAW) for member in nested)),
                "thesis": average_precision(*joined_frames(member.behavior(column, RAW) for member in thesis)),
                "optimism": paired.difference,
                "low": paired.interval.low,
                "high": paired.interval.high,
                "level": DEFAULT_LEVEL,
                "p": paired.p,
                "n_individuals": paired.interval.n_clusters,
                "reason": paired.reason or paired.interval.reason,
            }
        )
    return rows


def optimism_words(row: Row) -> str:
    """One row of protocol.csv as a sentence for the terminal and the log."""
    if row["optimism"] is None:
        return f"{row['behavior']}: the optimism of the thesis' protocol is n/a: {row['reason']}"
    interval = "" if row["low"] is None else f" (95 % interval {row['low']:+.3f} to {row['high']:+.3f})"
    return (
        f"{row['behavior']}: the thesis' protocol comes out {row['optimism']:+.3f} in average precision "
        f"({row['thesis']:.3f} against {row['nested']:.3f}){interval}"
    )
