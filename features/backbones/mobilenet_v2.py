"""MobileNetV2, small enough for a laptop (Sandler et al. 2018; 0.4 M parameters at alpha 0.35)."""

from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator

from features.backbones.base import ImageNetConfig, PublishedWeights
from features.backbones.shipped import whole_shipped

PUBLISHED_ALPHAS = (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)
PUBLISHED_SIZES_PX = (96, 128, 160, 192, 224)
SHIPPED_ALPHA, SHIPPED_SIZE_PX = 0.35, 224
WEIGHTS_PATH = Path(__file__).parent / "imagenet_weights" / "mobilenet_v2_0.35_224.weights.h5"
"""ImageNet weights for that width and size; NOTICE beside the file says where they come from."""
WEIGHTS_SHA256 = "9b95607f5a8491292ae6894b1e1aba52e17fe644085adfea3efb96b17097e544"


class MobileNetV2Config(ImageNetConfig):
    """MobileNetV2 with global average pooling, RGB in [-1, 1]; 1280 features, 1280 * alpha above alpha 1."""

    name: Literal["mobilenet_v2"] = "mobilenet_v2"
    alpha: float = Field(
        default=1.0, ge=0.35, le=1.4, description="Width of the network: 0.35 (fastest), 0.5, 0.75, 1.0, 1.3 or 1.4."
    )

    application: ClassVar[str] = "MobileNetV2"
    embedding_length: ClassVar[int] = 1280
    default_input_px: ClassVar[int] = 224

    @field_validator("alpha")
    @classmethod
    def _published(cls, alpha: float) -> float:
        if alpha not in PUBLISHED_ALPHAS:
            raise ValueError(f"alpha is {alpha}, but Keras has weights only for {PUBLISHED_ALPHAS}")
        return alpha

    @property
    def n_features(self) -> int:
        """Length of one embedding."""
        return max(self.embedding_length, round(self.embedding_length * self.alpha))

    @property
    def architecture(self) -> dict[str, Any]:
        """The width."""
        return {"alpha": self.alpha}

    @property
    def _trained_px(self) -> int:
        """The input size that the ImageNet weights were trained for: one of five, 224 px for any other size."""
        px = self.network_input_px
        return px if px in PUBLISHED_SIZES_PX else self.default_input_px

    def shipped_weights(self) -> Path | None:
        """The ImageNet weights of the narrowest network, unless Keras has others for the input's size."""
        is_shipped = (self.alpha, self._trained_px) == (SHIPPED_ALPHA, SHIPPED_SIZE_PX)
        return whole_shipped(WEIGHTS_PATH, WEIGHTS_SHA256) if self.weights == "imagenet" and is_shipped else None

    def published_weights(self) -> PublishedWeights:
        """Keras' ImageNet weights without the classifier; Keras publishes no checksum for them."""
        px = self._trained_px
        file_name = f"mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{float(self.alpha)}_{px}_no_top.h5"
        return PublishedWeights(f"mobilenet_v2/{file_name}", md5=None)
