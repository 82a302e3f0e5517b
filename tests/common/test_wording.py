"""Numbers as text: digits enough to tell them apart."""

import pytest

from common.wording import mean_sd, percent_sd


@pytest.mark.parametrize(
    ("mean", "sd", "text"),
    [
        (0.112, 0.054, "0.112 ± 0.054"),
        (18.84, 2.13, "18.8 ± 2.1"),
        (184.4, 21.3, "184 ± 21"),
        (0.51, 3.26, "0.51 ± 3.26"),
        (7.0, 0.0, "7.0 ± 0.0"),
        (0.0, 0.0, "0.0 ± 0.0"),
        (1234.5, None, "1,234"),
        (None, None, "n/a"),
    ],
)
def test_the_smaller_of_mean_and_sd_has_two_significant_digits(mean, sd, text):
    assert mean_sd(mean, sd) == text


def test_shares_are_percentages():
    assert percent_sd(0.1163, 0.0427) == "11.6 ± 4.3\u00a0%"
    assert percent_sd(None, None) == "n/a"
