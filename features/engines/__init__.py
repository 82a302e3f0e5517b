"""How a frozen backbone is run on crops; an engine is one file here and one line in ``ENGINES``."""

from collections.abc import Callable, Hashable
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


class Engines:
    """Engines of one experiment, each built when it is first needed, and once however many sources use it.

    `before_first` is called before the first is built, which takes seconds.
    """

    def __init__(self, before_first: Callable[[], None] = lambda: None) -> None:
        self._before_first = before_first
        self._built: dict[Hashable, Engine] = {}

    def get(self, name: str, resolved: ResolvedBackbone, precision: str, batch_frames: int, seed: int) -> Engine:
        """The engine of this name for a backbone; the rest as `ENGINES` takes it."""
        config = resolved.config
        network = config.name, str(config.architecture), config.network_input_px, resolved.weights_sha256
        key = name, network, precision, batch_frames, seed
        if key not in self._built:
            if not self._built:
                self._before_first()
            self._built[key] = ENGINES[name](resolved, precision, batch_frames, seed)
        return self._built[key]
