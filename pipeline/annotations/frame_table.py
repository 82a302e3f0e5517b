"""What tables with a row per frame have in common: the frame numbers, and columns of 0 and 1."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from common.words import is_given, says_unknown, yes_or_no
from pipeline.annotations.base import FrameTable
from pipeline.annotations.bout_tables.columns import is_id
from pipeline.annotations.cells import number
from pipeline.annotations.opening import AnnotationFile, Row, cell

INDEX_NAMES = ("", "frame", "frames", "frame_number", "frame number", "index", "unnamed: 0")
# What a cell says: 1, 0, not scored; and where a column holds marks, seen and not seen.
_NOT_SCORED, _EMPTY, _MARK = -1, -2, 2


@dataclass(frozen=True)
class LabelColumn:
    """One behavior's column: what its cells say, shape (n_rows,), or (0,) where there is a fault ("" = none)."""

    active: NDArray[np.bool_]
    scored: NDArray[np.bool_]
    fault: str = ""


def index_position(names: list[str]) -> int | None:
    """The column of frame numbers; None where there is none."""
    return next((i for i, name in enumerate(names) if name.casefold() in INDEX_NAMES), None)


def label_positions(file: AnnotationFile, other_than: Iterable[int | None]) -> dict[str, int]:
    """Positions of the named columns beside some others, and beside those that say whose or which video's a row is.

    Raises
    ------
    InputError
        A name twice.
    """
    names = file.names
    twice = [name for name in names if name and names.count(name) > 1]
    if twice:
        raise InputError(f"{file.path.name} has the column {twice[0]!r} twice. Give each behavior one column.")
    return {name: i for i, name in enumerate(names) if i not in other_than and name and not is_id(name)}


def one_based_notes(file: AnnotationFile, index: int | None) -> tuple[str, ...]:
    """A note where the frame numbers count from 1; `frame_rows` has seen to it that this is sure."""
    if index is None or len(file.rows) < 2 or number(cell(file.rows[1][1], index)) != 1:
        return ()
    return (
        f"{file.path.name} counts frames from 1 and has as many rows as the video has frames: row k is taken as frame "
        "k - 1 of the frames from 0 that Rearview and most programs count.",
    )


def frame_rows(
    file: AnnotationFile,
    index: int | None,
    header_row: int | None = None,
    *,
    skips_blank: bool = False,
    n_frames_video: int | None = None,
) -> Iterator[Row]:
    """Yield the rows under the header, one per frame; blank lines at the end are no frames.

    `index` is the column of the frame numbers, `header_row` the last row of the header (by default the first row). With
    `skips_blank`, blank lines in between are no frames either, and rows may be longer than the first one. Frame numbers
    may count from 1 where there are `n_frames_video` rows, no more and no fewer; else it isn't sure whether frame 0 is
    missing.

    Raises
    ------
    InputError
        Rows longer than the header, frame numbers that don't count 0, 1, 2, …, no rows.
    """
    width = len(file.names)
    n_frames = 0
    first: Row | None = None
    blank: list[Row] = []
    for row, cells in file.iter_rows():
        if row <= (file.header_row if header_row is None else header_row):
            continue
        if not any(cells) and (skips_blank or index is not None or not cells):
            blank.append((row, cells))
            continue
        if any(cells[width:]) and not skips_blank:
            raise InputError(
                f"{file.at(row)}, has {len(cells)} cells, its header only {width}. Is a name in the header missing?"
            )
        for frame_row in [(row, cells)] if skips_blank else [*blank, (row, cells)]:
            if not n_frames and n_frames_video and index is not None and number(cell(frame_row[1], index)) == 1:
                first = frame_row
            if index is not None:
                _require_frame(file, *frame_row, index, n_frames + bool(first))
            yield frame_row
            n_frames += 1
        blank.clear()
    if not n_frames:
        raise InputError(f"{file.path.name} has a header but no rows. Export it again.")
    if first is not None and index is not None and n_frames != n_frames_video:
        _require_frame(file, *first, index, 0)


def _require_frame(file: AnnotationFile, row: int, cells: list[str], index: int, expected: int) -> None:
    text = cell(cells, index)
    if number(text) != expected:
        raise InputError(
            f"Expected the frame numbers 0, 1, 2, … in {file.path.name}, one row per frame, found {text!r} instead of "
            f"{expected} in row {row}. Count frames from 0 and leave none out; a frame that wasn't scored has empty "
            "cells. (Numbers from 1 are read where there is a row for each frame of the video.)"
        )


def read_columns(
    rows: Iterable[Row], positions: Mapping[str, int], *, has_marks: bool = False
) -> dict[str, LabelColumn]:
    """Read columns (positions by name) of 1, 0, and empty or -1 for not scored.

    A column of 1 and empty cells without any 0 is a fault: the annotator may have meant "empty = 0". With `has_marks` a
    column may also be ``x`` where the behavior was seen and empty where not; then an empty column beside marked ones is
    a behavior that never happened. Only what can be labels is kept in memory: a table may have hundreds of features.
    """
    codes: dict[str, bytearray] = {name: bytearray() for name in positions}
    faults: dict[str, str] = {}
    numbers: list[int] = []
    for row, cells in rows:
        numbers.append(row)
        for name in list(codes):
            text = cell(cells, positions[name])
            code = _code(text)
            if code is None or (code == _MARK and not has_marks):
                faults[name] = _other_cell(name, row, text)
                del codes[name]
            else:
                codes[name].append(code % 256)
    arrays = {name: np.frombuffer(values, np.int8) for name, values in codes.items()}
    any_marked = any(np.isin(values, (_MARK, _EMPTY)).all() and (values == _MARK).any() for values in arrays.values())
    none = np.zeros(0, bool)
    return {
        name: LabelColumn(none, none, faults[name])
        if name in faults
        else _column(name, arrays[name], numbers, any_marked)
        for name in positions
    }


def _column(name: str, values: NDArray[np.int8], numbers: list[int], any_marked: bool) -> LabelColumn:
    if any_marked and np.isin(values, (_MARK, _EMPTY)).all():
        return LabelColumn(values == _MARK, np.ones(len(values), bool))
    fault = ""
    if (values == _MARK).any():
        fault = _other_cell(name, numbers[int(np.argmax(values == _MARK))], "x")
    elif (values == 1).any() and not (values == 0).any() and (values == _EMPTY).any():
        fault = (
            f"column {name!r} has 1 and empty cells but no 0. Empty means not scored, so nothing would count "
            "as absence; write 0 where the behavior was absent"
        )
    return LabelColumn(values == 1, values >= 0, fault)


def _other_cell(name: str, row: int, text: str) -> str:
    return f"column {name!r}, row {row}: expected 1, 0, -1 or empty (not scored), found {text!r}"


@lru_cache(maxsize=10_000)
def _code(text: str) -> int | None:
    if text in ("", "x", "X"):
        return _MARK if text else _EMPTY
    return parse_cell(text)


@lru_cache(maxsize=10_000)
def parse_cell(text: str) -> int | None:
    """1, 0, -1 for not scored; None for anything else."""
    if not is_given(text) or says_unknown(text):
        return _NOT_SCORED
    word = yes_or_no(text)
    value = number(text) if word is None else float(word)
    return int(value) if value in (0.0, 1.0, -1.0) else None


def to_table(
    file: AnnotationFile,
    format_name: str,
    columns: Mapping[str, LabelColumn],
    notes: tuple[str, ...] = (),
    *,
    description: str,
) -> FrameTable:
    """Label columns as a `FrameTable`; those with a fault are kept under their name.

    Raises
    ------
    InputError
        No column without a fault.
    """
    faults = {name: column.fault for name, column in columns.items() if column.fault}
    good = tuple(name for name in columns if name not in faults)
    if not good:
        first = next(iter(faults.values()), f"its columns are {', '.join(file.names)[:200]}")
        raise InputError(f"{file.path.name} has no column of labels: {first}. Expected {description}.")
    active = np.stack([columns[name].active for name in good], axis=1)
    scored = np.stack([columns[name].scored for name in good], axis=1)
    return FrameTable(file.path, format_name, good, active, scored, faults, notes)
