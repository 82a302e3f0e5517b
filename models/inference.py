"""A trained head: from embeddings of any number of frames to a prediction for each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from models.heads.base import HeadConfig
from models.network import Network, Weights
from models.rows import Rows
from models.scaler import Scaler
from models.settings import TrainingConfig
from models.tasks import Task
from models.windows import cut_rows, plan_overlapping, plan_windows, stitch

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class TrainedHead:
    """Everything needed to use a head.

    Attributes
    ----------
    config : HeadConfig
        Which network.
    task : Task
        What it says of a frame.
    training : TrainingConfig
        How it was trained; its window length and batch size are used for prediction too.
    scaler : Scaler
        Standardisation from the training recordings (the identity if it was switched off), and how features are
        made fewer (not at all unless asked).
    weights : list of ndarray
        The network's weights, in Keras' order.
    network : Network
        Compiled for this shape. It may be shared with other heads, so that `weights` are set before each use.
    """

    config: HeadConfig
    task: Task
    training: TrainingConfig
    scaler: Scaler
    weights: Weights
    network: Network

    @property
    def n_features(self) -> int:
        """Features per frame that it was trained on."""
        return len(self.scaler.mean)

    @property
    def window_frames(self) -> int:
        """Frames in a window."""
        return self.training.window_frames

    @property
    def model(self) -> keras.Model:
        """The Keras model with this head's weights; it expects embeddings as `scaler` makes them, and a mask.

        Valid until another head that shares the network is trained or predicts.
        """
        self.network.set_weights(self.weights)
        return self.network.model

    def predict(self, embeddings: Rows) -> NDArray[np.float32]:
        """Predict each frame of one recording.

        Parameters
        ----------
        embeddings : Rows, shape (n_frames, n_features), float32
            Frames in order, as many as there are: none, fewer than a window, or any other number.

        Returns
        -------
        ndarray, shape (n_frames, *frame_shape), float32
            As the task defines it: for `binary` (n_frames,), probabilities in [0, 1].

        Raises
        ------
        InputError
            If the number of features is not the one that it was trained on.
        """
        shape = embeddings.shape
        if len(shape) != 2 or shape[1] != self.n_features:
            raise InputError(
                f"This head was trained on embeddings (n_frames, {self.n_features}), but was given {shape}. "
                "Extract the recording with the backbone and settings that the head was trained with."
            )
        self.network.set_weights(self.weights)
        self.network.set_scaler(self.scaler.in_network)
        return predict_recording(self.network, self.config, self.scaler.rows(embeddings))


def predict_recording(network: Network, head: HeadConfig, embeddings: Rows) -> NDArray[np.float32]:
    """Predict one recording by a network as it stands, with the weights and the scaler that it has.

    Batches have one fixed shape, so that a recording's predictions do not depend on what else is predicted.
    `head` describes the network; other parameters and the result are as of `TrainedHead.predict`.
    """
    n_frames = embeddings.shape[0]
    if n_frames == 0:
        return np.zeros((0, *network.frame_shape), np.float32)
    window_frames, n_together = network.window_frames, network.batch_windows
    spans = plan_overlapping(n_frames, window_frames) if head.sees_around else plan_windows([n_frames], window_frames)
    batches = [spans[first : first + n_together] for first in range(0, len(spans), n_together)]
    predictions = [network.predict_windows(*cut_rows([embeddings], batch, window_frames)) for batch in batches]
    return stitch(np.concatenate(predictions), spans, n_frames)
