"""A pinhole camera that looks straight down on the arena.

World coordinates are millimetres: x and y on the floor with the arena's center at (0, 0), z up.
Image coordinates are pixels with the center of the top-left pixel at (0, 0), y down.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Camera:
    """Where the camera hangs and how it maps the floor to pixels.

    The height of the lens above the floor (smaller means stronger perspective), the scale at floor level, the pixel (x,
    y) and the world (x, y) right below the lens, and the rotation of the image against the world in radians.
    """

    height_mm: float
    px_per_mm: float
    center_px: tuple[float, float]
    center_mm: tuple[float, float] = (0.0, 0.0)
    roll: float = 0.0

    def scale_at(self, z_mm: NDArray[np.float64] | float) -> NDArray[np.float64]:
        """Pixels per millimetre at a height above the floor, shape of `z_mm`."""
        # Nothing in the arena comes near the lens; the floor of 1 mm only keeps odd input finite.
        return self.px_per_mm * self.height_mm / np.maximum(self.height_mm - np.asarray(z_mm, np.float64), 1.0)

    def project(self, xyz_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Project world points, shape (..., 3) in mm, to pixels, shape (..., 2)."""
        scale = self.scale_at(xyz_mm[..., 2])
        x = xyz_mm[..., 0] - self.center_mm[0]
        y = xyz_mm[..., 1] - self.center_mm[1]
        cos, sin = np.cos(self.roll), np.sin(self.roll)
        u = self.center_px[0] + scale * (cos * x - sin * y)
        v = self.center_px[1] + scale * (sin * x + cos * y)
        return np.stack([u, v], axis=-1)
