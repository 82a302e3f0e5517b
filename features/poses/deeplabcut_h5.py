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
from features.hdf5_files import opened
from features.poses.assembly import (
    PoseColumn,
    assemble,
    coordinate_of,
    labeled_data_error,
    require_frame_numbers,
    require_plane,
    select_columns,
    unordered_oddity,
)
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
        with opened(path) as file:
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
        with opened(path) as file:
            tables = _tables(file)
            if len(tables) != 1:
                found = listing([table.name for table in tables])
                raise InputError(f"Expected one pandas table in {path.name}, found {len(tables)}: {found}.")
            names, values, index = _read_table(path, tables[0])
    except DAMAGE as error:
        raise InputError(
            f"{path.name} is no DeepLabCut h5 that can be read here ({' '.join(str(error).split())}). "
            "Use DeepLabCut's CSV of the same analysis instead."
        ) from error
    require_frame_numbers(path, index, first_row=0)
    positions, columns = _columns(path, names)
    scorers = [str(name[0]) for name in names]
    oddities = unordered_oddity(path, scorers, list(dict.fromkeys(column.individual for column in columns)))
    chosen = select_columns(path, columns, individual, " ".join(oddity.found for oddity in oddities))
    return assemble(path, list(chosen), values[:, [positions[place] for place in chosen.values()]], oddities)


def _tables(file: h5py.File) -> list[h5py.Group]:
    found = [item for item in file.values() if isinstance(item, h5py.Group)]
    return [group for group in found if text(group.attrs.get("pandas_type")) in _LAYOUTS]


def _read_table(path: Path, group: h5py.Group) -> tuple[list, NDArray[np.float64], NDArray[np.float64]]:
    """Names of columns, values (n_frames, n_columns) and index (n_frames,) of either layout."""
    table_layout = text(group.attrs["pandas_type"]) == "frame_table"
    names, blocks, index = _read_table_layout(group) if table_layout else _read_fixed_layout(group)
    if not np.issubdtype(index.dtype, np.number):
        raise labeled_data_error(path)
    values = as_floats(np.concatenate(blocks, axis=1))
    if index.shape != (len(values),):
        raise ValueError(f"{len(values)} rows with frame numbers of shape {index.shape}")
    return names, values, as_floats(index)


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


def _columns(path: Path, names: list) -> tuple[list[int], list[PoseColumn]]:
    """Places and meanings of the columns that hold coordinates or likelihoods.

    Names are (scorer, bodypart, coord) or (scorer, individual, bodypart, coord). What else there is of a keypoint is
    left out, as long as it is no third coordinate.
    """
    for name in names:
        if not (isinstance(name, tuple) and len(name) in (3, 4) and all(isinstance(word, str) for word in name)):
            raise _wrong_name(path, name)
    require_plane(path, next((f"{text(name[-2])} z" for name in names if name[-1].casefold() == "z"), None))
    positions = [place for place, name in enumerate(names) if coordinate_of(name[-1]) is not None]
    if not positions:
        raise _wrong_name(path, names[0] if names else None)
    individuals = [text(names[place][1]) if len(names[place]) == 4 else "" for place in positions]
    return positions, [
        PoseColumn(individual, text(names[place][-2]), coordinate_of(names[place][-1]) or "")
        for place, individual in zip(positions, individuals, strict=True)
    ]


def _wrong_name(path: Path, name: object) -> InputError:
    return InputError(
        f"Expected columns named by scorer, bodypart and coordinate (x, y, likelihood) in {path.name}, "
        f"found {name!r}. Use the h5 that DeepLabCut wrote, or its CSV."
    )
