"""Means, weights and spread of several models, against answers that are known."""

import numpy as np
import pytest

from pipeline.report.ensemble import ensemble_words
from pipeline.review.ranking import chance_with_spread
from pipeline.scoring.ensembles import BEST, ENSEMBLE, MEAN, ensemble_rows, fit_weights, mean_and_spread, mean_timeline
from pipeline.scoring.metrics import average_precision
from pipeline.scoring.postprocessing.postprocess import PostprocessConfig
from pipeline.scoring.statistics.intervals import Interval
from pipeline.scoring.statistics.paired import PairedDifference
from pipeline.scoring.statistics.verdict import CHANCE, REAL, TOO_FEW, correct, find_verdict
from pipeline.scoring.timeline import FULL, Timeline, postprocess_variants

SETTINGS = ({variant: PostprocessConfig(max_gap_s=0, min_bout_s=0) for variant in ("raw", "closed", "full")},)


def timeline(name: str, probability: np.ndarray, true: np.ndarray, behaviors: tuple[str, ...] = ("b",)) -> Timeline:
    """The same of every behavior."""
    n = len(behaviors)
    columns, labels = np.stack([probability.astype(np.float32)] * n, axis=1), np.stack([true] * n, axis=1)
    settings = SETTINGS * n
    predicted = postprocess_variants(columns, settings, 10.0)
    scored = np.ones_like(labels)
    return Timeline(name, 10.0, behaviors, columns, predicted, labels, scored, settings, "test", name)


def test_mean_and_spread_are_weighted_and_a_member_without_weight_cannot_spoil_a_frame():
    one, two = np.array([[0.2], [1.0], [0.5]]), np.array([[0.8], [0.0], [np.nan]])
    mean, spread = mean_and_spread([one, two], np.array([[0.5], [0.5]]))
    assert mean[:2, 0] == pytest.approx([0.5, 0.5]) and spread[:2, 0] == pytest.approx([0.3, 0.5])
    assert np.isnan(mean[2, 0])
    mean, spread = mean_and_spread([one, two], np.array([[1.0], [0.0]]))
    assert mean[:, 0] == pytest.approx([0.2, 1.0, 0.5]) and not spread.any()


def test_fitted_weights_are_those_of_constrained_least_squares():
    rng = np.random.default_rng(0)
    members = rng.random((3, 400))
    true = (0.7 * members[0] + 0.3 * members[1]) > rng.random(400)
    found = fit_weights(list(members), true)
    assert found.sum() == pytest.approx(1) and (found >= 0).all()
    # By hand: the best of a fine grid over the simplex.
    grid = np.arange(0, 1.001, 0.02)
    shares = np.array([[a, b, 1 - a - b] for a in grid for b in grid if a + b <= 1 + 1e-9])
    best = shares[np.argmin(np.square(shares @ members - true).mean(axis=1))]
    assert found == pytest.approx(best, abs=0.021)
    assert fit_weights([members[0], members[0]], true) == pytest.approx([0.5, 0.5])
    assert fit_weights([true.astype(float), 1.0 - true], true) == pytest.approx([1, 0], abs=1e-5)


def test_rows_set_the_ensemble_beside_best_and_mean_of_its_members():
    rng = np.random.default_rng(1)
    names = [f"r{i}" for i in range(5)]
    true = {name: rng.random(200) < 0.3 for name in names}
    noisy = {
        member: [timeline(n, np.clip(0.5 * true[n] + noise * rng.random(200), 0, 1), true[n]) for n in names]
        for member, noise in (("good", 0.8), ("poor", 1.6))
    }
    both = [mean_timeline(pair, np.array([[0.5], [0.5]]), SETTINGS) for pair in zip(*noisy.values(), strict=True)]
    rows = ensemble_rows(both, noisy, {("good", "b"): 0.5, ("poor", "b"): 0.5})
    of = {row["role"]: row for row in rows if row["score"] == "average_precision"}
    pooled = [
        average_precision(
            np.concatenate([t.true[:, 0] for t in found]),  # type: ignore[index]
            np.concatenate([t.probability[:, 0] for t in found]),
        )
        for found in (both, noisy["good"], noisy["poor"])
    ]
    assert of[ENSEMBLE]["value"] == pytest.approx(pooled[0])
    assert of[BEST]["member"] == "good" and of[BEST]["value"] == pytest.approx(pooled[1])
    assert of[BEST]["difference"] == pytest.approx(pooled[0] - pooled[1])  # type: ignore[operator]
    assert of[MEAN]["value"] == pytest.approx((pooled[1] + pooled[2]) / 2)  # type: ignore[operator]
    assert of[BEST]["low"] <= of[BEST]["difference"] <= of[BEST]["high"] and of[BEST]["p"] is not None
    assert FULL in both[0].predicted and both[0].spread is not None


@pytest.mark.parametrize(
    ("n_individuals", "n_worse", "behaviors", "verdict", "p_holm"),
    [
        (6, 0, ("b",), REAL, 2 / 2**6),
        (6, 3, ("b",), CHANCE, None),
        # Real by itself, but not as one of two.
        (6, 0, ("b", "c"), TOO_FEW, 2 * 2 / 2**6),
        (5, 0, ("b",), TOO_FEW, 2 / 2**5),
    ],
)
def test_an_ensemble_is_better_by_the_rules_of_any_two_runs(n_individuals, n_worse, behaviors, verdict, p_holm):
    rng = np.random.default_rng(0)
    true = {f"r{i}": rng.random(60) < 0.3 for i in range(n_individuals)}
    right, noisy = (
        [timeline(n, np.clip(t * 0.6 + noise * rng.random(60), 0, 1), t, behaviors) for n, t in true.items()]
        for noise in (0.1, 1.2)
    )
    ours = [*noisy[:n_worse], *right[n_worse:]]
    theirs = [*right[:n_worse], *noisy[n_worse:]]
    rows = ensemble_rows(ours, {"m": theirs}, {("m", b): 1.0 for b in behaviors})
    found = [row for row in rows if (row["role"], row["score"]) == (BEST, "average_precision")]
    assert [row["behavior"] for row in found] == [*behaviors]
    for row in found:
        assert row["verdict"] == verdict
        assert row["p_holm"] == pytest.approx(p_holm) if p_holm else row["p_holm"] > 0.05
        assert row["p_smallest"] == pytest.approx(len(behaviors) * 2 / 2**n_individuals)
        assert ensemble_words(row).startswith("better" if verdict == REAL else verdict)
        assert (f"with {n_individuals} individuals" in ensemble_words(row)) == (verdict == TOO_FEW)


def test_holm_is_bounded_by_the_least_p_of_all_and_by_ones_own():
    def of(n_individuals: int) -> PairedDifference:
        p = 2 / 2**n_individuals
        return PairedDifference(0.1, Interval(0.05, 0.2, n_individuals, 2000), p, p, n_individuals, 0.1)

    found = correct({"few": of(4), "some": of(6), "many": of(8)})
    least = [found[name].p_smallest for name in ("few", "some", "many")]
    assert least == pytest.approx([2 / 2**4, 2 / 2**6, 3 * 2 / 2**8])
    assert [find_verdict(of(n), found[name])[0] for n, name in ((4, "few"), (8, "many"))] == [TOO_FEW, REAL]


def test_members_that_disagree_raise_the_chance_that_a_frame_is_wrong():
    agree, apart = chance_with_spread(np.array([0.3, 0.3]), [0.7, 0.7], 0.5, [0.0, 0.2])
    # One standard deviation from the threshold: 15.87 % of a normal distribution lie beyond.
    assert agree == 0.3 and apart == pytest.approx(0.3 + 0.7 * 0.158655, abs=1e-5)
