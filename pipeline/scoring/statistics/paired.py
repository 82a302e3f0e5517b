"""Is the difference between two runs on the same recordings real?

Both runs are scored on the same clusters (individuals or recordings, see
`pipeline.scoring.statistics.intervals`), so they are compared cluster by cluster: an animal that is
hard for both adds nothing to the difference.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.scoring.statistics.intervals import (
    DEFAULT_LEVEL,
    DEFAULT_RESAMPLES,
    ClusterRanking,
    Interval,
    WeightedStatistic,
    bootstrap_interval,
)

MAX_CLUSTERS_FOR_EXACT_P = 14
RANDOM_SIGN_FLIPS = 20_000

UNDEFINED = "the score has no value for all recordings together"
TOO_FEW_DIFFERENCES = "a test needs two recordings or individuals with a score from both"


@dataclass(frozen=True)
class PairedDifference:
    """Difference between two runs on the same clusters.

    Attributes
    ----------
    difference : float or None
        Pooled score of the first run minus that of the second; None when either has no value.
    interval : Interval
        Of `difference`; both runs are resampled together.
    p : float or None
        Two-sided, that the mean of the clusters' own differences is 0, by flipping their signs: if the runs
        were equally good, each cluster could as well have gone the other way. None for fewer than two.
    p_smallest : float or None
        The least p that so few clusters can give (.125 for four, .031 for six).
    n_clusters_tested : int
        Clusters in which both runs have a score; the others are no part of `p`.
    mean : float or None
        Of these clusters' own differences, in which all weigh alike; None without any.
    reason : str
        Why `difference` or `p` is None; "" otherwise.
    """

    difference: float | None
    interval: Interval
    p: float | None
    p_smallest: float | None
    n_clusters_tested: int
    mean: float | None
    reason: str = ""


def paired_average_precision(
    a_clusters: Sequence[tuple[ArrayLike, ArrayLike]],
    b_clusters: Sequence[tuple[ArrayLike, ArrayLike]],
    n_resamples: int = DEFAULT_RESAMPLES,
    level: float = DEFAULT_LEVEL,
    seed: int = 0,
) -> PairedDifference:
    """Compare the average precision of pooled frames of two runs; clusters as in its bootstrap, the same in both.

    Raises
    ------
    ValueError
        When the runs differ in number of clusters, or level or n_resamples is out of range.
    """
    if len(a_clusters) != len(b_clusters):
        raise ValueError(f"Expected the same clusters in both runs. Received: {len(a_clusters)} and {len(b_clusters)}")
    a, b = ClusterRanking(a_clusters).average_precision, ClusterRanking(b_clusters).average_precision
    return paired_weighted_difference(a, b, len(a_clusters), n_resamples, level, seed)


def paired_weighted_difference(
    a: WeightedStatistic,
    b: WeightedStatistic,
    n_clusters: int,
    n_resamples: int = DEFAULT_RESAMPLES,
    level: float = DEFAULT_LEVEL,
    seed: int = 0,
) -> PairedDifference:
    """Compare any pooled score of two runs on the same clusters.

    The interval is about the difference of pooled scores, in which a long recording weighs more; p is about
    the mean of the clusters' own differences, in which all weigh alike. They answer two questions and may
    disagree.

    Parameters
    ----------
    a, b : callable
        The score of the first and the second run, by how often each cluster counts.
    n_clusters, n_resamples, level, seed
        As in `bootstrap_interval`; the seed also chooses random sign flips, beyond `MAX_CLUSTERS_FOR_EXACT_P`
        clusters.

    Raises
    ------
    ValueError
        When level or n_resamples is out of range.
    """
    interval = bootstrap_interval(lambda weights: a(weights) - b(weights), n_clusters, n_resamples, level, seed)
    everything, each = np.ones((1, n_clusters), dtype=np.int64), np.eye(n_clusters, dtype=np.int64)
    pooled = float(a(everything)[0] - b(everything)[0]) if n_clusters else np.nan
    own = a(each) - b(each) if n_clusters else np.zeros(0)
    tested = own[~np.isnan(own)]
    p = sign_flip_p(tested, seed) if tested.size >= 2 else None
    n_flips = 2**tested.size if tested.size <= MAX_CLUSTERS_FOR_EXACT_P else RANDOM_SIGN_FLIPS + 1
    smallest = (2 if tested.size <= MAX_CLUSTERS_FOR_EXACT_P else 1) / n_flips
    reasons = [UNDEFINED] * bool(np.isnan(pooled)) + [TOO_FEW_DIFFERENCES] * (p is None)
    return PairedDifference(
        difference=None if np.isnan(pooled) else pooled,
        interval=interval,
        p=p,
        p_smallest=None if p is None else smallest,
        n_clusters_tested=tested.size,
        mean=float(tested.mean()) if tested.size else None,
        reason="; ".join(reasons),
    )


def sign_flip_p(differences: ArrayLike, seed: int = 0) -> float:
    """Two-sided permutation p that paired differences have mean 0 (Fisher's test of paired samples).

    The share of assignments of signs whose mean is at least as far from 0 as the one seen: all of them up
    to `MAX_CLUSTERS_FOR_EXACT_P` differences; beyond, `RANDOM_SIGN_FLIPS` random ones and the one seen.

    Parameters
    ----------
    differences : array_like of float, shape (n_clusters,)
        At least one; no NaN.
    seed : int

    Returns
    -------
    float
        In (0, 1].
    """
    from scipy import stats

    values = np.asarray(differences, dtype=np.float64)
    scale = np.abs(values).max() or 1.0

    def size_of_mean(signed: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
        # Rounded, for sums of the same numbers in another order differ in their last digits: arithmetic, not data.
        return np.round(np.abs(signed.mean(axis=axis)) / scale, 9)

    found = stats.permutation_test(
        (values,),
        size_of_mean,
        permutation_type="samples",
        n_resamples=RANDOM_SIGN_FLIPS,
        alternative="greater",
        batch=1000,
        random_state=np.random.default_rng(seed),
    )
    return float(found.pvalue)
