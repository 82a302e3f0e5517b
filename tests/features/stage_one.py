"""Small videos with known frames, and an engine without a network, for the tests of stage one."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from features.backbones import ResolvedBackbone
from features.backbones.mobilenet_v2 import MobileNetV2Config
from features.cache.rows import cached_rows
from features.cache.store import FeatureCache
from features.engines import Engine
from features.sources.base import ExtractionSettings
from features.sources.crop_config import CropConfig
from features.sources.cropping import cropping_of
from features.sources.frames import FrameRows, recipe_for
from features.tracks import Animals, CenterTrack
from features.video.inspection import VideoInfo, inspect_video

N_BITS = 10
BLOCK_PX = 8
WIDTH_PX, HEIGHT_PX = N_BITS * BLOCK_PX, 48
CROP = CropConfig(size_px=24)


def write_video(path: Path, n_frames: int, fps: float = 10.0, codec: str = "MJPG") -> Path:
    """Frames of 80 x 48 px: on top the frame's number in black and white blocks, below red and blue halves."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), fps, (WIDTH_PX, HEIGHT_PX))
    assert writer.isOpened()
    for number in range(n_frames):
        frame = np.zeros((HEIGHT_PX, WIDTH_PX, 3), dtype=np.uint8)
        for bit in range(N_BITS):
            if number >> bit & 1:
                frame[:16, bit * BLOCK_PX : (bit + 1) * BLOCK_PX] = 255
        frame[16:, : WIDTH_PX // 2] = (0, 0, 200)
        frame[16:, WIDTH_PX // 2 :] = (200, 0, 0)
        frame[20:44, (number * 3) % 60 : (number * 3) % 60 + 20] = (number % 200, 120, 60)
        writer.write(frame)
    writer.release()
    return path


def frame_number(frame: NDArray[np.uint8]) -> int:
    """Read the number off a frame of ``write_video``."""
    bits = [frame[8, bit * BLOCK_PX + BLOCK_PX // 2].mean() > 127 for bit in range(N_BITS)]
    return sum(1 << bit for bit, is_set in enumerate(bits) if is_set)


def wandering_centers(n_frames: int) -> CenterTrack:
    """A center that circles through the frame and, for a while, leaves it; unobserved every seventh frame."""
    angle = np.linspace(0, 20, n_frames)
    xy_px = np.stack([40 + 45 * np.sin(angle), 24 + 20 * np.cos(angle)], axis=1)
    return CenterTrack(xy_px, np.arange(n_frames) % 7 != 0)


class MeanConfig(MobileNetV2Config):
    """Passes for a MobileNetV2, and has as many features as the `MeanEngine`."""

    @property
    def n_features(self) -> int:
        """Three colors on a grid of 4 x 4."""
        return 48


def tiny_backbone(name: str = "random") -> ResolvedBackbone:
    """MobileNetV2 at 32 px with random weights, by name; the `MeanEngine` stands for its network."""
    config = MeanConfig(weights="random", alpha=0.35, input_px=32)
    return ResolvedBackbone(config, "mobilenet_v2", None, name.encode().hex().zfill(64))


def extract(
    recording: str,
    video: VideoInfo,
    centers: CenterTrack,
    resolved: ResolvedBackbone,
    settings: ExtractionSettings,
    cache_dir: Path,
    engine: Callable[[], Engine],
    crop: CropConfig = CROP,
    **more: Any,
) -> FeatureCache:
    """Embeddings of a video's frames, out of the cache or computed."""
    (cache,) = cached_rows([frame_rows(recording, video, centers, resolved, crop, settings, engine)], cache_dir, **more)
    return cache


def frame_rows(
    recording: str,
    video: VideoInfo,
    centers: CenterTrack,
    resolved: ResolvedBackbone,
    crop: CropConfig,
    settings: ExtractionSettings,
    engine: Callable[[], Engine],
    animals: Animals | None = None,
) -> FrameRows:
    """Rows of a video's frames, not yet made."""
    cropping = cropping_of(crop, settings.center, video, centers, animals, recording)
    return FrameRows(recording, video, centers, cropping, resolved, settings, engine)


def recipe_of(
    video: VideoInfo, centers: CenterTrack, resolved: ResolvedBackbone, crop: CropConfig, settings: ExtractionSettings
) -> dict[str, Any]:
    """What determines these rows."""
    cropped = replace(video, n_frames=centers.n_frames)
    cropping = cropping_of(crop, settings.center, cropped, centers, None, "m")
    return recipe_for(video, centers, cropping, resolved, settings)


class MeanEngine:
    """Averages each crop over a grid of 4 x 4: 48 features, no network."""

    n_features = 48
    description = "mean engine"

    def __init__(self, batch_frames: int = 8, delay_s: float = 0.0) -> None:
        self.batch_frames = batch_frames
        self.delay_s = delay_s
        self.n_calls = 0

    def embed(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Average, after a pause that stands for the network's work."""
        time.sleep(self.delay_s)
        self.n_calls += 1
        n, px = len(crops), crops.shape[1]
        blocks = crops.reshape(n, 4, px // 4, 4, px // 4, 3).astype(np.float32)
        return blocks.mean(axis=(2, 4)).reshape(n, -1)


def main(video_path: str, cache_dir: str, delay_s: str) -> None:
    """Extract in a process of its own, to be killed."""
    video = inspect_video(Path(video_path))
    engine = MeanEngine(delay_s=float(delay_s))
    extract(
        "mouse é 1", video, wandering_centers(video.n_frames), tiny_backbone(),
        ExtractionSettings(batch_frames=8), Path(cache_dir), lambda: engine,
    )  # fmt: skip


if __name__ == "__main__":
    import sys

    main(*sys.argv[1:])
