"""ResNet101, the backbone of the fifth experiment (He et al. 2015; 42.7 M parameters)."""

from typing import Any, ClassVar, Literal

from features.backbones.base import ImageNetConfig, PublishedWeights

IMAGENET_MEAN_BGR = (103.939, 116.779, 123.68)


class ResNet101Config(ImageNetConfig):
    """ResNet101 with global average pooling: 2048 features, BGR minus ImageNet's mean."""

    name: Literal["resnet101"] = "resnet101"

    application: ClassVar[str] = "ResNet101"
    embedding_length: ClassVar[int] = 2048
    default_input_px: ClassVar[int] = 224
    preprocessing: ClassVar[str] = "BGR - (103.939, 116.779, 123.68)"
    published: ClassVar[PublishedWeights] = PublishedWeights(
        "resnet/resnet101_weights_tf_dim_ordering_tf_kernels_notop.h5", md5="88cf7a10940856eca736dc7b7e228a21"
    )

    def preprocess(self, images: Any) -> Any:
        """RGB to BGR, and the mean of ImageNet's pixels taken off, not scaled.

        The weights come from Caffe, whose images were BGR; the crops here are RGB.
        """
        import keras

        return keras.ops.flip(images, axis=-1) - keras.ops.convert_to_tensor(IMAGENET_MEAN_BGR, "float32")
