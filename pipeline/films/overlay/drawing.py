"""Words, rectangles and boxes on the frames of an overlay video.

Pillow draws the words, in the font of the report's figures: OpenCV's letters know neither accents nor Greek.
"""

from functools import lru_cache
from pathlib import Path

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor, ImageDraw, ImageFont

from common.colors import INK

Bgr = tuple[int, int, int]
_LINE_PER_SIZE = 1.35
"""Height of a line of text, with room for accents and tails, per size of the font."""
BOX, BOX_UNOBSERVED = "#FFFFFF", "#9AA3AD"


def bgr(color: str) -> Bgr:
    """Blue, green, red of a color given as `#RRGGBB`."""
    red, green, blue = ImageColor.getrgb(color)[:3]
    return blue, green, red


def readable_on(color: str) -> str:
    """Black or white, whichever reads better on a color (WCAG's relative luminance)."""
    linear = [(c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4) for c in np.array(bgr(color)[::-1]) / 255]
    luminance = float(np.dot(linear, [0.2126, 0.7152, 0.0722]))
    return "#FFFFFF" if 1.05 / (luminance + 0.05) >= (luminance + 0.05) / 0.05 else "#000000"


@lru_cache(maxsize=32)
def _font(size_px: int, bold: bool) -> ImageFont.FreeTypeFont:
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    path = Path(mpl.get_data_path()) / "fonts" / "ttf" / name
    # Basic layout: shaping libraries, where installed, would change widths from machine to machine.
    return ImageFont.truetype(str(path), size_px, layout_engine=ImageFont.Layout.BASIC)


def text_width_px(text: str, size_px: int, bold: bool = False) -> int:
    """Width of a line of text."""
    return int(np.ceil(_font(size_px, bold).getlength(text)))


def line_height_px(size_px: int) -> int:
    """Height of every picture of text of this size."""
    return round(size_px * _LINE_PER_SIZE)


def fitting(text: str, width_px: int, size_px: int, bold: bool = False) -> str:
    """Cut a text in its middle, where names differ least, until it is at most `width_px` wide."""
    shown, n_kept = text, len(text)
    while text_width_px(shown, size_px, bold) > width_px and n_kept > 1:
        n_kept -= 1
        shown = f"{text[: (n_kept + 1) // 2].rstrip()}…{text[len(text) - n_kept // 2 :].lstrip()}"
    return shown


def draw_text(
    text: str, size_px: int, color: str, background: str, bold: bool = False, padding_px: int = 0
) -> NDArray[np.uint8]:
    """Draw a line of text; colors as `#RRGGBB`, `padding_px` is room to the left and to the right.

    Returns
    -------
    ndarray, shape (line_height_px(size_px), width, 3), uint8
        Blue, green, red; not to be written to.
    """
    font = _font(size_px, bold)
    size = (text_width_px(text, size_px, bold) + 2 * padding_px, line_height_px(size_px))
    picture = Image.new("RGB", (max(1, size[0]), size[1]), background)
    ImageDraw.Draw(picture).text((padding_px, size[1] / 2 + size_px * 0.36), text, color, font, anchor="ls")
    pixels = np.asarray(picture)[:, :, ::-1].copy()
    # Kept pictures are shared by all who ask for them.
    pixels.setflags(write=False)
    return pixels


text_picture = lru_cache(maxsize=1024)(draw_text)
"""As `draw_text`, for texts that come again: drawn once and kept."""


def paste(canvas: NDArray[np.uint8], picture: NDArray[np.uint8], left_px: int, top_px: int) -> None:
    """Put a picture onto a larger one; what reaches over the edge is cut off."""
    height, width = canvas.shape[:2]
    top, left = max(0, top_px), max(0, left_px)
    bottom, right = min(height, top_px + picture.shape[0]), min(width, left_px + picture.shape[1])
    if bottom > top and right > left:
        canvas[top:bottom, left:right] = picture[top - top_px : bottom - top_px, left - left_px : right - left_px]


def fill(canvas: NDArray[np.uint8], left_px: int, top_px: int, width_px: int, height_px: int, color: Bgr) -> None:
    """Fill a rectangle; what reaches over the edge is cut off."""
    canvas[max(0, top_px) : max(0, top_px + height_px), max(0, left_px) : max(0, left_px + width_px)] = color


def draw_box(canvas: NDArray[np.uint8], box: tuple[int, int, int], line_px: int, observed: bool) -> None:
    """Draw a square's outline inside its edges: white between dark lines, or gray dashes where unobserved.

    The box is its left, top and side, in pixels; what reaches over the edges of the canvas is left out.
    """
    left, top, side = box
    dash = side if observed else 5 * line_px
    for color, grown in ((INK, 1), (BOX if observed else BOX_UNOBSERVED, 0)):
        for start in range(0, side, 2 * dash):
            length, width = min(dash, side - start) + 2 * grown, line_px + 2 * grown
            for across in (0, side - line_px):
                fill(canvas, left + start - grown, top + across - grown, length, width, bgr(color))
                fill(canvas, left + across - grown, top + start - grown, width, length, bgr(color))


def place_tags(canvas: NDArray[np.uint8], tags: list[NDArray[np.uint8]], box: tuple[int, int, int]) -> None:
    """Stack tags above a box, or below it where there is no room, and within the canvas in any case."""
    if not tags:
        return
    left, top, side = box
    height, width, gap = sum(map(len, tags)), max(tag.shape[1] for tag in tags), max(2, side // 60)
    y = top - gap - height if top >= gap + height else top + side + gap
    y = max(0, min(y, canvas.shape[0] - height))
    x = max(0, min(left, canvas.shape[1] - width))
    for tag in tags:
        paste(canvas, tag, x, y)
        y += len(tag)
