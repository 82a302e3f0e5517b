"""Sheets of an OpenDocument spreadsheet (.ods), as LibreOffice, Excel and BORIS write it; as texts, times as h:mm:ss.

Read by the standard library's expat alone: a document type, and with it every entity that could grow or ask for a file,
is refused.
"""

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from xml.parsers import expat

from pipeline.annotations.sheets.base import MOST_BYTES, MOST_CELLS, Sheet, clock, filled_rows, one_line

PART = "content.xml"
_OFFICE = "urn:oasis:names:tc:opendocument:xmlns:office:1.0 "
_TABLE = "urn:oasis:names:tc:opendocument:xmlns:table:1.0 "
_TEXT = "urn:oasis:names:tc:opendocument:xmlns:text:1.0 "
_CELLS = (_TABLE + "table-cell", _TABLE + "covered-table-cell")
_BLANKS = (_TEXT + "s", _TEXT + "tab", _TEXT + "line-break")
_DURATION = re.compile(r"P(?:(\d{1,9})D)?T(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9}(?:[.,]\d+)?)S)?")
_MOST_COLUMNS = 16_384


def tables(path: Path) -> Iterator[tuple[str, Sheet]]:
    """Yield names and rows of the sheets.

    Raises
    ------
    ValueError, OSError, RuntimeError, zipfile.BadZipFile, expat.ExpatError
        A damaged or encrypted file, or one with a document type or more cells than a table of labels has.
    """
    reader = _Reader()
    with zipfile.ZipFile(path) as archive, archive.open(PART) as content:
        reader.read(content.read(MOST_BYTES))
    for name, rows in reader.tables:
        yield name, tuple(filled_rows(rows))


class _Reader:
    """What the parser has come to: tables of numbered rows of texts."""

    def __init__(self) -> None:
        self.tables: list[tuple[str, list[tuple[int, list[str]]]]] = []
        self._row: list[str] = []
        self._n_rows = self._n_cells = self._row_repeats = self._repeats = self._n_blank = 0
        self._cell: list[str] | None = None
        self._value = ""
        self._n_notes = 0  # inside of comments, whose text is none of the cell's

    def read(self, content: bytes) -> None:
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._data
        parser.StartDoctypeDeclHandler = _refuse_doctype
        parser.Parse(content, True)

    def _start(self, tag: str, given: dict[str, str]) -> None:
        if tag == _TABLE + "table":
            self.tables.append((given.get(_TABLE + "name", ""), []))
            self._n_rows = 0
        elif tag == _TABLE + "table-row":
            self._row, self._n_blank = [], 0
            self._row_repeats = _count(given, "number-rows-repeated")
        elif tag in _CELLS:
            self._cell, self._value = [], _value(given)
            self._repeats = _count(given, "number-columns-repeated")
        elif tag == _OFFICE + "annotation":
            self._n_notes += 1
        elif tag in _BLANKS:
            self._data(" ")

    def _end(self, tag: str) -> None:
        if tag == _OFFICE + "annotation":
            self._n_notes -= 1
        elif tag == _TEXT + "p":
            self._data(" ")
        elif tag in _CELLS and self._cell is not None:
            text = self._value or one_line("".join(self._cell))
            self._add_cells(text)
            self._cell = None
        elif tag == _TABLE + "table-row" and self.tables:
            self._end_row()

    def _add_cells(self, text: str) -> None:
        if not text:
            self._n_blank += self._repeats  # up to a million of them stand for the rest of a row, and come to nothing
            return
        if len(self._row) + self._n_blank + self._repeats > _MOST_COLUMNS:
            raise ValueError("too many cells")
        self._row += [*[""] * self._n_blank, *[text] * self._repeats]
        self._n_blank = 0

    def _end_row(self) -> None:
        if self._row:
            self._n_cells += len(self._row) * self._row_repeats
            if self._n_cells > MOST_CELLS:
                raise ValueError("too many cells")
            rows = self.tables[-1][1]
            rows += ((self._n_rows + i, self._row) for i in range(1, self._row_repeats + 1))
        self._n_rows += self._row_repeats

    def _data(self, text: str) -> None:
        if self._cell is not None and not self._n_notes:
            self._cell.append(text)


def _refuse_doctype(*_: object) -> None:
    raise ValueError("it has a document type, which no spreadsheet has")


def _count(given: dict[str, str], name: str) -> int:
    text = given.get(_TABLE + name, "1")
    if not (text.isascii() and text.isdigit()) or len(text) > 7:
        raise ValueError(f"{name} is {text[:40]!r}")
    return int(text)


def _value(given: dict[str, str]) -> str:
    """The cell's value where it isn't its text: what is shown may be rounded."""
    kind = given.get(_OFFICE + "value-type", "")
    if kind == "boolean":
        return "1" if given.get(_OFFICE + "boolean-value") == "true" else "0"
    if kind == "time":
        found = _DURATION.fullmatch(given.get(_OFFICE + "time-value", ""))
        if found is None:
            return ""
        days, hours, minutes, seconds = (float((part or "0").replace(",", ".")) for part in found.groups())
        return clock(((days * 24 + hours) * 60 + minutes) * 60 + seconds)
    names = {
        "float": "value",
        "percentage": "value",
        "currency": "value",
        "date": "date-value",
        "string": "string-value",
    }
    return one_line(given.get(_OFFICE + names.get(kind, ""), ""))
