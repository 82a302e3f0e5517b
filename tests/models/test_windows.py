import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.windows import (
    FeatureSequence,
    Span,
    Windows,
    cut_rows,
    cut_windows,
    plan_overlapping,
    plan_windows,
    stitch,
)


def recording(n_frames: int, first: int = 0) -> FeatureSequence:
    frames = np.arange(first, first + n_frames, dtype=np.float32)
    return FeatureSequence("m1", np.stack([frames, -frames], 1), frames % 2 == 0, np.ones(n_frames, bool))


def cut(recordings: list[FeatureSequence], window_frames: int, offset: int = 0) -> tuple[Windows, np.ndarray]:
    """All windows of some recordings, and (recording, first frame) of each."""
    spans = plan_windows([one.n_frames for one in recordings], window_frames, offset)
    weights = [np.ones(one.n_frames) for one in recordings]
    places = np.array([(span.recording_index, span.start) for span in spans], int).reshape(-1, 2)
    return cut_windows(recordings, weights, spans, window_frames), places


@st.composite
def cuts(draw: st.DrawFn) -> tuple[list[FeatureSequence], int, int]:
    lengths = draw(st.lists(st.integers(0, 60), min_size=1, max_size=4))
    window_frames = draw(st.integers(1, 25))
    recordings = [recording(n, first=1000 * i + 1) for i, n in enumerate(lengths)]
    return recordings, window_frames, draw(st.integers(0, window_frames - 1))


@given(cuts())
def test_every_frame_lies_in_one_window_and_padding_at_the_end(drawn: tuple[list[FeatureSequence], int, int]) -> None:
    windows, places = cut(*drawn)
    assert windows.mask.sum() == sum(one.n_frames for one in drawn[0])
    assert not (~windows.mask[:, :-1] & windows.mask[:, 1:]).any(), "a real frame after padding"
    assert windows.mask[:, 0].all(), "a window without frames"
    for i, row in zip(places[:, 0], range(len(windows.x)), strict=True):
        frames = windows.x[row, windows.mask[row], 0]
        assert (frames // 1000 == i).all(), "a window holds frames of another recording"
        assert (np.diff(frames) == 1).all()
    for padded in (windows.x[~windows.mask], windows.y[~windows.mask], windows.weight[~windows.mask]):
        assert not padded.any()


def test_an_offset_shortens_the_first_window() -> None:
    spans = plan_windows([10, 3], window_frames=4, offset=3)
    assert spans == [(0, 0, 3), (0, 3, 7), (0, 7, 10), (1, 0, 3)]


def test_unscored_frames_count_nothing_whatever_their_target() -> None:
    scored = np.array([True, True, False, False, True])
    target = np.array([[1.0, 0.0], [0.5, 0.5], [np.nan, np.nan], [7.0, 7.0], [0.0, 1.0]])
    original = FeatureSequence("m1", np.zeros((5, 1), np.float32), target, scored)
    weight = np.array([4.0, 0.5, 4.0, 0.5, 0.5])
    windows = cut_windows([original], [weight], plan_windows([5], 3), 3)
    assert windows.weight.tolist() == [[4.0, 0.5, 0.0], [0.0, 0.5, 0.0]]
    assert windows.y.tolist() == [[[1, 0], [0.5, 0.5], [0, 0]], [[0, 0], [0, 1], [0, 0]]]


@given(st.integers(1, 400), st.integers(1, 60))
def test_overlapping_windows_show_each_frame_with_what_surrounds_it(n: int, window_frames: int) -> None:
    spans, one = plan_overlapping(n, window_frames), recording(n)
    assert len(spans) <= 1.5 * len(plan_windows([n], window_frames))
    x, mask = cut_rows([one.embeddings], spans, window_frames)
    assert mask.all() or n < window_frames
    assert np.array_equal(stitch(x, spans, n), one.embeddings[:]), "every frame is itself"


def test_overlapping_windows_count_by_the_distance_from_their_ends() -> None:
    values = np.array([6 * [0], 6 * [1]], np.float32)
    blended = stitch(values, [Span(0, 0, 6), Span(0, 2, 8)], 8)
    assert blended.tolist() == pytest.approx([0, 0, 1 / 4, 2 / 5, 3 / 5, 3 / 4, 1, 1])
    classes = np.stack([values, 1 - values], axis=2)
    assert np.array_equal(stitch(classes, [Span(0, 0, 6), Span(0, 2, 8)], 8)[:, 0], blended)
    assert stitch(values, [Span(0, 0, 6), Span(0, 6, 9)], 9).tolist() == 6 * [0] + 3 * [1]


@pytest.mark.parametrize("spans", [[(0, 3), (4, 7)], [(1, 4), (4, 7)], [(0, 3), (3, 6)], [(0, 3), (5, 8)]])
def test_stitch_refuses_windows_that_leave_gaps(spans: list[tuple[int, int]]) -> None:
    with pytest.raises(ValueError, match="do not cover 7 frames"):
        stitch(np.zeros((2, 3), np.float32), [Span(0, *span) for span in spans], 7)


def test_a_recording_needs_arrays_of_one_length() -> None:
    with pytest.raises(ValueError, match="'m7'"):
        FeatureSequence("m7", np.zeros((4, 2), np.float32), np.zeros(3, bool), np.zeros(4, bool))


@pytest.mark.parametrize(("window_frames", "offset"), [(0, 0), (5, 5), (5, -1)])
def test_an_offset_outside_the_window_is_refused(window_frames: int, offset: int) -> None:
    with pytest.raises(ValueError, match="offset"):
        plan_windows([10], window_frames, offset)
