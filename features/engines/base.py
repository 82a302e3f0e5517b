"""What every engine offers."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

DEFAULT_ENGINE = "tensorflow"


class Engine(Protocol):
    """What runs a frozen network on crops."""

    n_features: int
    description: str

    def embed(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Turn at most ``batch_frames`` crops, (n, px, px, 3) RGB, into (n, n_features) embeddings."""
