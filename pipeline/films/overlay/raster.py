"""The moving raster of an overlay video: human and predicted bouts and probabilities around now.

Drawn in stretches that are kept until they have moved out of sight, so that a frame costs a copy,
and an hour-long recording no more memory than a short one.
"""

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from common.colors import GRID, INK, MUTED, UNSCORED, behavior_colors
from pipeline.films.overlay.drawing import bgr, paste, text_picture
from pipeline.films.overlay.layout import Layout
from pipeline.scoring.timeline import FULL, Timeline

BACKGROUND = "#FFFFFF"
_OUTSIDE = "#EDF0F3"
_HATCH = "#F6F7F9"
_STRETCH_PX, _EDGE_PX = 1024, 2
_TICK_STEPS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600)
_TINT = 0.22
"""Share of the behavior's color below its curve."""


class Raster:
    """A recording's raster (its timeline has settings), of which `around` shows `window_s` seconds, now in the middle.

    Pixels are counted from the recording's start: pixel g shows the time (g + 0.5) / px_per_s.
    """

    def __init__(self, timeline: Timeline, layout: Layout, window_s: float) -> None:
        self._timeline = timeline
        self._colors = [bgr(color) for color in behavior_colors(timeline.behaviors).values()]
        self._layout = layout
        self._px_per_s = layout.raster_width_px / window_s
        # A method with a cache of its own would keep the object alive.
        self._stretch = lru_cache(maxsize=4)(self._draw_stretch)

    @property
    def height_px(self) -> int:
        """Height of the rows and the axis below them."""
        return self._layout.rows_px + self._layout.axis_px

    def around(self, frame: int) -> NDArray[np.uint8]:
        """Show what happens around a frame, which is in the middle column, on the line that marks now.

        Returns
        -------
        ndarray, shape (height_px, layout.raster_width_px, 3), uint8
            Blue, green, red.
        """
        width = self._layout.raster_width_px
        now = int((frame + 0.5) / self._timeline.fps * self._px_per_s)
        first = now - width // 2
        parts = []
        for number in range(first // _STRETCH_PX, (first + width - 1) // _STRETCH_PX + 1):
            start = number * _STRETCH_PX
            part = slice(max(first, start) - start, min(first + width, start + _STRETCH_PX) - start)
            parts.append(self._stretch(number)[:, part])
        picture = np.concatenate(parts, axis=1)
        self._label_axis(picture, first)
        self._mark_now(picture, frame)
        return picture

    def _mark_now(self, picture: NDArray[np.uint8], frame: int) -> None:
        """Draw the line of now, behind the bars: their color at this frame is to be seen on it."""
        row, middle, width = self._layout.row, picture.shape[1] // 2, self._layout.line_px
        line = picture[: self._layout.rows_px, middle - width // 2 :][:, :width]
        bars = line.copy()
        line[:] = bgr(INK)
        for column in np.flatnonzero(self._timeline.predicted[FULL][frame]).tolist():
            top = self._layout.top_px(column) + row.predicted_px
            line[top : top + row.bar_px] = bars[top : top + row.bar_px]

    def _draw_stretch(self, number: int) -> NDArray[np.uint8]:
        """One stretch of _STRETCH_PX columns."""
        pixels = number * _STRETCH_PX + np.arange(_STRETCH_PX)
        edges = np.floor(np.append(pixels, pixels[-1] + 1) / self._px_per_s * self._timeline.fps).astype(np.int64)
        frames = np.floor((pixels + 0.5) / self._px_per_s * self._timeline.fps).astype(np.int64)
        inside = (frames >= 0) & (frames < self._timeline.n_frames)
        picture = np.full((self.height_px, _STRETCH_PX, 3), bgr(BACKGROUND), dtype=np.uint8)
        picture[: self._layout.rows_px, ~inside] = bgr(_OUTSIDE)
        frames = np.clip(frames, 0, self._timeline.n_frames - 1)
        edges = np.clip(edges, 0, self._timeline.n_frames)
        for column in range(len(self._timeline.behaviors)):
            top = self._layout.top_px(column)
            part = picture[top : top + self._layout.row.height_px]
            self._draw_bars(part, column, pixels, edges, frames, inside)
            self._draw_curve(part, column, frames, inside)
            if top:
                part[0] = bgr(GRID)
        self._draw_axis(picture, number * _STRETCH_PX)
        return picture

    def _draw_bars(
        self,
        part: NDArray[np.uint8],
        column: int,
        pixels: NDArray[np.int64],
        edges: NDArray[np.int64],
        frames: NDArray[np.int64],
        inside: NDArray[np.bool_],
    ) -> None:
        lines, row = self._timeline, self._layout.row
        predicted = part[row.predicted_px : row.predicted_px + row.bar_px]
        hatch(predicted, pixels, np.isnan(lines.probability[frames, column]) & inside)
        shown = _any_between(lines.predicted[FULL][:, column], edges, frames) & inside
        predicted[:, shown] = self._colors[column]
        if lines.true is None or lines.scored is None:
            return
        human = part[row.human_px : row.human_px + row.bar_px]
        hatch(human, pixels, ~lines.scored[frames, column] & inside)
        shown = _any_between(lines.true[:, column] & lines.scored[:, column], edges, frames) & inside
        human[:, shown] = self._colors[column] if lines.is_exclusive else bgr(INK)

    def _draw_curve(
        self, part: NDArray[np.uint8], column: int, frames: NDArray[np.int64], inside: NDArray[np.bool_]
    ) -> None:
        """Probability as a line, tinted below, and the threshold; nothing where nothing was predicted."""
        lines, row = self._timeline, self._layout.row
        area = part[row.curve_top_px : row.curve_top_px + row.curve_px]
        color = np.array(self._colors[column], dtype=np.float64)
        probability = np.where(inside, lines.probability[frames, column], np.nan)
        known = ~np.isnan(probability)
        level = np.round((1 - np.nan_to_num(probability)) * (row.curve_px - 1)).astype(np.int64)
        before = np.concatenate([level[:1], level[:-1]])
        y = np.arange(row.curve_px)[:, None]
        area[(y > level) & known] = np.round(255 - (255 - color) * _TINT).astype(np.uint8)
        threshold = lines.threshold(column, FULL)
        if threshold is not None:
            dashes = (np.arange(area.shape[1]) % 8 < 4) & inside
            area[round((1 - threshold) * (row.curve_px - 1)), dashes] = bgr(MUTED)
        area[-1, inside] = bgr(GRID)
        # From one column's level to the next, so that steep rises stay connected.
        line = (y >= np.minimum(level, before) - 1) & (y <= np.maximum(level, before)) & known
        area[line] = color.astype(np.uint8)

    def _draw_axis(self, picture: NDArray[np.uint8], first_px: int) -> None:
        """The line and its ticks."""
        top = picture.shape[0] - self._layout.axis_px
        picture[top] = bgr(MUTED)
        for x, _ in self._ticks(first_px, _STRETCH_PX):
            picture[top : top + round(self._layout.small_px * 0.35), x] = bgr(MUTED)

    def _label_axis(self, picture: NDArray[np.uint8], first_px: int) -> None:
        """Seconds at the ticks, each label whole: of half of one another time would be read."""
        size = self._layout.small_px
        top = picture.shape[0] - self._layout.axis_px + round(size * 0.5)
        for x, time_s in self._ticks(first_px, picture.shape[1]):
            label = text_picture(f"{time_s:g} s", size, INK, BACKGROUND)
            left = x - label.shape[1] // 2
            if _EDGE_PX <= left <= picture.shape[1] - label.shape[1] - _EDGE_PX:
                paste(picture, label, left, top)

    def _ticks(self, first_px: int, n_px: int) -> Iterator[tuple[int, float]]:
        """Yield the ticks among so many pixels: at which of them each stands, and its time in seconds."""
        step_s = next((s for s in _TICK_STEPS_S if s * self._px_per_s >= self._layout.small_px * 5), _TICK_STEPS_S[-1])
        start, stop = first_px / self._px_per_s, (first_px + n_px) / self._px_per_s
        last = self._timeline.n_frames / self._timeline.fps
        for tick in range(max(0, int(np.floor(start / step_s))), int(np.ceil(min(stop, last) / step_s)) + 1):
            x = round(tick * step_s * self._px_per_s) - first_px
            if 0 <= x < n_px and tick * step_s <= last + 1e-9:
                yield x, tick * step_s


def hatch(bar: NDArray[np.uint8], pixels: NDArray[np.int64], unknown: NDArray[np.bool_]) -> None:
    """Hatch the columns of a bar where nobody knows: an empty place would say that nothing happened.

    The bar, shape (height, n_columns, 3), is drawn on; `pixels` says where its columns lie in the whole raster, so
    that stretches fit together.
    """
    slanted = (pixels[None, :] + np.arange(len(bar))[:, None]) % 8 < 3
    bar[:, unknown] = bgr(UNSCORED)
    bar[slanted & unknown[None, :]] = bgr(_HATCH)


def _any_between(active: NDArray[np.bool_], edges: NDArray[np.int64], frames: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether a frame that a column of pixels covers is active, however many it covers.

    Where a frame is wider than a column, that is the frame in the column's middle.
    """
    total = np.concatenate([[0], np.cumsum(active)])
    several = total[edges[1:]] - total[edges[:-1]] > 0
    return np.where(edges[1:] - edges[:-1] > 1, several, active[frames])
