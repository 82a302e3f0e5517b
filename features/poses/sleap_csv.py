"""SLEAP's analysis CSV (`Export Analysis CSV…`, `sleap-io`): a row for each animal that is found in a frame.

Columns ``track`` (a name, or empty), ``frame_idx`` (from 0), and for each node ``nose.x``, ``nose.y`` and
``nose.score``. Rows may stand in any order; frames without a row are missing, and after the last one nothing is
written. Scores are treated as in SLEAP's HDF5 (see `sleap_h5`).
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from common.delimited import Dialect, find_dialect, head_rows, is_text
from common.errors import InputError
from features.poses.assembly import (
    PoseColumn,
    assemble,
    choose_individual,
    coordinate_of,
    require_plane,
    require_sane_length,
    select_columns,
)
from features.poses.sleap_h5 import sleap_likelihood
from features.poses.text_numbers import decimal_sign, read_numbers, read_texts
from features.tracks import PoseOddity, PoseTrack

DESCRIPTION = "SLEAP analysis CSV (track, frame_idx, node.x, node.y, node.score)"
_FRAME, _TRACK = "frame_idx", "track"
_OF_INSTANCES = (_TRACK, "instance.score", "instance_score")


@dataclass(frozen=True)
class _Header:
    dialect: Dialect
    row: int
    frame_position: int
    track_position: int | None
    pose_positions: dict[int, PoseColumn]
    depth: str | None
    decimal: str


def matches(path: Path) -> bool:
    """True where the first row has `frame_idx`, what is said of an instance, and nodes' `.x` and `.y`."""
    with path.open("rb") as file:
        start = file.read(4096).replace(b"\0", b"")
    # Finding the dialect reads the whole file: only where it is worth it.
    return _FRAME.encode() in start and is_text(path) and _read_header(path) is not None


def read(path: Path, individual: str | None) -> PoseTrack:
    """Read one track's nodes.

    Raises
    ------
    InputError
        No such header, unknown or unnamed track, a cell that is no number, two rows of one track and frame.
    """
    header = _read_header(path)
    if header is None:
        raise InputError(f"Expected {DESCRIPTION} in {path.name}, found no such header. Export it again.")
    require_plane(path, header.depth)
    positions = list(header.pose_positions)
    table = read_numbers(path, header.dialect, header.decimal, header.row, [*positions, header.frame_position], "SLEAP")
    frames = _frames(path, table[header.frame_position].to_numpy(), header)
    values = table[positions].to_numpy(dtype=np.float64)
    is_place = np.array([column.coordinate != "likelihood" for column in header.pose_positions.values()])
    has_points = np.isfinite(values[:, is_place]).any(axis=1)
    tracks = _tracks(path, header, len(table))
    names = list(dict.fromkeys(tracks[has_points])) or [""]
    # Animals that SLEAP's tracking left over have no name to ask for.
    names = [name for name in names if name] or names
    name = choose_individual(path, names, individual)
    rows = np.flatnonzero(has_points & (tracks == name))
    _require_once(path, frames[rows], rows + header.row + 1, name)
    placed = np.full((int(frames.max()) + 1 if len(frames) else 0, len(positions)), np.nan)
    placed[frames[rows]] = values[rows]
    chosen = select_columns(path, list(header.pose_positions.values()), None)
    columns, placed = list(chosen), placed[:, list(chosen.values())]
    for k, column in enumerate(columns):
        if column.coordinate == "likelihood":
            placed[:, k] = sleap_likelihood(placed[:, k])
    oddities = _left_over(path, int((has_points & (tracks == "")).sum())) if name else ()
    return replace(assemble(path, columns, placed, oddities), ends_with_last_seen=True)


def _read_header(path: Path) -> _Header | None:
    dialect = find_dialect(path)
    rows = head_rows(path, 3, dialect)
    if not rows:
        return None
    row, cells = rows[0]
    if cells.count(_FRAME) != 1 or not set(_OF_INSTANCES) & set(cells):
        return None
    pose: dict[int, PoseColumn] = {}
    depth = None
    for position, name in enumerate(cells):
        node, dot, axis = name.rpartition(".")
        if not dot or name in _OF_INSTANCES:
            continue
        depth = name if axis == "z" else depth
        coordinate = coordinate_of(axis)
        if coordinate is not None:
            pose[position] = PoseColumn("", node, coordinate)
    if not {"x", "y"} <= {column.coordinate for column in pose.values()}:
        return None
    track_position = cells.index(_TRACK) if _TRACK in cells else None
    return _Header(dialect, row, cells.index(_FRAME), track_position, pose, depth, decimal_sign(dialect, rows, pose))


def _frames(path: Path, stored: NDArray[np.float64], header: _Header) -> NDArray[np.int64]:
    wrong = np.flatnonzero(~((stored >= 0) & (stored == np.floor(stored)) & np.isfinite(stored)))
    if len(wrong):
        raise InputError(
            f"Expected a frame number (0, 1, 2, …) in {path.name}, row {header.row + 1 + int(wrong[0])}, column "
            f"{_FRAME}, found {stored[wrong[0]]:g}. Export it again from SLEAP."
        )
    if not len(stored):
        raise InputError(f"{path.name} has a header but no frames. Analyse the video again.")
    require_sane_length(path, float(stored.max()) + 1)
    return stored.astype(np.int64)


def _tracks(path: Path, header: _Header, n_rows: int) -> NDArray[np.object_]:
    if header.track_position is None:
        return np.full(n_rows, "", dtype=object)
    stored = read_texts(path, header.dialect, header.row, [header.track_position])[header.track_position]
    return stored.fillna("").str.split().str.join(" ").to_numpy(dtype=object)


def _require_once(path: Path, frames: NDArray[np.int64], rows: NDArray[np.int64], name: str) -> None:
    """Raise `InputError` where a frame has two rows of the track."""
    order = np.argsort(frames, kind="stable")
    twice = np.flatnonzero(np.diff(frames[order]) == 0)
    if not len(twice):
        return
    first, second = (int(rows[order[twice[0] + step]]) for step in (0, 1))
    where = f"frame {frames[order[twice[0]]]} twice (rows {first} and {second})"
    if name:
        raise InputError(f"{path.name} has track {name!r} in {where}. Export it again from SLEAP, of one video.")
    raise InputError(
        f"{path.name} holds several animals without tracks: {where}. Run SLEAP's tracking, so that each has a name in "
        "the column `track`, or export one animal."
    )


def _left_over(path: Path, n_rows: int) -> tuple[PoseOddity, ...]:
    """Tell of rows that belong to no track, where there are tracks."""
    if not n_rows:
        return ()
    return (
        PoseOddity(
            f"{n_rows:,} rows of {path.name} belong to no track: they are left out.",
            "Where SLEAP's tracking lost the animal, it counts as missing.",
            "If these rows are of this animal, assign them to its track in SLEAP.",
        ),
    )
