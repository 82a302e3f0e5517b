"""Keras' dropout, with cheaper random numbers on a CPU.

Of a training step on 1,280 features the random numbers of dropout were the largest part beside matrix products.
"""

from __future__ import annotations

import functools
from typing import Any


@functools.cache
def dropout_class() -> type:
    """The layer's class, made on first use because it inherits from Keras (importing that takes seconds)."""
    import keras

    @keras.saving.register_keras_serializable(package="rearview", name="Dropout")
    class Dropout(keras.layers.Dropout):
        """`keras.layers.Dropout`; what is dropped depends on the layer's random state, whatever draws it."""

        def call(self, inputs: Any, training: bool = False) -> Any:
            if not (training and self.rate and _has_kernel()):
                return super().call(inputs, training)
            from models.heads.drop_kernel import drop

            return drop(inputs, self.rate, self.seed_generator.next())

    return Dropout


@functools.cache
def _has_kernel() -> bool:
    """Whether this process drops by the compiled loop: on a CPU, where numba is."""
    import tensorflow as tf

    if tf.config.list_physical_devices("GPU"):
        return False
    try:
        import models.heads.drop_kernel  # noqa: F401
    except ImportError:
        return False
    return True
