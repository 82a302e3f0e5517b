import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from pipeline.scoring.statistics.groups import (
    IN_BOTH_GROUPS,
    NO_VARIANCE,
    TOO_FEW_INDIVIDUALS,
    RecordingValue,
    compare_groups,
    group_rows,
    hedges_g,
    holm,
    individual_values,
    permutation_test,
    recording_values,
)


def value(recording, individual, group, number, source="human", measure="total_s"):
    return RecordingValue(recording, individual, group, "grooming", source, measure, number)


def test_two_small_groups_by_hand():
    (found,) = compare_groups({"HD": {"a": 1.0, "b": 2.0, "c": 3.0}, "WT": {"d": 5.0, "e": 6.0, "f": 7.0}})
    assert (found["first_group"], found["second_group"], found["n_first"], found["n_second"]) == ("HD", "WT", 3, 3)
    assert (found["mean_first"], found["sd_first"], found["mean_second"], found["sd_second"]) == (2, 1, 6, 1)
    assert found["difference"] == -4
    # d = -4; J of 4 degrees of freedom = Γ(2) / (√2 Γ(3/2)) = 1 / (√2 · √π / 2)
    assert found["hedges_g"] == pytest.approx(-4 * 2 / math.sqrt(2 * math.pi))
    # Of 20 relabelings only the one seen and its mirror image reach 4.
    assert (found["p"], found["n_relabelings"], found["exact"]) == (2 / 20, 20, True)
    assert found["p_holm"] == found["p"]
    assert found["reason"] == ""


def test_the_correction_of_hedges_is_near_its_usual_approximation():
    rng = np.random.default_rng(1)
    x, y = rng.normal(1, 1, 12), rng.normal(0, 2, 9)
    pooled_sd = np.sqrt((11 * x.var(ddof=1) + 8 * y.var(ddof=1)) / 19)
    approximate = (x.mean() - y.mean()) / pooled_sd * (1 - 3 / (4 * 19 - 1))
    assert hedges_g(x, y) == pytest.approx(approximate, rel=1e-3)
    assert hedges_g(y, x) == -hedges_g(x, y)


def test_hedges_g_is_unbiased_where_cohens_d_is_not():
    rng = np.random.default_rng(2)
    found = [hedges_g(rng.normal(1, 1, 4), rng.normal(0, 1, 4)) for _ in range(4000)]
    # d of 4 + 4 individuals would be 1.15 on average
    assert np.mean(found) == pytest.approx(1.0, abs=0.04)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.integers(0, 6), min_size=2, max_size=5),
    st.lists(st.integers(0, 6), min_size=2, max_size=5),
)
def test_the_exact_test_equals_scipys(first, second):
    reference = stats.permutation_test(
        (np.array(first, float), np.array(second, float)),
        lambda x, y, axis: np.abs(np.mean(x, axis=axis) - np.mean(y, axis=axis)),
        n_resamples=np.inf,
        alternative="greater",
        vectorized=True,
    )
    found = permutation_test(first, second)
    assert found.exact
    assert found.n_relabelings == math.comb(len(first) + len(second), len(first))
    assert found.p == pytest.approx(reference.pvalue)


def test_many_relabelings_are_drawn_and_the_one_seen_counts():
    rng = np.random.default_rng(3)
    first, second = rng.normal(1.5, 1, 9), rng.normal(0, 1, 9)
    found = permutation_test(first, second, seed=1)
    assert (found.n_relabelings, found.exact) == (20_001, False)
    together = np.concatenate([first, second])
    variants = np.array(list(combinations(range(18), 9)))
    sums = together[variants].sum(axis=1)
    differences = np.abs(sums - (together.sum() - sums)) / 9
    exact = np.mean(differences >= abs(first.mean() - second.mean()) - 1e-12)
    assert 0.02 < exact < 0.5
    assert found.p == pytest.approx(exact, abs=0.012)
    assert permutation_test(first, second, seed=1) == found != permutation_test(first, second, seed=2)
    assert permutation_test(np.arange(30), 1000 + np.arange(30)).p == 1 / 20_001


def test_p_is_evenly_spread_where_groups_do_not_differ():
    rng = np.random.default_rng(4)
    p = np.array([permutation_test(rng.normal(size=4), rng.normal(size=4)).p for _ in range(600)])
    assert np.mean(p <= 0.1) == pytest.approx(0.086, abs=0.035)  # 6 of 70 relabelings
    assert np.mean(p <= 0.5) == pytest.approx(0.486, abs=0.06)  # 34 of 70


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9, 0.02]) == pytest.approx([1.0, 1.0, 0.06])
    assert holm([0.2]) == [0.2]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_holm_equals_its_definition(p_values):
    """Rejected at a level when that p and all smaller ones pass level / (number not yet rejected)."""
    corrected = holm(p_values)
    order = np.argsort(p_values, kind="stable")
    m = len(p_values)
    for position, index in enumerate(order):
        expected = max((m - j) * p_values[order[j]] for j in range(position + 1))
        assert corrected[index] == pytest.approx(min(1, expected))


def test_an_individual_counts_once_with_the_mean_of_its_recordings():
    values = [
        value("m1", "a", "HD", 10.0),
        value("m2", "a", "HD", 20.0),
        value("m3", "a", "HD", None),
        value("m4", "b", "HD", 7.0),
        value("m5", "", "WT", 1.0),
        value("m6", "", "WT", 2.0),
        value("m7", "c", "", 99.0),
    ]
    found = individual_values(values)
    assert list(found) == ["HD", "WT"]
    assert found["HD"] == {"a": 15.0, "b": 7.0}
    assert sorted(found["WT"].values()) == [1.0, 2.0]
    assert "m5" not in found["WT"]  # an individual may be called so


def test_more_films_of_the_same_animals_prove_nothing_more():
    once = [value(f"m{i}", f"a{i}", "HD" if i < 3 else "WT", float(i)) for i in range(6)]
    thrice = [item._replace(recording=f"{item.recording}_{n}") for item in once for n in range(3)]
    assert group_rows(thrice) == group_rows(once)


def test_three_groups_are_compared_in_pairs_and_corrected():
    rng = np.random.default_rng(5)
    groups = {
        name: {f"{name}{i}": number for i, number in enumerate(rng.normal(mean, 1, 5))}
        for name, mean in [("HD", 0), ("WT", 2), ("drug", 4)]
    }
    found = compare_groups(groups)
    pairs = [(pair["first_group"], pair["second_group"]) for pair in found]
    assert pairs == [("HD", "WT"), ("HD", "drug"), ("WT", "drug")]
    assert [pair["p_holm"] for pair in found] == holm([pair["p"] for pair in found])
    assert any(pair["p_holm"] > pair["p"] for pair in found)
    for pair in found:
        first, second = (list(groups[name].values()) for name in (pair["first_group"], pair["second_group"]))
        assert pair["p"] == permutation_test(first, second).p


def test_what_cannot_be_compared_has_a_reason():
    (lone,) = compare_groups({"HD": {"a": 1.0}, "WT": {"b": 2.0, "c": 3.0}})
    assert lone["difference"] == -1.5
    assert {lone[name] for name in ("sd_first", "hedges_g", "p", "p_holm")} == {None}
    assert lone["reason"] == TOO_FEW_INDIVIDUALS
    (flat,) = compare_groups({"HD": {"a": 1.0, "b": 1.0}, "WT": {"c": 2.0, "d": 2.0}})
    assert (flat["hedges_g"], flat["reason"]) == (None, NO_VARIANCE)
    assert flat["p"] == 2 / 6
    (equal,) = compare_groups({"HD": {"a": 0.0, "b": 0.0}, "WT": {"c": 0.0, "d": 0.0}})
    assert (equal["hedges_g"], equal["p"]) == (None, 1.0)
    (twice,) = compare_groups({"before": {"a": 1.0, "b": 2.0}, "after": {"a": 3.0, "c": 4.0}})
    assert (twice["p"], twice["reason"]) == (None, IN_BOTH_GROUPS)
    assert compare_groups({"HD": {"a": 1.0, "b": 2.0}}) == []


def test_a_pair_without_p_takes_no_part_in_the_correction():
    found = compare_groups(
        {"HD": {"a": 1.0, "b": 2.0, "c": 3.0}, "lone": {"d": 9.0}, "WT": {"e": 5.0, "f": 6.0, "g": 7.0}}
    )
    assert [pair["p"] for pair in found] == [None, 2 / 20, None]
    assert found[1]["p_holm"] == 2 / 20


def test_rows_from_statistics_are_read_back():
    statistics = [
        {"recording": f"m{i}", "behavior": "rear", "source": source, "total_s": 3.0 * i + shift, "fraction": i / 8}
        | {"n_bouts": i}
        for i in range(8)
        for source, shift in [("human", 0.0), ("predicted", 0.5)]
    ]
    # Without its value the first group to appear would be another one for this source.
    statistics[0]["total_s"] = None
    groups = {f"m{i}": "HD" if i % 2 else "WT" for i in range(8)}
    values = recording_values(statistics, {f"m{i}": f"a{i}" for i in range(8)}, groups)
    rows = group_rows(values)
    assert [(row["measure"], row["source"]) for row in rows] == [
        ("total_s", "human"),
        ("fraction", "human"),
        ("n_bouts", "human"),
        ("total_s", "predicted"),
        ("fraction", "predicted"),
        ("n_bouts", "predicted"),
    ]
    assert [(row["first_group"], row["second_group"]) for row in rows] == [("HD", "WT")] * 6
    assert [(row["n_first"], row["n_second"]) for row in rows] == [(4, 3), *[(4, 4)] * 5]
