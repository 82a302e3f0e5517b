"""Kill -9 at any moment of an extraction: it goes on where it stopped, to the same bits."""

import functools
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from features.backbones import ResolvedBackbone, resolve_backbone
from features.backbones.mobilenet_v2 import MobileNetV2Config
from features.cache.store import list_caches
from features.sources.base import ExtractionSettings
from features.video.inspection import inspect_video
from tests.features.stage_one import MeanEngine, extract, tiny_backbone, wandering_centers, write_video

REPOSITORY = Path(__file__).resolve().parents[2]
N_FRAMES = 1000

WITH_NETWORK = """
import sys
from pathlib import Path
from tests.features.test_extract_kill import extract_with_network
extract_with_network(Path(sys.argv[1]), Path(sys.argv[2]))
"""


@functools.cache
def shared_engine() -> Any:
    from features.engines.tensorflow import TensorFlowEngine

    return TensorFlowEngine(tiny_network(), "float32", 16, 0)


def tiny_network() -> ResolvedBackbone:
    return resolve_backbone(MobileNetV2Config(weights="random", alpha=0.35, input_px=32), 0)


def extract_with_network(video_path: Path, cache_dir: Path) -> np.ndarray:
    video = inspect_video(video_path)
    settings = ExtractionSettings(batch_frames=16)
    return extract(
        "m", video, wandering_centers(video.n_frames), tiny_network(), settings, cache_dir, shared_engine
    ).embeddings  # fmt: skip


def kill_after(command: list[str], cache_dir: Path, n_parts: int, delay_s: float) -> bool:
    """Start a process, kill it a moment after a number of chunks is there; False when it ended before."""
    with subprocess.Popen([sys.executable, *command], cwd=REPOSITORY) as process:
        while process.poll() is None and len(list(cache_dir.glob("*.parts/*.npy"))) < n_parts:
            time.sleep(0.002)
        time.sleep(delay_s)
        process.kill()
    return process.returncode != 0


def test_killed_again_and_again_it_ends_with_the_same_bits(tmp_path: Path) -> None:
    video = inspect_video(write_video(tmp_path / "mouse.avi", N_FRAMES))
    centers, settings = wandering_centers(N_FRAMES), ExtractionSettings(batch_frames=8)
    interrupted, whole = tmp_path / "interrupted", tmp_path / "whole"
    chance = np.random.default_rng()
    command = ["-m", "tests.features.stage_one", str(video.path), str(interrupted), "0.003"]
    moments = [0, 1, 2, 4]  # chunks on disk; at 4 the file itself is put together
    killed = [kill_after(command, interrupted, n, float(chance.uniform(0, 0.08))) for n in moments]
    assert any(killed)
    n_kept = len(list(interrupted.glob("*.parts/*.npy"))) * 256
    engine = MeanEngine(8)
    cache = extract("mouse é 1", video, centers, tiny_backbone(), settings, interrupted, lambda: engine)
    assert engine.n_calls <= max(0, -(-(N_FRAMES - n_kept) // 8)), "finished work was done again"
    expected = extract("m", video, centers, tiny_backbone(), settings, whole, lambda: MeanEngine(8))
    np.testing.assert_array_equal(cache.embeddings, expected.embeddings)
    np.testing.assert_array_equal(cache.observed, expected.observed)
    assert [row.state for row in list_caches(interrupted)] == ["complete"]
    assert not list(interrupted.glob("*.unfinished"))


@pytest.mark.slow
def test_the_real_network_resumes_to_the_same_bits(tmp_path: Path) -> None:
    video_path = write_video(tmp_path / "mouse.avi", N_FRAMES)
    command = ["-c", WITH_NETWORK, str(video_path), str(tmp_path / "interrupted")]
    assert kill_after(command, tmp_path / "interrupted", 1, 0.0)
    assert [row.state for row in list_caches(tmp_path / "interrupted")] == ["unfinished"]
    resumed = extract_with_network(video_path, tmp_path / "interrupted")
    np.testing.assert_array_equal(resumed, extract_with_network(video_path, tmp_path / "whole"))
