"""Rows of features: an array in memory, or anything that gives slices of one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

CHUNK_BYTES = 8_000_000
HELD_BYTES = 600_000_000
"""Features that a fit holds in memory at most; with the rest of it they stay below 1 GB."""


class Rows(Protocol):
    """Features of one recording, shape (n_frames, n_features), float32; a NumPy array is one such."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(n_frames, n_features)."""

    def __getitem__(self, frames: slice, /) -> NDArray[np.float32]:
        """The rows of some consecutive frames."""


def chunks(rows: Rows, start: int = 0, stop: int | None = None) -> Iterator[NDArray[np.float32]]:
    """Yield the rows ``[start, stop)``, all unless told, in order and at most `CHUNK_BYTES` at a time."""
    n_frames, n_features = rows.shape
    stop = n_frames if stop is None else stop
    step = max(1, CHUNK_BYTES // (4 * max(1, n_features)))
    for first in range(start, stop, step):
        yield rows[first : min(first + step, stop)]


def held(rows: Rows, free_bytes: int) -> tuple[Rows, int]:
    """Read rows into memory if they fit into so many bytes; them or the same rows, and the bytes that are left."""
    n_frames, n_features = rows.shape
    left = free_bytes - n_frames * n_features * np.dtype(np.float32).itemsize
    return (rows[:], left) if left >= 0 else (rows, free_bytes)


@dataclass(frozen=True)
class _JoinedRows:
    parts: tuple[Rows, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        return self.parts[0].shape[0], sum(part.shape[1] for part in self.parts)

    def __getitem__(self, frames: slice, /) -> NDArray[np.float32]:
        return np.concatenate([part[frames] for part in self.parts], axis=1)


def joined_rows(parts: Sequence[Rows]) -> Rows:
    """Features of several sources side by side.

    Raises
    ------
    ValueError
        When they are not of equally many frames.
    """
    lengths = {part.shape[0] for part in parts}
    if len(lengths) != 1:
        raise ValueError(f"features of {sorted(lengths)} frames can't be joined")
    return parts[0] if len(parts) == 1 else _JoinedRows(tuple(parts))
