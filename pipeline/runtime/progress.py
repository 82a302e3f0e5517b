"""Progress for people: what is being done, how far it is, how long it will take.

On a terminal these are bars; in a log file or a batch system, a line whenever a piece is finished.
"""

import logging
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

log = logging.getLogger(__name__)

console = Console(stderr=True)


class Bar:
    """One line of progress."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task

    def update(self, done: int, total: int | None = None, text: str | None = None) -> None:
        """Say how far it is, and optionally what it is doing now."""
        self._progress.update(self._task, completed=done, total=total, description=text)

    def __call__(self, done: int, total: int) -> None:
        """Take progress as the leaves report it: done and total."""
        self.update(done, total)


def under_title(bar: Bar, title: str) -> Callable[[int, int], None]:
    """What shows how much of a piece of work is done, on a bar that shows one piece after another, now this one."""
    return lambda done, total: bar.update(done, total, title)


class Bars(Progress):
    """Several lines of progress that belong together."""

    def add(self, text: str, total: int | None = None) -> Bar:
        """Open another line."""
        return Bar(self, self.add_task(text, total=total))


@contextmanager
def progress_bars() -> Iterator[Bars]:
    """Show bars for the time of a `with` block; nothing is drawn where there is no terminal."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=console, disable=not console.is_terminal, transient=True) as bars:
        yield bars
