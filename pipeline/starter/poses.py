"""Which keypoint is the animal's center, and how large a crop should be, as a lab's pose files and videos tell."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from features.centers import WHOLE_ANIMAL, CenterConfig
from features.poses import read_poses
from features.poses.assembly import SeveralIndividualsError
from features.tracks import PoseTrack
from pipeline.dataset.pairing.names import fold, raw_words
from pipeline.runtime.progress import progress_bars
from pipeline.starter.videos import animal_length_px

NO_ANIMAL = "single"
"""DeepLabCut's name for what belongs to no individual, such as corners of the cage."""
_N_SAMPLED, _N_SAMPLED_VIDEOS = 5, 3
_LEAST_FRAMES = 100
_LEAST_SEEN = 0.3
_CROP_PER_LENGTH = 1.8
MOST_CROP_PX = 4096
_MOST_SPREAD = 1.6  # of body lengths between recordings: beyond it something else than the animal differs
# The first that a file has; names are compared without case and separators.
_CENTERS = (
    "midbody", "bodycenter", "bodycentre", "centerbody", "mousecenter", "centerofbody", "centerofmass", "midback",
    "middleback", "spinemid", "midspine", "spine2", "spinecenter", "centerspine", "centroid", "center", "centre",
    "body", "torso", "back", "box", "blob",
)  # fmt: skip
_SNOUTS = ("nose", "snout", "nosetip", "nasal", "hocico")
_TAIL_BASES = ("tailbase", "baseoftail", "basetail", "tailstart", "tailroot", "tail1", "tail")
_EARS = (("leftear", "earleft", "lear", "earl"), ("rightear", "earright", "rear", "earr"))
_HIPS = (("lefthip", "hipleft", "leftlateral"), ("righthip", "hipright", "rightlateral"))


@dataclass(frozen=True)
class PoseAdvice:
    """What the starter experiment says of center and crop.

    `keypoints` is the center, averaged where there are several (empty where no pose file could be read), of those that
    all sampled files have (`available`). `individuals`: animals of a file with several, of which one must be named;
    else empty. `body_px`: length from snout to tail base in pixels, upper quartile over frames, None where it can't be
    told; `crop_px` is suggested from it. `is_from_videos`: it is the length of what moves in the videos, since the
    poses don't tell it. `has_unequal_lengths`: no crop fits all, since the animals differ in length by far. `notes`:
    what could not be read, and what to check.
    """

    keypoints: tuple[str, ...] = ()
    available: tuple[str, ...] = ()
    individuals: tuple[str, ...] = ()
    body_px: float | None = None
    crop_px: int | None = None
    is_from_videos: bool = False
    has_unequal_lengths: bool = False
    notes: tuple[str, ...] = ()


def advise_on_poses(paths: Sequence[Path], shortest_side_px: int | None = None) -> PoseAdvice:
    """Read a few of the pose files, spread over all; no crop is larger than the shortest side of the videos' frames."""
    step = max(1, math.ceil(len(paths) / _N_SAMPLED))
    tracks: list[PoseTrack] = []
    notes: list[str] = []
    individuals: tuple[str, ...] = ()
    for path in paths[::step]:
        try:
            track, names = _first_individual(path)
            individuals = individuals or names
            tracks.append(track)
        except (InputError, OSError) as error:
            notes.append(str(error))
    for track in tracks:
        notes += [f"{odd.found} {odd.remedy}" for odd in track.oddities if odd.severity == "warning"]
    if not tracks:
        return PoseAdvice(individuals=individuals, notes=tuple(notes))
    available = tuple(name for name in tracks[0].keypoints if all(name in track.keypoints for track in tracks))
    keypoints = choose_center(available)
    if not available:
        notes.append("The pose files have no keypoint in common, so no center fits all of them.")
    lengths = [length for track in tracks if (length := _body_length_px(track)) is not None]
    advice = PoseAdvice(keypoints, available, individuals, notes=tuple(notes))
    return _with_lengths(advice, lengths, shortest_side_px) if len(lengths) == len(tracks) else advice


def advise_by_videos(
    advice: PoseAdvice, videos: Sequence[tuple[Path, float]], shortest_side_px: int | None = None
) -> PoseAdvice:
    """Take the animal's length from some videos, as it stands out from the background; for one animal only.

    Of `videos` (paths and frames per second) a few, spread over all, are decoded in part.
    """
    sampled = videos[:: max(1, math.ceil(len(videos) / _N_SAMPLED_VIDEOS))]
    lengths = []
    with progress_bars() as bars:
        bar = bars.add("Measuring the animal", total=len(sampled))
        for done, (path, fps) in enumerate(sampled):
            bar.update(done, text=f"Measuring the animal in {path.name}")
            length = animal_length_px(path, fps)
            if length is not None:
                lengths.append(length)
    return replace(_with_lengths(advice, lengths, shortest_side_px), is_from_videos=bool(lengths))


def _with_lengths(advice: PoseAdvice, lengths_px: Sequence[float], shortest_side_px: int | None) -> PoseAdvice:
    """Add the crop that fits, or a note where none fits all."""
    if not lengths_px:
        return advice
    if max(lengths_px) > _MOST_SPREAD * min(lengths_px):
        note = (
            f"The animals are {min(lengths_px):.0f} to {max(lengths_px):.0f} px long: were the cameras at different "
            "heights? One crop size for all of them will not fit well."
        )
        return replace(advice, has_unequal_lengths=True, notes=(*advice.notes, note))
    body_px = float(np.median(lengths_px))
    most = min(shortest_side_px or MOST_CROP_PX, MOST_CROP_PX)
    return replace(advice, body_px=body_px, crop_px=max(8, min(10 * round(_CROP_PER_LENGTH * body_px / 10), most)))


def choose_center(keypoints: Sequence[str]) -> tuple[str, ...]:
    """The keypoint in the middle of the body, or some around it to average; empty without any."""
    if len(keypoints) == 1:
        return tuple(keypoints)
    middle = _first(keypoints, _CENTERS)
    if middle is not None:
        return (middle,)
    ears = [name for names in _EARS if (name := _first(keypoints, names)) is not None]
    hips = [name for names in _HIPS if (name := _first(keypoints, names)) is not None]
    tail_base = _first(keypoints, _TAIL_BASES)
    if len(ears) == 2 and len(hips) == 2:
        return (*ears, *hips)
    if len(ears) == 2 and tail_base is not None:
        return (*ears, tail_base)
    snout = _first(keypoints, _SNOUTS)
    if snout is not None and tail_base is not None:
        return snout, tail_base
    body = [name for name in keypoints if "tail" not in _plain(name) and "paw" not in _plain(name)]
    return tuple((body or list(keypoints))[:6])


def _first_individual(path: Path) -> tuple[PoseTrack, tuple[str, ...]]:
    """Poses of the first animal in a file, and the names of all where there are several."""
    try:
        return read_poses(path), ()
    except SeveralIndividualsError as error:
        animals = [name for name in error.names if name.casefold() != NO_ANIMAL]
        return read_poses(path, (animals or error.names)[0]), error.names


def _body_length_px(track: PoseTrack) -> float | None:
    """Upper quartile, since a rearing or curled mouse is shorter; None without snout or tail base, or rarely seen."""
    snout, tail_base = _first(track.keypoints, _SNOUTS), _first(track.keypoints, _TAIL_BASES)
    if snout is None or tail_base is None or len(track.keypoints) == 1 or track.keypoints[0] in WHOLE_ANIMAL:
        return None
    ends = [track.keypoints.index(name) for name in (snout, tail_base)]
    seen = (np.nan_to_num(track.likelihood[:, ends]) >= CenterConfig().min_likelihood).all(axis=1)
    if seen.sum() < _LEAST_FRAMES or seen.mean() < _LEAST_SEEN:
        return None
    ends_px: NDArray[np.float64] = track.xy_px[seen][:, ends]
    length_px = float(np.quantile(np.linalg.norm(ends_px[:, 0] - ends_px[:, 1], axis=1), 0.75))
    return length_px if math.isfinite(length_px) and length_px > 0 else None


def _first(keypoints: Sequence[str], wanted: Sequence[str]) -> str | None:
    by_plain = {_plain(name): name for name in reversed(keypoints)}
    return next((by_plain[name] for name in wanted if name in by_plain), None)


def _plain(name: str) -> str:
    return "".join(fold(word) for word in raw_words(name))
