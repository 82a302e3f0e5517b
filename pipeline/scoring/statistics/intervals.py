"""How sure a pooled score is: bootstrap over recordings or individuals, never over frames.

Neighboring frames are nearly copies of each other. What was sampled independently are animals (or, where
each was filmed once, recordings): the clusters. A resample draws as many clusters as there are, with
replacement, and pools them with all their frames (the cluster bootstrap; Efron and Tibshirani 1993, An
Introduction to the Bootstrap, chapters 8 and 13: the percentile interval).

Few clusters give intervals that are too narrow. For the mean of a normal variable, the 95 % interval
covers the truth in about 81 % of experiments with 4 clusters, 85 % with 5, 90 % with 10 and 92 % with 15.
With three, the resample that is one cluster thrice has probability 1/27, more than the 2.5 % beyond each
limit: the interval is the range of the clusters and the resampling says nothing. So none is given for
fewer than `MIN_CLUSTERS`.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.scoring.metrics import Counts

MIN_CLUSTERS = 4
DEFAULT_RESAMPLES = 2000
DEFAULT_LEVEL = 0.95

TOO_FEW_CLUSTERS = f"an interval needs {MIN_CLUSTERS} recordings or individuals"
MOSTLY_UNDEFINED = "the score has no value in more than half of the resamples"

# Elements of a batch of resamples: few enough to stay near the processor.
_BATCH_ELEMENTS = 2**20

T = TypeVar("T")
# Scores of resamples, shape (n_resamples,), from how often each cluster was drawn, shape (n_resamples,
# n_clusters); NaN where undefined.
WeightedStatistic = Callable[[NDArray[np.int64]], NDArray[np.float64]]


class Interval(NamedTuple):
    """Percentile interval of a pooled score; None where it can't be given, with the `reason`.

    `n_clusters` (recordings or individuals) were resampled; resamples without a value of the score are not used.
    """

    low: float | None
    high: float | None
    n_clusters: int
    n_resamples_used: int
    reason: str = ""


def gather_clusters(names: Sequence[str], parts: Sequence[T]) -> list[list[T]]:
    """Put the parts (of recordings) that bear one name (of the individual) together, in order of first appearance.

    "" is a cluster of its own, as an individual that is not named.
    """
    clusters: dict[object, list[T]] = {}
    for index, (name, part) in enumerate(zip(names, parts, strict=True)):
        clusters.setdefault(name or index, []).append(part)
    return list(clusters.values())


def bootstrap_weighted(
    statistic: WeightedStatistic, n_clusters: int, n_resamples: int = DEFAULT_RESAMPLES, seed: int = 0
) -> Interval:
    """Interval of a pooled score at `DEFAULT_LEVEL`.

    Equal seeds draw equal resamples, for every score of as many clusters.
    """
    if n_clusters < MIN_CLUSTERS:
        return Interval(None, None, n_clusters, 0, TOO_FEW_CLUSTERS)
    # How often each cluster is drawn: rows sum to n_clusters.
    equal_chances = np.full(n_clusters, 1 / n_clusters)
    weights = np.random.default_rng(seed).multinomial(n_clusters, equal_chances, size=n_resamples)
    values = statistic(weights)
    used = values[~np.isnan(values)]
    if 2 * used.size < n_resamples:
        return Interval(None, None, n_clusters, used.size, MOSTLY_UNDEFINED)
    tail = (1 - DEFAULT_LEVEL) / 2
    low, high = np.quantile(used, [tail, 1 - tail])
    return Interval(float(low), float(high), n_clusters, used.size)


class ClusterRanking:
    """Frames of all clusters, sorted once by probability; average precision for any weights of clusters.

    Average precision is a sum over the distinct probabilities at which a true frame stands. For each of
    these, how many frames of each cluster have at least that probability does not depend on the resample:
    a weighted sum of these counts gives the counts of the resample, in whole numbers.

    `clusters` are pairs of truth and probability (no NaN), each array_like of shape (n_frames,).
    """

    def __init__(self, clusters: Sequence[tuple[ArrayLike, ArrayLike]]) -> None:
        truths = [np.asarray(true, dtype=bool) for true, _ in clusters]
        values = [np.asarray(probability, dtype=np.float64) for _, probability in clusters]
        positive = [value[truth] for truth, value in zip(truths, values, strict=True)]
        thresholds = np.unique(np.concatenate([*positive, np.zeros(0)]))[::-1]
        shape = (len(clusters), thresholds.size)
        # Frames at or above each threshold, from the highest down; float64 is exact for whole numbers here.
        self._n_called = np.zeros(shape)
        self._n_true = np.zeros(shape)
        for row, (value, hits) in enumerate(zip(values, positive, strict=True)):
            self._n_called[row] = value.size - np.searchsorted(np.sort(value), thresholds, side="left")
            self._n_true[row] = hits.size - np.searchsorted(np.sort(hits), thresholds, side="left")

    def average_precision(self, weights: NDArray[np.int64]) -> NDArray[np.float64]:
        """Average precision of resamples, shape (n_resamples,): scikit-learn's definition; NaN without a true frame.

        `weights` say how often each cluster counts, shape (n_resamples, n_clusters).
        """
        result = np.full(len(weights), np.nan)
        n_thresholds = self._n_true.shape[1]
        if not n_thresholds:
            return result
        n_batch = max(1, _BATCH_ELEMENTS // n_thresholds)
        for start in range(0, len(weights), n_batch):
            batch = weights[start : start + n_batch].astype(np.float64)
            n_true, n_called = batch @ self._n_true, batch @ self._n_called
            precision = n_true / np.maximum(n_called, 1)
            steps = np.diff(n_true, axis=1, prepend=0)
            totals = n_true[:, -1]
            with np.errstate(invalid="ignore"):
                result[start : start + n_batch] = np.einsum("ij,ij->i", steps, precision) / totals
        return result


def counts_by_weights(
    counts_by_cluster: Sequence[Counts], ratio: Callable[[Counts], float | None]
) -> WeightedStatistic:
    """A ratio of summed counts (None = undefined), as a function of how often each cluster counts."""
    table = np.array([(c.tp, c.fp, c.fn, c.tn) for c in counts_by_cluster], dtype=np.int64).reshape(-1, 4)

    def weighted(weights: NDArray[np.int64]) -> NDArray[np.float64]:
        return np.array([ratio(Counts(*row)) for row in (weights @ table).tolist()], dtype=np.float64)

    return weighted
