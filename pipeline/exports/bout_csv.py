"""Bout CSV: ``behavior,start_frame,stop_frame,start_s,stop_s``, our own form, a row per bout.

Frames count from 0 and ``stop_frame`` is the first one after the bout. A column ``animal`` follows where the
recording names its animal. Stretches that nobody scored can't be said in
this form; the frame CSV keeps them.
"""

from collections.abc import Iterator, Sequence

from pipeline.exports.base import ExportedFile, csv_bytes, file_per_source
from pipeline.exports.recording import NO_DATE, ExportRecording

DESCRIPTION = "bout CSV, a row per bout"
COLUMNS = ("behavior", "start_frame", "stop_frame", "start_s", "stop_s")
ANIMAL = "animal"


def files(
    recordings: Sequence[ExportRecording], behaviors: Sequence[str], name: str, date: str = NO_DATE
) -> Iterator[ExportedFile]:
    """A table for each recording and source, ``bouts/<recording>.csv``."""
    return file_per_source(recordings, "bouts/{}.csv", _table, "bout_csv")


def _table(recording: ExportRecording, source: str) -> bytes:
    fps = recording.fps
    bouts = sorted(recording.bouts[source], key=lambda bout: (bout.start_frame, bout))
    columns, whose = (COLUMNS, ()) if not recording.animal else ((*COLUMNS, ANIMAL), (recording.animal,))
    edges = ((b, b.start_frame, b.stop_frame) for b in bouts)
    return csv_bytes(columns, ((b.behavior, start, stop, start / fps, stop / fps, *whose) for b, start, stop in edges))
