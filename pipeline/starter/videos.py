"""A video looked at: what its header says, that its first frame can be decoded, how large the animal is."""

from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from common.errors import InputError
from features.poses.blob import measure_length_px
from features.video.foreground import N_SAMPLES, FrameSampler
from features.video.reading import glance, require_rate

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
    with closing(glance(path)) as glances:
        first = next(glances, None)
        if first is None:
            raise InputError(f"no frame of {path.name} can be decoded. Does it play in a video player?")
        header, picture = first
        height_px, width_px = picture().shape[:2]
    require_rate(path, header.fps)
    return VideoHeader(header.fps, header.n_frames, width_px, height_px)


def animal_length_px(path: Path, fps: float) -> float | None:
    """Length of the one animal without its tail, from the beginning of a video; None where that can't be told."""
    sampler = FrameSampler()
    n_frames = round(_LOOKED_AT_S * fps)
    step = max(1, n_frames // N_SAMPLES)
    try:
        with closing(glance(path)) as glances:
            for _, picture in islice(glances, 0, step * N_SAMPLES, step):
                sampler.add(picture)
        return measure_length_px(sampler, path.name)
    except InputError:
        return None
