"""Reading tables that people keep as text: CSV and its cousins, as they come out of real programs.

Excel, LibreOffice, pandas, DeepLabCut and BORIS write commas, semicolons or tabs, in UTF-8 with or
without a byte order mark, UTF-16, or the Windows code page. Nothing is guessed from the file's name.
Rows are counted from 1, header included, as a spreadsheet shows them.
"""

import codecs
import csv
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from common.errors import InputError
from common.files import is_file, is_folder
from common.names import canonical

DELIMITERS = (",", ";", "\t")
_MATLAB = "a MATLAB file (.mat); in MATLAB, write what it holds as a table: writetable(T, 'name.csv')"
_SIGNATURES = {
    b"PK\x03\x04": "an Excel or zip file; save it as CSV",
    b"\xd0\xcf\x11\xe0": "an Excel workbook of 97-2003 (.xls); save or export it as CSV, .xlsx or .ods",
    b"MATLAB 5.0 MAT-file": _MATLAB,
    b"MATLAB 7.3 MAT-file": _MATLAB,
    b"PAR1": "a Parquet file; save it as CSV, as by pandas.read_parquet(file).to_csv('name.csv', index=False)",
    b"\x89HDF": "an HDF5 file",
    b"%PDF": "a PDF",
}


@dataclass(frozen=True)
class Dialect:
    """How one text table is written; the first row is skipped where it is Excel's ``sep=;`` remark."""

    encoding: str
    delimiter: str
    n_skipped_rows: int


def require_file(path: Path, what: str) -> None:
    """Raise `InputError` unless `path` is a readable file that holds something; `what` is e.g. "pose file"."""
    if not is_file(path):
        found = "a folder" if is_folder(path) else "nothing"
        raise InputError(f"Expected the {what} {path}, found {found} there. Check the path's spelling.")
    try:
        with path.open("rb") as file:
            empty = not file.read(1)
    except OSError as error:
        raise InputError(f"The {what} {path} can't be opened ({error.strerror}). Check its rights.") from error
    if empty:
        raise InputError(f"The {what} {path.name} is empty (0 bytes), in {path.parent}. Export it again.")


def is_text(path: Path) -> bool:
    """True where the file's beginning can be text (no zero bytes, or a UTF-16 mark)."""
    with path.open("rb") as file:
        start = file.read(4096)
    return start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" not in start


def find_dialect(path: Path) -> Dialect:
    """Find encoding and delimiter of a text table from its content.

    The delimiter is the one that cuts the first row that isn't blank into the most cells.

    Raises
    ------
    InputError
        The file is not text, or in no encoding that is known here.
    """
    encoding = find_encoding(path)
    with path.open(encoding=encoding, newline="") as file:
        line = ""
        for line in file:
            if line.strip(" ,;\t\r\n"):
                break
    first = line.strip().lower()
    if first in ("sep=", "sep=,", "sep=;"):
        return Dialect(encoding, first[4:] or "\t", 1)
    # A cell that is longer than any table's is refused where rows are read.
    line = line[: csv.field_size_limit()]
    most = max(DELIMITERS, key=lambda delimiter: len(next(csv.reader([line], delimiter=delimiter), [])))
    return Dialect(encoding, most, 0)


def iter_rows(path: Path, dialect: Dialect) -> Iterator[tuple[int, list[str]]]:
    """Yield (row number, cells without outer blanks); row numbers count from 1, a blank line is an empty list.

    Raises
    ------
    InputError
        A row can't be taken apart (naming it).
    """
    row_number = 0
    try:
        with path.open(encoding=dialect.encoding, newline="") as file:
            reader = csv.reader(file, delimiter=dialect.delimiter)
            for row_number, cells in enumerate(reader, start=1):
                if row_number > dialect.n_skipped_rows:
                    yield row_number, [_one_line(cell) for cell in cells]
    except (csv.Error, UnicodeError) as error:
        raise InputError(
            f"{path.name} can't be read as a table beyond row {row_number} ({error}). "
            "Open it in a text editor, or export it again."
        ) from error


def head_rows(path: Path, n_rows: int, dialect: Dialect) -> list[tuple[int, list[str]]]:
    """The first `n_rows` rows that aren't blank, for recognising a format."""
    return list(itertools.islice((row for row in iter_rows(path, dialect) if any(row[1])), n_rows))


def _one_line(cell: str) -> str:
    # A line break inside a cell would break errors that quote it; names are compared without it.
    return canonical(" ".join(cell.split()) if "\n" in cell or "\r" in cell else cell.strip())


def find_encoding(path: Path) -> str:
    """Find the encoding of a text.

    Raises
    ------
    InputError
        The file is not text, or in no encoding that is known here.
    """
    with path.open("rb") as file:
        start = file.read(4096)
    for signature, what in _SIGNATURES.items():
        if start.startswith(signature):
            raise InputError(f"Expected a text table (CSV) in {path.name}, found {what}.")
    candidates: tuple[str, ...] = ("utf-8-sig", "cp1252")
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        candidates = ("utf-16",)
    elif b"\0" in start:
        raise InputError(f"Expected a text table (CSV) in {path.name}, found a binary file.")
    for encoding in candidates:
        if _decodes(path, encoding):
            return encoding
    raise InputError(
        f"{path.name} is neither UTF-8 nor Windows (cp1252) text. Save it again as 'CSV UTF-8' from Excel."
    )


def _decodes(path: Path, encoding: str) -> bool:
    try:
        with path.open(encoding=encoding, newline="") as file:
            return not any("\0" in text for text in iter(lambda: file.read(1 << 20), ""))
    except UnicodeError:
        return False
