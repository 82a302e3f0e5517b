"""What a task is asked, with answers known beforehand; and that the trunk asks nothing else."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.errors import InputError
from models.bundle import load_bundle, save_bundle
from models.network import weighted_mean
from models.settings import TrainingConfig
from models.tasks import Binary, Exclusive
from models.training import train_head
from models.windows import FeatureSequence
from tests.models.conftest import BINARY, SMALL_HEADS

QUICK = TrainingConfig(window_frames=20, batch_windows=4, epochs=12, min_steps_per_epoch=6, learning_rate=0.05)


def test_equation_4_1_on_the_thesis_grooming_counts() -> None:
    active = np.zeros(112_200, bool)
    active[:12_077] = True
    negative, positive = BINARY.class_weights(active, np.ones_like(active))
    assert negative == pytest.approx(112_200 / (2 * 100_123))
    assert positive == pytest.approx(112_200 / (2 * 12_077))
    assert 100_123 * negative == pytest.approx(12_077 * positive)


def test_unscored_frames_are_not_counted() -> None:
    active = np.array([True, False, False, False, True, False])
    scored = np.array([True, True, True, True, False, False])
    assert BINARY.class_weights(active, scored).tolist() == pytest.approx([4 / 6, 4 / 2])
    assert BINARY.n_examples(active, scored).tolist() == [1]


@pytest.mark.parametrize(
    ("active", "scored", "lacking"),
    [
        ([False, False], [True, True], "no positive frame"),
        ([True, True], [True, True], "no negative frame"),
        ([True, False], [False, False], "no scored frame"),
        ([True, False], [False, True], "no positive frame"),
        ([True, False], [True, True], ""),
    ],
)
def test_one_sided_recordings_are_refused(active: list[bool], scored: list[bool], lacking: str) -> None:
    assert BINARY.lacking(np.array(active), np.array(scored)) == lacking
    one = FeatureSequence("cage 3", np.zeros((2, 1), np.float32), np.array(active), np.array(scored))
    if lacking:
        with pytest.raises(InputError, match=f"{lacking}.*cage 3") as caught:
            train_head(BINARY, SMALL_HEADS["logistic"], QUICK, [one], None, seed=1, n_epochs=1)
        assert "\n" not in str(caught.value)


def loss(y: list[float], logit: list[float], weight: list[float]) -> float:
    target, logits, weights = (np.array([values], np.float32) for values in (y, logit, weight))
    return float(weighted_mean(BINARY.frame_losses(target, logits), weights))


def test_the_loss_has_known_answers() -> None:
    assert loss([1, 0], [0, 0], [1, 1]) == pytest.approx(np.log(2))
    alone = loss([1, 0], [-2, -50], [1, 1])
    assert loss([1, 0], [-2, -50], [3, 1]) == pytest.approx(3 * alone), "a positive frame's loss grows by its weight"
    assert loss([1, 0, 1], [0.3, -1, -90], [2, 1, 0]) == pytest.approx(loss([1, 0], [0.3, -1], [2, 1]))
    assert loss([1, 0], [5, 5], [0, 0]) == 0
    assert loss([1, 0], [-1000, 1000], [1, 1]) == pytest.approx(1000)


def validation_loss(active: list[bool], probability: list[float], weight: list[float]) -> float:
    measured = BINARY.measure(np.array(active), np.array(probability, np.float32), np.array(weight))
    value = measured.figures["validation_loss"]
    assert value is not None
    return value


def test_probabilities_give_the_same_loss_as_their_logits() -> None:
    logit, active = np.array([-2.0, 0.5, 3.0, -0.1]), [True, False, True, False]
    weight = [3.0, 0.6, 3.0, 0.6]
    expected = loss([float(flag) for flag in active], logit.tolist(), weight)
    assert validation_loss(active, (1 / (1 + np.exp(-logit))).tolist(), weight) == pytest.approx(expected, rel=1e-5)
    assert validation_loss([True], [0.0], [1.0]) == pytest.approx(-np.log(1e-7)), "much, but not infinitely"


CLASSES = Exclusive()


@pytest.mark.parametrize("task", [CLASSES, Exclusive(other=None)])
def test_a_frame_is_of_one_class_or_of_the_background(task: Exclusive) -> None:
    labels = np.array([[True, False], [False, True], [False, False]])
    target = task.target(labels)
    assert task.kinds(["a", "b"]) == (("a", "b", "other") if task.other else ("a", "b"))
    assert target.tolist() == (np.eye(3, dtype=bool).tolist() if task.other else labels.tolist())
    scored = np.array([True, True, bool(task.other)])
    assert task.n_examples(target, scored).tolist() == [1] * target.shape[1]
    assert task.lacking(target, scored) == ""
    assert task.lacking(target[:1], scored[:1]) == "one class only"
    prediction = np.array([[0.2, 0.3, 0.5]], np.float32)[:, : target.shape[1]]
    assert task.by_output(prediction).tolist() == prediction[:, :2].tolist()


def test_classes_that_are_not_shown_weigh_nothing_and_count_for_nothing() -> None:
    target = np.eye(4, dtype=bool)[[0, 0, 0, 1, 2, 2]]
    weights = CLASSES.class_weights(target, np.ones(6, bool))
    assert weights.tolist() == pytest.approx([6 / (3 * 3), 6 / (3 * 1), 6 / (3 * 2), 0])
    prediction = np.eye(4, dtype=np.float32)[[0, 0, 1, 1, 2, 3]]
    measured = Exclusive(monitor="macro_f1").measure(target, prediction, np.ones(6))
    assert measured.value == pytest.approx(np.mean([4 / 5, 2 / 3, 2 / 3]))
    alone = CLASSES.measure(target[:3], prediction[:3], np.ones(3))
    assert alone.monitor == "loss" and "one class only" in alone.note


@pytest.mark.parametrize("task", [Binary(loss="focal"), Exclusive(loss={"name": "focal", "gamma": 2.0})])
def test_the_focal_loss_turns_to_what_is_hard(task: Any) -> None:
    logits = np.array([[[3.0], [-1.0]]], np.float32)
    target = np.ones((1, 2, 1), np.float32)
    if task.name == "exclusive":
        logits, target = np.concatenate([logits, 0 * logits], axis=2), np.concatenate([target, 0 * target], axis=2)
    else:
        logits, target = logits[..., 0], target[..., 0]
    p = 1 / (1 + np.exp(-np.array([3.0, -1.0])))
    found = np.array(task.frame_losses(target, logits))[0]
    np.testing.assert_allclose(found, (1 - p) ** 2 * -np.log(p), rtol=1e-5)


def three_class_recording(seed: int) -> FeatureSequence:
    """Each class raises a feature of its own; frames that nobody scored say the contrary."""
    rng = np.random.default_rng(seed)
    classes = rng.integers(3, size=90)
    embeddings = rng.normal(size=(90, 5)).astype(np.float32)
    embeddings[np.arange(90), classes] += 6
    scored = rng.random(90) < 0.9
    classes = np.where(scored, classes, (classes + 1) % 3)
    return FeatureSequence(f"m{seed}", embeddings, np.eye(3, dtype=bool)[classes], scored)


@pytest.mark.parametrize("name", ["logistic", "lstm-bidirectional"])
def test_a_head_learns_exclusive_classes_and_is_kept(name: str, tmp_path: Path) -> None:
    train, validation, new = (three_class_recording(seed) for seed in (1, 2, 3))
    head, history = train_head(CLASSES, SMALL_HEADS[name], QUICK, [train], [validation], seed=1)
    assert history.monitor == "average_precision"
    precisions = [row["validation_average_precision"] for row in history.rows]
    assert max(precisions) > 0.9 and history.best_epoch == 3 + int(np.argmax(precisions[2:]))
    prediction = head.predict(new.embeddings)
    assert prediction.shape == (90, 3) and prediction.dtype == np.float32
    np.testing.assert_allclose(prediction.sum(axis=1), 1, atol=1e-5)
    right = prediction.argmax(axis=1) == new.target.argmax(axis=1)
    assert right[new.scored].mean() > 0.9
    loaded, _ = load_bundle(save_bundle(tmp_path / "bundle", head, {}))
    assert loaded.task == CLASSES
    assert np.array_equal(loaded.predict(new.embeddings), prediction)
