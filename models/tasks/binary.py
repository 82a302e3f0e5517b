"""One behavior, present or not: a head of its own for each behavior (the thesis' task)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from models.tasks.base import Array, Measured, Task

if TYPE_CHECKING:
    import tensorflow as tf


class Binary(Task):
    """A frame's target is True where the behavior is shown; its prediction is the probability of that."""

    name: Literal["binary"] = "binary"
    activation: ClassVar[str] = "sigmoid"

    def heads(self, behaviors: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """One head per behavior, named after it."""
        return {behavior: (behavior,) for behavior in behaviors}

    def target(self, labels: Array) -> NDArray[np.bool_]:
        """The one column."""
        return labels[:, 0]

    def by_output(self, prediction: Array) -> NDArray[np.float32]:
        """The probability as a column."""
        return prediction[:, None]

    def lacking(self, target: Array, scored: NDArray[np.bool_]) -> str:
        """Both sides are needed."""
        n, n_positive = int(np.count_nonzero(scored)), int(self.n_examples(target, scored)[0])
        if n == 0:
            return "no scored frame"
        if n_positive == 0:
            return "no positive frame"
        return "no negative frame" if n_positive == n else ""

    def kinds(self, outputs: Sequence[str]) -> tuple[str, ...]:
        """Frames with the behavior."""
        return tuple(outputs)

    def n_examples(self, target: Array, scored: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Scored positive frames."""
        return np.array([np.count_nonzero(target & scored)])

    def classes(self, target: Array) -> tuple[NDArray[np.int64], int]:
        """Negative and positive."""
        return target.astype(np.int64), 2

    def from_classes(self, probability: NDArray[np.float32]) -> NDArray[np.float32]:
        """That of the positive."""
        return probability[:, 1]

    def cross_entropy(self, target: tf.Tensor, logit: tf.Tensor) -> tf.Tensor:
        """Of a probability."""
        import tensorflow as tf

        return tf.nn.sigmoid_cross_entropy_with_logits(labels=target, logits=logit)

    def measure(self, target: Array, prediction: Array, weight: NDArray[np.float64]) -> Measured:
        """Average precision; the loss where nothing is positive, so that average precision is undefined."""
        from sklearn.metrics import average_precision_score

        # 1e-7 away from 0 and 1, a certain mistake costs much but not infinitely.
        p = np.clip(prediction.astype(np.float64), 1e-7, 1 - 1e-7)
        loss = float((np.where(target, -np.log(p), -np.log1p(-p)) * weight).mean())
        if target.any():
            precision = float(average_precision_score(target, prediction))
            figures = {"validation_average_precision": precision, "validation_loss": loss}
            return Measured(precision, figures, "average_precision")
        note = "the validation recordings show no positive frame, so early stopping looked at their loss"
        return Measured(-loss, {"validation_average_precision": None, "validation_loss": loss}, "loss", note)
