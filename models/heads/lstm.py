"""The recurrent head of the thesis: Dropout, LSTM layers, Dense(1, sigmoid) per frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from models.heads.base import HeadConfig, finish_head, head_inputs

if TYPE_CHECKING:
    import keras


class LstmConfig(HeadConfig):
    """Stack of LSTM layers over time (thesis, section 4.1 and 4.2)."""

    name: Literal["lstm"] = "lstm"
    layers: int = Field(default=3, ge=1, le=8, description="LSTM layers")
    units: int = Field(default=64, ge=1, description="units of the first layer (of each direction)")
    halving: bool = Field(default=True, description="each next layer has half the units of the one before")
    dropout: float = Field(default=0.5, ge=0, lt=1, description="share of the input features dropped in training")
    bidirectional: bool = Field(
        default=False,
        description="also read each window backwards; labels are made offline, so the future is known",
    )

    def layer_units(self) -> list[int]:
        """Units per layer, never below 1."""
        return [max(1, self.units // 2**i) if self.halving else self.units for i in range(self.layers)]

    def build(self, n_features: int, window_frames: int) -> keras.Model:
        """Build the network; see `HeadConfig` for inputs and output."""
        import keras

        inputs = head_inputs(n_features, window_frames)
        hidden, mask = inputs
        backwards = _reversal(mask, window_frames) if self.bidirectional else None
        hidden = keras.layers.Dropout(self.dropout, name="dropout")(hidden)
        for i, units in enumerate(self.layer_units()):
            forward = keras.layers.LSTM(units, return_sequences=True, name=f"lstm_{i}")(hidden)
            if backwards is not None:
                reverse_layer = keras.layers.LSTM(units, return_sequences=True, name=f"lstm_{i}_backwards")
                reverse = _reorder(reverse_layer(_reorder(hidden, backwards)), backwards)
                forward = keras.layers.Concatenate(name=f"both_{i}")([forward, reverse])
            hidden = forward
        return finish_head(inputs, hidden)


def _reversal(mask: Any, window_frames: int) -> Any:
    """Frame order that turns each window's real frames round and leaves the padding at the end.

    Reading the padding first would change a backward layer's state before it meets a real frame. Masked
    recurrent layers avoid that too, but at the price of a selection at every time step.
    """
    from keras import ops

    n_real = ops.sum(ops.cast(mask, "int32"), axis=1, keepdims=True)
    frame = ops.arange(window_frames, dtype="int32")
    return ops.where(mask, n_real - 1 - frame, frame)


def _reorder(hidden: Any, order: Any) -> Any:
    """Frames of each window in another order."""
    from keras import ops

    return ops.take_along_axis(hidden, ops.expand_dims(order, -1), axis=1)
