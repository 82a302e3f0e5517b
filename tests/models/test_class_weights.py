import numpy as np
import pytest

from common.errors import InputError
from models.class_weights import check_labels, class_weights
from models.windows import FeatureSequence


def test_equation_4_1_on_the_thesis_grooming_counts() -> None:
    active = np.zeros(112_200, bool)
    active[:12_077] = True
    negative, positive = class_weights(active, np.ones_like(active))
    assert negative == pytest.approx(112_200 / (2 * 100_123))
    assert positive == pytest.approx(112_200 / (2 * 12_077))


def test_unscored_frames_are_not_counted() -> None:
    active = np.array([True, False, False, False, True, False])
    scored = np.array([True, True, True, True, False, False])
    assert class_weights(active, scored) == (pytest.approx(4 / 6), pytest.approx(4 / 2))


def test_both_sides_count_the_same_in_total() -> None:
    active = np.array([True] + [False] * 9)
    negative, positive = class_weights(active, np.ones(10, bool))
    assert 9 * negative == pytest.approx(1 * positive)


@pytest.mark.parametrize(
    ("active", "scored", "lacking"),
    [
        ([False, False], [True, True], "no positive frame"),
        ([True, True], [True, True], "no negative frame"),
        ([True, False], [False, False], "no scored frame"),
        ([True, False], [False, True], "no positive frame"),
    ],
)
def test_one_sided_recordings_are_refused(active: list[bool], scored: list[bool], lacking: str) -> None:
    one = FeatureSequence("cage 3", np.zeros((2, 1), np.float32), np.array(active), np.array(scored))
    with pytest.raises(InputError, match=lacking) as caught:
        check_labels([one])
    assert "cage 3" in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match="positives"):
        class_weights(one.active, one.scored)
