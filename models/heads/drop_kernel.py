"""Dropout in one pass over memory. Importing this module needs numba."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from models.heads.compiled import compiled
from models.memory import aligned

if TYPE_CHECKING:
    import tensorflow as tf


def drop(inputs: tf.Tensor, rate: float, seed: tf.Tensor) -> tf.Tensor:
    """Set a share of `rate` to 0, chosen by `seed` (2,) alone, and divide the rest by 1 - `rate`."""
    import tensorflow as tf

    @tf.custom_gradient
    def run(values: tf.Tensor) -> tuple[tf.Tensor, Any]:
        arguments = [values, np.float32(rate), tf.cast(seed, tf.uint32)]
        dropped = tf.numpy_function(_drop, arguments, tf.float32, stateful=False)
        return tf.ensure_shape(dropped, values.shape), lambda gradient: drop(gradient, rate, seed)

    return run(inputs)


def _drop(values: NDArray[np.float32], rate: np.float32, seed: NDArray[np.uint32]) -> NDArray[np.float32]:
    dropped = aligned(values.shape)
    _drop_loop(values.ravel(), dropped.ravel(), np.uint32(rate * 2.0**32), np.float32(1 / (1 - rate)), *seed)
    return dropped


@compiled
def _mixed(x):  # type: ignore[no-untyped-def]
    # A published hash of 32 bits ("lowbias32", C. Wellons), each of whose bits depends on each bit of x.
    x = np.uint32(x ^ (x >> np.uint32(16)))
    x = np.uint32(x * np.uint32(0x7FEB352D))
    x = np.uint32(x ^ (x >> np.uint32(15)))
    x = np.uint32(x * np.uint32(0x846CA68B))
    return np.uint32(x ^ (x >> np.uint32(16)))


@compiled
def _drop_loop(values, dropped, least, scale, first, second):  # type: ignore[no-untyped-def]
    """Drop where the hash of an element's number and of both parts of the seed is less than `least`."""
    first, second = _mixed(first), _mixed(np.uint32(second + np.uint32(0x9E3779B9)))
    for i in range(values.size):
        drawn = _mixed(np.uint32(_mixed(np.uint32(np.uint32(i) ^ first)) ^ second))
        dropped[i] = values[i] * (scale if drawn >= least else np.float32(0))
