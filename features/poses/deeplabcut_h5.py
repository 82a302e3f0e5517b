"""DeepLabCut's h5 (a pandas table written through PyTables), read with h5py alone.

Both of pandas' layouts are read: ``table`` (DeepLabCut's own) and ``fixed``. Column names of the
``table`` layout are a pickle in an attribute; they are parsed, never unpickled (see `pickled_names`).
Layout: pandas' io/pytables.py.
"""

from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from common.suggestions import listing
from features.poses.assembly import COORDINATES, PoseColumn, assemble, require_frame_numbers, select_columns
from features.poses.hdf5 import DAMAGE, as_floats, read_array, text
from features.poses.pickled_names import RefusedPickleError, plain_objects
from features.tracks import PoseTrack

DESCRIPTION = "DeepLabCut h5 (a pandas table)"
_LAYOUTS = ("frame_table", "frame")


def matches(path: Path) -> bool:
    """True where this is an HDF5 file with a pandas table in it."""
    try:
        if not h5py.is_hdf5(path):
            return False
        with h5py.File(path, "r") as file:
            return bool(_tables(file))
    except DAMAGE:
        return h5py.is_hdf5(path)  # damaged: let `read` say so


def read(path: Path, individual: str | None) -> PoseTrack:
    """Read one individual's keypoints.

    Raises
    ------
    InputError
        Damaged file, several tables, column names that aren't DeepLabCut's, unknown individual.
    """
    try:
        with h5py.File(path, "r") as file:
            tables = _tables(file)
            if len(tables) != 1:
                names = listing([table.name for table in tables])
                raise InputError(f"Expected one pandas table in {path.name}, found {len(tables)}: {names}.")
            columns, values, index = _read_table(path, tables[0])
    except DAMAGE as error:
        raise InputError(
            f"{path.name} is no DeepLabCut h5 that can be read here ({' '.join(str(error).split())}). "
            "Use DeepLabCut's CSV of the same analysis instead."
        ) from error
    require_frame_numbers(path, index, first_row=0)
    chosen = select_columns(path, columns, individual)
    return assemble(path, list(chosen), values[:, list(chosen.values())])


def _tables(file: h5py.File) -> list[h5py.Group]:
    found = [item for item in file.values() if isinstance(item, h5py.Group)]
    return [group for group in found if text(group.attrs.get("pandas_type")) in _LAYOUTS]


def _read_table(path: Path, group: h5py.Group) -> tuple[list[PoseColumn], NDArray[np.float64], NDArray[np.float64]]:
    """Columns, values (n_frames, n_columns) and index (n_frames,) of either layout."""
    table_layout = text(group.attrs["pandas_type"]) == "frame_table"
    names, blocks, index = _read_table_layout(group) if table_layout else _read_fixed_layout(group)
    if not np.issubdtype(index.dtype, np.number):
        raise InputError(
            f"The rows of {path.name} are named by images, not by frame numbers: this is a labeled data set, "
            "not the analysis of a video. Use the h5 or CSV that DeepLabCut's analyze_videos wrote."
        )
    columns = [_column(path, name) for name in names]
    values = as_floats(np.concatenate(blocks, axis=1))
    if index.shape != (len(values),):
        raise ValueError(f"{len(values)} rows with frame numbers of shape {index.shape}")
    return columns, values, as_floats(index)


def _read_table_layout(group: h5py.Group) -> tuple[list, list[NDArray], NDArray]:
    table = group["table"]
    rows = read_array(table)
    names: list = []
    blocks: list[NDArray] = []
    for field in table.dtype.names:
        if field == "index":
            continue
        block = rows[field]
        block = block[:, None] if block.ndim == 1 else block
        block_names = _names(table.attrs[f"{field}_kind"])
        if len(block_names) != block.shape[1]:
            raise ValueError(f"{len(block_names)} names for {block.shape[1]} columns")
        names += block_names
        blocks.append(block)
    return names, blocks, rows["index"]


def _read_fixed_layout(group: h5py.Group) -> tuple[list, list[NDArray], NDArray]:
    names: list = []
    blocks: list[NDArray] = []
    for b in range(int(group.attrs["nblocks"])):
        levels = []
        level = 0
        while f"block{b}_items_level{level}" in group:
            words = [text(word) for word in read_array(group[f"block{b}_items_level{level}"])]
            codes = read_array(group[f"block{b}_items_label{level}"])
            if len(codes) and (codes.min() < 0 or codes.max() >= len(words)):
                raise ValueError("a column without a name")
            levels.append([words[code] for code in codes])
            level += 1
        stored = group[f"block{b}_values"]
        block = read_array(stored) if stored.attrs.get("transposed", False) else read_array(stored).T
        block_names = list(zip(*levels, strict=True))
        if block.ndim != 2 or block.shape[1] != len(block_names):
            raise ValueError(f"{len(block_names)} names for values of shape {block.shape}")
        names += block_names
        blocks.append(block)
    return names, blocks, read_array(group["axis1"])


def _names(pickled: object) -> list:
    try:
        names = plain_objects(bytes(pickled))  # type: ignore[call-overload]
    except RefusedPickleError as error:
        raise ValueError(f"column names can't be read safely: {error}") from error
    if not isinstance(names, list):
        raise ValueError("column names are no list")
    return names


def _column(path: Path, name: object) -> PoseColumn:
    """(scorer, bodypart, coord) or (scorer, individual, bodypart, coord)."""
    if isinstance(name, tuple) and len(name) in (3, 4) and all(isinstance(word, str) for word in name):
        individual = text(name[1]) if len(name) == 4 else ""
        if name[-1] in COORDINATES:
            return PoseColumn(individual, text(name[-2]), name[-1])
    raise InputError(
        f"Expected columns named by scorer, bodypart and coordinate (x, y, likelihood) in {path.name}, "
        f"found {name!r}. Use the h5 that DeepLabCut wrote, or its CSV."
    )
