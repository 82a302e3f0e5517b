"""Where rows of features come from; a source is one file here and one line in ``SOURCES``."""

from collections.abc import Callable
from typing import Any

from features.backbones.base import BackboneConfig
from features.backbones.compact import CompactConfig
from features.sources.base import ExtractionSettings, FeatureSource
from features.sources.frames import FrameSource
from features.sources.precomputed import PrecomputedSource

SOURCES: dict[str, type[FeatureSource[Any]]] = {"frames": FrameSource, "precomputed": PrecomputedSource}


def backbone_configs() -> dict[str, type[BackboneConfig]]:
    """What `backbone.name` may be in a YAML, with the keys that go with each name."""
    return {name: config for source in SOURCES.values() for name, config in source.configs.items()}


def source_class(config: BackboneConfig) -> type[FeatureSource[Any]]:
    """The source that a configuration is of."""
    return next(source for source in SOURCES.values() if config.name in source.configs)


def open_source(
    config: BackboneConfig, settings: ExtractionSettings, before_engine: Callable[[], None] = lambda: None
) -> FeatureSource[Any]:
    """The source that a configuration asks for; parameters as in ``FeatureSource``."""
    return source_class(config)(config, settings, before_engine)


def default_source() -> FeatureSource[Any]:
    """Frames of videos, for those who look at recordings without an experiment."""
    return open_source(CompactConfig(), ExtractionSettings(crop_size_px=160))
