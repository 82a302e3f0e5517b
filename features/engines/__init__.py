"""How a frozen backbone is run on crops; an engine is one file here and one line in ``ENGINES``."""

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from features.backbones.resolve import ResolvedBackbone
from features.engines.tensorflow import TensorFlowEngine

DEFAULT_ENGINE = "tensorflow"


class Engine(Protocol):
    """What runs a frozen network on crops."""

    n_features: int
    description: str

    def embed(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Turn at most ``batch_frames`` crops, (n, px, px, 3) RGB, into (n, n_features) embeddings."""


ENGINES: dict[str, Callable[[ResolvedBackbone, str, int, int], Engine]] = {DEFAULT_ENGINE: TensorFlowEngine}
"""By name, what builds each from a backbone, precision, crops per call (`batch_frames`) and seed."""
