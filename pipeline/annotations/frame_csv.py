"""Frame CSV: a header of behavior names, then one row per frame of 1, 0, and empty or -1 for not scored.

A column of frame numbers (0, 1, 2, …) named ``frame``, ``index`` or nothing is allowed and checked.
Columns that hold other things (times, predicted probabilities) do no harm unless they are asked for.
"""

from common.errors import InputError
from features.poses.deeplabcut import read_header
from pipeline.annotations.base import FrameTable, Wanted
from pipeline.annotations.cells import cell, is_given, number
from pipeline.annotations.frame_cells import LabelColumn, parse_cells
from pipeline.annotations.frame_table import frame_rows, index_position, to_table
from pipeline.annotations.opening import FileHead

DESCRIPTION = "frame CSV (a column of 0/1 per behavior, a row per frame)"
_LEAST_SHARE_OF_NUMBERS = 0.7  # event lists are mostly text; a typing error is one cell


def matches(head: FileHead) -> bool:
    """True where a row of names stands over mostly numbers, and it is no file of poses."""
    names = head.names
    cells = [text for _, row in head.rows[1:] for text in row]
    if any(number(name) is not None for name in names) or not any(names) or not cells:
        return False
    given = [text for text in cells if is_given(text)]
    n_numbers = sum(number(text) is not None for text in given)
    if n_numbers < _LEAST_SHARE_OF_NUMBERS * len(given):
        return False
    return head.dialect is None or read_header(head.path, head.dialect) is None


def read(head: FileHead, wanted: Wanted) -> FrameTable:
    """Read all columns; what is no label column becomes a fault under its name.

    Raises
    ------
    InputError
        A name twice, rows longer than the header, frame numbers that don't count 0, 1, 2, …, no rows,
        or no label column at all.
    """
    return to_table(head, "frame_csv", read_columns(head), DESCRIPTION)


def read_columns(head: FileHead) -> dict[str, LabelColumn]:
    """All columns but the frame numbers, by name.

    Raises
    ------
    InputError
        As `read`.
    """
    names = head.names
    index = index_position(names)
    twice = [name for name in names if name and names.count(name) > 1]
    if twice:
        raise InputError(f"{head.path.name} has the column {twice[0]!r} twice. Give each behavior one column.")
    rows = frame_rows(head, index)
    numbers = [row for row, _ in rows]
    return {
        name: parse_cells(name, [cell(cells, i) for _, cells in rows], numbers)
        for i, name in enumerate(names)
        if i != index and name
    }
