"""Videos whose time stamps, repeats and brightness are known, written with PyAV."""

from collections.abc import Callable, Container
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

SIZE_PX = 64
_TICKS_PER_S = 90_000


def write_timed_video(
    path: Path,
    n_frames: int,
    step_s: Callable[[int], float] = lambda frame: 0.1,
    level: Callable[[int], int] = lambda frame: 200,
    repeats: Container[int] = (),
    fps: int = 10,
    gop: int = 1000,
) -> Path:
    """H.264 (frames stored out of order) of a dark square that moves in every frame.

    `step_s` is the time from a frame to the next; `level` the gray level of the ground; frames in `repeats` show the
    picture of the frame before. `gop`: frames from one key frame to the next, at most.
    """
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.width = stream.height = SIZE_PX
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": "16", "bf": "2", "g": str(gop)}
        stream.time_base = stream.codec_context.time_base = Fraction(1, _TICKS_PER_S)
        picture, ticks = np.zeros((SIZE_PX, SIZE_PX, 3), np.uint8), 0
        for number in range(n_frames):
            if number not in repeats:
                picture = np.full((SIZE_PX, SIZE_PX, 3), level(number), np.uint8)
                x = 4 + number * 7 % 40
                picture[20:36, x : x + 16] //= 3
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = ticks, Fraction(1, _TICKS_PER_S)
            ticks += round(step_s(number) * _TICKS_PER_S)
            for packet in stream.encode(frame):
                container.mux(packet)
        for packet in stream.encode(None):
            container.mux(packet)
    return path


def time_stamps_s(path: Path) -> list[float]:
    """Time stamp of every frame as PyAV decodes them, in seconds."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return [float(frame.pts * stream.time_base) for frame in container.decode(stream)]
