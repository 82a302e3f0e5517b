"""No pose file: one animal followed as a blob, by subtracting the background.

For one animal, a camera that stands still and an animal that stands out against the ground (see
`features.video.foreground`); good enough to crop by, no substitute for keypoints. The largest piece of plausible
size is the animal; its middle is the keypoint ``blob``. Where the video shows too little of the background, it is
borrowed from others (see `features.video.blob_learning`).
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from features.tracks import BLOB, PoseOddity, PoseTrack
from features.video.blob_learning import blob_doubt, learn
from features.video.blobs import find_blob
from features.video.foreground import FrameSampler, learn_blob, shrink
from features.video.inspection import VideoInfo
from features.video.reading import iter_frames

BLOB_VERSION = 2
"""Raised when the same video gives another track."""
_JUMP_LENGTHS, _MANY_JUMPS = 2.5, 0.01
"""No mouse gets so far from one frame to the next, but for a sprint at 5 frames/s. Blobs that are now the head, now the
tail do it in 3 % of frames, real tracks of five recordings never."""


def track_blob(
    video_path: Path,
    progress: Callable[[int, int], None] | None = None,
    others: Callable[[], list[VideoInfo]] = list,
) -> PoseTrack:
    """Follow the one animal of a video: one keypoint `blob` per frame, NaN where nothing of plausible size stands out.

    The video is decoded twice; `progress` is called with the number of frames done and to do, which counts twice.
    `others` is called where the background can't be learned from the video alone: it gives videos to borrow it from.

    Raises
    ------
    InputError
        No such video, or nothing in it moves before a still background.
    """
    sampler = FrameSampler()
    for frame in iter_frames(video_path):
        sampler.add(frame.picture)
    n_frames = sampler.n_frames
    model, oddities = learn(sampler, video_path.name, others)
    xy_px = np.full((n_frames, 1, 2), np.nan)
    likelihood = np.full((n_frames, 1), np.nan)
    lengths_px = np.full(n_frames, np.nan)
    for frame in iter_frames(video_path):
        number, blob = frame.number, find_blob(shrink(frame.picture()), model)
        if blob is not None:
            xy_px[number, 0] = blob.x_px, blob.y_px
            likelihood[number, 0] = blob.likelihood
            lengths_px[number] = blob.major_axis_px
        if progress is not None and number % 100 == 0:
            progress(n_frames + number, 2 * n_frames)
    if progress is not None:
        progress(2 * n_frames, 2 * n_frames)
    oddities += _jumps(xy_px[:, 0], lengths_px, video_path.name)
    return PoseTrack((BLOB,), xy_px, likelihood, video_path, oddities=oddities)


def _jumps(xy_px: NDArray[np.float64], lengths_px: NDArray[np.float64], name: str) -> tuple[PoseOddity, ...]:
    """Tell of a blob that is now here, now there."""
    found = np.isfinite(lengths_px)
    if not found.any():
        return ()
    steps_px = np.linalg.norm(np.diff(xy_px, axis=0), axis=1)  # NaN beside frames without a blob
    is_jump = steps_px > _JUMP_LENGTHS * float(np.median(lengths_px[found]))
    n_jumps = int(is_jump.sum())
    if n_jumps < 2 or n_jumps <= _MANY_JUMPS * len(xy_px):
        return ()
    return (
        blob_doubt(
            f"What stands out in {name} jumps {n_jumps:,} times by more than {_JUMP_LENGTHS:g} of its lengths from one "
            f"frame to the next, first after frame {int(np.flatnonzero(is_jump)[0]):,}: the blob is perhaps now the "
            "animal's head, now its tail, or a cable, or a second animal."
        ),
    )


def measure_length_px(sampler: FrameSampler, name: str) -> float:
    """Length of the animal without its tail, in pixels of the full frame: upper quartile over sampled frames.

    A rearing or curled mouse is shorter. Parameters and errors as in `learn_blob`.
    """
    model = learn_blob(sampler, name)
    blobs = [blob for gray in sampler.samples if (blob := find_blob(gray, model)) is not None]
    return float(np.quantile([blob.major_axis_px for blob in blobs], 0.75))
