"""Whether a track lies on the animal: told from what stands out from the background of a few frames."""

import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import InputError
from common.notes import Doubt
from features.centers import CenterConfig, track_center
from features.poses import read_poses
from features.tracks import CenterTrack, PoseTrack
from features.video.foreground import FrameSampler, find_foreground
from features.video.inspection import VideoInfo, inspect_video
from pipeline.audit.recording import audit_table
from pipeline.config.schema import load_config
from pipeline.dataset.load import load_recordings
from pipeline.dataset.pose_findings import FEW_ON_ANIMAL, distance_to_boxes_px, on_animal_share, pose_findings
from pipeline.dataset.reading import ReadingSettings
from pipeline.dataset.table import read_recordings
from tests.features.test_blob import STILL, arena, still, wander, write
from tests.lab import write_experiment, write_table

N_FRAMES = 120


def share_of(centers_px: np.ndarray, frames: list[np.ndarray], is_between: bool = False) -> float | None:
    """Of a video of these frames, as if it had been inspected."""
    sampler = FrameSampler(240, 48)
    for frame in frames:
        sampler.add(frame.copy)
    height_px, width_px = frames[0].shape[:2]
    quality = SimpleNamespace(foreground=find_foreground(sampler))
    video = SimpleNamespace(quality=quality, width_px=width_px, height_px=height_px)
    track = CenterTrack(centers_px, np.ones(len(centers_px), dtype=bool), is_between)
    return on_animal_share(track, cast(VideoInfo, video))


def with_another(frames: list[np.ndarray], centers_px: np.ndarray, gray: int, radius_px: int) -> list[np.ndarray]:
    """The same with a disk that moves as well."""
    both = [frame.copy() for frame in frames]
    for frame, (x, y) in zip(both, centers_px, strict=True):
        cv2.circle(frame, (round(float(x)), round(float(y))), radius_px, (gray, gray, gray), -1)
    return both


@pytest.mark.parametrize(("gray", "radius_px"), [(240, 16), (10, 16), (60, 8)])
def test_another_animal_of_any_color_and_size_is_no_reason_for_a_warning(gray: int, radius_px: int):
    centers = wander(N_FRAMES)
    other = np.roll(centers, 50, axis=0)
    frames = with_another(arena(centers, 140, 40), other, gray, radius_px)
    assert share_of(centers, frames) == pytest.approx(1, abs=0.05)
    # Its own poses are right as well; those of a third are not.
    assert share_of(other, frames) == pytest.approx(1, abs=0.05)
    elsewhere = share_of(200 - centers * (1, 0) + (0, 60) - centers * (0, 0.8), frames)
    assert elsewhere is not None and elsewhere < FEW_ON_ANIMAL
    # The middle of both is often on neither.
    assert share_of((centers + other) / 2, frames, is_between=True) is None


def test_an_animal_that_rests_is_a_part_of_the_background_and_nothing_is_said():
    centers = wander(N_FRAMES)
    resting = np.where(np.arange(N_FRAMES)[:, None] < 100, (60.0, 75.0), centers)
    frames = with_another(arena(resting, 180, 40), np.roll(centers, 50, axis=0), 40, 10)
    assert share_of(resting, frames) is None


@given(
    st.tuples(st.floats(-50, 250), st.floats(-50, 250)),
    st.lists(st.tuples(*[st.floats(0, 200)] * 2, *[st.floats(0.1, 40)] * 2), min_size=1, max_size=5),
)
def test_the_distance_is_that_of_the_nearest_point_of_the_nearest_box(point, corners_and_sides):
    boxes = [(x, y, x + w, y + h) for x, y, w, h in corners_and_sides]
    x, y = point
    nearest = min(np.hypot(x - np.clip(x, a, c), y - np.clip(y, b, d)) for a, b, c, d in boxes)
    assert distance_to_boxes_px(np.array(point), boxes) == pytest.approx(nearest)


def findings(video: VideoInfo, xy_px: np.ndarray, folder: Path) -> list[str]:
    rows = "\n".join(f"{i},{x:.2f},{y:.2f}" for i, (x, y) in enumerate(xy_px))
    (folder / "poses.csv").write_text(f"frame,x,y\n{rows}\n", encoding="utf-8")
    pose = read_poses(folder / "poses.csv")
    config = CenterConfig()
    centers = track_center(pose, config, video.fps)
    return [finding.found for finding in pose_findings("m", pose, centers, config, video)]


def test_frames_that_the_video_lacks_are_not_laid_to_the_poses(tmp_path: Path):
    video = inspect_video(write(tmp_path / "mouse.avi", arena(wander(N_FRAMES), 180, 40)))
    pose = PoseTrack(("center",), wander(N_FRAMES)[:, None], np.ones((N_FRAMES, 1)), tmp_path / "poses.csv")
    centers = CenterTrack(wander(N_FRAMES), np.arange(N_FRAMES) >= 50)
    (hidden,) = pose_findings("m", pose, centers, CenterConfig(), video)
    assert hidden.found.startswith("In 42% of the frames the animal is not observed")
    assert pose_findings("m", pose, centers, CenterConfig(), replace(video, lost=((0, 50),))) == []


def test_poses_of_another_video_are_told(tmp_path: Path):
    centers = wander(N_FRAMES)
    video = inspect_video(write(tmp_path / "mouse.avi", arena(centers, 180, 40)))
    assert findings(video, centers, tmp_path) == []
    for wrong in (centers / 2, centers[::-1] + np.array([40, 0]), np.roll(centers, 40, axis=0)):
        (found,) = findings(video, np.clip(wrong, 0, (199, 149)), tmp_path)
        assert "lie on or near anything that stands out from the background of mouse.avi" in found


@pytest.mark.parametrize("scale", [1 / 200, 50 / 640])
def test_positions_that_are_no_pixels_are_told(tmp_path: Path, scale: float):
    video = inspect_video(write(tmp_path / "mouse.avi", arena(wander(N_FRAMES), 180, 40)))
    (found,) = findings(video, wander(N_FRAMES) * scale, tmp_path)
    assert "of the picture's size of its top left corner" in found


def test_where_nothing_moves_or_stands_out_nothing_is_said(tmp_path: Path):
    still = inspect_video(write(tmp_path / "still.avi", arena(np.full((N_FRAMES, 2), 60.0), 180, 40)))
    assert findings(still, wander(N_FRAMES), tmp_path) == []


def test_what_stands_out_is_remembered_with_the_video(tmp_path: Path):
    path = write(tmp_path / "mouse.avi", arena(wander(N_FRAMES), 180, 40))
    first = inspect_video(path, tmp_path / "videos.json")
    again = inspect_video(path, tmp_path / "videos.json")
    assert first.quality.foreground is not None and again == first
    for shown in first.quality.foreground.frames:
        assert distance_to_boxes_px(wander(N_FRAMES)[shown.frame], shown.boxes_px) == 0


def test_clips_of_one_table_lend_each_other_the_background(tmp_path: Path):
    rows = []
    for name in "ab":
        write(tmp_path / f"{name}.avi", still(*STILL[name]))
        rows.append(f"{name},{name}.avi,blob,,{name},,")
    table = write_table(tmp_path, rows)
    config = load_config(write_experiment(tmp_path, table, "backbone: {name: compact}"))
    recordings = read_recordings(table)
    audit = audit_table(table, ReadingSettings.of(config), is_experiment=False)
    assert [finding.severity for item in audit.recordings for finding in item.findings] == ["note", "note"]
    assert "borrowed from b.avi" in audit.recordings[0].findings[0].found
    # A run has no note of it; prediction reads one by one.
    (together,) = load_recordings(config, recordings[:1], are_behaviors_known=True, beside=recordings)
    assert together.notes == () and together.centers is not None
    assert np.linalg.norm(together.centers.xy_px - STILL["a"][1:], axis=1).max() < 4
    (alone,) = load_recordings(config, recordings[:1], are_behaviors_known=True)
    assert [type(note) for note in alone.notes] == [Doubt] and "the blob is perhaps its tail" in alone.notes[0]


def test_what_is_said_of_a_blob_is_of_blobs(tmp_path: Path):
    video = inspect_video(write(tmp_path / "mouse.avi", arena(wander(N_FRAMES), 180, 40)))
    pose = PoseTrack(("blob",), wander(N_FRAMES)[:, None], np.full((N_FRAMES, 1), 0.3), video.path)
    with pytest.raises(InputError, match="tracked as a blob, is seen in none") as caught:
        track_center(pose, CenterConfig(), video.fps)
    pose.likelihood[::3] = 0.9
    centers = track_center(pose, CenterConfig(max_gap_s=0), video.fps)
    told = pose_findings("m", pose, centers, CenterConfig(), video)
    assert [finding.is_doubt for finding in told] == [True, False]
    for text in (str(caught.value), *(finding.remedy for finding in told)):
        assert "alone in the picture" in text and "keypoint" not in text and "label more" not in text


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
