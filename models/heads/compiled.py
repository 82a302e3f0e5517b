"""How loops are compiled. Importing this module needs numba."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile on first use and keep what comes of it for the next process.

    It is kept beside the source file, or in the user's cache where that cannot be written; where neither can be,
    each process compiles for itself (some seconds). Products may be contracted into sums, in one order for all.
    """
    compile_later: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": {"contract"}}
    try:
        return njit(cache=True, **compile_later)(function)
    except RuntimeError:
        return njit(**compile_later)(function)
