"""The one animal of a frame, as the largest piece of plausible size that stands out from the background."""

import math
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from features.video.foreground import LARGEST, SMALLEST, BlobModel, pieces


class Blob(NamedTuple):
    """The middle of the animal's area in one frame, in pixels of the full frame."""

    x_px: float
    y_px: float
    major_axis_px: float
    """Length of the ellipse with the same second moments; near the body's length without the tail."""
    likelihood: float
    """How far it is the only blob and of the usual size, in [0, 1]."""


def find_blob(gray: NDArray[np.uint8], model: BlobModel) -> Blob | None:
    """Find the animal in one frame as `shrink` gives it; None where nothing plausible stands out."""
    labels, statistics = pieces(gray, model)
    areas = statistics[:, cv2.CC_STAT_AREA] / model.area_px
    sound = np.flatnonzero((areas >= SMALLEST) & (areas <= LARGEST))
    if not len(sound):
        return None
    chosen = int(sound[np.argmax(areas[sound])])
    left, top, width, height = statistics[chosen, :4]
    piece = (labels[top : top + height, left : left + width] == chosen + 1).astype(np.uint8)
    moments = cv2.moments(piece, binaryImage=True)
    x, y = moments["m10"] / moments["m00"] + left, moments["m01"] / moments["m00"] + top
    spread = np.array([[moments["mu20"], moments["mu11"]], [moments["mu11"], moments["mu02"]]]) / moments["m00"]
    major_axis = 4 * math.sqrt(max(0.0, float(np.linalg.eigvalsh(spread)[1])))
    alone = float(areas[chosen] / areas[areas >= SMALLEST].sum())
    usual = min(1.0, 2 * float(min(areas[chosen], 1 / areas[chosen])))
    # The centers of the shrunk pixels lie between those of the full frame.
    x_px, y_px = ((value + 0.5) * model.scale - 0.5 for value in (x, y))
    return Blob(x_px, y_px, major_axis * model.scale, alone * usual)
