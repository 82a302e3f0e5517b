"""Embeddings on disk: one HDF5 file per recording and recipe, which is whole or is not there.

What a file holds
-----------------
``embeddings`` (n_analysed, n_features) float32, ``frames`` (n_analysed,) int64 and ``observed``
(n_analysed,) bool, each in chunks with HDF5's fletcher32 checksum; the attributes ``recording``,
``recipe`` (JSON), ``fingerprint``, ``note``, ``n_committed`` and, written last, ``complete``. The
file format is the one whose metadata carry checksums too, so that any flipped bit is noticed.

A file comes to its name only when finished (see ``features.cache.parts`` for what happens before),
and is used only when its fingerprint is the one asked for: a cache answers "made from exactly
this?", never "does the file exist?".
"""

import contextlib
import hashlib
import json
import logging
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from filelock import Timeout
from numpy.typing import NDArray

from common.errors import InputError
from common.files import make_folder_for_all
from common.locks import CreatedLock, lock_at
from common.places import require_short_paths
from features.cache.parts import PARTS_SUFFIX, PartFolder, count_parts, parts_folder, remove_parts
from features.hdf5_files import opened, owner_of

log = logging.getLogger(__name__)

CACHE_VERSION = 1
"""Part of every fingerprint: raised when the code makes other embeddings of the same recipe."""

CHUNK_BYTES = 128 * 1024
# Who writes holds `lock_of`: HDF5's own locks, which some network folders refuse, are never needed.
UNFINISHED_SUFFIX = ".unfinished"
_DAMAGE = (OSError, KeyError, ValueError, RuntimeError, TypeError, AttributeError)
"""What h5py raises for files that are not whole."""


@dataclass(frozen=True)
class FeatureCache:
    """The embeddings of one recording: what all determined them, that recipe's hash, and the file.

    `frames`, shape (n_analysed,), are the numbers of the video frames that the embeddings are of; `observed` is False
    where the animal's position was not known and the crop was cut where it was last seen.
    """

    frames: NDArray[np.int64]
    observed: NDArray[np.bool_]
    recipe: dict[str, Any]
    fingerprint: str
    n_features: int
    path: Path

    @property
    def embeddings(self) -> NDArray[np.float32]:
        """Shape (n_analysed, n_features), float32; read from the file each time, so keep the result."""
        with opened(self.path) as file:
            return np.asarray(file["embeddings"][:], dtype=np.float32)


@dataclass(frozen=True)
class CacheRow:
    """One line of ``cache list``; numbers are 0 and texts empty where a damaged file doesn't tell."""

    recording: str
    backbone: str
    n_frames: int
    n_features: int
    size_mb: float
    state: str
    """``complete``, ``unfinished`` (an extraction that was interrupted), ``damaged`` or ``unreadable`` (by you)."""
    fingerprint: str
    path: Path


def fingerprint(recipe: dict[str, Any]) -> str:
    """Hash a recipe in 64 hexadecimal digits; equal recipes give equal hashes, in any order of their keys."""
    text = json.dumps(recipe, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def cache_path(cache_dir: Path, recording: str, recipe_fingerprint: str) -> Path:
    """Where the embeddings of a recording made by a recipe are, or would be."""
    safe = re.sub(r'[<>:"/\\|?*\x00-\x1f]', "_", recording)
    return cache_dir / f"{safe}__{recipe_fingerprint[:12]}.h5"


def require_short_cache_paths(cache_dir: Path, recordings: Iterable[str]) -> None:
    """Make sure that what is made of recordings can lie in a folder.

    Raises
    ------
    InputError
        As `common.places.require_short_paths`.
    """
    made = (cache_path(Path(), recording, "0" * 64) for recording in recordings)
    parts = (parts_folder(path) / f"{0:06d}-{'0' * 32}.npy" for path in made)
    require_short_paths(cache_dir, map(str, parts), "Shorten that recording's id, or choose a shorter cache_dir.")


def lock_of(path: Path) -> CreatedLock:
    """The lock that whoever writes this cache holds; it is free again when a process dies."""
    folder = path.parent / "locks"
    path.parent.mkdir(parents=True, exist_ok=True)
    make_folder_for_all(folder)
    return lock_at(folder / f"{path.stem}.lock")


def read_cache(path: Path, expected_fingerprint: str) -> FeatureCache | None:
    """Open a finished cache and check every checksum in it.

    None when there is no such file, when it was made by a recipe with another hash than `expected_fingerprint`, or
    when it is damaged; the latter two are logged.

    Raises
    ------
    InputError
        When it may not be read, so that nobody knows.
    """
    if not path.is_file():
        return None
    try:
        with opened(path) as file:
            found = str(file.attrs["fingerprint"])
            if found != expected_fingerprint:
                log.warning("%s was made by another recipe and is not used.", path)
                return None
            return _checked(file, path)
    except _DAMAGE as error:
        log.warning("The cache %s is damaged (%s); it is not used.", path, " ".join(str(error).split()))
        return None


class CachedRows:
    """The embeddings of a finished cache, read a slice at a time; HDF5 compares the checksums of what is read.

    `shape` is (n_analysed, n_features).

    Raises
    ------
    InputError
        Also when a slice is read: if the file has vanished, is damaged, or was made by another recipe.
    """

    def __init__(self, path: Path, expected_fingerprint: str) -> None:
        self._path = path
        self._fingerprint = expected_fingerprint
        self.shape: tuple[int, ...] = self._read(lambda embeddings: embeddings.shape)

    def __getitem__(self, frames: slice) -> NDArray[np.float32]:
        """Read the rows of some consecutive frames, shape (n, n_features)."""
        return np.asarray(self._read(lambda embeddings: embeddings[frames]), dtype=np.float32)

    def _read(self, what: Callable[[h5py.Dataset], Any]) -> Any:
        try:
            with opened(self._path) as file:
                if not bool(file.attrs["complete"]) or str(file.attrs["fingerprint"]) != self._fingerprint:
                    raise ValueError("it was made by another recipe")
                return what(file["embeddings"])
        except _DAMAGE as error:
            raise InputError(
                f"The cached embeddings {self._path} vanished or were damaged while they were in use "
                f"({' '.join(str(error).split())}). Start again: they are then computed again, finished folds are kept."
            ) from None


def _checked(file: h5py.File, path: Path) -> FeatureCache:
    """Read all of a file once, chunk by chunk, which makes HDF5 compare each checksum."""
    recipe = json.loads(str(file.attrs["recipe"]))
    frames = np.asarray(file["frames"][:], dtype=np.int64)
    observed = np.asarray(file["observed"][:], dtype=np.bool_)
    embeddings = file["embeddings"]
    n_analysed, n_features = embeddings.shape
    if not bool(file.attrs["complete"]) or int(file.attrs["n_committed"]) != n_analysed:
        raise ValueError("it was not finished")
    if fingerprint(recipe) != str(file.attrs["fingerprint"]):
        raise ValueError("its recipe and its fingerprint don't belong together")
    if frames.shape != (n_analysed,) or observed.shape != (n_analysed,) or embeddings.dtype != np.float32:
        raise ValueError("its parts don't fit together")
    if not embeddings.fletcher32:
        raise ValueError("its embeddings have no checksums")
    rows = embeddings.chunks[0]
    buffer = np.empty((rows, n_features), dtype=np.float32)
    for start in range(0, n_analysed, rows):
        stop = min(start + rows, n_analysed)
        embeddings.read_direct(buffer, np.s_[start:stop], np.s_[: stop - start])
    return FeatureCache(frames, observed, recipe, str(file.attrs["fingerprint"]), n_features, path)


def write_cache(
    path: Path,
    chunks: Iterable[NDArray[np.float32]],
    frames: NDArray[np.int64],
    observed: NDArray[np.bool_],
    n_features: int,
    attributes: dict[str, str],
) -> None:
    """Write a finished cache under a temporary name, then give it its own in one step.

    What is there is replaced. The chunks (n, n_features) are the embeddings in order, a few at a time; attributes are
    ``recording``, ``recipe`` (JSON), ``fingerprint`` and ``note``; the rest as in ``FeatureCache``.

    Raises
    ------
    ValueError
        When the chunks don't add up to ``len(frames)`` embeddings.
    OSError
        When the file can't be written.
    """
    # HDF5 writes by itself, a chunk at a time: what `common.files` writes must fit into the memory.
    unfinished = path.with_name(path.name + UNFINISHED_SUFFIX)
    n_analysed = len(frames)
    rows = max(1, min(n_analysed, CHUNK_BYTES // (4 * n_features)))
    # Another user's process may have been killed at it, whose file can be removed but not written.
    unfinished.unlink(missing_ok=True)
    with h5py.File(unfinished, "w", libver=("v110", "v110"), locking=False) as file:
        file.create_dataset("frames", data=frames, fletcher32=True, chunks=True)
        file.create_dataset("observed", data=observed, fletcher32=True, chunks=True)
        shape = (n_analysed, n_features)
        dataset = file.create_dataset("embeddings", shape, np.float32, chunks=(rows, n_features), fletcher32=True)
        file.attrs.update(attributes)
        n_committed = 0
        for chunk in chunks:
            dataset[n_committed : n_committed + len(chunk)] = chunk
            n_committed += len(chunk)
        if n_committed != n_analysed:
            raise ValueError(f"{n_committed} embeddings were given for {n_analysed} frames")
        file.attrs["n_committed"] = n_committed
        file.flush()
        file.attrs["complete"] = True
    with unfinished.open("rb+") as written:
        os.fsync(written.fileno())
    unfinished.replace(path)


@contextlib.contextmanager
def writing_to(cache_dir: Path) -> Iterator[None]:
    """Turn the system's refusal to write into a sentence about the cache folder."""
    try:
        yield
    except PermissionError as error:
        place = Path(str(error.filename)) if error.filename else cache_dir
        whose = owner_of(place if place.exists() else place.parent, ", which belongs to {}")
        raise InputError(
            f"The cache folder {cache_dir} can't be written: you may not write {place}{whose}. Have its owner let your "
            "group write to the whole folder, or set cache_dir to one of your own; what is whole there can be copied."
        ) from error
    except OSError as error:
        raise InputError(
            f"The cache folder {cache_dir} can't be written: {error}. Expected a folder that may be written "
            "to, on a disk with room. Set cache_dir to another one, or free some space; what is done is kept."
        ) from error


def list_caches(cache_dir: Path) -> list[CacheRow]:
    """Caches and interrupted extractions in a folder by recording, by what the files say of themselves."""
    folders = [path for path in cache_dir.glob(f"*{PARTS_SUFFIX}") if path.is_dir()]
    return sorted(map(_row, [*cache_dir.glob("*.h5"), *folders]), key=lambda row: (row.recording, row.path.name))


def verify_caches(cache_dir: Path) -> Iterator[CacheRow]:
    """As ``list_caches``, but each file is read whole and its checksums compared; row by row."""
    for row in list_caches(cache_dir):
        state = row.state
        if state == "complete":
            try:
                state = state if read_cache(row.path, row.fingerprint) is not None else "damaged"
            except InputError:
                state = "unreadable"
        yield replace(row, state=state)


def prune_caches(cache_dir: Path, older_than_days: float | None = None) -> list[CacheRow]:
    """Remove damaged caches, and caches and interrupted extractions that are older than this, where it is given.

    What is being written just now stays. Returns what was removed.
    """
    removed = []
    for row in verify_caches(cache_dir):
        age_days = (time.time() - row.path.stat().st_mtime) / 86400
        if row.state == "damaged" or (older_than_days is not None and age_days > older_than_days):
            try:
                with lock_of(row.path).acquire(timeout=0):
                    remove_parts(row.path) if row.path.is_dir() else row.path.unlink()
            except Timeout:
                log.info("%s is being written by another process and stays.", row.path)
                continue
            except OSError as error:
                log.warning("%s can't be deleted (%s) and stays.", row.path, error.strerror or error)
                continue
            removed.append(row)
    for path in cache_dir.glob(f"*{UNFINISHED_SUFFIX}"):
        with contextlib.suppress(Timeout, OSError), lock_of(path.with_suffix("")).acquire(timeout=0):
            path.unlink(missing_ok=True)
    return removed


def _row(path: Path) -> CacheRow:
    """What a cache, or the folder of chunks of an unfinished one, says of itself."""
    size_mb = sum(file.stat().st_size for file in (path.iterdir() if path.is_dir() else [path])) / 1e6
    try:
        if path.is_dir():
            told, state = PartFolder.read_plan(path), "unfinished"
            n_frames = min(count_parts(path) * int(told["chunk_frames"]), int(told["n_analysed"]))
            n_features = int(told["n_features"])
        else:
            with opened(path) as file:
                told, (n_frames, n_features) = dict(file.attrs), file["embeddings"].shape
            state = "complete" if bool(told["complete"]) else "damaged"
        recipe = json.loads(str(told["recipe"]))
        backbone = str(recipe["backbone"]["name"]) + " of three moments" * ("moments_frames" in recipe.get("crop", {}))
        names = str(told["recording"]), backbone
        return CacheRow(*names, n_frames, n_features, size_mb, state, str(told["fingerprint"]), path)
    except (InputError, *_DAMAGE) as error:
        state = "unreadable" if isinstance(error, InputError | PermissionError) else "damaged"
        return CacheRow(path.stem.rpartition("__")[0], "", 0, 0, size_mb, state, "", path)
