"""Training samples: a randomly posed, randomly lit mouse, drawn straight at the network's input size."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.demo.body import KEYPOINTS, POSTURE, Body, Mouse, confine_body, pose_body
from pipeline.demo.camera import Camera
from pipeline.demo.render import Coat, draw_mouse
from pipeline.demo.scene import Arena, draw_arena, smooth_noise

ACTIVITIES = ("standing", "walking", "turning", "curled", "rearing", "wall_rearing", "stretching")
_ACTIVITY_CHANCE = (0.14, 0.2, 0.15, 0.21, 0.12, 0.12, 0.06)

MEASURES = (
    *(f"{name}_{axis}" for name in KEYPOINTS for axis in "xy"),
    "heading_cos", "heading_sin", "head_cos", "head_sin", "pitch", "crouch", "stretch", "bend", "head_yaw",
    "head_pitch", "paws", "steps", "speed", "seen_length", "size", "snout_at_wall", "body_at_wall", "wall_cos",
    "wall_sin", "tail_bend", "tail_yaw", "contrast", "head_height",
)  # fmt: skip
"""What the network learns to read off one crop; each is scaled to about [-1, 1]."""


def draw_sample(px: int, rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.float32], int]:
    """Draw one crop and what is true about it.

    Returns
    -------
    image : ndarray, shape (px, px, 3), uint8
        RGB.
    measures : ndarray, shape (len(MEASURES),), float32
        Numbers of the posture and place, see `MEASURES`.
    activity : int
        Index into `ACTIVITIES`.
    """
    arena = _draw_arena(rng)
    mouse = _draw_mouse(rng)
    activity = int(rng.choice(len(ACTIVITIES), p=_ACTIVITY_CHANCE))
    posture = _draw_posture(ACTIVITIES[activity], mouse, arena, rng)
    body = pose_body(mouse, posture)
    confine_body(body, arena)
    camera = _draw_camera(px, body, arena, rng)
    coat = _draw_coat(arena, rng)
    image, floor = draw_arena(arena, camera, px, px, rng)
    draw_mouse(image, body, mouse, coat, camera, arena, floor, smooth_noise(rng, 48, 48, rng.uniform(1, 3)))
    # A mouse blurs along its way when it runs.
    speed = float(posture["step"] * rng.uniform(0, 1)) if ACTIVITIES[activity] == "walking" else 0.0
    finished = _finish(image, speed * float(rng.uniform(0, 7)), float(posture["heading"]) + camera.roll, rng)
    measures = _measure(posture, mouse, body, camera, arena, px, speed, coat.fur - arena.floor_tone)
    return finished, measures, activity


def draw_batch(n: int, px: int, seed: list[int]) -> dict[str, NDArray[Any]]:
    """Draw `n` samples from one seed: arrays image, measures, activity."""
    rng = np.random.default_rng(seed)
    drawn = [draw_sample(px, rng) for _ in range(n)]
    images, measures, activities = zip(*drawn, strict=True)
    return {
        "image": np.stack(images),
        "measures": np.stack(measures),
        "activity": np.array(activities, np.int64),
    }


def _draw_arena(rng: np.random.Generator) -> Arena:
    bright = rng.uniform() < 0.7
    floor = float(rng.uniform(0.45, 1.0) if bright else rng.uniform(0.05, 0.5))
    wall = float(rng.uniform(0.05, 1.0) if rng.uniform() < 0.6 else np.clip(floor + rng.normal(0, 0.12), 0.05, 1))
    return Arena(
        shape="round" if rng.uniform() < 0.45 else "square",
        radius_mm=float(np.exp(rng.uniform(np.log(110), np.log(560)))),
        wall_mm=float(rng.uniform(20, 260)),
        floor_tone=floor,
        wall_tone=wall,
        outside_tone=float(rng.uniform(0.05, 1.0)),
        gradient=(float(rng.normal(0, 0.1)), float(rng.normal(0, 0.1))),
        vignette=float(rng.uniform(0, 0.25)),
        texture=float(rng.exponential(0.03)) if rng.uniform() < 0.8 else float(rng.uniform(0, 0.25)),
        gloss=float(rng.uniform(0, 0.6)),
    )


def _draw_mouse(rng: np.random.Generator) -> Mouse:
    size = float(rng.uniform(0.85, 1.15))
    return Mouse(
        length_mm=60.0 * size * float(rng.uniform(0.85, 1.15)),
        girth_mm=16.5 * size * float(rng.uniform(0.8, 1.25)),
        head_mm=26.0 * size * float(rng.uniform(0.85, 1.15)),
        ear_mm=6.0 * size * float(rng.uniform(0.5, 1.4)),
        tail_mm=78.0 * size * float(rng.uniform(0.5, 1.25)),
    )


def _draw_coat(arena: Arena, rng: np.random.Generator) -> Coat:
    fur = float(rng.uniform(0.02, 0.98))
    if rng.uniform() < 0.3:  # the common black mouse
        fur = float(rng.uniform(0.02, 0.18))
    if abs(fur - arena.floor_tone) < 0.12:
        fur = arena.floor_tone - 0.3 if arena.floor_tone > 0.5 else arena.floor_tone + 0.3
    skin = float(np.clip(fur + rng.normal(0.12, 0.14), 0.02, 1.0))
    angle, slant = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.9)
    return Coat(
        fur=fur,
        skin=skin,
        eye=float(np.clip(fur + rng.choice([-0.4, 0.3, 0.0]), 0, 1)),
        grain=float(rng.exponential(0.07)),
        light=(float(slant * np.cos(angle)), float(slant * np.sin(angle)), 1.0),
        shading=float(rng.uniform(0, 0.9)),
        shadow=float(rng.uniform(0, 0.6)) if rng.uniform() < 0.8 else 0.0,
    )


def _draw_camera(px: int, body: Body, arena: Arena, rng: np.random.Generator) -> Camera:
    """Hang the camera so that the crop shows the mouse as an imprecise tracker would center it."""
    wide_mm = float(np.exp(rng.uniform(np.log(115), np.log(330))))
    height = float(max(rng.uniform(420, 1600), 1.4 * arena.wall_mm + 150.0))
    under = tuple(rng.normal(0, 0.12, 2) * arena.radius_mm)
    roll = float(rng.uniform(-np.pi, np.pi))
    seen = Camera(height, px / wide_mm, (0.0, 0.0), (float(under[0]), float(under[1])), roll)
    middle = seen.project(body.balls[3:6, :3]).mean(axis=0)
    center = (px - 1) / 2 - middle + rng.normal(0, 0.035, 2) * px
    return Camera(height, px / wide_mm, (float(center[0]), float(center[1])), seen.center_mm, roll)


def _draw_posture(activity: str, mouse: Mouse, arena: Arena, rng: np.random.Generator) -> np.void:
    posture: np.void = np.zeros(1, POSTURE)[0]
    posture["tail_bend"] = rng.normal(0, 1.1)
    posture["tail_yaw"] = rng.normal(0, 0.4)
    posture["gait"] = rng.uniform(0, 2 * np.pi)
    posture["head_yaw"], posture["head_pitch"] = rng.normal(0, 0.2), rng.normal(0, 0.2)
    posture["bend"] = rng.normal(0, 0.25)
    posture["crouch"] = rng.uniform(0, 0.5)
    side = rng.choice([-1.0, 1.0])
    if activity == "walking":
        posture["step"], posture["stretch"] = rng.uniform(0.4, 1), rng.uniform(0, 0.2)
        posture["crouch"] = rng.uniform(0, 0.25)
    elif activity == "turning":
        posture["bend"], posture["head_yaw"] = side * rng.uniform(0.3, 1.3), side * rng.uniform(0, 0.8)
        posture["step"] = rng.uniform(0, 0.6)
    elif activity == "curled":
        posture["crouch"], posture["pitch"] = rng.uniform(0.55, 1), rng.uniform(0, 0.25)
        posture["head_pitch"], posture["paws"] = rng.uniform(-1.0, -0.1), rng.uniform(0, 1)
        if rng.uniform() < 0.5:
            posture["bend"], posture["head_yaw"] = side * rng.uniform(0.3, 1.4), side * rng.uniform(0, 1.1)
        else:
            posture["head_yaw"] = rng.normal(0, 0.35)
    elif activity == "rearing":
        posture["pitch"], posture["head_pitch"] = rng.uniform(0.6, 1.45), rng.uniform(-0.5, 0.3)
        posture["paws"] = rng.uniform(0, 0.5)
    elif activity == "wall_rearing":
        posture["pitch"], posture["head_pitch"] = rng.uniform(0.5, 1.35), rng.uniform(-0.4, 0.4)
        posture["stretch"] = rng.uniform(-0.05, 0.2)
    elif activity == "stretching":
        posture["pitch"], posture["stretch"] = rng.uniform(0, 0.5), rng.uniform(0, 0.2)
        posture["head_pitch"] = rng.uniform(-0.2, 0.5)
    else:
        posture["pitch"] = rng.uniform(0, 0.3)
    _place(posture, activity, mouse, arena, rng)
    return posture


def _place(posture: np.void, activity: str, mouse: Mouse, arena: Arena, rng: np.random.Generator) -> None:
    """Stand the mouse somewhere: at a wall, near one, or anywhere."""
    spot = arena.keep_inside(rng.uniform(-1, 1, (1, 2)) * arena.radius_mm, np.array([mouse.girth_mm]))[0]
    outward = arena.mirror(spot[None])[0] - spot
    face = np.arctan2(outward[1], outward[0])
    posture["heading"] = rng.uniform(-np.pi, np.pi)
    distance = None
    if activity in ("wall_rearing", "stretching"):
        reach = (0.3, 0.8) if activity == "wall_rearing" else (0.65, 1.2)
        distance = rng.uniform(*reach) * mouse.length_mm
        posture["heading"] = face + rng.normal(0, 0.4)
    elif rng.uniform() < 0.4:
        distance = rng.uniform(mouse.girth_mm, 90.0)
        # Mice like to run along walls.
        if rng.uniform() < 0.5:
            posture["heading"] = face + rng.choice([-1.0, 1.0]) * np.pi / 2 + rng.normal(0, 0.2)
    if distance is not None:
        spot = spot + (arena.wall_distance(spot) - distance) * np.array([np.cos(face), np.sin(face)])
    posture["x_mm"], posture["y_mm"] = spot


def _measure(
    posture: np.void,
    mouse: Mouse,
    body: Body,
    camera: Camera,
    arena: Arena,
    px: int,
    speed: float,
    contrast: float,
) -> NDArray[np.float32]:
    keypoints = (camera.project(body.keypoints) - (px - 1) / 2) / (px / 2)
    heading = posture["heading"] + camera.roll
    front = camera.project(body.keypoints[[3, 0]])
    head = np.arctan2(*(front[1] - front[0])[::-1])
    seen = np.linalg.norm(keypoints[KEYPOINTS.index("snout")] - keypoints[KEYPOINTS.index("tailbase")])
    middle = body.keypoints[KEYPOINTS.index("midbody"), :2]
    outward = arena.mirror(middle[None])[0] - middle
    wall_angle = np.arctan2(outward[1], outward[0]) + camera.roll
    wall_mm = float(arena.wall_distance(middle))
    near = np.exp(-wall_mm / 70.0)
    values = [
        *np.clip(keypoints, -1.3, 1.3).ravel(),
        np.cos(heading),
        np.sin(heading),
        np.cos(head),
        np.sin(head),
        posture["pitch"],
        posture["crouch"],
        5.0 * posture["stretch"],
        posture["bend"],
        posture["head_yaw"],
        posture["head_pitch"],
        posture["paws"],
        posture["step"] * np.sin(posture["gait"]),
        speed,
        seen,
        2.0 * mouse.length_mm * camera.px_per_mm / px,
        np.exp(-max(float(arena.wall_distance(body.keypoints[0, :2])), 0.0) / 20.0),
        near,
        near * np.cos(wall_angle),
        near * np.sin(wall_angle),
        0.6 * posture["tail_bend"],
        posture["tail_yaw"],
        contrast,
        body.keypoints[0, 2] / 60.0,
    ]
    return np.asarray(values, np.float32)


def _finish(image: NDArray[Any], blur_px: float, angle: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Lens, sensor and codec: blur, gamma, noise, blocks, a cast of color."""
    px = image.shape[0]
    if blur_px > 1.0:
        size = int(np.ceil(blur_px)) | 1
        kernel = np.zeros((size, size), np.float32)
        half = (size - 1) / 2
        along = np.array([np.cos(angle), np.sin(angle)]) * half
        start, stop = (half - along).round().astype(int), (half + along).round().astype(int)
        cv2.line(kernel, start.tolist(), stop.tolist(), 1.0)
        image = cv2.filter2D(image, -1, kernel / kernel.sum())
    if rng.uniform() < 0.4:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 1.2))
    if rng.uniform() < 0.25:
        small = round(px * rng.uniform(0.4, 0.8))
        image = cv2.resize(cv2.resize(image, (small, small), interpolation=cv2.INTER_AREA), (px, px))
    image = np.clip(image, 0.0, 1.2) ** np.float32(np.exp(rng.normal(0, 0.25)))
    image = image * np.float32(rng.uniform(0.5, 1.1)) + np.float32(rng.uniform(-0.05, 0.15))
    image = image + rng.standard_normal((px, px), np.float32) * np.float32(rng.exponential(0.012))
    gray: NDArray[Any] = np.clip(image * 255.0, 0, 255).astype(np.uint8)
    if rng.uniform() < 0.4:
        _, coded = cv2.imencode(".jpg", gray, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(20, 90))])
        gray = np.asarray(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE), np.uint8)
    if rng.uniform() < 0.5:
        return np.stack([gray, gray, gray], axis=-1)
    tables = [np.clip(np.arange(256) * gain, 0, 255).astype(np.uint8) for gain in rng.normal(1.0, 0.05, 3)]
    return np.stack([table[gray] for table in tables], axis=-1)
