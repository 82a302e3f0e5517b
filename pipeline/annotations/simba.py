"""SimBA's ``targets_inserted``: poses, features and one 0/1 column per classifier in one CSV, a row per frame.

SimBA doesn't mark which columns are classifiers. Every column of nothing but 0 and 1 is taken for one, so
that a feature may be among the names that an error lists; only those that the experiment names are used.
Source: Nilsson et al. 2020 (bioRxiv 2020.04.19.049452); columns ``NOSE_x, NOSE_y, NOSE_p`` per body part.
"""

import numpy as np

from common.errors import InputError
from pipeline.annotations.base import FrameTable, Wanted
from pipeline.annotations.cells import cell
from pipeline.annotations.frame_cells import LabelColumn, parse_cell
from pipeline.annotations.frame_table import index_position, require_frame, to_table
from pipeline.annotations.opening import FileHead

DESCRIPTION = "SimBA targets_inserted file (poses, features and a column of 0/1 per classifier)"
_AXES = ("_x", "_y", "_p")


def matches(head: FileHead) -> bool:
    """True where the columns of at least one body part stand in one row with others."""
    return bool(_pose_columns(head.names)) and len(head.rows) > 1


def read(head: FileHead, wanted: Wanted) -> FrameTable:
    """Read the columns of 0 and 1; all others become faults under their names.

    Raises
    ------
    InputError
        Frame numbers that don't count 0, 1, 2, …, no rows, or no column of 0 and 1.
    """
    if not matches(head):
        raise InputError(f"Expected {DESCRIPTION} in {head.path.name}, found no columns of a body part (_x, _y, _p).")
    index = index_position(head.names)
    poses = _pose_columns(head.names)
    values: dict[int, list[int]] = {
        i: [] for i, name in enumerate(head.names) if i != index and name and i not in poses
    }
    faults: dict[int, str] = {}
    n_frames = 0
    for row, cells in head.iter_rows():
        if row <= head.rows[0][0] or not any(cells):
            continue
        if index is not None:
            require_frame(head, row, cell(cells, index), n_frames)
        n_frames += 1
        for i in list(values):
            label = parse_cell(cell(cells, i))
            if label is None:
                # Hundreds of features: only what can be labels is kept in memory.
                faults[i] = f"column {head.names[i]!r}, row {row}: expected 0 or 1, found {cell(cells, i)!r}"
                del values[i]
            else:
                values[i].append(label)
    if not n_frames:
        raise InputError(f"{head.path.name} has a header but no rows. Export it again.")
    nothing = np.zeros(0, dtype=bool)
    columns = {head.names[i]: LabelColumn(nothing, nothing, fault) for i, fault in faults.items()}
    for i, labels in values.items():
        array = np.array(labels, dtype=np.int8)
        columns[head.names[i]] = LabelColumn(array == 1, array >= 0, "")
    return to_table(head, "simba", columns, DESCRIPTION)


def _pose_columns(names: list[str]) -> set[int]:
    """Positions of the columns of body parts that have all of x, y and p."""
    at = {name.casefold(): i for i, name in enumerate(names)}
    stems = {name[:-2] for name in at if name.endswith("_p")}
    return {at[stem + axis] for stem in stems if all(stem + axis in at for axis in _AXES) for axis in _AXES}
