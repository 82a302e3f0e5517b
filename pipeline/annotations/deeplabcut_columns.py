"""Label columns inside a DeepLabCut CSV: the form in which the thesis' lab keeps its labels.

Which columns are labels is told by the header (see `features.poses.deeplabcut`). Cells are 1, 0, and
empty or -1 for not scored; or marks, ``x`` where the behavior was seen and empty where it was not (then
an empty column beside marked ones is a behavior that never happened).
"""

from common.errors import InputError
from features.poses.deeplabcut import DeepLabCutHeader, read_header
from pipeline.annotations.base import FrameTable, Wanted
from pipeline.annotations.cells import cell, number
from pipeline.annotations.frame_cells import LabelColumn, parse_cells, parse_marks
from pipeline.annotations.frame_table import to_table
from pipeline.annotations.opening import FileHead

DESCRIPTION = "label columns inside a DeepLabCut CSV"


def matches(head: FileHead) -> bool:
    """True where this is a DeepLabCut CSV with label columns or without."""
    return head.dialect is not None and read_header(head.path, head.dialect) is not None


def read(head: FileHead, wanted: Wanted) -> FrameTable:
    """Read the label columns; a column of something else becomes a fault under its name.

    Raises
    ------
    InputError
        Poses without any label column, frame numbers that don't count 0, 1, 2, …
    """
    header = None if head.dialect is None else read_header(head.path, head.dialect)
    if header is None or not header.label_positions:
        raise InputError(
            f"{head.path.name} holds keypoints but no column of labels. Add a column of 0/1 per behavior to "
            "it, or name the file that holds the annotations."
        )
    cells, rows = _cells(head, header)
    return to_table(head, "deeplabcut_columns", _parse(cells, rows), DESCRIPTION)


def _parse(cells: dict[str, list[str]], rows: list[int]) -> dict[str, LabelColumn]:
    marks = {name: parse_marks(column) for name, column in cells.items()}
    marked = any(column is not None and column.active.any() for column in marks.values())
    parsed = {}
    for name, column in cells.items():
        as_marks = marks[name]
        is_marks = marked and as_marks is not None
        parsed[name] = as_marks if is_marks and as_marks else parse_cells(name, column, rows)
    return parsed


def _cells(head: FileHead, header: DeepLabCutHeader) -> tuple[dict[str, list[str]], list[int]]:
    """The label columns' cells by name, and the row numbers; only these columns are kept in memory."""
    cells: dict[str, list[str]] = {name: [] for name in header.label_positions}
    rows: list[int] = []
    for row, line in head.iter_rows():
        if row <= header.last_row or not any(line):
            continue
        index = number(cell(line, header.index_position)) if header.index_position is not None else len(rows)
        if index != len(rows):
            raise InputError(
                f"Expected the frame numbers 0, 1, 2, … in {head.path.name}, one row per frame, found "
                f"{cell(line, header.index_position)!r} instead of {len(rows)} in row {row}. Were rows "
                "removed?"
            )
        rows.append(row)
        for name, position in header.label_positions.items():
            cells[name].append(cell(line, position))
    if not rows:
        raise InputError(f"{head.path.name} has a header but no rows. Export it again.")
    return cells, rows
