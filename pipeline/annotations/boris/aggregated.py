"""BORIS' aggregated export: a row per bout (STATE) or point event, with start and stop.

Columns differ between versions (``FPS`` or ``FPS (frame/s)``, with or without image indices, with the
independent variables in between); they are found by name. An export without its header row is read where it
has version 7's columns, which are counted from the one that says STATE or POINT: four before (subject, behavior,
category, modifiers) and five after it (start, stop, duration, two comments). In version 8 the number of columns
before it isn't fixed, so such an export is refused.
"""

from common.errors import InputError
from pipeline.annotations.base import EventList, FoundBout, Wanted, collect_bouts
from pipeline.annotations.boris.events import Event, to_frame
from pipeline.annotations.boris.exports import fps_of, media_of, select_events, subjects_of
from pipeline.annotations.boris.media import MediaPart, signs_of_another_video, true_cause_first
from pipeline.annotations.cells import number
from pipeline.annotations.opening import AnnotationFile, Row, cell

DESCRIPTION = "BORIS aggregated events (version 7 or 8)"
_COLUMNS = {"behavior", "behavior type", "start (s)", "stop (s)"}
_HEADERLESS = (
    "subject", "behavior", "behavioral category", "modifiers", "behavior type", "start (s)", "stop (s)", "duration (s)",
    "comment start", "comment stop",
)  # fmt: skip
_KINDS = ("STATE", "POINT")
_ROUNDING_S = 0.002


def matches(file: AnnotationFile) -> bool:
    """True where the header names Behavior, Behavior type, Start (s) and Stop (s), or there is version 7's form."""
    return _header(file) is not None


def events_of(file: AnnotationFile) -> list[Event]:
    """All rows.

    Raises
    ------
    InputError
        The file has no header of this export.
    """
    header = _header(file)
    if header is None:
        raise file.other_than(DESCRIPTION)
    return [Event(row, cells) for row, cells in file.iter_records(*header)]


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
    """Read the bouts.

    Raises
    ------
    InputError
        A choice of observation, media file or subject that the user must make; another video; a stop
        before its start; overlaps.
    """
    states, faults, part = select_events(file, events_of(file), wanted, _KINDS, ["start (s)", "stop (s)"])
    with true_cause_first(signs_of_another_video(file, part, (event["stop (s)"] for event in states), wanted)):
        found = [_bout(file, event, wanted, part) for event in states]
    return collect_bouts(file, "boris_aggregated", found, faults, part.notes, part.watched)


def _bout(file: AnnotationFile, event: Event, wanted: Wanted, part: MediaPart) -> FoundBout:
    where = file.at(event.row)
    start, stop = (
        to_frame(where, (f"{end} (s)", event[f"{end.lower()} (s)"]), event[f"image index {end.lower()}"], wanted, part)
        for end in ("Start", "Stop")
    )
    if stop < start:
        raise InputError(
            f"In {where}, the bout of {event['behavior']!r} stops (frame {stop}) before it starts (frame {start}). "
            "Correct the observation in BORIS and export again."
        )
    return FoundBout(event.row, event["behavior"], start, stop, event.modifiers)


def _header(file: AnnotationFile) -> Row | None:
    """The header's row and names, row 0 where there is none; None where this is another file."""
    if set(file.folded) >= _COLUMNS:
        return file.rows[0]
    kind = next((i for i, text in enumerate(file.names) if text in _KINDS), -1)
    first = kind - _HEADERLESS.index("behavior type")
    media = next((i for i in (2, 3) if _are_media(file.names, i)), None)
    if media is None or media + 3 > first or not all(_is_headerless(cells, kind) for _, cells in file.rows):
        return None
    names = ["observation id", "observation date", *[""] * (first - 2), *_HEADERLESS]
    names[media : media + 3] = ["media file", "total length", "fps"]
    return 0, names


def _are_media(cells: list[str], position: int) -> bool:
    """True for a media file's name with the length and the frame rate after it."""
    name, *numbers = (cell(cells, position + i) for i in range(3))
    return bool(name) and number(name) is None and all(number(text) is not None for text in numbers)


def _is_headerless(cells: list[str], kind: int) -> bool:
    """True where the cells after the one that says STATE or POINT are start, stop, duration and comments."""
    start, stop, duration = (number(cell(cells, kind + i)) for i in (1, 2, 3))
    if cell(cells, kind) not in _KINDS or start is None or stop is None or any(cells[kind + 6 :]):
        return False
    return cells[kind] == "POINT" or (duration is not None and abs(stop - start - duration) < _ROUNDING_S)
