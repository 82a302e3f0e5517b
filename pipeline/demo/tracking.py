"""What a pose tracker would have made of the true keypoints: jitter, drop-outs, confident-looking tables."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from common.tables import write_lines

SCORER = "DLC_resnet50_simulated_open_field"

# Paws and tail tip are the hardest to see from above.
_JITTER_PX = {"leftpaw": 2.2, "rightpaw": 2.2, "tailtip": 2.0, "midbody": 1.2}
_HIDDEN_CHANCE = {"leftpaw": 0.25, "rightpaw": 0.25, "tailtip": 0.06}


def track_keypoints(
    keypoints_px: NDArray[np.float64], names: tuple[str, ...], fps: float, size_px: int, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Simulate a tracker's output from the truth, shape (n_frames, n_keypoints, 2).

    Drop-outs last from a frame to about two seconds; lost points jump anywhere in the image of `size_px` by `size_px`.

    Returns
    -------
    xy_px : ndarray, shape (n_frames, n_keypoints, 2)
        Never NaN: like DeepLabCut, the tracker always names some position.
    likelihood : ndarray, shape (n_frames, n_keypoints)
        Near 1 where the position is good, low where it is not.
    """
    xy, likelihood = jitter_keypoints(keypoints_px, names, rng)
    n_keypoints = xy.shape[1]
    for start, stop in lost_stretches(len(xy), fps, rng):
        elsewhere = rng.uniform(0, size_px - 1, (1, n_keypoints, 2))
        xy[start:stop] = elsewhere + rng.normal(0, 3.0, (stop - start, n_keypoints, 2))
        likelihood[start:stop] = rng.beta(1.2, 9.0, (stop - start, n_keypoints))
    return np.clip(xy, 0.0, size_px - 1.0), likelihood


def jitter_keypoints(
    keypoints_px: NDArray[np.float64], names: tuple[str, ...], rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Positions and likelihoods with errors of single keypoints; shapes as of `track_keypoints`."""
    n_frames, n_keypoints, _ = keypoints_px.shape
    xy = keypoints_px.copy()
    likelihood = 1.0 - rng.beta(1.0, 60.0, (n_frames, n_keypoints))
    for k, name in enumerate(names):
        xy[:, k] += rng.normal(0, _JITTER_PX.get(name, 0.9), (n_frames, 2))
        lost = np.flatnonzero(rng.uniform(size=n_frames) < _HIDDEN_CHANCE.get(name, 0.01))
        likelihood[lost, k] = rng.beta(2.0, 3.0, len(lost))
        xy[lost, k] += rng.normal(0, 9.0, (len(lost), 2))
    return xy, likelihood


def lost_stretches(n_frames: int, fps: float, rng: np.random.Generator) -> Iterator[tuple[int, int]]:
    """Frames [start, stop) in which the whole animal is lost, for instance behind a hand or a reflection."""
    for _ in range(max(1, rng.poisson(n_frames / 500))):
        length = int(np.clip(rng.exponential(0.6 * fps), 2, 3 * fps))
        start = int(rng.integers(0, max(1, n_frames - length)))
        yield start, min(start + length, n_frames)


def write_deeplabcut_csv(
    path: Path, xy_px: NDArray[np.float64], likelihood: NDArray[np.float64], names: tuple[str, ...]
) -> None:
    """Write tracks as DeepLabCut's CSV: three header rows, then one row per frame."""
    header = [
        ["scorer", *[SCORER] * (3 * len(names))],
        ["bodyparts", *[name for name in names for _ in range(3)]],
        ["coords", *["x", "y", "likelihood"] * len(names)],
    ]
    table = np.concatenate([xy_px, likelihood[..., None]], axis=-1).reshape(len(xy_px), -1)
    write_lines(path, [*header, *([frame, *[f"{value:.4f}" for value in row]] for frame, row in enumerate(table))])
