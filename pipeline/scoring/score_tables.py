"""Every table of scores of a run or an evaluation, from labels and probabilities of its recordings.

Intervals, the comparison of protocols and groups are over individuals, never over frames: frames of one
recording are not independent, and thousands of them do not make an estimate firm.
"""

from collections.abc import Callable, Iterator, Sequence

from common.tables import Row
from pipeline.scoring.bouts.metrics import BoutCounts
from pipeline.scoring.bouts.scores import bout_score_row_cells, pooled_bout_counts
from pipeline.scoring.metrics import Counts, pooled_frame_scores
from pipeline.scoring.pooling import individual_frames, pooled_used_frames
from pipeline.scoring.reliability import reliability
from pipeline.scoring.scores import POOLED, RAW, VARIANTS, PredictedRecording, groups_of
from pipeline.scoring.statistics.intervals import (
    DEFAULT_LEVEL,
    Interval,
    bootstrap_average_precision,
    bootstrap_counts,
    bootstrap_interval,
    gather_clusters,
)
from pipeline.scoring.statistics.paired import paired_average_precision

INTERVAL_COLUMNS = (
    "behavior", "subset", "postprocessed", "score", "value", "low", "high", "level", "n_individuals", "n_resamples",
    "reason",
)  # fmt: skip
CALIBRATION_COLUMNS = (
    "behavior", "subset", "probabilities", "lower", "upper", "n_frames", "n_positive", "mean_probability", "observed",
    "calibration_error", "brier", "log_loss",
)  # fmt: skip
PROTOCOL_COLUMNS = (
    "behavior", "score", "nested", "thesis", "optimism", "low", "high", "level", "p", "n_individuals", "reason",
)  # fmt: skip
AS_USED = "as used"
BEFORE_CALIBRATION = "before calibration"


def bout_rows(recordings: Sequence[PredictedRecording], behaviors: Sequence[str]) -> list[Row]:
    """Rows of bout_scores.csv, in the order of scores.csv."""
    rows: list[Row] = []
    for column, behavior in enumerate(behaviors):
        for subset, name, group in groups_of(recordings):
            for variant in VARIANTS:
                counts = _bout_counts(group, column, variant)
                key = {"behavior": behavior, "subset": subset, "recording": name, "postprocessed": variant}
                rows.append(key | bout_score_row_cells(counts))
    return rows


def _bout_counts(group: Sequence[PredictedRecording], column: int, variant: str) -> BoutCounts:
    return pooled_bout_counts([member.arrays(column, variant) for member in group], [member.fps for member in group])


def interval_rows(recordings: Sequence[PredictedRecording], behaviors: Sequence[str]) -> list[Row]:
    """Rows of intervals.csv: the pooled scores that the report leads with, and how firm they are."""
    rows: list[Row] = []
    for column, behavior in enumerate(behaviors):
        for subset, name, group in groups_of(recordings):
            if name != POOLED:
                continue
            for variant, score, value, interval in _intervals(group, column):
                key = {"behavior": behavior, "subset": subset, "postprocessed": variant, "score": score, "value": value}
                rows.append(key | _interval_cells(interval))
    return rows


def _interval_cells(interval: Interval) -> Row:
    return {
        "low": interval.low,
        "high": interval.high,
        "level": DEFAULT_LEVEL,
        "n_individuals": interval.n_clusters,
        "n_resamples": interval.n_resamples_used,
        "reason": interval.reason,
    }


_RATIOS: dict[str, Callable[[Counts], float | None]] = {
    "f1": lambda counts: counts.f1,
    "precision": lambda counts: counts.precision,
    "recall": lambda counts: counts.recall,
}


def _intervals(group: Sequence[PredictedRecording], column: int) -> Iterator[tuple[str, str, float | None, Interval]]:
    """Yield (way, score, value, interval) of one behavior in one subset."""
    names = [member.individual for member in group]
    frames = individual_frames(group, column)
    value = pooled_frame_scores(member.arrays(column, RAW) for member in group).average_precision
    yield RAW, "average_precision", value, bootstrap_average_precision(frames)
    for variant in VARIANTS:
        counts = [pooled_frame_scores([member.arrays(column, variant)]).counts for member in group]
        by_individual = [sum(parts, Counts(0, 0, 0, 0)) for parts in gather_clusters(names, counts)]
        for score, ratio in _RATIOS.items():
            yield variant, score, ratio(sum(counts, Counts(0, 0, 0, 0))), bootstrap_counts(by_individual, ratio)
        bouts = [_bout_counts([member], column, variant) for member in group]
        bouts_by_individual = [sum(parts, BoutCounts()) for parts in gather_clusters(names, bouts)]
        interval = bootstrap_interval(bouts_by_individual, _pooled_bout_f1)
        yield variant, "bout_f1_iou50", _pooled_bout_f1(bouts), interval


def _pooled_bout_f1(parts: Sequence[BoutCounts]) -> float | None:
    return sum(parts, BoutCounts()).predicted_to_true(0.5).f1


def calibration_rows(
    recordings: Sequence[PredictedRecording], behaviors: Sequence[str], probabilities: str
) -> Iterator[Row]:
    """Yield rows of calibration.csv: one per bin, with the errors over all bins repeated in each."""
    for column, behavior in enumerate(behaviors):
        for subset, name, group in groups_of(recordings):
            if name != POOLED:
                continue
            true, value = pooled_used_frames(group, column)
            found = reliability(value, true)
            for part in found.bins:
                yield {
                    "behavior": behavior,
                    "subset": subset,
                    "probabilities": probabilities,
                    "lower": part.lower,
                    "upper": part.upper,
                    "n_frames": part.n_frames,
                    "n_positive": part.n_positive,
                    "mean_probability": part.mean_probability,
                    "observed": part.observed,
                    "calibration_error": found.expected_calibration_error,
                    "brier": found.brier,
                    "log_loss": found.log_loss,
                }


def protocol_rows(
    nested: Sequence[PredictedRecording], thesis: Sequence[PredictedRecording], behaviors: Sequence[str]
) -> list[Row]:
    """Rows of protocol.csv: by how much the thesis' protocol flatters, on the same recordings.

    Parameters
    ----------
    nested, thesis : sequence of PredictedRecording
        The same cross-validated recordings in the same order.
    behaviors : sequence of str
    """
    rows: list[Row] = []
    for column, behavior in enumerate(behaviors):
        ours, theirs = (pooled_frame_scores(r.arrays(column, RAW) for r in group) for group in (nested, thesis))
        paired = paired_average_precision(individual_frames(thesis, column), individual_frames(nested, column))
        rows.append(
            {
                "behavior": behavior,
                "score": "average_precision",
                "nested": ours.average_precision,
                "thesis": theirs.average_precision,
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
