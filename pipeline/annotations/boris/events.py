"""What BORIS' files have in common: whose events they are, and how times become frames.

An event stands there with its time in seconds and, in BORIS 8, with its image index. The index is
what BORIS showed, so it wins; the time must agree with it within one frame. Without an index, the frame is
the one nearest to time × fps: BORIS rounds the time of a frame to milliseconds, so rounding down would be
off by one. The frame shown at STOP is the first one without the behavior: ends are half-open already.

Which observation: the one that is named, else the only one, else the only one that has the recording's
video among its media. Which subject: the one that is named, else the only one that shows any of the
experiment's behaviors. Everything else is an error that lists what there is.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from common.errors import InputError
from common.suggestions import did_you_mean, listing
from common.words import is_given
from pipeline.annotations.base import Wanted, choose_animal
from pipeline.annotations.boris.media import TOLERANCE_FRAMES, MediaPart, same_media
from pipeline.annotations.cells import nearest_frame, seconds, whole_number
from pipeline.annotations.opening import AnnotationFile

NO_SUBJECT = "No focal subject"
_NO_MODIFIERS = ("", "none")


@dataclass(frozen=True)
class Event:
    """One row of an export, or one event of a project (`AnnotationFile.unit`), with cells by lower-case column name."""

    row: int
    cells: dict[str, str] = field(repr=False)

    def __getitem__(self, name: str) -> str:
        """The cell, "" where the export has no such column."""
        return self.cells.get(name, "")

    @property
    def subject(self) -> str:
        """Name of the subject, `NO_SUBJECT` where there is none."""
        name = self["subject"]
        return NO_SUBJECT if name.casefold() in ("", NO_SUBJECT.casefold()) else name

    @property
    def subject_name(self) -> str:
        """The same, "" where there is none."""
        return "" if self.subject == NO_SUBJECT else self.subject

    @property
    def modifiers(self) -> str:
        """Modifiers joined by ``|``; "" where there are none."""
        texts = [text for name, text in self.cells.items() if name.startswith("modifier") and text]
        return "" if all(text.casefold() in _NO_MODIFIERS for text in texts) else "|".join(texts)

    def is_of(self, behaviors: frozenset[str]) -> bool:
        """True where it is of one of these behaviors, named with or without its modifiers."""
        return self["behavior"] in behaviors or f"{self['behavior']} ({self.modifiers})" in behaviors


def choose_observation(file: AnnotationFile, media_of: Mapping[str, Iterable[str]], wanted: Wanted) -> str:
    """Id of the observation that belongs to the video.

    It is the one that is named in `wanted`, else the only one, else the only one with the video among its media
    (`media_of`: observation ids → names of their media).

    Raises
    ------
    InputError
        None, or several that could be meant.
    """
    named = wanted.choice.observation
    if named:
        if named in media_of:
            return named
        raise InputError(
            f"{file.path.name} has no observation {named!r}.{did_you_mean(named, media_of)} It has: "
            f"{listing(media_of)}."
        )
    fitting = list(media_of)
    if len(fitting) > 1:
        fitting = [name for name, media in media_of.items() if same_media(wanted.media_name, media)]
    if len(fitting) == 1:
        return fitting[0]
    by_video = f", of which {len(fitting) or 'none'} name {wanted.media_name}" if wanted.media_name else ""
    raise InputError(
        f"{file.path.name} holds {len(media_of)} observations{by_video}: {listing(fitting or media_of, 12)}. Name the "
        f"one that belongs to this recording: {file.path.name}#observation=NAME."
    )


def choose_subject(file: AnnotationFile, events: list[Event], wanted: Wanted, known: Iterable[str] = ()) -> list[Event]:
    """The events of one subject; `known` are those that the file defines though nothing may be scored of them.

    Raises
    ------
    InputError
        The named subject isn't there or is another animal's, or several could be meant.
    """
    return choose_animal(
        file, "subject", [(event.subject, event.is_of(wanted.behaviors), event) for event in events], wanted, known
    )


def require_recorded(where: str, kind: str) -> None:
    """Raise where the observation (`kind` as BORIS names it) is none of a video."""
    if any(word in kind.casefold() for word in ("live", "picture", "image")):
        raise InputError(
            f"{where}, is of an observation of the type {kind!r}, whose times are counted from the press of a button "
            "and not from a video's first frame. Only observations of media files can be used as they are. If you know "
            "when the video began, subtract that and write the bouts as a CSV, behavior,start_s,stop_s; else score the "
            "video itself in BORIS."
        )


def to_frame(where: str, time: tuple[str, str], image_index: str, wanted: Wanted, part: MediaPart) -> int:
    """The frame of an event: 0 … n_frames, where n_frames can only be an end (half-open).

    One more than n_frames is taken as n_frames, since BORIS' player may report the end of the file a frame late; later
    times stay as they are, for the check of the label's span. Where other videos come before or after, times in these
    become 0 and n_frames.

    `time` is the name of the column and its cell; `image_index` BORIS' own frame number, counted from the beginning of
    the media file (blank or NA = not given); `part` where the video lies in the observation's time.

    Raises
    ------
    InputError
        No time, a time before the video, or time and index more than a frame apart.
    """
    time_s = seconds(where, *time) - part.start_s
    position = time_s * wanted.fps
    frame = nearest_frame(time_s, wanted.fps)
    elsewhere = part.has_neighbours and not 1 < position < wanted.n_frames - 1
    if is_given(image_index) and part.has_index and not elsewhere:
        index = whole_number(image_index)
        if index is None:
            raise InputError(
                f"Expected a frame number as image index in {where}, found {image_index!r}. Export the observation "
                "again."
            )
        if abs(index - position) > TOLERANCE_FRAMES:
            raise InputError(
                f"{where}: the image index {index} and the time {time_s:g} s (frame {position:.1f} at {wanted.fps:g} "
                "fps) are more than a frame apart. Was the video converted after scoring, or is its frame rate not "
                "constant? Score and analyse the same file."
            )
        frame = index
    if part.has_neighbours:
        return min(max(frame, 0), wanted.n_frames)
    if frame < 0:
        raise InputError(
            f"{where}: the time {time[1]} s lies {-time_s:g} s before the video's beginning, since the observation "
            f"has a time offset of {part.start_s:g} s. Correct it in BORIS."
        )
    return wanted.n_frames if frame == wanted.n_frames + 1 else frame


def point_faults(file: AnnotationFile, points: Iterable[Event]) -> dict[str, str]:
    """Behaviors with point events → why they can't be used; an error only where one is asked for."""
    faults: dict[str, str] = {}
    for event in points:
        faults.setdefault(
            event["behavior"],
            f"{file.unit} {event.row}: {event['behavior']!r} is a point event in BORIS, which has no duration and "
            "covers no frame. Make it a state event, or leave it out of `behaviors`",
        )
    return faults
