"""The tables of a run folder that a report may show, and those that are there."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from common.tables import Row, read_rows, read_table
from pipeline.run_folder.run_dir import RunDir
from pipeline.run_folder.summary_table import read_summary
from pipeline.run_folder.whole_files import read_optional
from pipeline.scoring.agreement import read_agreement
from pipeline.scoring.bouts.scores import read_bout_scores
from pipeline.scoring.postprocessing.postprocess import PostprocessConfig
from pipeline.scoring.score_tables import CALIBRATION_COLUMNS, INTERVAL_COLUMNS, PROTOCOL_COLUMNS
from pipeline.scoring.scores import FULL
from pipeline.scoring.statistics.ethology_tables import read_statistics, read_statistics_agreement, read_statistics_bins
from pipeline.scoring.statistics.groups import read_groups

# In the place of a recording's id, which is never empty: the settings of recordings that took no part.
FINAL = ""


@dataclass(frozen=True)
class ChoiceRow:
    """One line of postprocess.csv: how one behavior's probabilities are read in one recording, in one way.

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
    intervals: tuple[Row, ...] = ()
    calibration: tuple[Row, ...] = ()
    statistics: tuple[Row, ...] = ()
    statistics_bins: tuple[Row, ...] = ()
    statistics_agreement: tuple[Row, ...] = ()
    groups: tuple[Row, ...] = ()
    agreement: tuple[Row, ...] = ()
    protocol: tuple[Row, ...] = ()
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
        return _first(self.intervals, ("behavior", "subset", "postprocessed", "score"), wanted)

    def bout_score(self, behavior: str, subset: str, variant: str, recording: str = "pooled") -> Row | None:
        """One row of bout_scores.csv."""
        wanted = (behavior, subset, variant, recording)
        return _first(self.bout_scores, ("behavior", "subset", "postprocessed", "recording"), wanted)


def _first(rows: Sequence[Row], columns: tuple[str, ...], wanted: tuple[str, ...]) -> Row | None:
    return next((row for row in rows if tuple(row[column] for column in columns) == wanted), None)


def read_tables(folder: RunDir) -> Tables:
    """Read every table that the folder holds.

    Raises
    ------
    InputError
        When a table is there and cannot be read.
    """
    return Tables(
        choices=tuple(read_optional(folder.choices_path, _read_choices) or ()),
        bout_scores=tuple(read_optional(folder.bout_scores_path, read_bout_scores) or ()),
        intervals=tuple(read_optional(folder.intervals_path, _read_intervals) or ()),
        calibration=tuple(read_optional(folder.calibration_path, _read_calibration) or ()),
        statistics=tuple(read_optional(folder.statistics_path, read_statistics) or ()),
        statistics_bins=tuple(read_optional(folder.statistics_bins_path, read_statistics_bins) or ()),
        statistics_agreement=tuple(read_optional(folder.statistics_agreement_path, read_statistics_agreement) or ()),
        groups=tuple(read_optional(folder.groups_path, read_groups) or ()),
        agreement=tuple(read_optional(folder.agreement_path, read_agreement) or ()),
        protocol=tuple(read_optional(folder.protocol_path, _read_protocol) or ()),
        summary=tuple(read_optional(folder.summary_path, read_summary) or ()),
        failures=tuple(read_optional(folder.failures_path, _read_failures) or ()),
    )


def _read_choices(path: Path) -> list[ChoiceRow]:
    steps = ("smooth_s", "threshold", "max_gap_s", "min_bout_s", "opening_s")
    lines = read_table(path)
    # In the file they are called `final`, unless a recording bears that name.
    final_cell = "final" if all(cells["recording"] for cells in lines) else ""
    rows = []
    for cells in lines:
        order = cells["order"].split(" > ")
        settings = PostprocessConfig.model_validate({name: float(cells[name]) for name in steps} | {"order": order})
        values = {name: float(cells[name]) if cells[name] else None for name in ("value", "value_none", "value_closed")}
        rows.append(
            ChoiceRow(
                behavior=cells["behavior"],
                recording=FINAL if cells["recording"] == final_cell else cells["recording"],
                variant=cells["postprocessed"],
                settings=settings,
                objective=cells["objective"],
                n_candidates=int(cells["n_candidates"]) if cells["n_candidates"] else None,
                chosen_on=tuple(cells["chosen_on"].split("; ")) if cells["chosen_on"] else (),
                **values,
            )
        )
    return rows


def _read_failures(path: Path) -> list[Row]:
    return read_rows(path, ("recording", "video", "reason"))


def _read_intervals(path: Path) -> list[Row]:
    counts = ("n_individuals", "n_resamples")
    return read_rows(path, INTERVAL_COLUMNS, counts, ("value", "low", "high", "level"))


def _read_calibration(path: Path) -> list[Row]:
    ratios = ("lower", "upper", "mean_probability", "observed", "calibration_error", "brier", "log_loss")
    return read_rows(path, CALIBRATION_COLUMNS, ("n_frames", "n_positive"), ratios)


def _read_protocol(path: Path) -> list[Row]:
    ratios = ("nested", "thesis", "optimism", "low", "high", "level", "p")
    return read_rows(path, PROTOCOL_COLUMNS, ("n_individuals",), ratios)
