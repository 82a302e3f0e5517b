"""JABS' pose files (``…_pose_est_v2.h5`` and later), told by what is in them: their version number is not reliable.

``poseest/points`` are (y, x) of 12 keypoints in whole pixels; ``poseest/confidence`` is 0 where a point was not found.
Version 2 is of one mouse: (n_frames, 12, 2). Later ones have places for several: (n_frames, n_places, 12, 2). Which
mouse stands in a place

- is said from version 4 on by ``instance_embed_id``, counted from 1, where ``id_mask`` is False;
  ``external_identity_mapping`` may give names;
- follows in version 3 from ``instance_track_id`` of the first ``instance_count`` places. Tracks are short: as in JABS,
  a track that begins is taken for the lowest identity that no other track has at that time.

Mice are called as in JABS' labels: 0, 1, …, or by their external name. Confidences are heights of peaks and may pass 1;
JABS takes points above 0.3 as found. They are cut to 1.
Source: KumarLabJax/JABS-behavior-classifier, its `pose_estimation`.
"""

from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from features.hdf5_files import opened
from features.poses.assembly import choose_individual, make_track, require_sane_length
from features.poses.hdf5 import DAMAGE, as_floats, read_array, text
from features.tracks import PoseOddity, PoseTrack

DESCRIPTION = "JABS pose HDF5 (pose_est_v2 and later)"
KEYPOINTS = (
    "nose", "left_ear", "right_ear", "base_neck", "left_front_paw", "right_front_paw", "center_spine", "left_rear_paw",
    "right_rear_paw", "base_tail", "mid_tail", "tip_tail",
)  # fmt: skip
_GROUP = "poseest"
_ONE_MOUSE, _SEVERAL = 3, 4  # axes of `points`


def matches(path: Path) -> bool:
    """True where this is an HDF5 file with JABS' points and confidences."""
    try:
        if not h5py.is_hdf5(path):
            return False
        with opened(path) as file:
            return f"{_GROUP}/points" in file and f"{_GROUP}/confidence" in file
    except DAMAGE:
        return False


def read(path: Path, individual: str | None) -> PoseTrack:
    """Read one mouse's keypoints.

    Raises
    ------
    InputError
        Damaged file, arrays that don't fit together, unknown individual.
    """
    try:
        with opened(path) as file:
            group = file[_GROUP]
            yx_px, confidence = as_floats(read_array(group["points"])), as_floats(read_array(group["confidence"]))
            if yx_px.ndim not in (_ONE_MOUSE, _SEVERAL) or yx_px.shape[-2:] != (len(KEYPOINTS), 2):
                raise ValueError(f"points of shape {yx_px.shape}, expected (n_frames, [n_places,] 12, 2)")
            if confidence.shape != yx_px.shape[:-1]:
                raise ValueError(f"confidence of shape {confidence.shape} for points of shape {yx_px.shape}")
            require_sane_length(path, len(yx_px))
            identities, names, n_tracks = np.zeros((len(yx_px), 1), dtype=np.int64), [""], 1
            if yx_px.ndim == _SEVERAL:
                identities, names, n_tracks = _identities(group, yx_px.shape[:2])
    except DAMAGE as error:
        raise InputError(
            f"{path.name} is no JABS pose file that can be read here ({' '.join(str(error).split())[:200]}). Get it "
            "again."
        ) from error
    if not names:
        raise InputError(f"{path.name} holds no mouse: no identity is given in any frame. Track the video again.")
    place = _places(path, identities, names, choose_individual(path, names, individual))
    shape = (*identities.shape, len(KEYPOINTS))
    frames, is_there = np.arange(len(place)), (place >= 0)[:, None]
    likelihood = np.where(is_there, confidence.reshape(shape)[frames, place], 0.0)
    xy_px = yx_px.reshape(*shape, 2)[frames, place][..., ::-1].copy()
    xy_px[~(likelihood > 0)] = np.nan
    highest = float(np.nanmax(likelihood, initial=0.0))
    oddities = (*_confidence_oddity(path, highest), *_track_oddity(path, n_tracks, len(names)))
    return make_track(path, KEYPOINTS, xy_px, np.minimum(likelihood, 1.0), oddities)


def _identities(group: h5py.Group, shape: tuple[int, ...]) -> tuple[NDArray[np.int64], list[str], int]:
    """Which mouse stands in each place (n_frames, n_places), -1 = none; their names, and how many tracks make them."""
    has_identities = "instance_embed_id" in group and "id_mask" in group
    stored = read_array(group["instance_embed_id" if has_identities else "instance_track_id"])
    if stored.shape != shape or stored.dtype.kind not in "iu":
        raise ValueError(f"identities of shape {stored.shape} and type {stored.dtype} for {shape} places")
    if has_identities:
        is_masked = read_array(group["id_mask"]).astype(bool)
        if is_masked.shape != shape:
            raise ValueError(f"id_mask of shape {is_masked.shape} for {shape} places")
        identities = np.where(is_masked, -1, stored.astype(np.int64) - 1)
        n_tracks = 0
    else:
        count = read_array(group["instance_count"])
        if count.shape != shape[:1]:
            raise ValueError(f"instance_count of shape {count.shape} for {shape[0]} frames")
        tracks = np.where(np.arange(shape[1])[None, :] < count[:, None], stored.astype(np.int64), -1)
        identities, n_tracks = _of_tracks(tracks)
    n_mice = int(identities.max(initial=-1)) + 1
    if n_mice > shape[0] * shape[1]:
        raise ValueError(f"identity {n_mice} in {shape[0]} frames of {shape[1]} places")
    names = [str(number) for number in range(n_mice)]
    if "external_identity_mapping" in group:
        given = [text(name) for name in read_array(group["external_identity_mapping"]).ravel()]
        names = given[:n_mice] + names[len(given) :]
    if len(set(names)) < len(names):
        raise ValueError(f"two mice of one name among {', '.join(names)}")
    return identities, names, n_tracks or n_mice


def _of_tracks(tracks: NDArray[np.int64]) -> tuple[NDArray[np.int64], int]:
    """Identities (n_frames, n_places) out of tracks, -1 = none, and how many tracks there are."""
    numbers, first, inverse = np.unique(tracks, return_index=True, return_inverse=True)
    frames = np.repeat(np.arange(len(tracks)), tracks.shape[1])
    last = np.zeros(len(numbers), dtype=np.int64)
    np.maximum.at(last, inverse.ravel(), frames)
    identity_of = np.full(len(numbers), -1, dtype=np.int64)
    busy_until: list[int] = []  # by identity: the last frame of the track that has it
    for which in np.argsort(first):  # as tracks begin, and from the first place on
        if numbers[which] >= 0:
            start = frames[first[which]]
            free = next((i for i, stop in enumerate(busy_until) if stop < start), len(busy_until))
            busy_until[free : free + 1] = [int(last[which])]
            identity_of[which] = free
    return identity_of[inverse].reshape(tracks.shape), int((numbers >= 0).sum())


def _places(path: Path, identities: NDArray[np.int64], names: list[str], name: str) -> NDArray[np.int64]:
    """In which place of each frame the mouse stands, shape (n_frames,); -1 where it doesn't."""
    is_chosen = identities == names.index(name)
    twice = np.flatnonzero(is_chosen.sum(axis=1) > 1)
    if len(twice):
        raise InputError(f"{path.name} has the mouse {name} twice in frame {int(twice[0])}. Track the video again.")
    return np.where(is_chosen.any(axis=1), is_chosen.argmax(axis=1), -1).astype(np.int64)


def _confidence_oddity(path: Path, highest: float) -> tuple[PoseOddity, ...]:
    if highest <= 1:
        return ()
    found = f"Confidences in {path.name} reach {highest:.3g}: JABS writes heights of peaks. They are cut to 1."
    remedy = "JABS takes points above 0.3 as found; center.min_likelihood may be as low."
    return (PoseOddity(found, "", remedy, "note", is_change=True),)


def _track_oddity(path: Path, n_tracks: int, n_mice: int) -> tuple[PoseOddity, ...]:
    if n_tracks <= n_mice or n_mice == 1:
        return ()
    return (
        PoseOddity(
            f"The {n_mice} mice of {path.name} are put together from {n_tracks} tracks, as JABS does: it is a pose "
            "file of version 3, which doesn't know the mice again.",
            "From one track to the next, one mouse may be another one.",
            "Use the file of version 4 or later, in which identities are kept, or look at the points on the video.",
        ),
    )
