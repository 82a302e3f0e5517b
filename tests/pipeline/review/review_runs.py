"""A small run folder with real videos, for the tests of the review page."""

import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from common.tables import write_lines, write_table
from features.tracks import CenterTrack
from pipeline.films.browser_video import BrowserVideoWriter
from pipeline.run_folder.contents import SCORES
from pipeline.run_folder.frame_tables import write_centers
from pipeline.run_folder.run_dir import RunDir

BEHAVIORS = ("grooming", 'mäuse & </script> "行動"')
N_FRAMES = 300
FPS = 25.0
SIZE_PX = 64


@dataclass(frozen=True)
class Scene:
    """What one recording holds: bouts by behavior, half-open; what no human scored; frames per second."""

    model: tuple[tuple[tuple[int, int], ...], ...] = (((20, 60), (120, 150)), ((200, 240),))
    human: tuple[tuple[tuple[int, int], ...], ...] | None = (((20, 60), (80, 100)), ((200, 255),))
    unscored: tuple[int, int] | None = None
    fps: float = FPS


def frames_of(runs, n_frames=N_FRAMES):
    active = np.zeros(n_frames, dtype=bool)
    for start, stop in runs:
        active[start:stop] = True
    return active


def picture(frame: int) -> np.ndarray:
    """A frame that tells its number: as many of its 9 squares are white as its bits."""
    found = np.full((SIZE_PX, SIZE_PX, 3), 30, dtype=np.uint8)
    for bit in range(9):
        if frame >> bit & 1:
            x, y = 4 + 20 * (bit % 3), 4 + 20 * (bit // 3)
            found[y : y + 16, x : x + 16] = 230
    return found


def write_browser_video(path: Path, fps: float = FPS, n_frames: int = N_FRAMES) -> Path:
    with BrowserVideoWriter(path, fps) as writer:
        for frame in range(n_frames):
            writer.write(picture(frame))
    return path


def write_old_video(path: Path, fps: float = FPS, n_frames: int = N_FRAMES) -> Path:
    """Of a codec that no browser plays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), fps, (SIZE_PX, SIZE_PX))
    for frame in range(n_frames):
        writer.write(picture(frame))
    writer.release()
    return path


def make_review_run(
    folder: Path,
    recordings: dict[str, tuple[Scene, Path | None]],
    behaviors=BEHAVIORS,
    name: str = "exp ü",
    task: str = "binary",
    animals: tuple[str, ...] = (),
) -> Path:
    """Only what a review reads: config.yaml, recordings.csv, empty scores, predictions/, labels/ if there are any.

    `animals`: of each recording, in their order, with a center that moves to the right by a pixel in ten frames.
    """
    folder.mkdir(parents=True)
    SCORES.write(RunDir(folder), [])
    config = {
        "name": name,
        "behaviors": dict.fromkeys(behaviors, "x"),
        "task": {"name": task},
        "postprocess": {"threshold": 0.5, "min_bout_s": 0.2},
        "crop": {"size_px": 20},
    }
    # JSON is YAML.
    (folder / "config.yaml").write_text(json.dumps(config, indent=1), encoding="utf-8")
    rows = []
    for name, (scene, video) in recordings.items():
        rows.append(
            {
                "recording": name,
                "subset": "predict" if scene.human is None else "test",
                "fps": scene.fps,
                "n_frames": N_FRAMES,
                "video_path": str(video) if video else "",
                "video_sha256": f"{name}-hash",
            }
        )
        _write_timelines(folder, name, scene, behaviors)
    for row, animal in zip(rows, animals, strict=False):
        row |= {"animal": animal, "width_px": SIZE_PX, "height_px": SIZE_PX}
        x_px = 15.0 + 20 * animals.index(animal) + np.arange(N_FRAMES) / 10
        xy_px = np.stack([x_px, np.full(N_FRAMES, 30.0)], axis=1)
        write_centers(RunDir(folder).centers_path(row["recording"]), CenterTrack(xy_px, x_px > 20))
    write_table(folder / "recordings.csv", tuple(rows[0]), rows)
    return folder


def _write_timelines(folder: Path, name: str, scene: Scene, behaviors) -> None:
    called = np.stack([frames_of(runs) for runs in scene.model], axis=1)
    probability = np.where(called, 0.9, 0.05)
    probability[270:280, 0] = 0.45  # almost a bout
    header = ["frame", *(f"{b}_probability" for b in behaviors), *behaviors]
    lines = [
        [str(i), *map(str, p), *map(str, c.astype(int))]
        for i, (p, c) in enumerate(zip(probability, called, strict=True))
    ]
    write_lines(folder / "predictions" / f"{name}.csv", [header, *lines])
    if scene.human is not None:
        seen = np.stack([frames_of(runs) for runs in scene.human], axis=1).astype(int).astype(str)
        cells = seen.astype(object)
        if scene.unscored:
            cells[slice(*scene.unscored)] = ""
        lines = [[str(i), *row] for i, row in enumerate(cells)]
        write_lines(folder / "labels" / f"{name}.csv", [["frame", *behaviors], *lines])
