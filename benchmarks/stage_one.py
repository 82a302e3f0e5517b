"""How much of the network's own speed stage one keeps, from video file to cache.

These are timed in turn, round after round, so that a noisy machine is noisy for all alike:

a. the bare network: the engine on batches that lie ready in memory;
b. stage one whole: decode, crop, network, commit, cache (``features.sources.frames``);
c. the plain loop that b replaces: ``cv2.VideoCapture.read``, crop, ``model.predict`` per batch, by Keras in float32;
d. as b, frames and three moments of them together (decoded once);
e, f. of b and d decoding and cropping alone;
g. stage one by TensorFlow in float32.

    python -m benchmarks.stage_one
    python -m benchmarks.stage_one --precision mixed_bfloat16
    python -m benchmarks.stage_one --backbone mobilenet_v2 --alpha 0.35 --video my.mp4 --engine tensorflow

Without --video it writes a film of its own: a dark ellipse that wanders over a light floor.
"""

import argparse
import dataclasses
import functools
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil
from numpy.typing import NDArray

from features.backbones import BACKBONES, ResolvedBackbone, resolve_backbone
from features.backbones.build import build_model
from features.cache.rows import cached_rows
from features.crops import crop_square, resize_crop
from features.engines import AUTO, DEFAULT_ENGINE, ENGINES, Engine, Engines, chosen_engine
from features.sources.base import ExtractionSettings
from features.sources.crop_config import CropConfig
from features.sources.cropping import Cropping, Crops, crop_video, cropping_of
from features.sources.frames import FrameRows
from features.tracks import CenterTrack
from features.video.inspection import VideoInfo, inspect_video


@dataclass(frozen=True)
class Bench:
    """Everything that they share."""

    video: VideoInfo
    centers: CenterTrack
    resolved: ResolvedBackbone
    settings: ExtractionSettings
    engines: Engines
    crops: tuple[CropConfig, CropConfig]

    @property
    def input_px(self) -> int:
        return self.resolved.config.network_input_px

    @property
    def engine(self) -> Engine:
        settings = self.settings
        return self.engines.get(settings.engine, self.resolved, settings.precision, settings.batch_frames, 0)

    def by_tensorflow(self) -> "Bench":
        settings = dataclasses.replace(self.settings, engine=DEFAULT_ENGINE, precision="float32")
        return dataclasses.replace(self, settings=settings)

    def bare(self) -> None:
        px, batch = self.input_px, self.settings.batch_frames
        crops = np.random.default_rng(0).integers(0, 256, (batch, px, px, 3), dtype=np.uint8)
        for start in range(0, self.video.n_frames, batch):
            self.engine.embed(crops[: min(batch, self.video.n_frames - start)])

    def whole(self, n_sources: int = 1) -> None:
        with tempfile.TemporaryDirectory() as folder:
            common = self.resolved, self.settings, lambda: self.engine
            rows = [
                FrameRows("bench", self.video, self.centers, self.cropping(crop), *common)
                for crop in self.crops[:n_sources]
            ]
            cached_rows(rows, Path(folder), progress=lambda done, total: note_memory())

    def cropping(self, crop: CropConfig) -> Cropping:
        return cropping_of(crop, self.settings.center, self.video, self.centers, None, "bench")

    def cropped(self, n_sources: int) -> None:
        frames, px = np.arange(self.video.n_frames), self.input_px
        crops = [Crops(self.cropping(crop), frames, px, 32) for crop in self.crops[:n_sources]]
        assert sum(len(batch) for _, batch in crop_video(self.video.frames(), crops)) == n_sources * len(frames)

    @functools.cached_property
    def plain_model(self) -> Any:
        model = build_model(self.resolved, "float32", 0)
        model.predict(np.zeros((self.settings.batch_frames, *model.input_shape[1:]), np.uint8), verbose=0)
        return model

    def plain_loop(self) -> None:
        capture = cv2.VideoCapture(str(self.video.path))
        crops: list[NDArray[np.uint8]] = []
        for center in self.centers.xy_px:
            frame = cv2.cvtColor(capture.read()[1], cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)
            crop = crop_square(frame, center, self.crops[0].size_px)
            crops.append(resize_crop(crop, self.input_px))
            if len(crops) == self.settings.batch_frames:
                self.plain_model.predict(np.stack(crops), verbose=0)
                crops.clear()
        if crops:
            self.plain_model.predict(np.stack(crops), verbose=0)


peak_memory_bytes = 0


def note_memory() -> None:
    global peak_memory_bytes
    peak_memory_bytes = max(peak_memory_bytes, psutil.Process().memory_info().rss)


def write_film(path: Path, n_frames: int, size_px: int = 480) -> Path:
    """A dark ellipse on a light, noisy floor, seen from above."""
    noise = np.random.default_rng(0)
    grain = noise.normal(0, 4, (8, size_px, size_px, 1))
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 10.0, (size_px, size_px))
    for number, (x_px, y_px) in enumerate(circling(n_frames, size_px, size_px)):
        floor = np.full((size_px, size_px, 3), 190.0)
        cv2.ellipse(floor, (int(x_px), int(y_px)), (34, 18), number * 3.0, 0, 360, (60.0, 60.0, 60.0), -1)
        writer.write(np.clip(floor + grain[number % 8], 0, 255).astype(np.uint8))
    writer.release()
    return path


def circling(n_frames: int, width_px: int, height_px: int) -> NDArray[np.float64]:
    """A path near the walls, where crops reach over the edge."""
    angle = np.linspace(0, n_frames / 40, n_frames)
    x_px = width_px * (0.5 + 0.42 * np.sin(angle))
    return np.stack([x_px, height_px * (0.5 + 0.42 * np.cos(1.3 * angle))], axis=1)


@dataclass(frozen=True)
class Cost:
    """What one pass over the video took, on the clock and of the processor (all threads)."""

    wall_s: float
    processor_s: float


def cost_of(work: Callable[[], None]) -> Cost:
    wall, processor = time.perf_counter(), time.process_time()
    work()
    return Cost(time.perf_counter() - wall, time.process_time() - processor)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--video", type=Path, help="a video; a film is written when left out")
    parser.add_argument("--n-frames", type=int, default=600, help="length of the written film")
    parser.add_argument("--backbone", default="resnet50v2", choices=list(BACKBONES))
    parser.add_argument("--weights", default="random", help="random, imagenet, shipped or a path")
    parser.add_argument("--alpha", type=float, help="width of mobilenet_v2")
    parser.add_argument("--input-px", type=int, help="side of the network's input")
    parser.add_argument("--crop-px", type=int, default=160)
    parser.add_argument("--batch-frames", type=int, default=32)
    parser.add_argument("--engine", default=AUTO, choices=[AUTO, *ENGINES])
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


def prepare(arguments: argparse.Namespace, folder: Path) -> Bench:
    path = arguments.video or write_film(folder / "film.mp4", arguments.n_frames)
    inspected = time.perf_counter()
    video = inspect_video(path)
    print(f"{path.name}: {video.n_frames} frames, {video.width_px} x {video.height_px}, {video.codec}; ", end="")
    print(f"counted and hashed in {time.perf_counter() - inspected:.2f} s")
    given = {"weights": arguments.weights, "input_px": arguments.input_px, "alpha": arguments.alpha}
    config = BACKBONES[arguments.backbone].model_validate(
        {"name": arguments.backbone} | {key: value for key, value in given.items() if value is not None}
    )
    resolved = resolve_backbone(config, 0)
    fastest = chosen_engine(arguments.precision, dict.fromkeys(ENGINES, 0), 0)
    name = fastest if arguments.engine == AUTO else arguments.engine
    settings = ExtractionSettings(1, arguments.precision, arguments.batch_frames, 0, name)
    frame = CropConfig(size_px=arguments.crop_px)
    crops = frame, frame.model_copy(update={"moments_s": (-0.2, 0.0, 0.2)})
    centers = CenterTrack(circling(video.n_frames, video.width_px, video.height_px), np.ones(video.n_frames, np.bool_))
    bench = Bench(video, centers, resolved, settings, Engines(folder / "networks"), crops)
    built = time.perf_counter()
    bench.engine.embed(np.zeros((1, bench.input_px, bench.input_px, 3), np.uint8))
    print(f"{config.name}, {bench.input_px} px, {arguments.precision}, batches of {settings.batch_frames}, ", end="")
    print(f"{bench.engine.description}; built in {time.perf_counter() - built:.1f} s")
    return bench


def report(n_frames: int, costs: dict[str, list[Cost]]) -> None:
    """Medians of rates, and of the rounds' ratios: what is beside it in time is under the same load."""
    rates = {name: statistics.median(n_frames / cost.wall_s for cost in rounds) for name, rounds in costs.items()}
    words = "bare network {a:.1f}, stage one {b:.1f}, by TensorFlow {g:.1f}, plain loop {c:.1f} frames/s (medians)"
    print(words.format(**rates))
    for one, other, words in (
        ("a", "b", "rate of stage one / bare network (to hold: 0.95 with ResNet50V2)"),
        ("c", "b", "rate of stage one / plain loop (to hold: 1.4, with bfloat16 3, with ResNet50V2)"),
        ("g", "b", "rate of stage one / stage one by TensorFlow in float32"),
        ("d", "b", "time of frames and moments / frames (to hold: at most 2.1)"),
        ("f", "e", "the same of decoding and cropping alone (to hold: at most 1.3)"),
    ):
        pairs = list(zip(costs[one], costs[other], strict=True))
        wall = statistics.median(them.wall_s / ours.wall_s for them, ours in pairs)
        processor = statistics.median(them.processor_s / ours.processor_s for them, ours in pairs)
        print(f"{words}: {wall:.3f} by the clock, {processor:.3f} by processor time")


def main() -> None:
    arguments = parse()
    with tempfile.TemporaryDirectory() as folder:
        bench = prepare(arguments, Path(folder))
        bench.whole()  # alone in the process, for its memory
        memory_bytes = peak_memory_bytes
        bench.whole(2)
        with_moments_bytes = peak_memory_bytes
        assert bench.plain_model is not None
        work: dict[str, Callable[[], None]] = {
            "a": bench.bare,
            "b": bench.whole,
            "c": bench.plain_loop,
            "d": functools.partial(bench.whole, 2),
            "e": functools.partial(bench.cropped, 1),
            "f": functools.partial(bench.cropped, 2),
            "g": bench.by_tensorflow().whole,
        }
        bench.by_tensorflow().bare()
        costs: dict[str, list[Cost]] = {name: [] for name in work}
        for number in range(arguments.rounds):
            for name in work if number % 2 == 0 else reversed(work):
                costs[name].append(cost_of(work[name]))
            print("  ".join(f"{name} {bench.video.n_frames / costs[name][-1].wall_s:7.1f}" for name in work), end="")
            print(" frames/s; ", end="")
            print("  ".join(f"{name} {costs[name][-1].processor_s:6.1f}" for name in work), "processor seconds")
    report(bench.video.n_frames, costs)
    print(f"peak memory of the process while stage one ran: {memory_bytes / 1e6:.0f} MB (to hold: 1500), ", end="")
    print(f"with moments as well {with_moments_bytes / 1e6:.0f} MB (to hold: 5 % more)")


if __name__ == "__main__":
    main()
