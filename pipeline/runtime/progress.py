"""Progress for people: what is being done, how far it is, how long it will take.

On a terminal these are bars; in a log file or a batch system, a line whenever a piece is finished.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from common.wording import count, duration

log = logging.getLogger(__name__)

TOLD_EVERY_S = 60.0

console = Console(stderr=True)


class Bar:
    """One line of progress; where there is no terminal, a logged line a minute."""

    def __init__(self, progress: Progress, task: TaskID, text: str, total: int | None) -> None:
        self._progress, self._task = progress, task
        self._text, self._total, self._done = text, total, 0
        self._first, self._began_s = 0, time.monotonic()
        self._told_s = self._began_s

    def update(self, done: int, total: int | None = None, text: str | None = None) -> None:
        """Say how far it is, and optionally what it is doing now; less than before is another piece of work."""
        if done < self._done:
            # A finished bar would stay as it is, and its time with it.
            self._progress.reset(self._task, total=total, completed=done, description=text)
            self._first, self._began_s, self._total = done, time.monotonic(), None
        else:
            self._progress.update(self._task, completed=done, total=total, description=text)
        if not self._done:
            # What an earlier, interrupted run had done says nothing of how long the rest takes.
            self._first, self._began_s = done, time.monotonic()
        self._done, self._total, self._text = done, total or self._total, text or self._text
        self._tell()

    def __call__(self, done: int, total: int) -> None:
        """Take progress as the leaves report it: done and total."""
        self.update(done, total)

    def _tell(self) -> None:
        """Log how far it is, in a file or a batch system."""
        now_s = time.monotonic()
        if not self._progress.disable or now_s - self._told_s < TOLD_EVERY_S:
            return
        self._told_s = now_s
        if self._total and self._done > self._first:
            left_s = (self._total - self._done) * (now_s - self._began_s) / (self._done - self._first)
            log.info("%s: %s of %s, about %s left", self._text, count(self._done), count(self._total), duration(left_s))
        else:
            log.info("%s …", self._text)


def under_title(bar: Bar, title: str) -> Callable[[int, int], None]:
    """What shows how much of a piece of work is done, on a bar that shows one piece after another, now this one."""
    return lambda done, total: bar.update(done, total, title)


class Bars(Progress):
    """Several lines of progress that belong together."""

    def add(self, text: str, total: int | None = None) -> Bar:
        """Open another line."""
        return Bar(self, self.add_task(text, total=total), text, total)


@contextmanager
def progress_bars() -> Iterator[Bars]:
    """Show bars for the time of a `with` block; nothing is drawn where there is no terminal."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("·"),
        TimeRemainingColumn(),
        TextColumn("left"),
    )
    with Bars(*columns, console=console, disable=not console.is_terminal, transient=True) as bars:
        yield bars
