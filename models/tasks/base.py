"""What every task is: all that depends on what a head says of a frame."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from models.tasks.losses import LossConfig

if TYPE_CHECKING:
    import tensorflow as tf

Array = NDArray[Any]


class Measured(NamedTuple):
    """How well a head does on its validation recordings.

    `value` is what early stopping maximizes, called `monitor`; `figures` go into the epoch's row (None where
    undefined); `note` says why the usual monitor could not be used, else it is empty.
    """

    value: float
    figures: Mapping[str, float | None]
    monitor: str
    note: str = ""


class Task(BaseModel, ABC):
    """Targets, last layer, loss, weights, label check, monitor and decision of a head, as the YAML asks for them.

    Frames come first in every array; `frame_shape` below is what one frame's target and prediction have in
    common: () for a number, (n_classes,) for a class, whatever a task chooses.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    loss: LossConfig = Field(
        default=LossConfig(),
        description="What training makes small: `cross_entropy`, or `{name: focal, gamma: 2}`, which turns to the "
        "frames that the head finds hard.",
    )
    activation: ClassVar[str]
    """What turns a logit into a prediction, by its name in Keras."""

    @property
    def background(self) -> str:
        """What frames are called that show none of the behaviors; "" where they have no name."""
        return ""

    @abstractmethod
    def heads(self, behaviors: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """Part an experiment's behaviors into heads: a name for each, and the outputs that it tells of."""

    @abstractmethod
    def target(self, labels: Array) -> Array:
        """Make targets, shape (n_frames, *frame_shape), of a head's labels, shape (n_frames, n_outputs)."""

    @abstractmethod
    def by_output(self, prediction: Array) -> NDArray[np.float32]:
        """Turn predictions into what is decided on: a probability per output, shape (n_frames, n_outputs)."""

    @abstractmethod
    def lacking(self, target: Array, scored: NDArray[np.bool_]) -> str:
        """Say what the scored frames lack to be learned from, such as "no positive frame"; "" for nothing."""

    @abstractmethod
    def kinds(self, outputs: Sequence[str]) -> tuple[str, ...]:
        """Names of the kinds of frames that every fold needs, of a head with these outputs."""

    @abstractmethod
    def n_examples(self, target: Array, scored: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Count the scored frames of each kind, shape (n_kinds,)."""

    @abstractmethod
    def classes(self, target: Array) -> tuple[NDArray[np.int64], int]:
        """Class of each frame whose weight is to be balanced, and how many classes there are."""

    @abstractmethod
    def from_classes(self, probability: NDArray[np.float32]) -> NDArray[np.float32]:
        """Turn probabilities of the classes, shape (n_frames, n_classes), into predictions (n_frames, *frame_shape)."""

    @abstractmethod
    def cross_entropy(self, target: tf.Tensor, logit: tf.Tensor) -> tf.Tensor:
        """Of each frame, shape (batch, window_frames); both arguments (batch, window_frames, *frame_shape)."""

    def frame_losses(self, target: tf.Tensor, logit: tf.Tensor) -> tf.Tensor:
        """Loss of each frame; arguments and shape as of `cross_entropy`."""
        return self.loss.of(self.cross_entropy(target, logit))

    @abstractmethod
    def measure(self, target: Array, prediction: Array, weight: NDArray[np.float64]) -> Measured:
        """Judge predictions of scored frames; `weight` (n_frames,) is what each frame's loss counts."""

    def class_weights(self, target: Array, scored: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Weights by which every class counts the same in total, n / (n_classes * n_class) (thesis, eq. 4.1).

        Only scored frames, and classes that they show, are counted; the mean over frames is 1. Other classes weigh 0.
        """
        classes, n_classes = self.classes(target)
        counts = np.bincount(classes[scored], minlength=n_classes)
        n_shown = np.count_nonzero(counts)
        return np.divide(counts.sum(), n_shown * counts, out=np.zeros(n_classes), where=counts > 0)

    def close(self, hidden: Any, frame_shape: tuple[int, ...], l2: float) -> Any:
        """Close a head: weighted sums per frame (``logit``), their activation (``probability``).

        Parameters
        ----------
        hidden : KerasTensor, shape (batch, window_frames, n_hidden)
            What the head's body gives.
        frame_shape : tuple of int
            As of the targets.
        l2 : float
            Penalty on the squared weights of the sums; 0 for none.
        """
        import keras

        regularizer = keras.regularizers.L2(l2) if l2 > 0 else None
        logit = keras.layers.Dense(math.prod(frame_shape), kernel_regularizer=regularizer, name="dense")(hidden)
        logit = keras.layers.Reshape((hidden.shape[1], *frame_shape), name="logit")(logit)
        return keras.layers.Activation(self.activation, name="probability")(logit)
