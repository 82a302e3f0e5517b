"""What may be written over: only what this program wrote itself, and never a video that a run was made from."""

import os
from collections.abc import Iterable
from pathlib import Path

import av
from av.error import FFmpegError

from common.errors import InputError

MADE_BY = "made by Rearview"
"""Stands as the comment in every video that is written here."""


def require_no_original(path: Path, originals: Iterable[Path]) -> None:
    """Raise where a file that is to be written is one of the videos that must stay as they are.

    Parameters
    ----------
    path : Path
    originals : iterable of Path
        Also found through links and under another spelling.

    Raises
    ------
    InputError
    """
    if any(_is_same(path, original) for original in originals):
        raise InputError(
            f"{path} is an original video, and what is written now would replace it, so it is left as it is. Choose "
            "another folder with --output."
        )


def require_made_here(path: Path) -> None:
    """Raise where a video would be written over something that this program didn't write.

    Raises
    ------
    InputError
    """
    if path.exists() and not _is_made_here(path):
        raise InputError(
            f"{path} exists and was not written by Rearview, so it is not replaced. Move it away "
            "or choose another folder with --output."
        )


def _is_made_here(path: Path) -> bool:
    try:
        with av.open(str(path)) as container:
            return container.metadata.get("comment") == MADE_BY
    except (OSError, ValueError, FFmpegError):
        return False


def _is_same(path: Path, original: Path) -> bool:
    try:
        return path.samefile(original)
    except (OSError, ValueError):
        # One of them is not there (any more): nothing is lost, but its place is taken.
        return os.path.normcase(path.absolute()) == os.path.normcase(original.absolute())
