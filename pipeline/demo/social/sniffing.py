"""Where a mouse stands while it sniffs another one, and which part of it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.demo.body import KEYPOINTS, POSTURE, Mouse, pose_body
from pipeline.demo.motion import Goal
from pipeline.demo.social.mouse import SocialMouse, turned, unit

# From beside, body along body with the head turned to the other; across; from behind; from the front.
_HOW = {"along": 0.55, "across": 0.25, "behind": 0.1, "face": 0.1}
_TRIES, _NEAREST_OF = 14, 3
_REACH_MM = 90.0  # the farthest that a mouse goes for another place to sniff at


@dataclass(frozen=True)
class Stance:
    """A way to sniff the other mouse.

    `touch` (2,) is the place of the nose, in mm ahead and aside of the other's `keypoint`; `angle` the sniffer's
    heading against the other's; `goal` the sniffer's pose.
    """

    keypoint: str
    touch: tuple[float, float]
    angle: float
    goal: Goal
    is_face: bool = False

    def place(
        self, partner: SocialMouse, actor: SocialMouse, strict: bool = True
    ) -> tuple[NDArray[np.float64], float] | None:
        """Hips (2,) in mm and heading that bring the nose there; None where `strict` and there is no room for it."""
        heading = partner.heading + self.angle
        at = partner.body.keypoints[KEYPOINTS.index(self.keypoint), :2]
        forward = partner.forward
        aside = np.array([-forward[1], forward[0]])
        nose = at + self.touch[0] * forward + self.touch[1] * aside
        hips = nose - turned(nose_ahead(actor.mouse, self.goal), heading)
        if not strict:
            return hips, heading
        middle = hips + 0.35 * actor.mouse.length_mm * unit(heading)
        rooms = actor.arena.wall_distance(np.stack([hips, middle]))
        apart = float(np.linalg.norm(middle - partner.middle_mm))
        is_free = bool((rooms > 1.2 * actor.mouse.girth_mm).all()) and apart > 1.9 * actor.mouse.girth_mm
        return (hips, heading) if is_free else None


def nose_ahead(mouse: Mouse, goal: Goal) -> NDArray[np.float64]:
    """The nose (2,) in mm seen from the hips of a mouse that looks along x, in the goal's pose."""
    posture: np.void = np.zeros(1, POSTURE)[0]
    for name, value in goal.pose.items():
        posture[name] = value
    return pose_body(mouse, posture).keypoints[KEYPOINTS.index("snout"), :2]


def draw_stance(actor: SocialMouse, rng: np.random.Generator, near: bool = False) -> Stance | None:
    """Draw a stance that has room, one of the nearest; with `near`, one that is reached by a few steps, or None."""
    found = []
    for _ in range(_TRIES):
        stance = _draw(actor, rng)
        place = stance.place(actor.other, actor)
        if place is not None:
            found.append((float(np.linalg.norm(place[0] - actor.place)), stance))
    found.sort(key=lambda each: each[0])
    fitting = [stance for distance, stance in found[:_NEAREST_OF] if not near or distance < _REACH_MM]
    return fitting[int(rng.integers(len(fitting)))] if fitting else None


def _draw(actor: SocialMouse, rng: np.random.Generator) -> Stance:
    how = str(rng.choice([*_HOW], p=[*_HOW.values()]))
    girth, side = actor.other.mouse.girth_mm, float(rng.choice([-1.0, 1.0]))
    pose = {"crouch": float(rng.uniform(0.05, 0.4)), "head_pitch": float(rng.uniform(-0.3, 0.0))}
    if how == "face":
        angle = np.pi + float(rng.uniform(-0.4, 0.4))
        return Stance("snout", (4.0, 0.0), angle, _sniffing(pose, rng), is_face=True)
    if how == "behind":
        return Stance("tailbase", (-6.0, 0.0), float(rng.uniform(-0.35, 0.35)), _sniffing(pose, rng))
    if how == "across":
        pose["bend"] = float(rng.normal(0.0, 0.3))
        touch = (float(rng.uniform(-14.0, 16.0)), side * 1.05 * girth)
        return Stance("midbody", touch, -side * np.pi / 2 + float(rng.uniform(-0.6, 0.6)), _sniffing(pose, rng))
    is_opposite = bool(rng.uniform() < 0.5)
    # The other lies to the right or left of who stands along it.
    towards = side if is_opposite else -side
    pose |= {"bend": towards * float(rng.uniform(0.35, 0.8)), "head_yaw": towards * float(rng.uniform(0.35, 0.8))}
    # Mostly what lies beside its own head, so that the two bodies are side by side.
    keypoint = str(rng.choice(["midbody", "tailbase" if is_opposite else "neck"], p=[0.2, 0.8]))
    touch = (float(rng.uniform(-6.0, 6.0)), side * {"neck": 0.8, "midbody": 1.05, "tailbase": 0.7}[keypoint] * girth)
    angle = (np.pi if is_opposite else 0.0) + float(rng.uniform(-0.2, 0.2))
    return Stance(keypoint, touch, angle, _sniffing(pose, rng))


def _sniffing(pose: dict[str, float], rng: np.random.Generator) -> Goal:
    tail = {"tail_bend": float(rng.normal(0.0, 0.7))}
    stroke, hz = float(rng.uniform(0.08, 0.18)), float(rng.uniform(4.0, 7.0))
    return Goal(pose | tail, stroke=stroke, stroke_hz=hz, sway=0.08, sway_s=1.0)
