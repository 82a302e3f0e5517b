"""Features that were made elsewhere: pose features, a foundation model's, clusters of frames.

Two kinds of array are taken: numbers of shape (n, n_features), and whole numbers of shape
(n,) that name one of a fixed set of clusters or states per frame, which become one-hot rows.
n is the number of video frames, or of analysed frames.
"""

import hashlib
import re
from collections.abc import Generator
from pathlib import Path
from typing import Any, ClassVar, Literal

import h5py
import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from common.errors import InputError
from common.files import is_file
from common.names import find_path
from common.suggestions import did_you_mean, listing
from features.cache.store import CACHE_VERSION
from features.hdf5_files import opened
from features.poses.hdf5 import MAX_VALUES, read_array
from features.sources.base import (
    FeatureRows,
    FeatureSource,
    Measured,
    Progress,
    RecordingFiles,
    SourceConfig,
    single_frames,
)
from features.tracks import Animals, CenterTrack
from features.video.inspection import VIDEO_INDEX, VideoInfo, inspect_video
from features.video.reading import MAX_FPS, MIN_FPS

_WITH_KEY = re.compile(r"^(?P<file>.*\.(?:npz|npy|h5|hdf5))#(?P<key>.+)$", re.IGNORECASE)


class PrecomputedConfig(SourceConfig):
    """One file of features per recording, made elsewhere."""

    source: Literal["precomputed"] = "precomputed"
    files: str | None = Field(
        default=None,
        description="Path of one recording's file (.npz, .npy, .h5), with `{recording}` where the "
        "recording's id stands, such as `features/{recording}.npz#keypoints`; `#` names the array inside. "
        "Relative paths start at the folder of recordings.csv. Nothing: the column `video` of recordings.csv "
        "names these files instead of videos (and `fps` is needed).",
    )
    fps: float | None = Field(
        default=None, ge=MIN_FPS, le=MAX_FPS, description="Frames per second, where there is no video to tell it."
    )
    n_categories: int | None = Field(
        default=None,
        ge=2,
        le=4096,
        description="For files with one whole number per frame (a cluster, a state): how many there are, so "
        "that each becomes a column of its own.",
    )

    @field_validator("files")
    @classmethod
    def _names_each_recording(cls, files: str | None) -> str | None:
        if files is not None and "{recording}" not in files:
            raise ValueError(
                f"'{files}' is the same file for every recording; "
                "write {recording} where the recording's id stands, as in features/{recording}.npz"
            )
        return files

    def file_of(self, files: RecordingFiles) -> Path:
        """The recording's file of features, with the name of the array inside after ``#`` where one is given."""
        if self.files is None:
            return files.video_path
        return files.table_folder / self.files.replace("{recording}", files.id)


class PrecomputedSource(FeatureSource[PrecomputedConfig]):
    """One file of features per recording; a video, where there is one, tells length and frame rate."""

    config_class: ClassVar[type[SourceConfig]] = PrecomputedConfig
    needs_poses = False
    needs_own_files = True

    def measure(self, files: RecordingFiles, cache_dir: Path, progress: Progress | None = None) -> Measured:
        """Decode the video once, or count the rows where no video is named."""
        path = self.config.file_of(files)
        if self.config.files is None:
            files.require_video()
        elif files.has_video:
            video = inspect_video(files.video_path, cache_dir / VIDEO_INDEX, progress, files.fps)
            hashes = video.sha256, hash_precomputed(path)
            return Measured(video.n_frames, files.fps or self.config.fps or video.fps, hashes, video)
        fps = files.fps or self.config.fps
        if fps is None:
            raise InputError(
                "The source `precomputed` takes features from the files in the column `video` of the recordings "
                "table, which do not tell the frame rate. Add `fps:` to it below `features:`, or a column `fps` to "
                "the table. If that column names videos, add `files:` instead, the paths of the features."
            )
        return Measured(count_precomputed_frames(path), fps, (hash_precomputed(path),))

    def rows_of(
        self,
        files: RecordingFiles,
        n_frames: int,
        video: VideoInfo | None,
        centers: CenterTrack | None,
        animals: Animals | None = None,
    ) -> "PrecomputedRows":
        """The rows of the recording's file, read at once."""
        path = self.config.file_of(files)
        return PrecomputedRows(files.id, path, n_frames, self.settings.frame_step, self.config.n_categories)

    def described(self) -> dict[str, Any]:
        """Nothing is known of how they were made."""
        return {"requested": "precomputed", "used": "precomputed", "weights": "computed elsewhere", "note": ""}


class PrecomputedRows(FeatureRows):
    """The features in one file; the cache keeps a copy, so that results can be checked against what was read.

    It is an .npy, .npz or .h5 file; ``file.npz#key`` or ``file.h5#group/key`` names the array inside where there are
    several. One with a row for each of the video's `n_frames` is thinned by `frame_step`, one with a row for each
    analysed frame is taken as it is. Whole numbers in a vector lie in 0 ... `n_categories` - 1 and become one-hot rows
    of this length (equal for all recordings, which a single file can't tell).

    Raises
    ------
    InputError
        When there is no such file or array, it has another length or shape, or values are missing.
    """

    batch_rows = 1024
    is_slow = False

    def __init__(
        self, recording: str, path: Path, n_frames: int, frame_step: int, n_categories: int | None = None
    ) -> None:
        self.recording = recording
        self.spans = single_frames(n_frames, frame_step)
        self.observed = np.ones(len(self.spans), dtype=np.bool_)
        self._embeddings = _read_rows(path, n_frames, frame_step, n_categories)
        self.n_features = self._embeddings.shape[1]
        self.recipe = {
            "cache_version": CACHE_VERSION,
            "backbone": {"name": "precomputed", "n_features": self.n_features},
            "frame_step": frame_step,
            "embeddings_sha256": hashlib.sha256(self._embeddings.tobytes()).hexdigest(),
        }

    def batches(self, first_row: int) -> Generator[NDArray[np.float32], None, None]:
        """The rows as they were read."""
        for start in range(first_row, len(self._embeddings), self.batch_rows):
            yield self._embeddings[start : start + self.batch_rows]


def _read_rows(path: Path, n_frames: int, frame_step: int, n_categories: int | None) -> NDArray[np.float32]:
    """One row per analysed frame, contiguous."""
    file_path, key = _found(path)
    array = _read_array(file_path, key)
    where = f"{file_path}{f' (array {key})' if key else ''}"
    n_rows = len(range(0, n_frames, frame_step))
    if array.ndim >= 1 and len(array) not in (n_frames, n_rows):
        analysed = f", or {n_rows} (the analysed ones)" if n_rows != n_frames else ""
        raise InputError(
            f"{where} has {len(array)} rows, but the recording has {n_frames} frames. Expected one row per "
            f"frame{analysed}. Were the features made from this very video?"
        )
    embeddings = _as_embeddings(array, where, n_categories)
    return np.ascontiguousarray(embeddings if len(embeddings) == n_rows else embeddings[::frame_step])


def count_precomputed_frames(path: Path) -> int:
    """Rows of a file of embeddings, where no video tells the number of frames; `InputError` where it has none."""
    array = _read_array(*_found(path))
    if array.ndim == 0:
        raise InputError(f"{path} holds a single number. Expected one row of features per frame.")
    return len(array)


def hash_precomputed(path: Path) -> str:
    """Hash of a file of embeddings and of which array in it is meant; the same wherever the file lies."""
    file_path, key = _found(path)
    try:
        with file_path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256")
    except OSError as error:
        raise InputError(f"The file of precomputed features {file_path} can't be read: {error}.") from error
    digest.update((key or "").encode("utf-8"))
    return digest.hexdigest()


def _found(path: Path) -> tuple[Path, str | None]:
    """Separate ``file.npz#key``; a file whose name really has a # in it is taken as it is."""
    match = _WITH_KEY.match(path.as_posix())
    file_path, key = (path, None) if match is None or is_file(path) else (Path(match["file"]), match["key"])
    file_path = find_path(file_path)
    if not is_file(file_path):
        raise InputError(
            f"There is no file of precomputed features at {file_path}. Check `files` of the source `precomputed` "
            "({recording} in it stands for the recording's id), or the column `video` of recordings.csv where it is "
            "not set; relative paths start at that table's folder."
        )
    return file_path, key


def _read_array(path: Path, key: str | None) -> NDArray[np.generic]:
    """Read one array; nothing in the file is unpickled."""
    try:
        if path.suffix.lower() in (".h5", ".hdf5"):
            with opened(path) as file:
                names: list[str] = []
                file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
                return read_array(file[_choose(path, names, key)])
        content = np.load(path, allow_pickle=False, mmap_mode="r")
        if isinstance(content, np.ndarray):
            if key is not None:
                raise InputError(f"{path} holds a single array without a name: leave out '#{key}'.")
            return np.array(content)
        with content:
            name = _choose(path, content.files, key)
            # A few compressed bytes can swell beyond the memory.
            if any(member.file_size > 8 * MAX_VALUES for member in content.zip.infolist()):
                raise ValueError("it holds more values than features of a recording have")
            return content[name]
    except InputError:
        raise
    except Exception as error:  # damaged headers raise whatever their bytes lead to
        reason = " ".join(str(error).split())
        raise InputError(
            f"{path} can't be read as an .npy, .npz or .h5 file with plain numbers: {reason}. Files with "
            "Python objects in them are not opened; save the features as an array of floats."
        ) from error


def _choose(path: Path, names: list[str], key: str | None) -> str:
    if key is not None and key.strip("/") in names:
        return key.strip("/")
    if key is not None:
        raise InputError(f"There is no array {key!r} in {path}. It has: {listing(names)}.{did_you_mean(key, names)}")
    if len(names) != 1:
        raise InputError(
            f"{path} has {len(names)} arrays: {listing(names)}. Say which one holds the features, as in "
            f"{path.name}#{names[0] if names else 'name'}."
        )
    return names[0]


def _as_embeddings(array: NDArray[np.generic], where: str, n_categories: int | None) -> NDArray[np.float32]:
    """Check an array and make it (n, n_features) float32."""
    if array.dtype.kind not in "fiub":
        raise InputError(f"{where} holds {array.dtype}, not numbers. Save the features as an array of floats.")
    if array.ndim == 1 and array.dtype.kind in "iu":
        return _one_hot(array, where, n_categories)
    if array.ndim == 1:
        array = array[:, np.newaxis]
    if array.ndim != 2 or array.shape[1] == 0:
        raise InputError(
            f"{where} has shape {array.shape}. Expected two axes, frames and features; flatten what belongs "
            "to one frame into one row."
        )
    with np.errstate(over="ignore"):
        embeddings = array.astype(np.float32)
    bad = np.argwhere(~np.isfinite(embeddings))
    if len(bad):
        row, column = (int(number) for number in bad[0])
        n_rows = len(np.unique(bad[:, 0]))
        raise InputError(
            f"{where} has missing or infinite values in {n_rows} of {len(array)} rows, the first in row "
            f"{row}, column {column} (counted from 0). Fill the gaps before, for instance with the last known value."
        )
    return embeddings


def _one_hot(array: NDArray[np.generic], where: str, n_categories: int | None) -> NDArray[np.float32]:
    lowest, highest = int(array.min()), int(array.max())
    if n_categories is None:
        raise InputError(
            f"{where} is a single row of whole numbers, {lowest} to {highest}, which are taken as names of "
            "clusters. Set n_categories to how many there are in all recordings (0 counts as one)."
        )
    if lowest < 0 or highest >= n_categories:
        raise InputError(
            f"{where} has whole numbers from {lowest} to {highest}; expected 0 to {n_categories - 1}, since "
            f"n_categories is {n_categories}. Raise it, or number the clusters from 0."
        )
    return np.eye(n_categories, dtype=np.float32)[array.astype(np.int64)]
