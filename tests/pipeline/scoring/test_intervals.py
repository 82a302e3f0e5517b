from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import average_precision_score

from pipeline.scoring.metrics import Counts, average_precision
from pipeline.scoring.statistics.intervals import (
    MIN_CLUSTERS,
    MOSTLY_UNDEFINED,
    TOO_FEW_CLUSTERS,
    ClusterRanking,
    Interval,
    bootstrap_weighted,
    counts_by_weights,
    gather_clusters,
)
from pipeline.scoring.statistics.paired import (
    TOO_FEW_DIFFERENCES,
    UNDEFINED,
    paired_weighted_difference,
    sign_flip_p,
)

frames = st.lists(st.tuples(st.booleans(), st.sampled_from([0.0, 0.1, 0.5, 0.7, 1.0])), max_size=25)


def statistic_by_weights(components, statistic):
    """Any pooled score: components are repeated as often as their cluster was drawn."""

    def weighted(weights):
        draws = ([part for part, n in zip(components, row, strict=True) for _ in range(n)] for row in weights)
        return np.array([statistic(drawn) for drawn in draws], dtype=float)

    return weighted


def bootstrap_interval(components, statistic, **options):
    return bootstrap_weighted(statistic_by_weights(components, statistic), len(components), **options)


def bootstrap_f1(counts, **options):
    return bootstrap_weighted(counts_by_weights(counts, lambda total: total.f1), len(counts), **options)


def bootstrap_average_precision(clusters, **options):
    return bootstrap_weighted(ClusterRanking(clusters).average_precision, len(clusters), **options)


def paired_average_precision(a, b, **options):
    return paired_weighted_difference(
        ClusterRanking(a).average_precision, ClusterRanking(b).average_precision, len(a), **options
    )


def paired_difference(a, b, statistic, n_resamples=2000):
    """Of any statistic of the parts."""
    weighted = (statistic_by_weights(parts, statistic) for parts in (a, b))
    return paired_weighted_difference(*weighted, len(a), n_resamples)


def mean(parts):
    return float(np.mean(parts)) if len(parts) else None


def pooled_mean(parts):
    """Over clusters of values, each an array."""
    return float(np.concatenate(parts).mean())


def pooled_average_precision(clusters):
    true, probability = (np.concatenate(arrays) for arrays in zip(*clusters, strict=True))
    return average_precision(true, probability)


def noisy_clusters(n_clusters, n_frames, separation, seed):
    rng = np.random.default_rng(seed)
    clusters = []
    for _ in range(n_clusters):
        true = rng.random(n_frames) < rng.uniform(0.05, 0.4)
        clusters.append((true, np.round(np.clip(true * separation + rng.random(n_frames) * 0.7, 0, 1), 2)))
    return clusters


def total_f1(parts):
    return sum(parts, Counts()).f1


COUNTS = [Counts(8, 2, 3, 90), Counts(0, 5, 0, 95), Counts(20, 1, 9, 60), Counts(3, 3, 3, 30), Counts(11, 0, 2, 40)]


# ---- weighted average precision


@settings(max_examples=60)
@given(st.lists(st.tuples(frames, st.integers(0, 3)), min_size=1, max_size=5))
def test_weighted_average_precision_equals_scikit_learn_on_repeated_clusters(parts):
    clusters = [([true for true, _ in rows], [value for _, value in rows]) for rows, _ in parts]
    weights = np.array([[weight for _, weight in parts]])
    repeated = [cluster for cluster, weight in zip(clusters, weights[0], strict=True) for _ in range(weight)]
    true = [frame for cluster in repeated for frame in cluster[0]]
    found = ClusterRanking(clusters).average_precision(weights)
    assert found.shape == (1,)
    if any(true):
        probability = [value for cluster in repeated for value in cluster[1]]
        assert found[0] == pytest.approx(average_precision_score(true, probability))
    else:
        assert np.isnan(found[0])


def test_the_fast_interval_equals_the_generic_one():
    clusters = noisy_clusters(6, 80, 0.3, seed=4)
    fast = bootstrap_average_precision(clusters, n_resamples=200, seed=9)
    slow = bootstrap_interval(clusters, pooled_average_precision, n_resamples=200, seed=9)
    assert fast.low == pytest.approx(slow.low)
    assert fast.high == pytest.approx(slow.high)
    assert (fast.n_clusters, fast.n_resamples_used) == (6, 200)


def test_many_batches_give_what_one_gives(monkeypatch):
    clusters = noisy_clusters(5, 60, 0.3, seed=2)
    whole = bootstrap_average_precision(clusters, n_resamples=101)
    monkeypatch.setattr("pipeline.scoring.statistics.intervals._BATCH_ELEMENTS", 64)
    batched = bootstrap_average_precision(clusters, n_resamples=101)
    assert (batched.low, batched.high) == (pytest.approx(whole.low), pytest.approx(whole.high))


# ---- intervals


def test_the_interval_approaches_the_quantiles_of_all_resamples():
    values = [1.0, 2.0, 4.0, 8.0]
    means = [np.mean(draw) for draw in product(values, repeat=4)]
    found = bootstrap_interval(values, mean, n_resamples=20_000)
    assert found.low == pytest.approx(np.quantile(means, 0.025), abs=0.06)
    assert found.high == pytest.approx(np.quantile(means, 0.975), abs=0.06)


def test_equal_seeds_give_equal_intervals_and_others_differ():
    values = list(np.random.default_rng(0).normal(size=9))
    assert bootstrap_interval(values, mean, seed=3) == bootstrap_interval(values, mean, seed=3)
    assert bootstrap_interval(values, mean, seed=3) != bootstrap_interval(values, mean, seed=4)


def test_counts_give_what_the_generic_way_gives():
    fast = bootstrap_f1(COUNTS, n_resamples=300)
    assert fast == bootstrap_interval(COUNTS, total_f1, n_resamples=300)
    assert fast.low < total_f1(COUNTS) < fast.high


def test_more_frames_of_the_same_animals_do_not_narrow_the_interval():
    once = bootstrap_f1(COUNTS)
    tenfold = [Counts(10 * c.tp, 10 * c.fp, 10 * c.fn, 10 * c.tn) for c in COUNTS]
    assert bootstrap_f1(tenfold) == once
    clusters = noisy_clusters(5, 60, 0.3, seed=1)
    repeated = [(np.tile(true, 3), np.tile(probability, 3)) for true, probability in clusters]
    narrow, wide = (bootstrap_average_precision(c, n_resamples=300) for c in (repeated, clusters))
    assert (narrow.low, narrow.high) == (pytest.approx(wide.low), pytest.approx(wide.high))


@pytest.mark.parametrize(("n_clusters", "expected"), [(5, 0.845), (20, 0.931)])
def test_the_interval_of_clusters_covers_the_truth_as_often_as_the_module_says(n_clusters, expected):
    """Frames of a cluster share its mean: an interval over frames would be far too narrow."""
    rng = np.random.default_rng(11)
    n_experiments, hits, frame_hits = 300, 0, 0
    for seed in range(n_experiments):
        clusters = rng.normal(size=n_clusters)[:, None] + 0.1 * rng.normal(size=(n_clusters, 50))
        found = bootstrap_interval(list(clusters.mean(axis=1)), mean, n_resamples=200, seed=seed)
        hits += found.low <= 0 <= found.high
        half_width = 1.96 * clusters.std() / np.sqrt(clusters.size)
        frame_hits += abs(clusters.mean()) <= half_width
    assert hits / n_experiments == pytest.approx(expected, abs=0.05)
    assert frame_hits / n_experiments < 0.5


def test_the_coverage_that_the_module_states_follows_from_students_t():
    # The percentile interval of a mean is nearly mean ± 1.96 sd √((n - 1) / n) / √n.
    stated = {4: 0.81, 5: 0.85, 10: 0.90, 15: 0.92}
    for n, coverage in stated.items():
        reach = 1.96 * np.sqrt((n - 1) / n)
        assert 2 * stats.t.cdf(reach, n - 1) - 1 == pytest.approx(coverage, abs=0.006)


def test_few_clusters_have_a_reason_instead_of_an_interval():
    for n in range(MIN_CLUSTERS):
        assert bootstrap_interval([1.0] * n, mean) == Interval(None, None, n, 0, TOO_FEW_CLUSTERS)
        assert bootstrap_average_precision([([1, 0], [0.4, 0.2])] * n).reason == TOO_FEW_CLUSTERS
    assert bootstrap_interval([1.0] * MIN_CLUSTERS, mean).reason == ""


def test_resamples_without_a_value_are_left_out_and_counted():
    never = ([0, 0, 0], [0.1, 0.2, 0.3])
    clusters = [([1, 0, 0], [0.9, 0.2, 0.3]), never, never, never]
    # The one positive cluster is missing from (3/4)^4 = .316 of the resamples.
    found = bootstrap_average_precision(clusters)
    assert found.n_resamples_used == pytest.approx(2000 * (1 - 0.75**4), abs=60)
    assert found.low == pytest.approx(1)
    nothing = bootstrap_average_precision([never] * 5)
    assert nothing == Interval(None, None, 5, 0, MOSTLY_UNDEFINED)
    mostly = bootstrap_interval([0, 1, 1, 1], lambda parts: None if sum(parts) < 4 else 1.0)
    assert (mostly.low, mostly.reason) == (None, MOSTLY_UNDEFINED)
    assert 0 < mostly.n_resamples_used < 1000


def test_parts_of_one_individual_are_one_cluster_and_nameless_ones_stand_alone():
    assert gather_clusters(["a", "", "b", "a", ""], [1, 2, 3, 4, 5]) == [[1, 4], [2], [3], [5]]


# ---- differences between runs


def test_a_constant_advantage_is_certain_though_scores_vary_widely():
    hard_and_easy = np.array([0.1, 0.3, 0.5, 0.7, 0.8, 0.9])
    found = paired_difference(list(hard_and_easy + 0.02), list(hard_and_easy), mean)
    assert found.difference == pytest.approx(0.02)
    assert found.interval.low == pytest.approx(0.02)
    assert found.interval.high == pytest.approx(0.02)
    assert found.p == found.p_smallest == 2 / 2**6
    assert (found.n_clusters_tested, found.reason) == (6, "")


def test_the_difference_is_of_pooled_scores_and_p_of_the_clusters_own():
    a = [np.array([1.0] * 90), np.array([0.0]), np.array([0.0]), np.array([0.0])]
    b = [np.array([0.0] * 90), np.array([1.0]), np.array([1.0]), np.array([1.0])]
    found = paired_difference(a, b, pooled_mean)
    assert found.difference == pytest.approx((90 - 3) / 93)
    # own differences 1, -1, -1, -1: 10 of the 16 assignments reach a sum of 2
    assert found.p == 10 / 16
    assert found.p_smallest == 2 / 16


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(-5, 5), min_size=2, max_size=8))
def test_exact_p_equals_scipys_permutation_of_signs(values):
    reference = stats.permutation_test(
        (np.array(values, dtype=float),),
        lambda x, axis: np.abs(np.mean(x, axis=axis)),
        permutation_type="samples",
        n_resamples=np.inf,
        alternative="greater",
        vectorized=True,
    )
    assert sign_flip_p(values) == pytest.approx(reference.pvalue)


def test_random_flips_are_near_the_exact_p_and_never_zero():
    values = np.random.default_rng(5).normal(0.5, 1, size=13)
    signs = np.array(list(product([1, -1], repeat=13)))
    exact = np.mean(np.abs(signs @ values) >= abs(values.sum()) - 1e-9)
    assert sign_flip_p(values) == pytest.approx(exact, abs=0.01)
    assert sign_flip_p(values, seed=1) == sign_flip_p(values, seed=1) != sign_flip_p(values, seed=2)
    assert sign_flip_p(np.ones(40)) == 1 / 20_001


def test_paired_average_precision_equals_the_generic_way():
    a, b = noisy_clusters(6, 60, 0.5, seed=1), noisy_clusters(6, 60, 0.1, seed=1)
    fast = paired_average_precision(a, b, n_resamples=150)
    slow = paired_difference(a, b, pooled_average_precision, n_resamples=150)
    assert fast.difference == pytest.approx(slow.difference)
    assert fast.difference > 0
    assert fast.interval.low == pytest.approx(slow.interval.low)
    assert fast.p == slow.p
    back = paired_average_precision(b, a, n_resamples=150)
    assert back.interval.low == pytest.approx(-fast.interval.high)


def test_clusters_without_a_score_are_not_tested_but_still_pooled():
    never = ([0, 0], [0.1, 0.2])
    a = [([1, 0], [0.9, 0.1]), ([1, 0], [0.8, 0.1]), never, never]
    b = [([1, 0], [0.1, 0.9]), ([1, 0], [0.1, 0.8]), never, never]
    found = paired_average_precision(a, b)
    assert found.n_clusters_tested == 2
    assert found.p == found.p_smallest == 0.5
    one = paired_average_precision([a[0], never, never, never], [b[0], never, never, never])
    assert (one.p, one.p_smallest, one.reason) == (None, None, TOO_FEW_DIFFERENCES)
    nothing = paired_average_precision([never] * 4, [never] * 4)
    assert nothing.difference is None
    assert nothing.reason == f"{UNDEFINED}; {TOO_FEW_DIFFERENCES}"
    assert paired_difference([], [], mean).difference is None
