"""Three moments of a video as the colors of one picture, against a slow reading of the same."""

import dataclasses
from collections import deque
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import InputError
from features.backbones.base import NetworkConfig
from features.cache import rows as cache_rows
from features.cache.rows import cached_rows
from features.cache.store import fingerprint
from features.crops import crop_square, resize_crop
from features.engines import ENGINES, EngineKind, Engines
from features.places import Places
from features.sources import open_sources
from features.sources.base import ExtractionSettings, RecordingFiles
from features.sources.crop_config import CropConfig
from features.sources.cropping import Cropping, Crops
from features.sources.frames import FrameRows, FrameSource, FrameSourceConfig
from features.tracks import CenterTrack
from features.video import inspection
from features.video.inspection import VideoInfo, inspect_video
from features.video.pictures import Box
from features.video.reading import iter_bgr_frames, iter_frames
from tests.features.stage_one import (
    CROP,
    MeanEngine,
    extract,
    frame_rows,
    recipe_of,
    tiny_backbone,
    wandering_centers,
    write_video,
)
from tests.features.test_extract import BreakingEngine
from tests.features.test_video_damage import spoil

NOW = CropConfig(size_px=24, moments_s=(-0.2, 0, 0.3))
OFFSETS = (-2, 0, 3)
"""Of `NOW`, at 10 frames a second."""


def by_hand(
    frames: Sequence[np.ndarray],
    centers_xy_px: np.ndarray,
    crop: CropConfig,
    offsets: Sequence[int],
    step: int,
    px: int,
) -> np.ndarray:
    """Pictures of all analysed frames, each moment looked up by itself."""
    last = len(frames) - 1
    pictures = []
    for now in range(0, len(frames), step):
        channels = []
        for offset in offsets:
            moment = min(max(now + offset, 0), last)
            square = crop_square(frames[moment], centers_xy_px[moment if crop.follow else now], crop.size_px)
            channels.append(resize_crop(cv2.cvtColor(square, cv2.COLOR_BGR2GRAY), px))
        pictures.append(np.stack(channels, axis=2))
    return np.stack(pictures)


class KeepingEngine(MeanEngine):
    """Keeps what it is shown."""

    def __init__(self, batch_frames: int = 8) -> None:
        super().__init__(batch_frames)
        self.shown: list[np.ndarray] = []

    def embed(self, crops: np.ndarray) -> np.ndarray:
        self.shown += [crop.copy() for crop in crops]
        return super().embed(crops)


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> VideoInfo:
    return inspect_video(write_video(tmp_path_factory.mktemp("clips") / "mouse.avi", 60))


@pytest.fixture(scope="module")
def frames(video: VideoInfo) -> list[np.ndarray]:
    return list(iter_bgr_frames(video.path))


@pytest.mark.parametrize("follow", [False, True])
@pytest.mark.parametrize("step", [1, 3, 60])
def test_moments_are_the_colors(
    video: VideoInfo, frames: list[np.ndarray], tmp_path: Path, step: int, follow: bool
) -> None:
    engine, centers = KeepingEngine(), wandering_centers(60)
    crop, settings = NOW.model_copy(update={"follow": follow}), ExtractionSettings(frame_step=step, batch_frames=8)
    cache = extract("m", video, centers, tiny_backbone(), settings, tmp_path, lambda: engine, crop)
    expected = by_hand(frames, centers.xy_px, crop, OFFSETS, step, 32)
    np.testing.assert_array_equal(np.stack(engine.shown), expected)
    np.testing.assert_array_equal(cache.embeddings, MeanEngine().embed(expected))
    unseen = {moment for moment in range(60) if not centers.observed[moment]}
    assert cache.observed.tolist() == [
        not unseen & {min(max(now + offset, 0), 59) for offset in OFFSETS} for now in range(0, 60, step)
    ]


@pytest.mark.shared
def test_moments_of_a_real_video(shared_dir: Path) -> None:
    """At both ends of it, where the frames are in memory."""
    from features.centers import CenterConfig, track_center
    from features.poses import read_poses

    folder, n = shared_dir / "data" / "mouse_arena", 40
    video = inspect_video(folder / "arena_1.mp4")
    centers = track_center(read_poses(folder / "arena_1_dlc.csv"), CenterConfig(keypoints="midbody"), video.fps)
    crop, frames = CropConfig(size_px=110, moments_s=(-0.2, 0, 0.2)), iter_bgr_frames(video.path)
    start, end = list(islice(frames, n)), list(deque(frames, maxlen=n))
    at_start = by_hand(start, centers.xy_px[:n], crop, (-6, 0, 6), 1, 32)[: n - 6]
    at_end = by_hand(end, centers.xy_px[-n:], crop, (-6, 0, 6), 1, 32)[6:]
    steps, engines = (1, 3), (KeepingEngine(), KeepingEngine())
    both = [
        frame_rows("m", video, centers, tiny_backbone(), crop, ExtractionSettings(step, batch_frames=8), lambda e=e: e)
        for step, e in zip(steps, engines, strict=True)
    ]
    for _ in FrameRows.batches_together(both, [0, 0]):
        pass
    for step, engine, rows in zip(steps, engines, both, strict=True):
        assert len(engine.shown) == len(range(0, video.n_frames, step))
        now = rows.spans[:, 0]
        is_at_end = now >= video.n_frames - n + 6
        shown = np.stack(engine.shown)
        np.testing.assert_array_equal(shown[now < n - 6], at_start[::step])
        np.testing.assert_array_equal(shown[is_at_end], at_end[now[is_at_end] - (video.n_frames - n + 6)])


def test_a_lost_frame_is_said_of_every_row_that_shows_it(tmp_path: Path, frames: list[np.ndarray]) -> None:
    path = write_video(tmp_path / "mouse.avi", 60)
    spoil(path, [30])
    video = inspect_video(path)
    assert video.n_frames == 60
    seen = np.arange(60) != 30
    centers = CenterTrack(wandering_centers(60).xy_px, seen)
    engine = KeepingEngine()
    cache = extract(
        "m", video, centers, tiny_backbone(), ExtractionSettings(batch_frames=8), tmp_path, lambda: engine, NOW
    )
    assert np.flatnonzero(~cache.observed).tolist() == [27, 30, 32]
    as_shown = [*frames[:30], frames[29], *frames[31:]]
    np.testing.assert_array_equal(np.stack(engine.shown), by_hand(as_shown, centers.xy_px, NOW, OFFSETS, 1, 32))


@given(
    n_frames=st.integers(1, 40),
    step=st.integers(1, 7),
    offsets=st.lists(st.integers(-12, 12), min_size=3, max_size=3).map(sorted),
    batch_rows=st.integers(1, 9),
    data=st.data(),
    follow=st.booleans(),
)
def test_any_moments_of_any_video(
    n_frames: int, step: int, offsets: list[int], batch_rows: int, data: st.DataObject, follow: bool
) -> None:
    """Also shorter than the span, and from any row on."""
    n_rows = len(range(0, n_frames, step))
    first_row = data.draw(st.integers(0, n_rows - 1))
    frames = [np.full((9, 9, 3), 5 * number + np.arange(9)[:, None, None], np.uint8) for number in range(n_frames)]
    centers_xy_px = np.stack([np.full(n_frames, 4.0), np.arange(n_frames) % 9.0], axis=1)
    crop = CropConfig(size_px=8, moments_s=(-1, 0, 1), follow=follow)
    places = Places(centers_xy_px, np.full(n_frames, 8), np.ones(n_frames, bool))
    wanted = np.arange(first_row * step, n_frames, step)
    crops = Crops(Cropping(crop, tuple(offsets), places, None), wanted, 8, batch_rows)
    whole = Box(0, 0, 9, 9)
    batches = [
        batch for i, frame in enumerate(frames) for batch in crops.take(i, frame, whole, crops.cuts_at(i, (9, 9)))
    ]
    assert [len(batch) for batch in batches[:-1]] == [batch_rows] * (len(batches) - 1)
    expected = by_hand(frames, centers_xy_px, crop, offsets, step, 8)[first_row:]
    np.testing.assert_array_equal(np.concatenate(batches), expected)
    assert not crops.cuts_at(n_frames, (9, 9))


def test_no_span_is_the_gray_crop(video: VideoInfo, frames: list[np.ndarray], tmp_path: Path) -> None:
    engine, centers = KeepingEngine(), wandering_centers(60)
    still = CropConfig(size_px=24, moments_s=(0, 0, 0))
    extract("m", video, centers, tiny_backbone(), ExtractionSettings(), tmp_path, lambda: engine, still)
    for frame, center, shown in zip(frames, centers.xy_px, engine.shown, strict=True):
        gray = resize_crop(cv2.cvtColor(crop_square(frame, center, 24), cv2.COLOR_BGR2GRAY), 32)
        np.testing.assert_array_equal(shown, np.repeat(gray[..., None], 3, axis=2))


@pytest.mark.parametrize("moments_s", [(-0.04, 0, 0.3), (-0.3, -0.28, 0), (0.1, 0.2, 0.24)])
def test_moments_that_are_the_same_frame_are_refused(
    video: VideoInfo, tmp_path: Path, moments_s: tuple[float, float, float]
) -> None:
    config = FrameSourceConfig(backbone=tiny_backbone().config, crop=CropConfig(moments_s=moments_s))
    source = open_sources([config], ExtractionSettings())
    with pytest.raises(InputError, match=r"m1 has 10 frames per second, .*crop\.moments_s: \[-0\.1, 0, 0\.1\]"):
        source.measure(RecordingFiles("m1", video.path, tmp_path), tmp_path)


def test_moments_are_of_the_recipe_by_frames(video: VideoInfo) -> None:
    """At another frame rate the same seconds are other frames; seconds that are the same frames are the same."""
    centers, settings = wandering_centers(60), ExtractionSettings()
    at_20 = dataclasses.replace(video, fps=20.0)
    crops = [(video, CROP), (video, NOW), (at_20, NOW), (video, NOW.model_copy(update={"follow": True}))]
    recipes = [recipe_of(of, centers, tiny_backbone(), crop, settings) for of, crop in crops]
    assert len({fingerprint(recipe) for recipe in recipes}) == 4
    nearly = NOW.model_copy(update={"moments_s": (-0.21, 0, 0.29)})
    assert recipe_of(video, centers, tiny_backbone(), nearly, settings) == recipes[1]
    assert "moments_frames" not in recipes[0]["crop"]


# --- several sources ------------------------------------------------------------------------------------------


def joined(crops: Sequence[CropConfig], engine: MeanEngine, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Sources that differ by their crops, and how often each video was decoded."""
    decoded: list[Path] = []

    def counting(path: Path) -> Any:
        decoded.append(path)
        return iter_frames(path)

    monkeypatch.setattr(inspection, "iter_frames", counting)
    monkeypatch.setattr(FrameSource, "resolved", tiny_backbone())
    monkeypatch.setattr(Engines, "get", lambda self, *of: engine)
    config: NetworkConfig = tiny_backbone().config
    configs = [FrameSourceConfig(backbone=config, crop=crop) for crop in crops]
    return open_sources(configs, ExtractionSettings(frame_step=2, batch_frames=8)), decoded


def rows_of(source: Any, video: VideoInfo) -> Any:
    files = RecordingFiles("m", video.path, video.path.parent)
    return source.rows_of(files, video.n_frames, video, wandering_centers(video.n_frames))


def test_sources_lie_side_by_side_and_a_video_is_decoded_once(
    video: VideoInfo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crops = [CROP, NOW, NOW.model_copy(update={"follow": True})]
    alone = []
    for number, crop in enumerate(crops):
        source, _ = joined([crop], MeanEngine(), monkeypatch)
        alone += cached_rows(rows_of(source, video), tmp_path / str(number))
    source, decoded = joined(crops, MeanEngine(), monkeypatch)
    together = cached_rows(rows_of(source, video), tmp_path / "together")
    assert decoded == [video.path]
    for one, other in zip(alone, together, strict=True):
        assert one.fingerprint == other.fingerprint
        np.testing.assert_array_equal(one.embeddings, other.embeddings)


def test_a_further_source_makes_its_own_rows_alone(
    video: VideoInfo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, _ = joined([CROP], MeanEngine(), monkeypatch)
    cached_rows(rows_of(source, video), tmp_path)
    engine = MeanEngine()
    source, decoded = joined([CROP, NOW], engine, monkeypatch)
    told: list[tuple[int, int]] = []
    cached_rows(rows_of(source, video), tmp_path, lambda done, total: told.append((done, total)))
    assert (engine.n_calls, told[0], told[-1], len(decoded)) == (4, (0, 30), (30, 30), 1)
    cached_rows(rows_of(source, video), tmp_path)
    assert (engine.n_calls, len(decoded)) == (4, 1)


def test_rows_that_another_process_made_meanwhile_are_not_counted(
    video: VideoInfo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, _ = joined([CROP], MeanEngine(), monkeypatch)
    source, _ = joined([CROP, NOW], MeanEngine(), monkeypatch)
    take_turn = cache_rows.take_turn

    def wait(*of_whom: Any) -> None:
        monkeypatch.setattr(cache_rows, "take_turn", take_turn)
        cached_rows(rows_of(other, video), tmp_path)
        take_turn(*of_whom)

    monkeypatch.setattr(cache_rows, "take_turn", wait)
    told: list[tuple[int, int]] = []
    assert len(cached_rows(rows_of(source, video), tmp_path, lambda done, total: told.append((done, total)))) == 2
    assert (told[0], told[-1]) == ((0, 30), (30, 30))


def test_sources_that_were_cut_off_go_on_where_each_stopped(
    video: VideoInfo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_rows, "COMMIT_ROWS", 8)
    source, _ = joined([CROP, NOW], MeanEngine(), monkeypatch)
    whole = cached_rows(rows_of(source, video), tmp_path / "whole")
    for at_call in range(8):
        engine = BreakingEngine(at_call, KeyboardInterrupt())
        source, _ = joined([CROP, NOW], engine, monkeypatch)
        with pytest.raises(KeyboardInterrupt):
            cached_rows(rows_of(source, video), tmp_path / str(at_call))
        engine = MeanEngine()
        source, decoded = joined([CROP, NOW], engine, monkeypatch)
        resumed = cached_rows(rows_of(source, video), tmp_path / str(at_call))
        assert (engine.n_calls, len(decoded)) == (8 - at_call, 1)
        for one, other in zip(whole, resumed, strict=True):
            np.testing.assert_array_equal(one.embeddings, other.embeddings)
            np.testing.assert_array_equal(one.observed, other.observed)


def test_sources_that_turn_out_to_be_the_same_share_a_cache(
    video: VideoInfo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = MeanEngine()
    closer = NOW.model_copy(update={"moments_s": tuple(0.99 * moment for moment in NOW.moments_s)})
    source, _ = joined([NOW, CROP, closer], engine, monkeypatch)
    first, other, again = cached_rows(rows_of(source, video), tmp_path)
    assert first.path == again.path != other.path
    assert engine.n_calls == 8  # 30 rows of two.


def test_sources_of_one_network_share_its_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[str] = []

    def build(resolved: Any, *settings: Any) -> MeanEngine:
        built.append(resolved.config.name)
        return MeanEngine()

    monkeypatch.setitem(ENGINES, "mean", EngineKind(build))
    engines, resolved = Engines(), tiny_backbone()
    first = engines.get("mean", resolved, "float32", 8, 0)
    assert engines.get("mean", dataclasses.replace(resolved, note="asked for otherwise"), "float32", 8, 0) is first
    assert engines.get("mean", tiny_backbone("other weights"), "float32", 8, 0) is not first
    assert engines.get("mean", resolved, "float32", 16, 0) is not first
    assert len(built) == 3
