from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.ndimage import binary_closing

from pipeline.bouts import runs_of_true
from pipeline.postprocess import (
    PostprocessConfig,
    apply_threshold,
    close_gaps,
    drop_short_bouts,
    max_gap_frames,
    min_bout_frames,
    postprocess,
)

timelines = st.lists(st.booleans(), max_size=80).map(lambda values: np.array(values, dtype=bool))
lengths = st.integers(min_value=0, max_value=12)


def bits(text: str) -> np.ndarray:
    return np.array([character == "1" for character in text])


def test_only_gaps_up_to_the_limit_are_filled_and_the_ends_stay():
    np.testing.assert_array_equal(close_gaps(bits("00101001000100"), 2), bits("00111111000100"))


@given(timelines, lengths)
def test_closing_equals_padded_morphological_closing(active, n):
    padded = np.pad(active, n + 2)
    reference = binary_closing(padded, structure=np.ones(n + 1)) if n else padded
    np.testing.assert_array_equal(close_gaps(active, n), reference[n + 2 : n + 2 + len(active)])


@given(timelines, lengths)
def test_closing_keeps_length_ends_and_true_frames_and_is_idempotent(active, n):
    before = active.copy()
    closed = close_gaps(active, n)
    np.testing.assert_array_equal(active, before)
    assert closed.shape == active.shape
    assert np.all(closed[active])
    runs = runs_of_true(active)
    first, last = (runs[0][0], runs[-1][1]) if runs else (len(active), len(active))
    assert not closed[:first].any()
    assert not closed[last:].any()
    np.testing.assert_array_equal(close_gaps(closed, n), closed)
    assert all(b[0] - a[1] > n for a, b in pairwise(runs_of_true(closed)))


@given(timelines, lengths)
def test_minimum_bout_keeps_exactly_the_long_runs_and_is_idempotent(active, n):
    kept = drop_short_bouts(active, n)
    assert kept.shape == active.shape
    assert runs_of_true(kept) == [run for run in runs_of_true(active) if run[1] - run[0] >= n]
    np.testing.assert_array_equal(drop_short_bouts(kept, n), kept)


def test_a_short_bout_at_an_end_is_dropped_like_any_other():
    np.testing.assert_array_equal(drop_short_bouts(bits("1100011101"), 3), bits("0000011100"))


@pytest.mark.parametrize("step", [close_gaps, drop_short_bouts])
def test_a_negative_length_is_refused(step):
    with pytest.raises(ValueError, match="-1"):
        step(bits("101"), -1)


def test_the_threshold_includes_its_own_value_and_unpredicted_is_inactive():
    np.testing.assert_array_equal(apply_threshold([0.49, 0.5, 0.51, np.nan], 0.5), bits("0110"))
    np.testing.assert_array_equal(apply_threshold([0.0, np.nan], 0.0), bits("10"))


@pytest.mark.parametrize(
    ("seconds", "fps", "gap", "bout"),
    [
        (0.0, 10, 0, 0),
        (0.3, 10, 3, 3),
        (1.0, 10, 10, 10),
        (0.5, 25, 12, 13),
        (1.0, 29.97, 29, 30),
        (0.1, 30, 3, 3),
    ],
)
def test_a_gap_lasts_at_most_and_a_bout_at_least_the_seconds(seconds, fps, gap, bout):
    assert max_gap_frames(seconds, fps) == gap
    assert min_bout_frames(seconds, fps) == bout


def test_gaps_are_closed_before_short_bouts_are_dropped():
    config = PostprocessConfig(threshold=0.5, max_gap_s=0.1, min_bout_s=0.5)
    probability = np.where(bits("0110110001100"), 0.9, 0.1)
    # 11011 becomes a bout of 5 only because the gap is closed first; the lone 11 goes.
    np.testing.assert_array_equal(postprocess(probability, config, fps=10), bits("0111110000000"))


def test_the_same_seconds_mean_more_frames_at_a_higher_frame_rate():
    config = PostprocessConfig(threshold=0.5, max_gap_s=0.2, min_bout_s=0)
    probability = np.where(bits("1000001"), 1.0, 0.0)
    assert postprocess(probability, config, fps=10).sum() == 2
    assert postprocess(probability, config, fps=25).sum() == 7


def test_nothing_is_filled_across_frames_without_prediction():
    config = PostprocessConfig(threshold=0.5, max_gap_s=1, min_bout_s=0.2)
    probability = np.array([0.9, 0.9, 0.1, np.nan, 0.9, 0.1, 0.9, np.nan, 0.9])
    # The last 0.9 stands alone between the unpredicted frame and the end: too short to stay.
    np.testing.assert_array_equal(postprocess(probability, config, fps=10), bits("110011100"))


@given(st.lists(st.sampled_from([0.0, 0.4, 0.5, 0.9, np.nan]), max_size=50), lengths, lengths)
def test_postprocessing_keeps_the_length_and_never_calls_an_unpredicted_frame_active(values, gap, bout):
    config = PostprocessConfig(threshold=0.5, max_gap_s=gap / 10, min_bout_s=bout / 10)
    active = postprocess(np.array(values, dtype=np.float32), config, fps=10)
    assert active.shape == (len(values),)
    assert not active[np.isnan(np.array(values, dtype=float))].any()


def test_everything_off_is_the_threshold_alone():
    probability = np.random.default_rng(0).random(200)
    config = PostprocessConfig(threshold=0.3, max_gap_s=0, min_bout_s=0)
    np.testing.assert_array_equal(postprocess(probability, config, 10), probability >= 0.3)


@pytest.mark.parametrize("fps", [0, -1, float("nan"), float("inf")])
def test_an_impossible_frame_rate_is_refused(fps):
    with pytest.raises(ValueError, match="frames per second"):
        postprocess([0.5], PostprocessConfig(), fps)


@pytest.mark.parametrize(
    "setting",
    [{"threshold": 1.1}, {"threshold": -0.1}, {"max_gap_s": -1}, {"min_bout_s": float("inf")}, {"gap": 1}],
)
def test_settings_out_of_range_or_unknown_are_refused(setting):
    with pytest.raises(ValidationError):
        PostprocessConfig(**setting)
