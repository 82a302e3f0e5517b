"""Distance as a classifier and as a correlate of a behavior, for any weights of individuals.

All numbers come from how many frames with and without the behavior there are at each distinct distance, cluster by
cluster; a weighted sum of these counts gives the counts of a resample, in whole numbers.

- ROC-AUC from ranks, nearer = positive: the share of pairs of a frame with the behavior and one without in which the
  first is nearer, ties counting half (Mann-Whitney's U by the number of pairs; Hanley and McNeil 1982, Radiology 143,
  29-36). Glass' rank-biserial correlation of nearness and behavior is 2 AUC - 1.
- Average precision when frames are called from the nearest on (or from the farthest on).
- Spearman's rho of distance and behavior (0 or 1) over frames: Pearson's correlation of mid-ranks, which for a label of
  two values is the point-biserial correlation of the ranks. Negative: nearer while the behavior is shown. Unlike the
  AUC it is small for a rare behavior: without ties it is (1 - 2 AUC) sqrt(3 p (1 - p)), p being the share of frames.
- Quantiles: the least distance that at least such a share of frames does not exceed.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.scoring.statistics.intervals import WeightedStatistic

QUANTILES = {"q05": 0.05, "q25": 0.25, "median": 0.5, "q75": 0.75, "q95": 0.95}
AUC, NEAREST_FIRST, FARTHEST_FIRST, SPEARMAN = "auc", "nearest first", "farthest first", "spearman"
SHOWN_MEDIAN, NOT_SHOWN_MEDIAN = "shown_median", "not_shown_median"

# Elements of a batch of resamples: few enough to stay near the processor.
_BATCH_ELEMENTS = 2**19

Statistics = dict[str, NDArray[np.float64]]


class Nearness:
    """Frames of all clusters by distance; statistics for any weights of clusters.

    Parameters
    ----------
    clusters : sequence of (true, distance), each array_like, shape (n_frames,)
        No NaN.

    Raises
    ------
    ValueError
        When arrays differ in length or a distance is NaN.
    """

    def __init__(self, clusters: Sequence[tuple[ArrayLike, ArrayLike]]) -> None:
        frames = [(np.asarray(true, dtype=bool), np.asarray(d, dtype=np.float64)) for true, d in clusters]
        for true, distance in frames:
            if true.shape != distance.shape or true.ndim != 1 or np.isnan(distance).any():
                raise ValueError(f"Expected arrays of one length without NaN. Received: {true.shape}, {distance.shape}")
        self.distances = np.unique(np.concatenate([np.zeros(0), *(distance for _, distance in frames)]))
        self._shown = self._counts([distance[true] for true, distance in frames])
        self._not_shown = self._counts([distance[~true] for true, distance in frames])
        self._last: tuple[bytes, Statistics] | None = None

    def _counts(self, values: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
        """Frames of each cluster at each distance; float64 is exact for whole numbers here."""
        counts = np.zeros((len(values), self.distances.size))
        for row, own in zip(counts, values, strict=True):
            row += np.bincount(np.searchsorted(self.distances, own), minlength=self.distances.size)
        return counts

    def quantiles(self, is_shown: bool) -> list[float | None]:
        """Those of `QUANTILES` over all frames with the behavior, or without; None where there are none."""
        below = (self._shown if is_shown else self._not_shown).sum(axis=0).cumsum()
        if not below.size or not below[-1]:
            return [None] * len(QUANTILES)
        # A hair less, so that 0.05 of 20 frames is one frame, whatever the arithmetic.
        return [float(self.distances[np.searchsorted(below, q * below[-1] - 1e-9)]) for q in QUANTILES.values()]

    def statistic(self, name: str) -> WeightedStatistic:
        """One of `AUC`, `NEAREST_FIRST` or `FARTHEST_FIRST` (average precision), `SPEARMAN`, or a median."""
        return lambda weights: self._all(weights)[name]

    def _all(self, weights: NDArray[np.int64]) -> Statistics:
        """All statistics of resamples, shape (n_resamples,) each; NaN where undefined. Kept until others are asked."""
        key = weights.tobytes()
        if self._last is None or self._last[0] != key:
            size = max(1, _BATCH_ELEMENTS // max(1, self.distances.size))
            parts = [self._batch(weights[i : i + size].astype(np.float64)) for i in range(0, len(weights), size)]
            self._last = key, {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        return self._last[1]

    def _batch(self, weights: NDArray[np.float64]) -> Statistics:
        shown, not_shown = weights @ self._shown, weights @ self._not_shown
        shown_up_to, not_shown_up_to = shown.cumsum(axis=1), not_shown.cumsum(axis=1)
        n_shown, n_not_shown = shown.sum(axis=1), not_shown.sum(axis=1)
        farther = n_not_shown[:, None] - not_shown_up_to + not_shown / 2
        # Of those at least so far, for calling from the farthest on.
        beyond, beyond_not = n_shown[:, None] - shown_up_to + shown, n_not_shown[:, None] - not_shown_up_to + not_shown
        with np.errstate(invalid="ignore", divide="ignore"):
            auc = np.einsum("ij,ij->i", shown, farther) / (n_shown * n_not_shown)
            return {
                AUC: auc,
                NEAREST_FIRST: _precision(shown, shown_up_to, not_shown_up_to) / n_shown,
                FARTHEST_FIRST: _precision(shown, beyond, beyond_not) / n_shown,
                SPEARMAN: _spearman(shown + not_shown, auc, n_shown, n_not_shown),
                SHOWN_MEDIAN: self._medians(shown_up_to),
                NOT_SHOWN_MEDIAN: self._medians(not_shown_up_to),
            }

    def _medians(self, up_to: NDArray[np.float64]) -> NDArray[np.float64]:
        if not self.distances.size:
            return np.full(len(up_to), np.nan)
        total = up_to[:, -1]
        return np.where(total > 0, self.distances[(up_to >= total[:, None] / 2).argmax(axis=1)], np.nan)


def _precision(
    shown: NDArray[np.float64], called_shown: NDArray[np.float64], called_not: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Sum over frames with the behavior of the precision where each is called, shape (n_resamples,)."""
    return np.einsum("ij,ij->i", shown, called_shown / np.maximum(called_shown + called_not, 1))


def _spearman(
    at_distance: NDArray[np.float64],
    auc: NDArray[np.float64],
    n_shown: NDArray[np.float64],
    n_not_shown: NDArray[np.float64],
) -> NDArray[np.float64]:
    """From the AUC, which is the difference of mean ranks: ``(n / 2) (1 - 2 AUC)``; and the variance of mid-ranks."""
    n = n_shown + n_not_shown
    ties = (at_distance**3 - at_distance).sum(axis=1)
    rank_variance = (n**2 - 1) / 12 - ties / (12 * n)
    shares = n_shown * n_not_shown / n**2
    # Rounding may leave a little where all distances are equal.
    spread = np.where(rank_variance > 1e-9 * n**2, np.sqrt(np.maximum(rank_variance, 0)), np.nan)
    return n / 2 * (1 - 2 * auc) * np.sqrt(shares) / spread
