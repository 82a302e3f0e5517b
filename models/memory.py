"""Memory that TensorFlow takes over without a copy."""

import numpy as np
from numpy.typing import NDArray

# What it asks of an array's address, in bytes.
ALIGNMENT = 64


def aligned(shape: tuple[int, ...]) -> NDArray[np.float32]:
    """An array with no values yet, to be filled and handed to TensorFlow."""
    size = int(np.prod(shape))
    memory = np.empty(4 * size + ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    return memory[start : start + 4 * size].view(np.float32).reshape(shape)
