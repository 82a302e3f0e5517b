"""Square crops around the animal.

Where a crop lies: coordinates are those of ``features.tracks`` (pixel centers at whole
numbers), a crop covers whole pixels, and of all positions the one whose middle is nearest
to the center is taken, the upper or left one where two are equally near. So a crop of even
size S around a whole x covers x - S/2 to x + S/2 - 1, as in the thesis (80 px to each side).
What lies outside the frame repeats the frame's edge.
"""

import math

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray


def crop_square(frame: NDArray[np.uint8], center_xy_px: ArrayLike, size_px: int) -> NDArray[np.uint8]:
    """Cut a square (size_px, size_px, 3) out of a frame, repeating the frame's edge where it reaches over.

    The frame is (height, width, 3), channels in any order; the center is x and y of the middle in its pixels and may
    lie outside of it. The crop is a copy, never a view of the frame.

    Raises
    ------
    ValueError
        When the center is NaN or infinite, or the size is not positive.
    """
    square = view_square(frame, center_xy_px, size_px)
    return square.copy() if np.may_share_memory(square, frame) else square


def view_square(frame: NDArray[np.uint8], center_xy_px: ArrayLike, size_px: int) -> NDArray[np.uint8]:
    """As `crop_square`, but a view of the frame where the square lies inside of it."""
    x_px, y_px = (float(value) for value in np.asarray(center_xy_px, dtype=np.float64))
    if not (math.isfinite(x_px) and math.isfinite(y_px)):
        raise ValueError(f"the center of a crop must be finite, got ({x_px}, {y_px})")
    if size_px < 1:
        raise ValueError(f"the size of a crop must be at least 1 px, got {size_px}")
    height, width = frame.shape[:2]
    left = math.ceil(x_px - size_px / 2)
    top = math.ceil(y_px - size_px / 2)
    first_row, last_row = _nearest(top, height), _nearest(top + size_px - 1, height)
    first_column, last_column = _nearest(left, width), _nearest(left + size_px - 1, width)
    inside = frame[first_row : last_row + 1, first_column : last_column + 1]
    if inside.shape[:2] == (size_px, size_px):
        return inside
    above = min(max(first_row - top, 0), size_px - len(inside))
    before = min(max(first_column - left, 0), size_px - inside.shape[1])
    below, behind = size_px - len(inside) - above, size_px - inside.shape[1] - before
    bordered = cv2.copyMakeBorder(inside, above, below, before, behind, cv2.BORDER_REPLICATE)
    return np.asarray(bordered, dtype=frame.dtype)


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
