from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pydantic import ValidationError

from common.errors import InputError
from features.centers import CenterConfig, track_center
from features.tracks import PoseTrack

FPS = 10.0


def pose_of(xs, likelihood=None, keypoints=("midbody",)) -> PoseTrack:
    """Keypoints on a line: y = 2 x; None or NaN = missing."""
    x = np.array(xs, dtype=np.float64).reshape(-1, len(keypoints))
    xy_px = np.stack([x, 2 * x], axis=2)
    if likelihood is None:
        likelihood = np.where(np.isnan(x), np.nan, 1.0)
    return PoseTrack(tuple(keypoints), xy_px, np.array(likelihood, float).reshape(x.shape), Path("m1.csv"))


def test_one_keypoint_is_taken_as_it_is():
    center = track_center(pose_of([1, 5, 2]), CenterConfig(), FPS)
    np.testing.assert_array_equal(center.xy_px, [[1, 2], [5, 10], [2, 4]])
    assert center.observed.all()


def test_a_gap_of_exactly_max_gap_is_interpolated_and_one_more_frame_is_held():
    short = [0, None, None, 9]
    center = track_center(pose_of(short), CenterConfig(max_gap_s=0.2), FPS)
    np.testing.assert_allclose(center.xy_px[:, 0], [0, 3, 6, 9])
    assert center.observed.all()

    center = track_center(pose_of([0, None, None, None, 9]), CenterConfig(max_gap_s=0.2), FPS)
    np.testing.assert_array_equal(center.xy_px[:, 0], [0, 0, 0, 0, 9])
    assert center.observed.tolist() == [True, False, False, False, True]


def test_ends_are_held_at_the_nearest_seen_position_and_marked_when_long():
    center = track_center(pose_of([None, None, 4, 5, None]), CenterConfig(max_gap_s=0.1), FPS)
    np.testing.assert_array_equal(center.xy_px[:, 0], [4, 4, 4, 5, 5])
    assert center.observed.tolist() == [False, False, True, True, True]


def test_low_likelihood_counts_as_missing_and_the_threshold_itself_as_seen():
    pose = pose_of([0, 100, 4], likelihood=[0.6, 0.59, 0.9])
    center = track_center(pose, CenterConfig(min_likelihood=0.6), FPS)
    np.testing.assert_allclose(center.xy_px[:, 0], [0, 2, 4])


def test_mean_of_several():
    pose = pose_of([[0, 10], [2, 12]], keypoints=("a", "b"))
    center = track_center(pose, CenterConfig(keypoints=["a", "b"]), FPS)
    np.testing.assert_array_equal(center.xy_px[:, 0], [5, 7])


def test_the_center_does_not_jump_when_one_of_several_vanishes():
    x = np.array([[t, t + 10, t + 40] for t in range(20)], dtype=float)
    full = pose_of(x, keypoints=("left", "right", "tail"))
    x_hidden = x.copy()
    x_hidden[5:15, 2] = np.nan  # longer than max_gap, and yet seen by the other two
    hidden = pose_of(x_hidden, keypoints=("left", "right", "tail"))
    config = CenterConfig(keypoints=["left", "right", "tail"], max_gap_s=0.2)

    center = track_center(hidden, config, FPS)

    np.testing.assert_allclose(center.xy_px, track_center(full, config, FPS).xy_px)
    assert center.observed.all()


def test_fewer_than_half_of_the_keypoints_are_a_gap():
    x = np.array([[t, t + 10, t + 40] for t in range(6)], dtype=float)
    x[2:5, 1:] = np.nan
    config = CenterConfig(keypoints=["a", "b", "c"], max_gap_s=0.0)
    center = track_center(pose_of(x, keypoints=("a", "b", "c")), config, FPS)
    assert center.observed.tolist() == [True, True, False, False, False, True]
    np.testing.assert_allclose(center.xy_px[2:5, 0], center.xy_px[1, 0])


@given(
    x=arrays(np.float64, st.tuples(st.integers(1, 30), st.just(2)), elements=st.floats(-1e3, 1e3)),
    hidden=arrays(np.bool_, (30, 2)),
    max_gap_s=st.floats(0, 2),
)
def test_never_missing_never_outside_and_long_gaps_are_marked(x, hidden, max_gap_s):
    hidden = hidden[: len(x)]
    hidden[0] = False
    shown = np.where(hidden, np.nan, x)
    config = CenterConfig(keypoints=["a"], max_gap_s=max_gap_s)
    center = track_center(pose_of(shown, keypoints=("a", "b")), config, FPS)
    assert center.xy_px.shape == (len(x), 2) and np.isfinite(center.xy_px).all()
    assert center.observed[~hidden[:, 0]].all()
    np.testing.assert_array_equal(center.xy_px[~hidden[:, 0], 0], x[~hidden[:, 0], 0])
    assert center.xy_px[:, 0].min() >= x[~hidden[:, 0], 0].min() - 1e-9
    assert center.xy_px[:, 0].max() <= x[~hidden[:, 0], 0].max() + 1e-9
    both = track_center(pose_of(shown, keypoints=("a", "b")), CenterConfig(keypoints=["a", "b"]), FPS)
    assert np.isfinite(both.xy_px).all()


@pytest.mark.parametrize(
    ("pose", "config", "says"),
    [
        (pose_of([[1, 2]], keypoints=("nose", "mid_body")), {}, "It has: nose, mid_body. Did you mean 'mid_body'"),
        (pose_of([None, None]), {}, "none of its 2 frames .no value at all"),
        (pose_of([1, 2], likelihood=[0.1, 0.25]), {}, "highest likelihood is 0.25, min_likelihood is 0.6"),
        (pose_of([[1, None], [None, 2]], keypoints="ab"), {"keypoints": ["a", "b"]}, "never seen all together"),
    ],
)
def test_what_cannot_be_a_center(pose, config, says):
    with pytest.raises(InputError, match=says) as caught:
        track_center(pose, CenterConfig(**config), FPS)
    assert "m1.csv" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "settings",
    [
        {"keypoints": []},
        {"keypoints": ["a", "a"]},
        {"keypoints": ""},
        {"min_likelihood": 1.1},
        {"max_gap_s": -1},
        {"max_gap_s": float("inf")},
        {"keypoint": "a"},
    ],
)
def test_settings_out_of_range(settings):
    with pytest.raises(ValidationError):
        CenterConfig(**settings)
