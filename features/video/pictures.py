"""Decoded pictures as OpenCV has them, whole or a part of each.

FFmpeg converts the common formats a pixel at a time, the color of a block of pixels being that of these alone: a part
that is cut out before has the same bits as one that is cut out afterwards, and costs a fraction. Whether it does so
here, for this format and size, is tried on noise first; what comes out otherwise is converted whole.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

import av
import cv2
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

_QUARTER_TURNS = {90: 1, 180: 2, -180: 2, -90: 3}
_BLOCKS = {
    "gray": (1, 1), "yuv444p": (1, 1), "yuvj444p": (1, 1), "yuv422p": (2, 1), "yuvj422p": (2, 1), "yuv420p": (2, 2),
    "yuvj420p": (2, 2),
}  # fmt: skip
"""Pixels (across, down) that share a color, by format; in each a pixel of a plane is a byte."""
_EVEN_PX, _STEP_PX = 2, 16
"""Parts begin at a multiple of the one, and their sides are multiples of the other: a new size costs FFmpeg time."""
_TRIED_PX = 48
_LEAST_STEP = 2
"""Samples are taken apart where they are a fourth of all pixels at most: below that, the whole costs no more."""


class Box(NamedTuple):
    """A part of a frame: pixels [left, right) of rows [top, bottom)."""

    left: int
    top: int
    right: int
    bottom: int


def around(boxes: Iterable[Box]) -> Box:
    """The smallest box that holds all of at least one."""
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return Box(min(lefts), min(tops), max(rights), max(bottoms))


class Converter:
    """Converts the pictures of one video; keeps what FFmpeg prepares for that."""

    def __init__(self) -> None:
        self._of_whole, self._of_part = VideoReformatter(), VideoReformatter()
        self._part: av.VideoFrame | None = None

    def whole(self, picture: av.VideoFrame) -> NDArray[np.uint8]:
        """(height, width, 3), blue, green, red, turned as the file asks for."""
        turns = _QUARTER_TURNS.get(picture.rotation, 0)
        return np.ascontiguousarray(np.rot90(_bgr(self._of_whole, picture, n_threads=0), turns))

    def part(self, picture: av.VideoFrame, box: Box) -> NDArray[np.uint8]:
        """The same bits as in the whole, of a box inside of it."""
        wider = _wider(box, picture.width, picture.height)
        if wider is None or not _has_separable_parts(picture):
            return self.whole(picture)[box.top : box.bottom, box.left : box.right]
        self._part = _cut(picture, wider, self._part)
        converted = _bgr(self._of_part, self._part, n_threads=1)
        return converted[box.top - wider.top : box.bottom - wider.top, box.left - wider.left : box.right - wider.left]

    def sampled(self, picture: av.VideoFrame, step_px: int) -> NDArray[np.uint8]:
        """A pixel for each step across and down, as OpenCV takes them from the whole, with the same bits."""
        is_worth_it = step_px > _LEAST_STEP * max(_BLOCKS.get(picture.format.name, (1, 1)))
        if not (is_worth_it and _has_separable_parts(picture)):
            whole = self.whole(picture)
            return _nearest(whole, max(1, whole.shape[1] // step_px), max(1, whole.shape[0] // step_px))
        self._part, apart_px = _thin(picture, step_px, self._part)
        return np.ascontiguousarray(_bgr(self._of_part, self._part, n_threads=1)[::apart_px, ::apart_px])


class Picture:
    """One decoded picture, converted when it is asked for, which may be until the next frame is taken."""

    def __init__(self, decoded: av.VideoFrame, converter: Converter) -> None:
        self._decoded, self._converter = decoded, converter

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height, as it is shown."""
        width_px, height_px = self._decoded.width, self._decoded.height
        is_upright = _QUARTER_TURNS.get(self._decoded.rotation, 0) % 2 == 0
        return (width_px, height_px) if is_upright else (height_px, width_px)

    def by(self, converter: Converter) -> "Picture":
        """The same picture converted by another, for another thread; it may be called as long as it is kept."""
        return Picture(self._decoded, converter)

    def sampled(self, step_px: int) -> NDArray[np.uint8]:
        """The picture of a pixel for each step across and down."""
        return self._converter.sampled(self._decoded, step_px)

    def __call__(self, box: Box | None = None) -> NDArray[np.uint8]:
        """The picture, or the part of it in a box: (height, width, 3) uint8, blue, green, red."""
        return self._converter.whole(self._decoded) if box is None else self._converter.part(self._decoded, box)


def _bgr(reformatter: VideoReformatter, picture: av.VideoFrame, n_threads: int) -> NDArray[np.uint8]:
    """As OpenCV converts; 0 threads are as many as there are processors, which costs more than it saves on parts."""
    converted = reformatter.reformat(picture, format="bgr24", interpolation=Interpolation.BICUBIC, threads=n_threads)
    return np.asarray(converted.to_ndarray(), dtype=np.uint8)


def _wider(box: Box, width_px: int, height_px: int) -> Box | None:
    """A box around this one, inside of the picture, of one of few sizes; None where there is none."""
    left, right = _wider_span(box.left, box.right, width_px)
    top, bottom = _wider_span(box.top, box.bottom, height_px)
    wider = Box(left, top, right, bottom)
    return wider if min(left, top) >= 0 and around((box, wider)) == wider else None


def _wider_span(start: int, stop: int, length: int) -> tuple[int, int]:
    side = -(-(stop - start + 1) // _STEP_PX) * _STEP_PX
    first = min(start, length - side) // _EVEN_PX * _EVEN_PX
    return first, first + side


def _has_separable_parts(picture: av.VideoFrame) -> bool:
    name = picture.format.name
    if name not in _BLOCKS or picture.rotation or picture.interlaced_frame:
        return False
    if _BLOCKS[name] != (1, 1) and (picture.width % 2 or picture.height % 2):  # There FFmpeg smooths colors.
        return False
    if any(plane.line_size <= 0 for plane in picture.planes):  # stored from the last line to the first
        return False
    return _are_equal(name, picture.width, picture.height, int(picture.colorspace), int(picture.color_range))


@lru_cache(maxsize=64)
def _are_equal(name: str, width_px: int, height_px: int, colorspace: int, color_range: int) -> bool:
    """Whether parts of noise are converted as the whole of it is."""
    noise = av.VideoFrame(width_px, height_px, name)
    noise.colorspace, noise.color_range = colorspace, color_range
    random = np.random.default_rng(0)
    for plane in _planes(noise):
        plane[:] = random.integers(0, 256, plane.shape, dtype=np.uint8)
    of_part = VideoReformatter()
    whole = _bgr(VideoReformatter(), noise, n_threads=0)
    tried_px = min(_TRIED_PX, width_px, height_px) // _EVEN_PX * _EVEN_PX
    lefts, tops = ((0, (side - tried_px) // 4 * 2, (side - tried_px) // 2 * 2) for side in (width_px, height_px))
    for left, top in ((left, top) for left in lefts for top in tops):
        box = Box(left, top, left + tried_px, top + tried_px)
        part = _bgr(of_part, _cut(noise, box, None), n_threads=1)
        if not np.array_equal(part, whole[box.top : box.bottom, box.left : box.right]):
            return False
    return True


def _cut(picture: av.VideoFrame, box: Box, before: av.VideoFrame | None) -> av.VideoFrame:
    """A part of a picture as a picture; `before` is written over if it has the size."""
    size_px = box.right - box.left, box.bottom - box.top
    part = _like(picture, size_px, before)
    blocks = ((1, 1), *[_BLOCKS[picture.format.name]] * 2)
    for source, target, (across, down) in zip(_planes(picture), _planes(part), blocks, strict=False):
        height, width = size_px[1] // down, size_px[0] // across
        top, left = box.top // down, box.left // across
        target[:height, :width] = source[top : top + height, left : left + width]
    return part


def _thin(picture: av.VideoFrame, step_px: int, before: av.VideoFrame | None) -> tuple[av.VideoFrame, int]:
    """Some pixels of a picture as a picture, so far apart that each has its color for itself; others are anything."""
    width, height, name = max(1, picture.width // step_px), max(1, picture.height // step_px), picture.format.name
    apart_px = max(_BLOCKS[name])
    part = _like(picture, (apart_px * width, apart_px * height), before)
    for number, (source, target) in enumerate(zip(_planes(picture), _planes(part), strict=True)):
        across, down = _BLOCKS[name] if number else (1, 1)
        inside = source[: -(-picture.height // down), : -(-picture.width // across)]
        rows, columns = apart_px // down, apart_px // across
        target[: rows * height : rows, : columns * width : columns] = _nearest(inside, width, height)
    return part, apart_px


def _nearest(pixels: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_NEAREST), dtype=np.uint8)


def _like(picture: av.VideoFrame, size_px: tuple[int, int], before: av.VideoFrame | None) -> av.VideoFrame:
    """A picture of the same kind; `before` if it has the size."""
    part, name = before, picture.format.name
    if part is None or (part.width, part.height, part.format.name) != (*size_px, name):
        part = av.VideoFrame(*size_px, name)
    part.colorspace, part.color_range = picture.colorspace, picture.color_range
    return part


def _planes(picture: av.VideoFrame) -> list[NDArray[np.uint8]]:
    """Each plane, (height, bytes in a line), as a view."""
    return [np.frombuffer(memoryview(plane), dtype=np.uint8).reshape(-1, plane.line_size) for plane in picture.planes]
