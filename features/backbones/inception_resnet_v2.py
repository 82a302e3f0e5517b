"""InceptionResNetV2, the thesis' second backbone (Szegedy et al. 2016; 54.3 M parameters)."""

from typing import ClassVar, Literal

from features.backbones.base import ImageNetConfig, PublishedWeights


class InceptionResNetV2Config(ImageNetConfig):
    """InceptionResNetV2 with global average pooling: 1536 features, RGB in [-1, 1]."""

    name: Literal["inception_resnet_v2"] = "inception_resnet_v2"

    application: ClassVar[str] = "InceptionResNetV2"
    embedding_length: ClassVar[int] = 1536
    default_input_px: ClassVar[int] = 299
    min_input_px: ClassVar[int] = 75
    published: ClassVar[PublishedWeights] = PublishedWeights(
        "inception_resnet_v2/inception_resnet_v2_weights_tf_dim_ordering_tf_kernels_notop.h5",
        md5="d19885ff4a710c122648d3b5c3b684e4",
    )
