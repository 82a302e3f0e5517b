"""The search over post-processing settings, against the slow way: post-process, count, compare."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.scoring.bouts.bouts import runs_of_true
from pipeline.scoring.postprocessing.postprocess import PostprocessConfig, postprocess
from pipeline.scoring.postprocessing.tuning import (
    NONE,
    NOTHING_TO_TUNE_ON,
    CandidateScores,
    TuningConfig,
    grid_of,
    tune_postprocess,
)
from pipeline.scoring.postprocessing.tuning_counts import Grid, count_candidates
from pipeline.scoring.timeline import BehaviorTimeline
from pipeline.scoring.undefined import NO_POSITIVES
from tests.pipeline.scoring.lines import line

SMALL = TuningConfig(
    thresholds=(0.3, 0.5, 0.6), smooth_s=(0, 0.3, 0.5), max_gap_s=(0, 0.1, 0.3), min_bout_s=(0, 0.2, 0.4)
)
OBJECTIVES = ("frame_f1", "bout_f1@0.5", "mean")


def intersection_over_union(a: tuple[int, int], b: tuple[int, int]) -> float:
    first, second = set(range(*a)), set(range(*b))
    return len(first & second) / len(first | second)


def matched_bouts(true: np.ndarray, predicted: np.ndarray) -> tuple[int, int, int]:
    """Found, invented and missed bouts of segmental F1@50 as Lea et al. (2017) define them."""
    bouts = runs_of_true(true)
    taken: set[int] = set()
    tp = fp = 0
    for guess in runs_of_true(predicted):
        overlaps = [intersection_over_union(guess, bout) for bout in bouts]
        best = int(np.argmax(overlaps)) if overlaps else -1
        if best >= 0 and overlaps[best] >= 0.5 and best not in taken:
            taken.add(best)
            tp += 1
        else:
            fp += 1
    return tp, fp, len(bouts) - tp


def slow_values(recordings: list[BehaviorTimeline], config: PostprocessConfig) -> dict[str, float]:
    """The three objectives of one candidate, frame by frame and bout by bout."""
    frames, bouts = np.zeros(3, dtype=int), np.zeros(3, dtype=int)
    for true, _, probability, scored, fps, _ in recordings:
        used = scored & ~np.isnan(probability)
        predicted = postprocess(probability, config, fps)
        frames += [(used & c).sum() for c in (true & predicted, ~true & predicted, true & ~predicted)]
        bouts += matched_bouts(true & used, predicted & used)
    frame_f1, bout_f1 = (2 * tp / (2 * tp + fp + fn) for tp, fp, fn in (frames, bouts))
    return {"frame_f1": frame_f1, "bout_f1@0.5": bout_f1, "mean": (frame_f1 + bout_f1) / 2}


def random_recording(rng: np.random.Generator, n_frames: int) -> BehaviorTimeline:
    """Bouts of few frames, probabilities that flicker around them, some frames unscored or unpredicted."""
    true = np.repeat(rng.random(n_frames) < 0.4, rng.integers(1, 8, n_frames))[:n_frames]
    probability = np.clip(0.5 + (true - 0.5) * 0.5 + rng.normal(0, 0.3, n_frames), 0, 1).astype(np.float32)
    # Few distinct values, so that some equal a threshold exactly.
    probability = np.round(probability, 1)
    scored = np.repeat(rng.random(n_frames) < 0.9, 6)[:n_frames]
    probability[np.repeat(rng.random(n_frames) < 0.05, 3)[:n_frames]] = np.nan
    return line(true, probability, scored, fps=float(rng.choice([10, 12.5, 29.97])))


def candidates(grid: Grid) -> list[tuple[tuple[int, ...], PostprocessConfig]]:
    places = product(*(range(n) for n in grid.shape))
    return [
        (
            (i, j, k, m),
            PostprocessConfig(
                smooth_s=grid.smooth_s[i],
                threshold=grid.thresholds[j],
                max_gap_s=grid.max_gap_s[k],
                min_bout_s=grid.min_bout_s[m],
            ),
        )
        for i, j, k, m in places
    ]


@pytest.mark.parametrize("seed", range(6))
def test_every_candidate_scores_what_postprocessing_and_counting_give(seed):
    rng = np.random.default_rng(seed)
    recordings = [random_recording(rng, int(n)) for n in rng.integers(1, 150, 3)]
    recordings.append(line(np.array([True]), np.array([0.7]), np.array([True])))
    grid = grid_of(SMALL)
    counts = count_candidates(recordings, grid)
    slow = {place: slow_values(recordings, config) for place, config in candidates(grid)}
    for objective in OBJECTIVES:
        assert len({values[objective] for values in slow.values()}) > 10
        expected = np.array([values[objective] for values in slow.values()]).reshape(grid.shape)
        np.testing.assert_array_equal(CandidateScores([counts], grid, objective).value, expected)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_the_choice_is_the_best_candidate_with_the_least_processing(objective):
    rng = np.random.default_rng(11)
    recordings = [random_recording(rng, 120) for _ in range(2)]
    result = tune_postprocess(recordings, SMALL.model_copy(update={"objective": objective}))
    slow = [(config, slow_values(recordings, config)[objective]) for _, config in candidates(grid_of(SMALL))]
    best = max(value for _, value in slow)
    tied = [config for config, value in slow if value == best]
    least = min(tied, key=lambda c: (c.smooth_s, c.max_gap_s, c.min_bout_s, abs(c.threshold - 0.5)))
    assert result.config == least
    assert result.chosen.value == best
    assert result.none.value == slow_values(recordings, NONE)[objective]
    closing = PostprocessConfig(threshold=0.5, max_gap_s=1, min_bout_s=0)
    assert result.closed.config == closing
    assert result.closed.value == slow_values(recordings, closing)[objective]
    assert result.chosen.frame_f1 == slow_values(recordings, least)["frame_f1"]
    assert result.chosen.bout_f1 == slow_values(recordings, least)["bout_f1@0.5"]
    assert (result.objective, result.n_candidates, result.reason) == (objective, 81, None)
    assert result.config != NONE


intervals = st.lists(st.tuples(st.integers(1, 6), st.integers(1, 6)), max_size=8)


@settings(max_examples=300)
@given(intervals, intervals)
def test_bouts_are_matched_as_published(true_runs, predicted_runs):
    true, predicted = (
        np.concatenate([np.zeros(0, bool), *(np.repeat([False, True], run) for run in runs)])
        for runs in (true_runs, predicted_runs)
    )
    n_frames = max(len(true), len(predicted), 1)
    true, predicted = (np.pad(side, (0, n_frames - len(side))) for side in (true, predicted))
    recording = line(true, predicted.astype(float), np.ones(n_frames, bool))
    counts = count_candidates([recording], Grid((0.0,), (0.5,), (0.0,), (0.0,)))
    tp, fp, fn = matched_bouts(true, predicted)
    assert counts.bout_tp.item() == tp
    assert counts.bout_called.item() == tp + fp
    assert counts.n_true_bouts == tp + fn


def flickering() -> BehaviorTimeline:
    """Two bouts of 2 s with a hole of .2 s each, and three false specks of .1 s, at 10 frames per second."""
    true = np.zeros(120, dtype=bool)
    true[20:40] = true[70:90] = True
    probability = np.where(true, 0.9, 0.1)
    probability[[29, 30, 79, 80]] = 0.1
    probability[[5, 55, 105]] = 0.9
    return line(true, probability, np.ones(120, bool))


def test_specks_and_holes_are_mended_by_the_smallest_settings_that_do():
    result = tune_postprocess([flickering()], TuningConfig(smooth_s=(0,)))
    assert result.config == PostprocessConfig(threshold=0.5, max_gap_s=0.2, min_bout_s=0.2)
    assert result.chosen.value == 1
    # Of 7 predicted bouts one half of each true one reaches no IoU of .5.
    assert result.none.bout_f1 == 0
    assert result.none.frame_f1 == pytest.approx(2 * 36 / (36 + 3 + 40))
    # Closing mends the holes and keeps the specks.
    assert result.closed.bout_f1 == pytest.approx(2 * 2 / (5 + 2))
    assert result.n_candidates == 19 * 1 * 7 * 8


def test_smoothing_is_chosen_when_it_alone_can_help():
    config = TuningConfig(thresholds=(0.5,), smooth_s=(0, 0.5, 1.0), max_gap_s=(0,), min_bout_s=(0,))
    result = tune_postprocess([flickering()], config)
    assert result.config.smooth_s == 0.5
    assert result.chosen.value == 1


def test_where_nothing_helps_none_is_chosen_also_when_the_lists_do_not_hold_it():
    true = np.repeat([False, True, False], 30)
    recording = line(true, np.where(true, 0.8, 0.2), np.ones(90, bool))
    config = TuningConfig(thresholds=(0.3, 0.7), smooth_s=(0.5,), max_gap_s=(0.5,), min_bout_s=(0.5,))
    result = tune_postprocess([recording], config)
    assert result.config == NONE
    assert result.chosen.value == result.none.value == 1
    assert result.n_candidates == 3
    assert tune_postprocess([recording], TuningConfig()).config == NONE


def test_of_two_thresholds_equally_far_from_the_middle_the_lower_is_taken():
    # Frame F1 is 4/8 at .5; one more true frame makes it 6/9 at .45, two false ones less make it 4/6 at .55.
    true = np.array([1, 1, 1, 1, 0, 0, 0], dtype=bool)
    probability = np.array([0.9, 0.9, 0.47, 0.1, 0.52, 0.52, 0.1])
    recording = line(true, probability, np.ones(7, bool))
    config = TuningConfig(
        thresholds=(0.55, 0.5, 0.45), smooth_s=(0,), max_gap_s=(0,), min_bout_s=(0,), objective="frame_f1"
    )
    result = tune_postprocess([recording], config)
    assert (result.none.value, result.chosen.value) == (0.5, pytest.approx(2 / 3))
    assert result.config.threshold == 0.45


def test_frames_that_nobody_scored_change_nothing_whatever_they_hold():
    rng = np.random.default_rng(5)
    recording = random_recording(rng, 150)
    flipped = recording._replace(true=np.where(recording.scored, recording.true, ~recording.true))
    assert (~recording.scored).any()
    assert tune_postprocess([recording], SMALL) == tune_postprocess([flipped], SMALL)


def test_a_bout_is_cut_where_nobody_scored():
    scored = np.ones(30, dtype=bool)
    scored[10:12] = False
    active = np.zeros(30, dtype=bool)
    active[5:25] = True
    recording = line(active, active.astype(float), scored)
    counts = count_candidates([recording], Grid((0.0,), (0.5,), (0.0,), (0.0, 1.5)))
    assert counts.n_true_bouts == 2
    assert counts.n_true_frames == 18
    # The minimum bout judges the whole bout of 2 s, not its pieces.
    np.testing.assert_array_equal(counts.bout_tp.ravel(), [2, 2])
    np.testing.assert_array_equal(counts.bout_called.ravel(), [2, 2])
    np.testing.assert_array_equal(counts.frame_tp.ravel(), [18, 18])


def test_no_gap_is_filled_across_frames_without_prediction():
    true = np.ones(7, dtype=bool)
    probability = np.array([0.9, 0.1, 0.9, np.nan, 0.9, 0.1, 0.9])
    recording = line(true, probability, true)
    counts = count_candidates([recording], Grid((0.0,), (0.5,), (0.0, 1.0), (0.0,)))
    np.testing.assert_array_equal(counts.frame_called.ravel(), [4, 6])
    np.testing.assert_array_equal(counts.bout_called.ravel(), [4, 2])


@pytest.mark.parametrize(
    ("recordings", "reason"),
    [
        ([], NOTHING_TO_TUNE_ON),
        ([line(np.ones(9, bool), np.ones(9), np.zeros(9, bool))], NOTHING_TO_TUNE_ON),
        ([line(np.ones(9, bool), np.full(9, np.nan), np.ones(9, bool))], NOTHING_TO_TUNE_ON),
        ([line(np.zeros(9, bool), np.ones(9), np.ones(9, bool))], NO_POSITIVES),
        ([line(np.arange(9) < 3, np.ones(9), np.arange(9) >= 3)], NO_POSITIVES),
    ],
)
def test_where_nothing_can_be_tuned_the_reason_is_given(recordings, reason):
    result = tune_postprocess(recordings, TuningConfig())
    assert result.reason == reason
    assert result.config == NONE
    assert (result.chosen.value, result.none.value, result.closed.value, result.n_candidates) == (None, None, None, 0)
    assert result.closed.config.max_gap_s == 1


def test_a_short_recording_weighs_less_than_a_long_one():
    """Pooled: counts are added up, so 40 true frames against 4 decide."""
    long, short = np.repeat([False, True], 40), np.repeat([False, True], 4)
    recordings = [
        line(long, np.where(long, 0.3, 0.1), np.ones(80, bool)),
        line(short, np.where(short, 0.9, 0.3), np.ones(8, bool)),
    ]
    only = {"smooth_s": (0,), "max_gap_s": (0,), "min_bout_s": (0,), "objective": "frame_f1"}
    result = tune_postprocess(recordings, TuningConfig(thresholds=(0.2, 0.5), **only))
    assert result.config.threshold == 0.2
    assert result.chosen.value == pytest.approx(2 * 44 / (48 + 44))


@pytest.mark.parametrize(
    "setting",
    [
        {"thresholds": []},
        {"thresholds": [1.2]},
        {"max_gap_s": [-1]},
        {"smooth_s": [float("inf")]},
        {"inner_folds": 1},
        {"objective": "f1"},
        {"gap_s": [1]},
    ],
)
def test_settings_out_of_range_or_unknown_are_refused(setting):
    with pytest.raises(ValidationError):
        TuningConfig(**setting)


def test_the_default_lists_hold_none():
    grid = grid_of(TuningConfig())
    assert 0.5 in grid.thresholds
    assert grid.smooth_s[0] == grid.max_gap_s[0] == grid.min_bout_s[0] == 0
    assert grid.shape == (4, 19, 7, 8)
    assert grid_of(TuningConfig(max_gap_s=[1, 0, 1])).max_gap_s == (0, 1)
