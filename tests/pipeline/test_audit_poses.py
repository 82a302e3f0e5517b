"""Whether a track lies on the animal: told from what stands out from the background of a few frames."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.centers import CenterConfig, track_center
from features.poses import read_poses
from features.standing_out import Sighting, Sightings
from features.tracks import CenterTrack
from features.video import VideoInfo, inspect_video
from pipeline.audit.poses import on_animal_share, pose_findings
from tests.features.test_blob import arena, wander, write

N_FRAMES = 120


def track(xy_px: np.ndarray, observed: np.ndarray | None = None) -> CenterTrack:
    return CenterTrack(xy_px, np.ones(len(xy_px), dtype=bool) if observed is None else observed)


def sightings(boxes_px: list[list[tuple[float, float, float, float]]], animal_px: float = 5.0) -> Sightings:
    return Sightings(animal_px, tuple(Sighting(10 * i, tuple(boxes)) for i, boxes in enumerate(boxes_px)))


def test_frames_count_in_which_the_center_is_at_most_an_animal_away():
    # Inside; 4 px to the right; 3, 4 px off the corner; 6 px below; beside one animal, on the other.
    xy_px = np.repeat([[10.0, 10], [34, 10], [33, 34], [10, 36], [75, 75]], 10, axis=0)
    box = (0.0, 0.0, 30.0, 30.0)
    assert on_animal_share(track(xy_px), sightings([[box]] * 4 + [[box, (70.0, 70.0, 80.0, 80.0)]])) == (0.8, 5)


def test_frames_without_an_animal_or_a_track_tell_nothing():
    xy_px = np.full((30, 2), 10.0)
    observed = np.arange(30) != 10
    box = (0.0, 0.0, 30.0, 30.0)
    assert on_animal_share(track(xy_px, observed), sightings([[box], [box], []])) == (1.0, 1)
    assert on_animal_share(track(xy_px[:5]), sightings([[], [box]])) == (0.0, 0)


@given(
    st.lists(st.tuples(st.floats(-50, 250), st.floats(-50, 250)), min_size=1, max_size=20), st.floats(0, 30), st.data()
)
def test_the_distance_is_that_of_the_nearest_point_of_the_nearest_box(centers, animal_px, data):
    corner, side = st.floats(0, 200), st.floats(0.1, 40)
    boxes = [
        (x, y, x + w, y + h) for x, y, w, h in data.draw(st.lists(st.tuples(corner, corner, side, side), min_size=1))
    ]
    seen = Sightings(animal_px, tuple(Sighting(i, tuple(boxes)) for i in range(len(centers))))
    nearest = [min(np.hypot(x - np.clip(x, a, c), y - np.clip(y, b, d)) for a, b, c, d in boxes) for x, y in centers]
    if min(abs(distance - animal_px) for distance in nearest) > 1e-9:
        expected = np.mean([distance <= animal_px for distance in nearest])
        assert on_animal_share(track(np.array(centers)), seen)[0] == pytest.approx(expected)


def findings(video: VideoInfo, xy_px: np.ndarray, folder: Path) -> list[str]:
    rows = "\n".join(f"{i},{x:.2f},{y:.2f}" for i, (x, y) in enumerate(xy_px))
    (folder / "poses.csv").write_text(f"frame,x,y\n{rows}\n", encoding="utf-8")
    pose = read_poses(folder / "poses.csv")
    config = CenterConfig()
    centers = track_center(pose, config, video.fps)
    return [finding.found for finding in pose_findings("m", pose, centers, config, video)]


def test_poses_of_another_video_are_told(tmp_path: Path):
    centers = wander(N_FRAMES)
    video = inspect_video(write(tmp_path / "mouse.avi", arena(centers, 180, 40)))
    assert findings(video, centers, tmp_path) == []
    for wrong in (centers / 2, centers[::-1] + np.array([40, 0]), np.roll(centers, 40, axis=0)):
        (found,) = findings(video, np.clip(wrong, 0, (199, 149)), tmp_path)
        assert "lie on or near what stands out from the background of mouse.avi" in found


def test_where_nothing_moves_or_stands_out_nothing_is_said(tmp_path: Path):
    still = inspect_video(write(tmp_path / "still.avi", arena(np.full((N_FRAMES, 2), 60.0), 180, 40)))
    assert findings(still, wander(N_FRAMES), tmp_path) == []


def test_what_stands_out_is_remembered_with_the_video(tmp_path: Path):
    path = write(tmp_path / "mouse.avi", arena(wander(N_FRAMES), 180, 40))
    first = inspect_video(path, tmp_path / "videos.json")
    again = inspect_video(path, tmp_path / "videos.json")
    assert first.quality.sightings is not None and again == first
    for sighting in first.quality.sightings.frames:
        ((left, top, right, bottom),) = sighting.boxes_px
        x, y = wander(N_FRAMES)[sighting.frame]
        assert left < x < right and top < y < bottom


@pytest.mark.shared
def test_real_poses_lie_on_the_animal_of_their_own_video_alone(shared_dir: Path, tmp_path: Path):
    folder = shared_dir / "data" / "mouse_arena"
    config = CenterConfig()
    for number in (1, 2):
        video = inspect_video(folder / f"arena_{number}.mp4")
        for other in (1, 2, 3):
            copy = shutil.copy(folder / f"arena_{other}_dlc.csv", tmp_path / "poses.csv")
            pose = read_poses(Path(copy))
            found = pose_findings("m", pose, track_center(pose, config, video.fps), config, video)
            assert len(found) == (number != other)
