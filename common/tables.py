"""CSV files as this project writes them: UTF-8, comma, point, whole or not at all.

Equal content gives equal bytes, so that two runs can be compared with a file comparison.
"""

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from common.files import write_text

# One line of a table by column: numbers as numbers, None where the cell is empty.
Row = dict[str, Any]


def number(row: Mapping[str, Any] | None, column: str) -> Any:
    """A cell of a row of numbers; None where the row is absent or the cell empty."""
    return None if row is None else row[column]


def cell_text(value: object) -> str:
    """Write one cell of a table.

    None and NaN are empty, truth values 1 or 0, floats have six decimals. A float32 (a network's
    probability) gets as few digits as read back to the same float32, so that scores can be
    computed again from the file without a difference.
    """
    if value is None:
        return ""
    if type(value) is float:
        # A negative zero would make two equal tables differ in bytes.
        return "" if math.isnan(value) else f"{value + 0.0:.6f}"
    if isinstance(value, bool | np.bool_):
        return "1" if value else "0"
    if isinstance(value, np.float32):
        return "" if np.isnan(value) else np.format_float_positional(value, unique=True, trim="0")
    return cell_text(float(value)) if isinstance(value, float | np.floating) else str(value)


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> None:
    """Write rows under a header as `table_text`; a reader sees the old file or the whole new one."""
    write_text(path, table_text(columns, rows))


def table_text(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> str:
    """Rows under a header as CSV, cells as in `cell_text`.

    Raises
    ------
    ValueError
        When a row has other keys than the header.
    """
    lines: list[list[str]] = [list(columns)]
    names = set(columns)
    for row in rows:
        if row.keys() != names:
            raise ValueError(f"Expected the columns {list(columns)}. Received: {list(row)}")
        lines.append([cell_text(row[column]) for column in columns])
    return _csv_text(lines)


def write_lines(path: Path, lines: Iterable[Sequence[object]]) -> None:
    """Write lines of cells as CSV, the whole file in one step."""
    write_text(path, _csv_text(lines))


def _csv_text(lines: Iterable[Sequence[object]]) -> str:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(lines)
    return stream.getvalue()


def read_table(path: Path) -> list[dict[str, str]]:
    """Read a CSV file as rows of text by column name; an empty cell is an empty text."""
    with path.open(encoding="utf-8-sig", newline="") as stream:
        return [dict(row) for row in csv.DictReader(stream)]
