"""What is seen on a frame of an overlay video is where and as it should be, to the pixel."""

from dataclasses import replace

import numpy as np
import pytest

from common.colors import GRID, INK, PALETTE, behavior_colors
from features.crops import crop_square
from pipeline.films.overlay import raster as overlay_raster
from pipeline.films.overlay.drawing import bgr, fitting, line_height_px, readable_on, text_picture, text_width_px
from pipeline.films.overlay.frame import FramePainter, time_text
from pipeline.films.overlay.layout import default_scale, plan_layout
from pipeline.films.overlay.raster import Raster
from pipeline.scoring.postprocessing.postprocess import PostprocessConfig
from pipeline.scoring.timeline import FULL, Timeline

BEHAVIORS = ("grooming", "Aufbäumen", "θ-κίνηση")
FPS = 10.0
N_FRAMES = 400
ACTIVE = {0: slice(100, 150), 1: slice(120, 130), 2: slice(300, 301)}
HUMAN = {0: slice(104, 152), 1: slice(40, 50), 2: slice(0, 0)}
UNSCORED = slice(200, 260)
UNPREDICTED = slice(350, 400)
WHITE = (255, 255, 255)


def timelines(labels: bool = True, fps: float = FPS) -> Timeline:
    predicted = np.zeros((N_FRAMES, 3), dtype=bool)
    active = np.zeros_like(predicted)
    for column in range(3):
        predicted[ACTIVE[column], column] = True
        active[HUMAN[column], column] = True
    probability = np.where(predicted, 0.9, 0.1).astype(np.float32)
    probability[UNPREDICTED] = np.nan
    scored = np.ones_like(active)
    scored[UNSCORED] = False
    settings = ({FULL: PostprocessConfig()},) * 3
    human = (active, scored) if labels else (None, None)
    return Timeline("mouse_01", fps, BEHAVIORS, probability, {FULL: predicted}, *human, settings)


def painter(center=(100.0, 80.0), crop_px=60, size=(320, 240), scale=1.0, observed=True, lines=None, animal=""):
    lines = timelines() if lines is None else lines
    layout = plan_layout(*size, len(BEHAVIORS), scale)
    centers = None if center is None else np.tile(np.array(center, dtype=np.float64), (N_FRAMES, 1))
    seen = np.full(N_FRAMES, observed)
    return FramePainter(lines, layout, 12.0, centers, seen, crop_px, animal), layout


def gray(size=(320, 240), level=90) -> np.ndarray:
    return np.full((size[1], size[0], 3), level, dtype=np.uint8)


def picture_part(canvas, layout):
    left = layout.picture_left_px
    return canvas[: layout.picture_height_px, left : left + layout.picture_width_px]


def rows_of(layout, column):
    """Middle rows of the human bar and the predicted bar of a behavior."""
    top = layout.row_top_px + column * layout.row.height_px
    half = layout.row.bar_px // 2
    return top + layout.row.human_px + half, top + layout.row.predicted_px + half


def is_color(pixel, color) -> bool:
    return tuple(int(level) for level in pixel) == tuple(bgr(color))


@pytest.mark.parametrize("scale", [1.0, 2.0])
@pytest.mark.parametrize("center", [(100.0, 80.0), (100.4, 80.6), (10.0, 230.0), (200.0, -20.0)])
def test_the_box_is_around_what_the_network_sees(center, scale):
    marked = np.arange(240 * 320, dtype=np.int32).reshape(240, 320)
    seen = np.unique(crop_square(np.repeat(marked[:, :, None], 3, axis=2), center, 60)[..., 0])
    rows, columns = seen // 320, seen % 320
    paint, layout = painter(center, scale=scale)
    shown = picture_part(paint.paint(gray(), 0), layout)
    y, x = np.nonzero((shown == 255).all(axis=2))
    step = int(scale)
    if center[1] > 0 and center[0] > 30 and center[1] < 210:
        assert (x.min(), x.max()) == (columns.min() * step, (columns.max() + 1) * step - 1)
        assert (y.min(), y.max()) == (rows.min() * step, (rows.max() + 1) * step - 1)
    else:
        # Where the crop reaches over the edge of the frame, so does the box.
        assert (y.max() + 1) // step <= rows.max() + 1
        assert (x.max() + 1) // step <= columns.max() + 1
        assert len(x) < 4 * 60 * step * layout.line_px


def test_inside_the_box_the_picture_is_untouched():
    paint, layout = painter()
    shown = picture_part(paint.paint(gray(), 0), layout)
    inner = layout.line_px + 1
    assert (shown[50 + inner : 110 - inner, 70 + inner : 130 - inner] == 90).all()


def test_where_the_animal_was_not_observed_the_box_is_dashed_and_says_so():
    seen = picture_part(painter()[0].paint(gray(), 0), painter()[1])
    paint, layout = painter(observed=False)
    dashed = picture_part(paint.paint(gray(), 0), layout)
    assert not (dashed == 255).all(axis=2).any()
    edge = dashed[50 + layout.line_px // 2, 70:130, 0]
    assert len(set(edge.tolist())) >= 2, "dashes and gaps"
    assert (dashed != seen).any()
    assert (dashed[:48] != 90).any(), "a tag stands above the box"
    assert (seen[:48] == 90).all()
    named = picture_part(painter(animal="dark")[0].paint(gray(), 0), layout)
    assert (named[:48] == 255).any() and (named[48:] == seen[48:]).all(), "the animal's name stands there"


def test_without_centers_there_is_no_box():
    paint, layout = painter(center=None)
    assert (picture_part(paint.paint(gray(), 0), layout) == 90).all()


def test_a_center_that_is_unknown_draws_no_box():
    paint, layout = painter(center=(np.nan, np.nan))
    assert (picture_part(paint.paint(gray(), 110), layout) == 90).all()


@pytest.mark.parametrize("center", [(100.0, 20.0), (100.0, 230.0), (315.0, 120.0), (0.0, 0.0), (500.0, 500.0)])
def test_tags_of_active_behaviors_stay_within_the_picture(center):
    paint, layout = painter(center)
    shown = picture_part(paint.paint(gray(), 125), layout)
    for behavior in BEHAVIORS[:2]:
        color = bgr(behavior_colors(BEHAVIORS)[behavior])
        n_pixels = int((shown == color).all(axis=2).sum())
        whole = text_picture(behavior, layout.text_px, readable_on(behavior_colors(BEHAVIORS)[behavior]),
                             behavior_colors(BEHAVIORS)[behavior], True, round(layout.text_px * 0.4))  # fmt: skip
        assert n_pixels == int((whole == color).all(axis=2).sum())


@pytest.mark.parametrize("column", [0, 1, 2])
def test_now_shows_the_behaviors_color_while_it_is_active_and_the_line_otherwise(column):
    paint, layout = painter()
    color = PALETTE[column]
    start, stop = ACTIVE[column].start, ACTIVE[column].stop
    _, predicted_row = rows_of(layout, column)
    for frame in (start, stop - 1):
        assert is_color(paint.paint(gray(), frame)[predicted_row, layout.now_px], color)
    for frame in (start - 1, stop, 5):
        assert is_color(paint.paint(gray(), frame)[predicted_row, layout.now_px], INK)


def test_a_frame_lies_on_the_raster_where_its_time_does():
    paint, layout = painter()
    human_row, predicted_row = rows_of(layout, 0)
    canvas = paint.paint(gray(), 125)
    per_s = layout.raster_width_px / 12
    raster = canvas[:, layout.raster_left_px : layout.raster_left_px + layout.raster_width_px]
    for row, color, (start, stop) in ((predicted_row, PALETTE[0], (100, 150)), (human_row, INK, (104, 152))):
        columns = np.flatnonzero((raster[row] == bgr(color)).all(axis=1))
        columns = columns[np.abs(columns - layout.raster_width_px // 2) > layout.line_px]
        middle = layout.raster_width_px // 2
        assert columns.min() - middle == pytest.approx((start - 125.5) / FPS * per_s, abs=1.5)
        assert columns.max() + 1 - middle == pytest.approx((stop - 125.5) / FPS * per_s, abs=1.5)


def test_unscored_and_unpredicted_stretches_are_hatched_never_empty():
    paint, layout = painter()
    reach = slice(layout.now_px + 5, layout.now_px + 60)
    for frame, which in ((220, 0), (365, 1)):
        row = rows_of(layout, 0)[which]
        canvas = paint.paint(gray(), frame)
        bar = canvas[row, reach]
        assert not (bar == 255).all(axis=1).any()
        assert len(np.unique(bar, axis=0)) == 2
    scored = paint.paint(gray(), 20)
    assert (scored[rows_of(layout, 0)[0], reach] == 255).all()


def test_outside_of_the_recording_nothing_is_claimed():
    paint, layout = painter()
    raster = paint.paint(gray(), 0)[:, layout.raster_left_px :]
    before = raster[layout.row_top_px + 1 : layout.row_top_px + layout.row.height_px, : layout.raster_width_px // 3]
    assert len(np.unique(before.reshape(-1, 3), axis=0)) == 1
    assert not is_color(before[0, 0], "#FFFFFF")


def test_without_labels_there_is_no_row_for_the_human():
    paint, layout = painter(lines=timelines(labels=False))
    human_row, _ = rows_of(layout, 0)
    canvas = paint.paint(gray(), 130)
    left, right = layout.raster_left_px, layout.now_px - layout.line_px
    assert (canvas[human_row, left:right] == 255).all()
    words = canvas[human_row - 5 : human_row + 5, layout.names_left_px + layout.names_width_px : left]
    assert (words == 255).all()


def test_exclusive_behaviors_share_a_row_that_shows_the_class_of_both():
    lines = timelines()
    assert lines.true is not None
    predicted = lines.predicted[FULL] & ~np.roll(lines.predicted[FULL], 1, axis=1)
    true = lines.true & ~np.roll(lines.true, 1, axis=1)
    lines = replace(lines, predicted={FULL: predicted}, true=true, task="exclusive", background="other")
    layout = plan_layout(320, 240, len(BEHAVIORS), 1.0, exclusive=True)
    paint = FramePainter(lines, layout, 12.0, None, None, 60)
    colors = behavior_colors(BEHAVIORS)
    human_y, predicted_y = rows_of(layout, 0)
    for frame in (45, 101, 110, 250, 360):
        canvas = paint.paint(gray(), frame)
        for y, active, known in (
            (human_y, true[frame], lines.scored[frame, 0]),
            (predicted_y, predicted[frame], not np.isnan(lines.probability[frame, 0])),
        ):
            shown = [colors[b] for b, on in zip(BEHAVIORS, active, strict=True) if on and known] or ["#FFFFFF"]
            assert is_color(canvas[y, layout.names_left_px + 1], shown[0])
        bar = canvas[human_y, layout.now_px + layout.line_px]
        if true[frame].any() and lines.scored[frame, 0]:
            assert is_color(bar, colors[BEHAVIORS[int(true[frame].argmax())]])
    words = [paint.paint(gray(), frame)[:, : layout.raster_left_px] for frame in (0, 110)]
    assert (words[0] != words[1]).any()
    assert canvas.shape[0] < painter()[0].paint(gray(), 0).shape[0]


def test_an_active_behavior_is_highlighted_and_the_others_are_not():
    paint, layout = painter()
    canvas = paint.paint(gray(), 110)
    x = layout.names_left_px + layout.names_width_px - 2
    ys = [rows_of(layout, column)[0] for column in range(3)]
    assert [is_color(canvas[y, x], PALETTE[column]) for column, y in enumerate(ys)] == [True, False, False]


def test_the_bar_is_as_long_as_the_probability():
    paint, layout = painter()
    for frame, probability in ((110, 0.9), (20, 0.1)):
        canvas = paint.paint(gray(), frame)
        left, right = layout.names_left_px, layout.names_left_px + layout.names_width_px
        below_name = layout.row_top_px + layout.row.human_px + line_height_px(layout.text_px)
        part = canvas[below_name : layout.row_top_px + layout.row.height_px, left:right]
        filled = (part == bgr(PALETTE[0])).all(axis=2).sum()
        track = filled + (part == bgr(GRID)).all(axis=2).sum()
        assert filled / track == pytest.approx(probability, abs=0.02)


@pytest.mark.parametrize("frame", [0, 37, 199, 250, 399])
def test_stretches_of_the_raster_fit_together(monkeypatch, frame):
    layout = plan_layout(320, 240, 3, 1.0)
    whole = Raster(timelines(), layout, 12.0).around(frame)
    monkeypatch.setattr(overlay_raster, "_STRETCH_PX", 56)
    pieced = Raster(timelines(), layout, 12.0).around(frame)
    different = (whole != pieced).any(axis=2)
    # The first column of a stretch does not know the level before it: one pixel of a steep rise.
    assert different.mean() < 0.002


def test_a_bout_shorter_than_a_pixel_is_still_seen():
    layout = plan_layout(320, 240, 3, 1.0)
    lines = timelines(fps=500.0)
    raster = Raster(lines, layout, 12.0).around(100)
    row = 2 * layout.row.height_px + layout.row.predicted_px + 2
    assert (raster[row] == bgr(PALETTE[2])).all(axis=1).sum() >= 1


@pytest.mark.parametrize(
    ("size", "scale"),
    [((448, 448), 800 / 448), ((640, 480), 1.5), ((1920, 1080), 1.0), ((3840, 2160), 0.5), ((160, 120), 2.0),
     ((1280, 720), 1.0)],
)  # fmt: skip
def test_small_videos_grow_and_huge_ones_shrink(size, scale):
    assert default_scale(*size) == pytest.approx(scale)


@pytest.mark.parametrize("n_behaviors", [1, 3, 5, 6, 12])
@pytest.mark.parametrize("size", [(448, 448), (1920, 1080), (160, 120), (321, 123), (90, 700), (3840, 2160)])
def test_nothing_overlaps_or_leaves_the_canvas(size, n_behaviors):
    layout = plan_layout(*size, n_behaviors)
    assert layout.width_px % 2 == layout.height_px % 2 == 0
    assert layout.raster_width_px % 2 == 1
    assert layout.text_px >= 14 and layout.small_px >= 11
    words = text_width_px("predicted", layout.small_px) + 6
    assert layout.names_left_px + layout.names_width_px + words <= layout.raster_left_px
    assert layout.raster_left_px + layout.raster_width_px <= layout.width_px
    assert layout.raster_width_px > 0.5 * layout.width_px
    row = layout.row
    assert row.human_px + row.bar_px <= row.predicted_px
    assert row.predicted_px + row.bar_px <= row.curve_top_px
    assert row.curve_top_px + row.curve_px <= row.height_px
    assert line_height_px(layout.text_px) + row.bar_px + row.human_px <= row.height_px
    assert line_height_px(layout.small_px) <= row.predicted_px - row.human_px + 4
    bottom = layout.row_top_px + n_behaviors * row.height_px + layout.axis_px
    assert bottom <= layout.height_px <= bottom + 1


def test_letters_of_other_languages_are_drawn():
    unknown = text_picture("\ufffe", 18, INK, "#FFFFFF")
    seen = {letter: text_picture(letter, 18, INK, "#FFFFFF").tobytes() for letter in "äöüéñçøθκίя"}
    assert unknown.tobytes() not in seen.values()
    assert len(set(seen.values())) == len(seen)


def test_accents_and_tails_are_not_cut_off():
    for text in ("ÄÉÑg", "Åpjy", "(Ǘ)"):
        picture = text_picture(text, 18, "#000000", "#FFFFFF", bold=True)
        assert picture[0].min() > 200 and picture[-1].min() > 200


def test_long_names_are_cut_in_their_middle():
    assert fitting("grooming", 500, 16) == "grooming"
    cut = fitting("mid rearing against the wall, unsupported", 120, 16)
    assert text_width_px(cut, 16) <= 120
    assert cut.startswith("mid") and cut.endswith("ed") and "…" in cut


def test_text_on_every_behaviors_color_is_readable():
    def luminance(color: str) -> float:
        levels = np.array(bgr(color)[::-1]) / 255
        linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    for color in PALETTE:
        pair = sorted([luminance(color), luminance(readable_on(color))])
        assert (pair[1] + 0.05) / (pair[0] + 0.05) >= 4.5


@pytest.mark.parametrize(
    ("frame", "fps", "text"),
    [(0, 10.0, "0.00 s"), (123, 10.0, "12.30 s"), (600, 10.0, "60.00 s (1:00)"), (18611, 5.0, "3722.20 s (1:02:02)"),
     (1, 250.0, "0.004 s"), (7, 30000 / 1001, "0.23 s")],
)  # fmt: skip
def test_times(frame, fps, text):
    assert time_text(frame, fps) == text


def test_no_time_below_the_raster_is_cut_off_at_its_ends():
    layout = plan_layout(320, 240, 3, 1.0)
    raster = Raster(timelines(), layout, 12.0)
    ticks_px = layout.rows_px + round(layout.small_px * 0.5)
    strips = [raster.around(frame)[ticks_px:] for frame in range(150, 200)]
    # Letters are anti-aliased: whatever is not white belongs to one. They pass, and never touch the ends.
    assert all((strip[:, [0, -1]] == 255).all() for strip in strips)
    assert all((strip != 255).any() for strip in strips)
