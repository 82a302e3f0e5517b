"""Opening an annotation file: a text table, the sheet of a workbook or web page, or a project.

From what is found here the readers tell whether a file is theirs. Nothing is guessed from the file's name.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from common.delimited import Dialect, find_dialect, head_rows, iter_rows, require_file
from common.errors import InputError
from pipeline.annotations.sheets import is_sheet, read_sheet

_N_FIRST_ROWS = 60
_MATLAB = re.compile(rb"MATLAB [57]\.\d MAT-file")
_GZIP = b"\x1f\x8b"

Row = tuple[int, list[str]]


@dataclass(frozen=True)
class AnnotationFile:
    """A file that was opened, and its beginning, from which its format is recognised.

    `dialect`: encoding and delimiter of a text table; None for other files. `rows`: row number (from 1) and cells of
    the first rows that aren't blank; empty for a project. `sheet`: all rows of a workbook's sheet or of a table in a
    web page; None for other files.
    """

    path: Path
    dialect: Dialect | None = None
    rows: tuple[Row, ...] = ()
    sheet: tuple[Row, ...] | None = None

    @property
    def is_project(self) -> bool:
        """True for JSON, plain or packed."""
        return self.dialect is None and self.sheet is None

    @property
    def unit(self) -> str:
        """What errors count: rows of a table, events of a project."""
        return "event" if self.is_project else "row"

    def at(self, row: int) -> str:
        """File and place for an error; 0 = the file as a whole."""
        return f"{self.path.name}, {self.unit} {row}" if row else self.path.name

    @property
    def names(self) -> list[str]:
        """Cells of the first row; empty for a project."""
        return self.rows[0][1] if self.rows else []

    @property
    def folded(self) -> list[str]:
        """`names` in lower case."""
        return [name.casefold() for name in self.names]

    @property
    def header_row(self) -> int:
        """Number of the first row; 0 for a project."""
        return self.rows[0][0] if self.rows else 0

    def iter_rows(self) -> Iterator[Row]:
        """Yield (row number, cells) of the whole table; nothing for a project.

        Raises
        ------
        InputError
            A row can't be taken apart.
        """
        if self.sheet is not None:
            yield from self.sheet
        elif self.dialect is not None:
            yield from iter_rows(self.path, self.dialect)

    def iter_records(self, header_row: int, names: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
        """Yield (row number, cells by lower-case name) of the rows under a header that aren't blank."""
        folded = [name.casefold() for name in names]
        for row, cells in self.iter_rows():
            if row > header_row and any(cells):
                yield row, {name: cell(cells, i) for i, name in enumerate(folded)}

    def other_than(self, description: str) -> InputError:
        """The error where a file is none of the format that was named."""
        first = f"first row: {' | '.join(self.names)[:120]}" if self.names else "a project"
        return InputError(
            f"Expected a {description} in {self.path.name}, found something else ({first}). Name its true format, or "
            "export it again."
        )


def open_annotation_file(path: Path) -> AnnotationFile:
    """Find out what kind of file this is.

    Raises
    ------
    InputError
        Missing, empty or damaged file, or neither a table nor a project.
    """
    require_file(path, "annotation file")
    if is_project(path):
        return AnnotationFile(path)
    if is_sheet(_first_bytes(path)):
        sheet = read_sheet(path)
        return AnnotationFile(path, rows=tuple(row for row in sheet if any(row[1]))[:_N_FIRST_ROWS], sheet=sheet)
    if _MATLAB.match(_first_bytes(path)):
        raise _matlab(path)
    dialect = find_dialect(path)
    rows = tuple(head_rows(path, _N_FIRST_ROWS, dialect))
    if not rows:
        raise InputError(f"The annotation file {path.name} holds only blank lines. Export it again.")
    return AnnotationFile(path, dialect, rows)


def _matlab(path: Path) -> InputError:
    return InputError(
        f"Expected a table of annotations in {path.name}, found a MATLAB file (.mat), whose variables every lab calls "
        "otherwise. In MATLAB, write the labels as a table, writetable(T, 'labels.csv'), with the columns behavior, "
        "start_frame, stop_frame (frames counted from 0, so 1 less than MATLAB's; the stop is the first frame without "
        "the behavior), or with a row per frame and a column of 0 and 1 for each behavior."
    )


def is_project(path: Path) -> bool:
    """True for JSON, plain or packed; one project may serve several recordings, since it names their videos."""
    start = _first_bytes(path)
    return start.startswith(_GZIP) or start.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"{")


def cell(cells: Sequence[str], position: int | None) -> str:
    """The cell at a position; "" where the row is too short or the column isn't there."""
    return cells[position] if position is not None and position < len(cells) else ""


def _first_bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(64)
