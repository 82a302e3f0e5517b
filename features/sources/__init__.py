"""Where rows of features come from; a source is one file here and one line in ``SOURCES``."""

from collections.abc import Sequence
from typing import Any

from features.backbones.compact import CompactConfig
from features.engines import Engines
from features.sources.base import ExtractionSettings, FeatureSource, SourceConfig
from features.sources.crop_config import CropConfig
from features.sources.frames import FrameSource, FrameSourceConfig
from features.sources.joined import JoinedSource
from features.sources.poses import PoseSource
from features.sources.precomputed import PrecomputedSource

SOURCES: dict[str, type[FeatureSource[Any]]] = {
    "frames": FrameSource,
    "poses": PoseSource,
    "precomputed": PrecomputedSource,
}


def open_sources(
    configs: Sequence[SourceConfig], settings: ExtractionSettings, engines: Engines | None = None
) -> JoinedSource:
    """The sources that an experiment asks for, as one; their engines are shared."""
    engines = engines or Engines()
    return JoinedSource([SOURCES[config.source](config, settings, engines) for config in configs])


def default_source() -> JoinedSource:
    """Frames of videos, for those who look at recordings without an experiment."""
    return open_sources([FrameSourceConfig(backbone=CompactConfig(), crop=CropConfig())], ExtractionSettings())
