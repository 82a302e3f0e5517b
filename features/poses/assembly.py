"""From named columns or arrays to a `PoseTrack`; shared by the readers."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from common.suggestions import did_you_mean, listing
from features.tracks import PoseTrack

COORDINATES = ("x", "y", "likelihood")
MAX_FRAMES = 20_000_000
"""More rows than this (22 hours at 250 fps) are a damaged file, not a recording."""


@dataclass(frozen=True)
class PoseColumn:
    """What one column of a pose table holds; `individual` is "" in single-animal files."""

    individual: str
    keypoint: str
    coordinate: str


def choose_individual(path: Path, names: Sequence[str], individual: str | None) -> str:
    """The individual to read, out of those in the file; `names` is `[""]` in a single-animal file.

    Raises
    ------
    InputError
        The one asked for is not there, or several are and none was asked for.
    """
    if individual is None:
        if len(names) == 1:
            return names[0]
        raise InputError(
            f"{path.name} holds several individuals ({listing(names)}) and none was chosen. "
            "Set center.individual to one of them."
        )
    if individual in names:
        return individual
    if list(names) == [""]:
        raise InputError(
            f"{path.name} is a single-animal file without names, so individual {individual!r} is not in it. "
            "Leave center.individual out."
        )
    raise InputError(
        f"Individual {individual!r} is not in {path.name}. It has: {listing(names)}."
        f"{did_you_mean(individual, names)} Set center.individual to one of these."
    )


def select_columns(path: Path, columns: list[PoseColumn], individual: str | None) -> dict[PoseColumn, int]:
    """Which columns belong to the individual: column → its index in `columns`.

    Raises
    ------
    InputError
        Unknown individual, a column that stands there twice, a keypoint without name, x or y.
    """
    names = list(dict.fromkeys(column.individual for column in columns))
    name = choose_individual(path, names, individual)
    chosen: dict[PoseColumn, int] = {}
    for index, column in enumerate(columns):
        if column.individual != name:
            continue
        if not column.keypoint:
            raise InputError(
                f"{path.name} has a column {column.coordinate} without a keypoint's name in its header. "
                "Export it again."
            )
        if column in chosen:
            raise InputError(
                f"{path.name} has the column {column.keypoint} {column.coordinate} twice. "
                "Keep the network's output only once."
            )
        chosen[column] = index
    for column in list(chosen):
        for coordinate in ("x", "y"):
            if PoseColumn(name, column.keypoint, coordinate) not in chosen:
                raise InputError(
                    f"Keypoint {column.keypoint!r} of {path.name} has no column {coordinate}. Export it again."
                )
    return chosen


def assemble(path: Path, columns: list[PoseColumn], values: NDArray[np.float64]) -> PoseTrack:
    """Build the track of one individual, as `make_track`, out of values (n_frames, n_columns), NaN where missing.

    The columns have x and y for each keypoint, and none twice; without one of likelihoods they are 1.0.
    """
    keypoints = tuple(dict.fromkeys(column.keypoint for column in columns))
    points = np.ones((len(values), len(keypoints), 3))
    for column, numbers in zip(columns, values.T, strict=True):
        points[:, keypoints.index(column.keypoint), COORDINATES.index(column.coordinate)] = numbers
    return make_track(path, keypoints, points[..., :2].copy(), points[..., 2].copy())


def make_track(
    path: Path, keypoints: tuple[str, ...], xy_px: NDArray[np.float64], likelihood: NDArray[np.float64]
) -> PoseTrack:
    """Make one track of arrays that are known to fit together; they are changed in place.

    A point (n_frames, n_keypoints, 2) of which one coordinate is NaN or infinite is missing as a whole, and so is its
    likelihood (n_frames, n_keypoints), which is 1.0 where the file gives none.

    Raises
    ------
    InputError
        No frames, a keypoint named twice, a likelihood outside [0, 1].
    """
    if not len(xy_px):
        raise InputError(f"{path.name} has a header but no frames. Analyse the video again.")
    twice = [name for name in dict.fromkeys(keypoints) if keypoints.count(name) > 1]
    if twice:
        raise InputError(f"{path.name} has the keypoint {twice[0]!r} twice. Export it again with one name for each.")
    missing = ~np.isfinite(xy_px).all(axis=2)
    xy_px[missing] = np.nan
    likelihood[missing] = np.nan
    with np.errstate(invalid="ignore"):
        wrong = np.argwhere((likelihood < -1e-6) | (likelihood > 1 + 1e-6))
    if len(wrong):
        frame, k = (int(number) for number in wrong[0])
        raise InputError(
            f"Expected likelihoods between 0 and 1 in {path.name}, found {likelihood[frame, k]:g} for "
            f"keypoint {keypoints[k]!r} in frame {frame}. Are the columns in the order x, y, likelihood?"
        )
    return PoseTrack(keypoints, xy_px, likelihood, path)


def require_frame_numbers(path: Path, index: NDArray[np.float64], first_row: int) -> None:
    """Raise `InputError` unless the index counts 0, 1, 2, …; `first_row` is the number of its first row."""
    wrong = np.flatnonzero(~(index == np.arange(len(index))))
    if len(wrong):
        row = int(wrong[0])
        raise InputError(
            f"Expected the frame numbers 0, 1, 2, … in the first column of {path.name}, one row per video "
            f"frame, found {index[row]:g} instead of {row} (row {first_row + row}). Were rows removed or "
            "sorted? Use the file as DeepLabCut wrote it."
        )


def require_sane_length(path: Path, n_frames: float) -> None:
    """Raise `InputError` for more frames than a recording can have, before memory is asked for."""
    if n_frames > MAX_FRAMES:
        raise InputError(
            f"Expected at most {MAX_FRAMES:,} frames in {path.name}, found {n_frames:,.0f}. Is the column of frame "
            "numbers a time, or the file damaged?"
        )
