"""The arena without the mouse: floor, walls, light, and what the sensor adds."""

from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.demo.camera import Camera

Image = NDArray[Any]
"""Shape (height, width), float32, brightness from 0 (black) to 1 (white)."""

_SHIFT = 4  # cv2 draws at 1/16 pixel


@dataclass(frozen=True)
class Arena:
    """An arena's shape and colors.

    `radius_mm`: half the side of a square floor, or the radius of a round one. Tones are brightness in [0, 1];
    `gradient` is their change across the image, to the right and downwards, `vignette` how much darker the corners are.
    `texture`: strength of stains and scratches on the floor. `gloss`: how strongly walls mirror a mouse beside them.
    """

    shape: Literal["square", "round"] = "square"
    radius_mm: float = 200.0
    wall_mm: float = 120.0
    floor_tone: float = 0.8
    wall_tone: float = 0.68
    outside_tone: float = 0.3
    gradient: tuple[float, float] = (0.0, 0.0)
    vignette: float = 0.15
    texture: float = 0.03
    gloss: float = 0.3

    def wall_distance(self, xy_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Distance to the nearest wall in mm, for points of shape (..., 2)."""
        if self.shape == "round":
            return self.radius_mm - np.linalg.norm(xy_mm, axis=-1)
        return self.radius_mm - np.abs(xy_mm).max(axis=-1)

    def keep_inside(self, xy_mm: NDArray[np.float64], margin_mm: NDArray[np.float64] | float) -> NDArray[np.float64]:
        """Push points of shape (..., 2) back so that they stay `margin_mm` from the walls."""
        limit = self.radius_mm - np.asarray(margin_mm, np.float64)
        if self.shape == "round":
            distance = np.maximum(np.linalg.norm(xy_mm, axis=-1), 1e-9)
            return xy_mm * np.minimum(1.0, limit / distance)[..., None]
        return np.clip(xy_mm, -limit[..., None], limit[..., None])

    def mirror(self, xy_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Mirror image behind the nearest wall of points of shape (..., 2)."""
        if self.shape == "round":
            distance = np.maximum(np.linalg.norm(xy_mm, axis=-1, keepdims=True), 1e-9)
            return xy_mm * (2.0 * self.radius_mm - distance) / distance
        mirrored = xy_mm.copy()
        axis = np.abs(xy_mm).argmax(axis=-1)
        value = np.take_along_axis(xy_mm, axis[..., None], axis=-1)
        np.put_along_axis(mirrored, axis[..., None], np.sign(value) * 2.0 * self.radius_mm - value, axis=-1)
        return mirrored


def outline(arena: Arena, z_mm: float, n_points: int = 72) -> NDArray[np.float64]:
    """Outline of the arena at a height, shape (n_points or 4, 3)."""
    if arena.shape == "square":
        corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], dtype=np.float64) * arena.radius_mm
    else:
        angle = np.linspace(0.0, 2.0 * np.pi, n_points, endpoint=False)
        corners = np.column_stack([np.cos(angle), np.sin(angle)]) * arena.radius_mm
    return np.column_stack([corners, np.full(len(corners), z_mm)])


def fixed_point(points_px: NDArray[np.float64]) -> NDArray[np.int32]:
    """Pixel positions as cv2's fixed-point integers (with `shift=4`)."""
    # Far points of an arena that lies mostly outside a crop must not overflow cv2's 32 bits.
    return np.clip(np.round(points_px * (1 << _SHIFT)), -(2**20), 2**20).astype(np.int32)


def fill(image: NDArray[np.uint8], points_px: NDArray[np.float64], tone: float) -> None:
    """Fill a polygon of pixel positions, shape (n, 2), in place, with smooth edges."""
    cv2.fillPoly(image, [fixed_point(points_px)], float(tone), cv2.LINE_AA, _SHIFT)


def smooth_noise(rng: np.random.Generator, height_px: int, width_px: int, grain_px: float) -> Image:
    """Noise of mean 0 and about unit spread that changes over `grain_px` pixels."""
    shape = (max(2, round(height_px / grain_px)) + 1, max(2, round(width_px / grain_px)) + 1)
    coarse = rng.standard_normal(shape, dtype=np.float32)
    return np.asarray(cv2.resize(coarse, (width_px, height_px), interpolation=cv2.INTER_CUBIC), np.float32)


def draw_arena(
    arena: Arena, camera: Camera, height_px: int, width_px: int, rng: np.random.Generator
) -> tuple[Image, Image]:
    """Draw the empty arena: its brightness, and a mask of the floor, where shadows fall (1 there, 0 elsewhere).

    Both of shape (height_px, width_px), float32.
    """
    # Drawn in 0 … 255: cv2 smooths polygon edges for 8-bit images only.
    canvas = np.full((height_px, width_px), round(255 * arena.outside_tone), np.uint8)
    bottom = camera.project(outline(arena, 0.0))
    top = camera.project(outline(arena, arena.wall_mm))
    _draw_walls(canvas, arena, bottom, top)
    fill(canvas, bottom, 255 * min(arena.floor_tone, 1.0))
    mask = np.zeros_like(canvas)
    fill(mask, bottom, 255)
    # The dark line where floor and wall meet.
    cv2.polylines(canvas, [fixed_point(bottom)], True, 255 * 0.75 * arena.floor_tone, 1, cv2.LINE_AA, _SHIFT)
    background = canvas.astype(np.float32) / 255.0
    floor = mask.astype(np.float32) / 255.0
    if arena.texture > 0:
        stain = smooth_noise(rng, height_px, width_px, rng.uniform(5, 40))
        fine = smooth_noise(rng, height_px, width_px, rng.uniform(1.5, 4))
        background *= 1.0 + arena.texture * (0.7 * stain + 0.5 * fine)
        _draw_scratches(background, floor, arena, rng)
    return background * _light(arena, height_px, width_px), floor


def _draw_walls(canvas: NDArray[np.uint8], arena: Arena, bottom: NDArray[np.float64], top: NDArray[np.float64]) -> None:
    if arena.shape == "round":
        fill(canvas, top, 255 * min(arena.wall_tone, 1.0))
        return
    n = len(bottom)
    for i in range(n):
        j = (i + 1) % n
        # Each wall faces the light differently.
        angle = 2.0 * np.pi * (i + 0.5) / n
        tone = arena.wall_tone * (1.0 + 0.12 * np.cos(angle - 0.6))
        quad = np.stack([bottom[i], bottom[j], top[j], top[i]])
        fill(canvas, quad, 255 * min(tone, 1.0))
    for low, high in zip(bottom, top, strict=True):
        edge = fixed_point(np.stack([low, high]))
        cv2.polylines(canvas, [edge], False, 255 * 0.8 * arena.wall_tone, 1, cv2.LINE_AA, _SHIFT)


def _draw_scratches(background: Image, floor: Image, arena: Arena, rng: np.random.Generator) -> None:
    height, width = background.shape
    scratches = np.zeros((height, width), np.float32)
    for _ in range(rng.integers(0, 4)):
        start = rng.uniform(0, 1, 2) * (width, height)
        stop = start + rng.normal(0, 0.2, 2) * (width, height)
        depth = float(arena.texture * rng.uniform(-2, 1))
        cv2.line(scratches, start.astype(int).tolist(), stop.astype(int).tolist(), depth, 1)
    background *= 1.0 + scratches * floor


def _light(arena: Arena, height_px: int, width_px: int) -> Image:
    x = np.linspace(-1, 1, width_px, dtype=np.float32)[None, :]
    y = np.linspace(-1, 1, height_px, dtype=np.float32)[:, None]
    light = 1.0 + arena.gradient[0] * x + arena.gradient[1] * y - 0.5 * arena.vignette * (x * x + y * y)
    return np.maximum(light, 0.1)
