"""The one sheet of an Excel workbook (.xlsx), read with the standard library alone.

Source: ECMA-376, part 1, SpreadsheetML: a zip of XML parts, of which the workbook, its relations, the
shared texts and the sheet are read. Numbers are taken as they are written; formulas by their last value.
"""

import lzma
import posixpath
import re
import zipfile
import zlib
from pathlib import Path
from typing import NoReturn
from xml.etree import ElementTree

from features.errors import InputError

_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_MOST_BYTES = 200_000_000  # unpacked: an hour of labels is a hundredth of it, a zip bomb far more
_MOST_COLUMNS = 16_384
_MOST_CELLS = 20_000_000
_REFERENCE = re.compile(r"([A-Z]{1,3})([1-9][0-9]{0,6})")


def read_sheet(path: Path) -> tuple[tuple[int, list[str]], ...]:
    """Rows of the only sheet that holds something.

    Returns
    -------
    tuple of (int, list of str)
        Row number (from 1) and cells without outer blanks; rows that the sheet leaves out are missing.

    Raises
    ------
    InputError
        No workbook, a damaged one, an empty one, or one with several filled sheets.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if "xl/workbook.xml" not in archive.namelist():
                _refuse(path, "a zip file that is no Excel workbook (.xlsx)")
            if sum(part.file_size for part in archive.infolist()) > _MOST_BYTES:
                _refuse(path, "a workbook of more than 200 MB unpacked")
            texts = _shared_texts(archive)
            sheets = {name: _rows(archive, part, texts) for name, part in _sheet_parts(archive).items()}
    except (zipfile.BadZipFile, ElementTree.ParseError, KeyError, ValueError, IndexError, OSError) as error:
        _refuse(path, f"a damaged workbook ({' '.join(str(error).split()) or type(error).__name__})")
    except (NotImplementedError, RuntimeError, EOFError, MemoryError, zlib.error, lzma.LZMAError) as error:
        _refuse(path, f"a workbook that can't be unpacked ({error})")
    filled = {name: rows for name, rows in sheets.items() if any(any(cells) for _, cells in rows)}
    if not filled:
        _refuse(path, "an empty workbook")
    if len(filled) > 1:
        _refuse(path, f"a workbook of {len(filled)} sheets: {', '.join(filled)[:200]}")
    return next(iter(filled.values()))


def _refuse(path: Path, found: str) -> NoReturn:
    raise InputError(
        f"Expected one table of annotations in {path.name}, found {found}. Open it in Excel or LibreOffice and save "
        "the sheet that belongs to this recording as CSV, or export it again."
    )


def _sheet_parts(archive: zipfile.ZipFile) -> dict[str, str]:
    """Sheet name to the part that holds it."""
    relations = {
        relation.get("Id", ""): relation.get("Target", "")
        for relation in ElementTree.fromstring(archive.read("xl/_rels/workbook.xml.rels"))
    }
    workbook = ElementTree.fromstring(archive.read("xl/workbook.xml"))
    return {
        sheet.get("name", ""): posixpath.normpath(posixpath.join("/xl", relations[sheet.get(_RELATION, "")]))[1:]
        for sheet in workbook.iter(f"{_MAIN}sheet")
    }


def _shared_texts(archive: zipfile.ZipFile) -> list[str]:
    if "xl/sharedStrings.xml" not in archive.namelist():
        return []
    return [_text(item) for item in ElementTree.fromstring(archive.read("xl/sharedStrings.xml"))]


def _text(item: ElementTree.Element) -> str:
    # Phonetic readings (rPh) stand beside the text and are no part of it.
    runs = [item, *item.iter(f"{_MAIN}r")]
    return " ".join("".join(run.findtext(f"{_MAIN}t", "") for run in runs).split())


def _rows(archive: zipfile.ZipFile, part: str, texts: list[str]) -> tuple[tuple[int, list[str]], ...]:
    rows = []
    number = n_cells = 0
    for row in ElementTree.fromstring(archive.read(part)).iter(f"{_MAIN}row"):
        number = int(row.get("r", number + 1))
        cells: list[str] = []
        for item in row.iter(f"{_MAIN}c"):
            column = _column(item.get("r", ""), len(cells))
            if not len(cells) <= column < _MOST_COLUMNS:
                raise ValueError(f"cell {item.get('r')} out of order")
            cells += [""] * (column - len(cells)) + [_value(item, texts)]
        n_cells += len(cells)
        if n_cells > _MOST_CELLS:
            raise ValueError("too many cells")
        rows.append((number, cells))
    return tuple(rows)


def _column(reference: str, following: int) -> int:
    """Position (from 0) of a cell such as ``C7``; the next one where it has no reference."""
    found = _REFERENCE.fullmatch(reference)
    if found is None:
        return following
    position = 0
    for letter in found[1]:
        position = 26 * position + ord(letter) - ord("A") + 1
    return position - 1


def _value(item: ElementTree.Element, texts: list[str]) -> str:
    kind = item.get("t", "n")
    if kind == "inlineStr":
        inline = item.find(f"{_MAIN}is")
        return "" if inline is None else _text(inline)
    value = (item.findtext(f"{_MAIN}v") or "").strip()
    if kind == "s" and value:
        return texts[int(value)]
    return value
