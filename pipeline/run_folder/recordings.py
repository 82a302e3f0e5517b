"""recordings.csv of a run's folder: what took part, and in which role."""

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from common.errors import InputError
from common.names import unsafe_name_reason
from common.places import path_at, path_from
from common.tables import Row
from features.video.reading import MAX_FPS, MIN_FPS
from pipeline.dataset.load import CheckedRecording
from pipeline.run_folder.contents import RECORDINGS
from pipeline.run_folder.run_dir import RunDir


@dataclass(frozen=True)
class RecordingRow:
    """One line of the run's recordings.csv; None (and no video path) where the file says nothing.

    `video_sha256` is that of the pose file where features are of poses alone. `animal` and `partner`: names in the pose
    file, where the video shows several; else "". `subject`: the animal's name in the annotations, where it is another.
    `split_group`: the individual, or one name for all that were filmed together, which are no independent ones.
    """

    recording: str
    subset: str
    individual: str
    group: str
    video: str
    fps: float
    n_frames: int
    n_unobserved: int | None
    width_px: int | None = None
    height_px: int | None = None
    video_path: Path | None = None
    video_sha256: str = ""
    animal: str = ""
    subject: str = ""
    partner: str = ""
    split_group: str = ""

    @property
    def animal_name(self) -> str:
        """The animal's name for humans, and in what they annotate; "" where the video shows one only."""
        return self.subject or self.animal


def recording_row(item: CheckedRecording) -> RecordingRow:
    """What is written of a recording that took part."""
    video = item.video
    return RecordingRow(
        recording=item.id,
        subset=item.subset,
        individual=item.recording.individual,
        group=item.recording.group,
        video=video.path.name if video else "",
        fps=item.fps,
        n_frames=item.n_frames,
        n_unobserved=int((~item.observed).sum()),
        width_px=video.width_px if video else None,
        height_px=video.height_px if video else None,
        video_path=video.path.resolve() if video else None,
        video_sha256=item.known_by,
        animal=item.recording.animal,
        subject=item.recording.subject,
        partner=item.recording.partner,
        split_group=item.split_group,
    )


def write_recordings(run: RunDir, rows: Iterable[RecordingRow]) -> None:
    """Write recordings.csv; videos are named as they are reached from the run's folder."""
    paths = ((row, row.video_path and path_from(run.path, row.video_path)) for row in rows)
    RECORDINGS.write(run, (asdict(row) | {"video_path": path} for row, path in paths))


def read_recordings(run: RunDir) -> tuple[RecordingRow, ...]:
    """Read recordings.csv back.

    Raises
    ------
    InputError
        When the file is missing or has no rows, or a number in it is none, by row and column.
    """
    path = RECORDINGS.path(run)
    rows = tuple(_read_row(path, number, cells) for number, cells in enumerate(RECORDINGS.read(run), start=2))
    if not rows:
        raise InputError(
            f"{path} should have a row for each recording of the run, but it has none. Restore the file or run the "
            "experiment again with --overwrite."
        )
    return rows


def _read_row(path: Path, number: int, cells: Row) -> RecordingRow:
    fps, n_frames = (_number(path, number, cells, name) for name in ("fps", "n_frames"))
    if not MIN_FPS <= fps <= MAX_FPS:
        raise _no_number(path, number, cells, "fps", f"from {MIN_FPS:g} to {MAX_FPS:g}")
    if n_frames < 1 or n_frames != int(n_frames):
        raise _no_number(path, number, cells, "n_frames", "a whole number, at least 1")
    if reason := unsafe_name_reason(str(cells["recording"])):
        raise InputError(
            f"{path}, row {number}: the recording {str(cells['recording'])[:80]!r} can be no file name: {reason}. "
            "Files of a run are named by its recordings. Was the file edited by hand, or is it damaged? Restore it."
        )
    video_path = path_at(path.parent, str(cells["video_path"])) if cells["video_path"] else None
    known: dict[str, Any] = cells | {"fps": fps, "n_frames": int(n_frames), "video_path": video_path}
    return RecordingRow(**known)


def _number(path: Path, row: int, cells: Row, column: str) -> float:
    """A finite number of a row that must have one."""
    try:
        value = float(str(cells[column]))
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise _no_number(path, row, cells, column, "a number")
    return value


def _no_number(path: Path, row: int, cells: Row, column: str, expected: str) -> InputError:
    return InputError(
        f"{path}, row {row} (recording {str(cells['recording'])[:100]}): `{column}` should be {expected}, but it is "
        f"{cells[column]!r}. Was the file edited by hand? Restore it or run the experiment again with --overwrite."
    )
