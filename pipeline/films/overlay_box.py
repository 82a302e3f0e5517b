"""The box on the picture of an overlay video: where the crop lies, and what the animal does there."""

import numpy as np
from numpy.typing import NDArray

from common.colors import INK
from pipeline.films.overlay_text import bgr, fill, paste

BOX, BOX_EDGE, BOX_UNOBSERVED = "#FFFFFF", INK, "#9AA3AD"


def outline(picture: NDArray[np.uint8], box: tuple[int, int, int], line_px: int, observed: bool) -> None:
    """Draw a square's outline inside its edges: white between dark lines, or gray dashes where unobserved.

    Parameters
    ----------
    picture : ndarray, shape (height, width, 3), uint8
        Drawn on; what reaches over its edges is left out.
    box : tuple of int
        Left, top and side, in pixels of the picture.
    line_px : int
        Width of the line.
    observed : bool
    """
    left, top, side = box
    if observed:
        _frame(picture, (left - 1, top - 1, side + 2), line_px + 2, bgr(BOX_EDGE))
        _frame(picture, box, line_px, bgr(BOX))
        return
    dash = 5 * line_px
    for start in range(0, side, 2 * dash):
        length = min(dash, side - start)
        for across in (0, side - line_px):
            for color, grown in ((bgr(BOX_EDGE), 1), (bgr(BOX_UNOBSERVED), 0)):
                x, y, w, h = left + start - grown, top + across - grown, length + 2 * grown, line_px + 2 * grown
                fill(picture, x, y, w, h, color)
                x, y, w, h = left + across - grown, top + start - grown, line_px + 2 * grown, length + 2 * grown
                fill(picture, x, y, w, h, color)


def _frame(picture: NDArray[np.uint8], box: tuple[int, int, int], line_px: int, color: tuple[int, int, int]) -> None:
    left, top, side = box
    fill(picture, left, top, side, line_px, color)
    fill(picture, left, top + side - line_px, side, line_px, color)
    fill(picture, left, top, line_px, side, color)
    fill(picture, left + side - line_px, top, line_px, side, color)


def place_tags(picture: NDArray[np.uint8], tags: list[NDArray[np.uint8]], box: tuple[int, int, int]) -> None:
    """Stack tags above a box, or below it where there is no room, and within the picture in any case."""
    if not tags:
        return
    left, top, side = box
    height = sum(len(tag) for tag in tags)
    width = max(tag.shape[1] for tag in tags)
    gap = max(2, side // 60)
    y = top - gap - height
    if y < 0:
        y = top + side + gap
    y = max(0, min(y, picture.shape[0] - height))
    x = max(0, min(left, picture.shape[1] - width))
    for tag in tags:
        paste(picture, tag, x, y)
        y += len(tag)
