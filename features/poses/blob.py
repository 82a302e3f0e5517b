"""No pose file: one animal followed as a blob, by subtracting the background.

For one animal, a camera that stands still and an animal that stands out against the ground (see
`features.video.foreground`); good enough to crop by, no substitute for keypoints. The largest piece of plausible
size is the animal; its middle is the keypoint ``blob``.
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from features.tracks import BLOB, PoseTrack
from features.video.foreground import LARGEST, SMALLEST, BlobModel, FrameSampler, learn_blob, pieces, shrink
from features.video.reading import iter_bgr_frames

BLOB_VERSION = 1
"""Raised when the same video gives another track."""


class Blob(NamedTuple):
    """The middle of the animal's area in one frame, in pixels of the full frame."""

    x_px: float
    y_px: float
    major_axis_px: float
    """Length of the ellipse with the same second moments; near the body's length without the tail."""
    likelihood: float
    """How far it is the only blob and of the usual size, in [0, 1]."""


def track_blob(video_path: Path, progress: Callable[[int, int], None] | None = None) -> PoseTrack:
    """Follow the one animal of a video: one keypoint `blob` per frame, NaN where nothing of plausible size stands out.

    The video is decoded twice; `progress` is called with the number of frames done and to do, which counts twice.

    Raises
    ------
    InputError
        No such video, or nothing in it moves before a still background.
    """
    sampler = FrameSampler()
    for frame in iter_bgr_frames(video_path):
        sampler.add(frame)
    n_frames = sampler.n_frames
    model = learn_blob(sampler, video_path.name)
    xy_px = np.full((n_frames, 1, 2), np.nan)
    likelihood = np.full((n_frames, 1), np.nan)
    for number, frame in enumerate(iter_bgr_frames(video_path)):
        blob = find_blob(shrink(frame), model)
        if blob is not None:
            xy_px[number, 0] = blob.x_px, blob.y_px
            likelihood[number, 0] = blob.likelihood
        if progress is not None and number % 100 == 0:
            progress(n_frames + number, 2 * n_frames)
    if progress is not None:
        progress(2 * n_frames, 2 * n_frames)
    return PoseTrack((BLOB,), xy_px, likelihood, video_path)


def measure_length_px(sampler: FrameSampler, name: str) -> float:
    """Length of the animal without its tail, in pixels of the full frame: upper quartile over sampled frames.

    A rearing or curled mouse is shorter. Parameters and errors as in `learn_blob`.
    """
    model = learn_blob(sampler, name)
    blobs = [blob for gray in sampler.samples if (blob := find_blob(gray, model)) is not None]
    return float(np.quantile([blob.major_axis_px for blob in blobs], 0.75))


def find_blob(gray: NDArray[np.uint8], model: BlobModel) -> Blob | None:
    """Find the animal in one frame as `shrink` gives it; None where nothing plausible stands out."""
    labels, statistics = pieces(gray, model)
    areas = statistics[:, cv2.CC_STAT_AREA] / model.area_px
    sound = np.flatnonzero((areas >= SMALLEST) & (areas <= LARGEST))
    if not len(sound):
        return None
    chosen = int(sound[np.argmax(areas[sound])])
    left, top, width, height = statistics[chosen, :4]
    piece = (labels[top : top + height, left : left + width] == chosen + 1).astype(np.uint8)
    moments = cv2.moments(piece, binaryImage=True)
    x, y = moments["m10"] / moments["m00"] + left, moments["m01"] / moments["m00"] + top
    spread = np.array([[moments["mu20"], moments["mu11"]], [moments["mu11"], moments["mu02"]]]) / moments["m00"]
    major_axis = 4 * math.sqrt(max(0.0, float(np.linalg.eigvalsh(spread)[1])))
    alone = float(areas[chosen] / areas[areas >= SMALLEST].sum())
    usual = min(1.0, 2 * float(min(areas[chosen], 1 / areas[chosen])))
    # The centers of the shrunk pixels lie between those of the full frame.
    x_px, y_px = ((value + 0.5) * model.scale - 0.5 for value in (x, y))
    return Blob(x_px, y_px, major_axis * model.scale, alone * usual)
