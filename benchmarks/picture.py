"""Draws the README's picture from a finished run on the demo.

python -m benchmarks.picture runs/exp1 demo HD_sim_07 docs/rearview.png
"""

import argparse
from pathlib import Path

import cv2
import matplotlib
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.crops import crop_square
from features.poses import read_poses
from features.video.reading import iter_bgr_frames

matplotlib.use("Agg")
import matplotlib.pyplot as plt

COLORS = ("#0072B2", "#D55E00", "#009E73")


def moment(predictions: pd.DataFrame, labels: pd.DataFrame, behavior: str) -> int:
    """A frame in the middle of the longest stretch that human and model agree on."""
    agreed = (labels[behavior] == 1) & (predictions[behavior] == 1)
    stretch = (agreed != agreed.shift()).cumsum()[agreed]
    return int(stretch.index[stretch == stretch.value_counts().index[0]].to_numpy().mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("demo", type=Path)
    parser.add_argument("recording")
    parser.add_argument("picture", type=Path)
    options = parser.parse_args()
    predictions = pd.read_csv(options.run / "predictions" / f"{options.recording}.csv")
    labels = pd.read_csv(options.run / "labels" / f"{options.recording}.csv")
    behaviors = [name for name in labels.columns if name != "frame"]
    moments = {b: moment(predictions, labels, b) for b in behaviors}
    frames = dict.fromkeys(moments.values())
    for i, frame in enumerate(iter_bgr_frames(options.demo / f"{options.recording}.mp4")):
        if i in frames:
            frames[i] = frame[:, :, ::-1]
    pose = read_poses(options.demo / f"{options.recording}_dlc.csv")
    centers = pose.xy_px[:, pose.keypoints.index("midbody")]

    figure = plt.figure(figsize=(11, 4.2), dpi=120)
    grid = figure.add_gridspec(
        3,
        4,
        width_ratios=(1.45, 0.48, 0.2, 2.4),
        wspace=0.08,
        hspace=0.25,
        left=0.02,
        right=0.99,
        top=0.92,
        bottom=0.12,
    )
    draw_frame(figure.add_subplot(grid[:, 0]), frames[moments[behaviors[0]]], centers[moments[behaviors[0]]])
    for row, behavior in enumerate(behaviors[:3]):
        axis = figure.add_subplot(grid[row, 1])
        axis.imshow(crop_square(frames[moments[behavior]], centers[moments[behavior]], 160))
        axis.set_xticks([])
        axis.set_yticks([])
        for spine in axis.spines.values():
            spine.set(color=COLORS[row], linewidth=3)
        draw_raster(figure.add_subplot(grid[row, 3]), predictions, labels, behavior, COLORS[row], row == 2)
    figure.savefig(options.picture, metadata={"Software": None})


def draw_frame(axis: plt.Axes, frame: NDArray[np.uint8] | None, center_px: NDArray[np.float64]) -> None:
    assert frame is not None
    shown = frame.copy()
    x, y = np.rint(center_px).astype(int)
    cv2.rectangle(shown, (int(x) - 80, int(y) - 80), (int(x) + 80, int(y) + 80), (213, 94, 0), 3)
    axis.imshow(shown)
    axis.set_title("a frame, and its crop around the midbody", fontsize=9)
    axis.axis("off")


def draw_raster(
    axis: plt.Axes, predictions: pd.DataFrame, labels: pd.DataFrame, behavior: str, color: str, is_last: bool
) -> None:
    time_s = predictions["time_s"].to_numpy()
    axis.fill_between(time_s, 1.45, 1.75, where=labels[behavior] == 1, color="#1f2933", step="post", linewidth=0)
    axis.fill_between(time_s, 1.1, 1.4, where=predictions[behavior] == 1, color=color, step="post", linewidth=0)
    axis.fill_between(time_s, 0, predictions[f"{behavior}_probability"], color=color, alpha=0.35, linewidth=0)
    axis.set_yticks([0.5, 1.25, 1.6], ["probability", "predicted", "human"], fontsize=8)
    axis.set(xlim=(0, time_s[-1]), ylim=(0, 1.85))
    axis.set_title(behavior.replace("_", " "), fontsize=9, loc="left", color=color, pad=2)
    axis.tick_params(length=0, labelbottom=is_last, labelsize=8)
    for side in ("top", "right", "left"):
        axis.spines[side].set_visible(False)
    if is_last:
        axis.set_xlabel("time (s)", fontsize=8)


if __name__ == "__main__":
    main()
