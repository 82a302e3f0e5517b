"""Bout CSV in seconds: ``behavior,start_s,stop_s``, one row per bout; the frame is the one nearest to time × fps.

``stop_s`` is the time at which the behavior was over, so ends are half-open already. A bout shorter than a
frame covers none. A header without rows says: watched, and nothing happened.
"""

from common.errors import InputError
from pipeline.annotations.base import EventList, FoundBout, Wanted, collect_bouts
from pipeline.annotations.bout_table import find_columns, iter_bouts, required_columns
from pipeline.annotations.cells import cell, nearest_frame, seconds
from pipeline.annotations.opening import FileHead

DESCRIPTION = "bout CSV in seconds (behavior,start_s,stop_s)"
_NAMES = (("start_s", "stop_s"), ("start", "stop"))
_FRAMES = (("start_frame", "stop_frame"),)


def matches(head: FileHead) -> bool:
    """True where the header names the columns, and no columns of frames, which would win."""
    return find_columns(head, _NAMES) is not None and find_columns(head, _FRAMES) is None


def read(head: FileHead, wanted: Wanted) -> EventList:
    """Read the bouts.

    Raises
    ------
    InputError
        A row without behavior or with times that are none, a stop before its start, overlapping bouts.
    """
    columns = required_columns(head, _NAMES, DESCRIPTION)
    found = []
    for row, behavior, cells in iter_bouts(head, columns):
        start_s = seconds(head, row, columns.start_name, cell(cells, columns.start))
        stop_s = seconds(head, row, columns.stop_name, cell(cells, columns.stop))
        if stop_s < start_s:
            raise InputError(
                f"Expected {columns.stop_name} after {columns.start_name} in {head.path.name}, row {row}, found "
                f"{start_s:g} to {stop_s:g} ({behavior!r})."
            )
        start, stop = (nearest_frame(time_s, wanted.fps) for time_s in (start_s, stop_s))
        found.append(FoundBout(row, behavior, start, stop))
    return collect_bouts(head, "bout_csv_seconds", found, {})
