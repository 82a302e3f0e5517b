"""The one sheet of a workbook or web page that holds a table of annotations, as texts: Excel, OpenDocument, HTML."""

import zipfile
from pathlib import Path
from typing import NoReturn

from common.errors import InputError
from pipeline.annotations.sheets import html, ods, xlsx
from pipeline.annotations.sheets.base import MOST_BYTES, Sheet

_ZIP = b"PK\x03\x04"


def is_sheet(start: bytes) -> bool:
    """True where a file with this beginning can be a workbook or a web page."""
    return start.startswith(_ZIP) or html.is_html(start)


def read_sheet(path: Path) -> Sheet:
    """Rows of the only sheet that holds something: row number (from 1) and cells without outer blanks.

    Rows that hold nothing are missing.

    Raises
    ------
    InputError
        None of these kinds of files, a damaged or empty one, or one with several filled sheets.
    """
    with path.open("rb") as file:
        is_zip = file.read(len(_ZIP)) == _ZIP
    what, table = ("workbook", "sheet") if is_zip else ("web page (HTML)", "table")
    program = (xlsx if _is_excel(path) else ods) if is_zip else html
    try:
        sheets = dict(program.tables(path))
    except Exception as error:  # What is damaged makes the libraries raise nearly anything.
        _refuse(path, f"a damaged {what} ({_words(error)})")
    filled = {name: rows for name, rows in sheets.items() if rows}
    if not filled:
        _refuse(path, "an empty workbook" if is_zip else "a web page or another program's XML without a table")
    if len(filled) > 1:
        _refuse(path, f"a {what} of {len(filled)} {table}s: {', '.join(filled)[:200]}")
    return next(iter(filled.values()))


def _is_excel(path: Path) -> bool:
    """True for .xlsx, False for .ods; anything else is refused."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            n_bytes = sum(part.file_size for part in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        _refuse(path, f"a damaged workbook ({_words(error)})")
    if n_bytes > MOST_BYTES:
        _refuse(path, "a workbook of more than 200 MB unpacked")
    if xlsx.PART not in names and ods.PART not in names:
        _refuse(path, "a zip file that is no workbook of Excel (.xlsx) or OpenDocument (.ods)")
    return xlsx.PART in names


def _refuse(path: Path, found: str) -> NoReturn:
    raise InputError(
        f"Expected one table of annotations in {path.name}, found {found}. Open it in Excel or LibreOffice and save "
        "the sheet that belongs to this recording as CSV, or export it again."
    ) from None


def _words(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
