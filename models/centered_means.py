"""Features of a frame beside their means over the seconds around it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class CenteredMeans:
    """One recording's features and their means over centered spans of time, for any of its frames.

    Time and memory are proportional to the number of frames, however long the spans.

    Parameters
    ----------
    values : ndarray, shape (n_frames, n_features), float32
        NaN where missing.
    step_s : float
        Seconds from one frame to the next.
    spans_s : sequence of float
        Lengths of the spans; each has an odd number of frames, at least the one in its middle, and is cut off at the
        ends of the recording.
    """

    def __init__(self, values: NDArray[np.float32], step_s: float, spans_s: Sequence[float]) -> None:
        self._values = values
        self._half_frames = [max(0, round((span_s / step_s - 1) / 2)) for span_s in spans_s]
        known = ~np.isnan(values)
        self._sums = _running(np.where(known, values, 0), np.float64)
        self._counts = None if known.all() else _running(known, np.int64)

    @property
    def n_frames(self) -> int:
        """Frames of the recording."""
        return len(self._values)

    def rows(self, frames: NDArray[np.int64]) -> NDArray[np.float32]:
        """Features of some frames, then their means over each span.

        Returns
        -------
        ndarray, shape (n_given, (1 + n_spans) * n_features), float32
            A mean is over what is not missing; NaN where all is.
        """
        parts = [self._values[frames]]
        for half in self._half_frames:
            start, stop = np.maximum(frames - half, 0), np.minimum(frames + half + 1, self.n_frames)
            sums = self._sums[stop] - self._sums[start]
            counts = (stop - start)[:, None] if self._counts is None else self._counts[stop] - self._counts[start]
            means = np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)
            parts.append(means.astype(np.float32))
        return np.concatenate(parts, axis=1)


def _running(values: Array, dtype: type) -> Array:
    """Sums of all rows before each, shape (n + 1, n_columns)."""
    sums: Array = np.zeros((len(values) + 1, values.shape[1]), dtype)
    np.cumsum(values, axis=0, dtype=dtype, out=sums[1:])
    return sums
