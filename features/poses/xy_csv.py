"""A plain CSV of one point: `frame,x,y`, with `likelihood` or without.

For trackers that follow the animal as a whole. Frames are counted from 0 and may stand in any order;
those that have no row are missing. The point is called `center` (see `features.centers`). Other columns
are left out, but for `z`, which is refused. How many frames of the video follow the last row, the file can't tell.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from common.delimited import Dialect, find_dialect, head_rows, is_text, iter_rows
from common.errors import InputError
from features.poses.assembly import LIKELIHOOD_NAMES, make_track, require_plane, require_sane_length
from features.tracks import PoseTrack

DESCRIPTION = "plain CSV (frame, x, y)"
_NAMES = {
    "frame": ("frame", "frames", "frame_number", "frame number", "frame_index", "frame index", "frame_id"),
    "x": ("x", "x_px", "x (px)"),
    "y": ("y", "y_px", "y (px)"),
    "likelihood": LIKELIHOOD_NAMES,
}
_DEPTH = ("z", "z_px", "z (px)")
_TOLD_APART = ("individual", "id", "track", "track_id", "animal", "identity")
_MISSING = ("", "nan", "na", "none", "null")


@dataclass(frozen=True)
class _Header:
    dialect: Dialect
    row: int
    positions: dict[str, int]
    individual_position: int | None
    depth: str | None


def matches(path: Path) -> bool:
    """True where the first row names a frame, an x and a y."""
    return is_text(path) and _read_header(path) is not None


def read(path: Path, individual: str | None) -> PoseTrack:
    """Read the point; several animals in one file are refused.

    Raises
    ------
    InputError
        No such header, an individual asked for, a cell that is no number, a frame that stands there twice.
    """
    header = _read_header(path)
    if header is None:
        raise InputError(f"Expected {DESCRIPTION} in {path.name}, found no such header. Export it again.")
    require_plane(path, header.depth)
    if individual is not None:
        raise InputError(
            f"{path.name} is a plain CSV of one animal, so individual {individual!r} is not in it. "
            "Leave center.individual out."
        )
    frames, values = _read_rows(path, header)
    if not frames:
        raise InputError(f"{path.name} has a header but no frames. Track the video again.")
    numbers = np.fromiter(frames, dtype=np.int64)
    table = np.full((int(numbers.max()) + 1, 3), np.nan)
    table[numbers] = values
    track = make_track(path, ("center",), table[:, None, :2].copy(), table[:, 2:].copy())
    return replace(track, ends_with_last_seen=True)


def _read_header(path: Path) -> _Header | None:
    dialect = find_dialect(path)
    rows = head_rows(path, 1, dialect)
    if not rows:
        return None
    row, cells = rows[0]
    names = [cell.casefold() for cell in cells]
    positions: dict[str, int] = {}
    for meaning, spellings in _NAMES.items():
        found = [position for position, name in enumerate(names) if name in spellings]
        if len(found) > 1:
            raise InputError(f"{path.name}, row {row}: {len(found)} columns are named {meaning}. Keep one.")
        if found:
            positions[meaning] = found[0]
    if not {"frame", "x", "y"} <= set(positions):
        return None
    told_apart = next((position for position, name in enumerate(names) if name in _TOLD_APART), None)
    depth = next((name for name in names if name in _DEPTH), None)
    return _Header(dialect, row, positions, told_apart, depth)


def _read_rows(path: Path, header: _Header) -> tuple[dict[int, int], list[list[float]]]:
    """Frame number → its row in the file, and x, y, likelihood of each."""
    frames: dict[int, int] = {}
    values: list[list[float]] = []
    animals: dict[str, int] = {}
    for row, cells in iter_rows(path, header.dialect):
        if row <= header.row or not any(cells):
            continue
        if header.individual_position is not None and header.individual_position < len(cells):
            animals.setdefault(cells[header.individual_position], row)
            if len(animals) > 1:
                raise InputError(
                    f"{path.name} holds several animals ({' and '.join(list(animals))}; row {row}). A plain CSV is "
                    "read for one: write one file per animal."
                )
        frame, x, y, likelihood = (_number(path, row, cells, header, name) for name in _NAMES)
        if not np.isfinite(frame) or frame < 0 or frame != int(frame):
            raise InputError(
                f"Expected a frame number (0, 1, 2, …) in {path.name}, row {row}, column "
                f"{header.positions['frame'] + 1}, found {frame:g}. Frames are counted from 0."
            )
        require_sane_length(path, frame + 1)
        if frame in frames:
            raise InputError(
                f"{path.name} has frame {frame:.0f} twice (rows {frames[int(frame)]} and {row}). "
                "Keep one row per frame."
            )
        frames[int(frame)] = row
        values.append([x, y, likelihood])
    return frames, values


def _number(path: Path, row: int, cells: list[str], header: _Header, name: str) -> float:
    """The cell as a number, NaN where it is empty; a likelihood that has no column is 1."""
    if name not in header.positions:
        return 1.0
    position = header.positions[name]
    cell = cells[position] if position < len(cells) else ""
    if cell.casefold() in _MISSING:
        return float("nan")
    # Excel in a language with a decimal comma separates columns by something else.
    plain = cell.replace(",", ".") if header.dialect.delimiter != "," else cell
    try:
        return float(plain)
    except ValueError as error:
        raise InputError(
            f"Expected a number in {path.name}, row {row}, column {position + 1} ({name}), found {cell!r}. "
            "Correct the cell, or leave it empty where the animal was not found."
        ) from error
