"""What each export format offers."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from common.tables import cell_text
from pipeline.exports.recording import ExportRecording, name_of


@dataclass(frozen=True)
class ExportedFile:
    """One file, ready to be written.

    Attributes
    ----------
    path : str
        Relative to the folder of the exports, with ``/``.
    content : bytes
        Equal recordings give equal bytes.
    cells : mapping of (str, str) to str
        (recording, source) → how the column ``annotations`` of a table of recordings in that folder names this
        file, so that it is read back. Empty for a form that only another program reads.
    """

    path: str
    content: bytes
    cells: Mapping[tuple[str, str], str] = field(default_factory=dict)


class ExportFormat(Protocol):
    """What each module in `EXPORTS` offers.

    Attributes
    ----------
    DESCRIPTION : str
        A few words, for the command's help.
    """

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

    Parameters
    ----------
    recordings : iterable of ExportRecording
    path : str
        With ``{}`` for the name of the recording and source.
    content : callable
        Given a recording and a source.
    reader : str
        The format under which the files are read back; "" = they aren't.
    """
    for recording in recordings:
        for source in recording.bouts:
            place = path.format(name_of(recording.id, source))
            cells = {(recording.id, source): f"{reader}:{place}"} if reader else {}
            yield ExportedFile(place, content(recording, source), cells)


def csv_bytes(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """A CSV in UTF-8, cells as `common.tables` writes them."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([cell_text(value) for value in row] for row in rows)
    return stream.getvalue().encode("utf-8")
