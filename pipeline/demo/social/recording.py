"""One simulated recording of two mice: who is filmed where, the frames, and the truth about both."""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.demo.body import KEYPOINTS, Body, Mouse, confine_body, pose_body
from pipeline.demo.camera import Camera
from pipeline.demo.recording import draw_build, expose
from pipeline.demo.render import Coat, draw_mouse
from pipeline.demo.scene import Arena, Image, draw_arena, smooth_noise
from pipeline.demo.social.encounter import simulate_encounter

ANIMALS = ("black", "brown")
"""The two mice by their coats."""

_HALF_CAGE_MM = 180.0
_WALL_MM = 120.0
# How much a channel (blue, green, red) gains where a thing is as warm in color as can be.
_WARM_GAIN = np.array([-0.38, -0.08, 0.12], np.float32)
_BEDDING_WARMTH, _COAT_WARMTH = 0.4, (0.05, 0.9)
_CHIPS_PER_CM2 = 2.2
_HIDDEN_SHARE = 0.85  # of a ball's radius: what is below it is not seen


@dataclass(frozen=True)
class SocialStage:
    """Everything about a recording that stays the same from frame to frame; mice and coats as `ANIMALS`."""

    mice: tuple[Mouse, Mouse]
    coats: tuple[Coat, Coat]
    arena: Arena
    camera: Camera
    noise: float


@dataclass(frozen=True)
class SocialRecording:
    """A recording before it is written: its stage and the truth about it.

    `postures`, shape (n_frames, 2), dtype `POSTURE`; `labels`, shape (n_frames, 2), as of `simulate_encounter`;
    `keypoints_px`, shape (n_frames, 2, n_keypoints, 2), in the order of `KEYPOINTS`; `hidden`, shape (n_frames, 2,
    n_keypoints): below the other mouse; `boxes_px`, shape (n_frames, 2, 4): left, top, right, bottom of body and head.
    """

    stage: SocialStage
    postures: NDArray[np.void]
    labels: NDArray[np.int8]
    keypoints_px: NDArray[np.float64]
    hidden: NDArray[np.bool_]
    boxes_px: NDArray[np.float64]


def draw_stage(size_px: int, rng: np.random.Generator) -> SocialStage:
    """Draw two mice, their coats, the cage and the light of one recording."""
    height_mm = float(rng.uniform(500, 620))
    black, brown = (draw_build(float(rng.normal(1.0, 0.05)), rng) for _ in ANIMALS)
    angle, slant = rng.uniform(0, 2 * np.pi), rng.uniform(0.1, 0.5)
    light = (float(slant * np.cos(angle)), float(slant * np.sin(angle)), 1.0)
    shading, shadow = float(rng.uniform(0.4, 0.7)), float(rng.uniform(0.15, 0.35))
    dark, pale = float(rng.uniform(0.13, 0.21)), float(rng.uniform(0.62, 0.74))
    coats = (
        Coat(dark, dark + float(rng.uniform(0.1, 0.2)), 0.04, float(rng.uniform(0.08, 0.14)), light, shading, shadow),
        Coat(pale, pale + float(rng.uniform(0.05, 0.12)), 0.1, float(rng.uniform(0.05, 0.1)), light, shading, shadow),
    )
    arena = Arena(
        radius_mm=_HALF_CAGE_MM,
        wall_mm=_WALL_MM,
        floor_tone=float(rng.uniform(0.4, 0.5)),
        wall_tone=float(rng.uniform(0.55, 0.72)),
        gradient=(float(rng.uniform(-0.1, 0.1)), float(rng.uniform(-0.1, 0.1))),
        vignette=float(rng.uniform(0.05, 0.25)),
        outside_tone=float(rng.uniform(0.45, 0.7)),
        texture=float(rng.uniform(0.02, 0.05)),
        gloss=float(rng.uniform(0.05, 0.2)),
    )
    px_per_mm = size_px / (2 * _HALF_CAGE_MM) * (height_mm - _WALL_MM) / height_mm
    middle = (size_px - 1) / 2
    center = (middle + float(rng.normal(0, 1.5)), middle + float(rng.normal(0, 1.5)))
    camera = Camera(height_mm, px_per_mm, center, roll=float(rng.normal(0, 0.01)))
    return SocialStage((black, brown), coats, arena, camera, float(rng.uniform(0.004, 0.009)))


def simulate_recording(n_frames: int, fps: float, size_px: int, rng: np.random.Generator) -> SocialRecording:
    """Draw one recording of `size_px` by `size_px` pixels: its stage, what the two mice do, and where they are seen."""
    stage = draw_stage(size_px, rng)
    postures, labels = simulate_encounter(stage.mice, stage.arena, n_frames, fps, rng)
    keypoints = np.empty((n_frames, 2, len(KEYPOINTS), 2))
    hidden = np.zeros((n_frames, 2, len(KEYPOINTS)), dtype=bool)
    boxes = np.empty((n_frames, 2, 4))
    for frame in range(n_frames):
        bodies = _bodies(stage, postures[frame])
        for i, body in enumerate(bodies):
            keypoints[frame, i] = stage.camera.project(body.keypoints)
            boxes[frame, i] = _box(body, stage.camera)
        low, high = _low_to_high(bodies)
        hidden[frame, low] = _below(keypoints[frame, low], bodies[high], stage.camera)
    last = size_px - 1.0
    return SocialRecording(stage, postures, labels, keypoints, hidden, np.clip(boxes, 0.0, last))


def render_frames(recording: SocialRecording, size_px: int, rng: np.random.Generator) -> Iterator[NDArray[np.uint8]]:
    """Yield the frames in order, BGR, shape (size_px, size_px, 3)."""
    stage = recording.stage
    background, floor = draw_arena(stage.arena, stage.camera, size_px, size_px, rng)
    _strew_chips(background, floor, stage.camera, rng)
    bedding_warmth = (_BEDDING_WARMTH * floor).astype(np.float32)
    grain = smooth_noise(rng, 192, 192, 2.2)
    noise = rng.normal(0, stage.noise, (size_px + 64, size_px + 64)).astype(np.float32)
    image, warmth = np.empty_like(background), np.empty_like(bedding_warmth)
    for postures in recording.postures:
        np.copyto(image, background)
        np.copyto(warmth, bedding_warmth)
        bodies = _bodies(stage, postures)
        for i in _low_to_high(bodies):
            mouse, coat = stage.mice[i], stage.coats[i]
            covered = draw_mouse(image, bodies[i], mouse, coat, stage.camera, stage.arena, floor, grain)
            under = warmth[covered.window]
            under += covered.share * (np.float32(_COAT_WARMTH[i]) - under)
        gray = expose(image, noise, 1.0 + float(rng.normal(0, 0.003)), rng).astype(np.float32)
        channels = [cv2.multiply(gray, 1.0 + gain * warmth, dtype=cv2.CV_8U) for gain in _WARM_GAIN]
        yield np.asarray(cv2.merge(channels), np.uint8)


def _bodies(stage: SocialStage, postures: NDArray[np.void]) -> list[Body]:
    bodies = [pose_body(mouse, posture) for mouse, posture in zip(stage.mice, postures, strict=True)]
    for body in bodies:
        confine_body(body, stage.arena)
    return bodies


def _low_to_high(bodies: list[Body]) -> tuple[int, int]:
    """Who lies below and who above, by the highest part of the front half: it is drawn in this order."""
    tops = [float(body.balls[4:, 2].max()) for body in bodies]
    return (0, 1) if tops[0] <= tops[1] else (1, 0)


def _box(body: Body, camera: Camera) -> NDArray[np.float64]:
    centers = camera.project(body.balls[:, :3])
    radii = (body.balls[:, 3] * camera.scale_at(body.balls[:, 2]))[:, None]
    return np.concatenate([(centers - radii).min(axis=0), (centers + radii).max(axis=0)])


def _below(points_px: NDArray[np.float64], body: Body, camera: Camera) -> NDArray[np.bool_]:
    """Which points (n, 2) another body covers, shape (n,)."""
    centers = camera.project(body.balls[:, :3])
    radii = _HIDDEN_SHARE * body.balls[:, 3] * camera.scale_at(body.balls[:, 2])
    distances = np.linalg.norm(points_px[:, None] - centers[None], axis=2)
    return np.asarray((distances < radii).any(axis=1))


def _strew_chips(background: Image, floor: Image, camera: Camera, rng: np.random.Generator) -> None:
    """Wood chips on the floor, in place: short strokes, lighter or darker than the rest."""
    height, width = background.shape
    n_chips = round(_CHIPS_PER_CM2 * (2 * _HALF_CAGE_MM / 10) ** 2)
    starts = rng.uniform(0, 1, (n_chips, 2)) * (width, height)
    angles, lengths_mm = rng.uniform(0, np.pi, n_chips), rng.uniform(3.0, 9.0, n_chips)
    steps = np.stack([np.cos(angles), np.sin(angles)], axis=1) * (lengths_mm * camera.px_per_mm)[:, None]
    chips = np.full((height, width), 128, np.uint8)
    tones = np.clip(rng.normal(134.0, 16.0, n_chips), 80, 190)
    thickness = max(1, round(1.6 * camera.px_per_mm))
    for start, stop, tone in zip(starts, starts + steps, tones, strict=True):
        points = [tuple(int(value) for value in np.round(point * 16)) for point in (start, stop)]
        cv2.line(chips, points[0], points[1], float(tone), thickness, cv2.LINE_AA, 4)
    background += floor * (chips.astype(np.float32) - 128.0) / 255.0
