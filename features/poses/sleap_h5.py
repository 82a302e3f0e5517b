"""SLEAP's analysis HDF5 (`Export Analysis HDF5…`, `sleap-convert --format analysis`).

Layout, from SLEAP's own description: ``tracks`` (n_tracks, 2, n_nodes, n_frames) with NaN where an
animal is absent, ``track_occupancy``, ``node_names``, ``track_names``, and in newer files
``point_scores`` (n_tracks, n_nodes, n_frames). sleap-io may write the axes in another order and then
names them in the attribute ``dims``. Frames are counted from 0 and end with the last frame in which
anything was found: the file may have fewer than the video.

Scores are the height of a peak and may pass 1 a little; they are cut to [0, 1]. A point that a human
placed has no score: its likelihood is 1.
"""

import json
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from features.hdf5_files import opened
from features.poses.assembly import choose_individual, make_track, require_sane_length
from features.poses.hdf5 import DAMAGE, as_floats, read_array, text
from features.tracks import PoseTrack

DESCRIPTION = "SLEAP analysis HDF5"
_DIMS: tuple[str, ...] = ("track", "xy", "node", "frame")
_PYTHON_DIMS = ("frame", "track", "node", "xy")


def matches(path: Path) -> bool:
    """True where this is an HDF5 file with SLEAP's `tracks`, `node_names` and `track_occupancy`."""
    try:
        if not h5py.is_hdf5(path):
            return False
        with opened(path) as file:
            return all(name in file for name in ("tracks", "node_names", "track_occupancy"))
    except DAMAGE:
        return False


def read(path: Path, individual: str | None) -> PoseTrack:
    """Read one track's keypoints.

    Raises
    ------
    InputError
        Damaged file, axes that can't be told apart, unknown or unnamed individual.
    """
    try:
        with opened(path) as file:
            nodes = tuple(text(name) for name in read_array(file["node_names"]).ravel())
            dims = _dims(file["tracks"], len(nodes))
            n_tracks = file["tracks"].shape[dims.index("track")]
            require_sane_length(path, file["tracks"].shape[dims.index("frame")])
            slot = _slot(path, file, n_tracks, individual)
            xy_px = _one_track(file["tracks"], dims, slot, ("frame", "node", "xy"))
            likelihood = np.ones(xy_px.shape[:2])
            if "point_scores" in file:
                scores = _one_track(file["point_scores"], tuple(d for d in dims if d != "xy"), slot, ("frame", "node"))
                if scores.shape != likelihood.shape:
                    raise ValueError(f"point_scores of shape {file['point_scores'].shape}")
                likelihood = sleap_likelihood(scores)
    except DAMAGE as error:
        raise InputError(
            f"{path.name} is no SLEAP analysis HDF5 that can be read here ({' '.join(str(error).split())}). "
            "Export it again from SLEAP (File > Export Analysis HDF5)."
        ) from error
    if not all(nodes):
        raise InputError(f"{path.name} has a node without a name. Name all nodes of the skeleton in SLEAP.")
    return replace(make_track(path, nodes, xy_px, likelihood), ends_with_last_seen=True)


def sleap_likelihood(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Likelihoods by SLEAP's scores, which may pass 1 a little; 1 for a point without score, which a human placed."""
    return np.where(np.isnan(scores), 1.0, np.clip(scores, 0, 1))


def _dims(tracks: h5py.Dataset, n_nodes: int) -> tuple[str, ...]:
    """Names of the axes of `tracks`: as the file tells, else as their lengths tell."""
    shape = tracks.shape
    if shape is None or len(shape) != 4:
        raise ValueError(f"tracks of shape {shape}, expected 4 axes")
    dims = _DIMS
    if "dims" in tracks.attrs:
        dims = tuple(str(name) for name in json.loads(text(tracks.attrs["dims"])))
    elif (shape[1], shape[2]) != (2, n_nodes) and (shape[3], shape[2]) == (2, n_nodes):
        dims = _PYTHON_DIMS
    if sorted(dims) != sorted(_DIMS) or shape[dims.index("xy")] != 2 or shape[dims.index("node")] != n_nodes:
        raise ValueError(f"tracks of shape {shape} for {n_nodes} nodes, axes {', '.join(dims)}")
    return dims


def _slot(path: Path, file: h5py.File, n_tracks: int, individual: str | None) -> int:
    """Index of the track; without names there may only be one."""
    names = [text(name) for name in read_array(file["track_names"]).ravel()] if "track_names" in file else []
    if n_tracks == 0:
        raise InputError(f"{path.name} holds no track. Run SLEAP's tracking, or assign the instances to tracks.")
    if not names and n_tracks == 1:
        names = [""]
    if len(names) != n_tracks or len(set(names)) != n_tracks:
        raise ValueError(f"{len(set(names))} names for {n_tracks} tracks")
    return names.index(choose_individual(path, names, individual))


def _one_track(dataset: h5py.Dataset, dims: tuple[str, ...], slot: int, order: tuple[str, ...]) -> NDArray[np.float64]:
    """The values of one track with its axes in `order`."""
    if not isinstance(dataset, h5py.Dataset) or dataset.shape is None or len(dataset.shape) != len(dims):
        raise ValueError(f"{dataset.name} is no array with {len(dims)} axes")
    where = tuple(slot if name == "track" else slice(None) for name in dims)
    left = [name for name in dims if name != "track"]
    values = read_array(dataset, where)
    return as_floats(values.transpose([left.index(name) for name in order]))
