"""Keras' LSTM with a faster loop over time on a CPU, forwards or in both directions at once.

On a CPU, Keras' LSTM spends most of a training step on the overhead of some thirty small operations per frame and
direction, and multiplies the input anew at each frame. So the loop is compiled (`lstm_kernel`). Where numba is
missing TensorFlow loops, but all that does not depend on the frame before is done for the whole window at once: the
input's products before the loop, and in the backward pass, written by hand, the gates' derivatives before and the
weights' gradients after it. Weights and results are those of `keras.layers.LSTM` (up to rounding), whose layers hold
the weights and which runs itself where there is a GPU. There it is given no mask, so that it keeps to cuDNN: windows
are padded at their end only, which a layer that runs forwards never sees, and the other direction runs forwards over
real frames turned round. What each takes: benchmarks/heads.py.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import tensorflow as tf

log = logging.getLogger(__name__)

# Parameters and result are described at `lstm_kernel.call_kernel`.
Way = Callable[["tf.Tensor", list[Any], "tf.Tensor"], "tf.Tensor"]


@functools.cache
def scan_lstm_class() -> type:
    """The layer's class, made on first use because it inherits from Keras (importing that takes seconds)."""
    import keras

    @keras.saving.register_keras_serializable(package="rearview", name="ScanLSTM")
    class ScanLSTM(keras.layers.Layer):
        """LSTM over the frames of each window; both directions side by side if `bidirectional`.

        Call with hidden (batch, n_frames, n_inputs) and mask (batch, n_frames), True first; returns
        (batch, n_frames, units or 2 x units). Padded frames do not reach real ones in either direction.
        """

        def __init__(self, units: int, bidirectional: bool = False, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.units = units
            self.bidirectional = bidirectional
            self.supports_masking = True
            names = ["forwards", "backwards"] if bidirectional else ["forwards"]
            self.directions = [keras.layers.LSTM(units, return_sequences=True, name=name) for name in names]

        def build(self, input_shape: Any) -> None:
            for direction in self.directions:
                direction.build(input_shape)
            self.built = True

        def call(self, hidden: Any, mask: Any) -> Any:
            return _way()(hidden, self.directions, mask)

        def compute_output_shape(self, hidden_shape: Any, mask_shape: Any = None) -> Any:
            return (*hidden_shape[:2], self.units * len(self.directions))

        def compute_mask(self, hidden: Any, previous_mask: Any = None) -> None:
            """The mask is handed from layer to layer by name, not hung on tensors."""

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), "units": self.units, "bidirectional": self.bidirectional}

    return ScanLSTM


@functools.cache
def _way() -> Way:
    """How this process runs a layer: on a GPU by Keras, else by the compiled loop, or by TensorFlow without numba."""
    import tensorflow as tf

    if tf.config.list_physical_devices("GPU"):
        return _call_keras
    try:
        # numba is missing where it has no wheels, and refuses to start beside a NumPy newer than it knows
        from models.heads.lstm_kernel import call_kernel
    except ImportError as error:
        log.info("Heads train at half the speed, by TensorFlow's loop over time: numba can't be used (%s).", error)
        return _call_scan
    return call_kernel


def _call_keras(hidden: tf.Tensor, layers: list[Any], mask: tf.Tensor) -> tf.Tensor:
    import tensorflow as tf

    forwards = layers[0](hidden)
    if len(layers) == 1:
        return forwards
    backwards = layers[1](_turned(hidden, mask))
    return tf.concat([forwards, _turned(backwards, mask)], -1)


def _turned(frames: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """Each window's real frames turned round, (batch, n_frames, n), and the padding left at the end."""
    import tensorflow as tf

    return tf.reverse_sequence(frames, tf.reduce_sum(tf.cast(mask, tf.int32), axis=1), seq_axis=1)


def _call_scan(hidden: tf.Tensor, layers: list[Any], mask: tf.Tensor) -> tf.Tensor:
    import tensorflow as tf

    cells = [layer.cell for layer in layers]
    gates = [tf.tensordot(hidden, cell.kernel, 1) + cell.bias for cell in cells]
    if len(cells) == 2:
        gates[1] = _turned(gates[1], mask)
    recurrent = tf.stack([cell.recurrent_kernel + 0.0 for cell in cells])
    scanned = _scan(tf.transpose(tf.stack(gates), [2, 0, 1, 3]), recurrent)
    outputs = tf.unstack(tf.transpose(scanned, [1, 2, 0, 3]), num=len(cells))
    if len(cells) == 2:
        outputs[1] = _turned(outputs[1], mask)
    return tf.concat(outputs, -1)


def _scan(projected: tf.Tensor, recurrent: tf.Tensor) -> tf.Tensor:
    """The recurrence, with its gradient written by hand.

    Parameters
    ----------
    projected : tf.Tensor, shape (n_frames, n_directions, batch, 4 x units)
        What the input gives to the gates, in Keras' order: input, forget, candidate, output.
    recurrent : tf.Tensor, shape (n_directions, units, 4 x units)
        What the previous output gives to them.

    Returns
    -------
    tf.Tensor, shape (n_frames, n_directions, batch, units)
        The outputs; states start at zero.
    """
    import tensorflow as tf

    units = recurrent.shape[1]

    @tf.custom_gradient
    def scan(projected: tf.Tensor, recurrent: tf.Tensor) -> tuple[tf.Tensor, Any]:
        kept = _forward_loop(projected, recurrent, units)
        output, cell, i, f, _, o, g = tf.split(kept, 7, axis=-1)

        def gradient(d_output: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            saturated = tf.tanh(cell)
            before = tf.concat([tf.zeros_like(cell[:1]), cell[:-1]], 0)
            # derivatives of a frame's cell by its gates, of its output by its output gate and by its cell
            cell_by_gates = tf.concat([g * i * (1 - i), before * f * (1 - f), i * (1 - g * g)], -1)
            output_by_gate, output_by_cell = saturated * o * (1 - o), o * (1 - saturated * saturated)
            known = tf.concat([d_output, output_by_cell, output_by_gate, f, cell_by_gates], -1)
            d_gates = _backward_loop(known, recurrent, units)
            earlier = tf.concat([tf.zeros_like(output[:1]), output[:-1]], 0)
            return d_gates, tf.einsum("tdbu,tdbg->dug", earlier, d_gates)

        return output, gradient

    return scan(projected, recurrent)


def _forward_loop(projected: tf.Tensor, recurrent: tf.Tensor, units: int) -> tf.Tensor:
    """Per frame: output, cell, sigmoids of the four blocks of gates, tanh of the candidate; joined on the last axis."""
    import tensorflow as tf

    n_frames = tf.shape(projected)[0]
    state = tf.zeros_like(projected[0, ..., :units])

    def step(t: tf.Tensor, output: tf.Tensor, cell: tf.Tensor, kept: tf.TensorArray) -> Any:
        gates = projected[t] + tf.matmul(output, recurrent)
        sigmoids, g = tf.sigmoid(gates), tf.tanh(gates[..., 2 * units : 3 * units])
        i, f, _, o = tf.split(sigmoids, 4, axis=-1)
        cell = f * cell + i * g
        output = o * tf.tanh(cell)
        return t + 1, output, cell, kept.write(t, tf.concat([output, cell, sigmoids, g], -1))

    kept = tf.TensorArray(tf.float32, n_frames, element_shape=(*projected.shape[1:3], 7 * units))
    loop = (tf.constant(0), state, state, kept)
    return tf.while_loop(lambda t, *_: t < n_frames, step, loop, maximum_iterations=n_frames)[3].stack()


def _backward_loop(known: tf.Tensor, recurrent: tf.Tensor, units: int) -> tf.Tensor:
    """Gradients by the gates before their sigmoid or tanh, (n_frames, n_directions, batch, 4 x units)."""
    import tensorflow as tf

    n_frames = tf.shape(known)[0]
    transposed = tf.transpose(recurrent, [0, 2, 1])
    state = tf.zeros_like(known[0, ..., :units])

    def step(t: tf.Tensor, d_output: tf.Tensor, d_cell: tf.Tensor, kept: tf.TensorArray) -> Any:
        own, by_cell, by_gate, forget, by_gates = tf.split(known[t], [units, units, units, units, 3 * units], -1)
        d_output = d_output + own
        d_cell = d_cell + d_output * by_cell
        d_gates = tf.concat([tf.concat([d_cell, d_cell, d_cell], -1) * by_gates, d_output * by_gate], -1)
        return t - 1, tf.matmul(d_gates, transposed), d_cell * forget, kept.write(t, d_gates)

    kept = tf.TensorArray(tf.float32, n_frames, element_shape=(*known.shape[1:3], 4 * units))
    loop = (n_frames - 1, state, state, kept)
    return tf.while_loop(lambda t, *_: t >= 0, step, loop, maximum_iterations=n_frames)[3].stack()
