"""What a network is shown, for people to look at: the very crops that the engine is given, and words for them."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from features.sources import open_sources, views
from features.sources.base import ExtractionSettings
from features.sources.crop_config import CropConfig
from features.sources.frames import FrameSourceConfig
from features.sources.precomputed import PrecomputedConfig
from features.sources.views import EARLY_FRAMES, NetworkView, early_frames, shown_jpegs, shown_pictures
from features.video.inspection import VideoInfo, inspect_video
from features.video.reading import iter_frames
from tests.features.stage_one import CROP, extract, tiny_backbone, wandering_centers, write_video
from tests.features.test_moments import NOW, KeepingEngine

N_FRAMES = 60
FOLLOWING = NOW.model_copy(update={"follow": True})


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> VideoInfo:
    return inspect_video(write_video(tmp_path_factory.mktemp("clips") / "mouse.avi", N_FRAMES))


def test_the_pictures_are_those_that_the_engine_is_given(
    video: VideoInfo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crops, centers, chosen = (CROP, NOW, FOLLOWING), wandering_centers(N_FRAMES), np.array([0, 7, 8, 20])
    given = []
    for crop in crops:
        engine = KeepingEngine()
        settings = ExtractionSettings(batch_frames=8)
        extract("m", video, centers, tiny_backbone(), settings, tmp_path, lambda engine=engine: engine, crop)
        given.append(np.stack(engine.shown)[chosen])
    read: list[int] = []

    def counting(path: Path) -> Any:
        for frame in iter_frames(path):
            read.append(frame.number)
            yield frame

    monkeypatch.setattr(views, "iter_frames", counting)
    shown = shown_pictures([NetworkView("n", crop, 32) for crop in crops], video, centers, None, chosen)
    np.testing.assert_array_equal(shown, given)
    assert read == list(range(20 + 3 + 1)), "once for all, up to the last moment of the last frame"
    (none,) = shown_pictures([NetworkView("n", NOW, 32)], video, centers, None, chosen[:0])
    assert none.shape == (0, 32, 32, 3)


def test_pictures_for_a_page_are_near_to_them_and_not_too_large(video: VideoInfo) -> None:
    views, centers = [NetworkView("n", NOW, 96), NetworkView("n", CROP, 600)], wandering_centers(N_FRAMES)
    frames = np.array([5, 30])
    exact = shown_pictures(views, video, centers, None, frames)
    jpegs = [
        [np.asarray(Image.open(io.BytesIO(one))) for one in of_view]
        for of_view in shown_jpegs(views, video, centers, None, frames)
    ]
    assert np.abs(np.stack(jpegs[0]).astype(float) - exact[0]).mean() < 4
    assert [one.shape for one in jpegs[1]] == [(224, 224, 3)] * 2


def test_words_say_what_the_colors_are() -> None:
    now, still = NetworkView("mobilenet_v2", NOW, 96), NetworkView("compact", CROP, 64)
    assert (now.title, still.title) == ("mobilenet_v2: −0.2 s, now, 0.3 s", "compact: the frame")
    assert now.colors_in_words.startswith(
        "Red is the picture 0.2 s before, green the one now, blue the one 0.3 s after"
    )
    assert "colored edges" in now.colors_in_words and "posture" not in now.colors_in_words
    assert "posture" in NetworkView("n", FOLLOWING, 96).colors_in_words
    assert still.colors_in_words == ""


def test_sources_say_themselves_what_is_shown() -> None:
    """No weights are looked for: these are nowhere."""
    backbone = tiny_backbone().config.model_copy(update={"weights": "nowhere.h5"})
    sources = open_sources(
        [FrameSourceConfig(backbone=backbone, crop=NOW), PrecomputedConfig(files="{recording}.npy")],
        ExtractionSettings(),
    )
    assert sources.views() == [NetworkView("mobilenet_v2", NOW, 32)]


@pytest.mark.parametrize("n_frames", [1, 3, 50, 1000])
@pytest.mark.parametrize("moments_s", [(), (-0.2, 0, 0.3), (-10, -5, 0), (1, 2, 3)])
def test_early_frames_cost_little(n_frames: int, moments_s: tuple[float, ...]) -> None:
    crop = CropConfig(moments_s=moments_s)
    frames = early_frames([NetworkView("n", CROP, 32), NetworkView("n", crop, 32)], 10, n_frames)
    offsets = crop.offsets_frames(10, "")
    assert 1 <= len(frames) <= 4 and frames.min() >= 0 and frames.max() < n_frames
    assert (np.diff(frames) > 0).all()
    if n_frames == 1000:
        assert frames.min() + min(offsets) >= 0
        assert frames.max() + max(0, *offsets, 0) < max(EARLY_FRAMES, -min(offsets) + 1)
