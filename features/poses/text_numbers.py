"""Columns of numbers out of a text table, fast, and with the cell named where one is no number."""

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from common.delimited import Dialect
from common.errors import InputError


def decimal_sign(dialect: Dialect, rows: list[tuple[int, list[str]]], positions: Iterable[int]) -> str:
    """A comma where a number in the head has one, as German or French Excel writes; else a point."""
    if dialect.delimiter == ",":
        return "."
    comma = re.compile(r"-?\d+,\d+")
    found = any(p < len(cells) and comma.fullmatch(cells[p]) for _, cells in rows for p in positions)
    return "," if found else "."


def read_numbers(
    path: Path, dialect: Dialect, decimal: str, header_row: int, positions: Iterable[int], program: str
) -> pd.DataFrame:
    """Read the columns at `positions`, below the header's last row, as float64; they are named by their position.

    Raises
    ------
    InputError
        A cell that is no number; `program` wrote the file.
    """
    columns = sorted(set(positions))
    try:
        return _parse(path, dialect, decimal, header_row, columns, np.float64)
    except pd.errors.EmptyDataError:
        return pd.DataFrame(columns=columns, dtype=np.float64)
    except (ValueError, OverflowError) as error:  # ParserError is a ValueError
        cause = error
    texts = read_texts(path, dialect, header_row, columns)
    for position in columns:
        numbers = pd.to_numeric(texts[position].str.replace(decimal, "."), errors="coerce")
        wrong = np.flatnonzero(numbers.isna() & texts[position].notna())
        if len(wrong):
            raise InputError(
                f"Expected a number in {path.name}, row {header_row + 1 + int(wrong[0])}, column "
                f"{position + 1}, found {texts[position].iloc[int(wrong[0])]!r}. Use the file as {program} "
                "wrote it."
            )
    raise InputError(f"{path.name} can't be read as numbers ({cause}). Export it again.") from cause


def read_texts(path: Path, dialect: Dialect, header_row: int, positions: Iterable[int]) -> pd.DataFrame:
    """The same as texts; NaN where a cell is empty."""
    columns = sorted(set(positions))
    try:
        return _parse(path, dialect, ".", header_row, columns, str)
    except pd.errors.EmptyDataError:
        return pd.DataFrame(columns=columns, dtype=str)
    except (ValueError, OverflowError) as error:
        raise InputError(
            f"{path.name} can't be read as a table ({' '.join(str(error).split())}). Export it again."
        ) from error


def _parse(
    path: Path, dialect: Dialect, decimal: str, header_row: int, columns: list[int], dtype: type
) -> pd.DataFrame:
    table = pd.read_csv(
        path,
        sep=dialect.delimiter,
        encoding=dialect.encoding,
        decimal=decimal,
        header=None,
        skiprows=header_row,
        usecols=columns,
        dtype=dtype,
        skipinitialspace=True,
    )
    lacking = [position for position in columns if position not in table]
    if lacking:
        raise ValueError(f"the first row below the header, row {header_row + 1}, has no column {lacking[0] + 1}")
    return table
