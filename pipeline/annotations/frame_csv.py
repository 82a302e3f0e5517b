"""Frame CSV: a header of behavior names, then one row per frame of 1, 0, and empty or -1 for not scored.

A first column of frame numbers (0, 1, 2, …) named ``frame``, ``index`` or nothing is allowed and checked.
Columns that hold other things (times, predicted probabilities) do no harm unless they are asked for.
"""

import numpy as np

from features.delimited import iter_rows
from features.errors import InputError
from features.poses.deeplabcut import read_header
from features.suggestions import listing
from pipeline.annotations import bout_csv
from pipeline.annotations.base import FrameTable, TextHead
from pipeline.annotations.cells import cell, is_given, number
from pipeline.annotations.frame_cells import parse_cells

DESCRIPTION = "frame CSV (a column of 0/1 per behavior, a row per frame)"
_LEAST_SHARE_OF_NUMBERS = 0.7  # event lists are mostly text; a typing error is one cell
_INDEX_NAMES = ("", "frame", "frames", "frame_number", "frame number", "index", "unnamed: 0")


def matches(head: TextHead) -> bool:
    """True where a row of names stands over mostly numbers, and it is neither bouts nor poses."""
    names = head.rows[0][1]
    cells = [text for _, row in head.rows[1:] for text in row]
    if any(number(name) is not None for name in names) or not any(names) or not cells:
        return False
    given = [text for text in cells if is_given(text)]
    n_numbers = sum(number(text) is not None for text in given)
    if n_numbers < _LEAST_SHARE_OF_NUMBERS * len(given) or bout_csv.matches(head):
        return False
    return read_header(head.path, head.dialect) is None


def read(head: TextHead, n_frames: int, fps: float) -> FrameTable:
    """Read all columns; what is no label column becomes a fault under its name.

    Raises
    ------
    InputError
        A name twice, rows longer than the header, frame numbers that don't count 0, 1, 2, …, no rows,
        or no label column at all.
    """
    header_row, names = head.rows[0]
    index = next((i for i, name in enumerate(names) if name.casefold() in _INDEX_NAMES), None)
    columns = [i for i, name in enumerate(names) if i != index and name]
    twice = [name for name in names if name and names.count(name) > 1]
    if twice:
        raise InputError(f"{head.path.name} has the column {twice[0]!r} twice. Give each behavior one column.")
    rows = _rows(head, header_row, len(names), index)
    parsed = {
        names[i]: parse_cells(names[i], [cell(row, i) for _, row in rows], [number for number, _ in rows])
        for i in columns
    }
    faults = {name: column.fault for name, column in parsed.items() if column.fault}
    good = tuple(name for name in parsed if name not in faults)
    if not good:
        first = next(iter(faults.values()), f"its columns are {listing(names)}")
        raise InputError(f"{head.path.name} has no column of labels: {first}. Expected {DESCRIPTION}.")
    return FrameTable(
        head.path,
        "frame_csv",
        good,
        np.stack([parsed[name].active for name in good], axis=1),
        np.stack([parsed[name].scored for name in good], axis=1),
        faults,
    )


def _rows(head: TextHead, header_row: int, width: int, index: int | None) -> list[tuple[int, list[str]]]:
    """The rows under the header, one per frame; blank lines at the end are no frames."""
    rows = []
    for row, cells in iter_rows(head.path, head.dialect):
        if row <= header_row:
            continue
        if any(cells[width:]):
            raise InputError(
                f"{head.path.name}, row {row}, has {len(cells)} cells, its header only {width}. "
                "Is a name in the header missing?"
            )
        rows.append((row, cells))
    while rows and (not any(rows[-1][1]) if index is not None else not rows[-1][1]):
        rows.pop()
    if not rows:
        raise InputError(f"{head.path.name} has a header but no rows. Export it again.")
    if index is not None:
        for frame, (row, cells) in enumerate(rows):
            if number(cell(cells, index)) != frame:
                raise InputError(
                    f"Expected the frame numbers 0, 1, 2, … in {head.path.name}, one row per frame, found "
                    f"{cell(cells, index)!r} instead of {frame} in row {row}. Count frames from 0 and leave "
                    "none out; a frame that wasn't scored has empty cells."
                )
    return rows
