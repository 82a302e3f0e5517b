"""Exclusive classes of another program: a frame's class, and the probability of each class or the predicted one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from common.names import unsafe_name_reason
from common.suggestions import listing
from pipeline.commands.evaluation.columns import FrameColumns, whole_number

OTHER = "other"
"""The background, where nobody names another and some label is it."""
_TOLERANCE = 0.01
"""By how much rounded probabilities of a frame may miss 1."""


@dataclass(frozen=True)
class ClassColumns:
    """Where labels and predictions stand.

    Attributes
    ----------
    label : str
        Column of class names, or of their numbers in the order of `classes`.
    predicted : str
        Such a column of the program's; "" = `probability` is used.
    classes : tuple of str
        All of them, in the order in which they are numbered.
    probability : mapping of str to str
        Columns of probabilities; the background may have none.
    background : str
        The class that is none of the behaviors; "" = there is none.
    """

    label: str
    predicted: str
    classes: tuple[str, ...]
    probability: Mapping[str, str]
    background: str

    @property
    def behaviors(self) -> tuple[str, ...]:
        """The classes without the background."""
        return tuple(name for name in self.classes if name != self.background)


def class_columns(
    label: str, predicted: str, named: Sequence[tuple[str, str]], other: str | None, tables: Sequence[FrameColumns]
) -> ClassColumns:
    """Find the classes: those that are named with their columns ("" = none), else those that the tables show.

    Raises
    ------
    InputError
        Too few classes, a name that can't be used, or a class without a column of probabilities.
    """
    classes = [name for name, _ in named]
    if not named:
        columns = (label, predicted) if predicted else (label,)
        seen = dict.fromkeys(word for table in tables for column in columns for _, word in table.words(column) if word)
        numbers = [number for word in seen if (number := whole_number(word)) is not None]
        # 1 and 1.0 are one class.
        classes = [*seen] if len(numbers) < len(seen) else [str(number) for number in sorted({*numbers})]
    probability = {} if predicted else {name: column for name, column in named if column}
    words = {word for table in tables for _, word in table.words(label)}
    background = (OTHER if OTHER in (*classes, *words) else "") if other is None else other
    if background and background not in classes:
        classes.append(background)
    found = ClassColumns(label, predicted, tuple(classes), probability, background)
    if len(found.classes) < 2 or not found.behaviors:
        raise InputError(f"Exclusive classes are two or more; found: {listing(classes) or 'none'}.")
    for name in classes:
        if reason := unsafe_name_reason(name):
            raise InputError(f"The class {name!r} cannot be used in file names: {reason}.")
    missing = [name for name in found.behaviors if name not in probability]
    if not predicted and missing:
        raise InputError(
            f"The class {missing[0]!r} has no column of probabilities. Name it, --behavior {missing[0]}=COLUMN, or the "
            "column of predicted classes instead, --predicted COLUMN."
        )
    return found


def read_classes(table: FrameColumns, columns: ClassColumns) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The label of each frame and the probabilities of the behaviors.

    Returns
    -------
    label : ndarray of int, shape (n_frames,)
        Number of a behavior, `n_behaviors` for the background, -1 = not scored.
    probability : ndarray of float32, shape (n_frames, n_behaviors)
        The background has what they leave; 1 for a class that was predicted as such; NaN = not predicted.

    Raises
    ------
    InputError
        A cell that is no class, or probabilities that don't add up to 1.
    """
    label = _numbers(table, columns.label, columns)
    if columns.predicted:
        predicted = _numbers(table, columns.predicted, columns)
        chosen = (predicted[:, None] == np.arange(len(columns.behaviors))).astype(np.float32)
        return label, np.where(predicted[:, None] < 0, np.float32(np.nan), chosen)
    wanted = "a probability between 0 and 1, or empty"
    of = {name: table.numbers(column, wanted, None) for name, column in columns.probability.items()}
    total = np.sum([*of.values()], axis=0)
    is_whole = columns.background in (*of, "")
    wrong = (total > 1 + _TOLERANCE) | (is_whole & (total < 1 - _TOLERANCE))
    if wrong.any():
        place = int(wrong.argmax())
        rest = "" if is_whole else f" at most (the rest is {columns.background!r})"
        raise InputError(
            f"{table.path.name}, row {table.rows[place][0]}: the probabilities of exclusive classes should add up to "
            f"1{rest}; found {total[place]:.3f}. Where each class was decided on by itself, leave --exclusive out."
        )
    probability = np.stack([of[name] for name in columns.behaviors], axis=1) / np.maximum(total, 1)[:, None]
    probability[np.isnan(total)] = np.nan
    return label, probability.astype(np.float32)


def _numbers(table: FrameColumns, column: str, columns: ClassColumns) -> NDArray[np.int64]:
    """Class of each frame as a number, the background last, -1 = unknown."""
    place = {name: number for number, name in enumerate((*columns.behaviors, columns.background))}
    known = {"": -1} | {name: place[name] for name in columns.classes}
    numbers = [whole_number(name) for name in columns.classes]
    # Classes that are called by numbers mean these, however they are written.
    numbered = {
        i if None in numbers or number is None else number: place[name]
        for i, (number, name) in enumerate(zip(numbers, columns.classes, strict=True))
    }
    found = np.empty(len(table.rows), dtype=np.int64)
    for i, (row, word) in enumerate(table.words(column)):
        number = known.get(word)
        if number is None:
            whole = whole_number(word)
            if whole is None or whole not in numbered:
                raise InputError(
                    f"{table.path.name}, row {row}, column {column!r}: expected one of the classes "
                    f"({listing(columns.classes)}), or their numbers from 0 on, or empty or -1 where nothing is known; "
                    f"found {word!r}."
                )
            number = known[word] = numbered[whole]
        found[i] = number
    return found
