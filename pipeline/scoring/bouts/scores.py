"""The table of bout scores: one row per behavior, subset, recording (or pooled) and way of post-processing.

It stands beside the table of frame scores and has the same first columns, so that rows of both can be
joined. `iou10`, `iou25`, `iou50` = IoU at least 0.1, 0.25, 0.5; `true_to_predicted` = the mirror view
(the rule is in `pipeline.scoring.bouts.metrics`). Errors and shifts of onsets and offsets are medians in
seconds. An empty cell = undefined; `reasons_undefined` says why.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from common.tables import Row, read_rows, write_table
from pipeline.scoring.bouts.metrics import IOU_THRESHOLDS, BoutCounts, bout_counts, bout_reason_undefined
from pipeline.scoring.metrics import FrameArrays

_KEY_COLUMNS = ("behavior", "subset", "recording", "postprocessed")
_IOU_NAMES = {iou: f"iou{round(100 * iou)}" for iou in IOU_THRESHOLDS}
_MATCH_COLUMNS = tuple(
    column
    for name in _IOU_NAMES.values()
    for column in (
        f"bout_precision_{name}",
        f"bout_recall_{name}",
        f"bout_f1_{name}",
        f"bout_f1_{name}_true_to_predicted",
    )
)
_COUNT_COLUMNS = ("n_true", "n_predicted", "missed", "invented", "split", "merged", "n_matched")
_END_COLUMNS = ("onset_error_s", "onset_shift_s", "offset_error_s", "offset_shift_s")
_RATIO_COLUMNS = (*_MATCH_COLUMNS, *_END_COLUMNS, "edit_score")

BOUT_SCORE_COLUMNS = (
    *_KEY_COLUMNS,
    "n_true",
    "n_predicted",
    *_MATCH_COLUMNS,
    "missed",
    "invented",
    "split",
    "merged",
    "n_matched",
    *_END_COLUMNS,
    "edit_score",
)

BoutScoreRow = Row


def pooled_bout_counts(recordings: Iterable[FrameArrays], fps: Iterable[float]) -> BoutCounts:
    """Compare the bouts of one behavior in several recordings and add up.

    Only frames that a human scored and the model predicted (a probability that is not NaN) count, as in
    the frame scores; the others cut bouts.

    Parameters
    ----------
    recordings : iterable of FrameArrays
    fps : iterable of float
        Frames per second of each recording.

    Returns
    -------
    BoutCounts
        All 0 when there is no recording.

    Raises
    ------
    ValueError
        When there are more or fewer fps than recordings, or the timelines of one differ in length.
    """
    pooled = BoutCounts()
    for part, recording_fps in zip(recordings, fps, strict=True):
        pooled = pooled + bout_counts(part.true, part.predicted, recording_fps, part.used_frames())
    return pooled


def bout_score_row_cells(counts: BoutCounts) -> BoutScoreRow:
    """All cells of a row but its key (behavior, subset, recording, postprocessed); None where undefined."""
    cells: BoutScoreRow = {column: getattr(counts, column) for column in (*_COUNT_COLUMNS, *_END_COLUMNS, "edit_score")}
    for iou, name in _IOU_NAMES.items():
        matches = counts.predicted_to_true(iou)
        cells[f"bout_precision_{name}"] = matches.precision
        cells[f"bout_recall_{name}"] = matches.recall
        cells[f"bout_f1_{name}"] = matches.f1
        cells[f"bout_f1_{name}_true_to_predicted"] = counts.true_to_predicted(iou).f1
    return {column: cells[column] for column in BOUT_SCORE_COLUMNS if column in cells}


def reasons_undefined(row: Mapping[str, object]) -> dict[str, str]:
    """Reason in words for each cell of a row (computed or read back) that is None, by column."""
    has_frames = row["edit_score"] is not None
    n_matched = int(str(row["n_matched"]))
    return {
        column: bout_reason_undefined(column, has_frames, n_matched) for column in _RATIO_COLUMNS if row[column] is None
    }


def write_bout_scores(path: Path, rows: Iterable[BoutScoreRow]) -> None:
    """Write the table; equal scores give equal bytes.

    Raises
    ------
    ValueError
        When a row has other keys than `BOUT_SCORE_COLUMNS`.
    """
    write_table(path, BOUT_SCORE_COLUMNS, rows)


def read_bout_scores(path: Path) -> list[BoutScoreRow]:
    """Read a table of bout scores back: counts as int, the rest as float, None where undefined.

    Raises
    ------
    FileNotFoundError
        When the file is missing.
    ValueError
        When a column is missing or a number cannot be read.
    """
    return read_rows(path, BOUT_SCORE_COLUMNS, ratios=_RATIO_COLUMNS, required_counts=_COUNT_COLUMNS)
