"""The simulated mouse's timeline against the thesis' statistics."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.demo.behavior import (
    AT_WALL,
    FILLERS,
    IN_THE_OPEN,
    LABELLED,
    MEAN_BOUT_S,
    PREVALENCE,
    label_frames,
    plan_timeline,
)
from pipeline.scoring.bouts.bouts import runs_of_true


@pytest.fixture(scope="module")
def many_timelines():
    return [plan_timeline(1500, 10.0, np.random.default_rng([5, i])) for i in range(120)]


@pytest.mark.parametrize("behavior", LABELLED)
def test_share_and_mean_bout_are_those_of_the_thesis(many_timelines, behavior):
    active = [label_frames(episodes, behavior) for episodes in many_timelines]
    lengths = [stop - start for frames in active for start, stop in runs_of_true(frames)]
    assert np.mean(np.concatenate(active)) == pytest.approx(PREVALENCE[behavior], rel=0.12)
    assert np.mean(lengths) == pytest.approx(MEAN_BOUT_S[behavior] * 10.0, rel=0.12)


def test_every_recording_shows_every_behavior_and_recordings_differ(many_timelines):
    shares = np.array([[label_frames(t, b).mean() for b in LABELLED] for t in many_timelines])
    assert (shares > 0.01).all()
    assert (shares.std(axis=0) > 0.01).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(300, 4000), st.sampled_from([5.0, 10.0, 25.0, 30.0]), st.integers(0, 10_000))
def test_episodes_lie_back_to_back_and_end_with_the_recording(n_frames, fps, seed):
    episodes = plan_timeline(n_frames, fps, np.random.default_rng(seed))
    assert [e.start for e in episodes] == [0, *[e.stop for e in episodes[:-1]]]
    assert episodes[-1].stop == n_frames
    assert all(e.n_frames > 0 and e.state in (*LABELLED, *FILLERS) for e in episodes)
    assert {e.state for e in episodes} >= set(LABELLED)


def test_places_are_walked_to(many_timelines):
    for episodes in many_timelines:
        for before, after in itertools.pairwise(episodes):
            if after.state in IN_THE_OPEN and before.state in AT_WALL:
                pytest.fail(f"{before} and {after} need different places, without a walk between")


def test_a_seed_decides_the_timeline():
    first, again, other = (plan_timeline(900, 10.0, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first == again
    assert first != other
