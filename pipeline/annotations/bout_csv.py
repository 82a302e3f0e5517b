"""Bout CSV: ``behavior,start_frame,stop_frame``, one row per bout, half-open, frames counted from 0.

Further columns (times, durations, probabilities) are ignored, so that a run's own ``bouts/`` files can be
read back. A header without rows says: watched, and nothing happened.
"""

from features.delimited import iter_rows
from features.errors import InputError
from pipeline.annotations.base import EventList, TextHead, collect_bouts
from pipeline.annotations.cells import cell, frame_number

DESCRIPTION = "bout CSV (behavior,start_frame,stop_frame; half-open)"
_COLUMNS = ("behavior", "start_frame", "stop_frame")


def matches(head: TextHead) -> bool:
    """True where the header names the three columns."""
    return set(_COLUMNS) <= {name.casefold() for name in head.rows[0][1]}


def read(head: TextHead, n_frames: int, fps: float) -> EventList:
    """Read the bouts.

    Raises
    ------
    InputError
        A row without behavior or with frames that are none, an empty bout, overlapping bouts.
    """
    header_row, names = head.rows[0]
    folded = [name.casefold() for name in names]
    missing = [name for name in _COLUMNS if folded.count(name) != 1]
    if missing:
        raise InputError(f"Expected one column {missing[0]!r} in {head.path.name}: {DESCRIPTION}.")
    positions = [folded.index(name) for name in _COLUMNS]
    found = []
    for row, cells in iter_rows(head.path, head.dialect):
        if row <= header_row or not any(cells):
            continue
        behavior, start_text, stop_text = (cell(cells, position) for position in positions)
        if not behavior:
            raise InputError(f"{head.path.name}, row {row}, names no behavior. Write one, or remove the row.")
        start = frame_number(head, row, "start_frame", start_text)
        stop = frame_number(head, row, "stop_frame", stop_text)
        if stop <= start:
            raise InputError(
                f"Expected stop_frame after start_frame in {head.path.name}, row {row}, found {start} to "
                f"{stop} ({behavior!r}). Bouts are half-open: a bout of one frame, 7, is written 7,8."
            )
        found.append((row, behavior, start, stop))
    return collect_bouts(head, "bout_csv", found, {})
