"""Rows of the report's further tables: settings chosen, calibration, agreement, publication statistics, strips."""

from collections.abc import Mapping
from itertools import product
from statistics import mean

from common.tables import Row
from common.wording import n_decimals_of
from pipeline.report.figures.agreement import MEASURES
from pipeline.run_folder.evidence import pooled_agreement
from pipeline.run_folder.reading import SUBSET_WORDS, Run
from pipeline.run_folder.tables import FINAL
from pipeline.scoring.agreement import HUMAN_HUMAN, MODEL_HUMAN
from pipeline.scoring.classes import ALL
from pipeline.scoring.postprocessing.decisions import DESCRIPTIONS
from pipeline.scoring.score_tables import AS_USED, BEFORE_CALIBRATION
from pipeline.scoring.scores import FULL, POOLED
from pipeline.scoring.statistics.ethology_tables import HUMAN, PREDICTED

STATISTIC_WORDS = {
    "total_s": "Total time (s)",
    "fraction": "Fraction of time",
    "n_bouts": "Number of bouts",
    "mean_bout_s": "Mean bout (s)",
    "median_bout_s": "Median bout (s)",
    "latency_s": "Latency (s)",
}


def choice_lines(run: Run) -> list[Row]:
    """Post-processing per behavior: `final`, as a `sentence`, and `by_recording`; `tuned` where it was chosen.

    Recordings that were read with the final settings are not repeated.
    """
    lines = []
    # Exclusive classes are decided on together.
    for behavior in run.behaviors[:1] if run.is_exclusive else run.behaviors:
        rows = [row for row in run.tables.choices if (row.behavior, row.variant) == (behavior, FULL)]
        final = next((row for row in rows if row.recording == FINAL), None)
        if final is not None:
            shared = (final.settings, final.chosen_on)
            name = ALL if run.is_exclusive else behavior
            line: Row = {"behavior": name, "final": final, "tuned": bool(final.objective)}
            line["by_recording"] = [row for row in rows if (row.settings, row.chosen_on) != shared]
            lines.append(line | {"sentence": DESCRIPTIONS[run.task](final.settings)})
    return lines


def calibration_lines(run: Run) -> list[Row]:
    """One row per behavior, subset and kind of probabilities: the errors over all bins."""
    found: dict[tuple[object, ...], Row] = {}
    for kind in (BEFORE_CALIBRATION, AS_USED):
        for row in run.tables.calibration:
            if row["probabilities"] == kind:
                found.setdefault((row["behavior"], row["subset"], kind), row)
    order = {name: i for i, name in enumerate(run.behaviors)}
    rows = sorted(found.values(), key=lambda row: (order.get(row["behavior"], 0), _place(run, row)))
    return [
        row | {"subset": SUBSET_WORDS.get(row["subset"], row["subset"]), "words": _calibration_words(row, found)}
        for row in rows
    ]


def _calibration_words(row: Row, found: Mapping[tuple[object, ...], Row]) -> str:
    is_calibrated = (row["behavior"], row["subset"], BEFORE_CALIBRATION) in found
    return "after calibration" if row["probabilities"] == AS_USED and is_calibrated else str(row["probabilities"])


def _place(run: Run, row: Row) -> int:
    return run.subsets.index(row["subset"]) if row["subset"] in run.subsets else len(run.subsets)


def agreement_tables(run: Run) -> list[Row]:
    """Human agreement per behavior and subset: pooled `pairs`, `means` over pairs, rows `by_recording`."""
    tables = []
    for behavior, subset in product(run.behaviors, dict.fromkeys(row["subset"] for row in run.tables.agreement)):
        pairs = pooled_agreement(run, behavior, subset)
        if pairs:
            means = [
                (words, _means([row for row in pairs if row["kind"] == kind]))
                for kind, words in ((HUMAN_HUMAN, "Mean of human pairs"), (MODEL_HUMAN, "Mean of model and human"))
                if any(row["kind"] == kind for row in pairs)
            ]
            mine = [row for row in run.tables.agreement if (row["behavior"], row["subset"]) == (behavior, subset)]
            table: Row = {"behavior": behavior, "subset": SUBSET_WORDS.get(subset, subset), "pairs": pairs}
            table["by_recording"] = [row for row in mine if row["recording"] != POOLED]
            tables.append(table | {"means": means})
    return tables


def _means(rows: list[Row]) -> Row:
    """Mean of each measure over pairs that have it; None where none has."""
    known = {measure: [row[measure] for row in rows if row[measure] is not None] for measure in MEASURES}
    return {measure: mean(values) if values else None for measure, values in known.items()}


def statistics_lines(run: Run, behavior: str) -> list[Row]:
    """One line per recording: its rows of statistics.csv, `human` and `predicted`; None where one is not there."""
    rows = {(row["recording"], row["source"]): row for row in run.tables.statistics if row["behavior"] == behavior}
    return [
        {
            "recording": member.recording,
            "subset": SUBSET_WORDS.get(member.subset, member.subset),
            "human": rows.get((member.recording, HUMAN)),
            "predicted": rows.get((member.recording, PREDICTED)),
        }
        for member in run.recordings
        if (member.recording, HUMAN) in rows or (member.recording, PREDICTED) in rows
    ]


def statistics_agreement_lines(run: Run, behavior: str) -> list[Row]:
    """Predicted against human over recordings, in the order of subsets and statistics."""
    return [
        row
        | {
            "subset": SUBSET_WORDS.get(row["subset"], row["subset"]),
            "words": STATISTIC_WORDS.get(row["statistic"], row["statistic"]),
            # Shares of time need more decimals than seconds.
            "n_decimals": 3 if row["statistic"] == "fraction" else 2,
        }
        for row in run.tables.statistics_agreement
        if row["behavior"] == behavior
    ]


def group_lines(run: Run) -> list[Row]:
    """Rows of groups.csv, each with the decimals that its means and standard deviations need."""
    names = ("mean_first", "sd_first", "mean_second", "sd_second")
    return [row | {"n_decimals": n_decimals_of(*(row[name] for name in names))} for row in run.tables.groups]


def reasons_not_available(rows: list[Row]) -> list[str]:
    """Each reason of a table once, in order."""
    return list(dict.fromkeys(str(row["reason"]) for row in rows if row.get("reason")))
