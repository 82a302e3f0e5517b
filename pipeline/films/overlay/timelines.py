"""What an overlay video shows of one recording, frame by frame."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class OverlayTimelines:
    """Labels and predictions of one recording.

    Attributes
    ----------
    recording : str
    behaviors : tuple of str
    colors : mapping of str to str
        Color of each behavior, as `#RRGGBB`.
    fps : float
        Frames per second.
    probability : ndarray, shape (n_frames, n_behaviors), float32
        In [0, 1]; NaN = not predicted.
    predicted : ndarray, shape (n_frames, n_behaviors), bool
        After post-processing.
    thresholds : tuple of float
        One for each behavior.
    active, scored : ndarray, shape (n_frames, n_behaviors), bool, or None
        What the human saw and judged; None without labels.
    """

    recording: str
    behaviors: tuple[str, ...]
    colors: Mapping[str, str]
    fps: float
    probability: NDArray[np.float32]
    predicted: NDArray[np.bool_]
    thresholds: tuple[float, ...]
    active: NDArray[np.bool_] | None
    scored: NDArray[np.bool_] | None

    @property
    def n_frames(self) -> int:
        """Frames of the recording."""
        return len(self.probability)
