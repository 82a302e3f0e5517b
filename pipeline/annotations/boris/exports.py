"""From the rows of BORIS' tabular and aggregated exports to the events of one video and one subject.

Version 8 lists an observation's media with their lengths (``Source``, ``Media duration (s)``). Version 7 names
only the media that have events, and the length of all of them together; with the decoded video's own length
that is enough where the video is the first or the last of them and its events leave no other reading.

BORIS cuts its exports at the media's end but adds the time offset to the events, so that with an offset the
last events are missing, silently. Such exports are refused unless events stand beyond that end.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from common.errors import InputError
from common.words import is_given
from pipeline.annotations.base import Wanted
from pipeline.annotations.boris.events import Event, choose_observation, choose_subject, point_faults, require_recorded
from pipeline.annotations.boris.media import (
    TOLERANCE_FRAMES,
    Media,
    MediaPart,
    Player,
    choose_media,
    other_video_doubts,
    require_same_length,
    require_same_rate,
    same_media,
    true_cause_first,
    unclear_media,
)
from pipeline.annotations.cells import number, seconds
from pipeline.annotations.opening import AnnotationFile

_MEDIA_COLUMNS = ("media file name", "media file path", "media file")


def media_of(events: Iterable[Event]) -> dict[str, list[str]]:
    """Observation ids → names of their media."""
    media: dict[str, list[str]] = {}
    for event in events:
        own = media.setdefault(event["observation id"], [])
        listed = (name for names in _playlists(event) for name in names)
        own += dict.fromkeys(name for name in (*_media_names(event), *listed) if name not in own)
    return media


def subjects_of(file: AnnotationFile, events: Iterable[Event], wanted: Wanted) -> dict[str, bool]:
    """Subjects of one observation ("" = none), all of which show something, in the order of their names."""
    return dict.fromkeys(sorted({event.subject_name for event in _of_observation(file, list(events), wanted)}), True)


def fps_of(file: AnnotationFile, events: Iterable[Event], wanted: Wanted) -> float | None:
    """Frames per second of an observation's only rate; None where there is none, or several."""
    rates = {
        number(text.strip())
        for event in _of_observation(file, list(events), wanted)
        for text in _rates(event).replace("|", ";").replace(",", ";").split(";")
        if is_given(text.strip())
    }
    return rates.pop() if len(rates) == 1 else None


def _of_observation(file: AnnotationFile, events: list[Event], wanted: Wanted) -> list[Event]:
    if not events:
        return []
    chosen = choose_observation(file, media_of(events), wanted)
    return [event for event in events if event["observation id"] == chosen]


def select_events(
    file: AnnotationFile, events: list[Event], wanted: Wanted, kinds: Sequence[str], time_columns: Sequence[str]
) -> tuple[list[Event], dict[str, str], MediaPart]:
    """The state events of one observation and subject, and where the video lies in their times.

    `kinds` is what ``Behavior type`` may be; `time_columns` are those that hold times, in lower case. The second
    result: behaviors with point events → what is wrong.

    Raises
    ------
    InputError
        No events, another video, a time offset that makes the export incomplete, a row of another kind, or a choice
        that only the user can make (naming what there is, and how to write it).
    """
    if not events:
        raise InputError(
            f"The BORIS export {file.path.name} holds no events. Were the observation and its behaviors "
            "selected? If really nothing happened, use a bout CSV with only its header "
            "behavior,start_frame,stop_frame."
        )
    media = media_of(events)
    chosen = choose_observation(file, media, wanted)
    events = [event for event in events if event["observation id"] == chosen]
    require_recorded(file.at(events[0].row), events[0]["observation type"])
    with true_cause_first(other_video_doubts(file, media[chosen], wanted)):
        times = [
            (event, seconds(file.at(event.row), name, event[name]))
            for event in events
            for name in time_columns
            if is_given(event[name])
        ]
        offset_s = _offset(file, events, max((time_s for _, time_s in times), default=0.0))
        part = _part(file, events, [(event, time_s - offset_s) for event, time_s in times], wanted)
        events = choose_subject(file, events, wanted)
    for event in events:
        if event["behavior type"] not in kinds or not event["behavior"]:
            raise InputError(
                f"Expected a behavior and one of {', '.join(kinds)} in {file.at(event.row)}, found "
                f"{event['behavior']!r} and {event['behavior type']!r}. Export the observation again."
            )
    states = [event for event in events if event["behavior type"] != "POINT"]
    faults = point_faults(file, (event for event in events if event["behavior type"] == "POINT"))
    return states, faults, replace(part, start_s=part.start_s + offset_s)


def _media_names(event: Event) -> list[str]:
    names = (event[column] for column in _MEDIA_COLUMNS)
    return [name for name in names if is_given(name) and name.casefold() != "not found"]


def _playlists(event: Event) -> list[list[str]]:
    """Version 8: names of media by player, from ``player #1:a.mp4;b.mp4|player #2:c.mp4``."""
    groups = (text.partition(":") for text in event["source"].split("|") if text.startswith("player #"))
    return [names.split(";") for _, _, names in groups]


def _players(event: Event) -> list[Player]:
    """Version 8: media by player; empty where their lengths and rates aren't written in the same way."""
    players = []
    groups = [text.split("|") for text in (event["media duration (s)"], _rates(event))]
    for i, names in enumerate(_playlists(event)):
        lengths, rates = (group[i].split(";") if i < len(group) else [] for group in groups)
        if not len(names) == len(lengths) == len(rates):
            return []
        media = (Media(name, number(a), number(b)) for name, a, b in zip(names, lengths, rates, strict=True))
        players.append(Player(tuple(media), 0.0 if i == 0 else None))
    return players


def _rates(event: Event) -> str:
    return event["fps (frame/s)"] or event["fps"]


def _part(file: AnnotationFile, events: list[Event], times: list[tuple[Event, float]], wanted: Wanted) -> MediaPart:
    """Where the video lies, without the time offset."""
    first, where = events[0], file.at(events[0].row)
    if players := _players(first):
        return choose_media(file, where, players, wanted)
    rates = _rates(first).replace("|", ";").replace(",", ";").split(";")
    require_same_rate(where, [number(text) for text in rates if is_given(text.strip())], wanted.fps)
    names = list(dict.fromkeys(name for event in events for name in _media_names(event)))
    total_s = _total(first)
    if len(names) <= 1 and not wanted.choice.media:
        require_same_length(file, where, total_s, wanted)
        return MediaPart(notes=other_video_doubts(file, names, wanted))
    found = same_media(wanted.media_name, names)
    own_s = wanted.n_frames / wanted.fps
    if len(found) != 1 or total_s is None:
        raise unclear_media(file, names, wanted)
    slack_s = TOLERANCE_FRAMES / wanted.fps
    fitting = []
    for start_s in (0.0,) if abs(total_s - own_s) <= slack_s else (0.0, total_s - own_s):
        inside = [(found[0] in _media_names(event), time_s - start_s) for event, time_s in times]
        apart = all(-slack_s <= time_s <= own_s + slack_s for ours, time_s in inside if ours) and not any(
            slack_s < time_s < own_s - slack_s for ours, time_s in inside if not ours
        )
        if apart:
            fitting.append(start_s)
    if len(fitting) != 1:
        raise InputError(
            f"{file.path.name} doesn't say when {found[0]} begins in the observation of {total_s:g} s and several "
            "videos. Name the project (.boris) itself instead of the export."
        )
    return MediaPart(fitting[0], has_neighbours=True)


def _total(event: Event) -> float | None:
    """Length of all media together, None where it isn't given."""
    text = event["media duration (s)"] or event["total length"]
    return number(text) if is_given(text) else None


def _offset(file: AnnotationFile, events: list[Event], latest_s: float) -> float:
    """The observation's time offset in seconds, where the export can be complete in spite of it."""
    given = [(event, event["time offset (s)"]) for event in events if is_given(event["time offset (s)"])]
    if not given:
        return 0.0
    event, text = given[0]
    offset_s = number(text)
    if offset_s is None or len({text for _, text in given}) > 1:
        raise InputError(f"{file.at(event.row)}: expected one time offset in seconds, found {text!r}.")
    players = _players(event)
    end_s = players[0].length_s if players else _total(event)
    if offset_s == 0 or (offset_s > 0 and end_s is not None and latest_s > end_s):
        return offset_s
    raise InputError(
        f"{file.at(event.row)}, has a time offset of {text} s, and BORIS leaves events out of the exports of such "
        "observations. Name the project (.boris) itself, or set the offset to 0 in BORIS and export again."
    )
