"""BORIS' behaviors binary table: a column ``time``, then a column of 0/1 per behavior, a row per time step.

Rows are states at times a fixed step apart, chosen at export; each is the state of the frame shown then. With
a step of a frame or less all frames are labelled. With a longer one (BORIS proposes 1 s) only the frames of
the rows are scored, since what happened between them isn't in the file: this is noted. Where a step is so
short that two rows of one frame differ, that frame is not scored.
"""

import math

import numpy as np

from common.errors import InputError
from pipeline.annotations.base import FrameTable, Wanted
from pipeline.annotations.cells import cell, is_given, number, seconds
from pipeline.annotations.frame_cells import LabelColumn, parse_cells
from pipeline.annotations.frame_table import to_table
from pipeline.annotations.opening import FileHead

DESCRIPTION = "BORIS behaviors binary table (time, then a column of 0/1 per behavior)"
_ROUNDING_S = 0.0005  # BORIS writes times to the millisecond


def matches(head: FileHead) -> bool:
    """True where ``time`` stands first in the header and only numbers below it."""
    if not head.names or head.names[0].casefold() != "time" or len(head.names) < 2 or len(head.rows) < 2:
        return False
    return all(number(text) is not None for _, row in head.rows[1:] for text in row if is_given(text))


def read(head: FileHead, wanted: Wanted) -> FrameTable:
    """Read the states.

    Raises
    ------
    InputError
        No column of times, times that don't increase, a name twice, no rows, or no column of 0 and 1.
    """
    names = head.names
    if not names or names[0].casefold() != "time":
        raise InputError(f"Expected {DESCRIPTION} in {head.path.name}, found no column time in its first place.")
    twice = [name for name in names if name and names.count(name) > 1]
    if twice:
        raise InputError(f"{head.path.name} has the column {twice[0]!r} twice. Export it without modifiers.")
    rows = [(row, cells) for row, cells in head.iter_rows() if row > head.rows[0][0] and any(cells)]
    if not rows:
        raise InputError(f"{head.path.name} has a header but no rows. Export it again.")
    frames = _frames(head, rows, wanted)
    n_frames = max(wanted.n_frames, int(frames.max()) + 1)
    numbers = [row for row, _ in rows]
    columns = {
        name: _on_frames(parse_cells(name, [cell(cells, i) for _, cells in rows], numbers), frames, n_frames)
        for i, name in enumerate(names)
        if i > 0 and name
    }
    table = to_table(head, "boris_binary", columns, DESCRIPTION)
    n_scored = len(np.unique(frames))
    if n_scored > 0.9 * n_frames:
        return table
    note = (
        f"{head.path.name} says what happened in {n_scored} of {n_frames} frames, one per time step of the export; the "
        "others are not scored. Export events (tabular or aggregated) from BORIS to have them all."
    )
    return FrameTable(table.path, table.format, table.behaviors, table.active, table.scored, table.faults, (note,))


def _frames(head: FileHead, rows: list[tuple[int, list[str]]], wanted: Wanted) -> np.ndarray:
    """The frame shown at each row's time; the row at the video's very end counts for its last frame."""
    frames = np.empty(len(rows), dtype=np.int64)
    previous_s = -math.inf
    for i, (row, cells) in enumerate(rows):
        time_s = seconds(head, row, "time", cell(cells, 0))
        if time_s <= previous_s:
            raise InputError(f"Expected times that increase in {head.path.name}, row {row}, found {cell(cells, 0)!r}.")
        previous_s = time_s
        frames[i] = math.floor((time_s + _ROUNDING_S) * wanted.fps)
    if frames[-1] > 2 * wanted.n_frames + wanted.fps:
        raise InputError(
            f"{head.path.name} goes on until {previous_s:g} s, but the video has {wanted.n_frames} frames at "
            f"{wanted.fps:g} fps. Is it of another video, or are the times no seconds?"
        )
    return np.where(frames == wanted.n_frames, max(wanted.n_frames - 1, 0), frames)


def _on_frames(column: LabelColumn, frames: np.ndarray, n_frames: int) -> LabelColumn:
    if column.fault:
        return column
    seen = np.zeros((2, n_frames), dtype=bool)
    seen[1, frames[column.active]] = True
    seen[0, frames[column.scored & ~column.active]] = True
    return LabelColumn(seen[1] & ~seen[0], seen[0] != seen[1], "")
