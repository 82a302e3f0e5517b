"""The videos that a run was made from: where they lie now, and that nothing is written over them."""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from av.error import FFmpegError

from common.errors import InputError
from common.files import sha256_of
from features.video.files import UnreadableVideoError, is_there
from features.video.opening import opened_container

MADE_BY = "made by Rearview"
"""Stands as the comment in every video that is written here."""


def files_by_name(folder: Path) -> dict[str, list[Path]]:
    """All files in a folder and the folders inside of it by their name, case-folded, in order of path."""
    found: dict[str, list[Path]] = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        found.setdefault(path.name.casefold(), []).append(path)
    return found


def find_original(video: Path | str, sha256: str, moved: Mapping[str, Sequence[Path]]) -> Path | None:
    """Find a run's video: by its name among those that were moved (`files_by_name`), else where the run found it.

    Its name may be in the spelling of another system. Of several files of that name, the one with this hash is taken
    ("" = not known). None where it is nowhere.
    """
    candidates = moved.get(str(video).replace("\\", "/").rsplit("/", 1)[-1].casefold(), ())
    if len(candidates) > 1:
        return next((path for path in candidates if has_content(path, sha256)), candidates[0])
    return next((path for path in (*candidates, Path(video)) if is_there(path)), None)


def has_content(path: Path, sha256: str) -> bool:
    """Whether a file is the one of this hash; False where it can't be read."""
    try:
        return bool(sha256) and sha256_of(path) == sha256
    except OSError:
        return False


def require_no_original(path: Path, originals: Iterable[Path]) -> None:
    """Raise `InputError` where a file that is to be written is one of the videos that must stay as they are.

    They are also known through links and under another spelling.
    """
    if any(_is_same(path, original) for original in originals):
        raise InputError(
            f"{path} is an original video, and what is written now would replace it, so it is left as it is. Choose "
            "another folder with --output."
        )


def require_made_here(path: Path) -> None:
    """Raise `InputError` where a video would be written over something that this program didn't write."""
    if path.exists() and metadata_of(path).get("comment") != MADE_BY:
        raise InputError(
            f"{path} exists and was not written by Rearview, so it is not replaced. Move it away "
            "or choose another folder with --output."
        )


def metadata_of(path: Path) -> dict[str, str]:
    """What a video says of itself; empty where it is none."""
    try:
        with opened_container(path) as container:
            return dict(container.metadata)
    except (UnreadableVideoError, OSError, ValueError, FFmpegError):
        return {}


def _is_same(path: Path, original: Path) -> bool:
    try:
        return path.samefile(original)
    except (OSError, ValueError):
        # One of them is not there (any more): nothing is lost, but its place is taken.
        return os.path.normcase(path.absolute()) == os.path.normcase(original.absolute())
