"""Frame CSV: a header of behavior names, then one row per frame of 1, 0, and empty or -1 for not scored.

A column of frame numbers (0, 1, 2, …) named ``frame``, ``index`` or nothing is allowed and checked.
Columns that hold other things (times, predicted probabilities) do no harm unless they are asked for.
"""

from features.poses.deeplabcut import read_header
from pipeline.annotations.base import FrameTable, Wanted
from pipeline.annotations.cells import is_given, number
from pipeline.annotations.frame_table import (
    LabelColumn,
    frame_rows,
    index_position,
    label_positions,
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
    n_numbers = sum(number(text) is not None for text in given)
    if n_numbers < _LEAST_SHARE_OF_NUMBERS * len(given):
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
    return to_table(file, "frame_csv", all_columns(file), DESCRIPTION)


def all_columns(file: AnnotationFile) -> dict[str, LabelColumn]:
    """All columns but the frame numbers, by name; raises as `read` does."""
    index = index_position(file.names)
    return read_columns(frame_rows(file, index), label_positions(file, other_than=[index]))
