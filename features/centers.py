"""From keypoints to the one point that crops are cut around."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator

from common.errors import InputError
from common.names import canonical_names
from common.suggestions import did_you_mean, listing
from features.tracks import BLOB, MIDDLE, CenterTrack, PoseTrack

WHOLE_ANIMAL = (BLOB, MIDDLE, "center", "box")
"""Points that stand for the animal as a whole, where there are no keypoints."""


class CenterConfig(BaseModel):
    """Which point of the animal is the center, and how gaps are treated."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    keypoints: str | tuple[str, ...] = Field(default="midbody", description="one keypoint, or several to average")
    individual: str | None = Field(default=None, description="whose keypoints, where the file holds several animals")
    min_likelihood: float = Field(
        default=0.6,
        ge=0,
        le=1,
        description="a keypoint below this is taken as not seen (of scores that pass 1: of the highest)",
    )
    max_gap_s: float = Field(
        default=1.0, ge=0, le=3600, description="longer gaps are held, not interpolated, and marked"
    )

    _names = field_validator("keypoints", "individual", mode="before")(canonical_names)

    @field_validator("keypoints")
    @classmethod
    def _named_once(cls, keypoints: str | tuple[str, ...]) -> str | tuple[str, ...]:
        names = [keypoints] if isinstance(keypoints, str) else keypoints
        if not names or not all(names) or len(set(names)) != len(names):
            raise ValueError("name at least one keypoint, and none twice")
        return keypoints

    @property
    def keypoint_names(self) -> tuple[str, ...]:
        """The keypoints as a tuple, also where the setting is one name."""
        return (self.keypoints,) if isinstance(self.keypoints, str) else tuple(self.keypoints)


def track_center(pose: PoseTrack, config: CenterConfig, fps: float) -> CenterTrack:
    """Find the center in every frame.

    A track whose only point is one of `WHOLE_ANIMAL` is the center whatever `keypoints` says, so that
    recordings with and without keypoints can stand in one table.

    A keypoint is seen where its likelihood reaches `min_likelihood`. One keypoint is taken as it is.
    Of several, the center is their mean. In frames where at least half of them (but not all) are seen,
    the mean of those seen is moved by the offset that the same keypoints had to the full mean in the
    nearest frames before and after in which all were seen (linear in time between the two): otherwise
    the crop would jump each time an ear vanishes. Frames with fewer are gaps.

    Gaps up to `max_gap_s` are interpolated linearly and count as observed: the animal can't get far.
    Longer gaps are held at the last seen position and marked not observed. At the ends of the recording
    there is nothing to interpolate between: the nearest seen position is held, and marked by the same rule.

    Raises
    ------
    InputError
        A keypoint that isn't in the file, or never seen; keypoints never seen together.
    """
    points, seen = _named_points(pose, config)
    one = seen.shape[1] == 1
    xy_px = np.where(seen, points[:, 0], np.nan) if one else _mean_of_points(pose, config, points, seen)
    return CenterTrack(*fill_gaps(xy_px, gap_frames(config.max_gap_s, fps)))


def track_whole(tracks: Sequence[PoseTrack], min_likelihood: float, max_gap_frames: int) -> CenterTrack:
    """Find the mean of all keypoints that are seen, of one or several animals, in every frame.

    Where none is seen there is a gap; gaps are treated as in `track_center`.

    Raises
    ------
    InputError
        Nothing is ever seen.
    """
    xy_px = np.concatenate([track.xy_px for track in tracks], axis=1)
    likelihood = np.concatenate([track.likelihood for track in tracks], axis=1)
    with np.errstate(invalid="ignore"):
        seen = (likelihood >= min_likelihood) & np.isfinite(xy_px).all(axis=2)
    if not seen.any():
        best = f"its highest is {np.nanmax(likelihood):.2f}" if np.isfinite(likelihood).any() else "none is known"
        raise InputError(
            f"No keypoint in {tracks[0].source_path.name} is seen in any of its {tracks[0].n_frames} frames: none "
            f"reaches the likelihood {min_likelihood:g} ({best}), so nothing can be measured. Lower "
            "center.min_likelihood, track the video again, or leave out this recording."
        )
    n_seen = seen.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        mean = np.where(seen[..., None], xy_px, 0).sum(axis=1) / n_seen
    return CenterTrack(*fill_gaps(mean, max_gap_frames), is_between=len(tracks) > 1)


def gap_frames(max_gap_s: float, fps: float) -> int:
    """Frames of the longest gap that is bridged."""
    return math.floor(max_gap_s * fps + 1e-9)


def _named_points(pose: PoseTrack, config: CenterConfig) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Positions (n_frames, n_named, 2) and where they are seen (n_frames, n_named)."""
    alone = len(pose.keypoints) == 1 and pose.keypoints[0] in WHOLE_ANIMAL
    names = pose.keypoints if alone else config.keypoint_names
    for name in names:
        if name not in pose.keypoints:
            raise InputError(
                f"Keypoint {name!r} is not in {pose.source_path.name}. It has: {listing(pose.keypoints)}."
                f"{did_you_mean(name, pose.keypoints)} Set center.keypoints to one of these, "
                "or to a list of them to average."
            )
    columns = [pose.keypoints.index(name) for name in names]
    points, likelihood = pose.xy_px[:, columns], pose.likelihood[:, columns]
    with np.errstate(invalid="ignore"):
        seen = (likelihood >= config.min_likelihood) & np.isfinite(points).all(axis=2)
    for name, column, column_seen in zip(names, likelihood.T, seen.T, strict=True):
        if column_seen.any():
            continue
        best = f"its highest likelihood is {np.nanmax(column):.2f}" if np.isfinite(column).any() else "no value at all"
        raise InputError(
            f"{_called(pose, name)} is seen in none of its {pose.n_frames} frames "
            f"({best}, min_likelihood is {config.min_likelihood:g}). {remedy_for(pose)}"
        )
    return points, seen


def _called(pose: PoseTrack, keypoint: str) -> str:
    if pose.is_blob:
        return f"The animal of {pose.source_path.name}, tracked as a blob,"
    return f"Keypoint {keypoint!r} of {pose.source_path.name}"


def remedy_for(pose: PoseTrack) -> str:
    """What can be done where the center is rarely seen; a blob has no other keypoint, and no labeled frames."""
    if pose.is_blob:
        return (
            "A blob is one animal, alone in the picture, that differs from the ground and leaves its place: look at "
            "the video for a second animal, a hand, a cable or deep shadows. Or track it with DeepLabCut or SLEAP, and "
            "name that file in the column `poses` instead of `blob`."
        )
    if len(pose.keypoints) == 1:
        return "Lower center.min_likelihood, or track the video again."
    return (
        "Name other keypoints in center.keypoints (several are averaged), lower center.min_likelihood, or label more "
        "frames of this kind for the tracker and track the video again."
    )


def _mean_of_points(
    pose: PoseTrack, config: CenterConfig, points: NDArray[np.float64], seen: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Mean of the keypoints (n_frames, 2) without jumps where some vanish; NaN where too few are seen."""
    complete = np.flatnonzero(seen.all(axis=1))
    if not len(complete):
        raise InputError(
            f"The keypoints {listing(config.keypoint_names)} of {pose.source_path.name} are never seen all "
            f"together (min_likelihood {config.min_likelihood:g}), so their mean has no fixed place on the "
            "animal. Name fewer."
        )
    xy_px = np.full((len(points), 2), np.nan)
    full_mean = points[complete].mean(axis=1)
    for pattern in np.unique(seen, axis=0):
        if 2 * pattern.sum() < len(pattern):
            continue
        frames = np.flatnonzero((seen == pattern).all(axis=1))
        offset = full_mean - points[complete][:, pattern].mean(axis=1)
        for axis in range(2):
            correction = np.interp(frames, complete, offset[:, axis])
            xy_px[frames, axis] = points[frames][:, pattern, axis].mean(axis=1) + correction
    return xy_px


def fill_gaps(values: NDArray[np.float64], max_gap_frames: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Interpolate gaps of up to `max_gap_frames` in values (n_frames, n), hold longer ones; NaN is a gap.

    At least one frame must be seen. Returned are the values, and where (n_frames,) no long gap is.
    """
    seen = np.isfinite(values).all(axis=1)
    seen_frames = np.flatnonzero(seen)
    frames = np.arange(len(values))
    filled = np.stack([np.interp(frames, seen_frames, column[seen_frames]) for column in values.T], axis=1)
    observed = np.ones(len(values), dtype=bool)
    edges = np.flatnonzero(np.diff(np.concatenate([[True], seen, [True]]).astype(np.int8)))
    for start, stop in edges.reshape(-1, 2):
        if stop - start > max_gap_frames:
            filled[start:stop] = values[start - 1] if start > 0 else values[seen_frames[0]]
            observed[start:stop] = False
    return filled, observed
