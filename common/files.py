"""Files: written whole or not at all, and known by their content."""

import contextlib
import hashlib
import os
import uuid
from pathlib import Path

from common.errors import InputError


def sha256_of(path: Path) -> str:
    """Hash of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_text(path: Path, text: str) -> None:
    """Write a text file in one step: readers see the old one or the new one, never half."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file in one step.

    Raises
    ------
    InputError
        If the folder cannot be written or the disk is full; the old file is untouched.
    """
    try:
        replace_bytes(path, content)
    except OSError as error:
        raise InputError(
            f"Cannot write {path}: {error.strerror or error}. Check that the folder may be written and that the disk "
            "is not full, or choose another place with --output; then start again, finished work is kept."
        ) from None


def replace_bytes(path: Path, content: bytes) -> None:
    """The same for callers that say themselves what it means when a file cannot be written.

    Raises
    ------
    OSError
    """
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
