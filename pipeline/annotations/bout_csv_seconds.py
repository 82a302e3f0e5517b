"""Bout CSV in seconds: ``behavior,start_s,stop_s``, one row per bout; the frame is the one nearest to time × fps.

``stop_s`` is the time at which the behavior was over, so ends are half-open already. A bout shorter than a
frame covers none. A header without rows says: watched, and nothing happened.
"""

from common.errors import InputError
from pipeline.annotations.base import EventList, FoundBout, Wanted, collect_bouts
from pipeline.annotations.bout_table import find_ends, iter_bouts
from pipeline.annotations.cells import nearest_frame, seconds
from pipeline.annotations.opening import AnnotationFile

DESCRIPTION = "bout CSV in seconds (behavior,start_s,stop_s)"
_ENDS = (("start_s", "stop_s"), ("start", "stop"))
_FRAMES = ("start_frame", "stop_frame")


def matches(file: AnnotationFile) -> bool:
    """True where the header names the columns, and no columns of frames, which would win."""
    return find_ends(file, *_ENDS) is not None and find_ends(file, _FRAMES) is None


def read(file: AnnotationFile, wanted: Wanted) -> EventList:
    """Read the bouts.

    Raises
    ------
    InputError
        A row without behavior or with times that are none, a stop before its start, overlapping bouts.
    """
    found = []
    for row, ends, cells in iter_bouts(file, _ENDS, DESCRIPTION):
        start_s, stop_s = (seconds(file.at(row), name, cells[name]) for name in ends)
        if stop_s < start_s:
            raise InputError(
                f"Expected {ends[1]} after {ends[0]} in {file.at(row)}, found {start_s:g} to {stop_s:g} "
                f"({cells['behavior']!r})."
            )
        start, stop = (nearest_frame(time_s, wanted.fps) for time_s in (start_s, stop_s))
        found.append(FoundBout(row, cells["behavior"], start, stop))
    return collect_bouts(file, "bout_csv_seconds", found, {})
