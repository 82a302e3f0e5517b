"""Where the animal is: keypoints over time, and the one point that crops are cut around.

Coordinates are pixels of the full video frame, x to the right and y down, with the
center of the top-left pixel at (0, 0) as in OpenCV and DeepLabCut.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class PoseTrack:
    """Keypoints of one individual over all frames of one recording.

    Attributes
    ----------
    keypoints : tuple of str
        Names, in the order of the second axis.
    xy_px : ndarray, shape (n_frames, n_keypoints, 2), float64
        Position in pixels of the full frame; NaN where missing.
    likelihood : ndarray, shape (n_frames, n_keypoints), float64
        Confidence in [0, 1]; NaN where missing, 1.0 where the file gives none.
    source_path : Path
        The file it was read from.
    ends_with_last_seen : bool
        True for formats that write nothing after the last frame in which the animal was found, so that the
        file may have fewer frames than the video.
    """

    keypoints: tuple[str, ...]
    xy_px: NDArray[np.float64]
    likelihood: NDArray[np.float64]
    source_path: Path
    ends_with_last_seen: bool = False

    @property
    def n_frames(self) -> int:
        """Number of rows, one per video frame."""
        return int(self.xy_px.shape[0])


@dataclass(frozen=True)
class CenterTrack:
    """The point that crops are cut around.

    Attributes
    ----------
    xy_px : ndarray, shape (n_frames, 2), float64
        Position in pixels of the full frame; never NaN (gaps are filled or held).
    observed : ndarray, shape (n_frames,), bool
        False where the position was held through a long gap and is not to be trusted.
    """

    xy_px: NDArray[np.float64]
    observed: NDArray[np.bool_]

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return int(self.xy_px.shape[0])
