"""From the rows of BORIS' tabular and aggregated exports to the events of one video and one subject.

Version 8 lists an observation's media with their lengths (``Source``, ``Media duration (s)``). Version 7 names
only the media that have events, and the length of all of them together; with the decoded video's own length
that is enough where the video is the first or the last of them and its events leave no other reading.

BORIS cuts its exports at the media's end but adds the time offset to the events, so that with an offset the
last events are missing, silently. Such exports are refused unless events stand beyond that end.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from common.errors import InputError
from pipeline.annotations.base import Wanted
from pipeline.annotations.boris.events import Event, choose_observation, choose_subject, require_recorded
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
    unclear_media,
)
from pipeline.annotations.cells import cell, is_given, number, seconds
from pipeline.annotations.opening import FileHead

_MEDIA_COLUMNS = ("media file name", "media file path", "media file")


def iter_events(head: FileHead, header_row: int, names: list[str]) -> Iterator[Event]:
    """The rows under the header."""
    folded = [name.casefold() for name in names]
    for row, cells in head.iter_rows():
        if row > header_row and any(cells):
            yield Event(row, {name: cell(cells, i) for i, name in enumerate(folded)})


def select_events(
    head: FileHead, events: list[Event], wanted: Wanted, time_columns: Sequence[str]
) -> tuple[list[Event], MediaPart]:
    """The events of one observation and subject, and where the video lies in their times.

    Parameters
    ----------
    head : FileHead
        The file.
    events : list of Event
        All of its rows.
    wanted : Wanted
        The video and what the user named.
    time_columns : sequence of str
        Columns that hold times, lower case.

    Raises
    ------
    InputError
        No events, another video, a time offset that makes the export incomplete, or a choice that only
        the user can make (naming what there is, and how to write it).
    """
    if not events:
        raise InputError(
            f"The BORIS export {head.path.name} holds no events. Were the observation and its behaviors "
            "selected? If really nothing happened, use a bout CSV with only its header "
            "behavior,start_frame,stop_frame."
        )
    media: dict[str, list[str]] = {}
    for event in events:
        listed = [item.name for player in _players(event) for item in player.playlist]
        media.setdefault(event["observation id"], []).extend([*_media_names(event), *listed])
    chosen = choose_observation(head, {name: list(dict.fromkeys(found)) for name, found in media.items()}, wanted)
    events = [event for event in events if event["observation id"] == chosen]
    first = events[0]
    require_recorded(head, first.row, first["observation type"])
    times = [(event, seconds(head, event.row, name, event[name])) for event in events for name in time_columns
             if event[name] and is_given(event[name])]  # fmt: skip
    offset_s = _offset(head, events, max((time_s for _, time_s in times), default=0.0))
    part = _part(head, events, [(event, time_s - offset_s) for event, time_s in times], wanted)
    return choose_subject(head, events, wanted), replace(part, start_s=part.start_s + offset_s)


def _media_names(event: Event) -> list[str]:
    names = (event[column] for column in _MEDIA_COLUMNS)
    return [name for name in names if is_given(name) and name.casefold() != "not found"]


def _players(event: Event) -> list[Player]:
    """Version 8: media by player, from ``player #1:a.mp4;b.mp4|player #2:c.mp4``; empty where it isn't written so."""
    players = []
    groups = [event[name].split("|") for name in ("source", "media duration (s)", _rate_column(event))]
    for i, text in enumerate(groups[0]):
        names = text.partition(":")[2].split(";")
        lengths, rates = (group[i].split(";") if i < len(group) else [] for group in groups[1:])
        if not text.startswith("player #") or not len(names) == len(lengths) == len(rates):
            return []
        media = (Media(name, number(a), number(b)) for name, a, b in zip(names, lengths, rates, strict=True))
        players.append(Player(tuple(media), 0.0 if i == 0 else None))
    return players


def _rate_column(event: Event) -> str:
    return "fps (frame/s)" if event["fps (frame/s)"] else "fps"


def _part(head: FileHead, events: list[Event], times: list[tuple[Event, float]], wanted: Wanted) -> MediaPart:
    """Where the video lies, without the time offset."""
    first = events[0]
    if players := _players(first):
        return choose_media(head, first.row, players, wanted)
    rates = [number(text) for text in first[_rate_column(first)].replace("|", ";").replace(",", ";").split(";")
             if is_given(text.strip())]  # fmt: skip
    require_same_rate(head, first.row, rates, wanted.fps)
    names = list(dict.fromkeys(name for event in events for name in _media_names(event)))
    total_s = _total(first)
    if len(names) <= 1 and not wanted.choice.media:
        require_same_length(head, first.row, total_s, wanted)
        return MediaPart(notes=other_video_doubts(head, names, wanted))
    found = same_media(wanted.media_name, names)
    own_s = wanted.n_frames / wanted.fps
    if len(found) != 1 or total_s is None:
        raise unclear_media(head, names, wanted)
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
            f"{head.path.name} doesn't say when {found[0]} begins in the observation of {total_s:g} s and several "
            "videos. Name the project (.boris) itself instead of the export."
        )
    return MediaPart(fitting[0], has_neighbours=True)


def _total(event: Event) -> float | None:
    """Length of all media together, None where it isn't given."""
    text = event["media duration (s)"] or event["total length"]
    return number(text) if is_given(text) else None


def _offset(head: FileHead, events: list[Event], latest_s: float) -> float:
    """The observation's time offset in seconds, where the export can be complete in spite of it."""
    given = [(event, event["time offset (s)"]) for event in events if is_given(event["time offset (s)"])]
    if not given:
        return 0.0
    event, text = given[0]
    offset_s = number(text)
    if offset_s is None or len({text for _, text in given}) > 1:
        raise InputError(f"{head.path.name}, row {event.row}: expected one time offset in seconds, found {text!r}.")
    players = _players(event)
    end_s = players[0].length_s if players else _total(event)
    if offset_s == 0 or (offset_s > 0 and end_s is not None and latest_s > end_s):
        return offset_s
    raise InputError(
        f"{head.path.name}, row {event.row}, has a time offset of {text} s, and BORIS leaves events out of the exports "
        "of such observations. Name the project (.boris) itself, or set the offset to 0 in BORIS and export again."
    )
