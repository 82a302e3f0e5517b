"""DeepEthogram's labels: a row per frame of 1, 0 and -1 (not labelled), with a column ``background``.

``background`` is 1 where no behavior is, in each labelled frame; a file in which it disagrees is refused.
Source: DeepEthogram (Bohnslav et al. 2021, eLife 10:e63377), its label files ``*_labels.csv``.
"""

from collections.abc import Mapping

import numpy as np

from common.errors import InputError
from pipeline.annotations import frame_csv
from pipeline.annotations.base import FrameTable, Wanted
from pipeline.annotations.frame_table import LabelColumn, to_table
from pipeline.annotations.opening import AnnotationFile

DESCRIPTION = "DeepEthogram label file (0, 1 and -1 per frame, with a column background)"
_BACKGROUND = "background"


def matches(file: AnnotationFile) -> bool:
    """True for a frame CSV with a column ``background`` beside others."""
    return _BACKGROUND in file.names and len(file.names) > 1 and frame_csv.matches(file)


def read(file: AnnotationFile, wanted: Wanted) -> FrameTable:
    """Read the labels.

    Raises
    ------
    InputError
        As for a frame CSV, or a frame that is background and a behavior, or neither.
    """
    columns, notes = frame_csv.all_columns(file, wanted.n_frames)
    if _BACKGROUND not in columns:
        raise file.other_than(DESCRIPTION)
    _require_agreement(file, columns)
    return to_table(file, "deepethogram", columns, notes, description=DESCRIPTION)


def _require_agreement(file: AnnotationFile, columns: Mapping[str, LabelColumn]) -> None:
    background = columns[_BACKGROUND]
    others = [column for name, column in columns.items() if name != _BACKGROUND]
    if background.fault or not others or any(column.fault for column in others):
        return
    any_active = np.any([column.active for column in others], axis=0)
    all_scored = np.all([column.scored for column in others], axis=0)
    wrong = background.scored & np.where(background.active, any_active, all_scored & ~any_active)
    if wrong.any():
        frame = int(np.flatnonzero(wrong)[0])
        found = "background and a behavior at once" if background.active[frame] else "neither background nor a behavior"
        raise InputError(
            f"{file.path.name}: frame {frame} is {found}, which DeepEthogram does not write. Was the file edited? "
            f"Correct it, or remove the column {_BACKGROUND!r}."
        )
