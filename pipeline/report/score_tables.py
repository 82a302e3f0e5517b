"""Rows of the report's tables of scores: raw, closed and full beside each other, and the thesis' numbers."""

from dataclasses import dataclass

import numpy as np

from common.tables import Row, number
from common.wording import ratio
from pipeline.report.figures.bouts import bout_durations_s
from pipeline.report.thesis import METRIC_WORDS, thesis_table
from pipeline.run_folder.evidence import AVERAGE_PRECISION, BOUT_F1, FRAME_F1
from pipeline.run_folder.reading import SUBSET_WORDS, Run
from pipeline.scoring.scores import CLOSED, FULL, POOLED, RAW, VARIANTS
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
    """One behavior in one recording or subset.

    Attributes
    ----------
    behavior, recording, subset : str
    frames, bouts : dict of str to Row
        Rows of scores.csv and bout_scores.csv by variant of post-processing, as far as the folder has them.
    baseline_average_precision : float or None
    intervals : dict of (str, str) to Row
        By variant and score.
    why_not_available : str
        Reasons of all n/a in the line, each once.
    """

    behavior: str
    recording: str
    subset: str
    frames: dict[str, Row]
    bouts: dict[str, Row]
    baseline_average_precision: float | None
    intervals: dict[tuple[str, str], Row]
    why_not_available: str

    @property
    def raw(self) -> Row:
        """Frame scores without post-processing."""
        return self.frames[RAW]

    @property
    def last(self) -> str:
        """The last variant that is there."""
        return [*self.frames][-1]


def score_lines(run: Run, behavior: str, pooled: bool) -> list[ScoreLine]:
    """Lines of one behavior: pooled ones (one per subset), or one per recording."""
    lines = []
    for row in run.scores:
        if row["behavior"] != behavior or row["postprocessed"] != RAW or (row["recording"] == POOLED) != pooled:
            continue
        subset, recording = str(row["subset"]), str(row["recording"])
        frames = {variant: run.score(behavior, subset, variant, recording) for variant in VARIANTS}
        bouts = {variant: run.tables.bout_score(behavior, subset, variant, recording) for variant in VARIANTS}
        known_frames, known_bouts = ({v: row for v, row in rows.items() if row is not None} for rows in (frames, bouts))
        lines.append(
            ScoreLine(
                behavior,
                recording,
                SUBSET_WORDS.get(subset, subset),
                known_frames,
                known_bouts,
                number(run.score(behavior, subset, RAW, recording, baseline=True), AVERAGE_PRECISION),
                _intervals(run, behavior, subset) if pooled else {},
                _why_not_available([*known_frames.values()], [*known_bouts.values()]),
            )
        )
    return lines


def _intervals(run: Run, behavior: str, subset: str) -> dict[tuple[str, str], Row]:
    return {
        (row["postprocessed"], row["score"]): row
        for row in run.tables.intervals
        if (row["behavior"], row["subset"]) == (behavior, subset) and row["low"] is not None
    }


def _why_not_available(rows: list[Row], bouts: list[Row]) -> str:
    shown = (AVERAGE_PRECISION, *FRAME_RATIOS)
    reasons = [why[name] for why in map(reasons_undefined, rows) for name in shown if name in why]
    reasons += [reason for row in bouts for reason in reasons_undefined(row).values()]
    return "; ".join(dict.fromkeys(reasons))


def harm_done(run: Run) -> list[str]:
    """Where closing gaps alone, or all steps together, lowered a pooled score, in words."""
    found: list[str] = []
    for line in (line for behavior in run.behaviors for line in score_lines(run, behavior, pooled=True)):
        for name, score, rows in (("frame F1", FRAME_F1, line.frames), ("bout F1", BOUT_F1, line.bouts)):
            raw, closed, full = (number(rows.get(variant), score) for variant in (RAW, CLOSED, FULL))
            blamed = {"closing alone": closed, "all steps together": full}
            if closed is not None and closed == full:
                blamed = {"closing": closed}
            for what, after in blamed.items():
                # A difference that three decimals do not show is none.
                if raw is not None and after is not None and after < raw and ratio(after) != ratio(raw):
                    found.append(f"{line.behavior}, {line.subset}: {name} {ratio(after)} by {what}, {ratio(raw)} raw")
    return found


def balance_lines(run: Run) -> list[Row]:
    """Class balance and lengths of bouts, `human` and `predicted`, per behavior and subset, over scored frames."""
    lines = []
    for behavior in run.behaviors:
        for subset in run.subsets:
            row = run.score(behavior, subset, RAW)
            human, predicted = bout_durations_s(run, behavior, subset)
            line: Row = {"behavior": behavior, "subset": SUBSET_WORDS[subset]}
            line |= {name: number(row, name) or 0 for name in ("n_frames", "n_positive")}
            lines.append(line | {"human": _bout_lengths(human), "predicted": _bout_lengths(predicted)})
    return lines


def _bout_lengths(durations_s: np.ndarray) -> Row:
    """Number, median and mean of durations, shape (n_bouts,); None without a bout."""
    median_s, mean_s = (float(f(durations_s)) if durations_s.size else None for f in (np.median, np.mean))
    return {"n_bouts": durations_s.size, "median_s": median_s, "mean_s": mean_s}


def thesis_comparisons(run: Run) -> list[Row]:
    """The thesis' Tables 5.1-5.3 for those of our behaviors that bear their names.

    Returns
    -------
    list of dict
        `behavior`, `table`, `subsets` (words for our columns), and `lines`: per metric its name, the thesis' four
        values and ours (threshold alone, as there).
    """
    found: list[Row] = []
    for behavior in run.behaviors:
        table = thesis_table(behavior)
        if table is not None:
            ours = {SUBSET_WORDS[subset]: run.score(behavior, subset, RAW) for subset in run.subsets}
            lines = [
                (words, table.values[metric], [number(row, metric) for row in ours.values()])
                for metric, words in METRIC_WORDS.items()
            ]
            found.append({"behavior": behavior, "table": table, "subsets": list(ours), "lines": lines})
    return found
