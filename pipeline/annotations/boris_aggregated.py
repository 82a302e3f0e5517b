"""BORIS' aggregated export: a row per bout (STATE) or point event, with start and stop.

Columns differ between versions (``FPS`` or ``FPS (frame/s)``, with or without image indices, with the
independent variables in between); they are found by name. An export without its header row is refused:
its columns can't be told apart for sure.
"""

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

DESCRIPTION = "BORIS aggregated events (version 8)"
_COLUMNS = {"behavior", "behavior type", "start (s)", "stop (s)"}


def matches(head: TextHead) -> bool:
    """True where the header names Behavior, Behavior type, Start (s) and Stop (s)."""
    return {name.casefold() for name in head.rows[0][1]} >= _COLUMNS


def read(head: TextHead, n_frames: int, fps: float) -> EventList:
    """Read the bouts.

    Raises
    ------
    InputError
        Several observations, media files or subjects; another video; a stop before its start; overlaps.
    """
    if not matches(head):
        raise InputError(f"Expected {DESCRIPTION} in {head.path.name}, found no header of it. Export it again.")
    events = list(iter_events(head, *head.rows[0]))
    require_one_observation(head, events)
    first = events[0]
    duration = first["media duration (s)"] or first["total length"]
    require_same_video(head, first.row, duration, first["fps (frame/s)"] or first["fps"], n_frames, fps)
    found = []
    points = []
    for event in events:
        kind = event["behavior type"]
        if kind not in ("STATE", "POINT") or not event["behavior"]:
            raise InputError(
                f"Expected a behavior and STATE or POINT in {head.path.name}, row {event.row}, found "
                f"{event['behavior']!r} and {kind!r}. Export the observation again."
            )
        if kind == "POINT":
            points.append(event)
        else:
            found.append(_bout(head, event, n_frames, fps))
    return collect_bouts(head, "boris_aggregated", found, point_faults(head, points))


def _bout(head: TextHead, event: Event, n_frames: int, fps: float) -> tuple[int, str, int, int]:
    start, stop = (
        to_frame(
            head, event.row, (f"{end} (s)", event[f"{end} (s)".casefold()]),
            event[f"image index {end}".casefold()], n_frames, fps,
        )
        for end in ("Start", "Stop")
    )  # fmt: skip
    if stop < start:
        raise InputError(
            f"In {head.path.name}, row {event.row}, the bout of {event['behavior']!r} stops (frame {stop}) "
            f"before it starts (frame {start}). Correct the observation in BORIS and export again."
        )
    return event.row, event["behavior"], start, stop
