"""Contracts that every head keeps, and what is particular to each."""

from typing import Any

import keras
import numpy as np
import pytest
from pydantic import ValidationError
from tcn import TCN

from models.heads import HEADS, HeadConfig
from models.heads.lstm import LstmConfig
from models.heads.masked_tcn import masked_tcn_class
from models.heads.tcn import TcnConfig
from tests.models.conftest import BINARY, N_FEATURES, SMALL_HEADS

W = 12


@pytest.fixture
def x() -> np.ndarray:
    return np.random.default_rng(3).normal(size=(3, W, N_FEATURES)).astype(np.float32)


def predict(model: keras.Model, x: np.ndarray, n_real: list[int]) -> np.ndarray:
    mask = np.arange(x.shape[1]) < np.array(n_real)[:, None]
    return model([x, mask], training=False).numpy()


def built(head: HeadConfig, window_frames: int = W, seed: int = 1) -> keras.Model:
    keras.utils.set_random_seed(seed)
    return head.build(N_FEATURES, window_frames, BINARY, ())


def test_every_head_of_the_table_is_among_the_small_ones() -> None:
    assert {head.name for head in SMALL_HEADS.values()} == set(HEADS)


def test_one_probability_per_frame(small_head: HeadConfig, x: np.ndarray) -> None:
    model = built(small_head)
    probability = predict(model, x, [W, W, W])
    assert probability.shape == (3, W)
    assert probability.dtype == np.float32
    assert ((probability > 0) & (probability < 1)).all()
    logit = keras.Model(model.inputs, model.get_layer("logit").output)([x, np.ones((3, W), bool)])
    np.testing.assert_allclose(probability, 1 / (1 + np.exp(-logit.numpy())), rtol=1e-5)


def test_what_is_padded_does_not_matter(small_head: HeadConfig, x: np.ndarray) -> None:
    model = built(small_head)
    other = x.copy()
    other[0, 7:], other[2, 1:] = 100.0, -100.0
    lengths = [7, W, 1]
    for a, b, n in zip(predict(model, x, lengths), predict(model, other, lengths), lengths, strict=True):
        assert np.array_equal(a[:n], b[:n])


def test_a_padded_window_predicts_as_a_shorter_one(small_head: HeadConfig, x: np.ndarray) -> None:
    padded, short = built(small_head), built(small_head, window_frames=7)
    short.set_weights(padded.get_weights())
    expected = predict(short, x[:, :7], [7, 7, 7])
    np.testing.assert_allclose(predict(padded, x, [7, 7, 7])[:, :7], expected, atol=1e-6)


def test_same_seed_same_weights(small_head: HeadConfig) -> None:
    first, again, other = (built(small_head, seed=seed).get_weights() for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert any(not np.array_equal(a, b) for a, b in zip(first, other, strict=True))


def reaches(head: HeadConfig, x: np.ndarray, changed: int) -> list[int]:
    """Frames whose probability follows a change of one frame."""
    model, other = built(head), x.copy()
    other[0, changed] += 5
    difference = predict(model, other, [W] * 3)[0] - predict(model, x, [W] * 3)[0]
    return np.flatnonzero(difference).tolist()


@pytest.mark.parametrize(
    ("name", "reached"),
    [
        ("logistic", [5]),
        ("lstm", list(range(5, W))),
        ("lstm-bidirectional", list(range(W))),
        ("tcn-weight-causal", list(range(5, W))),
        ("tcn-none-same", list(range(W))),
        ("transformer", list(range(2, 9))),
    ],
)
def test_how_far_in_time_a_head_sees(name: str, reached: list[int], x: np.ndarray) -> None:
    assert set(reaches(SMALL_HEADS[name], x, changed=5)) <= set(reached)
    assert len(reaches(SMALL_HEADS[name], x, changed=5)) >= min(2, len(reached))


@pytest.mark.parametrize("bad", [{"unitz": 3}, {"units": 0}, {"dropout": 1.0}, {"name": "tcn"}, {"layers": "three"}])
def test_settings_outside_the_schema_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        LstmConfig(**bad)


def test_units_and_filters_are_halved() -> None:
    assert LstmConfig(layers=3, units=64).layer_units() == [64, 32, 16]
    assert LstmConfig(layers=2, units=64, halving=False).layer_units() == [64, 64]
    assert TcnConfig(blocks=3, filters=256).block_filters() == [256, 128, 64]


@pytest.mark.parametrize("norm", ["use_batch_norm", "use_layer_norm", None])
@pytest.mark.parametrize("padding", ["same", "causal"])
def test_without_padding_the_tcn_is_keras_tcns_own(norm: str | None, padding: str, x: np.ndarray) -> None:
    settings: dict[str, Any] = {"nb_filters": 4, "dilations": [1, 2], "padding": padding, "return_sequences": True}
    if norm:
        settings[norm] = True
    ours, theirs = masked_tcn_class()(**settings), TCN(**settings)
    theirs(x)
    expected_shapes = [weight.shape for weight in theirs.get_weights()]
    ours(x, mask=np.ones((3, W), bool))
    assert [weight.shape for weight in ours.get_weights()] == expected_shapes
    ours.set_weights(theirs.get_weights())
    np.testing.assert_allclose(ours(x, mask=np.ones((3, W), bool)), theirs(x), atol=1e-6)


def test_batch_norm_takes_its_statistics_from_real_frames(x: np.ndarray) -> None:
    padded, short = built(SMALL_HEADS["tcn-batch"]), built(SMALL_HEADS["tcn-batch"], window_frames=7)
    for model, n_frames in ((padded, W), (short, 7)):
        model.get_layer("dropout").rate = 0.0
        model([x[:, :n_frames], np.arange(n_frames)[None].repeat(3, 0) < 7], training=True)
    for a, b in zip(padded.get_weights(), short.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_weight_norm_starts_where_no_norm_starts_and_ignores_a_kernels_length(x: np.ndarray) -> None:
    weighted, plain = (
        built(SMALL_HEADS["tcn-weight-causal"]),
        built(TcnConfig(filters=4, dilations=(1, 2), norm="none")),
    )
    before = predict(weighted, x, [W] * 3)
    np.testing.assert_allclose(before, predict(plain, x, [W] * 3), atol=1e-6)
    block = weighted.get_layer("tcn_0").residual_blocks[0]
    block.layers[0].kernel.assign(7 * block.layers[0].kernel)
    np.testing.assert_allclose(predict(weighted, x, [W] * 3), before, atol=1e-6)
