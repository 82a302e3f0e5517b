"""Rows of the report's further tables: settings chosen, calibration, agreement, publication statistics, strips."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from common.tables import Row
from pipeline.report.figures.agreement import MEASURES, pooled_agreement
from pipeline.run_folder.reading import SUBSET_WORDS, Run
from pipeline.run_folder.tables import FINAL, ChoiceRow
from pipeline.scoring.agreement import HUMAN_HUMAN, MODEL_HUMAN
from pipeline.scoring.postprocessing.postprocess import describe_postprocess
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
MEASURE_WORDS = {"total_s": "total time (s)", "fraction": "fraction of time", "n_bouts": "number of bouts"}


@dataclass(frozen=True)
class ChoiceLines:
    """Full chain of one behavior: for recordings that took no part, and for each that was scored."""

    behavior: str
    final: ChoiceRow
    sentence: str
    by_recording: tuple[ChoiceRow, ...]

    @property
    def tuned(self) -> bool:
        """Whether settings were chosen rather than fixed."""
        return bool(self.final.objective)


def choice_lines(run: Run) -> list[ChoiceLines]:
    """Post-processing per behavior; recordings that were read with the final settings are not repeated."""
    lines = []
    for behavior in run.behaviors:
        rows = [row for row in run.tables.choices if (row.behavior, row.variant) == (behavior, FULL)]
        final = next((row for row in rows if row.recording == FINAL), None)
        if final is not None:
            shared = (final.settings, final.chosen_on)
            own = tuple(row for row in rows if (row.settings, row.chosen_on) != shared)
            lines.append(ChoiceLines(behavior, final, describe_postprocess(final.settings), own))
    return lines


def calibration_lines(run: Run) -> list[Row]:
    """One row per behavior, subset and kind of probabilities: the errors over all bins."""
    found: dict[tuple[object, ...], Row] = {}
    for kind in (BEFORE_CALIBRATION, AS_USED):
        for row in run.tables.calibration:
            if row["probabilities"] == kind:
                found.setdefault((row["behavior"], row["subset"], kind), row)
    order = {name: i for i, name in enumerate(run.behaviors)}
    rows = sorted(found.values(), key=lambda row: (order.get(str(row["behavior"]), 0), _place(run, row)))
    return [
        row
        | {
            "subset": SUBSET_WORDS.get(str(row["subset"]), row["subset"]),
            "words": "after calibration"
            if row["probabilities"] == AS_USED and (row["behavior"], row["subset"], BEFORE_CALIBRATION) in found
            else row["probabilities"],
        }
        for row in rows
    ]


def _place(run: Run, row: Row) -> int:
    return run.subsets.index(str(row["subset"])) if row["subset"] in run.subsets else len(run.subsets)


@dataclass(frozen=True)
class AgreementTable:
    """Human agreement of one behavior in one subset: pooled rows, means over pairs, rows per recording."""

    behavior: str
    subset: str
    pairs: tuple[Mapping[str, Any], ...]
    means: tuple[tuple[str, Mapping[str, float | None]], ...]
    by_recording: tuple[Mapping[str, Any], ...]


def agreement_tables(run: Run) -> list[AgreementTable]:
    """Tables of agreement.csv in the order of behaviors."""
    tables = []
    subsets = list(dict.fromkeys(str(row["subset"]) for row in run.tables.agreement))
    for behavior in run.behaviors:
        for subset in subsets:
            pairs = pooled_agreement(run, behavior, subset)
            if not pairs:
                continue
            means = [
                (words, _means([row for row in pairs if row["kind"] == kind]))
                for kind, words in ((HUMAN_HUMAN, "Mean of human pairs"), (MODEL_HUMAN, "Mean of model and human"))
                if any(row["kind"] == kind for row in pairs)
            ]
            single = [
                row
                for row in run.tables.agreement
                if (row["behavior"], row["subset"]) == (behavior, subset) and row["recording"] != POOLED
            ]
            words = SUBSET_WORDS.get(subset, subset)
            tables.append(AgreementTable(behavior, words, tuple(pairs), tuple(means), tuple(single)))
    return tables


def _means(rows: list[Mapping[str, Any]]) -> dict[str, float | None]:
    """Mean of each measure over pairs that have it; None where none has."""
    means: dict[str, float | None] = {}
    for measure in MEASURES:
        values = [float(row[measure]) for row in rows if row[measure] is not None]
        means[measure] = sum(values) / len(values) if values else None
    return means


@dataclass(frozen=True)
class StatisticsLine:
    """One recording's publication statistics of one behavior; None for a side that is not there."""

    recording: str
    subset: str
    human: Row | None
    predicted: Row | None


def statistics_lines(run: Run, behavior: str) -> list[StatisticsLine]:
    """One line per recording, as in statistics.csv."""
    rows = {
        (str(row["recording"]), str(row["source"])): row for row in run.tables.statistics if row["behavior"] == behavior
    }
    return [
        StatisticsLine(
            member.recording,
            SUBSET_WORDS.get(member.subset, member.subset),
            rows.get((member.recording, HUMAN)),
            rows.get((member.recording, PREDICTED)),
        )
        for member in run.recordings
        if (member.recording, HUMAN) in rows or (member.recording, PREDICTED) in rows
    ]


def statistics_agreement_lines(run: Run, behavior: str) -> list[Row]:
    """Predicted against human over recordings, in the order of subsets and statistics."""
    return [
        row
        | {
            "subset": SUBSET_WORDS.get(str(row["subset"]), row["subset"]),
            "words": STATISTIC_WORDS.get(str(row["statistic"]), row["statistic"]),
            # Shares of time need more decimals than seconds.
            "n_decimals": 3 if row["statistic"] == "fraction" else 2,
        }
        for row in run.tables.statistics_agreement
        if row["behavior"] == behavior
    ]


def reasons_not_available(rows: list[Row]) -> list[str]:
    """Each reason of a table once, in order."""
    return list(dict.fromkeys(str(row["reason"]) for row in rows if row.get("reason")))
