"""Do groups of animals differ, for instance Huntington mice from wild types?

The unit is the individual. One that was filmed several times counts once, with the mean over its
recordings: two films of one mouse are no two mice. Recordings should be of one length where a total time
or a number of bouts is compared; the fraction of known time can be compared in any case.

Groups are compared in pairs by the difference of their means, with an effect size (Hedges' g) and a
permutation test over individuals. With three or more groups, p is also given after Holm's correction for
the number of pairs; nothing is corrected for the number of behaviors and measures.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from common.tables import Row

MEASURES = ("total_s", "fraction", "n_bouts")
MAX_RELABELINGS = 20_000
MIN_INDIVIDUALS = 2

TOO_FEW_INDIVIDUALS = f"a comparison needs {MIN_INDIVIDUALS} individuals in each group"
NO_VARIANCE = "an effect size needs values that differ within a group"
IN_BOTH_GROUPS = "the same individual is in both groups, and this comparison is for different ones"

# Less variance than this, relative to the values, is arithmetic.
_NO_VARIANCE = 1e-9


class RecordingValue(NamedTuple):
    """One number of one recording: `value` of `measure` (as in `MEASURES`), None where it has none.

    `individual` "" is one of its own; `group` "" takes no part; `source` is `human` or `predicted`.
    """

    recording: str
    individual: str
    group: str
    behavior: str
    source: str
    measure: str
    value: float | None


class PermutationTest(NamedTuple):
    """p and the relabelings that it was counted from (it can't be less than 1 / n); `exact` when these are all."""

    p: float
    n_relabelings: int
    exact: bool


def hedges_g(first: ArrayLike, second: ArrayLike) -> float | None:
    """Standardised difference of two means, corrected for the bias of small samples.

    Difference over the pooled standard deviation, times J = Γ(df / 2) / (√(df / 2) Γ((df - 1) / 2)) with
    df = n_first + n_second - 2 (Hedges 1981, Distribution theory for Glass's estimator of effect size).

    Of values of shape (n_individuals,); positive when the first mean is larger. None for fewer than two in a group or
    without variance.
    """
    x, y = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if min(x.size, y.size) < MIN_INDIVIDUALS:
        return None
    df = x.size + y.size - 2
    pooled_sd = math.sqrt(((x - x.mean()) ** 2).sum() / df + ((y - y.mean()) ** 2).sum() / df)
    if pooled_sd <= _NO_VARIANCE * max(np.abs(x).max(), np.abs(y).max()):
        return None
    correction = math.exp(math.lgamma(df / 2) - math.lgamma((df - 1) / 2)) / math.sqrt(df / 2)
    return float((x.mean() - y.mean()) / pooled_sd * correction)


def permutation_test(first: ArrayLike, second: ArrayLike, seed: int = 0) -> PermutationTest:
    """Two-sided test that it makes no difference which group an individual is called.

    p is the share of relabelings (of all individuals into groups of the same sizes) whose difference of
    means is at least as far from 0 as the one seen. Up to `MAX_RELABELINGS` all are counted; beyond, that
    many random ones and the one seen (Phipson and Smyth 2010, Permutation p-values should never be zero).

    Of values of shape (n_individuals,), at least one each, no NaN; `seed` is that of the random relabelings.
    """
    from scipy import stats

    x, y = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    scale = max(np.abs(x).max(), np.abs(y).max()) or 1.0

    def distance(a: NDArray[np.float64], b: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
        # Rounded, for sums of the same numbers in another order differ in their last digits: arithmetic, not data.
        return np.round(np.abs(a.mean(axis=axis) - b.mean(axis=axis)) / scale, 9)

    found = stats.permutation_test(
        (x, y),
        distance,
        n_resamples=MAX_RELABELINGS,
        alternative="greater",
        batch=1000,
        random_state=np.random.default_rng(seed),
    )
    n_ways = math.comb(x.size + y.size, x.size)
    exact = n_ways <= MAX_RELABELINGS
    return PermutationTest(float(found.pvalue), n_ways if exact else MAX_RELABELINGS + 1, exact)


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct p for having looked at several (Holm 1979), in the order given; each at most 1.

    From the least p on, each is multiplied by the number of those not yet passed, and none comes out less
    than one before it.
    """
    p = np.array(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    p[order] = np.maximum.accumulate(np.minimum(1.0, np.arange(p.size, 0, -1) * p[order]))
    return p.tolist()


def individual_values(recordings: Iterable[RecordingValue]) -> dict[str, dict[str, float]]:
    """Mean over the recordings of each individual, of one behavior, source and measure.

    Those without a group or a value are passed over.

    Returns
    -------
    dict of group to dict of individual to float
        Groups in order of the alphabet, so that a difference has the same sign for every behavior and
        source. An individual that was filmed in two groups stands in both.
    """
    checked: dict[str, dict[str, list[float]]] = {}
    for item in recordings:
        if item.group and item.value is not None:
            # A recording's own name can't be taken for an individual's.
            individual = item.individual or f"\0{item.recording}"
            checked.setdefault(item.group, {}).setdefault(individual, []).append(item.value)
    return {
        group: {individual: float(np.mean(values)) for individual, values in members.items()}
        for group, members in sorted(checked.items())
    }


def compare_groups(groups: Mapping[str, Mapping[str, float]]) -> list[Row]:
    """Compare all pairs of groups, as of `individual_values`; pairs in the order of `groups`.

    Returns
    -------
    list of dict
        Names of the two groups; individuals with a value, `n_first` and `n_second`; over these, means and standard
        deviations (ddof = 1, None for fewer than two); `difference`, the first mean minus the second; `hedges_g`; `p`,
        two-sided, of the permutation test on the difference of means, with what it was counted from; `p_holm`,
        corrected for the pairs that have a p; and the `reason` of what is None.
    """
    pairs = [_compare(first, second, groups[first], groups[second]) for first, second in combinations(groups, 2)]
    corrected = iter(holm([pair["p"] for pair in pairs if pair["p"] is not None]))
    return [pair | {"p_holm": None if pair["p"] is None else next(corrected)} for pair in pairs]


def _compare(first_group: str, second_group: str, first: Mapping[str, float], second: Mapping[str, float]) -> Row:
    x, y = np.array(list(first.values())), np.array(list(second.values()))
    compared: Row = {"first_group": first_group, "second_group": second_group}
    for name, values in (("first", x), ("second", y)):
        sd = float(values.std(ddof=1)) if values.size > 1 else None
        compared |= {f"n_{name}": values.size, f"mean_{name}": float(values.mean()), f"sd_{name}": sd}
    compared["difference"] = float(x.mean() - y.mean())
    reason = IN_BOTH_GROUPS if set(first) & set(second) else ""
    if not reason and min(x.size, y.size) < MIN_INDIVIDUALS:
        reason = TOO_FEW_INDIVIDUALS
    if reason:
        return compared | {"hedges_g": None, "p": None, "n_relabelings": 0, "exact": False, "reason": reason}
    effect = hedges_g(x, y)
    reason = NO_VARIANCE if effect is None else ""
    return compared | permutation_test(x, y)._asdict() | {"hedges_g": effect, "reason": reason}


def group_rows(recordings: Iterable[RecordingValue]) -> list[Row]:
    """Rows of groups.csv: every pair of groups, for each behavior, measure and source in order of first appearance.

    Recordings of both sources should be the same ones where the two are to be set side by side.
    """
    series: dict[tuple[str, str, str], list[RecordingValue]] = {}
    for item in recordings:
        series.setdefault((item.behavior, item.measure, item.source), []).append(item)
    return [
        {"behavior": behavior, "measure": measure, "source": source} | comparison
        for (behavior, measure, source), items in series.items()
        for comparison in compare_groups(individual_values(items))
    ]


def recording_values(
    statistics: Iterable[Row], individuals: Mapping[str, str], groups: Mapping[str, str]
) -> list[RecordingValue]:
    """Values of `MEASURES` to compare, from rows of statistics.csv, with whose recordings they are of."""
    return [
        RecordingValue(
            recording=(recording := str(row["recording"])),
            individual=individuals.get(recording, ""),
            group=groups.get(recording, ""),
            behavior=str(row["behavior"]),
            source=str(row["source"]),
            measure=measure,
            value=None if row[measure] is None else float(row[measure]),
        )
        for row in statistics
        for measure in MEASURES
    ]
