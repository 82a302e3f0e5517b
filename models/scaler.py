"""Standardisation of embeddings with statistics of the training recordings alone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.rows import Rows, chunks


@dataclass(frozen=True)
class Scaler:
    """Per-feature shift and scale: ``(embeddings - mean) / std``.

    Attributes
    ----------
    mean, std : ndarray, shape (n_features,), float32
        `std` is 1 for a feature that does not vary in training, so that it stays harmless elsewhere.
    """

    mean: NDArray[np.float32]
    std: NDArray[np.float32]

    @classmethod
    def fit(
        cls, embeddings: Sequence[Rows], deviation_floor: float = 0.0, widths: Sequence[int] | None = None
    ) -> "Scaler":
        """Mean and standard deviation over all frames of all given recordings, in float64, a chunk at a time.

        Parameters
        ----------
        embeddings : sequence of Rows, shape (n_frames, n_features)
            The training recordings; unscored frames count too, as no label is looked at.
        deviation_floor : float
            No feature is divided by less than this share of the root mean square of all features' deviations.
            Features of one network share a unit, and those that hardly vary are mostly noise, which dividing by
            their own deviation would lift to the height of the others. 0: each by its own.
        widths : sequence of int, optional
            Number of features of each source, where several lie side by side. Each source is scaled by itself, and
            weighs as much as any other in all, so that a wide one doesn't drown a narrow one.

        Raises
        ------
        ValueError
            When the widths are not those of the embeddings.
        """
        n = sum(rows.shape[0] for rows in embeddings)
        mean = np.sum([_sum(rows, lambda chunk: chunk) for rows in embeddings], axis=0) / n
        variance = np.sum([_sum(rows, lambda chunk: np.square(chunk - mean)) for rows in embeddings], axis=0) / n
        std = np.sqrt(variance)
        widths = [len(std)] if widths is None else list(widths)
        if sum(widths) != len(std):
            raise ValueError(f"sources of {widths} features were named for embeddings of {len(std)}")
        # Below this a feature's spread is rounding noise; dividing by it would blow up any new value.
        std[std < 1e-6 * np.maximum(np.abs(mean), 1.0)] = 1.0
        for stop, width in zip(np.cumsum(widths), widths, strict=True):
            if width:
                own = slice(stop - width, stop)
                std[own] = np.maximum(std[own], deviation_floor * np.sqrt(np.mean(variance[own])))
                std[own] *= np.sqrt(width * len(widths) / len(std))
        return cls(mean.astype(np.float32), std.astype(np.float32))

    @classmethod
    def identity(cls, n_features: int) -> "Scaler":
        """A scaler that changes nothing."""
        return cls(np.zeros(n_features, np.float32), np.ones(n_features, np.float32))


def _sum(rows: Rows, change: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> NDArray[np.float64]:
    """Sum over all frames of what `change` makes of them; the same to the last bit whatever the chunks."""
    total = np.zeros(rows.shape[1])
    for chunk in chunks(rows):
        total = np.vstack([total, change(chunk.astype(np.float64))]).sum(axis=0)
    return total
