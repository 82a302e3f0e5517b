"""What the readers of HDF5 files share: what a damaged file raises, and arrays of bounded size."""

import h5py
import numpy as np
from numpy.typing import NDArray

from common.names import canonical

DAMAGE = (
    OSError, RuntimeError, KeyError, ValueError, TypeError, IndexError, AttributeError, OverflowError, MemoryError,
)  # fmt: skip
"""What h5py and NumPy raise on files that are damaged or shaped otherwise than expected."""

MAX_VALUES = 400_000_000
"""Declared sizes cost nothing in HDF5: beyond this a file is refused instead of filling the memory."""


def read_array(dataset: h5py.Dataset, where: tuple = ()) -> NDArray:
    """The whole dataset, or what `where` selects of it.

    Raises
    ------
    ValueError
        A group where a dataset was expected, or a declared size that no recording has.
    """
    if not isinstance(dataset, h5py.Dataset) or dataset.shape is None:
        raise ValueError(f"{getattr(dataset, 'name', 'an item')} holds no array")
    width = max(1, dataset.dtype.itemsize // 8)
    if dataset.size * width > MAX_VALUES:
        raise ValueError(f"{dataset.name} declares {dataset.size:,} entries")
    return np.asarray(dataset[where])


def as_floats(values: NDArray) -> NDArray[np.float64]:
    """Numbers as float64; `ValueError` for texts, complex numbers and records."""
    if values.dtype.kind not in "biuf":
        raise ValueError(f"values of type {values.dtype}, expected numbers")
    return np.ascontiguousarray(values, dtype=np.float64)


def text(word: object) -> str:
    """A name as h5py gives it (bytes or text), without line breaks: they would break errors that quote it."""
    name = word.decode("utf-8", errors="replace") if isinstance(word, bytes) else str(word)
    return canonical(" ".join(name.splitlines()).strip())
