"""What every executor is: it carries out jobs, anywhere, and each job leaves its result in a file."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

from pipeline.config.execution import ExecutionConfig

OnEvent = Callable[[dict[str, Any]], None]


class Job(ABC):
    """A piece of work: it names files and settings, holds no arrays, and leaves a file that says what it was made from.

    So it can be sent anywhere, and any executor takes up what another finished.
    """

    uses_networks: ClassVar[bool] = True
    """Whether TensorFlow is needed, which takes seconds to load."""

    @property
    @abstractmethod
    def key(self) -> str:
        """Tells it from others that are carried out together."""

    @property
    @abstractmethod
    def words(self) -> str:
        """What is done, for readers: it stands after "while"."""

    @abstractmethod
    def absolute(self) -> Self:
        """The same with paths that hold whatever the working directory is."""

    @abstractmethod
    def carry_out(self, on_event: OnEvent | None = None) -> None:
        """Do it in this process.

        Parameters
        ----------
        on_event : callable, optional
            Called with what is told on the way, fit for JSON.

        Raises
        ------
        InputError
            Something the user gave is wrong.
        """


AnyJob = TypeVar("AnyJob", bound=Job)


@dataclass(frozen=True)
class Needs:
    """What whoever carries out jobs must be able to reach.

    `reads`: files that are read. `writes`: folders that results go to. `locked`: folders that hold locks.
    """

    reads: tuple[Path, ...] = ()
    writes: tuple[Path, ...] = ()
    locked: tuple[Path, ...] = ()


class Executor(ABC):
    """A context manager, so that what it started ends with it whatever happens.

    Parameters
    ----------
    execution : ExecutionConfig
        As the user asked.
    n_jobs : int
        How many jobs will come together at most.
    needs : Needs
        What all jobs need.

    Raises
    ------
    InputError
        Who is to do the work can't be reached, or can't reach what it needs.
    """

    n_workers: int
    embeds: ClassVar[bool] = False
    """Whether recordings are embedded by its workers, too; else that is done in this process."""

    @abstractmethod
    def __init__(self, execution: ExecutionConfig, n_jobs: int, needs: Needs) -> None: ...

    @abstractmethod
    def run(self, jobs: Sequence[AnyJob], on_event: Callable[[AnyJob, dict[str, Any]], None]) -> Iterator[AnyJob]:
        """Carry out every job and yield each when its result is stored.

        Parameters
        ----------
        jobs : sequence of Job
        on_event : callable
            Called in this process with a job and what it tells on the way (a fit: each row of its history), if the
            executor hears of it.

        Raises
        ------
        InputError
            Of a job; those that are finished by then are kept.
        """

    def __enter__(self) -> Self:
        return self

    @abstractmethod
    def __exit__(self, *_: object) -> None:
        """End what was started."""
