"""An extraction under way: its finished chunks, each a small file of its own.

A file that is being written when the process is killed can be lost whole, so nothing that
is finished is ever touched again. A chunk is written under a temporary name, forced to the
disk, then renamed; its name carries the hash of its content. Whatever moment a process dies,
the chunks before stay, and what is not whole is told by its hash and made anew.
"""

import hashlib
import io
import json
import logging
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.files import make_folder_for_all, replace_bytes

log = logging.getLogger(__name__)

PARTS_SUFFIX = ".parts"
_PLAN = "plan.json"
_PART_NAME = re.compile(r"^(\d{6})-([0-9a-f]{32})\.npy$")


class PartFolder:
    """The committed chunks of one unfinished cache, `chunk_frames` embeddings in each but the last.

    The folder lies beside the finished cache to be. The plan is what all chunks must have in common: those left by
    another (another recipe, another version of a library) are removed, so that a resumed extraction equals an
    uninterrupted one.
    """

    def __init__(
        self, cache_path: Path, plan: dict[str, Any], n_analysed: int, chunk_frames: int, n_features: int
    ) -> None:
        self.folder = parts_folder(cache_path)
        self._n_analysed = n_analysed
        self._chunk_frames = chunk_frames
        self._n_features = n_features
        self._paths: list[Path] = []
        self._adopt(plan | {"n_analysed": n_analysed, "chunk_frames": chunk_frames, "n_features": n_features})

    @property
    def n_committed(self) -> int:
        """Embeddings that are safely on disk, counted from the start."""
        return min(len(self._paths) * self._chunk_frames, self._n_analysed)

    def commit(self, chunk: NDArray[np.float32]) -> None:
        """Write the next chunk, (chunk_frames or what is left, n_features); once this returns, it outlives the process.

        Raises
        ------
        ValueError
            When the chunk is not the one that comes next.
        OSError
            When it can't be written.
        """
        expected = self._shape(len(self._paths))
        if chunk.shape != expected:
            raise ValueError(f"expected a chunk of shape {expected}, got {chunk.shape}")
        stream = io.BytesIO()
        np.save(stream, np.ascontiguousarray(chunk, dtype=np.float32), allow_pickle=False)
        content = stream.getvalue()
        path = self.folder / f"{len(self._paths):06d}-{_hash(content)}.npy"
        replace_bytes(path, content)
        self._paths.append(path)

    def chunks(self) -> Iterator[NDArray[np.float32]]:
        """Yield the committed chunks in order.

        Raises
        ------
        ValueError
            When one has been changed since it was committed.
        """
        for position, path in enumerate(self._paths):
            chunk = _read_part(path, self._shape(position))
            if chunk is None:
                raise ValueError(f"{path} has changed since it was written")
            yield chunk

    @staticmethod
    def read_plan(folder: Path) -> dict[str, Any]:
        """Read what a folder of chunks says of itself.

        Raises
        ------
        OSError, ValueError
            When it is missing or damaged.
        """
        plan = json.loads((folder / _PLAN).read_text(encoding="utf-8"))
        if not isinstance(plan, dict):
            raise ValueError("the plan is not a table")
        return plan

    def _adopt(self, plan: dict[str, Any]) -> None:
        """Take over the whole chunks that an interrupted extraction left, and remove the rest."""
        try:
            fits = self.read_plan(self.folder) == plan
        except (OSError, ValueError):
            fits = False
        if not fits:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.parent.mkdir(parents=True, exist_ok=True)
            make_folder_for_all(self.folder)
            replace_bytes(self.folder / _PLAN, json.dumps(plan, indent=1).encode("utf-8"))
        n_chunks = -(-self._n_analysed // self._chunk_frames)
        by_position = _named_parts(self.folder)
        for position in range(n_chunks):
            path = by_position.get(position)
            if path is None:
                break
            if _read_part(path, self._shape(position)) is None:
                log.warning("%s is damaged; it and what follows is computed again.", path)
                break
            self._paths.append(path)
        for path in self.folder.iterdir():
            if path.name != _PLAN and path not in self._paths:
                path.unlink()

    def _shape(self, position: int) -> tuple[int, int]:
        start = position * self._chunk_frames
        return min(self._chunk_frames, self._n_analysed - start), self._n_features


def parts_folder(cache_path: Path) -> Path:
    """The folder of chunks that belongs to a cache."""
    return cache_path.with_name(cache_path.stem + PARTS_SUFFIX)


def count_parts(folder: Path) -> int:
    """Number of chunks in a folder, by their names alone."""
    return len(_named_parts(folder))


def remove_parts(folder: Path) -> None:
    """Remove a folder of chunks, the plan first, so that a half-removed one is never adopted."""
    (folder / _PLAN).unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


def _named_parts(folder: Path) -> dict[int, Path]:
    return {int(name[1]): path for path in folder.iterdir() if (name := _PART_NAME.match(path.name))}


def _read_part(path: Path, shape: tuple[int, int]) -> NDArray[np.float32] | None:
    """Read one chunk, or None when it is not what its name says."""
    content = path.read_bytes()
    name = _PART_NAME.match(path.name)
    if name is None or _hash(content) != name[2]:
        return None
    chunk = np.load(io.BytesIO(content), allow_pickle=False)
    return chunk if chunk.shape == shape and chunk.dtype == np.float32 else None


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]
