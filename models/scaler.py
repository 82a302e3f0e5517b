"""Standardisation of embeddings with statistics of the training recordings alone."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


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
    def fit(cls, embeddings: Iterable[NDArray[np.float32]], deviation_floor: float = 0.0) -> "Scaler":
        """Mean and standard deviation over all frames of all given recordings, in float64.

        Parameters
        ----------
        embeddings : iterable of ndarray, shape (n_frames, n_features)
            The training recordings; unscored frames count too, as no label is looked at.
        deviation_floor : float
            No feature is divided by less than this share of the root mean square of all features' deviations.
            Features of one network share a unit, and those that hardly vary are mostly noise, which dividing by
            their own deviation would lift to the height of the others. 0: each by its own.
        """
        arrays = list(embeddings)
        n = sum(len(array) for array in arrays)
        mean = sum(array.sum(axis=0, dtype=np.float64) for array in arrays) / n
        variance = sum(np.square(array - mean).sum(axis=0) for array in arrays) / n
        std = np.sqrt(variance)
        # Below this a feature's spread is rounding noise; dividing by it would blow up any new value.
        std[std < 1e-6 * np.maximum(np.abs(mean), 1.0)] = 1.0
        if len(std):
            std = np.maximum(std, deviation_floor * np.sqrt(np.mean(variance)))
        return cls(mean.astype(np.float32), std.astype(np.float32))

    @classmethod
    def identity(cls, n_features: int) -> "Scaler":
        """A scaler that changes nothing."""
        return cls(np.zeros(n_features, np.float32), np.ones(n_features, np.float32))

    def apply(self, embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
        """Standardised copy of `embeddings`, shape (n_frames, n_features), float32."""
        return (np.asarray(embeddings, np.float32) - self.mean) / self.std
