"""Postures, keypoints and frames of the simulated mouse."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score

from pipeline.demo.behavior import AT_WALL, Episode
from pipeline.demo.body import KEYPOINTS, POSTURE, Mouse, confine_body, pose_body
from pipeline.demo.camera import Camera
from pipeline.demo.motion import simulate_motion
from pipeline.demo.open_field import SIMULATOR_VERSION
from pipeline.demo.recording import render_frames, simulate_recording
from pipeline.demo.scene import Arena
from pipeline.demo.tracking import track_keypoints

SIZE_PX = 320


@pytest.fixture(scope="module")
def recordings():
    return [simulate_recording(900, 10.0, SIZE_PX, np.random.default_rng([3, i])) for i in range(6)]


def _frames_of(recording, state):
    active = np.zeros(len(recording.postures), dtype=bool)
    for episode in recording.episodes:
        # The first half second eases in from the posture before.
        if episode.state == state:
            active[episode.start + 5 : episode.stop] = True
    return active


def _measured(recordings, state, *names):
    rows = [np.column_stack([r.postures[name][_frames_of(r, state)] for name in names]) for r in recordings]
    return np.concatenate(rows)


def test_a_mouse_on_all_fours_has_its_parts_where_they_belong():
    posture = np.zeros(1, POSTURE)[0]
    body = pose_body(Mouse(), posture)
    at = dict(zip(KEYPOINTS, body.keypoints, strict=True))
    assert at["tailtip"][0] < at["tailbase"][0] < at["midbody"][0] < at["neck"][0] < at["snout"][0]
    # It looks to the right in an image whose y runs down, so its left is up.
    assert at["leftear"][1] < 0 < at["rightear"][1]
    assert at["snout"][1] == pytest.approx(0.0, abs=1e-9)
    assert (body.balls[:, 2] > 0).all()


def test_rearing_shortens_the_mouse_and_brings_its_head_to_the_camera():
    camera = Camera(600.0, 1.0, (0.0, 0.0))
    seen, height = [], []
    for pitch in (0.0, 0.6, 1.2):
        posture = np.zeros(1, POSTURE)[0]
        posture["pitch"] = pitch
        body = pose_body(Mouse(), posture)
        points = camera.project(body.keypoints)
        seen.append(np.linalg.norm(points[KEYPOINTS.index("snout")] - points[KEYPOINTS.index("tailbase")]))
        height.append(body.keypoints[0, 2])
    assert seen[0] > seen[1] > seen[2]
    assert seen[0] > 1.7 * seen[2]
    assert height[0] < height[1] < height[2]


@pytest.mark.parametrize("shape", ["square", "round"])
def test_walls_hold_the_mouse(shape):
    arena = Arena(shape=shape, radius_mm=150.0)
    posture = np.zeros(1, POSTURE)[0]
    posture["x_mm"] = 149.0
    body = pose_body(Mouse(), posture)
    confine_body(body, arena)
    for points in (body.balls[:, :2], body.ears[:, :2], body.keypoints[:, :2], body.tail[:, :2]):
        assert (arena.wall_distance(points) >= -1e-6).all()


def test_true_keypoints_lie_inside_the_frame(recordings):
    for recording in recordings:
        assert np.isfinite(recording.keypoints_px).all()
        assert (recording.keypoints_px >= -0.5).all()
        assert (recording.keypoints_px <= SIZE_PX - 0.5).all()


def test_behaviors_happen_where_they_should(recordings):
    arena = recordings[0].stage.arena
    for state in ("wall_rearing", "stretching"):
        places = _measured(recordings, state, "x_mm", "y_mm")
        assert np.median(arena.wall_distance(places)) < 70.0
    assert np.median(arena.wall_distance(_measured(recordings, "mid_rearing", "x_mm", "y_mm"))) > 70.0
    assert "wall_rearing" in AT_WALL


def test_one_posture_does_not_tell_grooming_from_resting_but_motion_does(recordings):
    names = ("crouch", "pitch", "bend", "head_yaw", "head_pitch", "paws")
    still, moving, label, fitted_on = [], [], [], []
    for i, recording in enumerate(recordings):
        posture = np.column_stack([recording.postures[name] for name in names])
        change = np.abs(np.gradient(posture, axis=0))
        # Mean motion within one second, as a head that sees a sequence could learn it.
        change = np.apply_along_axis(lambda x: np.convolve(x, np.ones(11) / 11, "same"), 0, change)
        for state in ("grooming", "resting"):
            active = _frames_of(recording, state)
            still.append(np.column_stack([posture, np.abs(posture)])[active])
            moving.append(change[active])
            label.append(np.full(int(active.sum()), state == "grooming"))
            fitted_on.append(np.full(int(active.sum()), i % 2 == 0))
    y, fitted = np.concatenate(label), np.concatenate(fitted_on)

    def precision_above_chance(rows):
        x = np.concatenate(rows)
        model = LogisticRegression(class_weight="balanced", max_iter=1000).fit(x[fitted], y[fitted])
        score = average_precision_score(y[~fitted], model.decision_function(x[~fitted]))
        return (score - y[~fitted].mean()) / (1.0 - y[~fitted].mean())

    assert precision_above_chance(still) < 0.6
    assert precision_above_chance(moving) > 0.9


def test_postures_ease_into_each_other():
    episodes = [Episode("sniffing", 0, 30), Episode("mid_rearing", 30, 60), Episode("sniffing", 60, 90)]
    postures = simulate_motion(episodes, Mouse(), Arena(), 10.0, np.random.default_rng(0))
    pitch = postures["pitch"]
    assert np.abs(np.diff(pitch)).max() < 0.75
    assert np.median(pitch[45:60]) > 0.8
    assert pitch[75:].max() < 0.35


def test_frames_are_the_same_for_the_same_seed(recordings):
    rng = np.random.default_rng
    first = simulate_recording(300, 10.0, 128, rng(7))
    again = simulate_recording(300, 10.0, 128, rng(7))
    assert np.array_equal(first.postures, again.postures)
    frames = [list(_first(render_frames(r, 128, rng(1)), 5)) for r in (first, again)]
    assert np.array_equal(frames[0], frames[1])
    assert frames[0][0].shape == (128, 128, 3)
    assert frames[0][0].dtype == np.uint8


def test_the_open_field_is_that_of_simulator_version_4():
    """Its timeline, keypoints, tracks and frames; whoever changes them raises the version."""
    assert SIMULATOR_VERSION == 4
    recording = simulate_recording(300, 10.0, 128, np.random.default_rng(7))
    assert [(e.state, e.start) for e in recording.episodes[:4]] == [
        ("sniffing", 0), ("grooming", 15), ("sniffing", 90), ("turning", 115),
    ]  # fmt: skip
    snout = [[70.502, 77.908], [100.745, 13.419], [114.569, 113.3]]
    np.testing.assert_allclose(recording.keypoints_px[[0, 150, 299], 0], snout, atol=0.01)
    xy, likelihood = track_keypoints(recording.keypoints_px, KEYPOINTS, 10.0, 128, np.random.default_rng(2))
    np.testing.assert_allclose([xy.mean(), likelihood.mean(), *xy[250, 5]], [66.8111, 0.92402, 61.1564, 14.9162], 1e-4)
    images = np.stack(list(_first(render_frames(recording, 128, np.random.default_rng(1)), 21)))[[0, 20]]
    np.testing.assert_allclose(images.mean(axis=(1, 2, 3)), [166.639, 165.766], atol=0.05)
    np.testing.assert_allclose(images.std(axis=(1, 2, 3)), [23.779, 23.639], atol=0.05)


def test_the_mouse_is_drawn_at_its_keypoints(recordings):
    recording = recordings[0]
    images = np.stack(list(_first(render_frames(recording, SIZE_PX, np.random.default_rng(0)), 60)))
    middle = np.round(recording.keypoints_px[:, KEYPOINTS.index("midbody")]).astype(int)
    for frame in range(0, 60, 10):
        x, y = middle[frame]
        here = images[frame, y - 3 : y + 4, x - 3 : x + 4].mean()
        assert here < 0.85 * np.median(images[frame])


def _first(iterator, n):
    for _, item in zip(range(n), iterator, strict=False):
        yield item
