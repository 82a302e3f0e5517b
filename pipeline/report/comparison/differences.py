"""Is one run better than another? Paired over individuals, with an interval, a test and a verdict in words.

Every pair of runs is compared on the recordings that both scored (`pairs`), in three scores:
average precision of the probabilities, and frame F1 and bout F1 (IoU at least .5) after post-processing.
The verdict is that of `pipeline.scoring.statistics.verdict`, corrected for the number of comparisons.

The best run is picked by the numbers that are tested. Were it tested against the k - 1 others alone, at
least one of them would differ "really" in 6 to 8 % of comparisons of three or four equally good runs; so
the correction counts all k (k - 1) / 2 pairs. A reference that was named beforehand is compared with
k - 1 runs, and the correction counts these. Each behavior, subset and score is corrected on its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

from pipeline.report.comparison.pairs import Pair, pair_runs, pair_with_baseline, rivals_in
from pipeline.run_folder.reading import Run
from pipeline.scoring.statistics.by_individual import AVERAGE_PRECISION, BOUT_F1, FRAME_F1, score_by_individual
from pipeline.scoring.statistics.intervals import gather_clusters
from pipeline.scoring.statistics.paired import PairedDifference, paired_weighted_difference
from pipeline.scoring.statistics.verdict import Corrected, correct, find_verdict

SCORES = (AVERAGE_PRECISION, FRAME_F1, BOUT_F1)

OWN_BASELINE = "own baseline"

NOTHING_SHARED = "no recording that both scored against the same labels"


@dataclass(frozen=True)
class Difference:
    """One run against another (or against its own baseline) in one score of one behavior and subset.

    Attributes
    ----------
    behavior, subset, score, run, reference : str
        `score` is one of `SCORES`; `reference` may be `OWN_BASELINE`.
    difference : float or None
        Score of the run minus that of the reference, pooled over the recordings of both.
    low, high : float or None
        95 % interval of it, over individuals.
    p : float or None
        Sign-flip p over individuals, see `pipeline.scoring.statistics.paired`.
    p_holm : float or None
        The same, corrected for `n_comparisons`.
    p_smallest : float or None
        The least `p_holm` that so few individuals and so many comparisons can give.
    n_comparisons : int
        Those that the correction counts.
    n_individuals, n_tested, n_recordings : int
        Individuals that the two share, those of them in which both have a score of their own (p rests on
        these), and recordings.
    verdict : str
        `REAL`, `CHANCE`, `TOO_FEW` or `NO_VALUE`.
    reason : str
        What the verdict rests on, where the numbers alone do not tell; "" otherwise.
    """

    behavior: str
    subset: str
    score: str
    run: str
    reference: str
    difference: float | None
    low: float | None
    high: float | None
    p: float | None
    p_holm: float | None
    p_smallest: float | None
    n_comparisons: int
    n_individuals: int
    n_tested: int
    n_recordings: int
    verdict: str
    reason: str


@dataclass(frozen=True)
class _Test:
    """Two runs compared, before any correction."""

    first: str
    second: str
    pair: Pair
    paired: PairedDifference


def run_differences(
    runs: Mapping[str, Run], behavior: str, subset: str, score: str, best: str | None, reference: str | None
) -> list[Difference]:
    """Compare every run with the best one, and with a reference that was named.

    Parameters
    ----------
    runs : mapping of str to Run
        By name.
    behavior, subset, score : str
    best, reference : str or None
        Names of runs. None, or one that lacks the behavior: no comparison with it.

    Returns
    -------
    list of Difference
        Against the best first, in the order of `runs`; a reference that is the best comes once.
    """
    rivals = rivals_in(runs, behavior, subset)
    if reference not in rivals:
        reference = None
    shown = {frozenset((name, other)) for name in rivals for other in (best, reference) if other in rivals}
    tests: dict[frozenset[str], _Test] = {}
    for first, second in combinations(rivals, 2):
        key = frozenset((first, second))
        pair = pair_runs(rivals[first], rivals[second], behavior, subset)
        # A pair that is not shown counts in the correction by its p, which needs no resampling.
        tests[key] = _compare(first, second, pair, score, **({} if key in shown else {"n_resamples": 1}))
    families = []
    if best in rivals and best != reference:
        families.append((best, list(tests)))
    if reference is not None:
        families.append((reference, [key for key in tests if reference in key]))
    found = []
    for target, family in families:
        corrected = correct({key: tests[key].paired for key in family})
        found += [
            _difference(tests[key], name, target, corrected[key], (behavior, subset, score))
            for name in rivals
            if name != target and (key := frozenset((name, target))) in tests
        ]
    return found


def baseline_differences(runs: Mapping[str, Run], behavior: str, subset: str) -> list[Difference]:
    """Compare every run with its own baseline in average precision; corrected over the runs."""
    tests = {}
    for name, run in rivals_in(runs, behavior, subset).items():
        pair = pair_with_baseline(run, behavior, subset)
        if pair.recordings:
            tests[frozenset((name,))] = _compare(name, OWN_BASELINE, pair, AVERAGE_PRECISION)
    corrected = correct({key: test.paired for key, test in tests.items()})
    place = (behavior, subset, AVERAGE_PRECISION)
    return [_difference(test, test.first, OWN_BASELINE, corrected[key], place) for key, test in tests.items()]


def _compare(first: str, second: str, pair: Pair, score: str, **options: int) -> _Test:
    a, b = (score_by_individual(arrays, pair.individuals, score) for arrays in (pair.first, pair.second))
    n_individuals = len(gather_clusters(pair.individuals, pair.recordings))
    return _Test(first, second, pair, paired_weighted_difference(a, b, n_individuals, **options))


def _difference(test: _Test, run: str, reference: str, corrected: Corrected, place: tuple[str, str, str]) -> Difference:
    paired, sign = test.paired, 1 if test.first == run else -1
    low, high = paired.interval.low, paired.interval.high
    if low is not None and high is not None:
        # Adding 0 turns the -0.0 of a reversed tie into 0.0.
        low, high = sorted((sign * low + 0.0, sign * high + 0.0))
    verdict, reason = find_verdict(paired, corrected)
    if not test.pair.recordings:
        reason = NOTHING_SHARED
    return Difference(
        *place,
        run=run,
        reference=reference,
        difference=None if paired.difference is None else sign * paired.difference + 0.0,
        low=low,
        high=high,
        p=paired.p,
        p_holm=corrected.p_holm,
        p_smallest=corrected.p_smallest,
        n_comparisons=corrected.n_comparisons,
        n_individuals=paired.interval.n_clusters,
        n_tested=paired.n_clusters_tested,
        n_recordings=len(test.pair.recordings),
        verdict=verdict,
        reason=reason,
    )
