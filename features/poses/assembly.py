"""From named columns or arrays to a `PoseTrack`; shared by the readers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from common.suggestions import did_you_mean, listing
from features.tracks import PoseOddity, PoseTrack

COORDINATES = ("x", "y", "likelihood")
LIKELIHOOD_NAMES = ("likelihood", "confidence", "conf", "score", "probability", "prob", "p")
"""What programs call it."""
MAX_FRAMES = 20_000_000
"""More rows than this (22 hours at 250 fps) are a damaged file, not a recording."""
ABSENT = (0.0, -1.0)
"""What stands for x and y of a missing point: zeros with many, -1 with DeepLabCut's SuperAnimal and RTMPose."""
_FAR_PX = 10.0
_SUREST_QUANTILE, _MAX_SUREST = 0.95, 10.0
_UNORDERED_NAME = "superanimal"


@dataclass(frozen=True)
class PoseColumn:
    """What one column of a pose table holds; `individual` is "" in single-animal files."""

    individual: str
    keypoint: str
    coordinate: str


def coordinate_of(name: str) -> str | None:
    """One of `COORDINATES` by what a file calls it; None where it is none."""
    plain = name.casefold()
    return "likelihood" if plain in LIKELIHOOD_NAMES else plain if plain in COORDINATES else None


class SeveralIndividualsError(InputError):
    """A file holds several individuals, and none was chosen: their names."""

    def __init__(self, path: Path, names: Sequence[str], about_names: str = "") -> None:
        super().__init__(
            f"{path.name} holds several individuals ({listing(names)}) and none was chosen. "
            "Set center.individual to one of them, or name one for each recording in the table's column `animal`. "
            f"{about_names}".strip()
        )
        self.names = tuple(names)


def choose_individual(path: Path, names: Sequence[str], individual: str | None, about_names: str = "") -> str:
    """The individual to read, out of those in the file; `names` is `[""]` in a single-animal file.

    `about_names`: what helps to choose.

    Raises
    ------
    InputError
        The one asked for is not there, or several are and none was asked for (`SeveralIndividualsError`).
    """
    if individual is None:
        if len(names) == 1:
            return names[0]
        raise SeveralIndividualsError(path, names, about_names)
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


def select_columns(
    path: Path, columns: list[PoseColumn], individual: str | None, about_names: str = ""
) -> dict[PoseColumn, int]:
    """Which columns belong to the individual: column → its index in `columns`; `about_names` helps to choose one.

    Raises
    ------
    InputError
        Unknown individual, a column that stands there twice, a keypoint without name, x or y.
    """
    names = list(dict.fromkeys(column.individual for column in columns))
    name = choose_individual(path, names, individual, about_names)
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


def assemble(
    path: Path, columns: list[PoseColumn], values: NDArray[np.float64], oddities: tuple[PoseOddity, ...] = ()
) -> PoseTrack:
    """Build the track of one individual, as `make_track`, out of values (n_frames, n_columns), NaN where missing.

    The columns have x and y for each keypoint, and none twice; without one of likelihoods they are 1.0.
    """
    keypoints = tuple(dict.fromkeys(column.keypoint for column in columns))
    points = np.ones((len(values), len(keypoints), 3))
    for column, numbers in zip(columns, values.T, strict=True):
        points[:, keypoints.index(column.keypoint), COORDINATES.index(column.coordinate)] = numbers
    return make_track(path, keypoints, points[..., :2].copy(), points[..., 2].copy(), oddities)


def make_track(
    path: Path,
    keypoints: tuple[str, ...],
    xy_px: NDArray[np.float64],
    likelihood: NDArray[np.float64],
    oddities: tuple[PoseOddity, ...] = (),
) -> PoseTrack:
    """Make one track of arrays that are known to fit together; they are changed in place.

    A point (n_frames, n_keypoints, 2) of which one coordinate is NaN or infinite, or that stands exactly where absent
    points are put, far from where the keypoint else is, is missing as a whole, and so is its likelihood (n_frames,
    n_keypoints), which is 1.0 where the file gives none. Scores of another scale than [0, 1] are brought to it: what
    the surest reach becomes 1.

    Raises
    ------
    InputError
        No frames, a keypoint named twice, numbers that are no likelihoods.
    """
    if not len(xy_px):
        raise InputError(f"{path.name} has a header but no frames. Analyse the video again.")
    twice = [name for name in dict.fromkeys(keypoints) if keypoints.count(name) > 1]
    if twice:
        raise InputError(f"{path.name} has the keypoint {twice[0]!r} twice. Export it again with one name for each.")
    stands_for_absent = _stands_for_absent(xy_px)
    found = [*oddities, *_absent_oddity(path, stands_for_absent, likelihood)]
    missing = ~np.isfinite(xy_px).all(axis=2) | stands_for_absent
    xy_px[missing] = np.nan
    likelihood[missing] = np.nan
    found += _bring_to_one(path, keypoints, likelihood)
    return PoseTrack(keypoints, xy_px, likelihood, path, oddities=tuple(found))


def _stands_for_absent(xy_px: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Where a point (n_frames, n_keypoints) is one of `ABSENT`, and the keypoint is never or elsewhere by far."""
    is_absent = np.zeros(xy_px.shape[:2], dtype=bool)
    for value in ABSENT:
        is_absent |= (xy_px == value).all(axis=2)
    for k in np.flatnonzero(is_absent.any(axis=0)):
        others = xy_px[~is_absent[:, k] & np.isfinite(xy_px[:, k]).all(axis=1), k]
        is_absent[:, k] &= not len(others) or float(np.median(np.linalg.norm(others, axis=1))) > _FAR_PX
    return is_absent


def _absent_oddity(
    path: Path, stands_for_absent: NDArray[np.bool_], likelihood: NDArray[np.float64]
) -> list[PoseOddity]:
    """Tell of points that are taken as missing though the file calls them likely."""
    with np.errstate(invalid="ignore"):
        n_called_likely = int((stands_for_absent & ~(likelihood <= 0)).sum())
    if not n_called_likely:
        return []
    found = (
        f"{n_called_likely:,} of {likelihood.size:,} positions in {path.name} are exactly (0, 0) or (-1, -1), far from "
        "where these keypoints are otherwise: they are taken as missing."
    )
    return [PoseOddity(found, "", "Check that this is what you want.", "note", is_change=True)]


def _bring_to_one(path: Path, keypoints: tuple[str, ...], likelihood: NDArray[np.float64]) -> list[PoseOddity]:
    """Bring scores that pass 1 to [0, 1], in place, and tell."""
    known = likelihood[~np.isnan(likelihood)]
    lowest, highest = (float(known.min()), float(known.max())) if len(known) else (0.0, 0.0)
    if lowest >= -1e-6 and highest <= 1 + 1e-6:
        return []
    # A few peaks may be higher by far than the rest: they must not make all others unlikely.
    surest = max(1.0, float(np.quantile(known, _SUREST_QUANTILE))) if math.isfinite(highest) else highest
    if lowest < -1e-6 or surest > _MAX_SUREST:
        worst = lowest if lowest < -1e-6 else highest
        frame, k = (int(number) for number in np.argwhere(likelihood == worst)[0])
        raise InputError(
            f"Expected likelihoods between 0 and 1 in {path.name}, found {worst:g} for "
            f"keypoint {keypoints[k]!r} in frame {frame}. Are the columns in the order x, y, likelihood?"
        )
    np.minimum(likelihood / surest, 1.0, out=likelihood)
    return [
        PoseOddity(
            f"Likelihoods in {path.name} reach {highest:.{3 if highest > 1.01 else 7}g}, not 1: RTMPose in DeepLabCut "
            f"3, among others, writes raw scores. They are divided by {surest:.3g}, which 5 % of them pass, and cut to "
            "1.",
            "center.min_likelihood is compared with these relative likelihoods, which say less of how sure a point is.",
            "Look at the points on the video and choose center.min_likelihood by that, or analyse the video again with "
            "a release of DeepLabCut that writes likelihoods between 0 and 1.",
        )
    ]


def unordered_oddity(path: Path, scorers: Sequence[str], individuals: Sequence[str]) -> tuple[PoseOddity, ...]:
    """Tell of DeepLabCut's SuperAnimal, whose several animals are places in a list and no individuals."""
    slots = [f"animal{number}" for number in range(len(individuals))]
    is_unordered = any(_UNORDERED_NAME in scorer.casefold() for scorer in scorers) or list(individuals) == slots
    if len(individuals) < 2 or not is_unordered:
        return ()
    return (
        PoseOddity(
            f"The animals of {path.name} ({listing(individuals)}) are SuperAnimal's slots, which are not ordered: each "
            "frame is looked at by itself, and one mouse may be in another slot in the next.",
            "With several animals in the picture, the crop jumps between them.",
            f"With one animal in the picture take the first slot ({individuals[0]}), the surest find. With several, "
            "use poses that keep identities (multi-animal DeepLabCut or SLEAP, with tracking).",
        ),
    )


def require_plane(path: Path, depth_column: str | None) -> None:
    """Raise `InputError` where a column holds the third coordinate of a point; `depth_column` is its name."""
    if depth_column is not None:
        raise InputError(
            f"{path.name} is 3-D: it holds positions in space (column {depth_column!r}), but crops are cut out of the "
            "picture, by pixels. Use the two-dimensional file (x, y, likelihood) of the camera whose video this is."
        )


def labeled_data_error(path: Path) -> InputError:
    """What to say of a file whose rows are single images that a human labeled."""
    return InputError(
        f"The rows of {path.name} are named by images, not by frame numbers: this is a labeled data set, "
        "not the analysis of a video. Use the h5 or CSV that DeepLabCut's analyze_videos wrote."
    )


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
