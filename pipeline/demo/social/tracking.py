"""What a multi-animal tracker would have made of two mice, as DeepLabCut's CSV and as NumPy tracks."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from common.tables import write_lines
from pipeline.demo.body import KEYPOINTS
from pipeline.demo.social.recording import ANIMALS, SocialRecording
from pipeline.demo.tracking import jitter_keypoints, lost_stretches

SCORER = "DLC_dlcrnetms5_simulated_cage"
_BOX_JITTER_PX = 1.5
_HIDDEN_FOUND, _HIDDEN_ERROR_PX = 0.4, 7.0
"""Of what lies below the other mouse, so much is given a place all the same, and by so much it is wrong."""
_ASSEMBLED = 0.1
"""A keypoint below this likelihood is not made part of an animal: it is left empty."""
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

    Each mouse is lost as a whole now and then, as in the demo of one mouse; of the lower one of two, parts are missing.
    """
    n_frames = len(recording.labels)
    xy = np.empty(recording.keypoints_px.shape)
    likelihood = np.empty(xy.shape[:3])
    boxes = recording.boxes_px + rng.normal(0.0, _BOX_JITTER_PX, recording.boxes_px.shape)
    for i in range(len(ANIMALS)):
        xy[:, i], likelihood[:, i] = jitter_keypoints(recording.keypoints_px[:, i], KEYPOINTS, rng)
        hidden = recording.hidden[:, i]
        n_hidden = int(hidden.sum())
        xy[:, i][hidden] += rng.normal(0.0, _HIDDEN_ERROR_PX, (n_hidden, 2))
        found = rng.uniform(size=n_hidden) < _HIDDEN_FOUND
        likelihood[:, i][hidden] = np.where(found, rng.beta(4.0, 3.0, n_hidden), 0.0)
        for start, stop in lost_stretches(n_frames, fps, rng):
            likelihood[start:stop, i] = 0.0
            boxes[start:stop, i] = np.nan
    is_found = likelihood >= _ASSEMBLED
    last = size_px - 1.0
    return Tracks(
        np.where(is_found[..., None], np.round(np.clip(xy, 0.0, last), _DECIMALS), np.nan),
        np.where(is_found, np.round(likelihood, _DECIMALS), np.nan),
        np.round(np.clip(boxes, 0.0, last), 2).astype(np.float64),
    )


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
