"""What is logged, and where it goes."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from common.places import told

PACKAGES = ("pipeline", "features", "models", "common")


def set_level(level: int) -> None:
    """Log from this level on in all of Rearview; libraries keep theirs."""
    for package in PACKAGES:
        logging.getLogger(package).setLevel(level)


class _Telling(logging.Formatter):
    def __init__(self, seen_from: Sequence[Path], form: str) -> None:
        super().__init__(form)
        self._seen_from = seen_from

    def format(self, record: logging.LogRecord) -> str:
        return told(super().format(record), self._seen_from)


class SaidOnce(logging.Filter):
    """Lets each warning pass once: several runs of one command, or stages of one run, find the same things odd."""

    def __init__(self) -> None:
        super().__init__()
        self._said: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        """See `logging.Filter`."""
        if record.levelno != logging.WARNING:
            return True
        text = record.getMessage()
        is_new = text not in self._said
        self._said.add(text)
        return is_new


@contextmanager
def log_file(path: Path, seen_from: Sequence[Path] = ()) -> Iterator[None]:
    """Write everything that is logged into a file as well, for the time of a `with` block.

    Paths are told as they are seen from these folders.
    """
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(_Telling(seen_from, "%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
        handler.close()


@contextmanager
def only_errors(name: str) -> Iterator[None]:
    """Silence warnings and remarks of a logger and those below it, for the time of a `with` block."""
    log = logging.getLogger(name)
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)
