"""What tables with a row per frame have in common: the frame numbers, and columns of 0 and 1."""

from collections.abc import Mapping

import numpy as np

from common.errors import InputError
from pipeline.annotations.base import FrameTable
from pipeline.annotations.cells import cell, number
from pipeline.annotations.frame_cells import LabelColumn
from pipeline.annotations.opening import FileHead

INDEX_NAMES = ("", "frame", "frames", "frame_number", "frame number", "index", "unnamed: 0")


def index_position(names: list[str]) -> int | None:
    """The column of frame numbers; None where there is none."""
    return next((i for i, name in enumerate(names) if name.casefold() in INDEX_NAMES), None)


def frame_rows(head: FileHead, index: int | None) -> list[tuple[int, list[str]]]:
    """The rows under the header, one per frame; blank lines at the end are no frames.

    Raises
    ------
    InputError
        Rows longer than the header, frame numbers that don't count 0, 1, 2, …, no rows.
    """
    width = len(head.names)
    rows = []
    for row, cells in head.iter_rows():
        if not head.rows or row <= head.rows[0][0]:
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
            require_frame(head, row, cell(cells, index), frame)
    return rows


def require_frame(head: FileHead, row: int, text: str, frame: int) -> None:
    """Raise unless the cell is this frame's number."""
    if number(text) != frame:
        raise InputError(
            f"Expected the frame numbers 0, 1, 2, … in {head.path.name}, one row per frame, found "
            f"{text!r} instead of {frame} in row {row}. Count frames from 0 and leave "
            "none out; a frame that wasn't scored has empty cells."
        )


def to_table(head: FileHead, format_name: str, columns: Mapping[str, LabelColumn], description: str) -> FrameTable:
    """Label columns as a `FrameTable`; those with a fault are kept under their name.

    Raises
    ------
    InputError
        No column without a fault.
    """
    faults = {name: column.fault for name, column in columns.items() if column.fault}
    good = tuple(name for name in columns if name not in faults)
    if not good:
        first = next(iter(faults.values()), f"its columns are {', '.join(head.names)[:200]}")
        raise InputError(f"{head.path.name} has no column of labels: {first}. Expected {description}.")
    active = np.stack([columns[name].active for name in good], axis=1)
    scored = np.stack([columns[name].scored for name in good], axis=1)
    return FrameTable(head.path, format_name, good, active, scored, faults)
