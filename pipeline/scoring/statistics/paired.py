"""Is the difference between two runs on the same recordings real?

Both runs are scored on the same clusters (individuals or recordings, see
`pipeline.scoring.statistics.intervals`), so they are compared cluster by cluster: an animal that is
hard for both adds nothing to the difference.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from pipeline.scoring.statistics.intervals import DEFAULT_RESAMPLES, Interval, WeightedStatistic, bootstrap_weighted

MAX_CLUSTERS_FOR_EXACT_P = 12
RANDOM_SIGN_FLIPS = 20_000

UNDEFINED = "the score has no value for all recordings together"
TOO_FEW_DIFFERENCES = "a test needs two recordings or individuals with a score from both"

# Sums of the same numbers in another order differ by this much of their size: arithmetic, not data.
_TIE_TOLERANCE = 1e-9


class PairedDifference(NamedTuple):
    """Difference between two runs on the same clusters.

    `difference` is the pooled score of the first run minus that of the second; both are resampled together for the
    `interval`. `p` is two-sided, that the mean of the clusters' own differences is 0, by flipping their signs: if the
    runs were equally good, each cluster could as well have gone the other way. `p_smallest` is the least p that so few
    clusters can give (.125 for four, .031 for six). Clusters in which a run has no score are not tested. `reason`: why
    `difference` or `p` (with fewer than two clusters) is None.
    """

    difference: float | None
    interval: Interval
    p: float | None
    p_smallest: float | None
    n_clusters_tested: int
    reason: str = ""


def paired_weighted_difference(
    a: WeightedStatistic, b: WeightedStatistic, n_clusters: int, n_resamples: int = DEFAULT_RESAMPLES
) -> PairedDifference:
    """Compare any pooled score of two runs on the same clusters.

    The interval is about the difference of pooled scores, in which a long recording weighs more; p is about
    the mean of the clusters' own differences, in which all weigh alike. They answer two questions and may
    disagree.
    """
    interval = bootstrap_weighted(lambda weights: a(weights) - b(weights), n_clusters, n_resamples)
    everything, each = np.ones((1, n_clusters), dtype=np.int64), np.eye(n_clusters, dtype=np.int64)
    pooled = float(a(everything)[0] - b(everything)[0]) if n_clusters else np.nan
    own = a(each) - b(each) if n_clusters else np.zeros(0)
    tested = own[~np.isnan(own)]
    p = sign_flip_p(tested) if tested.size >= 2 else None
    smallest = 2 / 2**tested.size if tested.size <= MAX_CLUSTERS_FOR_EXACT_P else 1 / (RANDOM_SIGN_FLIPS + 1)
    reasons = [UNDEFINED] * bool(np.isnan(pooled)) + [TOO_FEW_DIFFERENCES] * (p is None)
    return PairedDifference(
        difference=None if np.isnan(pooled) else pooled,
        interval=interval,
        p=p,
        p_smallest=None if p is None else smallest,
        n_clusters_tested=tested.size,
        reason="; ".join(reasons),
    )


def sign_flip_p(differences: ArrayLike, seed: int = 0) -> float:
    """Two-sided permutation p that paired differences have mean 0 (Fisher's test of paired samples).

    The share of assignments of signs whose mean is at least as far from 0 as the one seen: all of them up
    to `MAX_CLUSTERS_FOR_EXACT_P` differences; beyond, `RANDOM_SIGN_FLIPS` random ones and the one seen.
    Differences have shape (n_clusters,), at least one, no NaN.
    """
    values = np.asarray(differences, dtype=np.float64)
    n = values.size
    if n <= MAX_CLUSTERS_FOR_EXACT_P:
        signs = 1 - 2 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1)
    else:
        signs = 1 - 2 * np.random.default_rng(seed).integers(0, 2, size=(RANDOM_SIGN_FLIPS, n))
        signs = np.vstack([np.ones((1, n), dtype=signs.dtype), signs])
    reached = np.abs(signs @ values) >= abs(values.sum()) - _TIE_TOLERANCE * np.abs(values).sum()
    return float(np.mean(reached))
