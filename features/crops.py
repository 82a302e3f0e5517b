"""Square crops around the animal.

Where a crop lies: coordinates are those of ``features.tracks`` (pixel centers at whole
numbers), a crop covers whole pixels, and of all positions the one whose middle is nearest
to the center is taken, the upper or left one where two are equally near. So a crop of even
size S around a whole x covers x - S/2 to x + S/2 - 1, as in the thesis (80 px to each side).
What lies outside the frame repeats the frame's edge.
"""

import math
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from features.video.pictures import Box


class Square(NamedTuple):
    """A square of a frame: the box of it that lies inside, and how often the edges are repeated around that."""

    inside: Box
    above: int
    below: int
    before: int
    behind: int

    def cut(self, frame: NDArray[np.uint8], frame_box: Box) -> NDArray[np.uint8]:
        """Cut it out of a part of the frame that holds what lies inside; a view where all of it does."""
        left, top = self.inside.left - frame_box.left, self.inside.top - frame_box.top
        right, bottom = self.inside.right - frame_box.left, self.inside.bottom - frame_box.top
        inside = frame[top:bottom, left:right]
        if not any(self[1:]):
            return inside
        bordered = cv2.copyMakeBorder(inside, *self[1:], cv2.BORDER_REPLICATE)
        return np.asarray(bordered, dtype=frame.dtype)


def crop_square(frame: NDArray[np.uint8], center_xy_px: ArrayLike, size_px: int) -> NDArray[np.uint8]:
    """Cut a square (size_px, size_px, 3) out of a frame, repeating the frame's edge where it reaches over.

    The frame is (height, width, 3), channels in any order. The crop is a copy, never a view of the frame. Center and
    errors as in `place_square`.
    """
    height, width = frame.shape[:2]
    square = place_square(center_xy_px, size_px, (width, height)).cut(frame, Box(0, 0, width, height))
    return square.copy() if np.may_share_memory(square, frame) else square


def place_square(center_xy_px: ArrayLike, size_px: int, frame_size_px: tuple[int, int]) -> Square:
    """Where a square lies in a frame of some width and height.

    The center is x and y of the middle in the frame's pixels and may lie outside of it.

    Raises
    ------
    ValueError
        When the center is NaN or infinite, or the size is not positive.
    """
    x_px, y_px = (float(value) for value in np.asarray(center_xy_px, dtype=np.float64))
    if not (math.isfinite(x_px) and math.isfinite(y_px)):
        raise ValueError(f"the center of a crop must be finite, got ({x_px}, {y_px})")
    if size_px < 1:
        raise ValueError(f"the size of a crop must be at least 1 px, got {size_px}")
    left, right, before, behind = _inside(first_px(x_px, size_px), size_px, frame_size_px[0])
    top, bottom, above, below = _inside(first_px(y_px, size_px), size_px, frame_size_px[1])
    return Square(Box(left, top, right, bottom), above, below, before, behind)


def first_px(center_px: float, size_px: int) -> int:
    """Where a crop begins along an axis; before 0 where it reaches over the frame's edge."""
    return math.ceil(center_px - size_px / 2)


def _inside(start: int, size: int, length: int) -> tuple[int, int, int, int]:
    """Of `size` places from `start` along an axis: first and stop of those inside, how many are before and behind."""
    first, last = _nearest(start, length), _nearest(start + size - 1, length)
    n_inside = last + 1 - first
    n_before = min(max(first - start, 0), size - n_inside)
    return first, last + 1, n_before, size - n_inside - n_before


def _nearest(place: int, length: int) -> int:
    """The index nearest to a place along an axis."""
    return min(max(place, 0), length - 1)


def resize_crop(crop: NDArray[np.uint8], input_px: int) -> NDArray[np.uint8]:
    """Resize a square crop (size_px, size_px, 3) to the side that the network sees; one that fits stays as it is.

    Shrinking averages over areas, growing interpolates linearly.
    """
    if crop.shape[0] == input_px:
        return crop
    interpolation = cv2.INTER_AREA if input_px < crop.shape[0] else cv2.INTER_LINEAR
    return cv2.resize(crop, (input_px, input_px), interpolation=interpolation).astype(np.uint8, copy=False)
