"""JABS' labels (``jabs/annotations/VIDEO.json``): by mouse and behavior, blocks in which it was seen or was not.

``{"file": "m1.avi", "num_frames": 1800, "labels": {"0": {"Walking": [{"start": 2, "end": 5, "present": true}]}}}``; the
end is the last frame of the block. What lies in no block was not scored. Where ``unfragmented_labels`` stand there too,
these are read, as by JABS itself: they don't end where the mouse is not seen. Mice are called as in JABS' poses (see
`features.poses.jabs_h5`); ``external_identities`` may give them names.
Source: KumarLabJax/JABS-behavior-classifier, its `video_labels.py` and `track_labels.py`.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from pydantic import BaseModel, Field, NonNegativeInt, ValidationError

from common.errors import InputError
from common.names import canonical
from pipeline.annotations.base import FrameTable, Wanted, choose_animal
from pipeline.annotations.boris.media import other_video_doubts
from pipeline.annotations.opening import AnnotationFile

DESCRIPTION = "JABS label file (JSON: blocks of frames by mouse and behavior)"
_MOST_BYTES = 200_000_000
_MOST_FRAMES = 20_000_000
_MARKS = (b'"num_frames"', b'"labels"', b'"file"')
_PRESENT, _ABSENT, _NOT_SCORED = 1, 0, -1


class _Block(BaseModel):
    start: NonNegativeInt
    end: NonNegativeInt
    present: bool


class _Labels(BaseModel):
    file: str
    num_frames: int = Field(ge=1, le=_MOST_FRAMES)
    labels: dict[str, dict[str, list[_Block]]]
    unfragmented_labels: dict[str, dict[str, list[_Block]]] | None = None
    external_identities: dict[str, str | int] = {}


class _OneBehavior(NamedTuple):
    """The blocks of one behavior of one mouse."""

    behavior: str
    blocks: list[_Block]


def matches(file: AnnotationFile) -> bool:
    """True for JSON that has JABS' keys."""
    if not file.is_project or file.path.stat().st_size > _MOST_BYTES:
        return False
    content = file.path.read_bytes()
    return all(mark in content for mark in _MARKS) and b'"behaviors_conf"' not in content


def media_by_observation(file: AnnotationFile) -> dict[str, list[str]]:
    """The video, as an observation.

    Raises
    ------
    InputError
        Damaged or other JSON.
    """
    name = _load(file).file
    return {name: [name]}


def tells_animals_apart(file: AnnotationFile) -> bool:
    """True: each block is of one mouse."""
    return True


def subjects_in(file: AnnotationFile, wanted: Wanted) -> dict[str, bool]:
    """Mice by their names, or numbers where they have none."""
    content = _load(file)
    names = {key: canonical(str(name)) for key, name in content.external_identities.items()}
    mice = content.labels if content.unfragmented_labels is None else content.unfragmented_labels
    return {names.get(key, key): any(mice.get(key, {}).values()) for key in (*names, *mice)}


def read(file: AnnotationFile, wanted: Wanted) -> FrameTable:
    """Read the blocks of one mouse.

    Raises
    ------
    InputError
        Damaged or other JSON, a block that ends before it begins or after the video, a mouse that the user must name.
    """
    if not matches(file):
        raise file.other_than(DESCRIPTION)
    content = _load(file)
    mice = content.labels if content.unfragmented_labels is None else content.unfragmented_labels
    names = {key: canonical(str(name)) for key, name in content.external_identities.items()}
    items = [
        (names.get(key, key), canonical(behavior) in wanted.behaviors, _OneBehavior(canonical(behavior), blocks))
        for key, own in mice.items()
        for behavior, blocks in own.items()
    ]
    # A mouse that has a name may be called by its number as well, and one without blocks by either.
    choice = replace(wanted.choice, subject=names.get(wanted.choice.whose, wanted.choice.subject))
    known = [names.get(key, key) for key in (*names, *mice)]
    chosen = choose_animal(file, "animal", items, replace(wanted, choice=choice), known)
    codes = {behavior: _codes(file, behavior, blocks, content.num_frames) for behavior, blocks in chosen}
    values = np.stack(list(codes.values()), axis=1) if codes else np.zeros((content.num_frames, 0), dtype=np.int8)
    notes = other_video_doubts(file, [content.file], wanted)
    return FrameTable(file.path, "jabs", tuple(codes), values == _PRESENT, values != _NOT_SCORED, notes=notes)


def _codes(file: AnnotationFile, behavior: str, blocks: list[_Block], n_frames: int) -> np.ndarray:
    """What was scored of a behavior in each frame, shape (n_frames,)."""
    codes = np.full(n_frames, _NOT_SCORED, dtype=np.int8)
    for block in blocks:
        if not block.start <= block.end < n_frames:
            raise InputError(
                f"{file.path.name}: expected blocks of {behavior!r} within the frames 0 to {n_frames - 1}, found one "
                f"from {block.start} to {block.end}. Correct the block, or num_frames."
            )
        codes[block.start : block.end + 1] = _PRESENT if block.present else _ABSENT
    return codes


def _load(file: AnnotationFile) -> _Labels:
    try:
        return _Labels.model_validate_json(file.path.read_bytes().removeprefix(b"\xef\xbb\xbf").strip())
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = " > ".join(str(key) for key in first["loc"][:5])
        reason = " ".join(f"{where}: {first['msg']}".split()).lstrip(": ")
        raise InputError(
            f"Expected a {DESCRIPTION} in {file.path.name}, found something else ({reason[:200]}). Export it again."
        ) from error
