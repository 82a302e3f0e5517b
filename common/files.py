"""Files: written whole or not at all, and known by their content."""

import contextlib
import hashlib
import os
import re
import shutil
import stat
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from common.errors import LostWorkError

_ABANDONED_AFTER_S = 3600.0
# As `replacing` and `models.bundle` name what is not finished.
_REMAINS = re.compile(r"\..+\.([0-9a-f]{8}(\.old)?\.tmp|\d+\.(partial|old))")


def is_file(path: Path) -> bool:
    """Whether there is a file; False as well where the system takes no such name (too long, a zero byte)."""
    return _holds(path.is_file)


def is_folder(path: Path) -> bool:
    """Whether there is a folder; as `is_file`."""
    return _holds(path.is_dir)


def _holds(look: Callable[[], bool]) -> bool:
    try:
        return look()
    except PermissionError:
        raise
    except (OSError, ValueError):
        return False


def make_folder_for_all(folder: Path) -> None:
    """Make a folder, unless it is there, that whoever may write the one it lies in may write, too.

    On a shared drive the folder of the lab is made so by hand; what is made in it would be its maker's alone.
    """
    try:
        folder.mkdir()
    except FileExistsError:
        return
    own, outer = folder.stat(), folder.parent.stat()
    if own.st_gid == outer.st_gid:
        with contextlib.suppress(OSError):
            folder.chmod(stat.S_IMODE(own.st_mode | outer.st_mode & (0o077 | stat.S_ISVTX)))


def sha256_of(path: Path) -> str:
    """Hash of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Write a file or a folder in one step: readers see the old one or the new one, never half.

    The block gets a hidden name beside `path` (in a folder that is made when missing), ending in ``.tmp``, to write a
    file or make a folder at. When the block ends well it takes the place of `path`; otherwise it is removed and
    `path` is as it was.

    Raises
    ------
    OSError
        When the folder cannot be written or the disk is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _drop_abandoned(path)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        yield temporary
        for written in (temporary, *temporary.rglob("*")):
            if written.is_file():
                with written.open("rb+") as file:
                    os.fsync(file.fileno())
        if path.is_dir():
            _replace_folder(temporary, path)
        else:
            temporary.replace(path)
    finally:
        with contextlib.suppress(OSError):
            _remove(temporary)


def write_text(path: Path, text: str) -> None:
    """Write a text file in one step, as `write_bytes`; UTF-8, line ends as given."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file in one step.

    Raises
    ------
    LostWorkError
        If the folder cannot be written or the disk is full; the old file is untouched.
    """
    try:
        replace_bytes(path, content)
    except OSError as error:
        raise LostWorkError(
            f"Cannot write {path}: {error.strerror or error}. Check that the folder may be written and that the disk "
            "is not full, or choose another place with --output; then start again, finished work is kept."
        ) from None


def replace_bytes(path: Path, content: bytes) -> None:
    """The same for callers that say themselves what it means that a file cannot be written: raises `OSError`."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def put_bytes(path: Path, content: bytes) -> None:
    """Write one of thousands of small files in one step, in a folder that is there; raises `OSError`.

    It is not flushed, which would take longer than all else: a power cut may leave it empty under its own name. So its
    checksum must be kept elsewhere. What a killed process left is cleared by `clear_remains`.
    """
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def clear_remains(folder: Path, others: Iterable[str] = ()) -> None:
    """Delete what killed processes left in a folder that this process alone writes into.

    In the folders `others` somebody else may be writing: there, only what is old.
    """
    for left in folder.rglob(".*"):
        parts = left.relative_to(folder).parts
        if _REMAINS.fullmatch(left.name) and not left.is_symlink():
            with contextlib.suppress(OSError):
                if parts[0] not in set(others) or time.time() - left.stat().st_mtime > _ABANDONED_AFTER_S:
                    _remove(left)


def _replace_folder(temporary: Path, folder: Path) -> None:
    """Move the old folder aside first: no folder can be renamed onto another on Windows."""
    aside = temporary.with_suffix(".old.tmp")
    folder.replace(aside)
    try:
        temporary.replace(folder)
    except OSError:
        aside.replace(folder)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _drop_abandoned(path: Path) -> None:
    """Delete what a killed process left of the same file; one that is still being written is younger."""
    for left in path.parent.iterdir():
        if left.name.startswith(f".{path.name}.") and left.suffix == ".tmp" and left.is_file():
            # Another process may be quicker.
            with contextlib.suppress(OSError):
                if time.time() - left.stat().st_mtime > _ABANDONED_AFTER_S:
                    left.unlink()


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
