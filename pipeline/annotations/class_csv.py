"""One class per frame: ``Frame,Action`` with a number or a word in each row, as the mouse pain dataset has it.

The class column is named ``action``, ``label``, ``class``, ``behavior``, ``state`` or ``category``; its classes
are the behaviors, by their numbers or words as written (``3.0`` is ``3``). Several of them are made one in the
experiment: ``behaviors: {paw_withdraw: ["1", "5", "6"]}``. Empty, NA, nan, -1, ``unknown`` and ``unlabeled`` mean not
scored; ``none``, ``background`` and ``other`` are classes like any other, of frames in which no behavior was seen. A
class that a file doesn't name did not happen there.
"""

import numpy as np

from common.errors import InputError
from common.words import is_missing, says_unknown
from pipeline.annotations.base import FrameTable, Wanted
from pipeline.annotations.bout_tables.columns import is_id, is_time
from pipeline.annotations.cells import number
from pipeline.annotations.frame_table import frame_rows, index_position, one_based_notes
from pipeline.annotations.opening import AnnotationFile, cell

DESCRIPTION = "class per frame (Frame,Action with a number or word in each row)"
_CLASS_NAMES = {"action", "label", "class", "behavior", "behaviour", "state", "category"}
_MOST_CLASSES = 200


def matches(file: AnnotationFile) -> bool:
    """True where the only column beside frame numbers, times and ids has one of the names above."""
    return _class_position(file) is not None and len(file.rows) > 1


def read(file: AnnotationFile, wanted: Wanted) -> FrameTable:
    """Read the classes.

    Raises
    ------
    InputError
        No such column, frame numbers that don't count 0, 1, 2, …, no rows, numbers that are no classes.
    """
    position = _class_position(file)
    if position is None:
        raise file.other_than(DESCRIPTION)
    index = index_position(file.names)
    rows = frame_rows(file, index, n_frames_video=wanted.n_frames)
    labels = [_label(file, row, cell(cells, position)) for row, cells in rows]
    classes = sorted({*labels} - {""}, key=lambda name: (not name.isdigit(), name.isdigit() and len(name), name))
    if len(classes) > _MOST_CLASSES:
        raise InputError(
            f"{file.path.name} names {len(classes)} different classes in its column {file.names[position]!r}, which is "
            "more than an ethogram has. Is it a column of measurements?"
        )
    codes = np.array([classes.index(label) if label else -1 for label in labels])
    active = codes[:, None] == np.arange(len(classes))[None, :]
    scored = np.repeat(codes[:, None] >= 0, len(classes), axis=1)
    notes = one_based_notes(file, index)
    return FrameTable(file.path, "class_csv", tuple(classes), active, scored, notes=notes, one_of=True)


def _class_position(file: AnnotationFile) -> int | None:
    index = index_position(file.names)
    others = [i for i, name in enumerate(file.folded) if i != index and name and not is_id(name) and not is_time(name)]
    return others[0] if len(others) == 1 and file.folded[others[0]] in _CLASS_NAMES else None


def _label(file: AnnotationFile, row: int, text: str) -> str:
    """The class as text; "" = not scored."""
    value = number(text)
    if is_missing(text) or says_unknown(text) or value == -1:
        return ""
    if value is None:
        return text
    if value < 0 or value != int(value):
        raise InputError(f"Expected a class number (0, 1, 2, …) or a word in {file.at(row)}, found {text!r}.")
    return str(int(value))
