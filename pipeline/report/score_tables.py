"""Rows of the report's tables of scores: raw, closed and full beside each other, and the thesis' numbers."""

from dataclasses import dataclass

import numpy as np

from common.tables import Row
from common.wording import ratio
from pipeline.report.figures.bouts import bout_durations_s
from pipeline.report.figures.scores import AVERAGE_PRECISION, BOUT_F1, FRAME_F1, number
from pipeline.report.thesis import METRIC_WORDS, METRICS, ThesisTable, thesis_table
from pipeline.run_folder.reading import SUBSET_WORDS, Run
from pipeline.scoring.scores import CLOSED, FULL, POOLED, RAW, VARIANTS, ScoreRow
from pipeline.scoring.undefined import reasons_undefined

# In the order of the page: what misleads for a rare behavior comes last.
FRAME_RATIOS = {
    "precision": "Precision",
    "recall": "Recall",
    "f1": "F1",
    "balanced_accuracy": "Balanced accuracy",
    "cohen_kappa": "Kappa",
    "mcc": "MCC",
    "roc_auc": "ROC-AUC",
    "accuracy": "Accuracy",
}


@dataclass(frozen=True)
class ScoreLine:
    """One behavior in one recording or subset: rows of scores.csv and bout_scores.csv by way of post-processing.

    `closed` and the rows of bouts are None where the folder lacks them; `full` is then the last way there is.
    """

    behavior: str
    recording: str
    subset: str
    n_frames: int
    n_positive: int
    baseline_average_precision: float | None
    raw: ScoreRow
    closed: ScoreRow | None
    full: ScoreRow
    bouts: dict[str, Row]
    intervals: dict[tuple[str, str], Row]
    why_not_available: str

    def variants(self) -> list[tuple[str, ScoreRow, Row | None]]:
        """The ways of post-processing that are there, with their frame and bout scores."""
        rows = ((RAW, self.raw), (CLOSED, self.closed), (FULL, self.full))
        return [(variant, row, self.bouts.get(variant)) for variant, row in rows if row is not None]

    def interval(self, variant: str, score: str) -> Row | None:
        """Interval of one score, None where there is none."""
        return self.intervals.get((variant, score))


def score_lines(run: Run, behavior: str, pooled: bool) -> list[ScoreLine]:
    """Lines of one behavior: pooled ones (one per subset), or one per recording."""
    lines = []
    for row in run.scores:
        if row["behavior"] != behavior or row["postprocessed"] != RAW or (row["recording"] == POOLED) != pooled:
            continue
        subset, recording = str(row["subset"]), str(row["recording"])
        closed = run.score(behavior, subset, CLOSED, recording)
        full = run.score(behavior, subset, FULL, recording) or closed or row
        found = {variant: run.tables.bout_score(behavior, subset, variant, recording) for variant in VARIANTS}
        bouts = {variant: bout_row for variant, bout_row in found.items() if bout_row is not None}
        baseline = run.score(behavior, subset, RAW, recording, baseline=True)
        lines.append(
            ScoreLine(
                behavior=behavior,
                recording=recording,
                subset=SUBSET_WORDS.get(subset, subset),
                n_frames=int(number(row, "n_frames") or 0),
                n_positive=int(number(row, "n_positive") or 0),
                baseline_average_precision=number(baseline, AVERAGE_PRECISION),
                raw=row,
                closed=closed,
                full=full,
                bouts=bouts,
                intervals=_intervals(run, behavior, subset) if pooled else {},
                why_not_available=_why_not_available([row, *([closed] if closed else []), full], list(bouts.values())),
            )
        )
    return lines


def _intervals(run: Run, behavior: str, subset: str) -> dict[tuple[str, str], Row]:
    return {
        (str(row["postprocessed"]), str(row["score"])): row
        for row in run.tables.intervals
        if (row["behavior"], row["subset"]) == (behavior, subset) and row["low"] is not None
    }


def _why_not_available(rows: list[ScoreRow], bouts: list[Row]) -> str:
    """Reasons of all n/a in a line, each once."""
    shown = (AVERAGE_PRECISION, *FRAME_RATIOS)
    reasons = [why[name] for why in map(reasons_undefined, rows) for name in shown if name in why]
    reasons += [reason for row in bouts for reason in reasons_undefined(row).values()]
    return "; ".join(dict.fromkeys(reasons))


def harm_done(run: Run) -> list[str]:
    """Where closing gaps alone, or all steps together, lowered a pooled score, in words."""
    found: list[str] = []
    for line in (line for behavior in run.behaviors for line in score_lines(run, behavior, pooled=True)):
        frames: dict[str, ScoreRow | None] = {RAW: line.raw, CLOSED: line.closed, FULL: line.full}
        for name, score, rows in (("frame F1", FRAME_F1, frames), ("bout F1", BOUT_F1, line.bouts)):
            raw, closed, full = (number(rows.get(variant), score) for variant in (RAW, CLOSED, FULL))
            blamed = {"closing alone": closed, "all steps together": full}
            if closed is not None and closed == full:
                blamed = {"closing": closed}
            for what, after in blamed.items():
                # A difference that three decimals do not show is none.
                if raw is not None and after is not None and after < raw and ratio(after) != ratio(raw):
                    found.append(f"{line.behavior}, {line.subset}: {name} {ratio(after)} by {what}, {ratio(raw)} raw")
    return found


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
