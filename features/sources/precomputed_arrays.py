"""What a file of arrays could give the source `precomputed`: looked at without reading its numbers."""

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
from numpy.lib import format as npy_format

from common.errors import InputError

SUFFIXES = (".npy", ".npz", ".h5", ".hdf5")


class FoundArray(NamedTuple):
    """An array in a file: its name there ("" in an .npy), its shape, and the kind of its numbers (NumPy's letter)."""

    name: str
    shape: tuple[int, ...]
    kind: str

    @property
    def is_features(self) -> bool:
        """Rows of several fractional numbers."""
        return self.kind == "f" and len(self.shape) == 2 and min(self.shape) > 1

    @property
    def is_categories(self) -> bool:
        """One whole number per row: clusters, states, or somebody's labels."""
        return self.kind in "iu" and len(self.shape) == 1 and self.shape[0] > 1


def arrays_in(path: Path) -> list[FoundArray]:
    """All arrays of an .npy, .npz or HDF5 file, by its ending; empty for any other.

    Raises
    ------
    InputError
        The file is damaged.
    """
    looks = {".npy": _of_npy, ".npz": _of_npz, ".h5": _of_hdf5, ".hdf5": _of_hdf5}
    try:
        return list(looks[path.suffix.casefold()](path)) if path.suffix.casefold() in looks else []
    except Exception as error:  # damaged headers raise whatever their bytes lead to
        raise InputError(f"it can't be read as arrays: {' '.join(str(error).split())[:200]}") from error


def _of_npy(path: Path) -> Iterator[FoundArray]:
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    yield FoundArray("", array.shape, array.dtype.kind)


def _of_npz(path: Path) -> Iterator[FoundArray]:
    with zipfile.ZipFile(path) as archive:
        for member in archive.namelist():
            with archive.open(member) as stream:
                read = {(1, 0): npy_format.read_array_header_1_0, (2, 0): npy_format.read_array_header_2_0}
                version = npy_format.read_magic(stream)
                if version in read:
                    shape, _, dtype = read[version](stream)
                    yield FoundArray(member.removesuffix(".npy"), shape, dtype.kind)


def _of_hdf5(path: Path) -> Iterator[FoundArray]:
    found: list[FoundArray] = []

    def look(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):
            found.append(FoundArray(name, item.shape or (), item.dtype.kind))

    with h5py.File(path, "r", locking=False) as file:
        file.visititems(look)
    yield from found
