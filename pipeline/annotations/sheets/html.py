"""Tables of a web page, as BORIS exports them and Excel saves them: the text of each cell.

Only tags of tables are looked at, one after the other. (The standard library's `HTMLParser` takes minutes for a
megabyte of comments that are never closed.)
"""

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

from common.delimited import find_encoding
from pipeline.annotations.sheets.base import Sheet, filled_rows, one_line

_MOST_BYTES = 50_000_000  # a day of key presses is a hundredth of it
_MOST_COLUMNS = 16_384
_TAG = re.compile(r"<(/?[a-zA-Z][a-zA-Z0-9]*)([^<>]*)>")
_SPAN = re.compile(r"\b(row|col)span\s*=\s*[\"']?\s*([0-9]{1,9})", re.IGNORECASE)
_ROW_ENDS = ("td", "th", "tr", "table", "/td", "/th", "/tr", "/table")


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
    first, *rest = path.read_text(encoding=find_encoding(path)).split("<!--")
    text = first + "".join(part.partition("-->")[2] for part in rest)
    for number, rows in enumerate(_tables(text), start=1):
        yield f"table {number}", tuple(filled_rows(enumerate(rows, start=1)))


def _tables(text: str) -> list[list[list[str]]]:
    """Rows of texts of each table."""
    found: list[list[list[str]]] = []
    is_inside, cell, n_blank, at = False, None, 0, 0
    for tag in _TAG.finditer(text):
        name = tag[1].lower()
        if cell is not None:
            cell += unescape(text[at : tag.start()])
        at = tag.end()
        if name in _ROW_ENDS and cell is not None:
            found[-1][-1] += [one_line(cell), *[""] * n_blank]
            cell = None
        elif name in ("br", "p", "div") and cell is not None:
            cell += " "
        if name == "table":
            if is_inside:
                raise ValueError("a table within a table")
            found.append([])
        is_inside = (is_inside or name == "table") and name != "/table"
        if name == "tr" and is_inside:
            found[-1].append([])
        elif name in ("td", "th") and is_inside and found[-1]:
            cell, n_blank = "", _n_blank(tag[2])
    return found


def _n_blank(attributes: str) -> int:
    """How many blank cells stand for the rest of a wide one."""
    spans = {word.lower(): int(count) for word, count in _SPAN.findall(attributes)}
    if spans.get("row", 1) > 1:
        raise ValueError("a cell over several rows")
    return min(max(spans.get("col", 1) - 1, 0), _MOST_COLUMNS)
