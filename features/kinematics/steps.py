"""Arithmetic on positions over time; the last axis is time."""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Positions = NDArray[np.complex128]
Values = NDArray[np.float64]
_Scalar = TypeVar("_Scalar", np.float64, np.complex128)


@dataclass(frozen=True)
class Span:
    """A stretch of time around a frame: `half_frames` to each side of it.

    `name_s`: its length as asked for; `half_s`: as it is, at least one frame's to each side.
    """

    name_s: float
    half_frames: int
    half_s: float

    @classmethod
    def of(cls, span_s: float, fps: float) -> "Span":
        """The span of whole frames that comes closest."""
        half_frames = max(1, round(span_s * fps / 2))
        return cls(span_s, half_frames, half_frames / fps)


def length(z: Positions) -> Values:
    """Of vectors."""
    return np.sqrt(z.real**2 + z.imag**2)


def direction(z: Positions) -> Positions:
    """Unit vectors; missing where the length is 0."""
    norm = length(z)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(norm > 0, z / norm, np.nan)


def angle_between(a: Positions, b: Positions) -> Values:
    """From `a` to `b`, clockwise on the screen (to the animal's right), in [-pi, pi]."""
    turned = b * np.conj(a)
    return np.arctan2(turned.imag, turned.real)


def before_and_after(z: NDArray[_Scalar], half_frames: int) -> tuple[NDArray[_Scalar], NDArray[_Scalar]]:
    """`z` so many frames before each frame and after it; missing beyond the ends."""
    before, after = np.full_like(z, np.nan), np.full_like(z, np.nan)
    if half_frames < z.shape[-1]:
        before[..., half_frames:] = z[..., :-half_frames]
        after[..., :-half_frames] = z[..., half_frames:]
    return before, after
