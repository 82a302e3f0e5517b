"""One class per frame: a single head over all behaviors and the background, that is, none of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from models.tasks.base import Array, Measured, Task

if TYPE_CHECKING:
    import tensorflow as tf

ALL_CLASSES = "classes"
"""Name of the head."""


class Exclusive(Task):
    """A frame's target is one-hot over the behaviors and, last, the background if there is one."""

    name: Literal["exclusive"] = "exclusive"
    activation: ClassVar[str] = "softmax"

    other: str | None = Field(
        default="other",
        description="Name of the background: scored frames in which nothing was annotated. Nothing (`null`): there is "
        "no background, and such frames are not scored.",
    )
    priority: tuple[str, ...] = Field(
        default=(),
        description="Where annotations overlap, the behavior that comes first here is the frame's class. Without it "
        "overlaps are an error.",
    )
    monitor: Literal["average_precision", "macro_f1"] = Field(
        default="average_precision",
        description="What early stopping looks at, as a mean over classes that the validation recordings show.",
    )

    @property
    def background(self) -> str:
        """`other`."""
        return self.other or ""

    def heads(self, behaviors: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """One head over all of them."""
        return {ALL_CLASSES: tuple(behaviors)}

    def target(self, labels: Array) -> NDArray[np.bool_]:
        """One-hot, shape (n_frames, n_classes)."""
        if self.other is None:
            return labels
        return np.column_stack([labels, ~labels.any(axis=1)])

    def by_output(self, prediction: Array) -> NDArray[np.float32]:
        """The probabilities of the behaviors; the background has the rest."""
        return prediction if self.other is None else prediction[:, :-1]

    def lacking(self, target: Array, scored: NDArray[np.bool_]) -> str:
        """Two classes are needed to tell apart."""
        n_shown = int(np.count_nonzero(self.n_examples(target, scored)))
        return ("no scored frame", "one class only", "")[min(2, n_shown)]

    def kinds(self, outputs: Sequence[str]) -> tuple[str, ...]:
        """The classes."""
        return (*outputs, *([] if self.other is None else [self.other]))

    def n_examples(self, target: Array, scored: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Scored frames of each class."""
        return np.count_nonzero(target[scored], axis=0)

    def classes(self, target: Array) -> tuple[NDArray[np.int64], int]:
        """Each frame's class."""
        return target.argmax(axis=1), target.shape[1]

    def from_classes(self, probability: NDArray[np.float32]) -> NDArray[np.float32]:
        """As they are."""
        return probability

    def cross_entropy(self, target: tf.Tensor, logit: tf.Tensor) -> tf.Tensor:
        """Of the true class."""
        import tensorflow as tf

        return tf.nn.softmax_cross_entropy_with_logits(labels=target, logits=logit)

    def measure(self, target: Array, prediction: Array, weight: NDArray[np.float64]) -> Measured:
        """The monitor, over the classes that are shown; the loss."""
        from sklearn.metrics import average_precision_score, f1_score

        true = target.argmax(axis=1)
        shown = np.flatnonzero(target.any(axis=0))
        p = np.clip(prediction[np.arange(len(true)), true].astype(np.float64), 1e-7, 1)
        precision = float(np.mean([average_precision_score(target[:, c], prediction[:, c]) for c in shown]))
        macro_f1 = f1_score(true, prediction.argmax(axis=1), labels=shown, average="macro", zero_division=0.0)
        loss = float((-np.log(p) * weight).mean())
        figures = {
            "validation_average_precision": precision,
            "validation_macro_f1": float(macro_f1),
            "validation_loss": loss,
        }
        if len(shown) < 2:
            note = "the validation recordings show one class only, so early stopping looked at their loss"
            return Measured(-loss, figures, "loss", note)
        return Measured(figures[f"validation_{self.monitor}"], figures, self.monitor)
