"""Tables of a web page, as BORIS exports them and Excel saves them: the text of each cell."""

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

from common.delimited import find_encoding
from pipeline.annotations.sheets.base import Sheet, filled_rows, one_line

_MOST_BYTES = 50_000_000  # a day of key presses is a hundredth of it
_MOST_COLUMNS = 16_384


def is_html(start: bytes) -> bool:
    """True where a file's beginning is a tag's: no table of text begins so."""
    for mark in (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"):
        start = start.removeprefix(mark)
    return start.replace(b"\0", b"").lstrip().startswith(b"<")


def tables(path: Path) -> Iterator[tuple[str, Sheet]]:
    """Yield names (table 1, 2, …) and rows of the tables.

    Raises
    ------
    ValueError
        A table within another, a cell over several rows, or more cells than a table of labels has.
    common.errors.InputError
        The file is in no encoding that is known here.
    """
    if path.stat().st_size > _MOST_BYTES:
        raise ValueError("more than 50 MB")
    reader = _Reader()
    reader.feed(path.read_text(encoding=find_encoding(path)))
    reader.close()
    for number, rows in enumerate(reader.tables, start=1):
        yield f"table {number}", tuple(filled_rows(enumerate(rows, start=1)))


class _Reader(HTMLParser):
    """What the parser has come to: tables of rows of texts."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: list[list[list[str]]] = []
        self._is_inside = False
        self._cell: list[str] | None = None
        self._n_blank = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """See `HTMLParser`."""
        given = dict(attrs)
        if tag == "table":
            if self._is_inside:
                raise ValueError("a table within a table")
            self.tables.append([])
            self._is_inside = True
        elif tag == "tr" and self._is_inside:
            self._end_cell()
            self.tables[-1].append([])
        elif tag in ("td", "th") and self._is_inside and self.tables[-1]:
            self._end_cell()
            if (given.get("rowspan") or "1") != "1":
                raise ValueError("a cell over several rows")
            wide = given.get("colspan") or "1"
            self._cell = []
            self._n_blank = (
                min(int(wide) - 1, _MOST_COLUMNS) if wide.isascii() and wide.isdigit() and len(wide) < 9 else 0
            )
        elif tag in ("br", "p", "div"):
            self.handle_data(" ")

    def handle_endtag(self, tag: str) -> None:
        """See `HTMLParser`."""
        if tag in ("td", "th", "tr", "table"):
            self._end_cell()
        if tag == "table":
            self._is_inside = False

    def handle_data(self, data: str) -> None:
        """See `HTMLParser`."""
        if self._cell is not None:
            self._cell.append(data)

    def _end_cell(self) -> None:
        if self._cell is not None:
            self.tables[-1][-1] += [one_line("".join(self._cell)), *[""] * self._n_blank]
            self._cell = None
