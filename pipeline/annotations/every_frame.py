"""One class for a whole recording, written in the table of recordings itself: ``every_frame:grooming``.

For clips that were sorted by what is seen in them. There is no file: what stands for its path is the class.
"""

import numpy as np

from common.names import canonical
from pipeline.annotations.base import FrameTable, Wanted
from pipeline.annotations.opening import AnnotationFile

DESCRIPTION = "class of a whole recording (every_frame:NAME in the table of recordings, without a file)"
NEEDS_FILE = False
FORMAT = "every_frame"


def matches(file: AnnotationFile) -> bool:
    """False: no file is of this form."""
    return False


def read(file: AnnotationFile, wanted: Wanted) -> FrameTable:
    """The class in every frame of the video; what other recordings know as classes did not happen."""
    everywhere = np.ones((wanted.n_frames, 1), dtype=bool)
    behavior = canonical(file.path.as_posix())
    return FrameTable(file.path, FORMAT, (behavior,), everywhere, everywhere.copy(), one_of=True)
