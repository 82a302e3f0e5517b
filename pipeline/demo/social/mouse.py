"""One of two mice: it does its own things, or goes where an act wants it."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pipeline.demo.behavior import FILLERS, Episode
from pipeline.demo.body import POSTURE, Body, Mouse, confine_body, pose_body
from pipeline.demo.motion import Goal, Walker, wrapped
from pipeline.demo.scene import Arena

# What a mouse does by itself: how often it is chosen. Some look like half of a social behavior: running like chasing
# and being chased, resting like side by side, grooming and turning like parts of a fight.
ROAMING = {"walking": 0.45, "sniffing": 0.2, "turning": 0.1, "crouching": 0.05, "resting": 0.1, "grooming": 0.1}
STAYING = {"sniffing": 0.35, "turning": 0.15, "crouching": 0.1, "resting": 0.2, "grooming": 0.2}
CALM = {"sniffing": 0.4, "crouching": 0.15, "resting": 0.25, "grooming": 0.2}
_GROOMING_S = (1.0, 3.0, 7.0)

_TURN_RATE = 9.0  # radians per second
_NEAR_MM, _FAR_MM = 12.0, 45.0
_CLEAR_MM = 46.0  # from the other's middle, for who walks around it
WALK_MM_S = 300.0


class SocialMouse(Walker):
    """A mouse that knows of another one, `other`."""

    other: "SocialMouse"

    def __init__(self, mouse: Mouse, arena: Arena, fps: float, rng: np.random.Generator) -> None:
        super().__init__(mouse, arena, fps, rng)
        self.episode: Episode | None = None
        self.posture: np.void = np.zeros(1, POSTURE)[0]

    @property
    def forward(self) -> NDArray[np.float64]:
        """Unit vector of the heading, shape (2,)."""
        return unit(self.heading)

    @property
    def middle_mm(self) -> NDArray[np.float64]:
        """Middle of the trunk, shape (2,)."""
        return self.place + 0.35 * self.mouse.length_mm * self.forward

    @property
    def body(self) -> Body:
        """The body as it is now."""
        body = pose_body(self.mouse, self.posture)
        confine_body(body, self.arena)
        return body

    def meet(self, other: "SocialMouse") -> None:
        """Make this mouse know of the other; they start well apart."""
        self.other = other
        self.posture["x_mm"], self.posture["y_mm"] = self.place
        self.posture["heading"] = self.heading

    def roam(self, frame: int, states: dict[str, float]) -> None:
        """Do one's own things for a frame: states and how often they are chosen."""
        if self.episode is None or frame >= self.episode.stop or self.episode.state not in states:
            chances = np.array([*states.values()])
            state = str(self.rng.choice([*states], p=chances / chances.sum()))
            shortest, mean, longest = FILLERS[state][1] if state in FILLERS else _GROOMING_S
            length_s = float(np.clip(self.rng.gamma(2.0, mean / 2.0), shortest, longest))
            self.episode = Episode(state, frame, frame + max(2, round(length_s / self.dt)))
            self.begin(self.episode, None)
        self.posture = self.advance(frame, self.episode)

    def _destination(self, episode: Episode, following: str | None) -> NDArray[np.float64]:
        """A place of one's own: not where the other is."""
        one_of_its_own = super()._destination  # super() finds nothing inside the list
        places = [one_of_its_own(episode, following) for _ in range(4)]
        return max(places, key=lambda place: min(float(np.linalg.norm(place - self.other.middle_mm)), 120.0))

    def hold(self, frame: int, goal: Goal) -> None:
        """Stay for a frame, in the goal's pose."""
        self.episode, self.goal = None, goal
        self._stay(goal)
        self.posture = self.settle(frame)

    def go(
        self,
        frame: int,
        to_mm: NDArray[np.float64],
        heading: float,
        goal: Goal,
        top_mm_s: float,
        turn_rate: float = _TURN_RATE,
    ) -> None:
        """Move for a frame towards a place (2,) and, once there, a heading, in the goal's pose."""
        ahead = to_mm - self.place
        distance = float(np.linalg.norm(ahead))
        # On the way it looks where it goes; there, where it should.
        share = float(np.clip((distance - _NEAR_MM) / (_FAR_MM - _NEAR_MM), 0.0, 1.0))
        look = share * ahead / max(distance, 1e-9) + (1.0 - share) * unit(heading)
        error = wrapped(float(np.arctan2(look[1], look[0])) - self.heading)
        self.heading += float(np.clip(error, -turn_rate * self.dt, turn_rate * self.dt))
        speed = min(top_mm_s, distance / 0.12) * (max(float(np.cos(error)), 0.3) if share > 0.5 else 1.0)
        step = min(speed * self.dt, distance)
        if distance > 1e-6:
            self.place = self.place + ahead / distance * step
        margin = np.array([0.9 * self.mouse.girth_mm])
        self.place = self.arena.keep_inside(self.place[None], margin)[0]
        pose = goal.pose | {"step": float(np.clip(speed / 80.0, 0.0, 1.0))}
        if share > 0.5:
            pose["bend"] = float(np.clip(0.9 * error, -0.8, 0.8))
        self.episode, self.goal = None, replace(goal, pose=pose)
        self.gait += 2.0 * np.pi * step / 60.0
        self.posture = self.settle(frame)

    def around_other(self, to_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """The next place (2,) on a way to `to_mm` that does not lead over the other mouse."""
        way = to_mm - self.place
        length = float(np.linalg.norm(way))
        if length < 1e-6:
            return to_mm
        along = float((self.other.middle_mm - self.place) @ way) / length
        aside = self.place + np.clip(along, 0.0, length) * way / length - self.other.middle_mm
        off = float(np.linalg.norm(aside))
        if along <= 0.0 or along >= length or off >= _CLEAR_MM:
            return to_mm
        out = aside / off if off > 1.0 else np.array([-way[1], way[0]]) / length
        around = self.other.middle_mm + out * (_CLEAR_MM + 25.0)
        return self.arena.keep_inside(around[None], np.array([self.mouse.girth_mm]))[0]


def unit(angle: float) -> NDArray[np.float64]:
    """Unit vector of an angle, shape (2,)."""
    return np.array([np.cos(angle), np.sin(angle)])


def turned(vector: NDArray[np.float64], angle: float) -> NDArray[np.float64]:
    """A vector (2,), turned by an angle."""
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([cos * vector[0] - sin * vector[1], sin * vector[0] + cos * vector[1]])


def walking_goal(rng: np.random.Generator) -> Goal:
    """How a mouse looks that is on its way."""
    pose = {"crouch": float(rng.uniform(0.0, 0.2)), "stretch": float(rng.uniform(0.03, 0.12)), "step": 1.0}
    return Goal(pose | {"tail_bend": float(rng.normal(0.0, 0.6))}, sway=0.1, sway_s=0.9)


def keep_apart(one: SocialMouse, other: SocialMouse) -> None:
    """Push two mice that walk into each other apart, where their bodies would overlap; both in place."""
    for own, own_radius in _discs(one):
        for its, its_radius in _discs(other):
            way = own - its
            distance = float(np.linalg.norm(way))
            overlap = own_radius + its_radius - distance
            if overlap > 0:
                step = min(0.5 * overlap, 5.0) * way / max(distance, 1e-6)
                for mouse, sign in ((one, 1.0), (other, -1.0)):
                    place = mouse.place + sign * step
                    mouse.place = mouse.arena.keep_inside(place[None], np.array([0.9 * mouse.mouse.girth_mm]))[0]


def _discs(mouse: SocialMouse) -> list[tuple[NDArray[np.float64], float]]:
    length, girth, forward = mouse.mouse.length_mm, mouse.mouse.girth_mm, mouse.forward
    ahead = ((-0.05 * length, 0.9), (0.35 * length, 0.95), (0.85 * length + 0.4 * mouse.mouse.head_mm, 0.55))
    return [(mouse.place + x * forward, share * girth) for x, share in ahead]
