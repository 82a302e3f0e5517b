"""Rearview's own small network, trained on simulated mice and shipped with the code.

It exists so that a machine without a download still shows what Rearview does. How it was trained and
how good it is on real video stands in `benchmarks/compact/README.md`.
"""

from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from features.backbones.base import NetworkConfig
from features.backbones.shipped import whole_shipped

INPUT_PX = 96
N_FEATURES = 320
WEIGHTS_PATH = Path(__file__).parent / "compact_weights" / "compact.weights.h5"
WEIGHTS_SHA256 = "4fb8229fe68c3b51548c3d0e73ab72eba8e2a6dbb16fb0e4ef1fda118dce4a20"
"""Hash of the shipped file, so that a damaged one is noticed; `benchmarks.compact.train` prints it."""


class CompactConfig(NetworkConfig):
    """A small residual network of our own, trained on simulated mice; RGB in [-1, 1]."""

    name: Literal["compact"] = "compact"
    weights: str = Field(
        default="shipped",
        description="`shipped` (they come with Rearview), `random` (seeded), or the path of a Keras weights "
        "file of this network.",
    )

    default_input_px: ClassVar[int] = INPUT_PX
    embedding_length: ClassVar[int] = N_FEATURES

    def shipped_weights(self) -> Path | None:
        """The weights file in the repository, if that is what is asked for."""
        return whole_shipped(WEIGHTS_PATH, WEIGHTS_SHA256) if self.weights == "shipped" else None

    def build_network(self) -> Any:
        """Build the bare network, untrained."""
        return build_compact(self.network_input_px)


def build_compact(input_px: int = INPUT_PX) -> Any:
    """Build the network without weights: crops (n, input_px, input_px, 3) in [-1, 1] in, features (n, 320) out.

    It was trained at 96 px; the layer `stride_8` is a map that the training attaches a side task to.
    """
    import keras
    from keras import layers, ops

    image = keras.Input((input_px, input_px, 3), name="images")
    x = layers.ReLU()(_convolution(image, 16, 5, 2))
    x = _residual_block(x, 32, 2)
    x = _residual_block(x, 64, 2)
    x = _residual_block(x, 64, 1, name="stride_8")
    x = _residual_block(x, 112, 2)
    x = _residual_block(x, 112, 1)
    # Average pooling forgets where things are; two maps of positions let the features keep it.
    side = int(x.shape[1])
    line = ops.linspace(-1.0, 1.0, side)
    grid = ops.stack(ops.meshgrid(line, line), axis=-1)[None]
    position = ops.zeros_like(x[..., :2]) + ops.cast(grid, x.dtype)
    x = layers.Concatenate()([x, position])
    x = layers.ReLU()(layers.Conv2D(N_FEATURES, 1)(x))
    x = layers.GlobalAveragePooling2D(name="features")(x)
    return keras.Model(image, x, name="compact")


def _convolution(x: Any, filters: int, kernel: int, stride: int) -> Any:
    from keras import layers

    x = layers.Conv2D(filters, kernel, stride, padding="same", use_bias=False)(x)
    return layers.BatchNormalization(momentum=0.98)(x)


def _residual_block(x: Any, filters: int, stride: int, name: str | None = None) -> Any:
    from keras import layers

    shortcut = x if stride == 1 and x.shape[-1] == filters else _convolution(x, filters, 1, stride)
    x = layers.ReLU()(_convolution(x, filters, 3, stride))
    x = _convolution(x, filters, 3, 1)
    x = layers.Add()([shortcut, x])
    return layers.ReLU(name=name)(x)
