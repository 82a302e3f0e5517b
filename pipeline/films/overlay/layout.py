"""Where everything lies in an overlay video, in pixels of its frames.

The picture is on top, below it a panel: a head line, a row for each behavior with its name and
probability on the left and its raster on the right, and the axis of time.
"""

from dataclasses import dataclass

MIN_CANVAS_WIDTH_PX = 640
"""A narrower picture stands in the middle of a canvas of this width, so that the panel can be read."""
_WISHED_WIDTH_PX, _WISHED_HEIGHT_PX, _WIDEST_PX = 960, 800, 1920
_MOST_BEHAVIORS_IN_LARGE_ROWS = 5


def default_scale(width_px: int, height_px: int) -> float:
    """Scale of the picture: small videos grow up to twofold so that text is readable, huge ones shrink to 1920 px."""
    if width_px > _WIDEST_PX:
        return _WIDEST_PX / width_px
    return max(1.0, min(2.0, _WISHED_WIDTH_PX / width_px, _WISHED_HEIGHT_PX / height_px))


@dataclass(frozen=True)
class RowLayout:
    """Within a behavior's row: tops of its two bars and its curve counted from the row's top, and heights."""

    height_px: int
    human_px: int
    predicted_px: int
    bar_px: int
    curve_top_px: int
    curve_px: int


@dataclass(frozen=True)
class Layout:
    """Places and sizes, all in pixels of the canvas, whose width and height are even.

    On top is the picture, `scale` pixels of the canvas per pixel of the video; below it begins the head line, at
    `row_top_px` the first behavior's row, and after the last row the axis of time. The raster's width is odd, so that
    one column of pixels is in the middle: now. `text_px` and `small_px` are sizes of fonts, `line_px` a line's width.
    """

    width_px: int
    height_px: int
    scale: float
    picture_left_px: int
    picture_width_px: int
    picture_height_px: int
    text_px: int
    small_px: int
    line_px: int
    head_px: int
    row_top_px: int
    n_rows: int
    row: RowLayout
    axis_px: int
    names_left_px: int
    names_width_px: int
    raster_left_px: int
    raster_width_px: int

    @property
    def rows_px(self) -> int:
        """Height of all rows."""
        return self.n_rows * self.row.height_px

    def top_px(self, column: int) -> int:
        """Top of a behavior's row below `row_top_px`; exclusive behaviors share one."""
        return min(column, self.n_rows - 1) * self.row.height_px

    @property
    def now_px(self) -> int:
        """Column of the canvas that shows the present frame."""
        return self.raster_left_px + self.raster_width_px // 2


def plan_layout(
    width_px: int, height_px: int, n_behaviors: int, scale: float | None = None, exclusive: bool = False
) -> Layout:
    """Arrange an overlay video of frames of this size, with a row for each behavior, lower ones where they are many.

    Exclusive behaviors have a high one in common.
    The picture's scale is `default_scale` where it isn't given.
    """
    scale = default_scale(width_px, height_px) if scale is None else scale
    picture_width, picture_height = max(2, round(width_px * scale)), max(2, round(height_px * scale))
    canvas_width = max(MIN_CANVAS_WIDTH_PX, picture_width + picture_width % 2)
    text = min(max(round(canvas_width / 52), 14), 26)
    small = max(11, round(text * 0.72))
    n_rows = 1 if exclusive else n_behaviors
    row = _plan_row(text, large=n_behaviors <= _MOST_BEHAVIORS_IN_LARGE_ROWS, shared=exclusive)
    head, axis, margin = round(text * 2.1), round(small * 2.2), round(text * 0.7)
    height = picture_height + head + n_rows * row.height_px + axis
    names_width = min(round(text * 11), round(canvas_width * 0.32))
    raster_left = margin + names_width + round(small * 6.2)
    raster_width = canvas_width - margin - raster_left
    return Layout(
        width_px=canvas_width,
        height_px=height + height % 2,
        scale=scale,
        picture_left_px=(canvas_width - picture_width) // 2,
        picture_width_px=picture_width,
        picture_height_px=picture_height,
        text_px=text,
        small_px=small,
        line_px=max(2, round(text / 9)),
        head_px=head,
        row_top_px=picture_height + head,
        n_rows=n_rows,
        row=row,
        axis_px=axis,
        names_left_px=margin,
        names_width_px=names_width,
        raster_left_px=raster_left,
        raster_width_px=raster_width - (raster_width + 1) % 2,
    )


def _plan_row(text_px: int, large: bool, shared: bool) -> RowLayout:
    """Human bar, predicted bar, curve, one below the other; bars of a shared row are as high as a line of text."""
    gap, bar = round(text_px * 0.22), round(text_px * (1.35 if shared else 0.75))
    curve = round(text_px * (3.0 if shared else 1.6 if large else 0.9))
    human = round(text_px * 0.35)
    predicted = human + bar + gap
    curve_top = predicted + bar + gap
    return RowLayout(curve_top + curve + round(text_px * 0.35), human, predicted, bar, curve_top, curve)
