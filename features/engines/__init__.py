"""How a frozen backbone is run on crops; an engine is one file here and one line in ``ENGINES``."""

from collections.abc import Callable

from features.backbones.resolve import ResolvedBackbone
from features.engines.base import Engine
from features.engines.tensorflow import TensorFlowEngine

ENGINES: dict[str, Callable[[ResolvedBackbone, str, int, int], Engine]] = {"tensorflow": TensorFlowEngine}
"""By name, what builds each from a backbone, precision, crops per call (`batch_frames`) and seed."""
