"""Events as BORIS' table of events takes them from the clipboard.

Format: BORIS' "Paste events" (tried with 8.27, 9.15 and 10.0): lines of exactly six columns between tabs (time,
subject, code, modifier, comment, frame index), without a header and without an end of line after the last. Open the
file in a text editor, copy all, and paste into an open observation. The same columns go into any spreadsheet.
"""

from collections.abc import Iterator, Sequence

from pipeline.exports.base import ExportedFile, file_per_source
from pipeline.exports.boris_events import event_rows
from pipeline.exports.recording import NO_DATE, ExportRecording
from pipeline.scoring.bouts.bouts import Bout

DESCRIPTION = "events as six columns between tabs, to copy and paste into BORIS"


def files(
    recordings: Sequence[ExportRecording], behaviors: Sequence[str], name: str, date: str = NO_DATE
) -> Iterator[ExportedFile]:
    """A text for each recording and source, ``paste/<recording>.tsv``."""
    return file_per_source(
        recordings, "paste/{}.tsv", lambda r, source: paste_text(r.bouts[source], r.fps, r.animal).encode("utf-8")
    )


def paste_text(bouts: Sequence[Bout], fps: float, subject: str = "") -> str:
    """A line per event; empty where there are no bouts."""
    return "\n".join("\t".join((f"{row.time_s:.3f}", *map(str, row[1:]))) for row in event_rows(bouts, fps, subject))
