"""What a human said of a frame, as columns of a table and as the name of a folder; by task.

A number of a frame and column is 0 or more; -1 stands for what nobody judged, which is never taken for a 0.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from models.tasks import Binary, Exclusive, Task
from pipeline.dataset.labels import LabelTrack

UNKNOWN = -1
CLASS = "class"


class Labeling(Protocol):
    """How labels are told in a data set of images."""

    columns: tuple[str, ...]
    """Of images.csv."""
    classes: tuple[str, ...]
    """What the numbers 0, 1, ... of the only column mean; empty where several columns may be 1 at once."""

    def numbers(self, labels: LabelTrack) -> NDArray[np.int16]:
        """Of each frame, shape (n_frames, n_columns)."""

    def cell(self, number: int) -> object:
        """What stands in images.csv for a number."""


class _ClassLabels:
    """One class per frame: its name in one column."""

    def __init__(self, task: Exclusive, behaviors: Sequence[str]) -> None:
        self._task = task
        self.columns: tuple[str, ...] = (CLASS,)
        self.classes = task.kinds(behaviors)

    def numbers(self, labels: LabelTrack) -> NDArray[np.int16]:
        """See `Labeling`."""
        number = self._task.target(labels.active).argmax(axis=1)
        return np.where(labels.scored[:, 0], number, UNKNOWN).astype(np.int16)[:, None]

    def cell(self, number: int) -> object:
        """See `Labeling`."""
        return None if number == UNKNOWN else self.classes[number]


class _BehaviorLabels:
    """Any of several behaviors in a frame: a column of 0 and 1 each. A single one makes two classes."""

    def __init__(self, task: Task, behaviors: Sequence[str]) -> None:
        self.columns = tuple(behaviors)
        self.classes: tuple[str, ...] = (f"not_{behaviors[0]}", behaviors[0]) if len(behaviors) == 1 else ()

    def numbers(self, labels: LabelTrack) -> NDArray[np.int16]:
        """See `Labeling`."""
        return np.where(labels.scored, labels.active, UNKNOWN).astype(np.int16)

    def cell(self, number: int) -> object:
        """See `Labeling`."""
        return None if number == UNKNOWN else number


LABELINGS: dict[type[Task], Callable[[Any, Sequence[str]], Labeling]] = {
    Binary: _BehaviorLabels,
    Exclusive: _ClassLabels,
}
"""By task, what is made of it and the names of the behaviors."""


def labeling_of(task: Task, behaviors: Sequence[str]) -> Labeling:
    """How the labels of an experiment are told."""
    return LABELINGS[type(task)](task, behaviors)
