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
from dataclasses import dataclass

from common.errors import InputError
from pipeline.annotations.base import EventList, FoundBout, Wanted, collect_bouts
from pipeline.annotations.boris.events import Event, point_faults, to_frame
from pipeline.annotations.boris.exports import iter_events, select_events
from pipeline.annotations.boris.media import MediaPart
from pipeline.annotations.boris.pairs import Press, pair_presses, unpaired
from pipeline.annotations.cells import cell
from pipeline.annotations.opening import FileHead

DESCRIPTION = "BORIS tabular events (version 7 or 8)"
log = logging.getLogger(__name__)

_KINDS = ("START", "STOP", "POINT")
_FROM_PREAMBLE = ("observation id", "time offset (s)")


@dataclass(frozen=True)
class _Layout:
    header_row: int
    names: list[str]
    kind_column: str
    preamble: dict[str, str]


def matches(head: FileHead) -> bool:
    """True where a header names Time, Behavior and Status or Behavior type, but no Start (s)."""
    return _layout(head) is not None


def read(head: FileHead, wanted: Wanted) -> EventList:
    """Pair STARTs and STOPs.

    Raises
    ------
    InputError
        A choice of observation, media file or subject that the user must make; another video; START
        without STOP or the reverse.
    """
    layout = _layout(head)
    if layout is None:
        raise InputError(f"Expected {DESCRIPTION} in {head.path.name}, found no header of it. Export it again.")
    events = [
        Event(event.row, {**layout.preamble, **event.cells})
        for event in iter_events(head, layout.header_row, layout.names)
    ]
    events, part = select_events(head, events, wanted, ("time",))
    presses, points = [], []
    for event in events:
        kind = event[layout.kind_column]
        if kind not in _KINDS or not event["behavior"]:
            raise InputError(
                f"Expected a behavior and START, STOP or POINT in {head.path.name}, row {event.row}, found "
                f"{event['behavior']!r} and {kind!r}. Export the observation again."
            )
        if kind == "POINT":
            points.append(event)
        else:
            frame = to_frame(head, event.row, ("Time", event["time"]), event["image index"], wanted, part)
            presses.append(Press(event, frame, kind))
    found, left_open = pair_presses(head, presses)
    last = [_until_the_end(head, press, found, wanted.n_frames, part) for press in left_open]
    notes = tuple(
        f"{head.path.name}, row {bout.row}: {bout.behavior!r} has no STOP and is taken to last "
        "until the video's end, since BORIS' tabular export leaves out what was pressed there."
        for bout in last
    )
    for note in notes:
        log.warning(note)
    faults = point_faults(head, points)
    return collect_bouts(head, "boris_tabular", sorted([*found, *last]), faults, (*notes, *part.notes), part.watched)


def _until_the_end(
    head: FileHead, press: Press, found: Sequence[FoundBout], n_frames: int, part: MediaPart
) -> FoundBout:
    """The bout of a START without STOP, where it can be one that lasts until the video's end."""
    behavior, modifiers = press.key
    lengths = (bout.stop_frame - bout.start_frame for bout in found if bout.behavior == behavior)
    alone = press.event["media duration (s)"] and part == MediaPart()
    if alone and 0 < n_frames - press.frame <= max(lengths, default=0):
        return FoundBout(press.event.row, behavior, press.frame, n_frames, modifiers)
    raise unpaired(head, press, "START", "after it")


def _layout(head: FileHead) -> _Layout | None:
    preamble: dict[str, str] = {}
    for row, cells in head.rows:
        folded = [name.casefold() for name in cells]
        if {"time", "behavior"} <= set(folded) and "start (s)" not in folded:
            if "behavior type" in folded:
                return _Layout(row, cells, "behavior type", {})
            if "status" in folded:
                return _Layout(row, cells, "status", preamble)
        if cell(folded, 0) in _FROM_PREAMBLE:
            preamble[cell(folded, 0)] = cell(cells, 1)
    return None
