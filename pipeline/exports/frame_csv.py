"""Frame CSV: ``frame`` and a column of 1 and 0 per behavior, our own form, a row per frame; empty = not scored.

Where a behavior is called ``frame``, the frame numbers have another name. Two bouts of one behavior that touch are one
here. It is the only form that says frame by frame what nobody scored.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from pipeline.annotations.frame_table import INDEX_NAMES
from pipeline.exports.base import ExportedFile, csv_bytes, file_per_source
from pipeline.exports.recording import NO_DATE, ExportRecording

DESCRIPTION = "frame CSV, a row per frame and a column per behavior"


def files(
    recordings: Sequence[ExportRecording], behaviors: Sequence[str], name: str, date: str = NO_DATE
) -> Iterator[ExportedFile]:
    """A table for each recording and source, ``frames/<recording>.csv``."""
    return file_per_source(
        recordings, "frames/{}.csv", lambda recording, source: _table(recording, source, behaviors), "frame_csv"
    )


def _table(recording: ExportRecording, source: str, behaviors: Sequence[str]) -> bytes:
    texts = np.full((recording.n_frames, len(behaviors)), "0", dtype="<U1")
    for text, stretches in (("1", recording.bouts[source]), ("", recording.unscored.get(source, ()))):
        for stretch in stretches:
            texts[stretch.start_frame : stretch.stop_frame, behaviors.index(stretch.behavior)] = text
    rows = ((frame, *row) for frame, row in enumerate(texts.tolist()))
    # The frame numbers' column has a name that it is known by and that no behavior has.
    index_name = next(name for name in ("frame", *filter(None, INDEX_NAMES), "") if name not in behaviors)
    return csv_bytes((index_name, *behaviors), rows)
