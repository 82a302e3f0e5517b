from itertools import pairwise, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.ndimage import binary_closing, binary_opening

from pipeline.scoring.bouts.bouts import runs_of_true
from pipeline.scoring.postprocessing.postprocess import (
    FULL_ORDER,
    PostprocessConfig,
    apply_threshold,
    close_gaps,
    describe_postprocess,
    drop_short_bouts,
    max_gap_frames,
    median_window_frames,
    min_bout_frames,
    order_refusal,
    postprocess,
    smooth_probability,
)
from pipeline.training.chosen_settings import fixed_variants

timelines = st.lists(st.booleans(), max_size=80).map(lambda values: np.array(values, dtype=bool))
lengths = st.integers(min_value=0, max_value=12)
probabilities = st.lists(st.sampled_from([0.0, 0.2, 0.4, 0.5, 0.7, 0.9, np.nan]), max_size=50).map(
    lambda values: np.array(values, dtype=np.float64)
)
odd_windows = st.integers(min_value=0, max_value=6).map(lambda half: 2 * half + 1)


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


@pytest.mark.parametrize(
    "setting",
    [{"threshold": 1.1}, {"threshold": -0.1}, {"max_gap_s": -1}, {"min_bout_s": float("inf")}, {"gap": 1}],
)
def test_settings_out_of_range_or_unknown_are_refused(setting):
    with pytest.raises(ValidationError):
        PostprocessConfig(**setting)


# Smoothing


@pytest.mark.parametrize(
    ("seconds", "fps", "window"),
    [(0, 10, 1), (0.1, 10, 1), (0.2, 10, 1), (0.3, 10, 3), (0.4, 10, 3), (0.5, 10, 5), (0.5, 25, 11), (1, 29.97, 29)],
)
def test_the_median_window_is_the_longest_odd_one_within_the_seconds(seconds, fps, window):
    assert median_window_frames(seconds, fps) == window


@given(probabilities, odd_windows)
def test_smoothing_is_the_median_of_the_window_continued_at_the_ends_of_each_stretch(values, window):
    expected = values.copy()
    for start, stop in runs_of_true(~np.isnan(values)):
        for frame in range(start, stop):
            around = np.arange(frame - window // 2, frame + window // 2 + 1)
            expected[frame] = np.median(values[np.clip(around, start, stop - 1)])
    before = values.copy()
    np.testing.assert_array_equal(smooth_probability(values, window), expected)
    np.testing.assert_array_equal(values, before)


@given(probabilities, odd_windows, st.sampled_from([0.2, 0.5, 0.9]))
def test_smoothing_before_the_threshold_is_a_majority_after_it(values, window, threshold):
    known = ~np.isnan(values)
    votes = smooth_probability(np.where(known, values >= threshold, np.nan), window)
    np.testing.assert_array_equal(apply_threshold(smooth_probability(values, window), threshold), votes == 1)


@given(lengths, lengths, odd_windows)
def test_a_stretch_that_touches_an_end_keeps_its_length(n_active, n_rest, window):
    values = np.repeat([0.9, 0.1], [n_active, n_rest])
    np.testing.assert_array_equal(smooth_probability(values, window), values)
    np.testing.assert_array_equal(smooth_probability(values[::-1], window), values[::-1])


def test_a_flicker_goes_and_unpredicted_frames_part_the_smoothing():
    values = np.array([0.1, 0.9, 0.1, 0.1, np.nan, 0.9, 0.9, 0.1, 0.9, 0.9])
    smoothed = smooth_probability(values, 3)
    np.testing.assert_array_equal(smoothed, [0.1, 0.1, 0.1, 0.1, np.nan, 0.9, 0.9, 0.9, 0.9, 0.9])
    config = PostprocessConfig(smooth_s=0.3, max_gap_s=0, min_bout_s=0)
    np.testing.assert_array_equal(postprocess(values, config, fps=10), bits("0000011111"))


@pytest.mark.parametrize("window", [0, 2, -1])
def test_a_window_without_a_middle_is_refused(window):
    with pytest.raises(ValueError, match=f"window_frames={window}"):
        smooth_probability([0.5, 0.5], window)


# Opening


@given(timelines, lengths)
def test_opening_is_morphological_opening(active, n):
    reference = binary_opening(np.pad(active, n), structure=np.ones(n))[n : n + len(active)] if n else active
    np.testing.assert_array_equal(drop_short_bouts(active, n), reference)


def test_opening_before_closing_removes_specks_that_closing_would_join():
    probability = np.where(bits("0100100101110011100"), 0.9, 0.1)
    settings = {"max_gap_s": 0.2, "min_bout_s": 0.4}
    joined = postprocess(probability, PostprocessConfig(**settings), fps=10)
    np.testing.assert_array_equal(joined, bits("0111111111111111100"))
    order = ["threshold", "open", "close", "min_bout"]
    opened = postprocess(probability, PostprocessConfig(**settings, opening_s=0.2, order=order), fps=10)
    np.testing.assert_array_equal(opened, bits("0000000001111111100"))


def test_opening_last_judges_what_the_other_steps_made():
    probability = np.where(bits("0110110001111110"), 0.9, 0.1)
    config = PostprocessConfig(max_gap_s=0.1, min_bout_s=0, opening_s=0.6)
    np.testing.assert_array_equal(postprocess(probability, config, fps=10), bits("0000000001111110"))


# Order


def test_exactly_the_orders_that_make_sense_are_accepted():
    tails = ["", "close", "min_bout", "open", "close min_bout", "open close", "close open", "min_bout open"]
    tails += ["open close min_bout", "close min_bout open"]
    sensible = {(*first, "threshold", *tail.split()) for tail in tails for first in ((), ("smooth",))}
    orders = [order for n in range(6) for order in permutations(FULL_ORDER, n)]
    assert {order for order in orders if order_refusal(order) is None} == sensible


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        ("threshold close threshold", "`threshold` more than once"),
        ("", "leaves out `threshold`"),
        ("smooth close", "leaves out `threshold`"),
        ("threshold smooth close", "`smooth` after `threshold`; it smooths probabilities"),
        ("close threshold", "`close` before `threshold`; it works on active frames"),
        ("open smooth threshold", "`open` before `threshold`; it works on active frames"),
        ("threshold min_bout close", "drop the pieces that closing would have joined"),
        ("threshold close open min_bout", "neither before `close`"),
        ("threshold open min_bout", "neither before `close`"),
        ("threshold dilate", "'smooth', 'threshold', 'close', 'min_bout' or 'open'"),
    ],
)
def test_an_order_that_makes_no_sense_is_refused_with_the_reason(order, reason):
    with pytest.raises(ValidationError) as refusal:
        PostprocessConfig(order=order.split(), max_gap_s=0, min_bout_s=0)
    assert reason in str(refusal.value)


@pytest.mark.parametrize(
    ("step", "key"), [("smooth", "smooth_s"), ("close", "max_gap_s"), ("min_bout", "min_bout_s"), ("open", "opening_s")]
)
def test_a_duration_whose_step_is_left_out_is_refused(step, key):
    order = [name for name in FULL_ORDER if name != step]
    off = {"max_gap_s": 0, "min_bout_s": 0}
    assert PostprocessConfig(**off, order=order).order == tuple(order)
    with pytest.raises(ValidationError, match=f"{key} to 0.3.*`{step}`"):
        PostprocessConfig(**(off | {key: 0.3}), order=order)


def test_the_default_is_the_full_order_and_survives_a_round_trip_through_json():
    config = PostprocessConfig()
    assert config.order == ("smooth", "threshold", "close", "min_bout", "open")
    assert (config.smooth_s, config.opening_s) == (0, 0)
    assert PostprocessConfig.model_validate(config.model_dump(mode="json")) == config
    with pytest.raises(ValidationError):
        config.order = ("threshold",)


# The whole chain


@given(probabilities, lengths, lengths, odd_windows)
def test_the_whole_chain_keeps_the_length_and_never_calls_an_unpredicted_frame_active(values, gap, bout, window):
    config = PostprocessConfig(max_gap_s=gap / 10, min_bout_s=bout / 10, smooth_s=window / 10, opening_s=0.2)
    active = postprocess(values, config, fps=10)
    assert active.shape == values.shape
    assert not active[np.isnan(values)].any()


@given(timelines, lengths, lengths)
def test_closing_and_minimum_bout_done_twice_change_nothing_more(active, gap, bout):
    config = PostprocessConfig(max_gap_s=gap / 10, min_bout_s=bout / 10)
    once = postprocess(active.astype(float), config, fps=10)
    np.testing.assert_array_equal(postprocess(once.astype(float), config, fps=10), once)


@given(timelines, lengths, lengths)
def test_inactive_frames_before_and_after_change_nothing(active, gap, bout):
    config = PostprocessConfig(max_gap_s=gap / 10, min_bout_s=bout / 10)
    padded = postprocess(np.pad(active.astype(float), 20), config, fps=10)
    np.testing.assert_array_equal(padded[20 : 20 + len(active)], postprocess(active.astype(float), config, fps=10))
    assert padded.sum() == padded[20 : 20 + len(active)].sum()


def test_raw_closed_and_full_side_by_side():
    config = PostprocessConfig(threshold=0.6, max_gap_s=0.1, min_bout_s=0.3, smooth_s=0.3)
    probability = np.where(bits("010110000100001111"), 0.6, 0.5)
    expected = {"raw": "010110000100001111", "closed": "011110000100001111", "full": "001110000000001111"}
    variants = fixed_variants(config)
    assert set(variants) == set(expected)
    for variant, frames in expected.items():
        np.testing.assert_array_equal(postprocess(probability, variants[variant], fps=10), bits(frames))


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            {},
            "Frames with a probability of at least 0.5 are active; then gaps of up to 0.2 s are filled; "
            "then bouts shorter than 0.5 s are dropped.",
        ),
        (
            {"threshold": 0.35, "max_gap_s": 0, "min_bout_s": 0},
            "Frames with a probability of at least 0.35 are active; nothing else is done.",
        ),
        (
            {"smooth_s": 1, "min_bout_s": 0, "opening_s": 0.1, "order": ["smooth", "threshold", "open", "close"]},
            "Probabilities are smoothed by a running median of 1 s; then frames with a probability of at least 0.5 are "
            "active; then active stretches shorter than 0.1 s are erased; then gaps of up to 0.2 s are filled.",
        ),
    ],
)
def test_the_description_tells_the_steps_that_are_on_in_their_order(settings, sentence):
    assert describe_postprocess(PostprocessConfig(**settings)) == sentence
