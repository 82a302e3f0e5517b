"""Label columns inside a DeepLabCut CSV: the form in which the thesis' lab keeps its labels.

Which columns are labels is told by the header (see `features.poses.deeplabcut`). Cells are 1, 0, and
empty or -1 for not scored; or marks, ``x`` where the behavior was seen and empty where it was not (then
an empty column beside marked ones is a behavior that never happened).
"""

from common.errors import InputError
from features.poses.deeplabcut import read_header
from pipeline.annotations.base import FrameTable, Wanted
from pipeline.annotations.frame_table import frame_rows, read_columns, to_table
from pipeline.annotations.opening import AnnotationFile

DESCRIPTION = "label columns inside a DeepLabCut CSV"


def matches(file: AnnotationFile) -> bool:
    """True where this is a DeepLabCut CSV with label columns or without."""
    return file.dialect is not None and read_header(file.path, file.dialect) is not None


def read(file: AnnotationFile, wanted: Wanted) -> FrameTable:
    """Read the label columns; a column of something else becomes a fault under its name.

    Raises
    ------
    InputError
        Poses without any label column, frame numbers that don't count 0, 1, 2, …
    """
    header = None if file.dialect is None else read_header(file.path, file.dialect)
    if header is None or not header.label_positions:
        raise InputError(
            f"{file.path.name} holds keypoints but no column of labels. Add a column of 0/1 per behavior to "
            "it, or name the file that holds the annotations."
        )
    rows = frame_rows(file, header.index_position, header.last_row, skips_blank=True)
    columns = read_columns(rows, header.label_positions, has_marks=True)
    return to_table(file, "deeplabcut_columns", columns, description=DESCRIPTION)
