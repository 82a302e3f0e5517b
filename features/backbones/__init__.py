"""The frozen networks that turn a crop into an embedding; one file and one line for each."""

from features.backbones.base import ImageNetConfig, NetworkConfig
from features.backbones.compact import CompactConfig
from features.backbones.inception_resnet_v2 import InceptionResNetV2Config
from features.backbones.mobilenet_v2 import MobileNetV2Config
from features.backbones.resnet50v2 import ResNet50V2Config
from features.backbones.resnet101 import ResNet101Config
from features.backbones.resolve import ResolvedBackbone, resolve_backbone

BACKBONES: dict[str, type[NetworkConfig]] = {
    "resnet50v2": ResNet50V2Config,
    "inception_resnet_v2": InceptionResNetV2Config,
    "resnet101": ResNet101Config,
    "mobilenet_v2": MobileNetV2Config,
    "compact": CompactConfig,
}

__all__ = ["BACKBONES", "ImageNetConfig", "NetworkConfig", "ResolvedBackbone", "resolve_backbone"]
