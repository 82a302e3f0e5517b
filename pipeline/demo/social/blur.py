"""Motion blur: what moves while the shutter is open is smeared."""

from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.demo.scene import Image

_LEAST_PX = 0.7
_MARGIN_PX = 28
_LONGEST_PX = 15.0


@contextmanager
def smeared(image: Image, places_px: NDArray[np.float64], moved_px: NDArray[np.float64]) -> Iterator[None]:
    """Smear what is drawn into the image meanwhile, in place.

    `places_px`, shape (n, 2): of a body's parts; `moved_px`, likewise: their ways while the shutter is open. The body
    as a whole is smeared along its mean way; how its parts move against each other blurs it to all sides.
    """
    way = moved_px.mean(axis=0)
    rest_px = float(np.sqrt(((moved_px - way) ** 2).sum(axis=1).mean()))
    if max(float(np.linalg.norm(way)), rest_px) < _LEAST_PX:
        yield
        return
    low = np.maximum(np.floor(places_px.min(axis=0)).astype(int) - _MARGIN_PX, 0)
    high = np.ceil(places_px.max(axis=0)).astype(int) + _MARGIN_PX
    window = image[low[1] : max(high[1], 0), low[0] : max(high[0], 0)]
    still = window.copy()
    yield
    if not window.size:
        return
    change = np.asarray(cv2.filter2D(window - still, -1, _line(way), borderType=cv2.BORDER_CONSTANT))
    if rest_px >= _LEAST_PX:
        change = np.asarray(cv2.GaussianBlur(change, (0, 0), 0.3 * min(rest_px, _LONGEST_PX)))
    window[:] = still + change


def _line(way_px: NDArray[np.float64]) -> Image:
    """A kernel that spreads a point evenly along a way, its end where the point is; at most `_LONGEST_PX` long."""
    length = float(np.linalg.norm(way_px))
    way = way_px * min(1.0, _LONGEST_PX / max(length, 1e-9))
    half = int(np.ceil(np.abs(way).max()))
    kernel = np.zeros((2 * half + 1, 2 * half + 1), np.float32)
    # `filter2D` takes at a place what lies where the kernel is not zero: ahead of it, as the body came from behind.
    steps = np.linspace(0.0, 1.0, 2 * half + 1)[:, None] * way + half
    for x, y in np.round(steps).astype(int):
        kernel[y, x] += 1.0
    return kernel / kernel.sum()
