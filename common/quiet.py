"""Keeps libraries' remarks to themselves while they are loaded."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def quiet_native_output() -> Iterator[None]:
    """Drop what compiled code writes to the terminal for the time of a `with` block.

    TensorFlow greets with a dozen lines on instruction sets and missing GPU drivers, past Python's logging and past
    its own setting for it, which a biologist can only misread. Python's exceptions come through as ever.
    """
    try:
        sys.stderr.flush()
        kept = os.dup(2)
    except (OSError, ValueError, AttributeError):
        # No usable standard error (a service, some notebooks): nothing to keep quiet.
        yield
        return
    try:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
