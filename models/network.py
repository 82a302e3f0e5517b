"""A head's network with its compiled training and prediction step.

Building and tracing a network takes seconds, training it on few recordings not much longer. So one `Network`
is kept per shape and task and serves all fits in turn: before each fit it is set back to fresh weights.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from models.heads.base import HeadConfig
from models.memory import aligned
from models.scaler import Scaler
from models.tasks import Task
from models.windows import Windows

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

Weights = list[NDArray[np.float32]]


class Network:
    """A Keras model of one shape, with functions compiled for one batch size.

    Parameters
    ----------
    model : keras.Model
        As `HeadConfig.build` describes it.
    task : Task
        Whose loss is made small.
    batch_windows : int
        Windows in a batch; smaller batches are padded with masked windows, so that nothing is traced twice.
    learning_rate, clip_norm : float
        Adam's rate, and the length to which longer gradients are cut (0: never).

    Notes
    -----
    Not safe for use from several threads: the weights are those of whoever set them last.
    """

    def __init__(
        self, model: keras.Model, task: Task, batch_windows: int, learning_rate: float = 1e-3, clip_norm: float = 0.0
    ) -> None:
        import keras
        import tensorflow as tf

        self.model = model
        self.batch_windows = batch_windows
        self.window_frames, self.n_features = model.inputs[0].shape[1:]
        self.frame_shape: tuple[int, ...] = model.output.shape[2:]
        self._task = task
        self._with_logit = keras.Model(model.inputs, [model.output, model.get_layer("logit").output])
        self._optimizer = keras.optimizers.Adam(learning_rate)
        self._optimizer.build(model.trainable_variables)
        self._clip_norm = clip_norm
        # Scaling batch by batch spares a second copy of all embeddings.
        self._scaler = Scaler.identity(self.n_features)
        shape = (batch_windows, self.window_frames)
        x = tf.TensorSpec((*shape, self.n_features), tf.float32)
        y, weight = tf.TensorSpec((*shape, *self.frame_shape), tf.float32), tf.TensorSpec(shape, tf.float32)
        mask = tf.TensorSpec(shape, tf.bool)
        self._step = tf.function(self._train, input_signature=[x, mask, y, weight])
        self._forward = tf.function(lambda x, mask: model([x, mask], training=False), input_signature=[x, mask])

    def reset(self, fresh: keras.Model) -> None:
        """Start anew from the weights and random states of a model of the same shape; forget Adam's moments."""
        for variable, value in zip(self.model.variables, fresh.variables, strict=True):
            variable.assign(value)
        for variable in self._optimizer.variables:
            if variable is not self._optimizer.learning_rate:
                variable.assign(np.zeros(variable.shape, variable.dtype))

    def get_weights(self) -> Weights:
        """Copies of all weights, in Keras' order."""
        return [np.array(weight) for weight in self.model.get_weights()]

    def set_weights(self, weights: Weights) -> None:
        """Replace all weights."""
        self.model.set_weights(weights)

    def set_scaler(self, scaler: Scaler) -> None:
        """Standardise what is trained on and predicted from now on."""
        self._scaler = scaler

    def train_step(self, batch: Windows) -> float:
        """One step of Adam on a full batch; returns its loss, penalties included."""
        return float(self._step(self._scaled(batch.x, batch.mask), batch.mask, batch.y, batch.weight))

    def predict_windows(self, x: NDArray[np.float32], mask: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Predict windows.

        Parameters
        ----------
        x : ndarray, shape (n_windows, window_frames, n_features), float32
            Embeddings before scaling, at most `batch_windows` windows.
        mask : ndarray, shape (n_windows, window_frames), bool
            False where padded.

        Returns
        -------
        ndarray, shape (n_windows, window_frames, *frame_shape), float32
            Meaningless where padded.
        """
        n = len(x)
        if n < self.batch_windows:
            missing = [(0, self.batch_windows - n)]
            x = np.pad(x, [*missing, (0, 0), (0, 0)])
            mask = np.pad(mask, [*missing, (0, 0)])
        return self._forward(self._scaled(x, mask), mask).numpy()[:n]

    def _scaled(self, x: NDArray[np.float32], mask: NDArray[np.bool_]) -> tf.Tensor:
        """Windows as the model expects them, handed over without a copy."""
        import tensorflow as tf

        scaled = aligned(x.shape)
        for window, into in zip(x, scaled, strict=True):
            self._scaler.scale(window, into)
        # Padding is 0 before and after scaling.
        scaled[~mask] = 0
        return tf.experimental.dlpack.from_dlpack(scaled.__dlpack__())

    def _train(self, x, mask, y, weight):  # type: ignore[no-untyped-def]
        import tensorflow as tf

        with tf.GradientTape() as tape:
            _, logit = self._with_logit([x, mask], training=True)
            loss = weighted_mean(self._task.frame_losses(y, logit), weight)
            loss += tf.add_n(self.model.losses) if self.model.losses else 0.0
        variables = self.model.trainable_variables
        gradients = tape.gradient(loss, variables)
        if self._clip_norm > 0:
            gradients, _ = tf.clip_by_global_norm(gradients, self._clip_norm)
        self._optimizer.apply(gradients, variables)
        return loss


def weighted_mean(per_frame: tf.Tensor, weight: tf.Tensor) -> tf.Tensor:
    """Mean of weight x loss over the frames that count, both of shape (batch, window_frames); 0 where none counts.

    It is divided by the number of frames with a weight above zero, not by the sum of the weights: so a frame's
    share grows with its weight, and padded or unscored frames change nothing.
    """
    import tensorflow as tf

    n = tf.math.count_nonzero(weight, dtype=tf.float32)
    return tf.reduce_sum(per_frame * weight) / tf.maximum(n, 1.0)


@functools.lru_cache(maxsize=8)
def shared_network(
    head: HeadConfig,
    task: Task,
    n_features: int,
    frame_shape: tuple[int, ...],
    window_frames: int,
    batch_windows: int,
    learning_rate: float,
    clip_norm: float,
) -> Network:
    """The one network of this shape in this process; whoever uses it sets its weights first."""
    model = head.build(n_features, window_frames, task, frame_shape)
    return Network(model, task, batch_windows, learning_rate, clip_norm)
