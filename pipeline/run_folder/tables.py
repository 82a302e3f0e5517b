"""The tables of a run folder that a report may show, and those that are there."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from common.tables import Row
from pipeline.run_folder.contents import (
    AGREEMENT,
    BOUT_SCORES,
    CALIBRATION,
    CHOICES,
    CLASS_SCORES,
    CONFUSION,
    ENSEMBLE_SCORES,
    FAILURES,
    GROUPS,
    IMPORTANCE,
    INTERVALS,
    PROTOCOL,
    PROXIMITY_PAIRS,
    PROXIMITY_STATISTICS,
    RANDOM_FRAME_SCORES,
    RECORDING_STATISTICS,
    STATISTICS_AGREEMENT,
    STATISTICS_BINS,
    SUMMARY,
    Table,
)
from pipeline.run_folder.run_dir import RunDir
from pipeline.run_folder.whole_files import read_optional
from pipeline.scoring.postprocessing.postprocess import PostprocessConfig
from pipeline.scoring.timeline import FULL

# In the place of a recording's id, which is never empty: the settings of recordings that took no part.
FINAL = ""


@dataclass(frozen=True)
class ChoiceRow:
    """One line of postprocess.csv: how one behavior's probabilities are read in one recording, by one variant.

    `objective` is "" and the values None where the settings were fixed; `chosen_on` names the recordings
    whose predictions they (or the calibration) were chosen from.
    """

    behavior: str
    recording: str
    variant: str
    settings: PostprocessConfig
    objective: str
    value: float | None
    value_none: float | None
    value_closed: float | None
    n_candidates: int | None
    chosen_on: tuple[str, ...]


@dataclass(frozen=True)
class Tables:
    """Rows of the run's tables as dicts by column (numbers as numbers, None = empty); () where a file is absent."""

    choices: tuple[ChoiceRow, ...] = ()
    bout_scores: tuple[Row, ...] = ()
    class_scores: tuple[Row, ...] = ()
    confusion: tuple[Row, ...] = ()
    intervals: tuple[Row, ...] = ()
    calibration: tuple[Row, ...] = ()
    statistics: tuple[Row, ...] = ()
    statistics_bins: tuple[Row, ...] = ()
    statistics_agreement: tuple[Row, ...] = ()
    groups: tuple[Row, ...] = ()
    agreement: tuple[Row, ...] = ()
    protocol: tuple[Row, ...] = ()
    random_frame_scores: tuple[Row, ...] = ()
    importance: tuple[Row, ...] = ()
    ensemble: tuple[Row, ...] = ()
    proximity: tuple[Row, ...] = ()
    proximity_pairs: tuple[Row, ...] = ()
    summary: tuple[Row, ...] = ()
    failures: tuple[Row, ...] = ()

    def settings(self, behavior: str, recording: str, variant: str = FULL) -> PostprocessConfig | None:
        """How one behavior's probabilities were read in one recording; None where the folder does not say."""
        for row in self.choices:
            if (row.behavior, row.recording, row.variant) == (behavior, recording, variant):
                return row.settings
        return None

    def interval(self, behavior: str, subset: str, variant: str, score: str) -> Row | None:
        """One row of intervals.csv."""
        wanted = (behavior, subset, variant, score)
        return first_row(self.intervals, ("behavior", "subset", "postprocessed", "score"), wanted)

    def bout_score(self, behavior: str, subset: str, variant: str, recording: str = "pooled") -> Row | None:
        """One row of bout_scores.csv."""
        wanted = (behavior, subset, variant, recording)
        return first_row(self.bout_scores, ("behavior", "subset", "postprocessed", "recording"), wanted)


def first_row(rows: Sequence[Row], columns: tuple[str, ...], wanted: tuple[str, ...]) -> Row | None:
    """The first row that says this in these columns; None where there is none."""
    return next((row for row in rows if tuple(row[column] for column in columns) == wanted), None)


_TABLES: dict[str, Table] = {
    "bout_scores": BOUT_SCORES,
    "class_scores": CLASS_SCORES,
    "confusion": CONFUSION,
    "intervals": INTERVALS,
    "calibration": CALIBRATION,
    "statistics": RECORDING_STATISTICS,
    "statistics_bins": STATISTICS_BINS,
    "statistics_agreement": STATISTICS_AGREEMENT,
    "groups": GROUPS,
    "agreement": AGREEMENT,
    "protocol": PROTOCOL,
    "random_frame_scores": RANDOM_FRAME_SCORES,
    "importance": IMPORTANCE,
    "ensemble": ENSEMBLE_SCORES,
    "proximity": PROXIMITY_STATISTICS,
    "proximity_pairs": PROXIMITY_PAIRS,
    "summary": SUMMARY,
    "failures": FAILURES,
}


def read_tables(run: RunDir) -> Tables:
    """Read every table that the folder holds.

    Raises
    ------
    InputError
        When a table is there and cannot be read.
    """
    choices = read_optional(run, CHOICES.path(run), lambda path: _choices(CHOICES.read_file(path)))
    return Tables(tuple(choices or ()), **{name: tuple(table.read_if_there(run)) for name, table in _TABLES.items()})


def _choices(rows: Sequence[Row]) -> list[ChoiceRow]:
    # In the file the final settings are called `final`, unless a recording bears that name.
    final_cell = "final" if all(row["recording"] for row in rows) else ""
    return [_choice(row | ({"recording": FINAL} if row["recording"] == final_cell else {})) for row in rows]


def _choice(row: Row) -> ChoiceRow:
    cells: dict[str, Any] = dict(row)
    steps = ("smooth_s", "threshold", "max_gap_s", "min_bout_s", "opening_s")
    settings = {name: cells.pop(name) for name in steps} | {"order": cells.pop("order").split(" > ")}
    chosen_on = cells.pop("chosen_on")
    return ChoiceRow(
        variant=cells.pop("postprocessed"),
        settings=PostprocessConfig.model_validate(settings),
        chosen_on=tuple(chosen_on.split("; ")) if chosen_on else (),
        **cells,
    )
