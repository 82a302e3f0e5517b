"""A table of recordings as a file that lies elsewhere than the one it was read from."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from common.tables import write_table
from features.poses import SEQUENCE, split_sequence
from pipeline.annotations import needs_file
from pipeline.dataset.cell_paths import path_cell
from pipeline.dataset.recording import Recording
from pipeline.dataset.table import ANIMAL, COLUMNS, FPS, PARTNER


def write_recordings_table(path: Path, recordings: Sequence[Recording]) -> None:
    """Write what `pipeline.dataset.table.read_recordings` reads back as the same recordings.

    Raises
    ------
    InputError
        When the file cannot be written.
    """
    rows = [_cells(recording, path.parent) for recording in recordings]
    further = [name for name in (ANIMAL, PARTNER, FPS) if any(row[name] for row in rows)]
    write_table(path, (*COLUMNS, *further), [{name: row[name] for name in (*COLUMNS, *further)} for row in rows])


def _cells(recording: Recording, folder: Path) -> dict[str, str]:
    poses = recording.pose_word
    if recording.pose_path is not None:
        file, sequence = split_sequence(recording.pose_path)
        poses = path_cell(file, folder) + (f"{SEQUENCE}{sequence}" if sequence else "")
    return {
        "recording": recording.id,
        "video": path_cell(recording.video_path, folder) if recording.has_video else "",
        "poses": poses,
        "annotations": ";".join(_annotations(recording, folder)),
        "individual": recording.individual,
        "group": recording.group,
        "split": recording.split,
        ANIMAL: recording.animal,
        PARTNER: recording.partner,
        FPS: "" if recording.fps is None else repr(recording.fps),
    }


def _annotations(recording: Recording, folder: Path) -> Iterator[str]:
    for annotator, path in recording.annotation_paths.items():
        choice = recording.annotation_choices[annotator]
        text = path_cell(path, folder) if needs_file(choice.format) else path.as_posix()
        text = (f"{choice.format}:" if choice.format else "") + text + choice.part
        yield f"{annotator}={text}" if annotator else text
