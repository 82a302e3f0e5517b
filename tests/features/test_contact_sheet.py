"""A contact sheet: the pictures that networks are shown of frames spread over a recording, without decoding it all."""

from pathlib import Path

import numpy as np

from features.sources.contact_sheet import N_SPREAD, sheet_frames, sheet_jpegs
from features.sources.crop_config import CropConfig
from features.sources.views import NetworkView, early_frames, shown_jpegs
from features.tracks import CenterTrack
from features.video.inspection import inspect_video
from tests.features.made_videos import write_timed_video
from tests.lab import known_labels, write_video

MOMENTS = CropConfig(size_px=24, moments_s=(-0.3, 0, 0.3))
VIEWS = [NetworkView("a", CropConfig(size_px=32), 32), NetworkView("b", MOMENTS, 24)]


def test_frames_are_spread_over_what_is_observed_and_shown_as_to_the_network(tmp_path: Path):
    path = write_timed_video(tmp_path / "a.mp4", 300, gop=20)
    video = inspect_video(path, tmp_path / "videos.json")
    centers_px = np.stack([24 + 8 * np.sin(np.arange(300) / 9), np.full(300, 30.0)], axis=1)
    observed = np.ones(300, dtype=bool)
    observed[100:200] = False
    centers = CenterTrack(centers_px, observed)
    frames = sheet_frames(VIEWS, video, centers)
    assert frames.tolist() == [25, 75, 99, 200, 225, 275] and len(frames) == N_SPREAD
    sheet = sheet_jpegs(VIEWS, video, centers, None, frames)
    assert sheet == shown_jpegs(VIEWS, video, centers, None, frames)
    # At the ends a moment before or after is the first or last frame.
    ends = np.array([0, 299])
    assert sheet_jpegs(VIEWS, video, centers, None, ends) == shown_jpegs(VIEWS, video, centers, None, ends)


def test_of_a_video_that_cannot_be_sought_early_frames_are_shown(tmp_path: Path):
    write_video(tmp_path / "a.avi", known_labels(0))
    video = inspect_video(tmp_path / "a.avi", tmp_path / "videos.json")
    centers = CenterTrack(np.full((video.n_frames, 2), 30.0), np.ones(video.n_frames, dtype=bool))
    frames = sheet_frames(VIEWS, video, centers)
    assert frames.tolist() == early_frames(VIEWS, video.fps, video.n_frames).tolist()
    assert sheet_jpegs(VIEWS, video, centers, None, frames) == shown_jpegs(VIEWS, video, centers, None, frames)
