"""A video that is decoded only when its features are made is known, and embedded, as one that is inspected before."""

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from features.cache import rows as cache_rows
from features.cache.store import FeatureCache
from features.sources import open_sources
from features.sources.base import ExtractionSettings, RecordingFiles
from features.sources.frames import FrameSourceConfig
from features.sources.precomputed import PrecomputedConfig
from features.video import inspection
from features.video.inspection import NotAsPromisedError, VideoInfo, expect_video, inspect_video
from features.video.quality import QualityMeter
from features.video.reading import DecodedFrame, iter_frames
from tests.features.made_videos import write_timed_video
from tests.features.stage_one import CROP, MeanEngine, extract, tiny_backbone, wandering_centers
from tests.features.test_video_damage import N_FRAMES, make, spoil

Reader = Callable[[Path], Iterator[DecodedFrame]]


def embed(video: VideoInfo, cache_dir: Path) -> FeatureCache:
    centers = wandering_centers(video.n_frames)
    return extract("m", video, centers, tiny_backbone(), ExtractionSettings(batch_frames=8), cache_dir, MeanEngine)


@pytest.mark.parametrize("fps", [None, 20.0])
@pytest.mark.parametrize(("suffix", "codec"), [("mp4", "libx264"), ("mkv", "libx264"), ("ts", "libx264")])
def test_what_embedding_finds_is_what_inspecting_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, codec: str, fps: float | None
) -> None:
    path, index = make(tmp_path / f"m.{suffix}", codec, 2), tmp_path / "once" / "videos.json"
    promised = expect_video(path, index, fps)
    assert promised is not None and promised.awaited
    once = embed(promised, index.parent)
    inspected = inspect_video(path, fps=fps)
    before = embed(inspected, tmp_path / "before")
    assert once.fingerprint == before.fingerprint
    np.testing.assert_array_equal(once.embeddings, before.embeddings)
    monkeypatch.setattr(inspection, "iter_frames", lambda path: pytest.fail("decoded again"))
    assert expect_video(path, index, fps) == inspect_video(path, index, fps=fps) == inspected
    embed(promised, index.parent)  # out of the cache


def test_nothing_stays_of_a_video_that_is_damaged_in_the_middle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_rows, "COMMIT_ROWS", 8)
    path = spoil(make(tmp_path / "m.mp4", "mjpeg"), [40])
    broken(path, tmp_path / "cache")
    assert inspect_video(path).lost == ((40, 41),)


def broken(path: Path, cache_dir: Path) -> None:
    promised = expect_video(path, cache_dir / "videos.json")
    assert promised is not None and promised.n_frames == N_FRAMES
    with pytest.raises(NotAsPromisedError, match="other frames"):
        embed(promised, cache_dir)
    assert not [path for path in cache_dir.iterdir() if path.name != "locks"]


@pytest.mark.parametrize(
    "reader",
    [
        lambda path: islice(iter_frames(path), N_FRAMES - 1),
        lambda path: islice(iter_frames(path), 0),
        lambda path: (frame for frames in (iter_frames(path), islice(iter_frames(path), 1)) for frame in frames),
        lambda path: (frame._replace(is_faulty=frame.number == N_FRAMES - 1) for frame in iter_frames(path)),
    ],
    ids=["one fewer", "none", "one more", "the last spoiled"],
)
def test_nor_of_one_whose_packets_promise_other_frames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reader: Reader
) -> None:
    path = make(tmp_path / "m.mp4", "libx264", 2)
    monkeypatch.setattr(cache_rows, "COMMIT_ROWS", 8)
    monkeypatch.setattr(inspection, "iter_frames", reader)
    broken(path, tmp_path / "cache")


def test_what_another_found_meanwhile_is_not_measured_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, index = make(tmp_path / "m.mp4", "libx264"), tmp_path / "videos.json"
    promised = expect_video(path, index)
    assert promised is not None
    inspect_video(path, index)
    monkeypatch.setattr(QualityMeter, "add", lambda *of: pytest.fail("measured again"))
    assert sum(1 for _ in promised.frames()) == N_FRAMES


def test_what_is_suspect_is_inspected_first(tmp_path: Path) -> None:
    suspects = [
        make(tmp_path / "no times.avi", "libx264"),
        spoil(make(tmp_path / "spoiled.mkv", "mjpeg"), [30]),
        write_timed_video(tmp_path / "varying.mp4", 40, step_s=lambda frame: 0.1 + 0.05 * (frame % 9 == 4)),
        write_timed_video(tmp_path / "a gap.mp4", 40, step_s=lambda frame: 0.2 if frame == 20 else 0.1),
    ]
    content = make(tmp_path / "cut.mkv", "mjpeg").read_bytes()
    (tmp_path / "cut.mkv").write_bytes(content[: len(content) // 2])
    assert [expect_video(path, tmp_path / "videos.json") for path in (*suspects, tmp_path / "cut.mkv")] == [None] * 5


def test_it_waits_only_where_all_sources_decode(tmp_path: Path) -> None:
    path = make(tmp_path / "m.mp4", "libx264")
    np.save(tmp_path / "m.npy", np.zeros((N_FRAMES, 3)))
    frames = FrameSourceConfig(backbone=tiny_backbone().config, crop=CROP)
    elsewhere = PrecomputedConfig(files="{recording}.npy")
    files = RecordingFiles("m", path, tmp_path)
    for configs, waits in (([frames, frames], True), ([frames, elsewhere], False), ([elsewhere, frames], False)):
        found = open_sources(configs, ExtractionSettings()).expected(files, tmp_path)
        assert (found is not None and found.video is not None and found.video.awaited is not None) == waits
