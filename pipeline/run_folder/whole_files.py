"""Reading a file of a run folder, with errors that say what to do."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from common.errors import InputError
from pipeline.run_folder.run_dir import RunDir

Content = TypeVar("Content")


def read_required(run: RunDir, path: Path, read: Callable[[Path], Content]) -> Content:
    """Read a file of a run that must be there and as it was written; say which one is missing or broken."""
    run.manifest.require(path)
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


def read_optional(run: RunDir, path: Path, read: Callable[[Path], Content]) -> Content | None:
    """Read a file that a run may be without; None where this one never had it."""
    return read_required(run, path, read) if path.exists() or run.manifest.lists(path) else None
