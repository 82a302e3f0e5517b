"""The one sheet of an Excel workbook (.xlsx), as texts: formulas by their last value, times as h:mm:ss."""

import datetime
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from openpyxl import load_workbook

from common.errors import InputError
from common.names import canonical

_MOST_BYTES = 200_000_000  # unpacked: an hour of labels is a hundredth of it, a zip bomb far more
_MOST_ROWS, _MOST_CELLS = 1_048_576, 5_000_000
# Excel counts days from here, and takes 1900 for a leap year.
_DAY_0, _FIRST_MARCH_1900 = datetime.datetime(1899, 12, 31), datetime.datetime(1900, 3, 1)

Sheet = tuple[tuple[int, list[str]], ...]


def read_sheet(path: Path) -> Sheet:
    """Rows of the only sheet that holds something: row number (from 1) and cells without outer blanks.

    Rows that hold nothing are missing.

    Raises
    ------
    InputError
        No workbook, a damaged one, an empty one, or one with several filled sheets.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            is_workbook = "xl/workbook.xml" in archive.namelist()
            n_bytes = sum(part.file_size for part in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        _refuse(path, f"a damaged workbook ({_words(error)})")
    if not is_workbook:
        _refuse(path, "a zip file that is no Excel workbook (.xlsx)")
    if n_bytes > _MOST_BYTES:
        _refuse(path, "a workbook of more than 200 MB unpacked")
    try:
        sheets = dict(_sheets(path))
    except Exception as error:  # What is damaged makes the library raise nearly anything.
        _refuse(path, f"a damaged workbook ({_words(error)})")
    filled = {name: rows for name, rows in sheets.items() if rows}
    if not filled:
        _refuse(path, "an empty workbook")
    if len(filled) > 1:
        _refuse(path, f"a workbook of {len(filled)} sheets: {', '.join(filled)[:200]}")
    return next(iter(filled.values()))


def _refuse(path: Path, found: str) -> NoReturn:
    raise InputError(
        f"Expected one table of annotations in {path.name}, found {found}. Open it in Excel or LibreOffice and save "
        "the sheet that belongs to this recording as CSV, or export it again."
    ) from None


def _words(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def _sheets(path: Path) -> Iterator[tuple[str, Sheet]]:
    with warnings.catch_warnings():
        # About styles and extensions that no table of labels needs.
        warnings.simplefilter("ignore")
        # Of a path the library would look at the suffix; a workbook is told by its content here.
        with path.open("rb") as file:
            for sheet in load_workbook(file, read_only=True, data_only=True, keep_links=False).worksheets:
                # Some programs write a range that is not that of the cells.
                sheet.reset_dimensions()
                yield sheet.title, tuple(_rows(sheet.iter_rows(values_only=True)))


def _rows(rows: Iterator[tuple[Any, ...]]) -> Iterator[tuple[int, list[str]]]:
    n_cells = 0
    for number, values in enumerate(rows, start=1):
        n_cells += len(values)
        if number > _MOST_ROWS or n_cells > _MOST_CELLS:
            raise ValueError("too many cells")
        cells = [_text(value) for value in values]
        if any(cells):
            yield number, cells


def _text(value: Any) -> str:
    """A cell as it would stand in a CSV."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, datetime.time):
        value = datetime.timedelta(
            hours=value.hour, minutes=value.minute, seconds=value.second, microseconds=value.microsecond
        )
    if isinstance(value, datetime.datetime) and value < _FIRST_MARCH_1900:
        # Hours beyond 24 in a cell that shows a time of day.
        value -= _DAY_0
    if isinstance(value, datetime.timedelta):
        minutes, seconds = divmod(value.total_seconds(), 60)
        return f"{int(minutes // 60)}:{int(minutes % 60):02d}:{seconds:09.6f}"
    if isinstance(value, datetime.date):
        return value.isoformat()
    return canonical(" ".join(str(value).split()))
