"""Timelines: what is known of each frame of a recording."""

import numpy as np
from numpy.typing import NDArray


def expand_to_all_frames(values: NDArray[np.float32], frames: NDArray[np.int64], n_frames: int) -> NDArray[np.float32]:
    """Probabilities of analysed frames, interpolated to every frame of the video.

    Parameters
    ----------
    values : ndarray, shape (n_analysed,)
    frames : ndarray, shape (n_analysed,)
        Video frame of each value, rising.
    n_frames : int
        Frames of the video.

    Returns
    -------
    ndarray, shape (n_frames,), float32
        Linear between analysed frames; the last value is held to the end.
    """
    if len(values) == n_frames:
        return values.astype(np.float32)
    return np.interp(np.arange(n_frames), frames, values).astype(np.float32)
