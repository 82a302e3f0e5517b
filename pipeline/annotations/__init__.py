"""Annotation files: one reader per format, each a module with `matches` and `read`.

The format is recognised by the file's content, never by its name. A new format is a new file here and
one line in `FORMATS`.
"""

from collections.abc import Iterable
from pathlib import Path

from common.errors import InputError
from common.seals import read_seal
from common.suggestions import did_you_mean, listing
from pipeline.annotations import (
    calms21,
    caltech,
    class_csv,
    deepethogram,
    deeplabcut_columns,
    every_frame,
    feral,
    frame_csv,
    jabs,
    simba,
)
from pipeline.annotations.base import (
    CHOICES,
    AnnotationChoice,
    AnnotationReader,
    EventList,
    FrameTable,
    LabelSpan,
    RawAnnotation,
    Wanted,
)
from pipeline.annotations.boris import aggregated as boris_aggregated
from pipeline.annotations.boris import binary as boris_binary
from pipeline.annotations.boris import project as boris_project
from pipeline.annotations.boris import tabular as boris_tabular
from pipeline.annotations.bout_tables import frames as bout_csv
from pipeline.annotations.bout_tables import seconds as bout_csv_seconds
from pipeline.annotations.opening import AnnotationFile, is_project, open_annotation_file
from pipeline.annotations.scored_spans import require_spans, within_spans

__all__ = [
    "CHOICES",
    "FORMATS",
    "AnnotationChoice",
    "EventList",
    "FrameTable",
    "LabelSpan",
    "RawAnnotation",
    "media_by_observation",
    "names_videos",
    "needs_file",
    "read_annotation",
    "require_format",
    "require_spans",
    "subjects_in",
    "tells_animals_apart",
    "told_fps",
]

FORMATS: dict[str, AnnotationReader] = {
    "frame_csv": frame_csv,
    "class_csv": class_csv,
    "deepethogram": deepethogram,
    "simba": simba,
    "deeplabcut_columns": deeplabcut_columns,
    "boris_tabular": boris_tabular,
    "boris_aggregated": boris_aggregated,
    "boris_binary": boris_binary,
    "feral": feral,
    "calms21": calms21,
    "jabs": jabs,
    "boris_project": boris_project,
    "bout_csv": bout_csv,
    "bout_csv_seconds": bout_csv_seconds,
    "caltech": caltech,
    "every_frame": every_frame,
}
# Any special form of these goes before them.
_GENERAL = ("frame_csv", "deeplabcut_columns", "boris_project")
_OF_SEVERAL_ANIMALS = ("boris_tabular", "boris_aggregated", "boris_project", "caltech")
_BORIS_KINDS = {"STATE", "POINT", "START", "STOP"}


def read_annotation(
    path: Path,
    n_frames: int,
    fps: float,
    *,
    choice: AnnotationChoice | None = None,
    video_name: str = "",
    behaviors: Iterable[str] = (),
    tolerance_frames: int = 0,
) -> RawAnnotation:
    """Read an annotation file.

    Whether its span fits the video is checked where pose rows are known too (`pipeline.dataset.frames_agree`), and
    again when labels are made of it.

    `n_frames` and `fps` are the decoded video's. What `choice` (what the user named: format, observation, media file,
    subject, scored frames) leaves open is recognised from the content, or is an error that says how to name it. By
    `video_name` the video is found among the media of a BORIS file ("" = unknown), by `behaviors` (the annotators'
    names for those of the experiment) a subject may be told. By `tolerance_frames` the video may differ in length from
    the one that was scored (BORIS writes its length down).

    Raises
    ------
    InputError
        Missing, empty or damaged file, corrections that were changed and not accepted, unknown or ambiguous format,
        and whatever a reader finds wrong.
    """
    choice = choice or AnnotationChoice()
    wanted = Wanted(n_frames, fps, video_name, choice, frozenset(behaviors), tolerance_frames)
    if choice.format:
        require_format(choice.format)
    file = open_annotation_file(path) if needs_file(choice.format) else AnnotationFile(path)
    if needs_file(choice.format):
        read_seal(path)
    return within_spans(FORMATS[choice.format or _recognise(file)].read(file, wanted), wanted)


def _recognise(file: AnnotationFile) -> str:
    """The format that the content is of; an error where it is of none or of several."""
    fitting = [name for name, reader in FORMATS.items() if reader.matches(file)]
    special = [name for name in fitting if name not in _GENERAL]
    fitting = special or fitting
    if len(fitting) == 1:
        return fitting[0]
    name, first_row = file.path.name, " | ".join(file.names)[:120]
    if fitting:
        could_be = " or ".join(f"{key}, a {FORMATS[key].DESCRIPTION}" for key in fitting)
        raise InputError(
            f"The annotation file {name} could be {could_be}. Its first row is: {first_row}. Say which, in the table "
            f"of recordings: {fitting[0]}:{name} or {fitting[1]}:{name}."
        )
    known = "; ".join(reader.DESCRIPTION for reader in FORMATS.values())
    raise InputError(
        f"The annotation file {name} is in no format that is known here. Its first row is: {first_row}. "
        + (
            "It looks like a BORIS export without its header row, so its columns can't be told apart: export it "
            "again with the header."
            if _BORIS_KINDS.intersection(file.names)
            else f"Known formats are: {known}. Was the header row left out?"
        )
    )


def needs_file(format: str) -> bool:
    """Whether labels of this format ("" = not named) stand in a file, and not in the table of recordings itself."""
    return bool(getattr(FORMATS.get(format), "NEEDS_FILE", True))


def tells_animals_apart(path: Path, format: str = "") -> bool:
    """Whether a file of this format says whose each behavior is, so that rows of several animals may name it."""
    try:
        file = open_annotation_file(path)
        name = format or _recognise(file)
    except InputError:
        return True  # Reading it will say what is wrong.
    tells = getattr(FORMATS[name], "tells_animals_apart", None)
    return name in _OF_SEVERAL_ANIMALS or (tells is not None and tells(file))


def subjects_in(path: Path, choice: AnnotationChoice, video_name: str) -> dict[str, bool] | None:
    """Whose behaviors a file tells of a video: names ("" = nobody's), and whether any behavior of each is there.

    None where the format, or this file, tells no animals apart.

    Raises
    ------
    InputError
        The file can't be read, or holds several observations, of which `choice` and the video's name tell none.
    """
    if not needs_file(choice.format):
        return None
    file = open_annotation_file(path)
    find = getattr(FORMATS[choice.format or _recognise(file)], "subjects_in", None)
    return None if find is None else find(file, Wanted(0, 0.0, video_name, choice))


def told_fps(path: Path, choice: AnnotationChoice, video_name: str) -> float | None:
    """Frames per second of the video that was scored, as the file itself says; None where it doesn't.

    Raises
    ------
    InputError
        As `subjects_in`.
    """
    if not needs_file(choice.format):
        return None
    file = open_annotation_file(path)
    find = getattr(FORMATS[choice.format or _recognise(file)], "told_fps", None)
    return None if find is None else find(file, Wanted(0, 0.0, video_name, choice))


def names_videos(path: Path, observation: str = "") -> bool:
    """Whether a file says of which video each label is, and the observation leaves that open (a rater's name does).

    Then several recordings may name it.
    """
    try:
        media = {"": [""]} if is_project(path) and not observation else media_by_observation(open_annotation_file(path))
        return bool(media) and (not observation or observation not in media)
    except InputError:
        return False


def media_by_observation(file: AnnotationFile) -> dict[str, list[str]]:
    """What `#observation=` can name in a file → names of its videos; empty where it names none.

    Raises
    ------
    InputError
        JSON that is of no known program.
    """
    for reader in FORMATS.values():
        find = getattr(reader, "media_by_observation", None)
        if find is not None and reader.matches(file):
            return dict(find(file))
    return {}


def require_format(name: str) -> None:
    """Raise `InputError` unless `name` is in `FORMATS`."""
    if name not in FORMATS:
        raise InputError(f"Unknown annotation format {name!r}.{did_you_mean(name, FORMATS)} Known: {listing(FORMATS)}.")
