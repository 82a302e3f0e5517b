"""How many frames of poses are measured in a second, on one core.

python -m benchmarks.poses [N_FRAMES]

Made-up tracks with a tenth of the points missing, in the 4,096 frames at a time that stage one takes; reading files and
writing the cache are not in it.
"""

import sys
import time
from pathlib import Path

import numpy as np

from features.kinematics.layout import layout_of
from features.kinematics.rows import Motion, animals_of
from features.kinematics.steps import Span
from features.sources.poses import PoseRows, PoseSourceConfig
from features.tracks import PoseTrack

FPS = 25.0


def motion(n_keypoints: int, n_animals: int, n_frames: int) -> Motion:
    """So many animals that wander about, ready to be measured over the spans of an experiment."""
    rng = np.random.default_rng(0)
    names = ("nose", "tailbase", *(f"k{i}" for i in range(n_keypoints - 2)))[:n_keypoints]
    tracks = {}
    for animal in range(n_animals):
        xy_px = np.cumsum(rng.normal(0, 3, (n_frames, 1, 2)), axis=0) + rng.normal(0, 20, (n_frames, n_keypoints, 2))
        xy_px[rng.uniform(size=xy_px.shape[:2]) < 0.1] = np.nan
        tracks[str(animal)] = PoseTrack(names, xy_px, np.where(np.isnan(xy_px[..., 0]), np.nan, 1.0), Path("made up"))
    spans = tuple(Span.of(span_s, FPS) for span_s in PoseSourceConfig().spans_s)
    return Motion(animals_of(tracks, layout_of(names, "made up"), 0.6), spans)


def main(n_frames: int) -> None:
    """Print a table."""
    print("| keypoints | animals | features | frames/s |\n|---|---|---|---|")
    for n_animals in (1, 2):
        for n_keypoints in (1, 5, 10):
            moving = motion(n_keypoints, n_animals, n_frames)
            best_s = np.inf
            for _ in range(3):
                started = time.process_time()
                for start in range(0, n_frames, PoseRows.batch_rows):
                    n_features = moving.rows(start, min(start + PoseRows.batch_rows, n_frames)).shape[1]
                best_s = min(best_s, time.process_time() - started)
            print(f"| {n_keypoints} | {n_animals} | {n_features} | {n_frames / best_s:,.0f} |")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50_000)
