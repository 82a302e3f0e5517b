"""Rows of features come out of the cache, or are made once and kept: the same for every source.

Finished chunks are committed as they come, so that an interrupted extraction goes on where it stopped,
with the very result of an uninterrupted one.
"""

import contextlib
import json
import logging
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from filelock import Timeout
from numpy.typing import NDArray

from common.errors import InputError
from common.locks import take_turn
from features.cache.parts import PartFolder, parts_folder, remove_parts
from features.cache.store import FeatureCache, cache_path, fingerprint, lock_of, read_cache, write_cache, writing_to
from features.sources.base import FeatureRows
from features.video.inspection import NotAsPromisedError

log = logging.getLogger(__name__)

COMMIT_ROWS = 256
"""About this many rows are lost at most when an extraction is killed."""


def find_rows(rows: FeatureRows, cache_dir: Path) -> FeatureCache | None:
    """Take rows from the cache; None where they are not in it, whole and made by this very recipe."""
    return read_cache(_path_of(rows, cache_dir), fingerprint(rows.recipe))


def has_rows(rows: FeatureRows, cache_dir: Path) -> bool:
    """Whether there is a file of these rows in the cache, which need not be whole."""
    return _path_of(rows, cache_dir).is_file()


def _path_of(rows: FeatureRows, cache_dir: Path) -> Path:
    return cache_path(cache_dir, rows.recording, fingerprint(rows.recipe))


def cached_rows(
    rows: Sequence[FeatureRows], cache_dir: Path, progress: Callable[[int, int], None] = lambda done, total: None
) -> list[FeatureCache]:
    """Take rows of one video, of each recording and source, from the cache, or make them and keep them in its folder.

    What is missing is made together, so that the video is decoded once; the folder is made when absent. `progress` is
    called with (rows done, rows in all) of what is missing, also once before the first batch.

    Raises
    ------
    InputError
        When the recording's files can't be read as before, or the folder can't be written (read-only, disk full).
    """
    caches = [find_rows(each, cache_dir) for each in rows]
    # By their paths: sources that turn out to be the same (one fell back to another's network) share a cache.
    by_path = {_path_of(each, cache_dir): each for each, cached in zip(rows, caches, strict=True) if cached is None}
    missing = list(by_path.values())
    if missing:
        with writing_to(cache_dir):
            cache_dir.mkdir(parents=True, exist_ok=True)
        with _turns(missing, cache_dir):
            # Another process may have finished some while this one waited.
            missing = [each for each in missing if find_rows(each, cache_dir) is None]
            _make(missing, cache_dir, progress)
            caches = [cached or find_rows(each, cache_dir) for each, cached in zip(rows, caches, strict=True)]
    found = [cached for cached in caches if cached is not None]
    if len(found) < len(rows):
        raise InputError(f"What was just written to {cache_dir} can't be read back; is the disk sound?")
    for cached in found:
        if parts_folder(cached.path).exists():
            _clear_away(cached.path)
    n_rows = sum(len(each.spans) for each in missing or rows)
    progress(n_rows, n_rows)
    return found


class _Making:
    """The rows of one source on their way into the cache, chunk by chunk."""

    def __init__(self, rows: FeatureRows, cache_dir: Path) -> None:
        self.rows = rows
        self.path = _path_of(rows, cache_dir)
        self._attributes = {
            "recording": rows.recording,
            "recipe": json.dumps(rows.recipe, sort_keys=True),
            "fingerprint": fingerprint(rows.recipe),
            "note": rows.note,
            "made_by": rows.made_by(),
        }
        chunk_rows = rows.batch_rows * max(1, COMMIT_ROWS // rows.batch_rows)
        with writing_to(cache_dir):
            self._parts = PartFolder(self.path, self._attributes, len(rows.spans), chunk_rows, rows.n_features)
        self.n_done = self._parts.n_committed
        if self.n_done:
            log.info("%s: %d of %d frames were done; going on.", rows.recording, self.n_done, len(rows.spans))
        self._chunk = np.empty((chunk_rows, rows.n_features), dtype=np.float32)
        self._filled = 0

    @property
    def needed_bytes(self) -> int:
        """Room on the disk for chunks and the finished file together."""
        return (2 * len(self.rows.spans) - self.n_done) * self.rows.n_features * 4

    def add(self, batch: NDArray[np.float32]) -> None:
        """Take the next rows; a full chunk is committed."""
        if not (self.rows.has_missing or np.isfinite(batch).all()):
            raise InputError(
                f"The features of {self.rows.recording} hold NaN or infinity from row {self.n_done} on "
                f"({self.rows.made_by() or self.rows.recipe['backbone']['name']}). Set precision: float32, or another "
                "engine; a file of features must hold finite numbers."
            )
        self._chunk[self._filled : self._filled + len(batch)] = batch
        self._filled += len(batch)
        self.n_done += len(batch)
        if self._filled == len(self._chunk) or self.n_done == len(self.rows.spans):
            with writing_to(self.path.parent):
                self._parts.commit(self._chunk[: self._filled])
            self._filled = 0

    def discard(self) -> None:
        """Throw away what was made."""
        remove_parts(self._parts.folder)

    def finish(self) -> None:
        """Put the whole together."""
        rows, attributes = self.rows, {key: value for key, value in self._attributes.items() if value or key == "note"}
        with writing_to(self.path.parent):
            write_cache(self.path, self._parts.chunks(), rows.spans[:, 0], rows.observed, rows.n_features, attributes)
            remove_parts(self._parts.folder)


def _make(missing: Sequence[FeatureRows], cache_dir: Path, progress: Callable[[int, int], None]) -> None:
    """Make rows of one video, those of a class together."""
    if not missing:
        return
    making = [_Making(rows, cache_dir) for rows in missing]
    try:
        _fill(making, cache_dir, progress)
    except NotAsPromisedError:
        for one in making:
            one.discard()
        raise
    for one in making:
        one.finish()


def _fill(making: Sequence[_Making], cache_dir: Path, progress: Callable[[int, int], None]) -> None:
    _check_disk(making, cache_dir)
    n_rows = sum(len(one.rows.spans) for one in making)
    progress(sum(one.n_done for one in making), n_rows)
    for kind in dict.fromkeys(type(one.rows) for one in making):
        unfinished = [one for one in making if type(one.rows) is kind and one.n_done < len(one.rows.spans)]
        if unfinished:
            batches = kind.batches_together([one.rows for one in unfinished], [one.n_done for one in unfinished])
            with contextlib.closing(batches):
                for which, batch in batches:
                    unfinished[which].add(batch)
                    progress(sum(one.n_done for one in making), n_rows)


def _check_disk(making: Sequence[_Making], cache_dir: Path) -> None:
    """Say at once, not after hours, that the disk has no room."""
    needed = sum(one.needed_bytes for one in making)
    free = shutil.disk_usage(cache_dir).free
    if free < needed:
        raise InputError(
            f"The disk of the cache folder {cache_dir} has {free / 1e9:.2f} GB free, but the "
            f"embeddings of {making[0].rows.recording} need {needed / 1e9:.2f} GB while they are written. Free "
            "some space (see `cache prune`) or set cache_dir to another disk."
        )


@contextlib.contextmanager
def _turns(missing: Sequence[FeatureRows], cache_dir: Path) -> Iterator[None]:
    """Hold the locks of all caches that are missing."""
    with contextlib.ExitStack() as stack:
        # In one order, so that two processes never wait for each other.
        for rows in sorted(missing, key=lambda each: _path_of(each, cache_dir)):
            with writing_to(cache_dir):
                lock = lock_of(_path_of(rows, cache_dir))
                take_turn(lock, f"{rows.recording} is being extracted")
            stack.callback(lock.release)
        yield


def _clear_away(path: Path) -> None:
    """Remove the chunks of a finished cache; a process killed just after finishing it leaves some."""
    # A shared cache may be read-only, and another process may be at it: both do no harm.
    with contextlib.suppress(OSError, Timeout), lock_of(path).acquire(timeout=0):
        remove_parts(parts_folder(path))
