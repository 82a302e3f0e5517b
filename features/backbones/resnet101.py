"""ResNet101, the backbone of the fifth experiment (He et al. 2015; 42.7 M parameters)."""

from typing import Any, ClassVar, Literal

from features.backbones.base import ImageNetConfig, PublishedWeights

IMAGENET_MEAN_BGR = (103.939, 116.779, 123.68)


class ResNet101Config(ImageNetConfig):
    """ResNet101 with global average pooling: 2048 features, BGR minus ImageNet's mean."""

    name: Literal["resnet101"] = "resnet101"

    default_input_px: ClassVar[int] = 224
    preprocessing: ClassVar[str] = "BGR - (103.939, 116.779, 123.68)"

    @property
    def n_features(self) -> int:
        """Length of one embedding."""
        return 2048

    def published_weights(self) -> PublishedWeights:
        """Keras' ImageNet weights without the classifier."""
        return PublishedWeights(
            "https://storage.googleapis.com/tensorflow/keras-applications/resnet/"
            "resnet101_weights_tf_dim_ordering_tf_kernels_notop.h5",
            md5="88cf7a10940856eca736dc7b7e228a21",
        )

    def preprocess(self, images: Any) -> Any:
        """RGB to BGR, and the mean of ImageNet's pixels taken off, not scaled.

        The weights come from Caffe, whose images were BGR; the crops here are RGB.
        """
        import keras

        return keras.ops.flip(images, axis=-1) - keras.ops.convert_to_tensor(IMAGENET_MEAN_BGR, "float32")

    def build_network(self) -> Any:
        """Build the bare network, untrained."""
        import keras

        px = self.network_input_px
        return keras.applications.ResNet101(include_top=False, weights=None, input_shape=(px, px, 3), pooling="avg")
