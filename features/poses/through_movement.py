"""Formats that have no reader of their own, through the package `movement` where it is installed.

SLEAP projects (`.slp`), NWB files with poses (ndx-pose), tracked boxes of VIA, and `movement`'s own netCDF,
into which its users can bring anything that it reads. `movement` is an optional extra and imported
only when such a file is read.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from common.delimited import find_dialect, head_rows, is_text
from common.errors import InputError
from common.names import canonical
from features.hdf5_files import opened
from features.poses.assembly import choose_individual, make_track, require_sane_length
from features.poses.hdf5 import DAMAGE
from features.poses.sleap_h5 import sleap_likelihood
from features.tracks import PoseTrack

DESCRIPTION = "SLEAP project, NWB, VIA tracks or movement's netCDF (with the package movement)"
_NETCDF = "movement"
_WHAT = {
    "SLEAP": "a SLEAP project (or export Analysis HDF5 in SLEAP, which is read without it)",
    "NWB": "an NWB file",
    "VIA-tracks": "a VIA tracks file",
    _NETCDF: "a netCDF file of movement's",
}


def matches(path: Path) -> bool:
    """True where the content is of a format that `movement` reads and no reader here does."""
    return _source(path) is not None


def read(path: Path, individual: str | None) -> PoseTrack:
    """Read one individual's keypoints.

    Raises
    ------
    InputError
        `movement` is not installed or refuses the file, positions in space, unknown individual.
    """
    source = _source(path)
    if source is None:
        raise InputError(f"Expected {DESCRIPTION} in {path.name}, found neither.")
    try:
        if source == _NETCDF:
            import xarray  # comes with movement

            dataset = xarray.load_dataset(path)
        else:
            from movement.io import load_dataset

            dataset = load_dataset(path, source_software=source)
    except ImportError as error:
        raise InputError(
            f"{path.name} is {_WHAT[source]} and is read through the package movement, which is not installed here "
            f"({' '.join(str(error).split())}). Install it: pip install 'movement>=0.14' (the extra `movement` of "
            "pyproject.toml)."
        ) from error
    except Exception as error:  # whatever movement and the readers under it raise on a file they refuse
        raise InputError(
            f"{path.name} looks like {_WHAT[source]}, but movement can't read it ({' '.join(str(error).split())})."
        ) from error
    try:
        # A SLEAP project ends with the last frame in which anything was found.
        is_sleap = source == "SLEAP"
        return replace(_track(path, dataset, individual, is_sleap), ends_with_last_seen=is_sleap)
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise InputError(
            f"What movement reads from {path.name} is no track of keypoints ({' '.join(str(error).split())})."
        ) from error


def _source(path: Path) -> str | None:
    """Which program wrote the file, in `movement`'s words."""
    try:
        if h5py.is_hdf5(path):
            with opened(path) as file:
                if "nwb_version" in file.attrs:
                    return "NWB"
                if all(name in file for name in ("metadata", "frames", "instances", "points")):
                    return "SLEAP"
                return _NETCDF if all(name in file for name in ("position", "confidence", "space")) else None
    except DAMAGE:
        return None
    if not is_text(path):
        return None
    rows = head_rows(path, 1, find_dialect(path))
    via = {"filename", "region_shape_attributes", "region_attributes"}
    return "VIA-tracks" if rows and via <= set(rows[0][1]) else None


def _track(path: Path, dataset: Any, individual: str | None, is_sleap: bool) -> PoseTrack:
    """One individual out of a `movement` dataset (time, space, keypoints, individuals); SLEAP's scores may pass 1."""
    dims = dataset["position"].dims
    # Singular or plural as versions of `movement` have it.
    keypoint_dim = next((dim for dim in dims if dim in ("keypoint", "keypoints")), None)
    individual_dim = next((dim for dim in dims if dim in ("individual", "individuals")), None)
    space = [str(axis) for axis in dataset.coords["space"].values]
    if space != ["x", "y"]:
        raise InputError(
            f"{path.name} holds positions in {', '.join(space)}, but crops are cut out of the picture: "
            "use the two-dimensional track of the camera whose video this is."
        )
    individuals = [""]
    if individual_dim is not None:
        individuals = [canonical(str(name)) for name in dataset.coords[individual_dim].values]
    chosen = choose_individual(path, individuals, individual)
    if individual_dim is not None:
        dataset = dataset.isel({individual_dim: individuals.index(chosen)})
    keypoints: tuple[str, ...] = ("center",)
    order = ["time", "space"]
    if keypoint_dim is not None:
        keypoints = tuple(canonical(str(name)) for name in dataset.coords[keypoint_dim].values)
        order.insert(1, keypoint_dim)
    xy_px = np.array(dataset["position"].transpose(*order).values, dtype=np.float64)
    require_sane_length(path, len(xy_px))
    confidence = np.array(dataset["confidence"].transpose(*order[:-1]).values, dtype=np.float64)
    likelihood = sleap_likelihood(confidence) if is_sleap else np.where(np.isnan(confidence), 1.0, confidence)
    return make_track(path, keypoints, xy_px.reshape(len(xy_px), -1, 2), likelihood.reshape(len(xy_px), -1))
