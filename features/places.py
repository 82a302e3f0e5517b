"""Where crops lie: the middle and the side of a square in every frame."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from features.centers import fill_gaps
from features.tracks import CenterTrack, PoseTrack

LEAST_SIDE_PX = 8
_MOST_SIDES = 1.5
"""A box that is larger than the picture by this is an error of the tracker."""
_MOST_OUTSIDE = 0.05
"""Trackers guess on for a moment when an animal leaves; more boxes than this are of another video."""


class Places(NamedTuple):
    """Squares by frame: middles (n_frames, 2), sides (n_frames,) in whole pixels, and where they are known."""

    xy_px: NDArray[np.float64]
    side_px: NDArray[np.int64]
    observed: NDArray[np.bool_]


def around_center(centers: CenterTrack, side_px: int) -> Places:
    """Squares of one size around a point."""
    return Places(centers.xy_px, np.full(centers.n_frames, side_px, dtype=np.int64), centers.observed)


def around_boxes(
    tracks: Sequence[PoseTrack],
    margin_percent: float,
    min_likelihood: float,
    max_gap_frames: int,
    frame_size_px: tuple[int, int] | None = None,
) -> Places:
    """Squares around the box of one animal, or around those of several together.

    The side is the longer one of the box, and a margin on both ends of it. A box is missing where the track has none;
    gaps are treated as in ``features.centers.track_center``.

    Parameters
    ----------
    tracks : sequence of PoseTrack
        Of one length.
    margin_percent : float
        In percent of the box's longer side.
    min_likelihood : float
        Keypoints below it are not seen; of a track without boxes of its own, the box is that of those seen.
    max_gap_frames : int
    frame_size_px : tuple of int, optional
        Width and height of the video. Boxes that lie outside it, or are far larger, are missing.

    Raises
    ------
    InputError
        A track without boxes, or with many outside the picture.
    """
    filled, observed = zip(
        *(fill_gaps(_boxes_of(track, min_likelihood, frame_size_px), max_gap_frames) for track in tracks), strict=True
    )
    boxes = np.stack(filled)
    corners = np.concatenate([boxes[..., :2].min(axis=0), boxes[..., 2:].max(axis=0)], axis=1)
    longer_px = (corners[:, 2:] - corners[:, :2]).max(axis=1)
    side_px = np.ceil(longer_px * (1 + 2 * margin_percent / 100) - 1e-9).astype(np.int64)
    middles = (corners[:, :2] + corners[:, 2:]) / 2
    return Places(middles, np.maximum(side_px, LEAST_SIDE_PX), np.logical_and.reduce(observed))


def known_boxes(track: PoseTrack, min_likelihood: float, max_gap_frames: int) -> NDArray[np.float64] | None:
    """Left, top, right and bottom of an animal's box, shape (n_frames, 4), in pixels, as crops are cut around it.

    It is the track's own, else that of its keypoints; None where neither is there. Short gaps are bridged; NaN in
    longer ones.
    """
    try:
        boxes, observed = fill_gaps(_boxes_of(track, min_likelihood, None), max_gap_frames)
    except InputError:
        return None
    boxes[~observed] = np.nan
    return boxes


def _boxes_of(track: PoseTrack, min_likelihood: float, frame_size_px: tuple[int, int] | None) -> NDArray[np.float64]:
    """Left, top, right, bottom (n_frames, 4) of an animal; NaN where its box is missing."""
    boxes = _keypoint_boxes(track, min_likelihood) if track.box_px is None else track.box_px.copy()
    known = np.isfinite(boxes).all(axis=1)
    if frame_size_px is not None:
        inside = np.all((boxes[:, :2] < frame_size_px) & (boxes[:, 2:] >= 0), axis=1)
        # One keypoint far off would make a crop that no memory holds.
        inside &= (boxes[:, 2:] - boxes[:, :2]).max(axis=1) <= _MOST_SIDES * max(frame_size_px)
        outside: NDArray[np.bool_] = known & ~inside
        if outside.sum() > _MOST_OUTSIDE * known.sum():
            raise _boxes_outside(track, boxes, outside, frame_size_px)
        boxes[outside] = np.nan
        known &= ~outside
    if not known.any():
        raise InputError(
            f"{track.source_path.name} has no box of this animal in any of its {track.n_frames} frames. Track it "
            "again, or write crop.around: center."
        )
    return boxes


def _keypoint_boxes(track: PoseTrack, min_likelihood: float) -> NDArray[np.float64]:
    """Boxes of the keypoints that are seen, where at least half of those that are ever seen are."""
    with np.errstate(invalid="ignore"):
        seen = (track.likelihood >= min_likelihood) & np.isfinite(track.xy_px).all(axis=2)
    n_ever = int(seen.any(axis=0).sum())
    if n_ever < 2:
        raise InputError(
            f"crop.around: box or pair needs boxes, or several keypoints around which a box is drawn, but "
            f"{track.source_path.name} has {n_ever} that is seen ({', '.join(track.keypoints)}; min_likelihood is "
            f"{min_likelihood:g}). Write crop.around: center."
        )
    least = np.where(seen[..., None], track.xy_px, np.inf).min(axis=1)
    most = np.where(seen[..., None], track.xy_px, -np.inf).max(axis=1)
    enough = (2 * seen.sum(axis=1) >= n_ever)[:, None]
    return np.where(enough, np.concatenate([least, most], axis=1), np.nan)


def _boxes_outside(
    track: PoseTrack, boxes: NDArray[np.float64], outside: NDArray[np.bool_], frame_size_px: tuple[int, int]
) -> InputError:
    first = int(np.flatnonzero(outside)[0])
    return InputError(
        f"Boxes of {track.source_path.name} lie outside the picture ({frame_size_px[0]} × {frame_size_px[1]} px), or "
        f"are far larger, in "
        f"{int(outside.sum()):,} of {len(boxes):,} frames, first in frame {first}: left, top, right, bottom are "
        f"{', '.join(f'{value:g}' for value in boxes[first])}. Were they tracked in a video of another size, or is it "
        "the file of another video? Track this one, or correct the row."
    )
