"""From columns of cells to truth values per frame."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.annotations.cells import is_given, number


@dataclass(frozen=True)
class LabelColumn:
    """One behavior's column.

    Attributes
    ----------
    active, scored : ndarray, shape (n_rows,), bool
        What the cells say.
    fault : str
        What is wrong, "" where nothing is.
    """

    active: NDArray[np.bool_]
    scored: NDArray[np.bool_]
    fault: str


def parse_cells(name: str, cells: list[str], rows: list[int]) -> LabelColumn:
    """Read a column of 1, 0, and empty or -1 for not scored.

    A column of 1 and empty cells without any 0 is refused: the annotator may have meant "empty = 0".

    Parameters
    ----------
    name : str
        The column's, for the fault's text.
    cells : list of str
        One per frame.
    rows : list of int
        Row numbers in the file, as long as `cells`.
    """
    values = np.full(len(cells), -1, dtype=np.int8)
    cache: dict[str, int | None] = {}
    for i, text in enumerate(cells):
        if text not in cache:
            cache[text] = parse_cell(text)
        value = cache[text]
        if value is None:
            fault = f"column {name!r}, row {rows[i]}: expected 1, 0, -1 or empty (not scored), found {text!r}"
            return LabelColumn(values == 1, values >= 0, fault)
        values[i] = value
    fault = ""
    if (values == 1).any() and not (values == 0).any() and "" in cache:
        fault = (
            f"column {name!r} has 1 and empty cells but no 0. Empty means not scored, so nothing would count "
            "as absence; write 0 where the behavior was absent"
        )
    return LabelColumn(values == 1, values >= 0, fault)


def parse_marks(cells: list[str]) -> LabelColumn | None:
    """Read a column of marks: ``x`` where the behavior was seen, empty where not; None where it is none."""
    if not set(cells) <= {"x", "X", ""}:
        return None
    active = np.array([text != "" for text in cells], dtype=bool)
    return LabelColumn(active, np.ones(len(cells), dtype=bool), "")


def parse_cell(text: str) -> int | None:
    """1, 0, -1 for not scored; None for anything else."""
    if not is_given(text):
        return -1
    value = number(text)
    return int(value) if value in (0.0, 1.0, -1.0) else None
