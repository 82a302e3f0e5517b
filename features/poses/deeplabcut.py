"""DeepLabCut's CSV, as written, as re-saved by pandas, and with label columns beside the keypoints.

Accepted headers (row names are looked for, so that extra index columns do no harm):

1. Rows ``scorer``, (``individuals``), ``bodyparts``, ``coords``; the column these names stand in is the
   frame number. Columns left of it are a re-save's index and are skipped. Scorer names may carry
   pandas' ``.1``, ``.2``; they are not used.
2. One flat row: ``frame, midbody_x, midbody_y, midbody_likelihood, …`` (blank, ``_`` or ``.`` between
   keypoint and coordinate, any case), as pandas users flatten it. A column named ``frame`` must count
   the frames; a first column without a name is taken for it where its rows do.

A column that is no coordinate is a *label column* (the thesis' own form keeps the human labels in the
pose file). Its name is the first of its header cells, in the order bodyparts, coords, scorer,
individuals, that is neither blank, nor pandas' ``Unnamed…``, nor one of the network's own names.
"""

import re
from dataclasses import dataclass
from itertools import compress
from pathlib import Path

import numpy as np
import pandas as pd

from common.delimited import Dialect, find_dialect, head_rows, is_text
from common.errors import InputError
from features.poses.assembly import COORDINATES, PoseColumn, assemble, require_frame_numbers, select_columns
from features.tracks import PoseTrack

DESCRIPTION = "DeepLabCut CSV (header rows scorer, bodyparts, coords)"
_HEADER_ROWS = ("bodyparts", "coords", "scorer", "individuals")
_FLAT_NAME = re.compile(r"(?P<keypoint>.+?)[ _.](?P<coordinate>x|y|likelihood)", re.IGNORECASE)
_FLAT_DEPTH = re.compile(r"(?P<keypoint>.+?)[ _.]z", re.IGNORECASE)
_FRAME_NAMES = ("frame", "frames", "frame_number", "frame_index", "frame_idx")
_N_HEAD_ROWS = 8


@dataclass(frozen=True)
class DeepLabCutHeader:
    """What the columns of a DeepLabCut CSV are, by their positions."""

    dialect: Dialect
    last_row: int
    """Number of the header's last row, counted from 1."""
    index_position: int | None
    """Column of the frame numbers; None where a flat header has none."""
    pose_positions: dict[int, PoseColumn]
    label_positions: dict[str, int]
    decimal: str
    """Decimal sign of the numbers."""


def matches(path: Path) -> bool:
    """True where the file has one of the headers above."""
    return is_text(path) and read_header(path) is not None


def read(path: Path, individual: str | None) -> PoseTrack:
    """Read one individual's keypoints; label columns are left out.

    Raises
    ------
    InputError
        No such header, unknown individual, a cell that is no number, rows that don't count the frames.
    """
    header = read_header(path)
    if header is None:
        raise InputError(f"Expected {DESCRIPTION} in {path.name}, found no such header. Export it again.")
    _require_two_dimensions(path, header)
    positions = list(header.pose_positions)
    chosen = select_columns(path, list(header.pose_positions.values()), individual)
    wanted = [positions[index] for index in chosen.values()]
    table = _read_numbers(path, header, wanted)
    if header.index_position is not None:
        require_frame_numbers(path, table[header.index_position].to_numpy(), header.last_row + 1)
    return assemble(path, list(chosen), table[wanted].to_numpy(dtype=np.float64))


def _require_two_dimensions(path: Path, header: DeepLabCutHeader) -> None:
    keypoints = {column.keypoint for column in header.pose_positions.values()}
    for name in header.label_positions:
        depth = _FLAT_DEPTH.fullmatch(name)
        if depth and depth["keypoint"] in keypoints:
            raise InputError(
                f"{path.name} holds positions in space (column {name!r}), but crops are cut out of the picture: "
                "use the two-dimensional file of the camera whose video this is."
            )


def read_header(path: Path, dialect: Dialect | None = None) -> DeepLabCutHeader | None:
    """Find out what the columns are; None where this is no DeepLabCut CSV.

    `dialect` spares looking for it again where it is known: that reads the whole file.
    """
    dialect = dialect or find_dialect(path)
    rows = head_rows(path, _N_HEAD_ROWS, dialect)
    for index_position in range(max((len(cells) for _, cells in rows), default=0)):
        names = [cells[index_position].lower() if index_position < len(cells) else "" for _, cells in rows]
        if "bodyparts" in names and "coords" in names:
            found = {name: row for name, row in zip(names, rows, strict=True) if name in _HEADER_ROWS}
            return _rows_header(dialect, index_position, found, rows)
    return _flat_header(dialect, rows) if rows else None


def _rows_header(
    dialect: Dialect, index_position: int, found: dict[str, tuple[int, list[str]]], rows: list[tuple[int, list[str]]]
) -> DeepLabCutHeader | None:
    last_row = max(row_number for row_number, _ in found.values())
    under, cells = next(((row, cells) for row, cells in rows if row > last_row), (0, []))
    if index_position < len(cells) and not any(cells[index_position + 1 :]) and not cells[index_position].isdigit():
        last_row = under  # pandas put the index' name there, alone in its row
    width = max(len(cells) for _, cells in found.values())
    by_row = [[*found.get(name, (0, []))[1], *[""] * width][:width] for name in _HEADER_ROWS]
    bodyparts, coordinates, scorers, individuals = by_row
    is_pose = [coordinate.lower() in COORDINATES for coordinate in coordinates]
    own_names = {name for row in (scorers, individuals) for name in compress(row, is_pose)}
    pose: dict[int, PoseColumn] = {}
    labels: dict[str, int] = {}
    for position in range(index_position + 1, width):
        if is_pose[position]:
            pose[position] = PoseColumn(individuals[position], bodyparts[position], coordinates[position].lower())
            continue
        names = [row[position] for row in by_row if row[position] and row[position] not in own_names]
        label = next((name for name in names if not name.startswith("Unnamed")), "")
        if label:
            labels.setdefault(label, position)
    if not pose:
        return None
    return DeepLabCutHeader(dialect, last_row, index_position, pose, labels, _decimal(dialect, rows, pose))


def _flat_header(dialect: Dialect, rows: list[tuple[int, list[str]]]) -> DeepLabCutHeader | None:
    row_number, cells = rows[0]
    pose: dict[int, PoseColumn] = {}
    labels: dict[str, int] = {}
    for position, name in enumerate(cells):
        parts = _FLAT_NAME.fullmatch(name)
        if parts:
            pose[position] = PoseColumn("", parts["keypoint"], parts["coordinate"].lower())
        elif name and not name.startswith("Unnamed"):
            labels.setdefault(name, position)
    axes = {(column.keypoint, column.coordinate) for column in pose.values()}
    if not any((keypoint, "x") in axes and (keypoint, "y") in axes for keypoint, _ in axes):
        return None
    named = [p for p, name in enumerate(cells) if p not in pose and name.casefold() in _FRAME_NAMES]
    index_position = named[0] if named else None
    if not named and 0 not in pose and [cells[0] for _, cells in rows[1:]] == [str(i) for i in range(len(rows) - 1)]:
        index_position = 0
    labels = {name: position for name, position in labels.items() if position != index_position}
    return DeepLabCutHeader(dialect, row_number, index_position, pose, labels, _decimal(dialect, rows, pose))


def _decimal(dialect: Dialect, rows: list[tuple[int, list[str]]], positions: dict[int, PoseColumn]) -> str:
    """A comma where a number in the head has one, as German or French Excel writes; else a point."""
    if dialect.delimiter == ",":
        return "."
    comma = re.compile(r"-?\d+,\d+")
    found = any(p < len(cells) and comma.fullmatch(cells[p]) for _, cells in rows for p in positions)
    return "," if found else "."


def _read_numbers(path: Path, header: DeepLabCutHeader, wanted: list[int]) -> pd.DataFrame:
    """Read the columns `wanted` and the index as float64, named by their position."""
    index = [] if header.index_position is None else [header.index_position]
    columns = sorted({*wanted, *index})

    def parse(dtype: type) -> pd.DataFrame:
        return pd.read_csv(
            path,
            sep=header.dialect.delimiter,
            encoding=header.dialect.encoding,
            decimal=header.decimal,
            header=None,
            skiprows=header.last_row,
            usecols=columns,
            dtype=dtype,
            skipinitialspace=True,
        )

    try:
        return parse(np.float64)
    except pd.errors.EmptyDataError:
        return pd.DataFrame(columns=columns, dtype=np.float64)
    except (ValueError, OverflowError) as error:  # ParserError is a ValueError
        cause = error
    try:
        texts = parse(str)
    except (ValueError, OverflowError) as error:
        raise InputError(
            f"{path.name} can't be read as a table ({' '.join(str(error).split())}). Export it again."
        ) from error
    for position in columns:
        numbers = pd.to_numeric(texts[position].str.replace(header.decimal, "."), errors="coerce")
        wrong = np.flatnonzero(numbers.isna() & texts[position].notna())
        if len(wrong):
            raise InputError(
                f"Expected a number in {path.name}, row {header.last_row + 1 + int(wrong[0])}, column "
                f"{position + 1}, found {texts[position].iloc[int(wrong[0])]!r}. Use the file as DeepLabCut "
                "wrote it."
            )
    raise InputError(f"{path.name} can't be read as numbers ({cause}). Export it again.") from cause
