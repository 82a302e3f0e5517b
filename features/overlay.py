"""Keypoints drawn on crops, each in its own color, so that a frozen network sees where the parts of the animal are."""

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from common.suggestions import did_you_mean, listing
from features.centers import WHOLE_ANIMAL
from features.tracks import PoseTrack

OVERLAY_VERSION = 1
"""Raised when the same keypoints are drawn otherwise."""
_SIDE_PER_RADIUS = 50


class KeypointOverlay(NamedTuple):
    """What is drawn.

    `xy_px`, shape (n_animals, n_frames, n_keypoints, 2): NaN where nothing is drawn. Keypoints of the first animal are
    discs, of another one rings. `lines` join two keypoints, by their places among `keypoints`.
    """

    keypoints: tuple[str, ...]
    xy_px: NDArray[np.float64]
    lines: tuple[tuple[int, int], ...]

    def draw(self, crop: NDArray[np.uint8], frame: int, first_xy_px: tuple[int, int]) -> None:
        """Draw on a square crop (side, side, 3), blue, green, red, whose first pixel is at x, y of the frame."""
        radius = max(1, round(len(crop) / _SIDE_PER_RADIUS))
        colors = colors_of(len(self.keypoints))
        for animal, points in enumerate(self.xy_px[:, frame] - first_xy_px):
            # What is far outside the crop would not fit OpenCV's integers.
            shown = np.isfinite(points).all(axis=1) & (np.abs(points) < 4 * len(crop)).all(axis=1)
            places = np.rint(np.where(shown[:, None], points, 0)).astype(int)
            for one, other in self.lines:
                if shown[one] and shown[other]:
                    cv2.line(crop, places[one].tolist(), places[other].tolist(), (255, 255, 255), max(1, radius // 2))
            for k in np.flatnonzero(shown):
                thickness = cv2.FILLED if animal == 0 else max(1, radius // 2)
                cv2.circle(crop, places[k].tolist(), radius, colors[k], thickness)

    def recipe(self) -> dict[str, Any]:
        """All that determines what is drawn, fit for JSON."""
        points = hashlib.sha256(np.ascontiguousarray(self.xy_px, dtype="<f8").tobytes()).hexdigest()
        return {"version": OVERLAY_VERSION, "xy_px": points, "lines": [list(line) for line in self.lines]}


def colors_of(n_keypoints: int) -> list[tuple[int, int, int]]:
    """A color for each keypoint, blue, green, red: hues at equal distances, from red on."""
    hues = np.arange(n_keypoints) * 180 / n_keypoints
    hsv = np.stack([hues, np.full_like(hues, 255), np.full_like(hues, 255)], axis=1).astype(np.uint8)
    return [(int(b), int(g), int(r)) for b, g, r in cv2.cvtColor(hsv[:, None], cv2.COLOR_HSV2BGR)[:, 0]]


def overlay_of(
    tracks: Sequence[PoseTrack], skeleton: Sequence[tuple[str, str]], min_likelihood: float
) -> KeypointOverlay:
    """Make the overlay of one or several animals; keypoints below `min_likelihood` are not drawn.

    Raises
    ------
    InputError
        Tracks without keypoints, of other keypoints than the first, or a skeleton of others.
    """
    first = tracks[0]
    names = tuple(name for name in first.keypoints if name not in WHOLE_ANIMAL)
    for track in tracks:
        missing = [name for name in names if name not in track.keypoints]
        if not names or missing:
            found = f"lacks {listing(missing)}" if missing else f"has only the point {listing(first.keypoints)}"
            raise InputError(
                f"crop.keypoint_overlay draws keypoints on the crops, but {track.source_path.name} {found}. Track "
                "keypoints in all videos, or set crop.keypoint_overlay: false."
            )
    for name in (name for line in skeleton for name in line):
        if name not in names:
            raise InputError(
                f"crop.skeleton has a line to {name!r}, which is not in {first.source_path.name}. It has: "
                f"{listing(names)}.{did_you_mean(name, names)}"
            )
    lines = tuple((names.index(one), names.index(other)) for one, other in skeleton)
    return KeypointOverlay(names, np.stack([_seen_points(track, names, min_likelihood) for track in tracks]), lines)


def _seen_points(track: PoseTrack, names: Sequence[str], min_likelihood: float) -> NDArray[np.float64]:
    columns = [track.keypoints.index(name) for name in names]
    with np.errstate(invalid="ignore"):
        seen = track.likelihood[:, columns] >= min_likelihood
    return np.where(seen[..., None], track.xy_px[:, columns], np.nan)
