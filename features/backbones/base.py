"""What every backbone says about itself: its settings, its preprocessing, its network.

A backbone is a frozen network that turns one crop into one embedding. Each file beside
this one owns the config class of one backbone, and its line in ``BACKBONES`` is all that
the rest of Rearview knows of it. Nothing here imports TensorFlow until a network is built.
"""

from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class NetworkConfig(BaseModel):
    """A network that runs on crops, chosen by ``name``; global average pooling makes any `input_px` possible."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    weights: str = Field(description="`random` (seeded), or the path of a Keras weights file of this network.")
    input_px: int | None = Field(
        default=None,
        ge=32,
        le=2048,
        description="Side of the square that the network sees; crops of another size are resized to it. "
        "Empty: the size at which the network was trained. Smaller is faster.",
    )

    default_input_px: ClassVar[int]
    """Side of the square the network was trained at."""
    min_input_px: ClassVar[int] = 32
    """Smallest side that the network's downsampling leaves anything of."""
    embedding_length: ClassVar[int]
    preprocessing: ClassVar[str] = "RGB / 127.5 - 1"
    """What ``preprocess`` does, in words; part of the recipe, so change it when that changes."""

    @model_validator(mode="after")
    def _large_enough(self) -> "NetworkConfig":
        if self.input_px is not None and self.input_px < self.min_input_px:
            raise ValueError(f"input_px is {self.input_px}, but {self.name} needs at least {self.min_input_px} pixels")
        return self

    @property
    def n_features(self) -> int:
        """Length of one embedding."""
        return self.embedding_length

    @property
    def network_input_px(self) -> int:
        """Side of the square that the network really sees: ``input_px`` or its default."""
        return self.default_input_px if self.input_px is None else self.input_px

    @property
    def architecture(self) -> dict[str, Any]:
        """Settings that change the network itself (such as a width factor); part of the recipe."""
        return {}

    def shipped_weights(self) -> Path | None:
        """The weights file that ``weights`` names and that comes with Rearview, if it does.

        Raises
        ------
        InputError
            When that file is missing or damaged.
        """
        return None

    def preprocess(self, images: Any) -> Any:
        """Scale crops (n, px, px, 3), float32 RGB, as the weights expect: [0, 255] to [-1, 1] unless overridden.

        Use ``keras.ops`` alone: the tensor may be symbolic, and this becomes part of the compiled graph.
        """
        return images / 127.5 - 1.0

    @abstractmethod
    def build_network(self) -> Any:
        """Build the bare network, untrained, under Keras' current dtype policy.

        The model turns preprocessed float images (n, px, px, 3) into (n, n_features), globally average pooled. Weights
        are loaded into it, so its layers must be named and ordered as in the weights file.
        """


@dataclass(frozen=True)
class PublishedWeights:
    """A weights file that Keras publishes: where it is on Keras' server, and how to know it is whole."""

    place: str
    md5: str | None

    @property
    def url(self) -> str:
        """Where it can be downloaded."""
        return f"https://storage.googleapis.com/tensorflow/keras-applications/{self.place}"

    @property
    def file_name(self) -> str:
        """Name under which Keras keeps it in its cache."""
        return self.place.rsplit("/", 1)[-1]


class ImageNetConfig(NetworkConfig):
    """A network of ``keras.applications`` whose ImageNet weights Keras publishes."""

    weights: str = Field(
        default="imagenet",
        description="`imagenet` (Keras downloads them once and keeps them; those of `mobilenet_v2` with alpha 0.35 "
        "at 224 px come with Rearview), `random` (seeded), or the path of a Keras weights file of this network.",
    )
    weights_if_unavailable: Literal["error", "compact", "random"] = Field(
        default="error",
        description="When the ImageNet weights are not on this computer and can't be downloaded: stop and "
        "say how to get them, use the backbone `compact` that comes with Rearview, or use random weights.",
    )

    application: ClassVar[str]
    """The network's name in ``keras.applications``."""
    published: ClassVar[PublishedWeights]

    def published_weights(self) -> PublishedWeights:
        """The file that ``weights: imagenet`` stands for, without the classifier."""
        return self.published

    def build_network(self) -> Any:
        """Build the bare network, untrained."""
        import keras

        build = getattr(keras.applications, self.application)
        px = self.network_input_px
        return build(include_top=False, weights=None, input_shape=(px, px, 3), pooling="avg", **self.architecture)
