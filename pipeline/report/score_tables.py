"""Rows of the report's tables: scores, recordings, bouts, and the thesis' numbers beside ours."""

from dataclasses import dataclass

import numpy as np

from pipeline.metrics import reason_undefined
from pipeline.report.bout_figures import bout_durations_s
from pipeline.report.run_files import SUBSET_WORDS, Run
from pipeline.report.score_figures import number
from pipeline.report.thesis import METRIC_WORDS, METRICS, ThesisTable, thesis_table
from pipeline.scores import CLOSED, POOLED, RAW, ScoreRow

RATIOS = ("average_precision", "f1", "precision", "recall", "accuracy")


@dataclass(frozen=True)
class ScoreLine:
    """One line of a table of scores: raw and post-processed rows of scores.csv beside each other."""

    behavior: str
    recording: str
    subset: str
    n_frames: int
    n_positive: int
    threshold: float | None
    baseline_average_precision: float | None
    raw: ScoreRow
    closed: ScoreRow
    why_not_available: str


def score_lines(run: Run, behavior: str, pooled: bool) -> list[ScoreLine]:
    """Lines of one behavior: pooled ones (one per subset), or one per recording."""
    lines = []
    for row in run.scores:
        if row["behavior"] != behavior or row["postprocessed"] != RAW or (row["recording"] == POOLED) != pooled:
            continue
        subset, recording = str(row["subset"]), str(row["recording"])
        closed = run.score(behavior, subset, CLOSED, recording) or row
        baseline = run.score(behavior, subset, RAW, recording, baseline=True)
        lines.append(
            ScoreLine(
                behavior=behavior,
                recording=recording,
                subset=SUBSET_WORDS.get(subset, subset),
                n_frames=int(number(row, "n_frames") or 0),
                n_positive=int(number(row, "n_positive") or 0),
                threshold=number(row, "threshold"),
                baseline_average_precision=number(baseline, "average_precision"),
                raw=row,
                closed=closed,
                why_not_available=_why_not_available(row, closed),
            )
        )
    return lines


def _why_not_available(raw: ScoreRow, closed: ScoreRow) -> str:
    """Reasons of all n/a in a line, each once."""
    reasons = [
        reason_undefined(name, int(number(row, "n_frames") or 0), int(number(row, "n_positive") or 0))
        for row in (raw, closed)
        for name in RATIOS
        if row[name] is None
    ]
    return "; ".join(dict.fromkeys(reasons))


@dataclass(frozen=True)
class BoutLengths:
    """Number of bouts and their middle lengths in seconds; None without a bout."""

    n_bouts: int
    median_s: float | None
    mean_s: float | None

    @classmethod
    def of(cls, durations_s: np.ndarray) -> "BoutLengths":
        """Summarise durations, shape (n_bouts,)."""
        if not durations_s.size:
            return cls(0, None, None)
        return cls(durations_s.size, float(np.median(durations_s)), float(durations_s.mean()))


@dataclass(frozen=True)
class BalanceLine:
    """One behavior in one subset: how often it occurs and in what bouts (human, predicted)."""

    behavior: str
    subset: str
    n_frames: int
    n_positive: int
    human: BoutLengths
    predicted: BoutLengths


def balance_lines(run: Run) -> list[BalanceLine]:
    """Class balance and bouts per behavior and subset, over scored frames."""
    lines = []
    for behavior in run.behaviors:
        for subset in run.subsets:
            row = run.score(behavior, subset, RAW)
            human, predicted = bout_durations_s(run, behavior, subset)
            lines.append(
                BalanceLine(
                    behavior,
                    SUBSET_WORDS[subset],
                    int(number(row, "n_frames") or 0),
                    int(number(row, "n_positive") or 0),
                    BoutLengths.of(human),
                    BoutLengths.of(predicted),
                )
            )
    return lines


@dataclass(frozen=True)
class ThesisComparison:
    """The thesis' table of one behavior with our columns (threshold alone, as there) beside it."""

    behavior: str
    table: ThesisTable
    ours: tuple[tuple[str, ScoreRow], ...]

    def lines(self) -> list[tuple[str, tuple[float, ...], list[float | None]]]:
        """Per metric: its name, the thesis' four values, ours."""
        return [
            (METRIC_WORDS[metric], self.table.values[metric], [number(row, metric) for _, row in self.ours])
            for metric in METRICS
        ]


def thesis_comparisons(run: Run) -> list[ThesisComparison]:
    """The thesis' Tables 5.1-5.3 for those of our behaviors that bear their names."""
    found = []
    for behavior in run.behaviors:
        table = thesis_table(behavior)
        if table is not None:
            rows = [(SUBSET_WORDS[subset], run.score(behavior, subset, RAW)) for subset in run.subsets]
            ours = tuple((words, row) for words, row in rows if row is not None)
            found.append(ThesisComparison(behavior, table, ours))
    return found
