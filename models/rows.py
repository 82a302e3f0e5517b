"""Rows of features: an array in memory, or anything that gives slices of one."""

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

CHUNK_BYTES = 8_000_000


class Rows(Protocol):
    """Features of one recording, shape (n_frames, n_features), float32; a NumPy array is one such."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(n_frames, n_features)."""

    def __getitem__(self, frames: slice, /) -> NDArray[np.float32]:
        """The rows of some consecutive frames."""


def chunks(rows: Rows) -> Iterator[NDArray[np.float32]]:
    """Yield all rows in order, at most `CHUNK_BYTES` at a time."""
    n_frames, n_features = rows.shape
    step = max(1, CHUNK_BYTES // (4 * max(1, n_features)))
    for start in range(0, n_frames, step):
        yield rows[start : start + step]
