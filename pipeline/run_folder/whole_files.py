"""Reading a file of a run folder, with errors that say what to do."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from common.errors import InputError

Content = TypeVar("Content")


def read_required(path: Path, read: Callable[[Path], Content]) -> Content:
    """Read a file that must be there, and say which one is missing or broken."""
    try:
        return read(path)
    except FileNotFoundError:
        raise InputError(
            f"A run folder holds {path.name}, but {path} does not exist. Give the folder of a run "
            "(for example runs/exp1) whose heads were trained, or run the experiment again."
        ) from None
    except (OSError, ValueError, KeyError, TypeError, csv.Error, RecursionError) as error:
        raise InputError(
            f"{path} cannot be read as a run's {path.name}: {error}. "
            "It may have been edited or cut short; restore it or run the experiment again with --overwrite."
        ) from None


def read_optional(path: Path, read: Callable[[Path], Content]) -> Content | None:
    """Read a file that may be absent; None where it is."""
    return read_required(path, read) if path.exists() else None
