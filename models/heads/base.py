"""What every head is: a frozen config that can build its own network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    import keras


class HeadConfig(BaseModel):
    """Settings of a head; each subclass stands beside the network that it describes.

    The contract of `build`: a Keras model with the inputs ``embeddings`` (batch, window_frames, n_features)
    float32 and ``mask`` (batch, window_frames) bool, False at the padded end of a window, and the output
    ``probability`` (batch, window_frames) in [0, 1]. The layer named ``logit`` holds what the sigmoid is
    taken of. What is padded must not change the probability of a frame that is not.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str

    def build(self, n_features: int, window_frames: int) -> keras.Model:
        """Build the network with fresh weights drawn from Keras' global seed."""
        raise TypeError(f"{type(self).__name__} describes no network; choose one of models.heads.HEADS")


def head_inputs(n_features: int, window_frames: int) -> tuple[Any, Any]:
    """The two symbolic inputs that every head has: embeddings and mask."""
    import keras

    embeddings = keras.Input((window_frames, n_features), name="embeddings", dtype="float32")
    mask = keras.Input((window_frames,), name="mask", dtype="bool")
    return embeddings, mask


def finish_head(inputs: tuple[Any, Any], hidden: Any, l2: float = 0.0) -> keras.Model:
    """Close a head: one weighted sum per frame (``logit``), its sigmoid (``probability``).

    Parameters
    ----------
    inputs : tuple of KerasTensor
        As from `head_inputs`.
    hidden : KerasTensor, shape (batch, window_frames, n_hidden)
        The last layer's output.
    l2 : float
        Penalty on the squared weights of the sum; 0 for none.
    """
    import keras

    regularizer = keras.regularizers.L2(l2) if l2 > 0 else None
    logit = keras.layers.Dense(1, kernel_regularizer=regularizer, name="dense")(hidden)
    logit = keras.layers.Reshape((inputs[0].shape[1],), name="logit")(logit)
    probability = keras.layers.Activation("sigmoid", name="probability")(logit)
    return keras.Model(list(inputs), probability)
