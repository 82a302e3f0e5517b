"""Columns of labels and of what a program predicted, a row per frame, from a text table or a NumPy array."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from common.delimited import find_dialect, iter_rows, require_file
from common.errors import InputError
from common.names import canonical
from common.suggestions import did_you_mean, listing
from common.words import is_missing, says_unknown


@dataclass(frozen=True)
class FrameColumns:
    """A table of text with a header, and the number of each row as a spreadsheet (or NumPy) counts it."""

    path: Path
    header: list[str]
    rows: list[tuple[int, list[str]]]
    may_have_decimal_commas: bool

    @classmethod
    def read(cls, path: Path) -> "FrameColumns":
        """Read a text table, or an array (`.npy`).

        Raises
        ------
        InputError
            When it is none, or holds no frame.
        """
        require_file(path, "table of labels and probabilities")
        if path.suffix.casefold() == ".npy":
            return cls._of_array(path)
        # A row of empty cells is a frame that nobody scored or predicted; only blank lines are none.
        dialect = find_dialect(path)
        rows = [(row, cells) for row, cells in iter_rows(path, dialect) if any(cells) or len(cells) > 1]
        while rows and not any(rows[-1][1]):
            rows.pop()
        while rows and not any(rows[0][1]):
            rows.pop(0)
        if len(rows) < 2:
            raise InputError(f"{path.name} should have a header and a row per frame; found {len(rows)} row(s).")
        return cls(path, rows[0][1], rows[1:], dialect.delimiter != ",")

    @classmethod
    def _of_array(cls, path: Path) -> "FrameColumns":
        """An array, shape (n_frames, n_columns), whose columns are called 0, 1, …, or by the names of its fields."""
        try:
            array = np.load(path, allow_pickle=False)
            names = array.dtype.names
            array = np.stack([array[name] for name in names], axis=-1) if names else array
        except (OSError, ValueError, EOFError) as error:
            raise InputError(
                f"{path.name} can't be read as a NumPy array of columns ({error}). Save it again by np.save."
            ) from None
        if array.ndim != 2 or array.dtype.kind not in "biufU" or not len(array):
            raise InputError(
                f"{path.name} should hold numbers or words, shape (n_frames, n_columns), labels and predictions beside "
                f"each other, as np.column_stack([labels, probabilities]) makes them; found {array.dtype}, shape "
                f"{array.shape}."
            )
        values = array.astype(int) if array.dtype.kind == "b" else array
        rows = [(row, [str(value).strip() for value in cells]) for row, cells in enumerate(values.tolist())]
        return cls(path, list(names or map(str, range(array.shape[1]))), rows, False)

    def words(self, column: str) -> list[tuple[int, str]]:
        """Each row's number and its cell in a column, "" where it says that nothing is known."""
        cells = self._cells(column)
        unknown = {text for _, text in cells if is_missing(text) or says_unknown(text)} | {"-1", "-1.0"}
        return [(row, "" if text in unknown else canonical(text)) for row, text in cells]

    def _cells(self, column: str) -> list[tuple[int, str]]:
        if self.header.count(column) != 1:
            found = "twice" if column in self.header else "not at all"
            raise InputError(
                f"{self.path.name} should have the column {column!r} once; it is there {found}."
                f"{did_you_mean(column, self.header)} Its columns: {listing([name for name in self.header if name])}."
            )
        place = self.header.index(column)
        return [(row, cells[place] if place < len(cells) else "") for row, cells in self.rows]

    def numbers(self, column: str, wanted: str, allowed: tuple[int, ...] | None) -> NDArray[np.float64]:
        """Cells as numbers, NaN where empty; refuses what is neither allowed nor (None) within [0, 1]."""
        values = np.full(len(self.rows), np.nan)
        for i, (row, text) in enumerate(self._cells(column)):
            if is_missing(text):
                continue
            try:
                # Excel in half of Europe writes 0,5 and separates cells by semicolons.
                value = float(text.replace(",", ".") if self.may_have_decimal_commas else text)
            except ValueError:
                value = np.nan
            if not (value in allowed if allowed is not None else 0 <= value <= 1):
                raise InputError(f"{self.path.name}, row {row}, column {column!r}: expected {wanted}, found {text!r}.")
            values[i] = value
        return values

    def check_frames(self, column: str) -> None:
        """Refuse a table in which a frame is missing or out of order."""
        cells = self._cells(column)
        first = whole_number(cells[0][1])
        for i, (row, text) in enumerate(cells):
            expected = (first or 0) + i
            if whole_number(text) != expected:
                raise InputError(
                    f"{self.path.name}, row {row}, column {column!r}: expected frame {expected} (one row per frame, in "
                    f"order), found {text!r}."
                )


def whole_number(text: str) -> int | None:
    """A frame number, also as pandas writes it (`7.0`); None for anything else."""
    try:
        value = float(text)
    except ValueError:
        return None
    return int(value) if np.isfinite(value) and value == int(value) and value >= 0 else None
