"""Frame CSV: a header of behavior names, then one row per frame of 1, 0, and empty or -1 for not scored.

Yes and no may also be TRUE/FALSE, yes/no, 1.0/0.0. A column of frame numbers (0, 1, 2, …) named ``frame``, ``index``
or nothing is allowed and checked; numbers that count from 1 are read, with a note, where the table has as many rows as
the video has frames. Columns that say whose or which video's a row is are no behaviors, and a table with a start and a
stop in each row is none of frames.
Columns that hold other things (times, predicted probabilities) do no harm unless they are asked for.
"""

from common.errors import InputError
from common.words import is_given
from features.poses.deeplabcut import read_header
from pipeline.annotations.base import FrameTable, Wanted
from pipeline.annotations.bout_tables.columns import find_columns
from pipeline.annotations.cells import number
from pipeline.annotations.frame_table import (
    LabelColumn,
    frame_rows,
    index_position,
    label_positions,
    one_based_notes,
    parse_cell,
    read_columns,
    to_table,
)
from pipeline.annotations.opening import AnnotationFile

DESCRIPTION = "frame CSV (a column of 0/1 per behavior, a row per frame)"
_LEAST_SHARE_OF_NUMBERS = 0.7  # event lists are mostly text; a typing error is one cell


def matches(file: AnnotationFile) -> bool:
    """True where a row of names stands over mostly numbers, and it is no file of poses."""
    names = file.names
    cells = [text for _, row in file.rows[1:] for text in row]
    if any(number(name) is not None for name in names) or not any(names) or not cells:
        return False
    given = [text for text in cells if is_given(text)]
    n_numbers = sum(number(text) is not None or parse_cell(text) is not None for text in given)
    bouts = find_columns(tuple(file.names))
    if n_numbers < _LEAST_SHARE_OF_NUMBERS * len(given) or (bouts is not None and bouts.behavior is not None):
        return False
    return file.dialect is None or read_header(file.path, file.dialect) is None


def read(file: AnnotationFile, wanted: Wanted) -> FrameTable:
    """Read all columns; what is no label column becomes a fault under its name.

    Raises
    ------
    InputError
        A name twice, rows longer than the header, frame numbers that don't count 0, 1, 2, …, no rows,
        or no label column at all.
    """
    return to_table(file, "frame_csv", *all_columns(file, wanted.n_frames), description=DESCRIPTION)


def all_columns(file: AnnotationFile, n_frames_video: int) -> tuple[dict[str, LabelColumn], tuple[str, ...]]:
    """All columns but the frame numbers, by name, and notes; raises as `read` does."""
    if bouts := find_columns(tuple(file.names)):
        start, stop = (file.names[i] for i in bouts.ends[0][:2])
        raise InputError(
            f"{file.path.name} has a start and a stop in each row ({start}, {stop}), so it is a table of bouts and "
            f"none of frames{'' if bouts.behavior is not None else ', but no column says of which behavior'}. Name "
            "that column `behavior` and the two others start_frame and stop_frame, or start_s and stop_s; or remove "
            "them if each row is a frame."
        )
    index = index_position(file.names)
    rows = frame_rows(file, index, n_frames_video=n_frames_video)
    return read_columns(rows, label_positions(file, other_than=[index])), one_based_notes(file, index)
