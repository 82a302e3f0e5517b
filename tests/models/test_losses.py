import numpy as np
import pytest

from models.losses import cross_entropy_of_probability, weighted_cross_entropy


def loss(y: list[float], logit: list[float], weight: list[float]) -> float:
    arrays = [np.array([values], np.float32) for values in (y, logit, weight)]
    return float(weighted_cross_entropy(*arrays))


def test_known_answer() -> None:
    assert loss([1, 0], [0, 0], [1, 1]) == pytest.approx(np.log(2))


def test_a_positive_frames_loss_grows_by_its_weight() -> None:
    alone = loss([1, 0], [-2, -50], [1, 1])
    assert loss([1, 0], [-2, -50], [3, 1]) == pytest.approx(3 * alone)


def test_a_frame_without_weight_changes_nothing() -> None:
    assert loss([1, 0, 1], [0.3, -1, -90], [2, 1, 0]) == pytest.approx(loss([1, 0], [0.3, -1], [2, 1]))


def test_no_frame_that_counts_means_no_loss() -> None:
    assert loss([1, 0], [5, 5], [0, 0]) == 0


def test_extreme_logits_stay_finite() -> None:
    assert loss([1, 0], [-1000, 1000], [1, 1]) == pytest.approx(1000)


def test_probabilities_give_the_same_loss_as_their_logits() -> None:
    logit = np.array([-2.0, 0.5, 3.0, -0.1], np.float32)
    active = np.array([True, False, True, False])
    weights = (0.6, 3.0)
    expected = loss(active.astype(float).tolist(), logit.tolist(), np.where(active, 3.0, 0.6).tolist())
    probability = (1 / (1 + np.exp(-logit))).astype(np.float32)
    assert cross_entropy_of_probability(active, probability, weights) == pytest.approx(expected, rel=1e-5)


def test_a_certain_mistake_costs_much_but_not_infinitely() -> None:
    mistake = cross_entropy_of_probability(np.array([True]), np.array([0.0], np.float32), (1.0, 1.0))
    assert mistake == pytest.approx(-np.log(1e-7))
