"""The recurrence of LSTM layers as compiled loops over time that keep their state in the core's cache.

TensorFlow starts some twenty operations per frame, each of which costs more than its arithmetic. Here one loop
multiplies (BLAS) and squashes (a rational function, which compilers turn into vector instructions). Arrays lie as
the layers have them, window by window, so that nothing is turned round; a direction that runs backwards counts
frames down. Importing this module needs numba.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from models.heads.compiled import compiled
from models.memory import aligned

if TYPE_CHECKING:
    import tensorflow as tf

Floats = NDArray[np.float32]

# Two typed constants: a plain 1 or 0.5 would make numba compute in double precision.
ONE, HALF = np.float32(1), np.float32(0.5)
# tanh(x) as x P(x^2) / Q(x^2), within 2e-7 in exact arithmetic; the coefficients are Eigen's. Beyond the limit it is 1.
TANH_LIMIT = np.float32(7.90531110763549805)
P0, P1, P2, P3 = (np.float32(c) for c in (4.89352455891786e-3, 6.37261928875436e-4, 1.48572235717979e-5, 5.12229709e-8))
P4, P5, P6 = (np.float32(c) for c in (-8.60467152213735e-11, 2.00018790482477e-13, -2.76076847742355e-16))
Q0, Q1, Q2, Q3 = (
    np.float32(c) for c in (4.89352518554385e-3, 2.2684346324e-3, 1.18534705686654e-4, 1.19825839466702e-6)
)


def call_kernel(hidden: tf.Tensor, layers: list[Any], mask: tf.Tensor) -> tf.Tensor:
    """All directions of a layer: (batch, n_frames, n_inputs) to (batch, n_frames, n_directions x units).

    Parameters
    ----------
    hidden : tf.Tensor, shape (batch, n_frames, n_inputs), float32
    layers : list of keras.layers.LSTM
        The one that runs forwards, and the one that runs backwards if there is one.
    mask : tf.Tensor, shape (batch, n_frames), bool
        Where it is False the output is 0 and a direction starts anew.
    """
    import tensorflow as tf

    cells = [layer.cell for layer in layers]
    n_frames, n_inputs = hidden.shape[1:]
    kernel = tf.concat([cell.kernel + 0.0 for cell in cells], 1)
    bias = tf.concat([cell.bias + 0.0 for cell in cells], 0)
    projected = tf.matmul(tf.reshape(hidden, [-1, n_inputs]), kernel) + bias
    recurrent = tf.stack([cell.recurrent_kernel + 0.0 for cell in cells])
    n_directions, units, _ = recurrent.shape
    output = _recurrence(tf.reshape(projected, [-1, n_frames, n_directions, 4 * units]), recurrent, mask)
    return tf.reshape(output, [-1, n_frames, n_directions * units])


def _recurrence(projected: tf.Tensor, recurrent: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """`_outputs` with its gradient."""
    import tensorflow as tf

    @tf.custom_gradient
    def run(projected: tf.Tensor, recurrent: tf.Tensor) -> tuple[tf.Tensor, Any]:
        kept = tf.numpy_function(_outputs, [projected, recurrent, mask], [tf.float32] * 4, stateful=False)
        output = tf.ensure_shape(kept[0], [*projected.shape[:3], recurrent.shape[1]])

        def gradient(d_output: tf.Tensor) -> list[tf.Tensor]:
            inputs = [d_output, recurrent, mask, *kept]
            d_projected, d_recurrent = tf.numpy_function(_gradients, inputs, [tf.float32] * 2, stateful=False)
            return [tf.ensure_shape(d_projected, projected.shape), tf.ensure_shape(d_recurrent, recurrent.shape)]

        return output, gradient

    return run(projected, recurrent)


def _outputs(projected: Floats, recurrent: Floats, mask: NDArray[np.bool_]) -> list[Floats]:
    """What `_forward` writes: output, gates, cell, squashed."""
    by_unit = (*projected.shape[:3], recurrent.shape[1])
    written = [aligned(shape) for shape in (by_unit, projected.shape, by_unit, by_unit)]
    _forward(projected, recurrent, mask, *written)
    return written


def _gradients(
    d_output: Floats, recurrent: Floats, mask: NDArray[np.bool_], output: Floats, *kept: Floats
) -> tuple[Floats, Floats]:
    """Gradients by `projected` and `recurrent`, whose shapes they have."""
    d_projected = aligned(kept[0].shape)
    _backward(d_output, recurrent, mask, *kept, d_projected)
    d_recurrent = np.zeros_like(recurrent)
    earlier, later = slice(None, -1), slice(1, None)
    for direction, (before, at) in enumerate([(earlier, later), (later, earlier)][: len(recurrent)]):
        by_window = output[:, before, direction].swapaxes(1, 2) @ d_projected[:, at, direction]
        d_recurrent[direction] = by_window.sum(axis=0)
    return d_projected, d_recurrent


@compiled
def _tanh(x):  # type: ignore[no-untyped-def]
    # Written so that NaN stays NaN.
    x = TANH_LIMIT if x > TANH_LIMIT else x
    x = -TANH_LIMIT if x < -TANH_LIMIT else x
    s = x * x
    p = P0 + s * (P1 + s * (P2 + s * (P3 + s * (P4 + s * (P5 + s * P6)))))
    return x * p / (Q0 + s * (Q1 + s * (Q2 + s * Q3)))


@compiled
def _forward(projected, recurrent, mask, output, gates, cell, squashed):  # type: ignore[no-untyped-def]
    """Run over time, from zero states.

    Parameters
    ----------
    projected : ndarray, shape (batch, n_frames, n_directions, 4 x units), float32
        What the input gives to the gates, in Keras' order: input, forget, candidate, output.
    recurrent : ndarray, shape (n_directions, units, 4 x units), float32
        What the previous output gives to them.
    mask : ndarray, shape (batch, n_frames), bool
    output, gates, cell, squashed : ndarray, shapes (batch, n_frames, n_directions, units or 4 x units), float32
        Written: `gates` after sigmoid or tanh, `squashed` the tanh of the cell; 0 where the mask is False.
    """
    batch, n_frames, n_directions, width = projected.shape
    units = width // 4
    # sigmoid(x) = 1/2 + 1/2 tanh(x/2)
    scale, shift = np.full(width, HALF), np.full(width, HALF)
    scale[2 * units : 3 * units] = 1
    shift[2 * units : 3 * units] = 0
    for d in range(n_directions):
        h, c, s = (
            np.zeros((batch, units), np.float32),
            np.zeros((batch, units), np.float32),
            np.zeros(units, np.float32),
        )
        product, g = np.empty((batch, width), np.float32), np.empty((4, units), np.float32)
        flat = g.reshape(width)
        for step in range(n_frames):
            t = step if d == 0 else n_frames - 1 - step
            np.dot(h, recurrent[d], product)
            for b in range(batch):
                if not mask[b, t]:
                    gates[b, t, d], cell[b, t, d], squashed[b, t, d], output[b, t, d] = 0, 0, 0, 0
                    h[b], c[b] = 0, 0
                    continue
                # Each loop writes one array: only so are they turned into vector instructions.
                for j in range(width):
                    flat[j] = shift[j] + scale[j] * _tanh(scale[j] * (projected[b, t, d, j] + product[b, j]))
                for j in range(units):
                    c[b, j] = g[1, j] * c[b, j] + g[0, j] * g[2, j]
                for j in range(units):
                    s[j] = _tanh(c[b, j])
                for j in range(units):
                    h[b, j] = g[3, j] * s[j]
                for j in range(width):
                    gates[b, t, d, j] = flat[j]
                for j in range(units):
                    cell[b, t, d, j] = c[b, j]
                for j in range(units):
                    squashed[b, t, d, j] = s[j]
                for j in range(units):
                    output[b, t, d, j] = h[b, j]


@compiled
def _backward(d_output, recurrent, mask, gates, cell, squashed, d_projected):  # type: ignore[no-untyped-def]
    """Write the gradient by `projected`; other parameters as `_forward` takes and writes them."""
    batch, n_frames, n_directions, width = gates.shape
    units = width // 4
    by_gate = gates.reshape((batch, n_frames, n_directions, 4, units))
    start = np.zeros(units, np.float32)
    for d in range(n_directions):
        transposed = recurrent[d].T.copy()
        dh, dc = np.zeros((batch, units), np.float32), np.zeros((batch, units), np.float32)
        dg = np.zeros((batch, 4, units), np.float32)
        flat = dg.reshape((batch, width))
        for step in range(n_frames):
            t = n_frames - 1 - step if d == 0 else step
            before = t - 1 if d == 0 else t + 1
            for b in range(batch):
                if not mask[b, t]:
                    d_projected[b, t, d], dg[b], dc[b] = 0, 0, 0
                    continue
                g, s = by_gate[b, t, d], squashed[b, t, d]
                c = start if step == n_frames - 1 else cell[b, before, d]
                for j in range(units):
                    dh[b, j] += d_output[b, t, d, j]
                for j in range(units):
                    dc[b, j] += dh[b, j] * g[3, j] * (ONE - s[j] * s[j])
                for j in range(units):
                    dg[b, 0, j] = dc[b, j] * g[2, j] * g[0, j] * (ONE - g[0, j])
                for j in range(units):
                    dg[b, 1, j] = dc[b, j] * c[j] * g[1, j] * (ONE - g[1, j])
                for j in range(units):
                    dg[b, 2, j] = dc[b, j] * g[0, j] * (ONE - g[2, j] * g[2, j])
                for j in range(units):
                    dg[b, 3, j] = dh[b, j] * s[j] * g[3, j] * (ONE - g[3, j])
                for j in range(units):
                    dc[b, j] *= g[1, j]
                for j in range(width):
                    d_projected[b, t, d, j] = flat[b, j]
            np.dot(flat, transposed, dh)
