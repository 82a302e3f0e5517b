"""ResNet50V2, the thesis' first backbone (He et al. 2016, identity mappings; 23.6 M parameters)."""

from typing import ClassVar, Literal

from features.backbones.base import ImageNetConfig, PublishedWeights


class ResNet50V2Config(ImageNetConfig):
    """ResNet50V2 with global average pooling: 2048 features, RGB in [-1, 1]."""

    name: Literal["resnet50v2"] = "resnet50v2"

    application: ClassVar[str] = "ResNet50V2"
    embedding_length: ClassVar[int] = 2048
    default_input_px: ClassVar[int] = 224
    published: ClassVar[PublishedWeights] = PublishedWeights(
        "resnet/resnet50v2_weights_tf_dim_ordering_tf_kernels_notop.h5", md5="fac2f116257151a9d068a22e544a4917"
    )
