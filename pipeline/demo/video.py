"""Write frames as a video."""

from collections.abc import Callable, Iterable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.config.demo import DemoConfig


def write_video(
    path: Path, frames: Iterable[NDArray[np.uint8]], config: DemoConfig, progress: Callable[[int], None]
) -> None:
    """Write BGR frames of the demo's size as mp4; `progress` is called now and then with the number done.

    Raises
    ------
    OSError
        This OpenCV can't write mp4.
    """
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), config.fps, (config.size_px, config.size_px))
    if not writer.isOpened():
        raise OSError(f"OpenCV could not open {path} to write an mp4 video.")
    try:
        for frame, image in enumerate(frames):
            writer.write(image)
            if frame % 20 == 19 or frame + 1 == config.n_frames:
                progress(frame + 1)
    finally:
        writer.release()
