"""What each export format offers."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from common.tables import cell_text
from pipeline.exports.recording import ExportRecording, name_of


class ExportedFile(NamedTuple):
    """One file, ready to be written; equal recordings give equal bytes.

    `path` is relative to the folder of the exports, with ``/``. `cells` says for each (recording, source) how the
    column ``annotations`` of a table of recordings in that folder names this file, so that it is read back; it is
    empty for a form that only another program reads.
    """

    path: str
    content: bytes
    cells: Mapping[tuple[str, str], str] = {}


class ExportFormat(Protocol):
    """What each module in `EXPORTS` offers; its DESCRIPTION is a few words for the command's help."""

    DESCRIPTION: str

    def files(
        self, recordings: Sequence[ExportRecording], behaviors: Sequence[str], name: str, date: str = ...
    ) -> Iterator[ExportedFile]:
        """The files of all recordings; `name` is the run's, `date` (``YYYY-MM-DDTHH:MM:SS``) when it was made."""
        ...


def file_per_source(
    recordings: Iterable[ExportRecording], path: str, content: Callable[[ExportRecording, str], bytes], reader: str = ""
) -> Iterator[ExportedFile]:
    """A file for each recording and source of bouts.

    `path` has ``{}`` for the name of the recording and source; `content` is given these two; `reader` is the format
    under which the files are read back, "" = they aren't.
    """
    for recording in recordings:
        for source in recording.bouts:
            place = path.format(name_of(recording.id, source))
            cells = {(recording.id, source): f"{reader}:{place}{recording.part}"} if reader else {}
            yield ExportedFile(place, content(recording, source), cells)


def csv_bytes(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """A CSV in UTF-8, cells as `common.tables` writes them."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([cell_text(value) for value in row] for row in rows)
    return stream.getvalue().encode("utf-8")
