"""Events as a workbook (.xlsx), which BORIS takes into an open observation.

Format: BORIS' "Import observations" of a spreadsheet (tried with 8.27, 9.15 and 10.0) takes the first sheet's columns
``time``, ``subject``, ``code``, ``modifier`` and ``comment``, in any order, and leaves out all others. Here the
others are those by which a human reads the sheet and our reader of BORIS' tabular export reads it back:
START or STOP, the frame, and the video that is meant. BORIS reads with pandas, so that a behavior whose name is a
number or "NA" doesn't survive its import; the project (.boris) has no such limit.
"""

import io
import re
import zipfile
from collections.abc import Iterator, Sequence

from openpyxl import Workbook
from openpyxl.cell import Cell
from openpyxl.worksheet.worksheet import Worksheet

from pipeline.exports.base import ExportedFile
from pipeline.exports.boris_events import event_rows, media_length_s
from pipeline.exports.recording import NO_DATE, ExportRecording, name_of
from pipeline.scoring.bouts.bouts import Bout

DESCRIPTION = "Excel workbook of events, for BORIS' import into an open observation"
COLUMNS = (
    "time", "subject", "code", "modifier", "comment",
    "behavior", "behavior type", "image index", "media file name", "media duration (s)", "FPS",
)  # fmt: skip
_ZIP_DATE = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip file can say
_TIME = re.compile(rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*<")


def files(
    recordings: Sequence[ExportRecording], behaviors: Sequence[str], name: str, date: str = NO_DATE
) -> Iterator[ExportedFile]:
    """A workbook for each recording and source, ``xlsx/<recording>.xlsx``."""
    for recording in recordings:
        for source, bouts in recording.bouts.items():
            path = f"xlsx/{name_of(recording.id, source)}.xlsx"
            # A workbook without events names no video and can't be told from one that was cut off.
            cells = {(recording.id, source): f"boris_tabular:{path}{recording.part}"} if bouts else {}
            yield ExportedFile(path, workbook_bytes(recording, bouts, date), cells)


def workbook_bytes(recording: ExportRecording, bouts: Sequence[Bout], date: str) -> bytes:
    """One sheet, a header and a row per event; equal bouts give equal bytes."""
    media = "" if recording.video_path is None else recording.video_path.name
    length_s = round(media_length_s(recording.n_frames, recording.fps), 3)
    workbook = Workbook()
    sheet = workbook.create_sheet("events", 0)
    del workbook["Sheet"]
    sheet.append(COLUMNS)
    active: set[str] = set()
    for row in event_rows(bouts, recording.fps, recording.animal):
        active ^= {row.code}
        kind = "START" if row.code in active else "STOP"
        values = (*row[:5], row.code, kind, row.frame_index, media, length_s, recording.fps)
        sheet.append([_cell(sheet, value) for value in values])
    stream = io.BytesIO()
    workbook.save(stream)
    return _with_fixed_times(stream, date)


def _cell(sheet: Worksheet, value: str | float) -> Cell:
    """A cell that holds text as text, also where it begins like a formula; an empty one where there is none."""
    cell = Cell(sheet, row=1, column=1, value=None if value == "" else value)
    if isinstance(value, str) and value:
        cell.data_type = "s"
    return cell


def _with_fixed_times(workbook: io.BytesIO, date: str) -> bytes:
    """The same workbook without the time at which it was written, which stands in its parts and in one of them."""
    packed = io.BytesIO()
    with zipfile.ZipFile(workbook) as old, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.infolist():
            content = old.read(part)
            if part.filename == "docProps/core.xml":
                content = _TIME.sub(rb"\g<1>" + date.encode("ascii") + b"Z<", content)
            new.writestr(zipfile.ZipInfo(part.filename, _ZIP_DATE), content, zipfile.ZIP_DEFLATED)
    return packed.getvalue()
