"""Rows of features come out of the cache, or are made once and kept: the same for every source.

Finished chunks are committed as they come, so that an interrupted extraction goes on where it stopped,
with the very result of an uninterrupted one.
"""

import contextlib
import json
import logging
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from filelock import BaseFileLock, Timeout
from numpy.typing import NDArray

from common.errors import InputError
from features.cache.parts import PartFolder, parts_folder, remove_parts
from features.cache.store import FeatureCache, cache_path, fingerprint, lock_of, read_cache, write_cache, writing_to
from features.sources.base import FeatureRows

log = logging.getLogger(__name__)

COMMIT_ROWS = 256
"""About this many rows are lost at most when an extraction is killed."""


def find_rows(rows: FeatureRows, cache_dir: Path) -> FeatureCache | None:
    """Take rows from the cache; None where they are not in it, whole and made by this very recipe."""
    wanted = fingerprint(rows.recipe)
    return read_cache(cache_path(cache_dir, rows.recording, wanted), wanted)


def cached_rows(
    rows: FeatureRows, cache_dir: Path, progress: Callable[[int, int], None] = lambda done, total: None
) -> FeatureCache:
    """Take rows from the cache, or make them and keep them in its folder, which is made when absent.

    `progress` is called with (rows done, rows in all), also once before the first batch.

    Raises
    ------
    InputError
        When the recording's files can't be read as before, or the folder can't be written (read-only, disk full).
    """
    path = cache_path(cache_dir, rows.recording, fingerprint(rows.recipe))
    cached = find_rows(rows, cache_dir)
    if cached is None:
        with writing_to(cache_dir):
            cache_dir.mkdir(parents=True, exist_ok=True)
            lock = _take_turn(path, rows.recording)
        try:
            # Another process may have finished it while this one waited.
            cached = find_rows(rows, cache_dir)
            if cached is None:
                cached = _make(rows, path, progress)
        finally:
            lock.release()
    elif parts_folder(path).exists():
        _clear_away(path)
    progress(len(cached.frames), len(cached.frames))
    return cached


def _make(rows: FeatureRows, path: Path, progress: Callable[[int, int], None]) -> FeatureCache:
    """Make what is missing, chunk by chunk, and put the whole together."""
    n_rows = len(rows.spans)
    chunk_rows = rows.batch_rows * max(1, COMMIT_ROWS // rows.batch_rows)
    attributes = {
        "recording": rows.recording,
        "recipe": json.dumps(rows.recipe, sort_keys=True),
        "fingerprint": fingerprint(rows.recipe),
        "note": rows.note,
    }
    made_by = rows.made_by()
    with writing_to(path.parent):
        parts = PartFolder(path, attributes | {"made_by": made_by}, n_rows, chunk_rows, rows.n_features)
    _check_disk(rows, path, parts.n_committed)
    if parts.n_committed:
        log.info("%s: %d of %d frames were done; going on.", rows.recording, parts.n_committed, n_rows)
    progress(parts.n_committed, n_rows)
    for chunk in _missing_chunks(rows, parts.n_committed, chunk_rows, progress):
        with writing_to(path.parent):
            parts.commit(chunk)
    if made_by:
        attributes["made_by"] = made_by
    with writing_to(path.parent):
        write_cache(path, parts.chunks(), rows.spans[:, 0], rows.observed, rows.n_features, attributes)
        remove_parts(parts.folder)
        written = read_cache(path, attributes["fingerprint"])
        if written is None:
            raise OSError(f"{path.name} can't be read back; is the disk sound?")
    return written


def _missing_chunks(
    rows: FeatureRows, n_done: int, chunk_rows: int, progress: Callable[[int, int], None]
) -> Iterator[NDArray[np.float32]]:
    """Yield the rows that are missing, a chunk at a time."""
    n_rows = len(rows.spans)
    if n_done == n_rows:
        return
    chunk = np.empty((chunk_rows, rows.n_features), dtype=np.float32)
    filled = 0
    with contextlib.closing(rows.batches(n_done)) as batches:
        for batch in batches:
            chunk[filled : filled + len(batch)] = batch
            filled += len(batch)
            n_done += len(batch)
            progress(n_done, n_rows)
            if filled == chunk_rows or n_done == n_rows:
                yield chunk[:filled]
                filled = 0


def _check_disk(rows: FeatureRows, path: Path, n_committed: int) -> None:
    """Say at once, not after hours, that the disk has no room for chunks and finished file together."""
    needed = (2 * len(rows.spans) - n_committed) * rows.n_features * 4
    free = shutil.disk_usage(path.parent).free
    if free < needed:
        raise InputError(
            f"The disk of the cache folder {path.parent} has {free / 1e9:.2f} GB free, but the "
            f"embeddings of {rows.recording} need {needed / 1e9:.2f} GB while they are written. Free "
            "some space (see `cache prune`) or set cache_dir to another disk."
        )


def _take_turn(path: Path, recording: str) -> BaseFileLock:
    """Take the cache's lock; when another process has it, say so and wait for its result."""
    lock = lock_of(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        log.info("%s is being extracted by another process; waiting for it.", recording)
        lock.acquire(poll_interval=0.2)
    return lock


def _clear_away(path: Path) -> None:
    """Remove the chunks of a finished cache; a process killed just after finishing it leaves some."""
    # A shared cache may be read-only, and another process may be at it: both do no harm.
    with contextlib.suppress(OSError, Timeout), lock_of(path).acquire(timeout=0):
        remove_parts(parts_folder(path))
