"""keras-tcn's layer, made to respect a window's padding and given back its weight normalisation.

keras-tcn 3.5.6 builds the residual blocks; what is changed is how they are called:

- Before each convolution the padded frames are set to zero. A convolution pads the ends of a window with
zeros
  anyway, so a window that is padded predicts the same as a shorter window that is not.
- Batch normalisation takes its statistics from real frames only.
- ``use_weight_norm`` (in keras-tcn until 3.4, and one of the thesis' settings) rescales each filter to a
  learned length: Salimans and Kingma 2016, without their initialisation from a first batch.
"""

from __future__ import annotations

import functools
from typing import Any

# keras-tcn leaves Keras' default of 0.99, whose moving averages still hold a third of their
# starting value after 100 steps: with few recordings a head would predict with statistics it never saw.
BATCH_NORM_MOMENTUM = 0.9


@functools.cache
def masked_tcn_class() -> type:
    """The layer's class, made on first use because it inherits from Keras (importing that takes seconds)."""
    import keras
    from tcn import TCN

    @keras.saving.register_keras_serializable(package="rearview", name="MaskedTCN")
    class MaskedTCN(TCN):  # type: ignore[misc]
        """`tcn.TCN` with a mask; always returns sequences."""

        def __init__(self, use_weight_norm: bool = False, **kwargs: Any) -> None:
            self.use_weight_norm = use_weight_norm
            super().__init__(**kwargs)
            self.supports_masking = True

        def build(self, input_shape: Any) -> None:
            super().build(input_shape)
            # keras-tcn's own slicing of the last frame hangs on a Lambda that is never called here
            self.slicer_layer = None
            self.filter_lengths: dict[str, Any] = {}
            for block in self.residual_blocks:
                for norm in block.batch_norm_layers:
                    norm.momentum = BATCH_NORM_MOMENTUM
                # keras-tcn gives them no names, so that they would be numbered by what was built before
                for number, norm in enumerate((*block.batch_norm_layers, *block.layer_norm_layers)):
                    norm.name = f"norm_{number}"
                if self.use_weight_norm:
                    for conv in _convolutions(block):
                        name = f"{block.name}_{conv.name}_length"
                        length = self.add_weight(shape=(conv.filters,), initializer="ones", name=name)
                        length.assign(_filter_length(conv.kernel))
                        self.filter_lengths[name] = length

        def call(self, inputs: Any, mask: Any = None, training: bool | None = None) -> Any:
            if mask is not None:
                # also sheds the mask that Keras hangs on a tensor and would complain about further on
                inputs = inputs * keras.ops.cast(mask, inputs.dtype)[..., None]
            hidden, skips = inputs, []
            for block in self.residual_blocks:
                inner = hidden
                for layer in block.layers:
                    inner = self._call_inner(block, layer, inner, mask, training)
                skips.append(inner)
                hidden = block.final_activation(block.shape_match_conv(hidden) + inner)
            return functools.reduce(keras.ops.add, skips) if self.use_skip_connections else hidden

        def _call_inner(self, block: Any, layer: Any, inner: Any, mask: Any, training: bool | None) -> Any:
            if isinstance(layer, keras.layers.Conv1D):
                if mask is not None:
                    inner = inner * keras.ops.cast(mask, inner.dtype)[..., None]
                if self.use_weight_norm:
                    return _normalised_convolution(
                        layer, inner, self.filter_lengths[f"{block.name}_{layer.name}_length"]
                    )
                return layer(inner)
            if isinstance(layer, keras.layers.BatchNormalization):
                return layer(inner, training=training, mask=mask)
            if isinstance(layer, keras.layers.Dropout):
                return layer(inner, training=training)
            return layer(inner)

        def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
            """What follows is a sum per frame, which needs no mask."""

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), "use_weight_norm": self.use_weight_norm}

    return MaskedTCN


def _convolutions(block: Any) -> list[Any]:
    """The dilated convolutions of a residual block (not the 1 x 1 one beside them)."""
    import keras

    return [layer for layer in block.layers if isinstance(layer, keras.layers.Conv1D)]


def _filter_length(kernel: Any) -> Any:
    """Euclidean length of each filter of a kernel (kernel_size, n_inputs, n_filters)."""
    from keras import ops

    return ops.sqrt(ops.sum(ops.square(kernel), axis=(0, 1)) + 1e-12)


def _normalised_convolution(conv: Any, inner: Any, length: Any) -> Any:
    """`conv` with each of its filters rescaled to `length`."""
    from keras import ops

    padding = conv.padding
    if padding == "causal":
        inner = ops.pad(inner, [[0, 0], [conv.dilation_rate[0] * (conv.kernel_size[0] - 1), 0], [0, 0]])
        padding = "valid"
    kernel = conv.kernel * (length / _filter_length(conv.kernel))
    return ops.conv(inner, kernel, 1, padding, dilation_rate=conv.dilation_rate[0]) + conv.bias
