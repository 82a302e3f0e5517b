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
from pipeline.annotations.base import Wanted
from pipeline.annotations.boris.media import TOLERANCE_FRAMES, MediaPart, same_media
from pipeline.annotations.cells import is_given, nearest_frame, seconds, whole_number
from pipeline.annotations.opening import FileHead

NO_SUBJECT = "No focal subject"
_NO_MODIFIERS = ("", "none")


@dataclass(frozen=True)
class Event:
    """One row of an export, or one event of a project.

    Attributes
    ----------
    row : int
        Where it stands (`FileHead.unit`).
    cells : dict of str to str
        By lower-case column name.
    """

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
    def modifiers(self) -> str:
        """Modifiers joined by ``|``; "" where there are none."""
        texts = [text for name, text in self.cells.items() if name.startswith("modifier") and text]
        return "" if all(text.casefold() in _NO_MODIFIERS for text in texts) else "|".join(texts)

    def is_of(self, behaviors: frozenset[str]) -> bool:
        """True where it is of one of these behaviors, named with or without its modifiers."""
        return self["behavior"] in behaviors or f"{self['behavior']} ({self.modifiers})" in behaviors


def choose_observation(head: FileHead, media_of: Mapping[str, Iterable[str]], wanted: Wanted) -> str:
    """Id of the observation that belongs to the video.

    Parameters
    ----------
    head : FileHead
        For errors.
    media_of : mapping of str to iterable of str
        Observation ids → names of their media.
    wanted : Wanted
        The video's name, and the observation where the user named it.

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
            f"{head.path.name} has no observation {named!r}.{did_you_mean(named, media_of)} It has: "
            f"{listing(media_of)}."
        )
    fitting = list(media_of)
    if len(fitting) > 1:
        fitting = [name for name, media in media_of.items() if same_media(wanted.media_name, media)]
    if len(fitting) == 1:
        return fitting[0]
    by_video = f", of which {len(fitting) or 'none'} name {wanted.media_name}" if wanted.media_name else ""
    raise InputError(
        f"{head.path.name} holds {len(media_of)} observations{by_video}: {listing(fitting or media_of, 12)}. Name the "
        f"one that belongs to this recording: {head.path.name}#observation=NAME."
    )


def choose_subject(head: FileHead, events: list[Event], wanted: Wanted, known: Iterable[str] = ()) -> list[Event]:
    """The events of one subject.

    Parameters
    ----------
    head : FileHead
        For errors.
    events : list of Event
        Of one observation.
    wanted : Wanted
        The subject where the user named it, and the behaviors that matter where not.
    known : iterable of str
        Subjects that the file defines; one of them may be named though nothing is scored of it.

    Raises
    ------
    InputError
        The named subject isn't there or is another animal's, or several could be meant.
    """
    subjects = sorted({event.subject for event in events})
    named, animal = wanted.choice.whose, wanted.choice.animal
    if animal and named.casefold() != animal.casefold() and animal.casefold() in map(str.casefold, subjects):
        raise InputError(
            f"{head.path.name}#subject={named} contradicts the column `animal`: the file has behaviors of {animal!r} "
            "as well. Name one animal in both, or leave #subject= out."
        )
    if named:
        chosen = next((name for name in (*subjects, *known) if name.casefold() == named.casefold()), None)
        if chosen is None:
            raise InputError(
                f"{head.path.name} has no subject {named!r} in this observation.{did_you_mean(named, subjects)} It "
                f"has: {listing(subjects)}."
            )
        return [event for event in events if event.subject == chosen]
    if wanted.behaviors and len(subjects) > 1:
        events = [event for event in events if event.is_of(wanted.behaviors)]
        subjects = sorted({event.subject for event in events})
    if len(subjects) > 1:
        raise InputError(
            f"{head.path.name} holds {len(subjects)} subjects: {listing(subjects, 8)}. Name the one whose behaviors "
            f"are meant: {head.path.name}#subject={subjects[0]}."
        )
    return events


def require_recorded(head: FileHead, row: int, kind: str) -> None:
    """Raise where the observation (`kind` as BORIS names it) is none of a video."""
    if any(word in kind.casefold() for word in ("live", "picture", "image")):
        raise InputError(
            f"{head.at(row)}, is of an observation of the type {kind!r}, whose times are not "
            "those of a video. Only observations of media files can be used."
        )


def to_frame(head: FileHead, row: int, time: tuple[str, str], image_index: str, wanted: Wanted, part: MediaPart) -> int:
    """The frame of an event.

    Parameters
    ----------
    head, row
        For errors.
    time : tuple of str
        Name of the column and its cell.
    image_index : str
        BORIS' own frame number, counted from the beginning of the media file; blank or NA = not given.
    wanted : Wanted
        The decoded video's frames and rate.
    part : MediaPart
        Where the video lies in the observation's time.

    Returns
    -------
    int
        0 … n_frames, where n_frames can only be an end (half-open). One more than n_frames is taken as
        n_frames, since BORIS' player may report the end of the file a frame late; later times stay as
        they are, for the check of the label's span. Where other videos come before or after, times in
        these become 0 and n_frames.

    Raises
    ------
    InputError
        No time, a time before the video, or time and index more than a frame apart.
    """
    time_s = seconds(head, row, *time) - part.start_s
    position = time_s * wanted.fps
    frame = nearest_frame(time_s, wanted.fps)
    elsewhere = part.has_neighbours and not 1 < position < wanted.n_frames - 1
    if is_given(image_index) and part.has_index and not elsewhere:
        index = whole_number(image_index)
        if index is None:
            raise InputError(
                f"Expected a frame number as image index in {head.at(row)}, found "
                f"{image_index!r}. Export the observation again."
            )
        if abs(index - position) > TOLERANCE_FRAMES:
            raise InputError(
                f"{head.at(row)}: the image index {index} and the time {time_s:g} s (frame "
                f"{position:.1f} at {wanted.fps:g} fps) are more than a frame apart. Was the video converted "
                "after scoring, or is its frame rate not constant? Score and analyse the same file."
            )
        frame = index
    if part.has_neighbours:
        return min(max(frame, 0), wanted.n_frames)
    if frame < 0:
        raise InputError(
            f"{head.at(row)}: the time {time[1]} s lies {-time_s:g} s before the video's "
            f"beginning, since the observation has a time offset of {part.start_s:g} s. Correct it in BORIS."
        )
    return wanted.n_frames if frame == wanted.n_frames + 1 else frame


def point_faults(head: FileHead, points: Iterable[Event]) -> dict[str, str]:
    """Behaviors with point events → why they can't be used; an error only where one is asked for."""
    faults: dict[str, str] = {}
    for event in points:
        faults.setdefault(
            event["behavior"],
            f"{head.unit} {event.row}: {event['behavior']!r} is a point event in BORIS, which has no duration and "
            "covers no frame. Make it a state event, or leave it out of `behaviors`",
        )
    return faults
