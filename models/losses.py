"""Weighted binary cross-entropy, of logits for training and of probabilities for validation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import tensorflow as tf


def weighted_cross_entropy(y: tf.Tensor, logit: tf.Tensor, weight: tf.Tensor) -> tf.Tensor:
    """Mean over the frames that count of weight × cross-entropy.

    It is divided by the number of frames with a weight above zero, not by the sum of the weights: so a
    positive frame's share grows with its weight, and padded or unscored frames change nothing.

    Parameters
    ----------
    y, logit, weight : tf.Tensor, shape (batch, window_frames), float32
        Labels 0 or 1, what the sigmoid is taken of, and what each frame counts.

    Returns
    -------
    tf.Tensor, scalar
        0 where no frame counts.
    """
    import tensorflow as tf

    per_frame = tf.nn.sigmoid_cross_entropy_with_logits(labels=y, logits=logit)
    n = tf.math.count_nonzero(weight, dtype=tf.float32)
    return tf.reduce_sum(per_frame * weight) / tf.maximum(n, 1.0)


def cross_entropy_of_probability(
    active: NDArray[np.bool_], probability: NDArray[np.float32], weights: tuple[float, float]
) -> float:
    """The same mean for probabilities of scored frames.

    Parameters
    ----------
    active : ndarray, shape (n_scored,), bool
        Labels.
    probability : ndarray, shape (n_scored,), float32
        Predictions, kept 1e-7 away from 0 and 1.
    weights : tuple of float
        What a negative and a positive frame counts.
    """
    p = np.clip(probability.astype(np.float64), 1e-7, 1 - 1e-7)
    per_frame = np.where(active, -weights[1] * np.log(p), -weights[0] * np.log1p(-p))
    return float(per_frame.mean())
