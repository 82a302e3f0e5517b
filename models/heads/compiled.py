"""How loops are compiled, and where they write. Importing this module needs numba."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

# What TensorFlow asks of memory that it takes over without a copy, in bytes.
ALIGNMENT = 64


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile on first use and keep what comes of it for the next process.

    It is kept beside the source file, or in the user's cache where that cannot be written; where neither can be,
    each process compiles for itself (some seconds). Products may be contracted into sums, in one order for all.
    """
    compile_later = {"nogil": True, "error_model": "numpy", "fastmath": {"contract"}}
    try:
        return njit(cache=True, **compile_later)(function)
    except RuntimeError:
        return njit(**compile_later)(function)


def aligned(shape: tuple[int, ...]) -> NDArray[np.float32]:
    """An array with no values yet, for what a loop hands to TensorFlow."""
    size = int(np.prod(shape))
    memory = np.empty(4 * size + ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    return memory[start : start + 4 * size].view(np.float32).reshape(shape)
