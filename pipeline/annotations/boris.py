"""What BORIS' exports have in common: whose they are, and how times become frames.

An event stands in the export with its time in seconds and, in BORIS 8, with its image index. The index is
what BORIS showed, so it wins; the time must agree with it within one frame. Without an index, the frame is
the one nearest to time × fps: BORIS rounds the time of a frame to milliseconds, so rounding down would be
off by one. The frame shown at STOP is the first one without the behavior: ends are half-open already.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from features.delimited import iter_rows
from features.errors import InputError
from features.suggestions import listing
from pipeline.annotations.base import TextHead
from pipeline.annotations.cells import cell, is_given, number, seconds, whole_number

TOLERANCE_FRAMES = 1.0
_FPS_TOLERANCE = 0.002  # BORIS rounds fps (23.98 for 23.976); real confusion (25 for 30) is far larger
_NO_SUBJECT = "no focal subject"


@dataclass(frozen=True)
class Event:
    """One row of an export: its row number and its cells by lower-case column name."""

    row: int
    cells: dict[str, str]

    def __getitem__(self, name: str) -> str:
        """The cell, "" where the export has no such column."""
        return self.cells.get(name, "")


def iter_events(head: TextHead, header_row: int, names: list[str]) -> Iterator[Event]:
    """The rows under the header."""
    folded = [name.casefold() for name in names]
    for row, cells in iter_rows(head.path, head.dialect):
        if row > header_row and any(cells):
            yield Event(row, {name: cell(cells, i) for i, name in enumerate(folded)})


def require_one_observation(head: TextHead, events: list[Event]) -> None:
    """Raise unless all events are of one observation, one media file, one subject, and offset 0.

    Raises
    ------
    InputError
        Naming what was found more than once, and how to export it apart.
    """
    if not events:
        raise InputError(
            f"The BORIS export {head.path.name} holds no events. Were the observation and its behaviors "
            "selected? If really nothing happened, use a bout CSV with only its header "
            "behavior,start_frame,stop_frame."
        )
    for column, what in (
        ("observation id", "observations"),
        ("media file name", "media files"),
        ("media file path", "media files"),
        ("media file", "media files"),
    ):
        _require_one(head, (event[column] for event in events), what)
    subjects = (event["subject"] for event in events)
    _require_one(head, ("" if name.casefold() == _NO_SUBJECT else name for name in subjects), "subjects", "(none)")
    for event in events:
        offset = event["time offset (s)"]
        if is_given(offset) and number(offset) != 0:
            raise InputError(
                f"{head.path.name}, row {event.row}, has a time offset of {offset} s, so its times are not "
                "the video's. Set the observation's time offset to 0 in BORIS and export again."
            )


def require_same_video(head: TextHead, row: int, duration: str, fps_cell: str, n_frames: int, fps: float) -> None:
    """Check the export's own word on the video against the decoded one.

    Parameters
    ----------
    head : TextHead
        The file.
    row : int
        Row that the cells are from.
    duration : str
        Media duration in seconds; blank or NA = not given.
    fps_cell : str
        Frames per second; several may be joined by ``;``, ``,`` or ``|``.
    n_frames, fps : int, float
        The decoded video's.

    Raises
    ------
    InputError
        They differ by more than a frame, or the rates are really different.
    """
    rates = [number(part) for part in fps_cell.replace("|", ";").replace(",", ";").split(";") if is_given(part.strip())]
    for rate in rates:
        if rate is None or abs(rate - fps) > _FPS_TOLERANCE * fps:
            raise InputError(
                f"{head.path.name}, row {row}, was scored on a video of {fps_cell} frames per second, but "
                f"the video has {fps:g}. Was the video converted after scoring? Use the video that was "
                "scored."
            )
    media_s = number(duration) if is_given(duration) else None
    if media_s is not None and abs(media_s * fps - n_frames) > TOLERANCE_FRAMES:
        raise InputError(
            f"{head.path.name}, row {row}, was scored on a video of {media_s:g} s, that is "
            f"{media_s * fps:.0f} frames at {fps:g} fps, but the video has {n_frames} frames. Was it cut or "
            "converted after scoring, or is it the export of another video?"
        )


def to_frame(head: TextHead, row: int, time: tuple[str, str], image_index: str, n_frames: int, fps: float) -> int:
    """The frame of an event.

    Parameters
    ----------
    head, row
        For errors.
    time : tuple of str
        Name of the column and its cell.
    image_index : str
        BORIS' own frame number; blank or NA = not exported.
    n_frames, fps
        The decoded video's.

    Returns
    -------
    int
        0 … n_frames, where n_frames can only be an end (half-open). One more than n_frames is taken as
        n_frames, since BORIS' player may report the end of the file a frame late; later times stay as
        they are, for the check of the label's span.

    Raises
    ------
    InputError
        No time, or time and index more than a frame apart.
    """
    time_s = seconds(head, row, *time)
    frame = math.floor(time_s * fps + 0.5)
    if is_given(image_index):
        index = whole_number(image_index)
        if index is None:
            raise InputError(
                f"Expected a frame number as image index in {head.path.name}, row {row}, found "
                f"{image_index!r}. Export the observation again."
            )
        if abs(index - time_s * fps) > TOLERANCE_FRAMES:
            raise InputError(
                f"{head.path.name}, row {row}: the image index {index} and the time {time_s:g} s (frame "
                f"{time_s * fps:.1f} at {fps:g} fps) are more than a frame apart. Was the video converted "
                "after scoring, or is its frame rate not constant? Score and analyse the same file."
            )
        frame = index
    return n_frames if frame == n_frames + 1 else frame


def point_faults(head: TextHead, points: Iterable[Event]) -> dict[str, str]:
    """Behaviors with point events → why they can't be used; an error only where one is asked for."""
    faults: dict[str, str] = {}
    for event in points:
        faults.setdefault(
            event["behavior"],
            f"row {event.row}: {event['behavior']!r} is a point event in BORIS, which has no duration and "
            "covers no frame. Make it a state event, or leave it out of `behaviors`",
        )
    return faults


def _require_one(head: TextHead, names: Iterable[str], what: str, blank: str = "") -> None:
    found = sorted({name for name in names if name or blank})
    if len(found) > 1:
        raise InputError(
            f"{head.path.name} holds {len(found)} {what}: {listing((name or blank for name in found), 8)}. "
            f"Rearview needs one. Export from BORIS again with only the one that belongs to this recording."
        )
