"""BORIS' project file (.boris; packed: .boris_gz): JSON with observations and an ethogram.

An observation's events are ``[time, subject, code, modifier, comment, frame index]``, the last one only
where BORIS 8 wrote it; a bout is two events of the same subject, code and modifier. Whether a code is a
state or a point event stands in the ethogram (``behaviors_conf``).
"""

import contextlib
import gzip
import json
import re
import zlib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, FiniteFloat, ValidationError, field_validator

from common.errors import InputError
from common.names import canonical, canonical_names
from pipeline.annotations.base import EventList, FoundBout, Frames, Wanted, collect_bouts, model_doubts
from pipeline.annotations.boris.events import (
    Event,
    choose_observation,
    choose_subject,
    point_faults,
    require_recorded,
    to_frame,
)
from pipeline.annotations.boris.media import (
    Media,
    MediaPart,
    Player,
    choose_media,
    other_video_doubts,
    signs_of_another_video,
    true_cause_first,
)
from pipeline.annotations.boris.pairs import Press, pair_presses, unpaired
from pipeline.annotations.cells import nearest_frame, number
from pipeline.annotations.opening import AnnotationFile

DESCRIPTION = "BORIS project (.boris)"
_ORIGINS = re.compile(r"Of (?P<all>\d{1,9}) bouts: (?P<model>\d{1,9}) the model's")
_FRAMES = re.compile(r"Frames of \d{1,9} with the model's label: (?=\{)")
_MOST_BYTES = 200_000_000
_FIELDS = ("time", "subject", "behavior", "modifier", "comment", "image index")


def _mapping(found: Any) -> Any:
    return {} if found in ([], "", None) else found  # BORIS writes [] where a live observation has no media


_Mapping = BeforeValidator(_mapping)


class _MediaInfo(BaseModel):
    model_config = ConfigDict(frozen=True)
    length: Annotated[dict[str, Any], _Mapping] = {}
    fps: Annotated[dict[str, Any], _Mapping] = {}
    offset: Annotated[dict[str, FiniteFloat], _Mapping] = {}


class _Observation(BaseModel):
    model_config = ConfigDict(frozen=True)
    type: str = "MEDIA"
    file: Annotated[dict[str, list[str]], _Mapping] = {}
    events: list[list[Any]] = []
    media_info: Annotated[_MediaInfo, _Mapping] = _MediaInfo()
    time_offset: FiniteFloat = Field(0.0, alias="time offset")
    description: Any = ""
    interval_s: tuple[FiniteFloat, FiniteFloat] = Field((0.0, 0.0), alias="observation time interval")

    @property
    def players(self) -> list[Player]:
        """Those that show something, in BORIS' order."""
        lengths, rates = self.media_info.length, self.media_info.fps
        return [
            Player(
                tuple(Media(name, _positive(lengths.get(name)), _positive(rates.get(name))) for name in names),
                self.media_info.offset.get(player, 0.0),
            )
            for player, names in sorted(self.file.items())
            if names
        ]


class _Behavior(BaseModel):
    code: str
    type: str

    _names = field_validator("code", mode="before")(canonical_names)

    @property
    def is_state(self) -> bool:
        """True for a state event, with or without a coding map."""
        return "state" in self.type.casefold()


class _Subject(BaseModel):
    name: str

    _names = field_validator("name", mode="before")(canonical_names)


class _Project(BaseModel):
    observations: dict[str, dict[str, Any]]
    behaviors_conf: Annotated[dict[str, _Behavior], _Mapping]
    subjects_conf: Annotated[dict[str, _Subject], _Mapping] = {}


def matches(file: AnnotationFile) -> bool:
    """True for JSON, plain or packed."""
    return file.is_project


def media_by_observation(file: AnnotationFile) -> dict[str, list[str]]:
    """Observation ids → names of their media, as far as they can be read: only the one that is chosen must be whole.

    Raises
    ------
    InputError
        No project of BORIS.
    """
    return {canonical(name): _media_names(found) for name, found in _load(file.path).observations.items()}


def subjects_in(file: AnnotationFile, wanted: Wanted) -> dict[str, bool]:
    """Subjects of the project → whether anything is scored of them in the observation; "" = nobody."""
    project, _, observation = _chosen(file, wanted)
    found = (_event(row, cells) for row, cells in enumerate(observation.events, start=1))
    scored = {event.subject_name for event in found}
    names = sorted(scored | {subject.name for subject in project.subjects_conf.values()})
    return {name: name in scored for name in names}


def told_fps(file: AnnotationFile, wanted: Wanted) -> float | None:
    """Frames per second of the observation's media, where all have one."""
    rates = {_positive(rate) for rate in _chosen(file, wanted)[2].media_info.fps.values()}
    return rates.pop() if len(rates) == 1 else None


def read(file: AnnotationFile, wanted: Wanted) -> EventList:
    """Read one observation's events of one subject.

    Raises
    ------
    InputError
        No project of BORIS; a choice of observation, media file or subject that the user must make;
        another video; an event without its counterpart.
    """
    project, name, observation = _chosen(file, wanted)
    require_recorded(file.path.name, observation.type)
    players = observation.players
    if not players:
        raise InputError(f"Observation {name!r} of {file.path.name} names no media file, so its times are no video's.")
    media = [media.name for player in players for media in player.playlist]
    with true_cause_first(other_video_doubts(file, media, wanted)):
        part = choose_media(file, file.path.name, players, wanted)
    watched = part.watched or _watched(observation.interval_s, part, wanted)
    part = replace(part, start_s=part.start_s + observation.time_offset)
    events = [_event(row, found) for row, found in enumerate(observation.events, start=1)]
    events = choose_subject(file, events, wanted, [subject.name for subject in project.subjects_conf.values()])
    states, points, faults = _by_kind(events, project)
    with true_cause_first(signs_of_another_video(file, part, (event["time"] for event in states), wanted)):
        found = _pair(file, states, part, wanted)
    faults = {**point_faults(file, points), **faults}
    doubts = _model_doubts(file, wanted, str(observation.description))
    scored = collect_bouts(file, "boris_project", found, faults, (*part.notes, *doubts), watched)
    # What the ethogram has and nobody pressed was watched for, and did not happen.
    codes = [behavior.code for behavior in project.behaviors_conf.values() if behavior.is_state]
    never = [code for code in codes if code not in (*scored.behaviors, *faults)]
    return replace(scored, behaviors=(*scored.behaviors, *never))


def _chosen(file: AnnotationFile, wanted: Wanted) -> tuple[_Project, str, _Observation]:
    """The project, and the observation that is meant."""
    if not matches(file):
        raise file.other_than(DESCRIPTION)
    project = _load(file.path)
    observations = {canonical(name): found for name, found in project.observations.items()}
    media = {name: _media_names(found) for name, found in observations.items()}
    if not media:
        raise InputError(f"The BORIS project {file.path.name} has no observations. Was it saved after scoring?")
    name = choose_observation(file, media, wanted)
    try:
        return project, name, _Observation.model_validate(observations[name])
    except ValidationError as error:
        raise _refused(file.path, error, f"observation {name!r}") from error


def _pair(file: AnnotationFile, states: Iterable[Event], part: MediaPart, wanted: Wanted) -> list[FoundBout]:
    presses = [
        Press(event, to_frame(file.at(event.row), ("time", event["time"]), event["image index"], wanted, part), "")
        for event in sorted(states, key=lambda event: number(event["time"]) or 0.0)
    ]
    found, left_open = pair_presses(file, presses)
    if left_open:
        raise unpaired(file, left_open[0], "START", "after it")
    return found


def _model_doubts(file: AnnotationFile, wanted: Wanted, description: str) -> tuple[str, ...]:
    """Whose labels these are, as the review wrote it down; what was changed in BORIS since isn't known."""
    origins, frames = _ORIGINS.search(description), _FRAMES.search(description)
    if origins is None:
        return ()
    counts: dict[str, int] = {}
    if frames is not None:
        # Somebody may have written on behind it, or into it.
        with contextlib.suppress(ValueError, RecursionError):
            found, _ = json.JSONDecoder().raw_decode(description[frames.end() :])
            counts = {name: n for name, n in found.items() if type(n) is int}
    return model_doubts(file, wanted, (int(origins["model"]), int(origins["all"])), counts)


def _by_kind(events: Iterable[Event], project: _Project) -> tuple[list[Event], list[Event], dict[str, str]]:
    """State events, point events, and codes that the ethogram doesn't know → what is wrong."""
    is_state = {behavior.code: behavior.is_state for behavior in project.behaviors_conf.values()}
    states: list[Event] = []
    points: list[Event] = []
    faults: dict[str, str] = {}
    for event in events:
        code = event["behavior"]
        if code not in is_state:
            faults.setdefault(
                code,
                f"event {event.row}: the project's ethogram does not know {code!r}, so it may be a state or a point "
                "event. Add it to the ethogram in BORIS",
            )
        else:
            (states if is_state[code] else points).append(event)
    return states, points, faults


def _watched(interval_s: tuple[float, float], part: MediaPart, wanted: Wanted) -> Frames | None:
    """Frames within the observation's time interval, which BORIS counts without the time offset; None = no limits.

    An end of 0 is that of the observation.
    """
    first_s, last_s = interval_s
    if interval_s == (0, 0) or first_s < 0 or 0 < last_s <= first_s:
        return None
    own_s = wanted.n_frames / wanted.fps
    ends_s = (min(max(end_s - part.start_s, 0.0), own_s) for end_s in (first_s, last_s or part.start_s + own_s))
    start, stop = (nearest_frame(end_s, wanted.fps) for end_s in ends_s)
    return None if (start, stop) == (0, wanted.n_frames) else (start, stop)


def _event(row: int, found: list[Any]) -> Event:
    texts = ["" if value is None else canonical(str(value).strip()) for value in found]
    return Event(row, dict(zip(_FIELDS, texts, strict=False)))


def _media_names(observation: dict[str, Any]) -> list[str]:
    files = observation.get("file")
    lists = files.values() if isinstance(files, dict) else []
    return [name for names in lists if isinstance(names, list) for name in names if isinstance(name, str)]


def _positive(value: Any) -> float | None:
    found = number(str(value))
    return found if found is not None and found > 0 else None


def _load(path: Path) -> _Project:
    try:
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        with gzip.open(path) if packed else path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path.name} can't be unpacked ({error}). Save the project in BORIS again.") from error
    if len(content) > _MOST_BYTES:
        raise InputError(f"{path.name} is larger than 200 MB, which no BORIS project of a lab is. Is it another file?")
    try:
        return _Project.model_validate_json(content.removeprefix(b"\xef\xbb\xbf").strip())
    except ValidationError as error:
        raise _refused(path, error, "file") from error


def _refused(path: Path, error: ValidationError, what: str) -> InputError:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = " > ".join(str(key) for key in first["loc"])
    reason = " ".join(f"{where}: {first['msg']}".split()).lstrip(": ")
    return InputError(
        f"Expected {DESCRIPTION} in {path.name}, found something else in its {what} ({reason[:200]}). Open it in BORIS "
        "and save it again, or use a tabular or aggregated export."
    )
