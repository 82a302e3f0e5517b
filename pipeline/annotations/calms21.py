"""The annotations of CalMS21's JSON: a class number for each frame, whose names stand in the sequence's vocabulary.

The file is that of the poses (see `features.poses.calms21`). Labels are of the pair, by what the resident does. -1 and
``null`` mean not scored, and so does a behavior that the vocabulary lacks; ``other`` is a class like any other, of
frames in which no behavior was seen.
"""

import numpy as np

from common.errors import InputError
from common.names import canonical
from common.suggestions import listing
from features.poses.calms21 import matches as is_calms21
from features.poses.calms21 import read_sequence
from pipeline.annotations.base import FrameTable, Wanted
from pipeline.annotations.opening import AnnotationFile

DESCRIPTION = "CalMS21 JSON (a class number per frame and its vocabulary, by sequence)"
_NOT_SCORED = (None, -1)


def matches(file: AnnotationFile) -> bool:
    """True where the poses would be read as CalMS21's."""
    return file.is_project and is_calms21(file.path)


def read(file: AnnotationFile, wanted: Wanted) -> FrameTable:
    """Read the classes of one sequence.

    Raises
    ------
    InputError
        A damaged file, a sequence that the user must name or that has no annotations, or a class without a name.
    """
    if not matches(file):
        raise file.other_than(DESCRIPTION)
    content = read_sequence(file.path, wanted.choice.sequence)
    metadata = content.get("metadata")
    vocabulary = metadata.get("vocab") if isinstance(metadata, dict) else None
    labels = content.get("annotations")
    if not isinstance(vocabulary, dict) or not isinstance(labels, list) or not labels:
        raise InputError(
            f"Expected annotations and a vocabulary (metadata: vocab) in {file.path.name}{wanted.choice.part}, found "
            "none. CalMS21 has sequences without annotations, to be predicted: leave the column 'annotations' empty."
        )
    names = {number: canonical(str(name)) for name, number in vocabulary.items() if isinstance(number, int)}
    for frame, label in enumerate(labels):
        if label not in _NOT_SCORED and (not isinstance(label, int) or label not in names):
            known = listing(f"{number} ({name})" for number, name in sorted(names.items()))
            raise InputError(
                f"{file.path.name}{wanted.choice.part}, frame {frame}: expected one of the classes {known}, found "
                f"{str(label)[:60]}. Correct the annotations, or their vocabulary."
            )
    codes = np.array([-1 if label is None else label for label in labels], dtype=np.int64)
    active = codes[:, None] == np.array(sorted(names))[None, :]
    scored = np.repeat(codes[:, None] != -1, len(names), axis=1)
    behaviors = tuple(names[number] for number in sorted(names))
    # The vocabulary names all that was scored: in task 3, one behavior of seven.
    return FrameTable(file.path, "calms21", behaviors, active, scored)
