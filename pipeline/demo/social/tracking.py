"""What a multi-animal tracker would have made of two mice, as DeepLabCut's CSV and as NumPy tracks."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from common.tables import write_lines
from pipeline.demo.body import KEYPOINTS
from pipeline.demo.social.recording import ANIMALS, SocialRecording
from pipeline.demo.tracking import jitter_keypoints, lost_stretches

SCORER = "DLC_dlcrnetms5_simulated_cage"
_BOX_JITTER_PX = 1.5
_HIDDEN_FOUND, _HIDDEN_ERROR_PX = 0.4, 7.0
"""Of what lies below the other mouse, so much is given a place all the same, and by so much it is wrong."""
_NEAR, _TOUCHING = 0.75, 0.3
"""Distances from a keypoint to the other's nearest one, in body lengths: errors begin there, and are worst there."""
_DRIFT = 0.16
"""Of a keypoint in contact: standard deviation in body lengths along x and y, which lasts for `_SPELL_S`."""
_TAKEN_FROM_OTHER, _LOST_IN_CONTACT, _MERGED = 0.3, 0.45, 0.08
"""Shares of the time in contact: a keypoint is put on the other's, isn't found, the two are found as one."""
_SPELL_S = 0.4
"""How long such errors last, about."""
_ASSEMBLED = 0.1
"""A keypoint below this likelihood is not made part of an animal: it is left empty."""
_SNOUT, _TAIL_BASE = KEYPOINTS.index("snout"), KEYPOINTS.index("tailbase")
_DECIMALS = 4
"""Of what is written, so that both files say the same."""


@dataclass(frozen=True)
class Tracks:
    """A tracker's output; NaN where it found nothing, and identities are never swapped.

    `xy_px`, shape (n_frames, 2, n_keypoints, 2); `likelihood`, shape (n_frames, 2, n_keypoints); `boxes_px`, shape
    (n_frames, 2, 4): left, top, right, bottom. The animals are in the order of `ANIMALS`.
    """

    xy_px: NDArray[np.float64]
    likelihood: NDArray[np.float64]
    boxes_px: NDArray[np.float64]


def track_animals(recording: SocialRecording, fps: float, size_px: int, rng: np.random.Generator) -> Tracks:
    """Simulate a tracker's output from the truth.

    Each mouse is lost as a whole now and then, as in the demo of one mouse. Where the two touch, a network trained on
    single frames errs as it does in the field (Lauer et al. 2022, doi:10.1038/s41592-022-01443-0): what lies below is
    missing, keypoints wander, are not found or are those of the other mouse, and the two are taken for one.
    """
    n_frames = len(recording.labels)
    true = recording.keypoints_px
    xy = np.empty(true.shape)
    likelihood = np.empty(xy.shape[:3])
    boxes = recording.boxes_px + rng.normal(0.0, _BOX_JITTER_PX, recording.boxes_px.shape)
    length_px = float(np.median(np.linalg.norm(true[..., _SNOUT, :] - true[..., _TAIL_BASE, :], axis=2)))
    for i in range(len(ANIMALS)):
        xy[:, i], likelihood[:, i] = jitter_keypoints(true[:, i], KEYPOINTS, rng)
        hidden = recording.hidden[:, i]
        n_hidden = int(hidden.sum())
        xy[:, i][hidden] += rng.normal(0.0, _HIDDEN_ERROR_PX, (n_hidden, 2))
        found = rng.uniform(size=n_hidden) < _HIDDEN_FOUND
        likelihood[:, i][hidden] = np.where(found, rng.beta(4.0, 3.0, n_hidden), 0.0)
        closeness = _closeness(true[:, i], true[:, 1 - i], length_px)
        is_lost = _err_in_contact(xy[:, i], likelihood[:, i], true[:, 1 - i], closeness, length_px, fps, rng)
        for start, stop in lost_stretches(n_frames, fps, rng):
            is_lost[start:stop] = True
        likelihood[is_lost, i] = 0.0
        boxes[is_lost, i] = np.nan
    is_found = likelihood >= _ASSEMBLED
    last = size_px - 1.0
    return Tracks(
        np.where(is_found[..., None], np.round(np.clip(xy, 0.0, last), _DECIMALS), np.nan),
        np.where(is_found, np.round(likelihood, _DECIMALS), np.nan),
        np.round(np.clip(boxes, 0.0, last), 2).astype(np.float64),
    )


def _closeness(own: NDArray[np.float64], other: NDArray[np.float64], length_px: float) -> NDArray[np.float64]:
    """How close each keypoint is to the other mouse, 0 (not near) to 1 (it touches), shape (n_frames, n_keypoints).

    Both are of shape (n_frames, n_keypoints, 2).
    """
    trunk = other[:, [KEYPOINTS.index(name) for name in ("snout", "neck", "midbody", "tailbase")]]
    nearest = np.linalg.norm(own[:, :, None] - trunk[:, None], axis=3).min(axis=2) / length_px
    return np.clip((_NEAR - nearest) / (_NEAR - _TOUCHING), 0.0, 1.0)


def _err_in_contact(
    xy_px: NDArray[np.float64],
    likelihood: NDArray[np.float64],
    other_px: NDArray[np.float64],
    closeness: NDArray[np.float64],
    length_px: float,
    fps: float,
    rng: np.random.Generator,
) -> NDArray[np.bool_]:
    """Make the errors of contact in place; the frames in which the mouse is not found beside the other, (n_frames,)."""
    shape = closeness.shape
    drift = np.stack([_lasting(shape, fps, rng) for _ in range(2)], axis=2)
    xy_px += _DRIFT * length_px * closeness[..., None] * drift
    is_taken = ndtr(_lasting(shape, fps, rng)) < _TAKEN_FROM_OTHER * closeness
    xy_px[is_taken] = other_px[is_taken] + rng.normal(0.0, 1.5, (int(is_taken.sum()), 2))
    is_lost = ndtr(_lasting(shape, fps, rng)) < _LOST_IN_CONTACT * closeness
    likelihood[is_lost] *= rng.uniform(0.0, 0.6, int(is_lost.sum()))
    merged = ndtr(_lasting((shape[0], 1), fps, rng)[:, 0]) < _MERGED * closeness.mean(axis=1)
    return np.asarray(merged)


def _lasting(shape: tuple[int, int], fps: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Noise of mean 0 and deviation 1 that changes along the first axis over about `_SPELL_S`."""
    keep = float(np.exp(-1.0 / (fps * _SPELL_S)))
    noise = rng.standard_normal(shape)
    noise[1:] *= np.sqrt(1.0 - keep**2)
    for frame in range(1, len(noise)):
        noise[frame] += keep * noise[frame - 1]
    return noise


def write_multi_animal_csv(path: Path, tracks: Tracks) -> None:
    """Write tracks as multi-animal DeepLabCut's CSV: four header rows, then one row per frame; empty = not found."""
    n_columns = 3 * len(KEYPOINTS)
    header = [
        ["scorer", *[SCORER] * (n_columns * len(ANIMALS))],
        ["individuals", *[animal for animal in ANIMALS for _ in range(n_columns)]],
        ["bodyparts", *[name for name in KEYPOINTS for _ in range(3)] * len(ANIMALS)],
        ["coords", *["x", "y", "likelihood"] * (len(KEYPOINTS) * len(ANIMALS))],
    ]
    table = np.concatenate([tracks.xy_px, tracks.likelihood[..., None]], axis=-1).reshape(len(tracks.xy_px), -1)
    cells = ([f"{value:.{_DECIMALS}f}" if np.isfinite(value) else "" for value in row] for row in table)
    rows = ([frame, *row] for frame, row in enumerate(cells))
    write_lines(path, [*header, *rows])


def write_npy_tracks(folder: Path, name: str, tracks: Tracks) -> str:
    """Write tracks as a vivarium's: `<name>_ids.npy`, `_boxes.npy` and `_keypoints.npy`; the last one's name.

    As of a detector, the place of an animal in a frame means nothing (here the animals go from left to right); `ids`
    tells which one it is: 1 + its place in `ANIMALS`, or -1 where nothing was found.
    """
    is_found = np.isfinite(tracks.boxes_px).all(axis=2)
    order = np.argsort(np.where(is_found, tracks.boxes_px[..., 0], np.inf), axis=1, kind="stable")
    ids = np.where(is_found, np.arange(1, len(ANIMALS) + 1), -1)
    keypoints = np.concatenate([tracks.xy_px, tracks.likelihood[..., None]], axis=-1)
    arrays = {
        "ids": np.take_along_axis(ids, order, axis=1).astype(np.int32),
        "boxes": np.take_along_axis(tracks.boxes_px, order[..., None], axis=1).astype(np.float32),
        "keypoints": np.take_along_axis(keypoints, order[..., None, None], axis=1).astype(np.float32),
    }
    for role, array in arrays.items():
        np.save(folder / f"{name}_{role}.npy", array, allow_pickle=False)
    return f"{name}_keypoints.npy"
