from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.scoring.bouts.bouts import Bout, bouts_from_frames, frames_from_runs, runs_of_true

timelines = st.lists(st.booleans(), max_size=60).map(lambda values: np.array(values, dtype=bool))


def test_runs_are_half_open_and_include_both_ends():
    assert runs_of_true([1, 1, 0, 1, 0, 0, 1]) == [(0, 2), (3, 4), (6, 7)]


@pytest.mark.parametrize("active", [[], [False, False]])
def test_no_true_frame_means_no_run(active):
    assert runs_of_true(active) == []


def test_runs_refuse_two_dimensions():
    with pytest.raises(ValueError, match=r"\(2, 3\)"):
        runs_of_true(np.zeros((2, 3), dtype=bool))


@given(timelines)
def test_frames_and_runs_are_two_forms_of_one_thing(active):
    runs = runs_of_true(active)
    np.testing.assert_array_equal(frames_from_runs(runs, len(active)), active)
    assert all(later[0] > earlier[1] for earlier, later in pairwise(runs))


@pytest.mark.parametrize("run", [(-1, 2), (3, 3), (4, 2), (8, 11)])
def test_a_run_outside_the_recording_is_refused(run):
    with pytest.raises(ValueError, match="<= 10"):
        frames_from_runs([run], 10)


def test_overlapping_runs_merge():
    assert runs_of_true(frames_from_runs([(1, 4), (3, 6)], 8)) == [(1, 6)]


def test_bouts_carry_the_behavior_and_sort_by_it_then_time():
    bouts = bouts_from_frames([0, 1, 1, 0, 1], "grooming")
    assert bouts == [Bout("grooming", 1, 3), Bout("grooming", 4, 5)]
    assert [bout.n_frames for bout in bouts] == [2, 1]
    assert sorted([Bout("b", 0, 1), Bout("a", 5, 6), Bout("a", 2, 3)])[0] == Bout("a", 2, 3)


@pytest.mark.parametrize(("start", "stop"), [(3, 3), (4, 2), (-1, 2)])
def test_an_empty_bout_cannot_be_made(start, stop):
    with pytest.raises(ValueError, match="start_frame < stop_frame"):
        Bout("grooming", start, stop)
