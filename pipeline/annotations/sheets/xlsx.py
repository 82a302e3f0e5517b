"""Sheets of an Excel workbook (.xlsx), as texts: formulas by their last value, times as h:mm:ss."""

import datetime
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from openpyxl import load_workbook

from pipeline.annotations.sheets.base import Sheet, clock, filled_rows, one_line

PART = "xl/workbook.xml"
# Excel counts days from here, and takes 1900 for a leap year.
_DAY_0, _FIRST_MARCH_1900 = datetime.datetime(1899, 12, 31), datetime.datetime(1900, 3, 1)


def tables(path: Path) -> Iterator[tuple[str, Sheet]]:
    """Yield names and rows of the sheets; a damaged workbook raises nearly anything."""
    with warnings.catch_warnings():
        # About styles and extensions that no table of labels needs.
        warnings.simplefilter("ignore")
        # Of a path the library would look at the suffix; a workbook is told by its content here.
        with path.open("rb") as file:
            for sheet in load_workbook(file, read_only=True, data_only=True, keep_links=False).worksheets:
                # Some programs write a range that is not that of the cells.
                sheet.reset_dimensions()
                yield sheet.title, tuple(filled_rows(_rows(sheet.iter_rows(values_only=True))))


def _rows(rows: Iterator[tuple[Any, ...]]) -> Iterator[tuple[int, list[str]]]:
    for number, values in enumerate(rows, start=1):
        yield number, [_text(value) for value in values]


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
        return clock(value.total_seconds())
    if isinstance(value, datetime.date):
        return value.isoformat()
    return one_line(str(value))
