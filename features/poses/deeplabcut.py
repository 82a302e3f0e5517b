"""DeepLabCut's CSV, as written, as re-saved by pandas, and with label columns beside the keypoints.

Accepted headers (row names are looked for, so that extra index columns do no harm):

1. Rows ``scorer``, (``individuals``), ``bodyparts``, ``coords``; the column these names stand in is the
   frame number. Columns left of it are a re-save's index and are skipped. Scorer names may carry
   pandas' ``.1``, ``.2``; they are not used.
2. One flat row: ``frame, midbody_x, midbody_y, midbody_likelihood, …`` (blank, ``_`` or ``.`` between
   keypoint and coordinate, any case), as pandas users flatten it. A column named ``frame`` must count
   the frames; a first column without a name is taken for it where its rows do.

A likelihood may be called confidence, score, p (SimBA), …; a column z beside x and y is refused. Other
columns of a keypoint, such as an ensemble's variances, are left out.

A column that is none of these is a *label column* (the thesis' own form keeps the human labels in the
pose file). Its name is the first of its header cells, in the order bodyparts, coords, scorer,
individuals, that is neither blank, nor pandas' ``Unnamed…``, nor one of the network's own names.
"""

import re
from dataclasses import dataclass
from itertools import compress
from pathlib import Path

import numpy as np

from common.delimited import Dialect, find_dialect, head_rows, is_text
from common.errors import InputError
from features.poses.assembly import (
    LIKELIHOOD_NAMES,
    PoseColumn,
    assemble,
    coordinate_of,
    labeled_data_error,
    require_frame_numbers,
    require_plane,
    select_columns,
    unordered_oddity,
)
from features.poses.text_numbers import decimal_sign, read_numbers
from features.tracks import PoseTrack

DESCRIPTION = "DeepLabCut CSV (header rows scorer, bodyparts, coords)"
_HEADER_ROWS = ("bodyparts", "coords", "scorer", "individuals")
_FLAT_NAME = re.compile(rf"(?P<keypoint>.+?)[ _.](?P<coordinate>x|y|z|{'|'.join(LIKELIHOOD_NAMES)})", re.IGNORECASE)
_IMAGE = re.compile(r".*[/\\].*|.*\.(png|jpe?g|bmp|tiff?)|labeled-data", re.IGNORECASE)
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
    scorers: tuple[str, ...] = ()
    """The networks' names."""
    depth: str | None = None
    """Name of a column that holds a third coordinate; None = there is none."""
    has_images: bool = False
    """True where rows are named by images: these are labeled frames, not a video's."""


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
    require_video_poses(path, header)
    columns = list(header.pose_positions.values())
    oddities = unordered_oddity(path, header.scorers, list(dict.fromkeys(column.individual for column in columns)))
    chosen = select_columns(path, columns, individual, " ".join(oddity.found for oddity in oddities))
    positions = list(header.pose_positions)
    wanted = [positions[index] for index in chosen.values()]
    index = [] if header.index_position is None else [header.index_position]
    table = read_numbers(path, header.dialect, header.decimal, header.last_row, [*wanted, *index], "DeepLabCut")
    if header.index_position is not None:
        require_frame_numbers(path, table[header.index_position].to_numpy(), header.last_row + 1)
    return assemble(path, list(chosen), table[wanted].to_numpy(dtype=np.float64), oddities)


def require_video_poses(path: Path, header: DeepLabCutHeader) -> None:
    """Raise `InputError` for positions in space and for labeled frames, which have the same header."""
    require_plane(path, header.depth)
    if header.has_images:
        raise labeled_data_error(path)


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
    index = cells[index_position] if index_position < len(cells) else ""
    if index and not any(cells[index_position + 1 :]) and not index.isdigit():
        last_row = under  # pandas put the index' name there, alone in its row
    width = max(len(cells) for _, cells in found.values())
    by_row = [[*found.get(name, (0, []))[1], *[""] * width][:width] for name in _HEADER_ROWS]
    bodyparts, coordinates, scorers, individuals = by_row
    known = [coordinate_of(coordinate) for coordinate in coordinates]
    own_names = {name for row in (scorers, individuals) for name in compress(row, known)}
    keypoints = set(compress(bodyparts, known))
    pose: dict[int, PoseColumn] = {}
    labels: dict[str, int] = {}
    for position in range(index_position + 1, width):
        coordinate = known[position]
        if coordinate is not None:
            pose[position] = PoseColumn(individuals[position], bodyparts[position], coordinate)
            continue
        names = [row[position] for row in by_row if row[position] and row[position] not in own_names]
        label = next((name for name in names if not name.startswith("Unnamed")), "")
        if label and label not in keypoints:
            labels.setdefault(label, position)
    depth = next((bodyparts[p] for p, name in enumerate(coordinates) if name.lower() == "z"), None)
    if not pose:
        return None
    return DeepLabCutHeader(
        dialect,
        last_row,
        index_position,
        pose,
        labels,
        decimal_sign(dialect, rows, pose),
        tuple(dict.fromkeys(scorers[position] for position in pose)),
        None if depth is None else f"{depth} z",
        bool(_IMAGE.fullmatch(index)),
    )


def _flat_header(dialect: Dialect, rows: list[tuple[int, list[str]]]) -> DeepLabCutHeader | None:
    row_number, cells = rows[0]
    parts = {position: match for position, name in enumerate(cells) if (match := _FLAT_NAME.fullmatch(name))}
    axes = {(match["keypoint"], match["coordinate"].lower()) for match in parts.values()}
    keypoints = {keypoint for keypoint, axis in axes if axis == "x" and (keypoint, "y") in axes}
    if not keypoints:
        return None
    pose: dict[int, PoseColumn] = {}
    labels: dict[str, int] = {}
    depth = None
    for position, name in enumerate(cells):
        match = parts.get(position)
        # "rearing_p" of a label and "nose_p" of a keypoint differ by what else there is.
        coordinate = coordinate_of(match["coordinate"]) if match else None
        if match and coordinate and (coordinate != "likelihood" or match["keypoint"] in keypoints):
            pose[position] = PoseColumn("", match["keypoint"], coordinate)
        elif match and match["keypoint"] in keypoints:
            depth = depth or name
        elif name and not name.startswith("Unnamed"):
            labels.setdefault(name, position)
    named = [p for p, name in enumerate(cells) if p not in pose and name.casefold() in _FRAME_NAMES]
    index_position = named[0] if named else None
    if not named and 0 not in pose and [cells[0] for _, cells in rows[1:]] == [str(i) for i in range(len(rows) - 1)]:
        index_position = 0
    labels = {name: position for name, position in labels.items() if position != index_position}
    decimal = decimal_sign(dialect, rows, pose)
    return DeepLabCutHeader(dialect, row_number, index_position, pose, labels, decimal, depth=depth)
