"""Batches of one fixed shape."""

import numpy as np
from numpy.typing import NDArray


class CropBatches:
    """Crops as an engine takes them: `batch_frames` a call, `px` wide and high."""

    def __init__(self, batch_frames: int, px: int) -> None:
        self._batch_frames = batch_frames
        self.shape = (px, px, 3)

    def padded(self, crops: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Fill a short batch, (n, px, px, 3) uint8, up with black.

        Raises
        ------
        ValueError
            When the crops are too many, none, or of another shape or type.
        """
        n = len(crops)
        if crops.dtype != np.uint8 or crops.shape[1:] != self.shape or not 1 <= n <= self._batch_frames:
            raise ValueError(
                f"expected 1 to {self._batch_frames} crops of shape {self.shape} and dtype uint8, "
                f"got {crops.dtype} {crops.shape}"
            )
        if n == self._batch_frames:
            return np.ascontiguousarray(crops)
        return np.pad(crops, [(0, self._batch_frames - n), (0, 0), (0, 0), (0, 0)])
