"""A lab's folder in miniature: a few recordings with known labels, as videos or as ready-made embeddings."""

from pathlib import Path

import cv2
import numpy as np

from pipeline.config.migrations import SCHEMA

N_FRAMES = 120
BEHAVIORS = ("grooming", "rearing")


def known_labels(seed: int, n_frames: int = N_FRAMES) -> np.ndarray:
    """Bouts of two behaviors at places that differ by recording; shape (n_frames, 2), bool."""
    rng = np.random.default_rng(seed)
    active = np.zeros((n_frames, 2), dtype=bool)
    for column in range(2):
        for start in (rng.integers(5, n_frames // 3), rng.integers(n_frames // 2, n_frames - 25)):
            active[start : start + rng.integers(8, 20), column] = True
    return active


def write_labels(path: Path, active: np.ndarray) -> None:
    rows = [",".join([str(i), *(str(int(value)) for value in row)]) for i, row in enumerate(active)]
    path.write_text("\n".join(["frame," + ",".join(BEHAVIORS), *rows]) + "\n", encoding="utf-8")


def write_table(folder: Path, rows: list[str]) -> Path:
    path = folder / "recordings.csv"
    header = "recording,video,poses,annotations,individual,group,split"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def make_embedded_lab(folder: Path, n_train: int = 4, n_test: int = 1) -> Path:
    """Recordings whose embeddings give the labels away through noise; returns an experiment's YAML."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for i in range(n_train + n_test):
        active = known_labels(i)
        rng = np.random.default_rng(100 + i)
        embeddings = rng.normal(size=(N_FRAMES, 5)).astype(np.float32)
        embeddings[:, :2] += 3.0 * active
        np.save(folder / f"r{i}.npy", embeddings)
        write_labels(folder / f"r{i} labels.csv", active)
        group, split = "HD" if i % 2 else "WT", "train" if i < n_train else "test"
        rows.append(f"r{i},r{i}.npy,,r{i} labels.csv,mouse{i},{group},{split}")
    table = write_table(folder, rows)
    return write_experiment(folder, table, "features: {source: precomputed, fps: 10}")


def make_video_lab(folder: Path, n_train: int = 3) -> Path:
    """Recordings as videos of a dark square that grows when it grooms; returns an experiment's YAML."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for i in range(n_train):
        active = known_labels(i)
        write_video(folder / f"v{i}.avi", active)
        write_poses(folder / f"v{i}_dlc.csv", N_FRAMES)
        write_labels(folder / f"v{i} labels.csv", active)
        rows.append(f"v{i},v{i}.avi,v{i}_dlc.csv,v{i} labels.csv,mouse{i},,train")
    table = write_table(folder, rows)
    return write_experiment(folder, table, "backbone: {name: mobilenet_v2, alpha: 0.35, input_px: 32, weights: random}")


def write_video(path: Path, active: np.ndarray, size_px: int = 64, fps: float = 10.0) -> None:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), fps, (size_px, size_px))  # type: ignore[attr-defined]
    for i, row in enumerate(active):
        frame = np.full((size_px, size_px, 3), 200, dtype=np.uint8)
        half = 14 if row[0] else 8
        x, y = center_px(i)
        cv2.rectangle(frame, (x - half, y - half), (x + half, y + half), (60, 60, 60), -1)
        writer.write(frame)
    writer.release()


def center_px(frame: int) -> tuple[int, int]:
    """Where the square is in a frame."""
    return 30 + frame % 5, 32


def write_poses(path: Path, n_frames: int, keypoint: str = "midbody") -> None:
    lines = ["scorer,sim,sim,sim", f"bodyparts,{keypoint},{keypoint},{keypoint}", "coords,x,y,likelihood"]
    lines += [f"{i},{center_px(i)[0]},{center_px(i)[1]},0.99" for i in range(n_frames)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_experiment(
    folder: Path, table: Path, features: str, head: str = "{name: lstm, layers: 1, units: 4, dropout: 0.0}"
) -> Path:
    path = folder / "experiment.yaml"
    path.write_text(
        f"""name: tiny
recordings: {table.as_posix()}
behaviors: {{grooming: grooming, rearing: rearing}}
{features}
engine: tensorflow
crop: {{size_px: 40}}
head: {head}
training: {{window_frames: 50, batch_windows: 4, epochs: 3, min_steps_per_epoch: 6, learning_rate: 0.1}}
workers: 1
cache_dir: {(folder / "cache").as_posix()}
output_dir: {(folder / "runs").as_posix()}
""",
        encoding="utf-8",
    )
    return path


def of_schema_1(text: str) -> str:
    """A run's config.yaml as it was written before schemas had numbers."""
    head, execution = text.split("execution:\n")
    features, crop = head.index("features:\n"), "  moments_s: []\n  follow: false\n"
    stop = head.index("frame_step:")
    listed = head[features:stop]
    for later in (f"schema: {SCHEMA}\n", crop, listed, "engine: tensorflow\n"):
        assert later in head
        head = head.replace(later, "", 1)
    if "source: precomputed" in listed:
        own = listed.partition("source: precomputed\n")[2]
        head = head.replace("backbone:\n", f"backbone:\n  name: precomputed\n{own}", 1)
    early = ("workers:", "cache_dir:", "output_dir:")
    return head + "".join(f"{line.strip()}\n" for line in execution.splitlines() if line.strip().startswith(early))
