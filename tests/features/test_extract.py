import dataclasses
import getpass
import logging
import shutil
import socket
import subprocess
import sys
import threading
from collections import namedtuple
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from common.errors import InputError
from features.backbones import ResolvedBackbone
from features.backbones.mobilenet_v2 import MobileNetV2Config
from features.cache import rows as cache_rows
from features.cache.store import FeatureCache, fingerprint, list_caches
from features.crops import crop_square, resize_crop
from features.prefetch import run_ahead
from features.sources.base import ExtractionSettings
from features.sources.crop_config import CropConfig
from features.tracks import CenterTrack
from features.video.inspection import VideoInfo, inspect_video
from features.video.reading import iter_bgr_frames
from tests.features.stage_one import CROP, MeanEngine, extract, recipe_of, tiny_backbone, wandering_centers, write_video

N_FRAMES = 1000
SETTINGS = ExtractionSettings(batch_frames=8)
REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> VideoInfo:
    return inspect_video(write_video(tmp_path_factory.mktemp("clips") / "mouse.avi", N_FRAMES))


@pytest.fixture(scope="module")
def centers() -> CenterTrack:
    return wandering_centers(N_FRAMES)


@pytest.fixture(scope="module")
def uninterrupted(video: VideoInfo, centers: CenterTrack, tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    cache_dir = tmp_path_factory.mktemp("uninterrupted")
    return run(video, centers, cache_dir).embeddings


def run(
    video: VideoInfo,
    centers: CenterTrack,
    cache_dir: Path,
    engine: Any = None,
    settings: ExtractionSettings = SETTINGS,
    **more: Any,
) -> FeatureCache:
    engine = MeanEngine(settings.batch_frames) if engine is None else engine
    return extract("m 1", video, centers, tiny_backbone(), settings, cache_dir, lambda: engine, **more)


def no_engine() -> MeanEngine:
    raise AssertionError("an engine was built")


def by_hand(video: VideoInfo, centers: CenterTrack, step: int) -> np.ndarray:
    """All embeddings at once, without batches, threads, chunks or files."""
    crops = [
        resize_crop(crop_square(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), center, 24), 32)
        for frame, center in zip(iter_bgr_frames(video.path, step), centers.xy_px[::step], strict=True)
    ]
    return MeanEngine().embed(np.stack(crops))


# --- what comes out -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [1, 3, 8, N_FRAMES - 1, 5 * N_FRAMES])
def test_embeddings_are_those_of_the_crops(video: VideoInfo, centers: CenterTrack, tmp_path: Path, step: int) -> None:
    cache = run(video, centers, tmp_path, settings=dataclasses.replace(SETTINGS, frame_step=step))
    np.testing.assert_array_equal(cache.frames, np.arange(0, N_FRAMES, step))
    np.testing.assert_array_equal(cache.embeddings, by_hand(video, centers, step))
    np.testing.assert_array_equal(cache.observed, centers.observed[::step])


@pytest.mark.parametrize("batch_frames", [1, 7, 300])
def test_batches_do_not_matter(
    video: VideoInfo, centers: CenterTrack, tmp_path: Path, batch_frames: int, uninterrupted: np.ndarray
) -> None:
    settings = dataclasses.replace(SETTINGS, batch_frames=batch_frames)
    np.testing.assert_array_equal(run(video, centers, tmp_path, settings=settings).embeddings, uninterrupted)


def test_cache_is_used_without_an_engine(video: VideoInfo, centers: CenterTrack, tmp_path: Path) -> None:
    first = run(video, centers, tmp_path)
    again = extract("m 1", video, centers, tiny_backbone(), SETTINGS, tmp_path, no_engine)
    np.testing.assert_array_equal(again.embeddings, first.embeddings)
    assert [row.state for row in list_caches(tmp_path)] == ["complete"]


@pytest.mark.parametrize("plan_is_gone", [False, True])
def test_chunks_of_a_finished_cache_are_cleared_away(
    video: VideoInfo, centers: CenterTrack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plan_is_gone: bool
) -> None:
    """Killed when the file had its name already, before all its chunks were removed."""
    monkeypatch.setattr(cache_rows, "remove_parts", lambda folder: None)
    first = run(video, centers, tmp_path)
    monkeypatch.undo()
    (parts,) = tmp_path.glob("*.parts")
    if plan_is_gone:
        (parts / "plan.json").unlink()
    again = extract("m 1", video, centers, tiny_backbone(), SETTINGS, tmp_path, no_engine)
    np.testing.assert_array_equal(again.embeddings, first.embeddings)
    assert [row.state for row in list_caches(tmp_path)] == ["complete"]


def test_progress_counts_to_the_end(video: VideoInfo, centers: CenterTrack, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    run(video, centers, tmp_path, progress=lambda done, total: seen.append((done, total)))
    assert seen[0] == (0, N_FRAMES)
    assert seen[-1] == (N_FRAMES, N_FRAMES)
    assert seen == sorted(seen)
    seen.clear()
    run(video, centers, tmp_path, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(N_FRAMES, N_FRAMES)]


def test_note_of_a_fallback_is_in_the_cache(video: VideoInfo, centers: CenterTrack, tmp_path: Path) -> None:
    import h5py

    resolved = dataclasses.replace(tiny_backbone(), note="not ResNet50V2 but compact", requested_name="resnet50v2")
    cache = extract("m1", video, centers, resolved, SETTINGS, tmp_path, lambda: MeanEngine(8))
    with h5py.File(cache.path, "r") as file:
        assert file.attrs["note"] == "not ResNet50V2 but compact"
        assert "mean engine, opencv" in file.attrs["made_by"]


# --- the recipe -----------------------------------------------------------------------------------------------


def moved(centers: CenterTrack) -> CenterTrack:
    xy_px = centers.xy_px.copy()
    xy_px[500, 1] = np.nextafter(xy_px[500, 1], 1e9)
    return CenterTrack(xy_px, centers.observed)


def test_recipe_tells_everything_that_matters(video: VideoInfo, centers: CenterTrack) -> None:
    resolved = tiny_backbone()

    def with_config(**settings: Any) -> ResolvedBackbone:
        all_settings: dict[str, Any] = {"weights": "random", "alpha": 0.35, "input_px": 32} | settings
        config = MobileNetV2Config(**all_settings)
        return dataclasses.replace(resolved, config=config)

    recipes = [
        recipe_of(video, centers, resolved, CROP, SETTINGS),
        recipe_of(dataclasses.replace(video, sha256="0" * 64), centers, resolved, CROP, SETTINGS),
        recipe_of(dataclasses.replace(video, n_frames=999), centers, resolved, CROP, SETTINGS),
        recipe_of(video, moved(centers), resolved, CROP, SETTINGS),
        recipe_of(video, CenterTrack(centers.xy_px, ~centers.observed), resolved, CROP, SETTINGS),
        recipe_of(video, centers, with_config(alpha=0.5), CROP, SETTINGS),
        recipe_of(video, centers, with_config(input_px=64), CROP, SETTINGS),
        recipe_of(video, centers, tiny_backbone("other weights"), CROP, SETTINGS),
        recipe_of(video, centers, resolved, CropConfig(size_px=25), SETTINGS),
        recipe_of(video, centers, resolved, CROP, dataclasses.replace(SETTINGS, frame_step=2)),
        recipe_of(video, centers, resolved, CROP, dataclasses.replace(SETTINGS, precision="mixed_float16")),
    ]
    prints = [fingerprint(recipe) for recipe in recipes]
    assert len(set(prints)) == len(prints)


def test_recipe_ignores_what_does_not(video: VideoInfo, centers: CenterTrack) -> None:
    resolved = tiny_backbone()
    recipe = recipe_of(video, centers, resolved, CROP, SETTINGS)
    elsewhere = dataclasses.replace(video, path=Path("elsewhere.avi"), fps=99.0)
    asked_otherwise = dataclasses.replace(resolved, requested_name="resnet50v2", note="fallback")
    assert recipe_of(elsewhere, centers, asked_otherwise, CROP, dataclasses.replace(SETTINGS, seed=9)) == recipe


# --- interruptions --------------------------------------------------------------------------------------------


class BreakingEngine(MeanEngine):
    """Raises at a given call."""

    def __init__(self, at_call: int, error: BaseException) -> None:
        super().__init__(8)
        self.at_call, self.error = at_call, error

    def embed(self, crops: np.ndarray) -> np.ndarray:
        if self.n_calls == self.at_call:
            raise self.error
        return super().embed(crops)


@pytest.mark.parametrize("at_call", [0, 31, 32, 70, 124])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("out of memory")])
def test_interrupted_extraction_goes_on_where_it_stopped(
    video: VideoInfo,
    centers: CenterTrack,
    tmp_path: Path,
    uninterrupted: np.ndarray,
    at_call: int,
    error: BaseException,
) -> None:
    with pytest.raises(type(error)):
        run(video, centers, tmp_path, BreakingEngine(at_call, error))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("run-ahead")]
    engine = MeanEngine(8)
    cache = run(video, centers, tmp_path, engine)
    n_kept = at_call // 32 * 256
    assert engine.n_calls == -(-(N_FRAMES - n_kept) // 8)
    np.testing.assert_array_equal(cache.embeddings, uninterrupted)
    assert [row.state for row in list_caches(tmp_path)] == ["complete"]


def test_kill_between_the_last_chunk_and_the_file_loses_nothing(
    video: VideoInfo,
    centers: CenterTrack,
    tmp_path: Path,
    uninterrupted: np.ndarray,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def die(*arguments: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(cache_rows, "write_cache", die)
        run(video, centers, tmp_path)
    engine = MeanEngine(8)
    np.testing.assert_array_equal(run(video, centers, tmp_path, engine).embeddings, uninterrupted)
    assert engine.n_calls == 0


@pytest.mark.parametrize("damage", ["flip", "cut"])
def test_damaged_cache_is_noticed_and_made_anew(
    video: VideoInfo,
    centers: CenterTrack,
    tmp_path: Path,
    uninterrupted: np.ndarray,
    damage: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = run(video, centers, tmp_path).path
    assert path is not None
    content = bytearray(path.read_bytes())
    if damage == "flip":
        content[content.index(uninterrupted[333].tobytes()) + 2] ^= 4
    path.write_bytes(content if damage == "flip" else content[: len(content) // 2])
    engine = MeanEngine(8)
    np.testing.assert_array_equal(run(video, centers, tmp_path, engine).embeddings, uninterrupted)
    assert engine.n_calls == N_FRAMES // 8
    assert "is damaged" in caplog.text


# --- two at once ----------------------------------------------------------------------------------------------


def test_second_process_says_so_waits_and_takes_the_result(
    video: VideoInfo, centers: CenterTrack, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    command = [sys.executable, "-m", "tests.features.stage_one", str(video.path), str(tmp_path), "0.01"]
    with subprocess.Popen(command, cwd=REPOSITORY) as other:
        while not list(tmp_path.glob("*.parts/*.npy")):
            assert other.poll() is None, "the other process ended before it wrote anything"
        with caplog.at_level(logging.INFO):
            engine = MeanEngine(8)
            cache = extract("mouse é 1", video, centers, tiny_backbone(), SETTINGS, tmp_path, lambda: engine)
    assert other.returncode == 0
    assert engine.n_calls == 0
    assert f"mouse é 1 is being extracted by {getpass.getuser()} on {socket.gethostname()}" in caplog.text
    assert not [*(tmp_path / "locks").iterdir()]
    np.testing.assert_array_equal(cache.embeddings, by_hand(video, centers, 1))


# --- what can go wrong ----------------------------------------------------------------------------------------


def test_center_track_of_another_length_is_refused(video: VideoInfo, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has 1000 frames, but its center track has 999"):
        run(video, wandering_centers(N_FRAMES - 1), tmp_path)


@pytest.mark.parametrize("claimed", [N_FRAMES + 9, 2 * N_FRAMES])
def test_video_shorter_than_counted_is_told(video: VideoInfo, tmp_path: Path, claimed: int) -> None:
    promised = dataclasses.replace(video, n_frames=claimed)
    with pytest.raises(InputError, match=f"1000 frames of .* could be decoded, where {claimed} were counted"):
        run(promised, wandering_centers(claimed), tmp_path)


def test_error_while_decoding_comes_through(video: VideoInfo, centers: CenterTrack, tmp_path: Path) -> None:
    gone = dataclasses.replace(video, path=tmp_path / "gone.avi")
    with pytest.raises(InputError, match="no video at"):
        run(gone, centers, tmp_path / "cache")


def test_folder_that_cannot_be_made_is_told(video: VideoInfo, centers: CenterTrack, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="can't be written") as caught:
        run(video, centers, tmp_path / "file" / "cache")
    assert str(tmp_path / "file") in str(caught.value)


def test_full_disk_is_told_before_it_is_full(
    video: VideoInfo, centers: CenterTrack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**6, 10**6 - 1000, 1000))
    with pytest.raises(InputError, match=r"0\.00 GB free"):
        run(video, centers, tmp_path)


def test_disk_that_fills_up_keeps_what_is_done(
    video: VideoInfo,
    centers: CenterTrack,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    uninterrupted: np.ndarray,
) -> None:
    commit = cache_rows.PartFolder.commit

    def full_after_two(parts: Any, chunk: np.ndarray) -> None:
        if parts.n_committed >= 512:
            raise OSError(28, "No space left on device")
        commit(parts, chunk)

    with monkeypatch.context() as patch, pytest.raises(InputError, match="No space left on device"):
        patch.setattr(cache_rows.PartFolder, "commit", full_after_two)
        run(video, centers, tmp_path)
    engine = MeanEngine(8)
    np.testing.assert_array_equal(run(video, centers, tmp_path, engine).embeddings, uninterrupted)
    assert engine.n_calls == (N_FRAMES - 512) // 8


# --- running ahead --------------------------------------------------------------------------------------------


def test_items_come_in_order() -> None:
    assert list(run_ahead(iter(range(100)), 3)) == list(range(100))


def test_error_comes_after_the_items_before_it() -> None:
    def items() -> Any:
        yield 1
        raise ValueError("broken")

    ahead = run_ahead(items(), 3)
    assert next(ahead) == 1
    with pytest.raises(ValueError, match="broken"):
        next(ahead)


def test_no_more_than_depth_items_wait() -> None:
    drawn: list[int] = []

    def items() -> Any:
        for number in range(100):
            drawn.append(number)
            yield number

    ahead = run_ahead(items(), 3)
    assert next(ahead) == 0
    threading.Event().wait(0.3)
    # One in the consumer's hand, three waiting, one that finds no room.
    assert len(drawn) <= 5
    ahead.close()


def test_leaving_early_closes_the_source_and_ends_the_thread() -> None:
    closed = threading.Event()

    def items() -> Any:
        try:
            while True:
                yield 1
        finally:
            closed.set()

    ahead = run_ahead(items(), 2)
    next(ahead)
    ahead.close()
    assert closed.is_set()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("run-ahead")]


@pytest.mark.shared
@pytest.mark.slow
def test_real_video_with_the_mean_of_ears_and_tailbase(shared_dir: Path, tmp_path: Path) -> None:
    from features.centers import CenterConfig, track_center
    from features.poses import read_poses

    folder = shared_dir / "data" / "openfield_dlc"
    video = inspect_video(folder / "m3v1mp4.mp4")
    # What the README beside it tells.
    assert (video.n_frames, video.width_px, video.height_px, video.codec) == (2330, 640, 480, "h264")
    assert video.fps == pytest.approx(30, abs=0.01)
    pose = read_poses(folder / "m3v1mp4_dlc.csv")
    centers = track_center(pose, CenterConfig(keypoints=["leftear", "rightear", "tailbase"]), video.fps)
    settings = ExtractionSettings(frame_step=5, batch_frames=8)
    cache = run(video, centers, tmp_path, settings=settings, crop=CropConfig(size_px=160))
    assert cache.embeddings.shape == (466, 48)
    # A dark mouse on a light floor: the middle of the crop is darker than its corners.
    cells = cache.embeddings.reshape(-1, 4, 4, 3).mean(axis=(0, 3))
    assert cells[1:3, 1:3].mean() < cells[[0, 0, 3, 3], [0, 3, 0, 3]].mean()
    first = cv2.cvtColor(next(iter_bgr_frames(video.path)), cv2.COLOR_BGR2GRAY)
    x_px, y_px = centers.xy_px[0].round().astype(int)
    assert first[y_px, x_px] < np.median(first)
