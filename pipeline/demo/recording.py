"""One simulated recording: who is filmed where, the frames, and the true keypoints."""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.demo.behavior import Episode, plan_timeline
from pipeline.demo.body import KEYPOINTS, Mouse, confine_body, pose_body
from pipeline.demo.camera import Camera
from pipeline.demo.motion import simulate_motion
from pipeline.demo.render import Coat, draw_mouse
from pipeline.demo.scene import Arena, Image, draw_arena, smooth_noise

_HALF_BOX_MM = 200.0
_WALL_MM = 120.0


@dataclass(frozen=True)
class Stage:
    """Everything about a recording that stays the same from frame to frame."""

    mouse: Mouse
    coat: Coat
    arena: Arena
    camera: Camera
    noise: float
    tint: tuple[float, float, float]


@dataclass(frozen=True)
class SimulatedRecording:
    """A recording before it is written: its stage and the truth about it.

    `postures`, shape (n_frames,), dtype `POSTURE`; `keypoints_px`, shape (n_frames, n_keypoints, 2), in the order of
    `KEYPOINTS`.
    """

    stage: Stage
    episodes: list[Episode]
    postures: NDArray[np.void]
    keypoints_px: NDArray[np.float64]


def draw_build(size: float, rng: np.random.Generator) -> Mouse:
    """Draw the proportions of a mouse that is `size` times as long as most."""
    return Mouse(
        length_mm=60.0 * size,
        girth_mm=16.5 * size * float(rng.uniform(0.92, 1.1)),
        head_mm=26.0 * size * float(rng.uniform(0.95, 1.05)),
        ear_mm=6.0 * float(rng.uniform(0.85, 1.15)),
        tail_mm=78.0 * size * float(rng.uniform(0.9, 1.1)),
    )


def draw_stage(size_px: int, rng: np.random.Generator) -> Stage:
    """Draw a mouse, its coat, the box and the light of one recording."""
    height_mm = float(rng.uniform(500, 620))
    size = float(rng.normal(1.0, 0.06))
    mouse = draw_build(size, rng)
    angle = rng.uniform(0, 2 * np.pi)
    slant = rng.uniform(0.1, 0.55)
    fur = float(rng.uniform(0.3, 0.5))
    coat = Coat(
        fur=fur,
        skin=float(np.clip(fur + rng.uniform(0.1, 0.22), 0, 1)),
        grain=float(rng.uniform(0.05, 0.1)),
        light=(float(slant * np.cos(angle)), float(slant * np.sin(angle)), 1.0),
        shading=float(rng.uniform(0.4, 0.75)),
        shadow=float(rng.uniform(0.15, 0.4)),
    )
    arena = Arena(
        radius_mm=_HALF_BOX_MM,
        wall_mm=_WALL_MM,
        floor_tone=float(rng.uniform(0.7, 0.86)),
        wall_tone=float(rng.uniform(0.58, 0.78)),
        gradient=(float(rng.uniform(-0.12, 0.12)), float(rng.uniform(-0.12, 0.12))),
        vignette=float(rng.uniform(0.05, 0.3)),
        outside_tone=float(rng.uniform(0.45, 0.7)),
        texture=float(rng.uniform(0.005, 0.03)),
        gloss=float(rng.uniform(0.05, 0.2)),
    )
    # The walls' upper edges lie at the image's edges.
    px_per_mm = 1.0 * size_px / (2 * _HALF_BOX_MM) * (height_mm - _WALL_MM) / height_mm
    middle = (size_px - 1) / 2
    center = (middle + float(rng.normal(0, 1.5)), middle + float(rng.normal(0, 1.5)))
    camera = Camera(height_mm, px_per_mm, center, roll=float(rng.normal(0, 0.01)))
    tint = (float(rng.uniform(0.94, 1.0)), 1.0, float(rng.uniform(0.98, 1.03)))
    return Stage(mouse, coat, arena, camera, float(rng.uniform(0.004, 0.009)), tint)


def simulate_recording(n_frames: int, fps: float, size_px: int, rng: np.random.Generator) -> SimulatedRecording:
    """Draw one recording of `size_px` by `size_px` pixels: its stage, timeline, postures and keypoints."""
    stage = draw_stage(size_px, rng)
    episodes = plan_timeline(n_frames, fps, rng)
    postures = simulate_motion(episodes, stage.mouse, stage.arena, fps, rng)
    keypoints = np.empty((n_frames, len(KEYPOINTS), 2))
    for frame, posture in enumerate(postures):
        body = pose_body(stage.mouse, posture)
        confine_body(body, stage.arena)
        keypoints[frame] = stage.camera.project(body.keypoints)
    return SimulatedRecording(stage, episodes, postures, keypoints)


def render_frames(recording: SimulatedRecording, size_px: int, rng: np.random.Generator) -> Iterator[NDArray[np.uint8]]:
    """Yield the frames in order, BGR, shape (size_px, size_px, 3)."""
    stage = recording.stage
    background, floor = draw_arena(stage.arena, stage.camera, size_px, size_px, rng)
    grain = smooth_noise(rng, 192, 192, 2.2)
    noise = rng.normal(0, stage.noise, (size_px + 64, size_px + 64)).astype(np.float32)
    tables = [np.clip(np.arange(256) * gain, 0, 255).astype(np.uint8) for gain in stage.tint]
    image = np.empty_like(background)
    for posture in recording.postures:
        np.copyto(image, background)
        body = pose_body(stage.mouse, posture)
        confine_body(body, stage.arena)
        draw_mouse(image, body, stage.mouse, stage.coat, stage.camera, stage.arena, floor, grain)
        flicker = 1.0 + float(rng.normal(0, 0.003))
        gray = expose(image, noise, flicker, rng)
        yield np.asarray(cv2.merge([cv2.LUT(gray, table) for table in tables]), np.uint8)


def expose(image: Image, noise: Image, flicker: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Sensor: noise that differs from frame to frame, then 8 bits."""
    height, width = image.shape
    top, left = rng.integers(0, 64, 2)
    image += noise[top : top + height, left : left + width]
    np.maximum(image, 0.0, out=image)
    return np.asarray(cv2.convertScaleAbs(image, alpha=255.0 * flicker), np.uint8)
