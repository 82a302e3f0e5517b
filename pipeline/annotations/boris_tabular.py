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
from dataclasses import dataclass
from itertools import groupby

from features.errors import InputError
from pipeline.annotations.base import EventList, TextHead, collect_bouts
from pipeline.annotations.boris import (
    Event,
    iter_events,
    point_faults,
    require_one_observation,
    require_same_video,
    to_frame,
)
from pipeline.annotations.cells import cell

DESCRIPTION = "BORIS tabular events (version 7 or 8)"
log = logging.getLogger(__name__)

_KINDS = ("START", "STOP", "POINT")


@dataclass(frozen=True)
class _Layout:
    header_row: int
    names: list[str]
    kind_column: str
    duration_column: str
    preamble: dict[str, str]


def matches(head: TextHead) -> bool:
    """True where a header names Time, Behavior and Status or Behavior type, but no Start (s)."""
    return _layout(head) is not None


def read(head: TextHead, n_frames: int, fps: float) -> EventList:
    """Pair STARTs and STOPs.

    Raises
    ------
    InputError
        Several observations, media files or subjects; another video; START without STOP or the reverse.
    """
    layout = _layout(head)
    if layout is None:
        raise InputError(f"Expected {DESCRIPTION} in {head.path.name}, found no header of it. Export it again.")
    events = list(iter_events(head, layout.header_row, layout.names))
    if "time offset (s)" in layout.preamble:
        offset = {"time offset (s)": layout.preamble["time offset (s)"]}
        events = [Event(event.row, {**event.cells, **offset}) for event in events]
    require_one_observation(head, events)
    require_same_video(head, events[0].row, events[0][layout.duration_column], events[0]["fps"], n_frames, fps)
    states: dict[str, list[tuple[int, Event]]] = {}
    points = []
    for event in events:
        kind = event[layout.kind_column]
        if kind not in _KINDS or not event["behavior"]:
            raise InputError(
                f"Expected a behavior and START, STOP or POINT in {head.path.name}, row {event.row}, found "
                f"{event['behavior']!r} and {kind!r}. Export the observation again."
            )
        if kind == "POINT":
            points.append(event)
            continue
        frame = to_frame(head, event.row, ("Time", event["time"]), event["image index"], n_frames, fps)
        states.setdefault(event["behavior"], []).append((frame, event))
    found = []
    notes = []
    for behavior, presses in states.items():
        bouts, open_start = _pair(head, layout.kind_column, behavior, presses)
        if open_start is not None:
            bouts.append(_until_the_end(head, behavior, open_start, bouts, n_frames))
            notes.append(
                f"{head.path.name}, row {open_start[1].row}: {behavior!r} has no STOP and is taken to last "
                "until the video's end, since BORIS' tabular export leaves out what was pressed there."
            )
        found += bouts
    for note in notes:
        log.warning(note)
    return collect_bouts(head, "boris_tabular", sorted(found), point_faults(head, points), tuple(notes))


def _pair(
    head: TextHead, kind_column: str, behavior: str, presses: list[tuple[int, Event]]
) -> tuple[list[tuple[int, str, int, int]], tuple[int, Event] | None]:
    """Bouts of one behavior from its key presses, and the last START if it has no STOP."""
    presses = _stops_first(sorted(presses, key=lambda press: press[0]), kind_column)
    bouts = []
    started: tuple[int, Event] | None = None
    for frame, event in presses:
        if event[kind_column] == "START":
            if started is not None:
                raise _unpaired(head, behavior, started[1], "START", f"before the next START in row {event.row}")
            started = (frame, event)
        elif started is None:
            raise _unpaired(head, behavior, event, "STOP", "before it")
        else:
            bouts.append((started[1].row, behavior, started[0], frame))
            started = None
    return bouts, started


def _until_the_end(
    head: TextHead,
    behavior: str,
    open_start: tuple[int, Event],
    bouts: list[tuple[int, str, int, int]],
    n_frames: int,
) -> tuple[int, str, int, int]:
    """The bout of a START without STOP, where it can be one that lasts until the video's end."""
    frame, event = open_start
    longest = max((stop - start for _, _, start, stop in bouts), default=0)
    if event["media duration (s)"] and 0 < n_frames - frame <= longest:
        return event.row, behavior, frame, n_frames
    raise _unpaired(head, behavior, event, "START", "after it")


def _stops_first(presses: list[tuple[int, Event]], kind_column: str) -> list[tuple[int, Event]]:
    """Where a bout ends in the frame in which the next begins, put the STOP first, however the rows stand."""
    ordered: list[tuple[int, Event]] = []
    active = False
    for _, same_frame in groupby(presses, key=lambda press: press[0]):
        waiting = list(same_frame)
        while waiting:
            wanted = "STOP" if active else "START"
            press = next((press for press in waiting if press[1][kind_column] == wanted), waiting[0])
            waiting.remove(press)
            ordered.append(press)
            active = press[1][kind_column] == "START"
    return ordered


def _unpaired(head: TextHead, behavior: str, event: Event, kind: str, when: str) -> InputError:
    other = "STOP" if kind == "START" else "START"
    return InputError(
        f"In {head.path.name}, the {kind} of {behavior!r} in row {event.row} (time {event['time']}) has no "
        f"{other} {when}. State events need both: correct the observation in BORIS (it marks unpaired "
        "events) and export again; if the behavior lasted until the video's end, use the aggregated export."
    )


def _layout(head: TextHead) -> _Layout | None:
    preamble: dict[str, str] = {}
    for row, cells in head.rows:
        folded = [name.casefold() for name in cells]
        if {"time", "behavior"} <= set(folded) and "start (s)" not in folded:
            if "behavior type" in folded:
                return _Layout(row, cells, "behavior type", "media duration (s)", {})
            if "status" in folded:
                return _Layout(row, cells, "status", "total length", preamble)
        preamble[cell(folded, 0)] = cell(cells, 1)
    return None
