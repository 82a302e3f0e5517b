"""The social demo: two mice whose labels follow what they do, and files that say what was simulated."""

import json
from itertools import pairwise

import cv2
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from features.poses import individuals_in, read_poses
from pipeline.annotations import read_annotation
from pipeline.config.demo import DemoConfig
from pipeline.dataset.table import read_recordings
from pipeline.demo.body import KEYPOINTS, confine_body, pose_body
from pipeline.demo.make import make_demo
from pipeline.demo.social.behavior import BEHAVIORS
from pipeline.demo.social.encounter import simulate_encounter
from pipeline.demo.social.files import TRACKS_TABLE_NAME, write_recording
from pipeline.demo.social.recording import ANIMALS, draw_stage, render_frames, simulate_recording
from pipeline.demo.social.tracking import track_animals
from pipeline.scoring.bouts.bouts import runs_of_true

SMALL = DemoConfig(n_train=1, n_test=1, n_frames=300, size_px=112, seed=4)
FPS = 10.0
PLACES = {name: i for i, name in enumerate(KEYPOINTS)}


@pytest.fixture(scope="module")
def simulated():
    """The first recording of the folder, its tracks, and the state in which its frames are drawn."""
    rng = np.random.default_rng([SMALL.seed, 0, 2])
    recording = simulate_recording(SMALL.n_frames, SMALL.fps, SMALL.size_px, rng)
    return recording, track_animals(recording, SMALL.fps, SMALL.size_px, rng), rng


@pytest.fixture(scope="module")
def demo_folder(tmp_path_factory):
    return make_demo(tmp_path_factory.mktemp("käfig") / "demo_social", SMALL, name="demo_social").parent


class Truth:
    """Two mice over time, measured anew from their postures: keypoints on the floor, in mm, (n_frames, 2, 9, 2)."""

    def __init__(self, seed: int, n_frames: int = 400) -> None:
        rng = np.random.default_rng([8, seed])
        stage = draw_stage(320, rng)
        self.postures, self.labels = simulate_encounter(stage.mice, stage.arena, n_frames, FPS, rng)
        self.points = np.empty((n_frames, 2, len(KEYPOINTS), 2))
        self.height = np.empty((n_frames, 2))
        for frame, postures in enumerate(self.postures):
            for i, posture in enumerate(postures):
                body = pose_body(stage.mice[i], posture)
                confine_body(body, stage.arena)
                self.points[frame, i] = body.keypoints[:, :2]
                self.height[frame, i] = body.keypoints[PLACES["neck"], 2]

    def at(self, name: str) -> np.ndarray:
        return self.points[:, :, PLACES[name]]

    def distance(self) -> np.ndarray:
        middle = self.at("midbody")
        return np.linalg.norm(middle[:, 0] - middle[:, 1], axis=1)

    def speed(self) -> np.ndarray:
        """In mm per second, over three frames, (n_frames, 2)."""
        middle = self.at("midbody")
        moved = np.linalg.norm(middle[3:] - middle[:-3], axis=2) * FPS / 3
        return np.pad(moved, ((1, 2), (0, 0)), mode="edge")

    def heading(self) -> np.ndarray:
        ahead = self.at("neck") - self.at("tailbase")
        return ahead / np.linalg.norm(ahead, axis=2, keepdims=True)

    def bouts(self, behavior: str, i: int) -> np.ndarray:
        """Frames in which a mouse shows a behavior, without the half second in which it takes up the pose."""
        active = np.zeros(len(self.labels), dtype=bool)
        for start, stop in runs_of_true(self.labels[:, i] == 1 + BEHAVIORS.index(behavior)):
            active[start + 5 : stop] = True
        return active


@pytest.fixture(scope="module")
def truths():
    return [Truth(seed) for seed in range(4)]


def frames_of(truths, behavior, measure):
    """A measure (n_frames,) of (truth, actor, partner), in all frames in which the actor shows the behavior."""
    return np.concatenate([measure(t, i, 1 - i)[t.bouts(behavior, i)] for t in truths for i in range(2)])


def test_who_chases_runs_behind_who_runs_away(truths):
    def is_chase(t, actor, partner):
        to_partner = t.at("midbody")[:, partner] - t.at("midbody")[:, actor]
        to_partner /= np.linalg.norm(to_partner, axis=1, keepdims=True)
        faces = (t.heading()[:, actor] * to_partner).sum(axis=1) > 0.3
        is_ahead = (t.heading()[:, partner] * to_partner).sum(axis=1) > -0.3
        runs = (t.speed()[:, [actor, partner]] > 60.0).all(axis=1)
        return faces & is_ahead & runs & (t.distance() < 160.0)

    assert frames_of(truths, "chasing", is_chase).mean() > 0.85
    assert frames_of(truths, "side_by_side", is_chase).mean() < 0.02


def test_who_sniffs_has_its_nose_at_the_other(truths):
    def gap(t, actor, partner):
        nose = t.at("snout")[:, actor, None]
        return np.linalg.norm(t.points[:, partner, :-1] - nose, axis=2).min(axis=1)

    assert np.quantile(frames_of(truths, "investigation", gap), 0.9) < 30.0


def test_who_mounts_is_above_and_behind_and_looks_the_same_way(truths):
    def is_mount(t, actor, partner):
        same_way = (t.heading()[:, 0] * t.heading()[:, 1]).sum(axis=1) > 0.6
        behind = ((t.at("midbody")[:, actor] - t.at("midbody")[:, partner]) * t.heading()[:, partner]).sum(axis=1) < 0
        return same_way & behind & (t.height[:, actor] > t.height[:, partner] + 5.0)

    assert frames_of(truths, "mounting", is_mount).mean() > 0.85
    assert frames_of(truths, "side_by_side", is_mount).mean() < 0.2


def test_side_by_side_is_still_and_fighting_is_not(truths):
    calm = frames_of(truths, "side_by_side", lambda t, a, p: t.speed()[:, a])
    wild = frames_of(truths, "fighting", lambda t, a, p: t.speed()[:, a])
    assert np.quantile(calm, 0.9) < np.quantile(wild, 0.1)
    parallel = frames_of(truths, "side_by_side", lambda t, a, p: np.abs((t.heading()[:, 0] * t.heading()[:, 1]).sum(1)))
    assert np.quantile(parallel, 0.1) > 0.8


def test_labels_are_per_animal_and_every_behavior_is_shown_by_both(truths):
    labels = np.concatenate([t.labels for t in truths])
    one, other = labels.T
    mutual = [1 + BEHAVIORS.index(name) for name in ("side_by_side", "fighting")]
    assert (np.isin(one, mutual) == np.isin(other, mutual)).all()
    for name in ("chasing", "mounting"):
        shown = labels == 1 + BEHAVIORS.index(name)
        assert shown.any(axis=0).all()
        assert (labels[shown.any(axis=1)].min(axis=1) == 0).all()
    assert 0.4 < (labels == 0).mean() < 0.75


def test_distance_alone_does_not_tell_the_behaviors_of_two_that_touch(truths):
    near = {name: frames_of(truths, name, lambda t, a, p: t.distance()) for name in BEHAVIORS}
    for one, other in (*pairwise(("side_by_side", "mounting", "fighting", "investigation")), ("mounting", "fighting")):
        truth = np.repeat([0, 1], [len(near[one]), len(near[other])])
        area = roc_auc_score(truth, np.concatenate([near[one], near[other]]))
        assert max(area, 1 - area) < 0.9, (one, other)
    apart = np.concatenate([t.distance()[t.labels[:, i] == 0] for t in truths for i in range(2)])
    truth = np.repeat([0, 1], [len(apart), len(near["chasing"])])
    area = roc_auc_score(truth, np.concatenate([apart, near["chasing"]]))
    assert max(area, 1 - area) < 0.7


def test_both_tables_name_what_was_simulated(demo_folder, simulated):
    """The readers give back the tracks and labels of the simulator, by name and by id."""
    recording, tracks, _ = simulated
    by_name = read_recordings(demo_folder / "recordings.csv")
    by_id = read_recordings(demo_folder / TRACKS_TABLE_NAME)
    assert [r.id for r in by_name] == [r.id for r in by_id]
    assert [r.split for r in by_name] == ["train", "train", "test", "test"]
    assert len({r.individual for r in by_name}) == 4
    assert individuals_in(by_name[0].pose_path)[0] == ANIMALS
    for i in range(2):
        for row in (by_name[i], by_id[i]):
            pose = read_poses(row.pose_path, row.animal)
            np.testing.assert_allclose(pose.xy_px[:, : len(KEYPOINTS)], tracks.xy_px[:, i], atol=1e-4)
            np.testing.assert_allclose(pose.likelihood[:, : len(KEYPOINTS)], tracks.likelihood[:, i], atol=1e-4)
            choice = row.annotation_choices[""]
            labels = read_annotation(
                row.annotation_paths[""], SMALL.n_frames, SMALL.fps, choice=choice, video_name="HD_pair_01.mp4"
            )
            for k, behavior in enumerate(BEHAVIORS, start=1):
                active, scored = labels.frames_of(behavior, SMALL.n_frames)
                assert np.array_equal(active, recording.labels[:, i] == k)
                assert scored.all()
        box_middle = (tracks.boxes_px[:, i, :2] + tracks.boxes_px[:, i, 2:]) / 2
        np.testing.assert_allclose(read_poses(by_id[i].pose_path, by_id[i].animal).xy_px[:, -1], box_middle, atol=0.01)
    assert set(np.unique(recording.labels)) == {*range(6)}


def test_the_tracker_loses_mice_and_hidden_parts_but_never_swaps_them(simulated):
    recording, tracks, _ = simulated
    missing = np.isnan(tracks.likelihood)
    assert missing.all(axis=2).any()
    assert np.array_equal(missing.all(axis=2), np.isnan(tracks.boxes_px).all(axis=2))
    assert missing[recording.hidden].mean() > 0.5 > 5 * missing[~recording.hidden].mean()
    error = np.linalg.norm(tracks.xy_px - recording.keypoints_px, axis=3)
    assert np.nanmedian(error) < 2.0
    assert np.nanquantile(error[tracks.likelihood > 0.8], 0.99) < 9.0


def test_the_same_settings_make_the_same_files(demo_folder, tmp_path):
    again = write_recording(tmp_path, 0, SMALL, lambda done: None)
    assert len([*tmp_path.iterdir()]) == 5
    for path in tmp_path.iterdir():
        assert path.read_bytes() == (demo_folder / path.name).read_bytes(), path.name
    project = json.loads((demo_folder / "labels.boris").read_text(encoding="utf-8"))
    assert project["observations"][again.name]["events"] == again.events


def test_a_dark_and_a_light_mouse_are_seen_where_they_are(demo_folder, simulated):
    recording, _, rng = simulated
    capture = cv2.VideoCapture(str(demo_folder / "HD_pair_01.mp4"))
    middle = np.round(recording.keypoints_px[:, :, PLACES["midbody"]]).astype(int)
    seen = []
    for frame, drawn in zip(range(0, 40), render_frames(recording, SMALL.size_px, rng), strict=False):
        is_read, image = capture.read()
        assert is_read
        assert np.abs(image.astype(int) - drawn).mean() < 6.0
        ground = np.median(image[20:-20, 20:-20])
        tones = [image[y - 1 : y + 2, x - 1 : x + 2].mean() for x, y in middle[frame]]
        if not recording.hidden[frame].any():
            seen.append(tones[0] < 0.75 * ground and tones[1] > 1.2 * ground)
    assert np.mean(seen) > 0.95
    assert cv2.VideoCapture(str(demo_folder / "WT_pair_02.mp4")).get(cv2.CAP_PROP_FRAME_COUNT) == SMALL.n_frames
