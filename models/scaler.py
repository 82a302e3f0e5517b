"""What is made of embeddings before a network sees them, by statistics of the training recordings alone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.rows import Rows, chunks


@dataclass(frozen=True)
class Scaler:
    """Per-feature shift and scale, ``(embeddings - mean) / std``, and fewer features made of them where asked.

    Attributes
    ----------
    mean, std : ndarray, shape (n_features,), float32
        `std` is 1 for a feature that does not vary in training, so that it stays harmless elsewhere.
    components : ndarray, shape (n_features, n_kept), float32, or None
        What the scaled features are multiplied by, see `reducing`; None: they stay as they are.
    """

    mean: NDArray[np.float32]
    std: NDArray[np.float32]
    components: NDArray[np.float32] | None = None

    @classmethod
    def fit(
        cls,
        embeddings: Sequence[Rows],
        deviation_floor: float = 0.0,
        widths: Sequence[int] | None = None,
        one_unit: Sequence[bool] | None = None,
    ) -> "Scaler":
        """Mean and standard deviation over all frames of all given recordings, in float64, a chunk at a time.

        Missing values (NaN) do not count.

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

        one_unit : sequence of bool, optional
            Whether all features of each source are of one unit; all are, unless told. Others have no floor.

        Raises
        ------
        ValueError
            When the widths are not those of the embeddings.
        """
        sums, counts = zip(*(_sum(rows, lambda chunk: chunk) for rows in embeddings), strict=True)
        n = np.maximum(np.sum(counts, axis=0), 1)
        mean = np.sum(sums, axis=0) / n
        squares = [_sum(rows, lambda chunk: np.square(chunk - mean))[0] for rows in embeddings]
        variance = np.sum(squares, axis=0) / n
        std = np.sqrt(variance)
        widths = [len(std)] if widths is None else list(widths)
        if sum(widths) != len(std):
            raise ValueError(f"sources of {widths} features were named for embeddings of {len(std)}")
        # Below this a feature's spread is rounding noise; dividing by it would blow up any new value.
        std[std < 1e-6 * np.maximum(np.abs(mean), 1.0)] = 1.0
        floors = [deviation_floor if is_one_unit else 0.0 for is_one_unit in one_unit or [True] * len(widths)]
        for stop, width, floor in zip(np.cumsum(widths), widths, floors, strict=True):
            if width:
                own = slice(stop - width, stop)
                std[own] = np.maximum(std[own], floor * np.sqrt(np.mean(variance[own])))
                std[own] *= np.sqrt(width * len(widths) / len(std))
        # A feature that no training frame has tells nothing in any other.
        std[np.sum(counts, axis=0) == 0] = np.inf
        return cls(mean.astype(np.float32), std.astype(np.float32))

    def scale(self, embeddings: NDArray[np.float32], out: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
        """Scaled features (n_frames, n_features), in `out` if given; what is missing (NaN) becomes 0, the mean."""
        scaled = np.subtract(embeddings, self.mean, out=out)
        np.divide(scaled, self.std, out=scaled)
        np.copyto(scaled, 0, where=np.isnan(scaled))
        return scaled

    @classmethod
    def identity(cls, n_features: int) -> "Scaler":
        """A scaler that changes nothing."""
        return cls(np.zeros(n_features, np.float32), np.ones(n_features, np.float32))

    @property
    def in_network(self) -> "Scaler":
        """What is left for the network to do with `rows`."""
        return self if self.components is None else self.identity(self.components.shape[1])

    def reducing(self, embeddings: Sequence[Rows], n_kept: int) -> "Scaler":
        """The same scaler, which also keeps of the features what their first principal components span.

        Parameters
        ----------
        embeddings : sequence of Rows, shape (n_frames, n_features)
            Those that the scaler was fitted to; all frames count, as they do there.
        n_kept : int
            Components; at most as many are kept as there are features and frames.

        Returns
        -------
        Scaler
            The kept space, in which frames lie as the scaled features put them but for a common factor: features of
            mean variance 1 suit the weights that a network starts with.

        Notes
        -----
        The space is turned at random (the same each time). Else the first component would hold most of what there
        is: dropout would take it away whole, and Adam, whose steps are of one length for all inputs, would learn
        from it slowly. Turned, every feature tells a little of each component, as those of a frozen network do.
        """
        from scipy.linalg import eigh

        n_frames, n_features = sum(rows.shape[0] for rows in embeddings), len(self.mean)
        n_kept = min(n_kept, n_features, n_frames)
        total, squares = np.zeros(n_features), np.zeros((n_features, n_features))
        for rows in embeddings:
            for chunk in chunks(rows):
                scaled = np.nan_to_num((chunk - self.mean.astype(np.float64)) / self.std)
                total += scaled.sum(axis=0)
                squares += scaled.T @ scaled
        mean = total / n_frames
        covariance = squares / n_frames - np.outer(mean, mean)
        variances, vectors = eigh(covariance, subset_by_index=(n_features - n_kept, n_features - 1))
        # An eigenvector's sign is an accident of the arithmetic.
        vectors *= np.sign(np.take_along_axis(vectors, np.abs(vectors).argmax(axis=0)[None], axis=0))
        turn, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(n_kept, n_kept)))
        # Where nothing varies but by rounding, as in `fit`.
        factor = 1 / np.sqrt(variances.mean()) if variances.mean() > 1e-12 else 1.0
        components = vectors @ turn * factor
        return replace(self, components=components.astype(np.float32))

    def rows(self, embeddings: Rows) -> Rows:
        """What the network is given of a recording: its embeddings, or slice by slice what becomes of them."""
        return embeddings if self.components is None else _ReducedRows(embeddings, self, self.components)


@dataclass(frozen=True)
class _ReducedRows:
    embeddings: Rows
    scaler: Scaler
    components: NDArray[np.float32]

    @property
    def shape(self) -> tuple[int, ...]:
        return self.embeddings.shape[0], self.components.shape[1]

    def __getitem__(self, frames: slice) -> NDArray[np.float32]:
        start, stop, _ = frames.indices(self.shape[0])
        reduced = np.empty((max(0, stop - start), self.shape[1]), np.float32)
        done = 0
        for chunk in chunks(self.embeddings, start, stop):
            reduced[done : done + len(chunk)] = self.scaler.scale(chunk) @ self.components
            done += len(chunk)
        return reduced


def _sum(
    rows: Rows, change: Callable[[NDArray[np.float64]], NDArray[np.float64]]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Sum over all frames of what `change` makes of them, and how many are known, by feature.

    The same to the last bit whatever the chunks.
    """
    total, n_known = np.zeros(rows.shape[1]), np.zeros(rows.shape[1], np.int64)
    for chunk in chunks(rows):
        changed = change(chunk.astype(np.float64))
        is_known = ~np.isnan(changed)
        n_known += np.count_nonzero(is_known, axis=0)
        changed[~is_known] = 0
        total = np.vstack([total, changed]).sum(axis=0)
    return total, n_known
