"""Draw one posed mouse into an image of the arena: shadow, tail, paws, fur, ears, eyes."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.demo.body import Body, Mouse
from pipeline.demo.camera import Camera
from pipeline.demo.scene import Arena, Image, fill, fixed_point

_SHIFT = 4
_MARGIN_MM = 10.0


@dataclass(frozen=True)
class Coat:
    """How one animal and its light look.

    `fur`, `skin` (ears, tail, paws) and `eye` are brightnesses, 0 (black) to 1 (white); `grain` is the strength of the
    fur's texture. `light`, the direction to the lamp (x, y, z), of any length, decides shading and where shadows fall;
    `shading` is 0 for a flat silhouette, 1 for strong relief; `shadow` is the darkness of the cast shadow.
    """

    fur: float = 0.42
    skin: float = 0.6
    eye: float = 0.08
    grain: float = 0.08
    light: tuple[float, float, float] = (0.4, -0.3, 1.0)
    shading: float = 0.6
    shadow: float = 0.35


class Covered(NamedTuple):
    """Where fur was drawn: rows and columns of the image, and how much of each pixel there is fur, 0 to 1."""

    window: tuple[slice, slice]
    share: Image


def _patch(points_px: NDArray[np.float64], radius_px: float, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Pixel box (x0, y0, x1, y1) around points, cut at the image; empty when outside."""
    low = np.floor(points_px.min(axis=0) - radius_px).astype(int)
    high = np.ceil(points_px.max(axis=0) + radius_px).astype(int) + 1
    x0, y0 = max(int(low[0]), 0), max(int(low[1]), 0)
    return x0, y0, max(min(int(high[0]), shape[1]), x0), max(min(int(high[1]), shape[0]), y0)


def _height_map(balls: NDArray[np.float64], camera: Camera, box: tuple[int, int, int, int]) -> tuple[Image, Image]:
    """Coverage in [0, 1] and height in mm of the union of balls, both over the box."""
    x0, y0, x1, y1 = box
    coverage = np.zeros((y1 - y0, x1 - x0), np.float32)
    height = np.full((y1 - y0, x1 - x0), -20.0, np.float32)
    centers = camera.project(balls[:, :3])
    scales = camera.scale_at(balls[:, 2])
    for (u, v), scale, (_, _, z, radius) in zip(centers, scales, balls, strict=True):
        reach = radius * scale + 1.0
        left, right = max(int(u - reach), x0), min(int(u + reach) + 2, x1)
        top, bottom = max(int(v - reach), y0), min(int(v + reach) + 2, y1)
        if left >= right or top >= bottom:
            continue
        dx = (np.arange(left, right, dtype=np.float32) - np.float32(u)) / np.float32(scale)
        dy = (np.arange(top, bottom, dtype=np.float32) - np.float32(v)) / np.float32(scale)
        squared = dx[None, :] ** 2 + dy[:, None] ** 2
        window = np.s_[top - y0 : bottom - y0, left - x0 : right - x0]
        rise = z + np.sqrt(np.maximum(np.float32(radius**2) - squared, 0.0))
        inside = np.clip((radius - np.sqrt(squared)) * scale + 0.5, 0.0, 1.0)
        np.maximum(height[window], np.where(inside > 0, rise, -20.0), out=height[window])
        np.maximum(coverage[window], inside, out=coverage[window])
    return coverage, height


def _shade(height: Image, coverage: Image, coat: Coat, scale: float) -> Image:
    """Brightness of the fur from the slope of the height map."""
    # Fur is soft: smoothing also melts the balls into one body.
    soft = cv2.GaussianBlur(np.where(coverage > 0, height, 0.0).astype(np.float32), (0, 0), max(0.8, 1.6 * scale))
    slope_x = cv2.Sobel(soft, cv2.CV_32F, 1, 0, ksize=3) * (scale / 8.0)
    slope_y = cv2.Sobel(soft, cv2.CV_32F, 0, 1, ksize=3) * (scale / 8.0)
    light = np.asarray(coat.light, np.float32)
    light = light / np.linalg.norm(light)
    norm = np.sqrt(slope_x**2 + slope_y**2 + 1.0)
    facing = (-slope_x * light[0] - slope_y * light[1] + light[2]) / norm
    # The back is darker than the flanks in most coats; seen edge-on the fur catches light.
    rim = 1.0 - 1.0 / norm
    return coat.fur * (1.0 + coat.shading * (facing - 0.85) + 0.35 * coat.shading * rim)


def _strip(line_px: NDArray[np.float64], half_width_px: NDArray[np.float64]) -> NDArray[np.float64]:
    """Polygon around a line, shape (2 n, 2), that tapers with the given half widths."""
    along = np.gradient(line_px, axis=0)
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-6)
    across = np.column_stack([-along[:, 1], along[:, 0]]) * half_width_px[:, None]
    return np.concatenate([line_px + across, (line_px - across)[::-1]])


def _ellipse(
    mask: NDArray[np.uint8], center: NDArray[np.float64], axes: tuple[float, float], angle: float, value: int
) -> None:
    if min(axes) <= 0.2:
        return
    x, y = fixed_point(center)
    half = (max(1, round(axes[0] * 16)), max(1, round(axes[1] * 16)))
    cv2.ellipse(mask, (int(x), int(y)), half, float(np.degrees(angle)), 0, 360, value, -1, cv2.LINE_AA, _SHIFT)


def draw_mouse(
    image: Image, body: Body, mouse: Mouse, coat: Coat, camera: Camera, arena: Arena, floor: Image, grain: Image
) -> Covered:
    """Draw a posed mouse into a brightness image, shape (height_px, width_px), float32, in place.

    The walls of the arena mirror it faintly. `floor`, like `image`: 1 on the floor, 0 elsewhere. `grain`, at least as
    large as the mouse: texture of the fur, moved along with the body. Returns where its fur is.
    """
    points = camera.project(body.balls[:, :3])
    reach = float((body.balls[:, 3] * camera.scale_at(body.balls[:, 2])).max())
    tail_px = camera.project(body.tail)
    margin = reach + _MARGIN_MM * camera.px_per_mm + 4.0 + 0.6 * float(body.balls[:, 2].max()) * camera.px_per_mm
    box = _patch(np.concatenate([points, tail_px]), margin, image.shape)
    if box[0] >= box[2] or box[1] >= box[3]:
        return Covered(np.s_[:0, :0], np.zeros((0, 0), np.float32))
    patch, origin = _window(image, box)
    floor_patch, _ = _window(floor, box)
    _draw_shadow(patch, floor_patch, body, coat, camera, origin)
    if arena.gloss > 0:
        _draw_mirror(patch, floor_patch, body, arena, camera, origin)
    _draw_limbs(patch, body, mouse, coat, camera, origin)
    covered = _draw_fur(image, body, coat, camera, grain, _patch(points, reach + 6.0, image.shape))
    head = np.concatenate([body.ears, body.eyes, body.keypoints[:1], body.fore_paws])
    reach = 1.5 * mouse.ear_mm * float(camera.scale_at(head[:, 2]).max()) + 3.0
    patch, origin = _window(image, _patch(camera.project(head), reach, image.shape))
    if patch.size:
        _draw_head(patch, body, mouse, coat, camera, origin)
    return covered


def _window(image: Image, box: tuple[int, int, int, int]) -> tuple[Image, NDArray[np.float64]]:
    """The part of an image inside a box (a view), and the box's top left corner."""
    x0, y0, x1, y1 = box
    return image[y0:y1, x0:x1], np.array([x0, y0], dtype=np.float64)


def _draw_fur(
    image: Image, body: Body, coat: Coat, camera: Camera, grain: Image, box: tuple[int, int, int, int]
) -> Covered:
    patch, origin = _window(image, box)
    window = np.s_[box[1] : box[3], box[0] : box[2]]
    if not patch.size:
        return Covered(window, patch)
    coverage, height = _height_map(body.balls, camera, box)
    fur = _shade(height, coverage, coat, camera.px_per_mm)
    if coat.grain > 0:
        anchor = camera.project(body.balls[3, :3]) - origin
        fur *= 1.0 + coat.grain * _moved(grain, anchor, fur.shape)
    coverage = np.asarray(cv2.GaussianBlur(coverage, (0, 0), 0.6))
    patch += coverage * (fur - patch)
    return Covered(window, coverage)


def _moved(grain: Image, anchor_px: NDArray[np.float64], shape: tuple[int, ...]) -> Image:
    rows = (np.arange(shape[0]) - round(float(anchor_px[1]))) % grain.shape[0]
    columns = (np.arange(shape[1]) - round(float(anchor_px[0]))) % grain.shape[1]
    return grain[rows[:, None], columns[None, :]]


def _blend(patch: Image, mask: NDArray[np.uint8], tone: float) -> None:
    patch += mask * np.float32(1.0 / 255.0) * (np.float32(tone) - patch)


def _soft_discs(
    shape: tuple[int, ...], centers_px: NDArray[np.float64], radii_px: NDArray[np.float64], blur_px: float
) -> Image:
    """Blurred union of discs in [0, 1]; drawn at half size, since it is blurred anyway."""
    small: NDArray[Any] = np.zeros(((shape[0] + 1) // 2, (shape[1] + 1) // 2), np.uint8)
    for (x, y), radius in zip(fixed_point(centers_px * 0.5), radii_px, strict=True):
        cv2.circle(small, (int(x), int(y)), max(1, round(radius * 8)), 255, -1, cv2.LINE_8, _SHIFT)
    small = cv2.GaussianBlur(small, (0, 0), max(0.7, 0.5 * blur_px))
    return cv2.resize(small, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR) * np.float32(1.0 / 255.0)


def _draw_shadow(
    patch: Image, floor: Image, body: Body, coat: Coat, camera: Camera, origin: NDArray[np.float64]
) -> None:
    if coat.shadow <= 0:
        return
    light = np.asarray(coat.light)
    cast = body.balls[:, :3].copy()
    cast[:, :2] -= light[:2] / max(light[2], 0.3) * cast[:, 2:]
    cast[:, 2] = 0.0
    radii = body.balls[:, 3] * camera.px_per_mm * 1.08
    soft = _soft_discs(patch.shape, camera.project(cast) - origin, radii, 3.5 * camera.px_per_mm)
    patch *= 1.0 - soft * np.float32(coat.shadow) * (0.4 + 0.6 * floor)


def _draw_mirror(
    patch: Image, floor: Image, body: Body, arena: Arena, camera: Camera, origin: NDArray[np.float64]
) -> None:
    near = body.balls[arena.wall_distance(body.balls[:, :2]) < 45.0]
    if len(near) == 0:
        return
    mirrored = near[:, :3].copy()
    mirrored[:, :2] = arena.mirror(near[:, :2])
    radii = near[:, 3] * camera.scale_at(near[:, 2])
    soft = _soft_discs(patch.shape, camera.project(mirrored) - origin, radii, 5.0 * camera.px_per_mm)
    patch *= 1.0 - soft * np.float32(arena.gloss) * (1.0 - floor)


def _draw_limbs(
    patch: Image, body: Body, mouse: Mouse, coat: Coat, camera: Camera, origin: NDArray[np.float64]
) -> None:
    """Tail and paws, which lie below the body."""
    mask = np.zeros(patch.shape, np.uint8)
    width = np.linspace(0.16, 0.05, len(body.tail)) * mouse.girth_mm * camera.px_per_mm
    fill(mask, _strip(camera.project(body.tail) - origin, np.maximum(width, 0.45)), 255)
    size = 0.26 * mouse.girth_mm
    for paw in (*body.hind_paws, *body.fore_paws):
        scale = float(camera.scale_at(paw[2]))
        angle = float(np.arctan2(body.head_direction[1], body.head_direction[0])) + camera.roll
        _ellipse(mask, camera.project(paw) - origin, (1.3 * size * scale, 0.8 * size * scale), angle, 235)
    _blend(patch, mask, coat.skin)


def _draw_head(patch: Image, body: Body, mouse: Mouse, coat: Coat, camera: Camera, origin: NDArray[np.float64]) -> None:
    """Ears, eyes, nose, and forepaws held at the face."""
    angle = float(np.arctan2(body.head_direction[1], body.head_direction[0])) + camera.roll
    # An ear is a disc that faces forward and up: the steeper the head, the flatter it looks.
    depth = 0.62 + 0.25 * float(np.clip(-body.head_direction[2], -0.6, 0.6))
    for size, value, tone in ((1.0, 215, coat.skin * 0.9), (0.6, 150, 0.5 * (coat.fur + coat.skin) * 0.8)):
        mask = np.zeros(patch.shape, np.uint8)
        for sign, ear in zip((-1.0, 1.0), body.ears, strict=True):
            radius = size * mouse.ear_mm * float(camera.scale_at(ear[2]))
            _ellipse(mask, camera.project(ear) - origin, (radius * depth, radius), angle - sign * 0.45, value)
        _blend(patch, mask, tone)
    dots = np.zeros_like(mask)
    for eye in body.eyes:
        radius = 0.11 * mouse.girth_mm * float(camera.scale_at(eye[2]))
        _ellipse(dots, camera.project(eye) - origin, (radius, radius), 0.0, 230)
    _blend(patch, dots, coat.eye)
    nose = np.zeros_like(mask)
    tip = body.keypoints[0]
    radius = 0.12 * mouse.girth_mm * float(camera.scale_at(tip[2]))
    _ellipse(nose, camera.project(tip) - origin, (radius, radius), 0.0, 230)
    # Forepaws above the head's middle (raised along a wall) are seen from above.
    for paw in body.fore_paws:
        if paw[2] > body.balls[-3, 2]:
            radius = 0.2 * mouse.girth_mm * float(camera.scale_at(paw[2]))
            _ellipse(nose, camera.project(paw) - origin, (radius * 1.2, radius * 0.8), angle, 220)
    _blend(patch, nose, coat.skin)
