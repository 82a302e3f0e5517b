"""Recurrent layers by each way to run them, against Keras' own; dropout against what it promises."""

import importlib
import inspect
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from models import bundle
from models.heads import scan_lstm
from models.heads.compiled import compiled
from models.heads.dropout import dropout_class
from models.heads.lstm import LstmConfig
from models.heads.lstm_kernel import call_kernel
from models.heads.scan_lstm import scan_lstm_class
from models.tasks import TASKS

WAYS = [call_kernel, scan_lstm._call_scan, scan_lstm._call_keras]


@pytest.fixture(params=WAYS, ids=lambda way: way.__name__)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> scan_lstm.Way:
    monkeypatch.setattr(scan_lstm, "_way", lambda: request.param)
    return request.param


def run(layer: Any, hidden: np.ndarray, mask: tf.Tensor) -> tuple[np.ndarray, list[np.ndarray]]:
    """Output, and the gradients by the input and by all weights of a loss that sees each frame differently."""
    real, by_frame = tf.cast(mask, tf.float32)[..., None], tf.range(hidden.shape[1], dtype=tf.float32)[:, None]
    given = tf.constant(hidden)
    with tf.GradientTape() as tape:
        tape.watch(given)
        output = layer(given, mask=mask) * real
        loss = tf.reduce_sum(tf.sin(3 * output + by_frame) * real)
    return output.numpy(), [g.numpy() for g in tape.gradient(loss, [given, *layer.trainable_variables])]


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize(("units", "lengths"), [(1, [1]), (3, [12, 5, 1, 0]), (16, [40, 39]), (17, [7] * 9)])
def test_it_computes_what_keras_lstm_computes(
    units: int, lengths: list[int], bidirectional: bool, way: scan_lstm.Way
) -> None:
    keras.utils.set_random_seed(units)
    n_frames = max(lengths)
    hidden = np.random.default_rng(3).normal(size=(len(lengths), n_frames, 5)).astype(np.float32)
    layer = scan_lstm_class()(units, bidirectional=bidirectional)
    reference: Any = keras.layers.LSTM(units, return_sequences=True)
    if bidirectional:
        reference = keras.layers.Bidirectional(reference)
    for built in (layer, reference):
        built.build(hidden.shape)
    reference.set_weights([2 * weight for weight in layer.get_weights()])
    layer.set_weights(reference.get_weights())
    mask = tf.sequence_mask(lengths, n_frames)
    (output, gradients), (expected, expected_gradients) = (run(x, hidden, mask) for x in (layer, reference))
    np.testing.assert_allclose(output, expected, atol=2e-6)
    for ours, theirs in zip(gradients, expected_gradients, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5 * max(1, np.abs(theirs).max()))
    again, gradients_again = run(layer, hidden, mask)
    assert np.array_equal(again, output)
    assert all(np.array_equal(a, b) for a, b in zip(gradients, gradients_again, strict=True))


@pytest.mark.parametrize("bidirectional", [False, True])
def test_on_a_gpu_keras_keeps_to_cudnn(bidirectional: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """What Keras' own code hands to cuDNN, of a batch with padding and an empty window."""
    asked: list[dict[str, Any]] = []

    def cudnn(*arguments: Any, **named: Any) -> Any:
        asked.append(inspect.signature(of_keras).bind(*arguments, **named).arguments)
        raise NotImplementedError  # as where the operation is missing: Keras then computes by itself

    keras_rnn = importlib.import_module("keras.src.backend.tensorflow.rnn")
    of_keras = keras_rnn._cudnn_lstm
    head = LstmConfig(layers=2, units=4, bidirectional=bidirectional)
    mask = tf.sequence_mask([9, 4, 0], 9)
    x = tf.random.normal((3, 9, 5), seed=1) * tf.cast(mask, tf.float32)[..., None]
    monkeypatch.setattr(scan_lstm, "_way", lambda: call_kernel)
    model = head.build(5, 9, TASKS["binary"](), ())
    expected = model([x, mask], training=False)
    monkeypatch.setattr(scan_lstm, "_way", lambda: scan_lstm._call_keras)
    monkeypatch.setattr(keras_rnn, "_is_gpu_available", lambda: True)
    monkeypatch.setattr(keras_rnn, "_cudnn_lstm", cudnn)
    output = tf.function(lambda *given: model(list(given), training=True))(x, mask)
    assert len(asked) == 2 * (1 + bidirectional)
    assert all(call["mask"] is None and not call["go_backwards"] for call in asked)
    output = tf.function(lambda *given: model(list(given), training=False))(x, mask)
    np.testing.assert_allclose(output[mask], expected[mask], atol=2e-6)


def test_large_weights_saturate_and_nan_is_not_hidden() -> None:
    layer = scan_lstm_class()(2)
    layer.build((1, 3, 1))
    layer.set_weights([1e6 * np.ones((1, 8), np.float32), *layer.get_weights()[1:]])
    mask = tf.ones((1, 3), tf.bool)
    output = call_kernel(tf.constant([[[1.0], [1.0], [-1.0]]]), layer.directions, mask).numpy()
    np.testing.assert_allclose(output[0, :, 0], [np.tanh(1), np.tanh(2), 0], atol=1e-6)
    assert np.isnan(call_kernel(tf.constant([[[np.nan]] * 3]), layer.directions, mask)).all()


def test_without_numba_tensorflow_loops(monkeypatch: pytest.MonkeyPatch) -> None:
    if tf.config.list_physical_devices("GPU"):
        pytest.skip("Keras runs the layers on a GPU")
    assert scan_lstm._way.__wrapped__() is call_kernel
    monkeypatch.setitem(sys.modules, "models.heads.lstm_kernel", None)
    assert scan_lstm._way.__wrapped__() is scan_lstm._call_scan


def test_what_cannot_be_kept_for_the_next_process_is_compiled_all_the_same() -> None:
    names: dict[str, Any] = {}
    exec("def twice(x):\n    return 2 * x", names)  # a function without a file has no place beside it
    assert compiled(names["twice"])(21) == 42


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropout_drops_its_share_evenly_and_anew_each_time(rate: float) -> None:
    shape = (50, 40, 100)
    layer, ones = dropout_class()(rate, seed=5), tf.ones(shape)
    first, second = (layer(ones, training=True).numpy() for _ in range(2))
    np.testing.assert_allclose(np.unique(first), [0, 1 / (1 - rate)], rtol=1e-6)
    for axis in range(3):
        n = first.size / shape[axis]
        spread = first.mean(axis=tuple({0, 1, 2} - {axis})) - 1
        assert np.abs(spread).max() < 4.5 * np.sqrt(rate / (1 - rate) / n)
    for other in (second, np.roll(first, 1), np.roll(first, 100)):
        assert abs(np.corrcoef(first.ravel(), other.ravel())[0, 1]) < 4.5 / np.sqrt(first.size)
    assert np.array_equal(dropout_class()(rate, seed=5)(ones, training=True), first)
    assert np.array_equal(layer(ones, training=False), ones)


def test_dropout_hands_on_the_gradient_of_what_it_kept() -> None:
    layer, values = dropout_class()(0.3, seed=1), tf.ones((6, 7, 8))
    with tf.GradientTape() as tape:
        tape.watch(values)
        dropped = layer(values, training=True)
    assert np.array_equal(tape.gradient(dropped, values), dropped)


def test_files_with_keras_own_dropout_are_still_read(tmp_path: Path) -> None:
    """Heads that were saved before Rearview had a dropout of its own."""
    embeddings, mask = keras.Input((9, 4), name="embeddings"), keras.Input((9,), name="mask", dtype="bool")
    hidden = scan_lstm_class()(3, bidirectional=True, name="lstm_0")(keras.layers.Dropout(0.5)(embeddings), mask=mask)
    model = keras.Model([embeddings, mask], hidden)
    model.save(tmp_path / "model.keras")
    x, n_real = np.random.default_rng(0).normal(size=(2, 9, 4)).astype(np.float32), np.ones((2, 9), bool)
    loaded = bundle._load_model(tmp_path / "model.keras")
    assert np.array_equal(loaded([x, n_real], training=False), model([x, n_real], training=False))
