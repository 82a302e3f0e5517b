"""Batches of one fixed shape."""

import numpy as np
from numpy.typing import NDArray


class CropBatches:
    """Crops as an engine takes them: at `most` so many a call, `px` wide and high."""

    def __init__(self, most: int, px: int) -> None:
        self.most = most
        self.shape = (px, px, 3)

    def groups(self, crops: NDArray[np.uint8], size: int) -> list[NDArray[np.uint8]]:
        """Cut a batch, (n, px, px, 3) uint8, into groups of so many crops, the last of which is filled up with black.

        Raises
        ------
        ValueError
            When the crops are too many, none, or of another shape or type.
        """
        n = len(crops)
        if crops.dtype != np.uint8 or crops.shape[1:] != self.shape or not 1 <= n <= self.most:
            raise ValueError(
                f"expected 1 to {self.most} crops of shape {self.shape} and dtype uint8, "
                f"got {crops.dtype} {crops.shape}"
            )
        missing = -n % size
        filled = np.pad(crops, [(0, missing), (0, 0), (0, 0), (0, 0)]) if missing else np.ascontiguousarray(crops)
        return [filled[start : start + size] for start in range(0, n, size)]
