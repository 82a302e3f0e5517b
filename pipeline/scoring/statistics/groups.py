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
from dataclasses import asdict, dataclass, replace
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


@dataclass(frozen=True)
class GroupComparison:
    """Two groups of individuals, one number each.

    Attributes
    ----------
    first_group, second_group : str
    n_first, n_second : int
        Individuals with a value.
    mean_first, sd_first, mean_second, sd_second : float or None
        Over individuals; standard deviation with ddof = 1, None for fewer than two.
    difference : float or None
        Mean of the first group minus that of the second.
    hedges_g : float or None
        Difference in units of the pooled standard deviation, see `hedges_g`.
    p : float or None
        Two-sided, of the permutation test on the difference of means.
    p_holm : float or None
        Corrected for the pairs of groups that were compared.
    n_relabelings : int
        Ways to relabel the individuals that p was counted from; p can't be less than 1 / n_relabelings.
    exact : bool
        Whether these are all the ways there are.
    reason : str
        Why values are None; "" otherwise.
    """

    first_group: str
    second_group: str
    n_first: int
    n_second: int
    mean_first: float | None = None
    sd_first: float | None = None
    mean_second: float | None = None
    sd_second: float | None = None
    difference: float | None = None
    hedges_g: float | None = None
    p: float | None = None
    p_holm: float | None = None
    n_relabelings: int = 0
    exact: bool = False
    reason: str = ""


class PermutationTest(NamedTuple):
    """p and the relabelings that it was counted from; `exact` when these are all there are."""

    p: float
    n_relabelings: int
    exact: bool


def hedges_g(first: ArrayLike, second: ArrayLike) -> float | None:
    """Standardised difference of two means, corrected for the bias of small samples.

    Difference over the pooled standard deviation, times J = Γ(df / 2) / (√(df / 2) Γ((df - 1) / 2)) with
    df = n_first + n_second - 2 (Hedges 1981, Distribution theory for Glass's estimator of effect size).

    Parameters
    ----------
    first, second : array_like of float, shape (n_individuals,)

    Returns
    -------
    float or None
        Positive when the first mean is larger; None for fewer than two in a group or without variance.
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

    Parameters
    ----------
    first, second : array_like of float, shape (n_individuals,)
        At least one each; no NaN.
    seed : int
        Of the random relabelings.

    Returns
    -------
    PermutationTest
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
    corrected = [0.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        corrected[index] = largest
    return corrected


def individual_values(recordings: Iterable[RecordingValue]) -> dict[str, dict[str, float]]:
    """Mean over the recordings of each individual, of one behavior, source and measure.

    Parameters
    ----------
    recordings : iterable of RecordingValue
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


def compare_groups(groups: Mapping[str, Mapping[str, float]], seed: int = 0) -> list[GroupComparison]:
    """Compare all pairs of groups.

    Parameters
    ----------
    groups : mapping of group to mapping of individual to float
        As of `individual_values`.
    seed : int
        Of random relabelings, where there are too many to count all.

    Returns
    -------
    list of GroupComparison
        Pairs in the order of `groups`; none for fewer than two groups.
    """
    pairs = [_compare(first, second, groups[first], groups[second], seed) for first, second in combinations(groups, 2)]
    corrected = iter(holm([pair.p for pair in pairs if pair.p is not None]))
    return [pair if pair.p is None else replace(pair, p_holm=next(corrected)) for pair in pairs]


def _compare(
    first_group: str, second_group: str, first: Mapping[str, float], second: Mapping[str, float], seed: int
) -> GroupComparison:
    x, y = np.array(list(first.values())), np.array(list(second.values()))
    comparison = GroupComparison(
        first_group=first_group,
        second_group=second_group,
        n_first=x.size,
        n_second=y.size,
        mean_first=float(x.mean()),
        sd_first=float(x.std(ddof=1)) if x.size > 1 else None,
        mean_second=float(y.mean()),
        sd_second=float(y.std(ddof=1)) if y.size > 1 else None,
        difference=float(x.mean() - y.mean()),
    )
    reason = IN_BOTH_GROUPS if set(first) & set(second) else ""
    if not reason and min(x.size, y.size) < MIN_INDIVIDUALS:
        reason = TOO_FEW_INDIVIDUALS
    if reason:
        return replace(comparison, reason=reason)
    effect = hedges_g(x, y)
    reason = NO_VARIANCE if effect is None else ""
    test = permutation_test(x, y, seed)
    return replace(comparison, **test._asdict(), hedges_g=effect, reason=reason)


def group_rows(recordings: Iterable[RecordingValue], seed: int = 0) -> list[Row]:
    """Rows of groups.csv: every pair of groups, for each behavior, measure and source.

    Parameters
    ----------
    recordings : iterable of RecordingValue
        Recordings of both sources should be the same ones where the two are to be set side by side.
    seed : int

    Returns
    -------
    list of dict
        In order of first appearance of behavior, measure and source. Empty where
        there are no two groups.
    """
    series: dict[tuple[str, str, str], list[RecordingValue]] = {}
    for item in recordings:
        series.setdefault((item.behavior, item.measure, item.source), []).append(item)
    return [
        {"behavior": behavior, "measure": measure, "source": source} | asdict(comparison)
        for (behavior, measure, source), items in series.items()
        for comparison in compare_groups(individual_values(items), seed)
    ]


def recording_values(
    statistics: Iterable[Row],
    individuals: Mapping[str, str],
    groups: Mapping[str, str],
    measures: Sequence[str] = MEASURES,
) -> list[RecordingValue]:
    """Values to compare, from rows of statistics.csv.

    Parameters
    ----------
    statistics : iterable of dict
        As of `pipeline.scoring.statistics.ethology_tables.statistics_rows`.
    individuals, groups : mapping of recording id to str
        A recording that is not in them has none.
    measures : sequence of str
        Columns of the rows.
    """
    return [
        RecordingValue(
            recording=(recording := str(row["recording"])),
            individual=individuals.get(recording, ""),
            group=groups.get(recording, ""),
            behavior=str(row["behavior"]),
            source=str(row["source"]),
            measure=measure,
            value=None if row[measure] is None else float(str(row[measure])),
        )
        for row in statistics
        for measure in measures
    ]
