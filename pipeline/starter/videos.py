"""A video looked at: what its header says, that its first frame can be decoded, how large the animal is."""

import math
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from common.errors import InputError
from features.poses.blob import measure_length_px
from features.video.foreground import N_SAMPLES, FrameSampler
from features.video.opening import opened_capture
from features.video.reading import MAX_FPS, iter_bgr_frames, read_header

_LOOKED_AT_S = 120.0  # enough for an animal to walk about


@dataclass(frozen=True)
class VideoHeader:
    """What a video's header promises; `n_frames` may be off by some, or 0 where it says nothing."""

    fps: float
    n_frames: int
    width_px: int
    height_px: int


def read_video_header(path: Path) -> VideoHeader:
    """Look at a video without decoding more than its first frame.

    Raises
    ------
    InputError
        It can't be opened, has no frame, or no usable frame rate.
    """
    frame = next(iter_bgr_frames(path), None)
    if frame is None:
        raise InputError(f"no frame of {path.name} can be decoded. Does it play in a video player?")
    with opened_capture(path) as capture:
        fps, n_frames, _ = read_header(capture)
    if not (math.isfinite(fps) and 0 < fps <= MAX_FPS):
        raise InputError(f"the header of {path.name} gives {fps:g} frames per second. Re-encode it with its true rate.")
    return VideoHeader(fps, n_frames, frame.shape[1], frame.shape[0])


def animal_length_px(path: Path, fps: float) -> float | None:
    """Length of the one animal without its tail, from the beginning of a video; None where that can't be told."""
    sampler = FrameSampler()
    n_frames = round(_LOOKED_AT_S * fps)
    step = max(1, n_frames // N_SAMPLES)
    try:
        for frame in islice(iter_bgr_frames(path, step), N_SAMPLES):
            sampler.add(frame)
        return measure_length_px(sampler, path.name)
    except InputError:
        return None
