"""What `init` and `audit` cost on a folder of 100 recordings (a small video, poses and labels each).

Run: ``python -m benchmarks.reading [--against ../other_checkout] [--rounds 3] [--recordings 100]``. With another
checkout of Rearview, both read the same folder in turn, round after round, so that their ratio says what a change costs
whatever else the computer does. Every command is a process of its own with an empty cache, as a lab starts it.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np

from common.tables import write_lines

HERE = Path(__file__).resolve().parents[1]
KEYPOINTS = ("nose", "left_ear", "right_ear", "midbody", "tail_base")
N_FRAMES, FPS, SIZE_PX = 300, 25.0, 96


def make_lab(folder: Path, n_recordings: int) -> None:
    """A mouse that runs in circles, filmed once and copied; poses and labels of each recording differ a little."""
    folder.mkdir()
    turns = np.linspace(0, 8 * np.pi, N_FRAMES)
    xy_px = SIZE_PX / 2 + SIZE_PX / 4 * np.stack([np.cos(turns), np.sin(turns)], axis=1)
    film = folder / "film.avi"
    writer = cv2.VideoWriter(str(film), cv2.VideoWriter_fourcc(*"MJPG"), FPS, (SIZE_PX, SIZE_PX))  # type: ignore[attr-defined]
    for x, y in xy_px.round().astype(int).tolist():
        frame = np.full((SIZE_PX, SIZE_PX, 3), 200, np.uint8)
        cv2.circle(frame, (x, y), 9, (40, 40, 40), -1)
        writer.write(frame)
    writer.release()
    rng = np.random.default_rng(0)
    cells = [name for name in KEYPOINTS for _ in range(3)]
    head = [["scorer"] + ["sim"] * 15, ["bodyparts", *cells], ["coords"] + ["x", "y", "likelihood"] * 5]
    for number in range(n_recordings):
        name = f"mouse{number:03d}_day1"
        shutil.copyfile(film, folder / f"{name}.avi")
        moved = xy_px[:, None] + rng.normal(0, 1, (N_FRAMES, len(KEYPOINTS), 2))
        points = np.concatenate([moved, np.full((N_FRAMES, len(KEYPOINTS), 1), 0.99)], axis=2).reshape(N_FRAMES, -1)
        rows = ([frame, *(f"{value:.3f}" for value in point)] for frame, point in enumerate(points))
        write_lines(folder / f"{name}DLC_resnet50.csv", [*head, *rows])
        bouts = [
            [b, start, start + 20]
            for b in ("grooming", "rearing")
            for start in rng.integers(0, 5, 4) + 60 * np.arange(4)
        ]
        write_lines(folder / f"{name}_labels.csv", [["behavior", "start_frame", "stop_frame"], *bouts])
    film.unlink()


def timed(checkout: Path, folder: Path, arguments: list[str]) -> float:
    """Seconds of one command; it must end well."""
    command = [sys.executable, str(checkout / "run_experiment.py"), *arguments]
    environment = os.environ | {"PYTHONPATH": str(checkout)}
    started = time.perf_counter()
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, encoding="utf-8", check=False
    )
    seconds = time.perf_counter() - started
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return seconds


def main() -> None:
    """Time both commands."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--against", type=Path, metavar="CHECKOUT", help="another checkout, timed in turn with this one"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--recordings", type=int, default=100)
    options = parser.parse_args()
    checkouts = {"here": HERE} | ({"against": options.against.resolve()} if options.against else {})
    seconds: dict[tuple[str, str], list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as place:
        lab = Path(place) / "lab"
        make_lab(lab, options.recordings)
        for number in range(options.rounds):
            for which, checkout in checkouts.items():
                out = Path(place) / f"{which}_{number}"
                out.mkdir()
                seconds["init", which].append(timed(checkout, out, ["init", str(lab), "--output", "."]))
                seconds["audit", which].append(timed(checkout, out, ["audit", "recordings.csv"]))
    for command in ("init", "audit"):
        medians = {which: statistics.median(seconds[command, which]) for which in checkouts}
        words = ", ".join(f"{which} {value:.2f} s" for which, value in medians.items())
        ratio = f", ratio {medians['here'] / medians['against']:.2f}" if options.against else ""
        print(f"{command} of {options.recordings} recordings: {words}{ratio} (median of {options.rounds})")


if __name__ == "__main__":
    main()
