"""Embeddings that were made elsewhere, read instead of a video's crops.

Two kinds of array are taken: numbers of shape (n, n_features), and whole numbers of shape
(n,) that name one of a fixed set of clusters or states per frame, which become one-hot rows.
n is the number of video frames, or of analysed frames.
"""

import hashlib
import json
import re
import zipfile
import zlib
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from common.suggestions import did_you_mean, listing
from features.cache.store import CACHE_VERSION, FeatureCache, cache_path, lock_of, read_cache, write_cache, writing_to

_WITH_KEY = re.compile(r"^(?P<file>.*\.(?:npz|npy|h5|hdf5))#(?P<key>.+)$", re.IGNORECASE)


def read_precomputed(path: Path, n_frames: int, frame_step: int, n_categories: int | None = None) -> FeatureCache:
    """Read one recording's embeddings from a file.

    Parameters
    ----------
    path : Path
        An .npy, .npz or .h5 file; ``file.npz#key`` or ``file.h5#group/key`` names the array inside
        where there are several.
    n_frames : int
        Frames of the recording's video.
    frame_step : int
        Frames 0, frame_step, 2 * frame_step, ... are analysed; a file with a row for each video
        frame is thinned accordingly, one with a row for each analysed frame is taken as it is.
    n_categories : int, optional
        For a vector of whole numbers: they lie in 0 ... n_categories - 1 and become one-hot rows of
        this length (equal for all recordings, which a single file can't tell).

    Returns
    -------
    FeatureCache
        In memory; everything counts as observed.

    Raises
    ------
    InputError
        When there is no such file or array, it has another length or shape, or values are missing.
    """
    file_path, key = _split(path)
    if not file_path.is_file():
        raise InputError(
            f"There is no file of precomputed features at {file_path}. Check backbone.files: {{recording}} "
            "in it stands for the recording's id, and relative paths start at the folder of recordings.csv."
        )
    array = _read_array(file_path, key)
    where = f"{file_path}{f' (array {key})' if key else ''}"
    frames = np.arange(0, n_frames, frame_step, dtype=np.int64)
    if array.ndim >= 1 and len(array) not in (n_frames, len(frames)):
        analysed = f", or {len(frames)} (the analysed ones)" if len(frames) != n_frames else ""
        raise InputError(
            f"{where} has {len(array)} rows, but the recording has {n_frames} frames. Expected one row per "
            f"frame{analysed}. Were the features made from this very video?"
        )
    embeddings = _as_embeddings(array, where, n_categories)
    if len(embeddings) != len(frames):
        embeddings = embeddings[::frame_step]
    recipe = {
        "cache_version": CACHE_VERSION,
        "backbone": {"name": "precomputed", "n_features": embeddings.shape[1]},
        "frame_step": frame_step,
        "embeddings_sha256": hashlib.sha256(np.ascontiguousarray(embeddings).tobytes()).hexdigest(),
    }
    return FeatureCache.in_memory(
        np.ascontiguousarray(embeddings), frames, np.ones(len(frames), dtype=np.bool_), recipe
    )


def count_precomputed_frames(path: Path) -> int:
    """Rows of a file of embeddings, where no video tells the number of frames.

    Raises
    ------
    InputError
        As `read_precomputed`.
    """
    file_path, key = _split(path)
    if not file_path.is_file():
        raise InputError(f"There is no file of precomputed features at {file_path}. Check its path in the table.")
    array = _read_array(file_path, key)
    if array.ndim == 0:
        raise InputError(f"{path} holds a single number. Expected one row of features per frame.")
    return len(array)


def hash_precomputed(path: Path) -> str:
    """Hash of a file of embeddings and of which array in it is meant; the same wherever the file lies.

    Returns
    -------
    str
        64 hexadecimal digits.

    Raises
    ------
    InputError
        When the file can't be read.
    """
    file_path, key = _split(path)
    try:
        with file_path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256")
    except OSError as error:
        raise InputError(f"The file of precomputed features {file_path} can't be read: {error}.") from error
    digest.update((key or "").encode("utf-8"))
    return digest.hexdigest()


def import_precomputed(
    recording: str, path: Path, n_frames: int, frame_step: int, n_categories: int | None, cache_dir: Path
) -> FeatureCache:
    """Read a recording's embeddings and keep them in the cache, like embeddings of our own.

    Parameters as in `read_precomputed`; the cache holds its own copy, so that heads can be trained and
    results checked against exactly what was read.

    Raises
    ------
    InputError
        As `read_precomputed`.
    """
    found = read_precomputed(path, n_frames, frame_step, n_categories)
    target = cache_path(cache_dir, recording, found.fingerprint)
    cached = read_cache(target, found.fingerprint)
    if cached is None:
        attributes = {
            "recording": recording,
            "recipe": json.dumps(found.recipe, sort_keys=True),
            "fingerprint": found.fingerprint,
            "note": "",
        }
        with writing_to(cache_dir):
            cache_dir.mkdir(parents=True, exist_ok=True)
            with lock_of(target):
                write_cache(target, [found.embeddings], found.frames, found.observed, found.n_features, attributes)
            cached = read_cache(target, found.fingerprint)
            if cached is None:
                raise OSError(f"{target.name} can't be read back; is the disk sound?")
    return cached


def _split(path: Path) -> tuple[Path, str | None]:
    """Separate ``file.npz#key``; a file whose name really has a # in it is taken as it is."""
    match = _WITH_KEY.match(path.as_posix())
    if match is None or path.is_file():
        return path, None
    return Path(match["file"]), match["key"]


def _read_array(path: Path, key: str | None) -> NDArray[np.generic]:
    """Read one array; nothing in the file is unpickled."""
    try:
        if path.suffix.lower() in (".h5", ".hdf5"):
            with h5py.File(path, "r") as file:
                names: list[str] = []
                file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
                return np.asarray(file[_choose(path, names, key)][()])
        content = np.load(path, allow_pickle=False)
        if isinstance(content, np.ndarray):
            if key is not None:
                raise InputError(f"{path} holds a single array without a name: leave out '#{key}'.")
            return content
        with content:
            return content[_choose(path, content.files, key)]
    except (OSError, ValueError, EOFError, KeyError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
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
            "clusters. Set backbone.n_categories to how many there are in all recordings (0 counts as one)."
        )
    if lowest < 0 or highest >= n_categories:
        raise InputError(
            f"{where} has whole numbers from {lowest} to {highest}; expected 0 to {n_categories - 1}, since "
            f"backbone.n_categories is {n_categories}. Raise it, or number the clusters from 0."
        )
    return np.eye(n_categories, dtype=np.float32)[array.astype(np.int64)]
