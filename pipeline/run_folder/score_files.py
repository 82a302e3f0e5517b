"""The tables of scores and statistics in a run's folder."""

from collections.abc import Sequence

from common.tables import Row, write_table
from pipeline.run_folder.run_dir import RunDir
from pipeline.scoring.bouts.scores import write_bout_scores
from pipeline.scoring.score_tables import (
    AS_USED,
    BEFORE_CALIBRATION,
    CALIBRATION_COLUMNS,
    INTERVAL_COLUMNS,
    bout_rows,
    calibration_rows,
    interval_rows,
)
from pipeline.scoring.scores import PredictedRecording, score_rows, write_scores
from pipeline.scoring.statistics.ethology_tables import (
    BehaviorTimelines,
    statistics_agreement_rows,
    statistics_bin_rows,
    statistics_rows,
    write_statistics,
    write_statistics_agreement,
    write_statistics_bins,
)


def write_score_tables(
    run: RunDir,
    recordings: Sequence[PredictedRecording],
    behaviors: Sequence[str],
    uncalibrated: Sequence[PredictedRecording] = (),
) -> None:
    """Write every table that compares predictions with labels; scores.csv last.

    Parameters
    ----------
    run : RunDir
    recordings : sequence of PredictedRecording
        Labelled and predicted ones.
    behaviors : sequence of str
        Names of their columns.
    uncalibrated : sequence of PredictedRecording
        The same with the probabilities before calibration; empty where there was none.
    """
    write_bout_scores(run.bout_scores_path, bout_rows(recordings, behaviors))
    write_table(run.intervals_path, INTERVAL_COLUMNS, interval_rows(recordings, behaviors))
    rows = [*calibration_rows(recordings, behaviors, AS_USED)]
    rows += calibration_rows(uncalibrated, behaviors, BEFORE_CALIBRATION)
    write_table(run.calibration_path, CALIBRATION_COLUMNS, rows)
    write_scores(run.scores_path, score_rows(recordings, behaviors))


def write_statistics_tables(run: RunDir, timelines: Sequence[BehaviorTimelines]) -> list[Row]:
    """Write what biologists publish of every recording; returns the rows of statistics.csv."""
    rows = statistics_rows(timelines)
    write_statistics(run.statistics_path, rows)
    write_statistics_bins(run.statistics_bins_path, statistics_bin_rows(timelines))
    write_statistics_agreement(run.statistics_agreement_path, statistics_agreement_rows(timelines))
    return rows
