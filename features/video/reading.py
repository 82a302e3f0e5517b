"""Video files: what their header says, and their frames in order.

Frames are decoded from the first to the last and counted; the header's frame count is only
compared, and nothing ever seeks, since both are inexact. A rotation that the file asks for
(phones write one) is applied, as OpenCV does by default: sizes and coordinates are those of
the frames as a player, or DeepLabCut, shows them.
"""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from features.video.files import UnreadableVideoError
from features.video.opening import opened_capture

MIN_FPS, MAX_FPS = 0.01, 2000.0


class VideoHeader(NamedTuple):
    """What a video's header promises: `fps` may be no number, `n_frames` off by some, or 0 where it says nothing."""

    fps: float
    n_frames: int
    codec: str


def iter_bgr_frames(path: Path, frame_step: int = 1, first_frame: int = 0) -> Iterator[NDArray[np.uint8]]:
    """Decode a video in order, (height, width, 3) uint8, channels as OpenCV has them: blue, green, red.

    Frames ``first_frame``, ``first_frame + frame_step``, ... are yielded; those between are decoded and dropped.

    Raises
    ------
    UnreadableVideoError
        When the video can't be opened, or a frame of it can't be decoded.
    """
    with opened_capture(path) as capture:
        frame_number = 0
        while capture.grab():
            if frame_number >= first_frame and (frame_number - first_frame) % frame_step == 0:
                decoded, frame = capture.retrieve()
                if not decoded:
                    raise undecodable(path, frame_number)
                yield frame.astype(np.uint8, copy=False)
            frame_number += 1


def read_header(capture: cv2.VideoCapture) -> VideoHeader:
    """What the header of an opened video says."""
    n_frames = capture.get(cv2.CAP_PROP_FRAME_COUNT)
    return VideoHeader(
        float(capture.get(cv2.CAP_PROP_FPS)),
        int(n_frames) if math.isfinite(n_frames) and n_frames > 0 else 0,
        _codec_name(int(capture.get(cv2.CAP_PROP_FOURCC))),
    )


def undecodable(path: Path, frame_number: int) -> UnreadableVideoError:
    """The error for a frame that can't be decoded."""
    return UnreadableVideoError(
        f"Frame {frame_number} of {path} can't be decoded. Does the file play to its end "
        "in a video player? If not, copy it anew from its source or re-encode it."
    )


def _codec_name(fourcc: int) -> str:
    letters = "".join(chr((fourcc >> shift) & 0xFF) for shift in (0, 8, 16, 24))
    return letters.strip() if letters.strip().isprintable() else f"0x{fourcc:08x}"
