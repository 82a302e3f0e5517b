"""BORIS' tabular export: a row per key press, START and STOP of state events, POINT.

Version 8 has one header row and the column ``Behavior type``. Version 7 has a preamble (observation,
media files, offset, variables), then a header with ``Status`` in its last column.

BORIS 8 leaves out of this export what was pressed at the very end of the video (seen in 8.27, whose
aggregated export of the same observations has it), so that a bout which lasts until the end has no STOP.
Such a START is taken to last until the end if nothing of its behavior follows and what is left of the video
is no longer than the longest other bout of that behavior in the file; this is logged and noted. Any other
START without STOP is an error.
"""

import logging
from collections.abc import Sequence

from pipeline.annotations.base import EventList, FoundBout, Wanted, collect_bouts
from pipeline.annotations.boris.events import Event, to_frame
from pipeline.annotations.boris.exports import fps_of, media_of, select_events, subjects_of
from pipeline.annotations.boris.media import MediaPart, signs_of_another_video, true_cause_first
from pipeline.annotations.boris.pairs import Press, pair_presses, unpaired
from pipeline.annotations.opening import AnnotationFile, Row, cell

DESCRIPTION = "BORIS tabular events (version 7 or 8)"
log = logging.getLogger(__name__)

_KINDS = ("START", "STOP", "POINT")
_KIND_COLUMNS = ("behavior type", "status")
_FROM_PREAMBLE = ("observation id", "time offset (s)")


def matches(file: AnnotationFile) -> bool:
    """True where a header names Time, Behavior and Status or Behavior type, but no Start (s)."""
    return _header(file) is not None


def events_of(file: AnnotationFile) -> list[Event]:
    """All rows, with what a preamble says of them.

    Raises
    ------
    InputError
        The file has no header of this export.
    """
    header = _header(file)
    if header is None:
        raise file.other_than(DESCRIPTION)
    preamble = {cell(cells, 0).casefold(): cell(cells, 1) for row, cells in file.rows if row < header[0]}
    common = {name: text for name, text in preamble.items() if name in _FROM_PREAMBLE}
    return [
        Event(row, common | cells | {"behavior type": cells.get("behavior type", cells.get("status", ""))})
        for row, cells in file.iter_records(*header)
    ]


def media_by_observation(file: AnnotationFile) -> dict[str, list[str]]:
    """Observation ids → names of their media."""
    return media_of(events_of(file))


def subjects_in(file: AnnotationFile, wanted: Wanted) -> dict[str, bool]:
    """Subjects of an observation, all of which show something."""
    return subjects_of(file, events_of(file), wanted)


def told_fps(file: AnnotationFile, wanted: Wanted) -> float | None:
    """Frames per second of the video."""
    return fps_of(file, events_of(file), wanted)


def read(file: AnnotationFile, wanted: Wanted) -> EventList:
    """Pair STARTs and STOPs.

    Raises
    ------
    InputError
        A choice of observation, media file or subject that the user must make; another video; START
        without STOP or the reverse.
    """
    states, faults, part = select_events(file, events_of(file), wanted, _KINDS, ["time"])
    with true_cause_first(signs_of_another_video(file, part, (event["time"] for event in states), wanted)):
        presses = [
            Press(
                event,
                to_frame(file.at(event.row), ("Time", event["time"]), event["image index"], wanted, part),
                event["behavior type"],
            )
            for event in states
        ]
        found, left_open = pair_presses(file, presses)
        last = [_until_the_end(file, press, found, wanted.n_frames, part) for press in left_open]
    notes = tuple(
        f"{file.at(bout.row)}: {bout.behavior!r} has no STOP and is taken to last until the video's end, since BORIS' "
        "tabular export leaves out what was pressed there."
        for bout in last
    )
    for note in notes:
        log.warning(note)
    return collect_bouts(file, "boris_tabular", sorted([*found, *last]), faults, (*notes, *part.notes), part.watched)


def _until_the_end(
    file: AnnotationFile, press: Press, found: Sequence[FoundBout], n_frames: int, part: MediaPart
) -> FoundBout:
    """The bout of a START without STOP, where it can be one that lasts until the video's end."""
    behavior, modifiers = press.key
    lengths = (bout.stop_frame - bout.start_frame for bout in found if bout.behavior == behavior)
    alone = press.event["media duration (s)"] and part == MediaPart()
    if alone and 0 < n_frames - press.frame <= max(lengths, default=0):
        return FoundBout(press.event.row, behavior, press.frame, n_frames, modifiers)
    raise unpaired(file, press, "START", "after it")


def _header(file: AnnotationFile) -> Row | None:
    for row, cells in file.rows:
        folded = {name.casefold() for name in cells}
        if {"time", "behavior"} <= folded and "start (s)" not in folded and folded.intersection(_KIND_COLUMNS):
            return row, cells
    return None
