"""One frame of an overlay video: the picture with the crop's box on it, and the panel below."""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from common.colors import GRID, INK, MUTED, behavior_colors
from pipeline.films.overlay.drawing import (
    BOX,
    BOX_UNOBSERVED,
    bgr,
    draw_box,
    draw_text,
    fill,
    fitting,
    line_height_px,
    paste,
    place_tags,
    readable_on,
    text_picture,
    text_width_px,
)
from pipeline.films.overlay.layout import Layout
from pipeline.films.overlay.raster import BACKGROUND, Raster, hatch
from pipeline.scoring.timeline import FULL, Timeline

_BESIDE_PICTURE = "#1F2933"
_NOT_OBSERVED = "not observed"


class FramePainter:
    """Draws the frames of one recording.

    Parameters
    ----------
    timeline : Timeline
        With the settings of each behavior.
    layout : Layout
    window_s : float
        Seconds of the raster that are seen at a time.
    center_xy_px : ndarray, shape (n_frames, 2), float64, or None
        Center of the crop in pixels of the video; no box is drawn without.
    observed : ndarray, shape (n_frames,), bool, or None
        Where the center was seen, not filled in.
    crop_size_px : int, or ndarray of int, shape (n_frames,)
        Side of the crop in pixels of the video.
    animal : str
        Its name, which stands above the box; "" = there is one only.
    """

    def __init__(
        self,
        timeline: Timeline,
        layout: Layout,
        window_s: float,
        center_xy_px: NDArray[np.float64] | None,
        observed: NDArray[np.bool_] | None,
        crop_size_px: int | NDArray[np.int64],
        animal: str = "",
    ) -> None:
        self._animal = animal
        self._timeline = timeline
        self._colors = behavior_colors(timeline.behaviors)
        self._layout = layout
        self._center_xy_px = center_xy_px
        self._observed = observed
        self._crop_size_px = np.broadcast_to(crop_size_px, timeline.n_frames)
        self._raster = Raster(timeline, layout, window_s)
        self._empty = self._draw_what_never_changes()

    def paint(self, picture: NDArray[np.uint8], frame: int) -> NDArray[np.uint8]:
        """Draw the video's frame of this number, shape (height, width, 3), uint8, blue, green, red.

        Returns
        -------
        ndarray, shape (layout.height_px, layout.width_px, 3), uint8
            Blue, green, red.
        """
        layout = self._layout
        canvas = self._empty.copy()
        left, width, height = layout.picture_left_px, layout.picture_width_px, layout.picture_height_px
        shown = canvas[:height, left : left + width]
        if picture.shape[:2] == (height, width):
            shown[:] = picture
        else:
            interpolation = cv2.INTER_AREA if layout.scale < 1 else cv2.INTER_CUBIC
            shown[:] = cv2.resize(picture, (width, height), interpolation=interpolation)
        if self._center_xy_px is not None:
            self._draw_box(shown, frame)
        self._draw_time(canvas, frame)
        if self._timeline.is_exclusive:
            self._draw_classes(canvas, frame)
        else:
            for column in range(len(self._timeline.behaviors)):
                self._draw_probability(canvas, column, frame)
        paste(canvas, self._raster.around(frame), layout.raster_left_px, layout.row_top_px)
        return canvas

    def _draw_what_never_changes(self) -> NDArray[np.uint8]:
        """The canvas without picture, raster and numbers."""
        layout, timeline = self._layout, self._timeline
        canvas = np.full((layout.height_px, layout.width_px, 3), bgr(BACKGROUND), dtype=np.uint8)
        canvas[: layout.picture_height_px] = bgr(_BESIDE_PICTURE)
        name = fitting(timeline.recording, round(layout.width_px * 0.4), layout.text_px)
        picture = text_picture(name, layout.text_px, MUTED, BACKGROUND)
        left = layout.width_px - layout.names_left_px - picture.shape[1]
        paste(canvas, picture, left, self._head_text_top_px())
        words = {"predicted": layout.row.predicted_px}
        if timeline.has_labels:
            words["human"] = layout.row.human_px
        for row in range(layout.n_rows):
            top = layout.row_top_px + row * layout.row.height_px
            for word, offset in words.items():
                picture = text_picture(word, layout.small_px, MUTED, BACKGROUND)
                middle = top + offset + layout.row.bar_px // 2
                paste(canvas, picture, layout.raster_left_px - picture.shape[1] - 6, middle - picture.shape[0] // 2)
            if row:
                fill(canvas, layout.names_left_px, top, layout.raster_left_px - layout.names_left_px, 1, bgr(GRID))
        # A triangle that stands on the line of now.
        for i in range(max(4, layout.text_px // 3)):
            fill(canvas, layout.now_px - i, layout.row_top_px - 1 - i, 2 * i + 1, 1, bgr(INK))
        self._draw_legend(canvas)
        return canvas

    def _draw_legend(self, canvas: NDArray[np.uint8]) -> None:
        """What dashes (of thresholds) and hatching mean, to the left of the axis."""
        layout, lines = self._layout, self._timeline
        size = layout.small_px
        top = layout.row_top_px + layout.rows_px + round(size * 0.5)
        left, mark, height = layout.names_left_px, round(size * 1.8), line_height_px(size)
        if not lines.is_exclusive:
            dashes = np.flatnonzero(np.arange(mark) % 8 < 4)
            canvas[top + height // 2, left + dashes] = bgr(MUTED)
            left += mark + size // 3
            word = text_picture("threshold", size, MUTED, BACKGROUND)
            paste(canvas, word, left, top)
            left += word.shape[1] + size
        unscored = lines.scored is not None and not lines.scored.all()
        if not unscored and not np.isnan(lines.probability).any():
            return
        bar = canvas[top + height // 5 : top + height - height // 5, left : left + mark]
        hatch(bar, np.arange(mark), np.ones(mark, dtype=bool))
        paste(canvas, text_picture("unknown", size, MUTED, BACKGROUND), left + mark + size // 3, top)

    def _head_text_top_px(self) -> int:
        spare = self._layout.head_px - line_height_px(self._layout.text_px)
        return self._layout.picture_height_px + spare // 2 - max(1, self._layout.text_px // 8)

    def _draw_time(self, canvas: NDArray[np.uint8], frame: int) -> None:
        layout = self._layout
        text = f"{time_text(frame, self._timeline.fps)}   frame {frame}"
        picture = draw_text(text, layout.text_px, INK, BACKGROUND, True)
        paste(canvas, picture, layout.names_left_px, self._head_text_top_px())

    def _draw_probability(self, canvas: NDArray[np.uint8], column: int, frame: int) -> None:
        """A behavior's name, highlighted while it is active, and its probability as a number and a bar."""
        layout, timeline = self._layout, self._timeline
        behavior, row = timeline.behaviors[column], layout.row
        color = self._colors[behavior]
        top, left = layout.row_top_px + column * row.height_px, layout.names_left_px
        active = bool(timeline.predicted[FULL][frame, column])
        padding = round(layout.text_px * 0.55)
        name = fitting(behavior, layout.names_width_px - 2 * padding, layout.text_px, bold=True)
        text_color, background = (readable_on(color), color) if active else (INK, BACKGROUND)
        picture = text_picture(name, layout.text_px, text_color, background, True, padding)
        line_top = top + row.human_px - layout.line_px
        if active:
            fill(canvas, left, line_top, layout.names_width_px, picture.shape[0], bgr(color))
        paste(canvas, picture, left, line_top)
        fill(canvas, left, line_top, 2 * layout.line_px, picture.shape[0], bgr(color))
        probability = float(timeline.probability[frame, column])
        unknown = math.isnan(probability)
        number = text_picture("–" if unknown else f"{probability:.2f}", layout.text_px, INK, BACKGROUND)
        bar_width = layout.names_width_px - text_width_px("0.00", layout.text_px) - padding
        rest = row.height_px - row.human_px - picture.shape[0]
        middle = line_top + picture.shape[0] + rest // 2
        for width, shade in ((bar_width, GRID), (0 if unknown else round(bar_width * probability), color)):
            fill(canvas, left, middle - row.bar_px // 2, width, row.bar_px, bgr(shade))
        paste(canvas, number, left + layout.names_width_px - number.shape[1], middle - number.shape[0] // 2)

    def _draw_classes(self, canvas: NDArray[np.uint8], frame: int) -> None:
        """The frame's class as the human has it and as predicted, each beside its bar, on the class's color."""
        layout, lines = self._layout, self._timeline
        known = bool(~np.isnan(lines.probability[frame, 0]))
        said = [(layout.row.predicted_px, lines.predicted[FULL][frame], known)]
        if lines.true is not None and lines.scored is not None:
            said.append((layout.row.human_px, lines.true[frame], bool(lines.scored[frame, 0])))
        padding = round(layout.text_px * 0.55)
        for offset, active, is_known in said:
            found = lines.behaviors[int(active.argmax())] if active.any() else lines.background
            name = fitting(
                found if is_known and found else "–", layout.names_width_px - 2 * padding, layout.text_px, True
            )
            color = self._colors.get(found, BACKGROUND) if is_known else BACKGROUND
            top = layout.row_top_px + offset
            picture = text_picture(name, layout.text_px, readable_on(color), color, True, padding)
            fill(canvas, layout.names_left_px, top, layout.names_width_px, picture.shape[0], bgr(color))
            paste(canvas, picture, layout.names_left_px, top)

    def _draw_box(self, picture: NDArray[np.uint8], frame: int) -> None:
        """The box of the crop, exactly where `features.crops` cuts, with the active behaviors above it."""
        assert self._center_xy_px is not None
        layout, size = self._layout, int(self._crop_size_px[frame])
        x_px, y_px = self._center_xy_px[frame]
        if not (math.isfinite(x_px) and math.isfinite(y_px)):
            return
        observed = self._observed is None or bool(self._observed[frame])
        left, top = math.ceil(x_px - size / 2), math.ceil(y_px - size / 2)
        box = (round(left * layout.scale), round(top * layout.scale), round(size * layout.scale))
        draw_box(picture, box, layout.line_px, observed)
        active = self._timeline.predicted[FULL][frame]
        colors = [color for color, on in zip(self._colors.items(), active, strict=True) if on]
        tags = [(self._animal, "#000000", BOX)] if self._animal else []
        tags += [(name, readable_on(color), color) for name, color in colors]
        if not observed:
            tags.insert(bool(self._animal), (_NOT_OBSERVED, "#000000", BOX_UNOBSERVED))
        padding = round(layout.text_px * 0.4)
        pictures = [
            text_picture(fitting(t, picture.shape[1] - 2 * padding, layout.text_px, True), layout.text_px, c, b, True,
                         padding)
            for t, c, b in tags
        ]  # fmt: skip
        place_tags(picture, pictures, box)


def time_text(frame: int, fps: float) -> str:
    """When a frame begins: seconds, and from a minute on also minutes."""
    seconds = frame / fps
    text = f"{seconds:.{2 if fps < 100 else 3}f} s"
    if seconds < 60:
        return text
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    clock = f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
    return f"{text} ({clock})"
