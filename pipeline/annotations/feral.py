"""FERAL's labels: JSON with a class for each frame of each video, the videos by their file names.

``{"class_names": {"0": "other", "1": "groom"}, "labels": {"m1.mp4": [0, 0, 1, ...]}, "is_multilabel": false, "splits":
...}``; with several classes at once a frame is a list of 0 and 1, one for each class in the order of their numbers.
``null`` and -1 mean not scored. Which part of the lab's own split a video is in is not used.
Source: FERAL (Skovorodnikov, Razzauti; github.com/Skovorp/feral, its ``dataset.py`` and example labels).
"""

from typing import Any

import numpy as np
from pydantic import BaseModel, Field, ValidationError, field_validator

from common.errors import InputError
from common.names import canonical, canonical_names
from common.suggestions import did_you_mean, listing
from pipeline.annotations.base import FrameTable, Wanted
from pipeline.annotations.boris.media import other_video_doubts, same_media
from pipeline.annotations.opening import AnnotationFile

DESCRIPTION = "FERAL label file (JSON: a class per frame, by video)"
_MOST_BYTES = 200_000_000
_MARKS = (b'"class_names"', b'"labels"')
_NOT_SCORED = (None, -1)


class _Labels(BaseModel):
    class_names: dict[str, str] = Field(min_length=1)
    labels: dict[str, list[int | None] | list[list[int | None]]]
    _names = field_validator("class_names", mode="before")(canonical_names)

    @field_validator("labels")
    @classmethod
    def _videos(cls, found: dict[str, Any]) -> dict[str, Any]:
        return {canonical(name): frames for name, frames in found.items()}


def matches(file: AnnotationFile) -> bool:
    """True for JSON that has FERAL's keys."""
    if not file.is_project or file.path.stat().st_size > _MOST_BYTES:
        return False
    content = file.path.read_bytes()
    return all(mark in content for mark in _MARKS) and b'"behaviors_conf"' not in content


def media_by_observation(file: AnnotationFile) -> dict[str, list[str]]:
    """Videos, each an observation of its own.

    Raises
    ------
    InputError
        Damaged or other JSON.
    """
    return {name: [name] for name in _load(file).labels}


def read(file: AnnotationFile, wanted: Wanted) -> FrameTable:
    """Read the classes of one video.

    Raises
    ------
    InputError
        Damaged or other JSON, a video that can't be told, or a class that has no name.
    """
    if not matches(file):
        raise file.other_than(DESCRIPTION)
    content = _load(file)
    video = _choose_video(file, list(content.labels), wanted)
    frames = content.labels[video]
    names = dict(sorted(content.class_names.items(), key=lambda item: (len(item[0]), item[0])))
    if len(set(names.values())) < len(names):
        raise InputError(f"{file.path.name} gives two classes one name: {listing(names.values())}. Rename one of them.")
    is_multi = bool(frames) and isinstance(frames[0], list)
    active, scored = (_of_several if is_multi else _of_one)(file, video, frames, list(names))
    notes = () if wanted.choice.observation else other_video_doubts(file, [video], wanted)
    return FrameTable(file.path, "feral", tuple(names.values()), active, scored, notes=notes, one_of=not is_multi)


def _of_one(file: AnnotationFile, video: str, frames: list, classes: list[str]) -> tuple[np.ndarray, np.ndarray]:
    texts = [None if label in _NOT_SCORED else str(label) for label in frames]
    for frame, text in enumerate(texts):
        if text is not None and text not in classes:
            raise _no_class(file, video, frame, text, classes)
    codes = np.array([-1 if text is None else classes.index(text) for text in texts], dtype=np.int64)
    scored = np.repeat((codes >= 0)[:, None], len(classes), axis=1)
    return codes[:, None] == np.arange(len(classes))[None, :], scored


def _of_several(file: AnnotationFile, video: str, frames: list, classes: list[str]) -> tuple[np.ndarray, np.ndarray]:
    for frame, labels in enumerate(frames):
        if len(labels) != len(classes) or any(label not in (0, 1, *_NOT_SCORED) for label in labels):
            raise _no_class(file, video, frame, str(labels)[:60], classes)
    values = np.array([[-1 if label is None else label for label in labels] for labels in frames], dtype=np.int64)
    return values == 1, values >= 0


def _no_class(file: AnnotationFile, video: str, frame: int, found: str, classes: list[str]) -> InputError:
    return InputError(
        f"{file.path.name}, {video}, frame {frame}: expected one of the classes {', '.join(classes)[:80]}, or a list "
        f"of {len(classes)} times 0 or 1 in each frame, found {found}. Correct the file, or its class_names."
    )


def _choose_video(file: AnnotationFile, videos: list[str], wanted: Wanted) -> str:
    named = wanted.choice.media or wanted.choice.observation
    found = same_media(named or wanted.video_name, videos)
    if not named and len(videos) == 1:
        found = videos
    if len(found) == 1:
        return found[0]
    meant = named or wanted.video_name
    said = f", and {meant} is not clearly one of them.{did_you_mean(meant, videos)}" if meant else "."
    raise InputError(
        f"{file.path.name} holds labels of {len(videos)} videos: {listing(videos, 8)}{said} Name the one that belongs "
        f"to this recording: {file.path.name}#media=NAME."
    )


def _load(file: AnnotationFile) -> _Labels:
    try:
        return _Labels.model_validate_json(file.path.read_bytes().removeprefix(b"\xef\xbb\xbf").strip())
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = " > ".join(str(key) for key in first["loc"][:3])
        reason = " ".join(f"{where}: {first['msg']}".split()).lstrip(": ")
        raise InputError(
            f"Expected a {DESCRIPTION} in {file.path.name}, found something else ({reason[:200]}). Export it again."
        ) from error
