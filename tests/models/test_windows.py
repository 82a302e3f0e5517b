import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.windows import FeatureSequence, cut_windows, plan_windows, stitch


def recording(n_frames: int, first: int = 0) -> FeatureSequence:
    frames = np.arange(first, first + n_frames, dtype=np.float32)
    return FeatureSequence("m1", np.stack([frames, -frames], 1), frames % 2 == 0, np.ones(n_frames, bool))


@st.composite
def cuts(draw: st.DrawFn) -> tuple[list[int], int, int]:
    lengths = draw(st.lists(st.integers(0, 60), min_size=1, max_size=4))
    window_frames = draw(st.integers(1, 25))
    return lengths, window_frames, draw(st.integers(0, window_frames - 1))


@given(cuts())
def test_stitching_undoes_cutting(cut: tuple[list[int], int, int]) -> None:
    lengths, window_frames, offset = cut
    recordings = [recording(n, first=1000 * i + 1) for i, n in enumerate(lengths)]
    windows = cut_windows(recordings, window_frames, offset)
    for i, original in enumerate(recordings):
        own = windows.recording_index == i
        for values, expected in (
            (windows.x[own][..., 1], original.embeddings[:, 1]),
            (windows.y[own], original.active),
        ):
            assert np.array_equal(stitch(values, windows.start[own], len(expected)), expected)


@given(cuts())
def test_every_frame_lies_in_one_window_and_padding_at_the_end(cut: tuple[list[int], int, int]) -> None:
    lengths, window_frames, offset = cut
    recordings = [recording(n, first=1000 * i + 1) for i, n in enumerate(lengths)]
    windows = cut_windows(recordings, window_frames, offset)
    assert windows.mask.sum() == sum(lengths)
    assert not (~windows.mask[:, :-1] & windows.mask[:, 1:]).any(), "a real frame after padding"
    assert windows.mask[:, 0].all(), "a window without frames"
    for i, row in zip(windows.recording_index, range(len(windows.x)), strict=True):
        frames = windows.x[row, windows.mask[row], 0]
        assert (frames // 1000 == i).all(), "a window holds frames of another recording"
        assert (np.diff(frames) == 1).all()
    for padded in (windows.x[~windows.mask], windows.y[~windows.mask], windows.weight[~windows.mask]):
        assert not padded.any()


def test_an_offset_shortens_the_first_window() -> None:
    spans = plan_windows([10, 3], window_frames=4, offset=3)
    assert spans == [(0, 0, 3), (0, 3, 7), (0, 7, 10), (1, 0, 3)]


def test_weights_follow_labels_and_unscored_frames_count_nothing() -> None:
    active = np.array([True, False, True, False, False])
    scored = np.array([True, True, False, False, True])
    original = FeatureSequence("m1", np.zeros((5, 1), np.float32), active, scored)
    windows = cut_windows([original], 3, sample_weights=(0.5, 4.0))
    assert windows.weight.tolist() == [[4.0, 0.5, 0.0], [0.0, 0.5, 0.0]]
    assert windows.y.tolist() == [[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]


def test_stitch_takes_windows_in_any_order() -> None:
    values = np.array([[3, 4, 5], [0, 1, 2]], np.float32)
    assert stitch(values, np.array([3, 0]), 5).tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(("starts", "n_frames"), [([0, 4], 6), ([1, 3], 5), ([0, 3], 8), ([0, 3], 2)])
def test_stitch_refuses_windows_that_leave_gaps(starts: list[int], n_frames: int) -> None:
    with pytest.raises(ValueError, match="do not cover"):
        stitch(np.zeros((2, 3), np.float32), np.array(starts), n_frames)


def test_a_recording_needs_arrays_of_one_length() -> None:
    with pytest.raises(ValueError, match="'m7'"):
        FeatureSequence("m7", np.zeros((4, 2), np.float32), np.zeros(3, bool), np.zeros(4, bool))


@pytest.mark.parametrize(("window_frames", "offset"), [(0, 0), (5, 5), (5, -1)])
def test_an_offset_outside_the_window_is_refused(window_frames: int, offset: int) -> None:
    with pytest.raises(ValueError, match="offset"):
        plan_windows([10], window_frames, offset)
