"""What is said of distance alone beside the head."""

import pytest

from pipeline.report.proximity import is_as_good, verdict_words
from pipeline.scoring.statistics.verdict import CHANCE, LARGE_P, NO_VALUE, REAL, TOO_FEW


@pytest.mark.parametrize(
    ("verdict", "reason", "difference", "low", "high", "as_good", "said"),
    [
        (REAL, "", 0.2, 0.1, 0.3, False, "The head tells more than distance alone (difference +0.200, 95 % interval"),
        (REAL, "", -0.2, -0.3, -0.1, True, "Distance alone does better (difference -0.200"),
        (CHANCE, "", 0.05, -0.1, 0.2, True, "Distance alone does as well as the head in these recordings"),
        (CHANCE, LARGE_P, 0.05, 0.01, 0.2, True, "lead may be chance (difference +0.050, 95 % interval +0.010 to"),
        (CHANCE, "", -0.05, -0.1, 0.2, True, "Distance alone does at least as well as the head"),
        (TOO_FEW, "few", 0.3, 0.2, 0.4, False, "The head is ahead, with too few individuals for a test"),
        (TOO_FEW, "few", 0.3, -0.2, 0.4, False, "with too few individuals to tell the two apart"),
        (TOO_FEW, "few", 0.3, None, None, False, "to tell the two apart (difference +0.300; few)"),
        (TOO_FEW, "few", 0.0, None, None, True, "Distance alone does at least as well as the head"),
        (NO_VALUE, "nothing was predicted", None, None, None, False, "can’t be compared with the head: nothing was"),
    ],
)  # fmt: skip
def test_whether_distance_alone_does_as_well(verdict, reason, difference, low, high, as_good, said):
    row = {"verdict": verdict, "verdict_reason": reason, "head_minus_distance": difference}
    row |= {"difference_low": low, "difference_high": high, "positive": "nearer", "chance": 0.1}
    row |= {"average_precision": 0.5, "head_average_precision": 0.5 + (difference or 0)}
    assert is_as_good(row) == as_good
    assert said in verdict_words(row)
    assert difference is None or "Distance alone, nearest first, reaches an average precision of 0.500" in (
        verdict_words(row)
    )
