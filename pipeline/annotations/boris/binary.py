"""BORIS' behaviors binary table: a column ``time``, then a column of 0/1 per behavior, a row per time step.

Rows are states at times a fixed step apart, chosen at export; each is the state of the frame shown then. With
a step of a frame or less all frames are labelled. With a longer one (BORIS proposes 1 s) only the frames of
the rows are scored, since what happened between them isn't in the file: this is noted. Where a step is so
short that two rows of one frame differ, that frame is not scored.

A behavior with modifiers has a column for each combination, ``grooming (paws|left)``. As in the other exports it is
known by its plain name too: active where it is with any modifier.
"""

import math
import re
from collections.abc import Mapping

import numpy as np

from common.errors import InputError
from common.words import is_given
from pipeline.annotations.base import FrameTable, Wanted
from pipeline.annotations.cells import number, seconds
from pipeline.annotations.frame_table import LabelColumn, frame_rows, label_positions, read_columns, to_table
from pipeline.annotations.opening import AnnotationFile, Row, cell

DESCRIPTION = "BORIS behaviors binary table (time, then a column of 0/1 per behavior)"
_ROUNDING_S = 0.0005  # BORIS writes times to the millisecond
_MODIFIED = re.compile(r"(.+?) \(.*\)")


def matches(file: AnnotationFile) -> bool:
    """True where ``time`` stands first in the header and only numbers below it."""
    if file.folded[:1] != ["time"] or len(file.names) < 2 or len(file.rows) < 2:
        return False
    return all(number(text) is not None for _, row in file.rows[1:] for text in row if is_given(text))


def read(file: AnnotationFile, wanted: Wanted) -> FrameTable:
    """Read the states.

    Raises
    ------
    InputError
        No column of times, times that don't increase, a name twice, no rows, or no column of 0 and 1.
    """
    if file.folded[:1] != ["time"]:
        raise file.other_than(DESCRIPTION)
    positions = label_positions(file, other_than=[0])
    rows = list(frame_rows(file, None, skips_blank=True))
    frames = _frames(file, rows, wanted)
    n_frames = max(wanted.n_frames, int(frames.max()) + 1)
    columns = _with_plain_names(read_columns(rows, positions))
    columns = {name: _on_frames(column, frames, n_frames) for name, column in columns.items()}
    n_scored = len(np.unique(frames))
    note = (
        f"{file.path.name} says what happened in {n_scored} of {n_frames} frames, one per time step of the export; the "
        "others are not scored. Export events (tabular or aggregated) from BORIS to have them all."
    )
    notes = (note,) if n_scored <= 0.9 * n_frames else ()
    return to_table(file, "boris_binary", columns, notes, description=DESCRIPTION)


def _with_plain_names(columns: Mapping[str, LabelColumn]) -> dict[str, LabelColumn]:
    """The columns, and those of behaviors with modifiers under the behavior's name alone, before them."""
    parts: dict[str, list[LabelColumn]] = {}
    for name, column in columns.items():
        modified = _MODIFIED.fullmatch(name)
        parts.setdefault(modified[1] if modified else name, []).append(column)
    return {name: _any_of(own) for name, own in parts.items()} | {
        name: column for name, column in columns.items() if name not in parts
    }


def _any_of(columns: list[LabelColumn]) -> LabelColumn:
    """One behavior from its modifiers: scored where any is active, or all are scored."""
    if fault := next((column for column in columns if column.fault), None):
        return fault
    active = np.any([column.active for column in columns], axis=0)
    return LabelColumn(active, active | np.all([column.scored for column in columns], axis=0))


def _frames(file: AnnotationFile, rows: list[Row], wanted: Wanted) -> np.ndarray:
    """The frame shown at each row's time; the row at the video's very end counts for its last frame."""
    frames = np.empty(len(rows), dtype=np.int64)
    previous_s = -math.inf
    for i, (row, cells) in enumerate(rows):
        time_s = seconds(file.at(row), "time", cell(cells, 0))
        if time_s <= previous_s:
            raise InputError(f"Expected times that increase in {file.at(row)}, found {cell(cells, 0)!r}.")
        previous_s = time_s
        frames[i] = math.floor((time_s + _ROUNDING_S) * wanted.fps)
    if frames[-1] > 2 * wanted.n_frames + wanted.fps:
        raise InputError(
            f"{file.path.name} goes on until {previous_s:g} s, but the video has {wanted.n_frames} frames at "
            f"{wanted.fps:g} fps. Is it of another video, or are the times no seconds?"
        )
    return np.where(frames == wanted.n_frames, max(wanted.n_frames - 1, 0), frames)


def _on_frames(column: LabelColumn, frames: np.ndarray, n_frames: int) -> LabelColumn:
    if column.fault:
        return column
    seen = np.zeros((2, n_frames), dtype=bool)
    seen[1, frames[column.active]] = True
    seen[0, frames[column.scored & ~column.active]] = True
    return LabelColumn(seen[1] & ~seen[0], seen[0] != seen[1])
