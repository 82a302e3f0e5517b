"""Parts of pictures: the same bits as in the whole, for every format, size and place."""

from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.crops import place_square
from features.video import pictures
from features.video.pictures import Box, Converter, Picture
from features.video.reading import iter_frames

FORMATS = ("yuv420p", "yuvj420p", "yuv422p", "yuv444p", "gray", "nv12", "yuv420p10le", "bgr24", "pal8")


def noise(name: str, width_px: int, height_px: int, colorspace: int = 2, color_range: int = 0) -> av.VideoFrame:
    frame, random = av.VideoFrame(width_px, height_px, name), np.random.default_rng(width_px)
    frame.colorspace, frame.color_range = colorspace, color_range
    for plane in frame.planes:
        plane.update(random.integers(0, 256, plane.buffer_size, dtype=np.uint8).tobytes())
    return frame


@settings(max_examples=80)
@given(
    name=st.sampled_from(FORMATS),
    size_px=st.tuples(st.integers(2, 150), st.integers(2, 150)),
    colors=st.sampled_from([(2, 0), (1, 1), (5, 2), (9, 1)]),
    data=st.data(),
)
def test_a_part_has_the_bits_of_the_whole(
    name: str, size_px: tuple[int, int], colors: tuple[int, int], data: st.DataObject
) -> None:
    picture, converter = Picture(noise(name, *size_px, *colors), Converter()), Converter()
    assert picture.size_px == size_px
    whole = picture()
    for _ in range(3):
        left, top = (data.draw(st.integers(0, side - 1)) for side in size_px)
        right, bottom = data.draw(st.integers(left + 1, size_px[0])), data.draw(st.integers(top + 1, size_px[1]))
        for part in (
            picture(Box(left, top, right, bottom)),
            converter.part(noise(name, *size_px, *colors), Box(left, top, right, bottom)),
        ):
            np.testing.assert_array_equal(part, whole[top:bottom, left:right])


@settings(max_examples=80)
@given(
    name=st.sampled_from(FORMATS),
    size_px=st.tuples(st.integers(2, 150), st.integers(2, 150)),
    step_px=st.integers(1, 9),
)
def test_sampled_pixels_are_those_that_opencv_takes(name: str, size_px: tuple[int, int], step_px: int) -> None:
    picture = Picture(noise(name, *size_px), Converter())
    sides = max(1, size_px[0] // step_px), max(1, size_px[1] // step_px)
    expected = cv2.resize(picture(), sides, interpolation=cv2.INTER_NEAREST)
    np.testing.assert_array_equal(picture.sampled(step_px), expected)


@pytest.mark.parametrize("name", ["yuv420p", "yuv444p"])
def test_what_is_common_is_not_converted_whole(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Converter, picture: av.VideoFrame) -> None:
        raise AssertionError("only a part is needed")

    monkeypatch.setattr(Converter, "whole", refuse)
    picture = Picture(noise(name, 640, 480), Converter())
    assert picture(Box(3, 5, 113, 115)).shape == (110, 110, 3) and picture.sampled(5).shape == (96, 128, 3)


@pytest.mark.shared
@pytest.mark.parametrize("name", ["mouse_arena/arena_2.mp4", "openfield_dlc/m3v1mp4.mp4"])
def test_crops_of_real_videos(shared_dir: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    n_whole = 0
    converted = Converter.whole

    def counting(self: Converter, picture: av.VideoFrame) -> np.ndarray:
        nonlocal n_whole
        n_whole += 1
        return converted(self, picture)

    monkeypatch.setattr(pictures.Converter, "whole", counting)
    for frame in iter_frames(shared_dir / "data" / name):
        if frame.number % 20 == 0:
            square = place_square(random.uniform((0, 0), frame.picture.size_px), 160, frame.picture.size_px)
            part = frame.picture(square.inside).copy()
            left, top, right, bottom = square.inside
            np.testing.assert_array_equal(part, frame.picture()[top:bottom, left:right])
            if frame.number == 400:
                break
    assert n_whole == 21  # by the test itself
