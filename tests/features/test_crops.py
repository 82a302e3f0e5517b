import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.crops import crop_square, resize_crop


def numbered_frame(height: int, width: int) -> np.ndarray:
    """A frame in which no two pixels are alike."""
    numbers = np.arange(height * width, dtype=np.int64).reshape(height, width)
    return np.stack([numbers % 251, numbers // 251 % 256, numbers % 7], axis=2).astype(np.uint8)


def crop_by_padding(frame: np.ndarray, left: int, top: int, size_px: int) -> np.ndarray:
    """The same by another way: pad the frame far beyond the crop, then slice."""
    far = size_px + max(abs(left), abs(top)) + max(frame.shape)
    padded = np.pad(frame, ((far, far), (far, far), (0, 0)), mode="edge")
    return padded[top + far : top + far + size_px, left + far : left + far + size_px]


def nearest_start(center: float, size_px: int) -> int:
    """By search: the whole start whose crop's middle is nearest to the center, the smaller of two."""
    candidates = range(int(center) - size_px - 2, int(center) + 3)
    return min(candidates, key=lambda start: (abs(start + (size_px - 1) / 2 - center), start))


@settings(deadline=None)
@given(
    height=st.integers(1, 20),
    width=st.integers(1, 20),
    # Sixteenths are exact in binary, so that ties are ties.
    x_px=st.integers(-40 * 16, 40 * 16).map(lambda n: n / 16),
    y_px=st.integers(-40 * 16, 40 * 16).map(lambda n: n / 16),
    size_px=st.integers(1, 25),
)
def test_equals_slicing_a_padded_frame(height: int, width: int, x_px: float, y_px: float, size_px: int) -> None:
    frame = numbered_frame(height, width)
    expected = crop_by_padding(frame, nearest_start(x_px, size_px), nearest_start(y_px, size_px), size_px)
    crop = crop_square(frame, (x_px, y_px), size_px)
    assert crop.dtype == np.uint8
    np.testing.assert_array_equal(crop, expected)


def test_whole_center_and_even_size_is_the_thesis_square() -> None:
    frame = numbered_frame(300, 400)
    np.testing.assert_array_equal(crop_square(frame, (200, 150), 160), frame[70:230, 120:280])


def test_odd_size_is_centered_exactly() -> None:
    frame = numbered_frame(30, 40)
    np.testing.assert_array_equal(crop_square(frame, (20, 10), 5), frame[8:13, 18:23])


@pytest.mark.parametrize("center", [(1e30, 5.0), (-1e30, 5.0), (5.0, 1e30), (5.0, -1e30)])
def test_center_at_the_end_of_the_world_repeats_the_edge(center: tuple[float, float]) -> None:
    crop = crop_square(numbered_frame(10, 12), center, 4)
    assert crop.shape == (4, 4, 3)


def test_far_corner_is_that_pixel_alone() -> None:
    frame = numbered_frame(10, 12)
    assert (crop_square(frame, (1e30, 1e30), 4) == frame[-1, -1]).all()


@pytest.mark.parametrize("center", [(5.0, 5.0), (0.0, 0.0)])
def test_crop_is_no_view_of_the_frame(center: tuple[float, float]) -> None:
    frame = numbered_frame(10, 10)
    before = frame.copy()
    crop_square(frame, center, 4)[:] = 0
    np.testing.assert_array_equal(frame, before)


@pytest.mark.parametrize("center", [(np.nan, 1.0), (1.0, np.inf)])
def test_unknown_center_is_refused(center: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="finite"):
        crop_square(numbered_frame(5, 5), center, 2)


def test_size_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        crop_square(numbered_frame(5, 5), (2, 2), 0)


def test_fitting_crop_is_not_touched() -> None:
    crop = numbered_frame(16, 16)
    assert resize_crop(crop, 16) is crop


def test_shrinking_averages_areas() -> None:
    crop = np.zeros((4, 4, 3), np.uint8)
    crop[::2, ::2] = 100
    np.testing.assert_array_equal(resize_crop(crop, 2), np.full((2, 2, 3), 25))


def test_growing_interpolates() -> None:
    crop = np.zeros((2, 2, 3), np.uint8)
    crop[:, 1] = 200
    grown = resize_crop(crop, 4)
    assert grown.shape == (4, 4, 3)
    np.testing.assert_array_equal(grown[0, :, 0], [0, 50, 150, 200])
