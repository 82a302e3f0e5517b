"""Bout CSV in seconds: ``behavior,start_s,stop_s``, one row per bout; the frame is the one nearest to time × fps.

Times may be seconds or h:mm:ss, and under names that say so milliseconds or minutes; a time without a unit
(``start_time``, as LISBET has it) is in seconds. The stop is the time at which the behavior was over, so ends are
half-open already. A bout shorter than a frame covers none. A header without rows says: watched, and nothing happened.
"""

import re

from common.errors import InputError
from pipeline.annotations.base import EventList, Wanted
from pipeline.annotations.bout_tables.columns import SECONDS_OF, without_unit
from pipeline.annotations.bout_tables.rows import columns_of, rows_of, to_events, unit_of
from pipeline.annotations.bout_tables.rows import media_by_observation as media_by_observation
from pipeline.annotations.bout_tables.rows import names_videos as names_videos
from pipeline.annotations.bout_tables.rows import subjects_in as subjects_in
from pipeline.annotations.bout_tables.rows import tells_animals_apart as tells_animals_apart
from pipeline.annotations.cells import nearest_frame, seconds
from pipeline.annotations.opening import AnnotationFile, cell

_OPEN_COMMA = re.compile(r"[1-9][0-9]{0,2},[0-9]{3}")
DESCRIPTION = "bout CSV in seconds (behavior,start_s,stop_s)"


def matches(file: AnnotationFile) -> bool:
    """True where the header names a behavior and its ends in time, and no columns of frames, which would win."""
    return unit_of(file) in SECONDS_OF


def read(file: AnnotationFile, wanted: Wanted) -> EventList:
    """Read the bouts.

    Raises
    ------
    InputError
        A row without behavior or with times that are none, a stop before its start, or a recording, rater or animal
        that the user must name.
    """
    columns = columns_of(file)
    ends = next((ends for ends in columns.ends if ends.unit in ("", *SECONDS_OF)), None) if columns else None
    if columns is None or ends is None:
        raise file.other_than(DESCRIPTION)
    rows, notes = rows_of(file, wanted, columns, ends)
    bouts = []
    for row in rows:
        start_s, stop_s = (seconds_of(file, row.row, file.names[i], cell(row.cells, i), ends.unit) for i in ends[:2])
        if stop_s < start_s:
            raise InputError(
                f"Expected {file.names[ends.stop]} after {file.names[ends.start]} in {file.at(row.row)}, found "
                f"{start_s:g} to {stop_s:g} s ({row.behavior!r})."
            )
        bouts.append(row.bout(nearest_frame(start_s, wanted.fps), nearest_frame(stop_s, wanted.fps)))
    return to_events(file, wanted, "bout_csv_seconds", rows, bouts, notes)


def seconds_of(file: AnnotationFile, row: int, name: str, text: str, unit: str) -> float:
    """A time in seconds; h:mm:ss is what it says, whatever the unit.

    Raises
    ------
    InputError
        No time, or one that may be a thousand times another, naming file and row and column.
    """
    bare, own = without_unit(text)
    if own in SECONDS_OF:
        text, unit = bare, own
    if file.dialect is not None and file.dialect.delimiter == "," and _OPEN_COMMA.fullmatch(text):
        raise InputError(
            f"{file.at(row)}, column {name!r}: {text} may be a thousand and more, or have a decimal comma. Write times "
            "with a decimal point, and without a sign between thousands."
        )
    return seconds(file.at(row), name, text) * (1.0 if ":" in text else SECONDS_OF.get(unit, 1.0))
