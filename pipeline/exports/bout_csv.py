"""Bout CSV: ``behavior,start_frame,stop_frame,start_s,stop_s``, our own form, a row per bout.

Frames count from 0 and ``stop_frame`` is the first one after the bout. Stretches that nobody scored can't be said in
this form; the frame CSV keeps them.
"""

from collections.abc import Iterator, Sequence

from pipeline.exports.base import ExportedFile, csv_bytes
from pipeline.exports.recording import NO_DATE, ExportRecording, name_of
from pipeline.scoring.bouts.bouts import Bout

DESCRIPTION = "bout CSV, a row per bout"
KEEPS_TOUCHING_BOUTS = True
COLUMNS = ("behavior", "start_frame", "stop_frame", "start_s", "stop_s")


def files(
    recordings: Sequence[ExportRecording], behaviors: Sequence[str], name: str, date: str = NO_DATE
) -> Iterator[ExportedFile]:
    """A table for each recording and source, ``bouts/<recording>.csv``."""
    for recording in recordings:
        for source, bouts in recording.bouts.items():
            path = f"bouts/{name_of(recording.id, source)}.csv"
            rows = [_row(bout, recording.fps) for bout in sorted(bouts, key=lambda bout: (bout.start_frame, bout))]
            yield ExportedFile(path, csv_bytes(COLUMNS, rows), {(recording.id, source): f"bout_csv:{path}"})


def _row(bout: Bout, fps: float) -> tuple[object, ...]:
    return (bout.behavior, bout.start_frame, bout.stop_frame, bout.start_frame / fps, bout.stop_frame / fps)
