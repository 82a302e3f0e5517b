"""ResNet50V2, the thesis' first backbone (He et al. 2016, identity mappings; 23.6 M parameters)."""

from typing import Any, ClassVar, Literal

from features.backbones.base import ImageNetConfig, PublishedWeights, scale_to_unit_range


class ResNet50V2Config(ImageNetConfig):
    """ResNet50V2 with global average pooling: 2048 features, RGB in [-1, 1]."""

    name: Literal["resnet50v2"] = "resnet50v2"

    default_input_px: ClassVar[int] = 224
    preprocessing: ClassVar[str] = "RGB / 127.5 - 1"

    @property
    def n_features(self) -> int:
        """Length of one embedding."""
        return 2048

    def published_weights(self) -> PublishedWeights:
        """Keras' ImageNet weights without the classifier."""
        return PublishedWeights(
            "https://storage.googleapis.com/tensorflow/keras-applications/resnet/"
            "resnet50v2_weights_tf_dim_ordering_tf_kernels_notop.h5",
            md5="fac2f116257151a9d068a22e544a4917",
        )

    def preprocess(self, images: Any) -> Any:
        """[0, 255] to [-1, 1]."""
        return scale_to_unit_range(images)

    def build_network(self) -> Any:
        """Build the bare network, untrained."""
        import keras

        px = self.network_input_px
        return keras.applications.ResNet50V2(include_top=False, weights=None, input_shape=(px, px, 3), pooling="avg")
