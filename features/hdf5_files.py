"""HDF5 files of ours and of other programs, opened to be read."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py

from common.errors import InputError


@contextmanager
def opened(path: Path) -> Iterator[h5py.File]:
    """Open a file without HDF5's own locks, which network drives refuse and which nothing here needs.

    Files of ours are written under another name and renamed when they are whole.

    Raises
    ------
    InputError
        Somebody else's lock or permissions are in the way; the file may be whole.
    OSError
        It is damaged, or there is none.
    """
    try:
        with h5py.File(path, "r", locking=False) as file:
            yield file
    except OSError as error:
        if "unable to lock" in str(error).lower():
            asked_for = os.environ.get("HDF5_USE_FILE_LOCKING")
            raise InputError(
                f"{path} can't be opened: HDF5 wants to lock it, and its drive, or a program that has it open, refuses "
                f"that. {f'HDF5_USE_FILE_LOCKING is {asked_for} here. ' if asked_for else ''}Set the environment "
                "variable HDF5_USE_FILE_LOCKING to FALSE and start again; the file itself may be whole."
            ) from error
        if isinstance(error, PermissionError):
            raise InputError(
                f"{path} may not be read{owner_of(path, ' (its owner is {})')}. Have its owner let others read it, or "
                "name another file; for a cache another `cache_dir`."
            ) from error
        raise


def owner_of(path: Path, words: str) -> str:
    """Words with a file's owner in place of {}; none where the system doesn't tell."""
    try:
        return words.format(path.owner())
    except (OSError, KeyError, NotImplementedError, ImportError):
        return ""
