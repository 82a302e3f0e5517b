import dataclasses
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from common.errors import InputError
from models.heads import HeadConfig
from models.heads.lstm import LstmConfig
from models.inference import TrainedHead
from models.network import Network
from models.scaler import Scaler
from models.training import History, TrainingConfig, learn_scaler, train_head
from models.windows import FeatureSequence
from tests.models.conftest import BINARY, SMALL_HEADS, MakeRecording

QUICK = TrainingConfig(window_frames=20, batch_windows=4, epochs=3, min_epochs=1, min_steps_per_epoch=4)
LOGISTIC = SMALL_HEADS["logistic"]


def changed(settings: TrainingConfig, **values: Any) -> TrainingConfig:
    return TrainingConfig(**{**settings.model_dump(), **values})


@pytest.fixture
def trio(make_recording: MakeRecording) -> list[FeatureSequence]:
    return [make_recording(n, seed=i, name=f"m{i}") for i, n in enumerate((75, 51, 63))]


def fit(
    head: HeadConfig, settings: TrainingConfig, trio: list[FeatureSequence], seed: int = 1
) -> tuple[TrainedHead, History]:
    return train_head(BINARY, head, settings, trio[:2], trio[2:], seed)


def test_same_seed_same_probabilities_bit_for_bit(trainable_head: HeadConfig, trio: list[FeatureSequence]) -> None:
    first, first_history = fit(trainable_head, QUICK, trio)
    first_probability = first.predict(trio[2].embeddings)
    other, _ = fit(trainable_head, QUICK, trio, seed=2)
    again, again_history = fit(trainable_head, QUICK, trio)
    assert np.array_equal(again.predict(trio[2].embeddings), first_probability)
    assert [row["loss"] for row in again_history.rows] == [row["loss"] for row in first_history.rows]
    assert not np.array_equal(other.predict(trio[2].embeddings), first_probability)
    # heads of one shape share a network: the first must still be itself after the others were trained
    assert np.array_equal(first.predict(trio[2].embeddings), first_probability)


def test_a_head_learns_what_a_single_frame_does_not_show() -> None:
    """The label is the first feature's sign four frames ago: only a head with a memory can know."""

    def recording(seed: int) -> FeatureSequence:
        cue = np.sign(np.random.default_rng(seed).normal(size=200)).astype(np.float32)
        return FeatureSequence(f"m{seed}", cue[:, None], np.roll(cue, 4) > 0, np.arange(200) >= 4)

    settings = TrainingConfig(window_frames=40, epochs=20, learning_rate=0.02, min_steps_per_epoch=15)
    recordings = [recording(seed) for seed in (1, 2, 3)]
    best = {
        head.name: max(row["validation_average_precision"] for row in fit(head, settings, recordings)[1].rows)
        for head in (LstmConfig(layers=1, units=16, dropout=0.0), LOGISTIC)
    }
    assert best["lstm"] > 0.95
    assert best["logistic"] < 0.7


def test_the_best_epochs_weights_are_kept(trio: list[FeatureSequence]) -> None:
    wild = changed(QUICK, learning_rate=1.0, clip_norm=0, epochs=8, patience=8)
    head, history = fit(LOGISTIC, wild, trio)
    precisions = [row["validation_average_precision"] for row in history.rows]
    assert history.best_epoch == 1 + int(np.argmax(precisions))
    assert history.best_epoch < len(precisions), "the wild rate was meant to pass its best"
    until_best, _ = fit(LOGISTIC, changed(wild, epochs=history.best_epoch), trio)
    assert np.array_equal(head.predict(trio[2].embeddings), until_best.predict(trio[2].embeddings))


def test_patience_counts_from_the_best_epoch_and_none_before_min_epochs_is_kept(trio: list[FeatureSequence]) -> None:
    blind = changed(QUICK, learning_rate=1e-12, epochs=12, patience=2)
    _, history = fit(LOGISTIC, blind, trio)
    assert (len(history.rows), history.best_epoch) == (3, 1)
    _, history = fit(LOGISTIC, changed(blind, min_epochs=7), trio)
    assert (len(history.rows), history.best_epoch) == (9, 7)
    _, history = fit(LOGISTIC, changed(blind, min_epochs=99), trio)
    assert (len(history.rows), history.best_epoch) == (12, 12)
    _, history = fit(LOGISTIC, changed(blind, patience=20), trio)
    assert len(history.rows) == 12


def test_without_validation_it_trains_exactly_so_many_epochs(trio: list[FeatureSequence]) -> None:
    _, history = train_head(BINARY, LOGISTIC, QUICK, trio, None, seed=1, n_epochs=5)
    assert [row["epoch"] for row in history.rows] == [1, 2, 3, 4, 5]
    assert (history.best_epoch, history.monitor) == (5, "none")
    assert set(history.rows[-1]) == {"epoch", "loss", "seconds"}
    for validation, n_epochs in ((None, None), (trio, 5)):
        with pytest.raises(ValueError, match="either"):
            train_head(BINARY, LOGISTIC, QUICK, trio, validation, seed=1, n_epochs=n_epochs)


@pytest.mark.parametrize(
    ("settings", "n_steps"),
    # 75 and 51 frames are 4 and 3 windows of 20, that is 4 batches of 2.
    [({"min_steps_per_epoch": 9}, 9), ({"min_steps_per_epoch": 1, "batch_windows": 2}, 4)],
)
def test_few_recordings_still_get_the_least_number_of_steps(
    settings: dict[str, int], n_steps: int, trio: list[FeatureSequence], monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[int] = []
    step = Network.train_step
    monkeypatch.setattr(Network, "train_step", lambda *arguments: (steps.append(1), step(*arguments))[1])
    fit(LOGISTIC, changed(QUICK, epochs=2, **settings), trio)
    assert len(steps) == 2 * n_steps


def test_what_is_not_scored_teaches_nothing(trio: list[FeatureSequence]) -> None:
    scored = np.arange(75) % 3 > 0
    original = dataclasses.replace(trio[0], scored=scored)
    relabelled = dataclasses.replace(original, target=np.where(scored, original.target, ~original.target))
    a, _ = fit(SMALL_HEADS["lstm"], QUICK, [original, *trio[1:]])
    b, _ = fit(SMALL_HEADS["lstm"], QUICK, [relabelled, *trio[1:]])
    assert np.array_equal(a.predict(trio[2].embeddings), b.predict(trio[2].embeddings))


def test_class_weights_make_a_blind_head_say_one_half(trio: list[FeatureSequence]) -> None:
    blind = [dataclasses.replace(s, embeddings=s.embeddings * 0) for s in trio[:2]]
    mean_probability = {}
    for switch in (True, False):
        settings = changed(QUICK, class_weights=switch, learning_rate=0.05)
        head, _ = train_head(BINARY, LOGISTIC, settings, blind, None, seed=1, n_epochs=20)
        mean_probability[switch] = head.predict(blind[0].embeddings).mean()
    n_positive, n = sum(s.target.sum() for s in trio[:2]), sum(s.n_frames for s in trio[:2])
    assert mean_probability[False] == pytest.approx(n_positive / n, abs=0.05)
    assert mean_probability[True] == pytest.approx(0.5, abs=0.05)


def test_standardising_makes_the_unit_of_a_feature_irrelevant(trio: list[FeatureSequence]) -> None:
    scaled = [dataclasses.replace(s, embeddings=s.embeddings * 64) for s in trio]
    for switch, same in ((True, True), (False, False)):
        settings = changed(QUICK, standardize=switch)
        a, b = fit(LOGISTIC, settings, trio)[0], fit(LOGISTIC, settings, scaled)[0]
        close = np.allclose(a.predict(trio[2].embeddings), b.predict(scaled[2].embeddings), atol=1e-5)
        assert close == same


def test_scaler_and_class_weights_come_from_training_recordings_alone(trio: list[FeatureSequence]) -> None:
    head, _ = fit(LOGISTIC, QUICK, trio)
    expected = np.concatenate([s.embeddings for s in trio[:2]]).mean(axis=0)
    np.testing.assert_allclose(head.scaler.mean, expected, atol=1e-6)
    one_epoch = changed(QUICK, epochs=1)
    other = dataclasses.replace(trio[2], embeddings=trio[2].embeddings + 9, target=~trio[2].target)
    a, b = fit(LOGISTIC, one_epoch, trio)[0], fit(LOGISTIC, one_epoch, [*trio[:2], other])[0]
    assert np.array_equal(a.predict(trio[0].embeddings), b.predict(trio[0].embeddings))


def test_random_offsets_are_a_switch(trio: list[FeatureSequence]) -> None:
    heads = [
        fit(SMALL_HEADS["lstm"], changed(QUICK, random_offsets=switch), trio)[0].predict(trio[2].embeddings)
        for switch in (True, False)
    ]
    assert not np.array_equal(heads[0], heads[1])


def test_validation_without_positives_falls_back_on_the_loss(trio: list[FeatureSequence]) -> None:
    negative = dataclasses.replace(trio[2], target=np.zeros(63, bool))
    _, history = fit(LOGISTIC, changed(QUICK, epochs=6, patience=6), [*trio[:2], negative])
    assert history.monitor == "loss"
    assert all(row["validation_average_precision"] is None for row in history.rows)
    losses = [row["validation_loss"] for row in history.rows]
    assert history.best_epoch == 1 + int(np.argmin(losses))
    _, history = fit(LOGISTIC, QUICK, trio)
    assert history.monitor == "average_precision"


def test_recordings_shorter_than_a_window(make_recording: MakeRecording) -> None:
    short = [make_recording(n, seed=i) for i, n in enumerate((9, 4, 7))]
    head, history = fit(SMALL_HEADS["lstm"], QUICK, short)
    assert len(history.rows) == 3
    assert np.isfinite(head.predict(short[1].embeddings)).all()


def test_every_epoch_is_reported_as_it_ends(trio: list[FeatureSequence]) -> None:
    seen: list[dict[str, Any]] = []
    _, history = train_head(BINARY, LOGISTIC, QUICK, trio[:2], trio[2:], 1, on_epoch=seen.append)
    assert seen == history.rows
    assert set(seen[0]) == {"epoch", "loss", "validation_average_precision", "validation_loss", "seconds"}


def spoil(recording: FeatureSequence, frame: int) -> FeatureSequence:
    embeddings = recording.embeddings.copy()
    embeddings[frame, 2] = np.inf
    return dataclasses.replace(recording, embeddings=embeddings)


def test_wrong_input_is_told_in_one_paragraph(trio: list[FeatureSequence]) -> None:
    unlabelled = dataclasses.replace(trio[0], target=np.zeros(75, bool))
    unscored = dataclasses.replace(trio[2], scored=np.zeros(63, bool))
    narrow = dataclasses.replace(trio[1], embeddings=trio[1].embeddings[:, :3])
    cases = [
        (([unlabelled], trio[2:]), "no positive frame"),
        ((trio[:2], [unscored]), "scored frames in the validation recordings \\(m2\\)"),
        (([trio[0], narrow], trio[2:]), "m0 has 5.* m1 has 3"),
        (([trio[0], spoil(trio[1], 31)], trio[2:]), "analysed frame 31 of m1"),
    ]
    for (train, validation), text in cases:
        with pytest.raises(InputError, match=text) as caught:
            train_head(BINARY, LOGISTIC, QUICK, train, validation, seed=1)
        assert "\n" not in str(caught.value)


def test_a_diverging_loss_is_told(trio: list[FeatureSequence]) -> None:
    huge = [dataclasses.replace(s, embeddings=s.embeddings * np.float32(1e37)) for s in trio]
    with pytest.raises(InputError, match=r"diverged.*learning_rate"):
        fit(LOGISTIC, changed(QUICK, standardize=False, learning_rate=10, clip_norm=0), huge)


@pytest.mark.parametrize("bad", [{"patiense": 3}, {"epochs": 0}, {"learning_rate": 0}, {"window_frames": "long"}])
def test_settings_outside_the_schema_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TrainingConfig(**bad)


def test_components_are_learned_from_training_recordings_alone(trio: list[FeatureSequence]) -> None:
    """Whatever stands in the validation recording; and given by whoever learned them from the same before."""
    settings = changed(QUICK, reduce_features=2)
    other = dataclasses.replace(trio[2], embeddings=5 * np.asarray(trio[2].embeddings)[::-1])
    heads = [fit(LOGISTIC, settings, [*trio[:2], last])[0] for last in (trio[2], other)]
    named: list[list[str]] = []

    def learned(names: list[str]) -> Scaler:
        named.append(names)
        return learn_scaler([s.embeddings for s in trio[:2]], settings)

    heads.append(train_head(BINARY, LOGISTIC, settings, trio[:2], trio[2:], 1, scaler=learned)[0])
    assert named == [["m0", "m1"]]
    first, *others = (head.scaler for head in heads)
    assert first.components is not None and first.components.shape == (5, 2)
    assert all(np.array_equal(first.components, one.components) for one in others)
    assert np.array_equal(heads[0].predict(trio[2].embeddings), heads[2].predict(trio[2].embeddings))


def test_a_head_learns_from_the_components_what_the_features_show() -> None:
    """A behavior that raises all of 40 features a little, each below its noise."""

    def recording(seed: int) -> FeatureSequence:
        rng = np.random.default_rng(seed)
        active = np.arange(200) % 10 < 3
        return FeatureSequence(
            f"m{seed}", (rng.normal(size=(200, 40)) + active[:, None]).astype(np.float32), active, np.ones(200, bool)
        )

    settings = TrainingConfig(window_frames=40, epochs=8, learning_rate=0.05, min_steps_per_epoch=15, reduce_features=3)
    head, history = fit(LOGISTIC, settings, [recording(seed) for seed in (1, 2, 3)])
    assert head.network.n_features == 3
    assert max(row["validation_average_precision"] for row in history.rows) > 0.95
