"""The mouse as a chain of balls in space: from a posture to balls, keypoints, ears, paws and tail.

A posture is one row of a structured array (`POSTURE`); the hips stand at (`x_mm`, `y_mm`) and the
spine rises, bends and shortens from there. Angles are radians, lengths millimetres.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.demo.scene import Arena

POSTURE = np.dtype(
    [
        (name, np.float64)
        for name in (
            "x_mm",  # hips on the floor
            "y_mm",
            "heading",  # where the hips point
            "pitch",  # how far the front of the spine is raised; 0 = on all fours
            "crouch",  # 0 = long and flat, 1 = hunched: short, wide, arched
            "stretch",  # relative change of body length
            "bend",  # sideways bend of the spine from hips to neck
            "head_yaw",  # head against the neck
            "head_pitch",  # head against the spine; negative = nose down
            "paws",  # forepaws: 0 = on the floor or hanging, 1 = at the face
            "step",  # 0 = feet rest, 1 = feet swing
            "gait",  # phase of the steps
            "tail_yaw",  # root of the tail against the hips
            "tail_bend",  # bend along the tail
        )
    ]
)

KEYPOINTS = ("snout", "leftear", "rightear", "neck", "midbody", "leftpaw", "rightpaw", "tailbase", "tailtip")

_N_SPINE = 8
_SPINE = np.linspace(0.0, 1.0, _N_SPINE)
# Width of a mouse seen from above, from tail base to neck, as a share of its half width.
_SPINE_RADIUS = np.interp(_SPINE, [0.0, 0.15, 0.4, 0.75, 1.0], [0.56, 0.92, 1.0, 0.86, 0.7])
# How much of the pitch each piece of the spine takes: the hips stay down, the chest goes up.
_PITCH_SHARE = np.interp(_SPINE, [0.0, 0.15, 0.35, 1.0], [0.6, 0.95, 1.0, 1.0])
_ARCH_SHARE = np.interp(_SPINE, [0.0, 0.5, 1.0], [0.55, 0.0, -0.9])


@dataclass(frozen=True)
class Mouse:
    """One animal's build; `length_mm` goes from tail base to neck, `girth_mm` is half the width at the widest."""

    length_mm: float = 60.0
    girth_mm: float = 16.5
    head_mm: float = 26.0
    ear_mm: float = 6.0
    tail_mm: float = 78.0


@dataclass(frozen=True)
class Body:
    """A posed mouse in space, all in millimetres.

    The arrays are the body's own: `confine_body` moves them in place. `balls`, shape (n_balls, 4): center x, y, z and
    radius, from tail base to nose. Ears, eyes and paws, shape (2, 3): left and right. `tail`, shape (n_tail, 3): from
    root to tip. `keypoints`, shape (n_keypoints, 3): in the order of `KEYPOINTS`. `head_direction`, shape (3,): unit
    vector from neck to snout.
    """

    balls: NDArray[np.float64]
    ears: NDArray[np.float64]
    eyes: NDArray[np.float64]
    fore_paws: NDArray[np.float64]
    hind_paws: NDArray[np.float64]
    tail: NDArray[np.float64]
    keypoints: NDArray[np.float64]
    head_direction: NDArray[np.float64]


def _directions(yaw: NDArray[np.float64], pitch: NDArray[np.float64]) -> NDArray[np.float64]:
    cos = np.cos(pitch)
    return np.stack([cos * np.cos(yaw), cos * np.sin(yaw), np.sin(pitch)], axis=-1)


def _pair(center: NDArray[np.float64], side: NDArray[np.float64], offset_mm: float) -> NDArray[np.float64]:
    return np.stack([center - side * offset_mm, center + side * offset_mm])


def _spine(mouse: Mouse, posture: np.void) -> tuple[NDArray[np.float64], NDArray[np.float64], float, float]:
    """Balls of the trunk, its center line, and yaw and pitch of its front end."""
    crouch = float(posture["crouch"])
    length = mouse.length_mm * (1.0 + posture["stretch"]) * (1.0 - 0.2 * crouch)
    arch = 1.0 * crouch * (1.0 - np.clip(posture["pitch"], 0.0, 1.0))
    pitch = posture["pitch"] * _PITCH_SHARE + arch * _ARCH_SHARE
    yaw = posture["heading"] + posture["bend"] * (_SPINE - 0.15)
    radius = mouse.girth_mm * _SPINE_RADIUS * (1.0 + 0.16 * crouch - 0.35 * posture["stretch"])
    steps = _directions(yaw[:-1], pitch[:-1]) * (length / (_N_SPINE - 1))
    line = np.zeros((_N_SPINE, 3))
    line[1:] = np.cumsum(steps, axis=0)
    # The posture names where the hips are: a sixth of the way along the spine.
    hips = line[1] * 0.8
    line[:, 0] += posture["x_mm"] - hips[0]
    line[:, 1] += posture["y_mm"] - hips[1]
    line[:, 2] += radius[0]
    line[:, 2] = np.maximum(line[:, 2], 0.85 * radius)
    return np.column_stack([line, radius]), line, float(yaw[-1]), float(pitch[-1])


def pose_body(mouse: Mouse, posture: np.void) -> Body:
    """Place one mouse in space, in a posture (a structured scalar of dtype `POSTURE`)."""
    trunk, line, yaw, pitch = _spine(mouse, posture)
    head_yaw = yaw + float(posture["head_yaw"])
    head_pitch = pitch * 0.7 + float(posture["head_pitch"])
    forward = _directions(np.float64(head_yaw), np.float64(head_pitch))  # type: ignore[arg-type]
    side = np.array([-np.sin(head_yaw), np.cos(head_yaw), 0.0])
    up = np.cross(forward, side)
    reach = np.array([0.28, 0.52, 0.76, 0.95])[:, None] * mouse.head_mm
    girth = mouse.girth_mm
    head_radius = np.array([0.62, 0.56, 0.36, 0.2]) * girth
    neck = line[-1]
    head = neck + forward * reach
    head[:, 2] = np.maximum(head[:, 2], head_radius)
    snout = head[-1] + forward * head_radius[-1]
    ears = _pair(head[0] + up * 0.45 * girth - forward * 0.05 * girth, side, 0.68 * girth)
    eyes = _pair(head[2] + up * 0.24 * girth - forward * 0.12 * girth, side, 0.33 * girth)
    fore, hind = _paws(mouse, posture, line, head, side, yaw)
    tail = _tail(mouse, posture, line[0])
    middle = line[_N_SPINE // 2] * 0.5 + line[_N_SPINE // 2 - 1] * 0.5
    keypoints = np.stack([snout, ears[0], ears[1], neck, middle, fore[0], fore[1], line[0], tail[-1]])
    balls = np.concatenate([trunk, np.column_stack([head, head_radius])])
    return Body(balls, ears, eyes, fore, hind, tail, keypoints, forward)


def _paws(
    mouse: Mouse,
    posture: np.void,
    line: NDArray[np.float64],
    head: NDArray[np.float64],
    head_side: NDArray[np.float64],
    front_yaw: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Forepaws and hind paws, each of shape (2, 3), left first."""
    swing = posture["step"] * np.sin(posture["gait"]) * 9.0
    front = np.array([np.cos(front_yaw), np.sin(front_yaw), 0.0])
    side = np.array([-front[1], front[0], 0.0])
    # On the floor (or hanging before the chest, when the spine is raised) …
    resting = _pair(line[-2] + front * 8.0, side, 0.72 * mouse.girth_mm)
    resting[:, 2] = np.maximum(line[-2, 2] - 12.0, 2.0)
    resting[0] += front * swing
    resting[1] -= front * swing
    # … or at the face.
    raised = _pair(head[2], head_side, 0.42 * mouse.girth_mm)
    paws = float(posture["paws"])
    fore = (1.0 - paws) * resting + paws * raised
    back = np.array([np.cos(posture["heading"]), np.sin(posture["heading"]), 0.0])
    back_side = np.array([-back[1], back[0], 0.0])
    hind = _pair(line[1] + back * 4.0, back_side, 0.98 * mouse.girth_mm)
    hind[:, 2] = 2.0
    hind[0] -= back * swing
    hind[1] += back * swing
    return fore, hind


def _tail(mouse: Mouse, posture: np.void, root: NDArray[np.float64], n_points: int = 12) -> NDArray[np.float64]:
    share = np.linspace(0.0, 1.0, n_points)
    yaw = posture["heading"] + np.pi + posture["tail_yaw"] + posture["tail_bend"] * share
    tail = np.zeros((n_points, 3))
    step = mouse.tail_mm / (n_points - 1)
    tail[1:, 0] = np.cumsum(np.cos(yaw[1:])) * step
    tail[1:, 1] = np.cumsum(np.sin(yaw[1:])) * step
    tail[:, :2] += root[:2]
    tail[:, 2] = np.maximum(root[2] * (1.0 - 2.0 * share), 2.0)
    return tail


def confine_body(body: Body, arena: Arena) -> None:
    """Press the body against the walls it would reach through, in place."""
    body.balls[:, :2] = arena.keep_inside(body.balls[:, :2], 0.8 * body.balls[:, 3])
    for points, margin_mm in (
        (body.ears, 6.0),
        (body.eyes, 5.0),
        (body.fore_paws, 1.0),
        (body.hind_paws, 2.0),
        (body.tail, 2.0),
        (body.keypoints, 2.0),
    ):
        points[:, :2] = arena.keep_inside(points[:, :2], np.full(len(points), margin_mm))
