"""SimBA's ``targets_inserted``: poses, features and one 0/1 column per classifier in one CSV, a row per frame.

SimBA doesn't mark which columns are classifiers. Every column of nothing but 0 and 1 is taken for one, so
that a feature may be among the names that an error lists; only those that the experiment names are used.
Source: Nilsson et al. 2020 (bioRxiv 2020.04.19.049452); columns ``NOSE_x, NOSE_y, NOSE_p`` per body part.
"""

from pipeline.annotations.base import FrameTable, Wanted
from pipeline.annotations.bout_tables.columns import is_id
from pipeline.annotations.frame_table import frame_rows, index_position, read_columns, to_table
from pipeline.annotations.opening import AnnotationFile

DESCRIPTION = "SimBA targets_inserted file (poses, features and a column of 0/1 per classifier)"
_AXES = ("_x", "_y", "_p")


def matches(file: AnnotationFile) -> bool:
    """True where the columns of at least one body part stand in one row with others."""
    return bool(_pose_columns(file)) and len(file.rows) > 1


def read(file: AnnotationFile, wanted: Wanted) -> FrameTable:
    """Read the columns of 0 and 1; all others become faults under their names.

    Raises
    ------
    InputError
        Frame numbers that don't count 0, 1, 2, …, no rows, or no column of 0 and 1.
    """
    if not matches(file):
        raise file.other_than(DESCRIPTION)
    index = index_position(file.names)
    others = {index, *_pose_columns(file)}
    positions = {name: i for i, name in enumerate(file.names) if i not in others and name and not is_id(name)}
    columns = read_columns(frame_rows(file, index, skips_blank=True), positions)
    return to_table(file, "simba", columns, description=DESCRIPTION)


def _pose_columns(file: AnnotationFile) -> set[int]:
    """Positions of the columns of body parts that have all of x, y and p."""
    at = {name: i for i, name in enumerate(file.folded)}
    stems = {name[:-2] for name in at if name.endswith("_p")}
    return {at[stem + axis] for stem in stems if all(stem + axis in at for axis in _AXES) for axis in _AXES}
