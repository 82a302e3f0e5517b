"""Weights files that come with Rearview: whole, or an error that says what to do."""

from pathlib import Path

from common.errors import InputError
from common.files import sha256_of


def whole_shipped(path: Path, sha256: str) -> Path:
    """Give back the path of a shipped weights file, once its hash has shown that it is whole.

    Raises
    ------
    InputError
        When the file is missing or damaged.
    """
    found = sha256_of(path) if path.is_file() else "no file"
    if found != sha256:
        raise InputError(
            f"The weights that come with Rearview should lie in {path} with the SHA-256 {sha256[:16]}…, but found: "
            f"{found[:16]}. Get that file again from the repository (with git: git checkout -- the file), or install "
            "Rearview again."
        )
    return path
