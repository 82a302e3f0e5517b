"""InceptionResNetV2, the thesis' second backbone (Szegedy et al. 2016; 54.3 M parameters)."""

from typing import Any, ClassVar, Literal

from features.backbones.base import ImageNetConfig, PublishedWeights, scale_to_unit_range


class InceptionResNetV2Config(ImageNetConfig):
    """InceptionResNetV2 with global average pooling: 1536 features, RGB in [-1, 1]."""

    name: Literal["inception_resnet_v2"] = "inception_resnet_v2"

    default_input_px: ClassVar[int] = 299
    min_input_px: ClassVar[int] = 75
    preprocessing: ClassVar[str] = "RGB / 127.5 - 1"

    @property
    def n_features(self) -> int:
        """Length of one embedding."""
        return 1536

    def published_weights(self) -> PublishedWeights:
        """Keras' ImageNet weights without the classifier."""
        return PublishedWeights(
            "https://storage.googleapis.com/tensorflow/keras-applications/inception_resnet_v2/"
            "inception_resnet_v2_weights_tf_dim_ordering_tf_kernels_notop.h5",
            md5="d19885ff4a710c122648d3b5c3b684e4",
        )

    def preprocess(self, images: Any) -> Any:
        """[0, 255] to [-1, 1]."""
        return scale_to_unit_range(images)

    def build_network(self) -> Any:
        """Build the bare network, untrained."""
        import keras

        px = self.network_input_px
        return keras.applications.InceptionResNetV2(
            include_top=False, weights=None, input_shape=(px, px, 3), pooling="avg"
        )
