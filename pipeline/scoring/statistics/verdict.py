"""Whether a paired difference is real, in a word and with its reason.

- `real` when the 95 % interval of the pooled difference leaves 0 out, the sign-flip p, corrected for the number of
  comparisons (Holm 1979), is under .05, and pooled frames and the mean over individuals have the same sign;
- `too few individuals to tell` when no outcome could have got under .05: n individuals give p no smaller than 2 / 2^n
  (.0625 for five), and the correction multiplies it;
- `could be chance` otherwise; that is not a proof that both are equally good.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from pipeline.scoring.statistics.groups import holm
from pipeline.scoring.statistics.paired import PairedDifference

REAL = "real"
CHANCE = "could be chance"
TOO_FEW = "too few individuals to tell"
NO_VALUE = "n/a"
ALPHA = 0.05

_Key = TypeVar("_Key", bound=Hashable)

LARGE_P = "the interval leaves 0 out, but the corrected p is not under .05"
WIDE_INTERVAL = "p is under .05, but the interval reaches 0"
OPPOSITE = "all frames together and the mean over individuals point opposite ways"


@dataclass(frozen=True)
class Corrected:
    """What Holm's correction makes of one comparison; None where it has no p.

    Attributes
    ----------
    p_holm : float or None
        Corrected for `n_comparisons`.
    p_smallest : float or None
        The least `p_holm` that so few individuals and so many comparisons can give.
    n_comparisons : int
        Those that the correction counts.
    """

    p_holm: float | None
    p_smallest: float | None
    n_comparisons: int

    @classmethod
    def alone(cls, paired: PairedDifference) -> "Corrected":
        """Of a comparison that is the only one."""
        return cls(paired.p, paired.p_smallest, 1)


def correct(tests: Mapping[_Key, PairedDifference]) -> dict[_Key, Corrected]:
    """Holm's correction over those of several comparisons that have a p."""
    tested = {key: (paired.p, paired.p_smallest) for key, paired in tests.items() if paired.p is not None}
    corrected = dict(zip(tested, holm([p for p, _ in tested.values() if p is not None]), strict=True))
    # Holm's first step multiplies the least p of all by their number, no other comes out below it, and none below its
    # own p.
    known = {key: smallest for key, (_, smallest) in tested.items() if smallest is not None}
    first = len(tested) * min(known.values(), default=1.0)
    least = {key: min(1.0, max(first, own)) for key, own in known.items()}
    return {key: Corrected(corrected.get(key), least.get(key), len(tested)) for key in tests}


def find_verdict(paired: PairedDifference, corrected: Corrected) -> tuple[str, str]:
    """The verdict, and its reason where the numbers alone do not tell."""
    low, high = paired.interval.low, paired.interval.high
    if paired.difference is None:
        return NO_VALUE, paired.reason
    if corrected.p_holm is None or corrected.p_smallest is None or low is None or high is None:
        return TOO_FEW, paired.reason or paired.interval.reason
    if corrected.p_smallest >= ALPHA:
        return TOO_FEW, _too_few_words(paired.n_clusters_tested, corrected.p_smallest, corrected.n_comparisons)
    excludes_zero, is_unlikely = low > 0 or high < 0, corrected.p_holm < ALPHA
    if excludes_zero and is_unlikely:
        same_way = paired.mean is not None and paired.mean * paired.difference > 0
        return (REAL, "") if same_way else (CHANCE, OPPOSITE)
    if excludes_zero:
        return CHANCE, LARGE_P
    return CHANCE, WIDE_INTERVAL if is_unlikely else ""


def _too_few_words(n_individuals: int, p_smallest: float, n_comparisons: int) -> str:
    over = f", corrected for {n_comparisons} comparisons," if n_comparisons > 1 else ""
    least = "is always 1" if p_smallest >= 1 else f"cannot get under {p_smallest:.3f}"
    return f"with {n_individuals} individuals p{over} {least}"
