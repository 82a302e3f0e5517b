"""What two mice do in a bout: where the actor must be for it to begin, and how both move while it lasts.

A new behavior is a class here and a line in `ACTS`.
"""

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from pipeline.demo.motion import Goal, wrapped
from pipeline.demo.social.mouse import CALM, SocialMouse, unit, walking_goal
from pipeline.demo.social.sniffing import Stance, draw_stance

Place = tuple[NDArray[np.float64], float]
"""Hips (2,) in mm and heading in radians."""

_RUN_MM_S = 380.0
_FIGHT_MM_S, _FIGHT_TURN_RATE = 650.0, 18.0
_SHIFT_MM_S = 220.0
_WALL_MM = 34.0
_AHEAD_MM = 85.0


class Act(ABC):
    """One bout: the actor comes to the other mouse, its partner."""

    is_mutual: ClassVar[bool] = False
    """Whether both show the behavior."""

    def __init__(self, actor: SocialMouse, rng: np.random.Generator) -> None:
        self.actor, self.partner, self.rng = actor, actor.other, rng
        self.dt = actor.dt

    @abstractmethod
    def meeting(self) -> Place | None:
        """Where the actor has to be as things are now; None where there is no room."""

    @abstractmethod
    def step(self, frame: int) -> None:
        """Both do it for one frame."""

    def partner_shows(self) -> bool:
        """Whether the partner shows the behavior in the frame of the last `step`."""
        return self.is_mutual

    def _between(self, low: float, high: float) -> float:
        return float(self.rng.uniform(low, high))

    def _has_room(self, place: NDArray[np.float64]) -> bool:
        return float(self.actor.arena.wall_distance(place)) > 1.1 * self.actor.mouse.girth_mm

    def _behind(self, distance_mm: float, aside_mm: float = 0.0) -> NDArray[np.float64]:
        forward = self.partner.forward
        return self.partner.place - distance_mm * forward + aside_mm * np.array([-forward[1], forward[0]])


class Investigation(Act):
    """The actor sniffs the partner here and there, mostly from beside it; the partner does not mind."""

    def __init__(self, actor: SocialMouse, rng: np.random.Generator) -> None:
        super().__init__(actor, rng)
        self.stance: Stance | None = None
        self.until = 0

    def meeting(self) -> Place | None:
        """Beside the partner, as the first stance has it."""
        if self.stance is None or self.stance.place(self.partner, self.actor) is None:
            self.stance = draw_stance(self.actor, self.rng)
        return None if self.stance is None else self.stance.place(self.partner, self.actor)

    def step(self, frame: int) -> None:
        """Sniff, and go on to another place of the partner's body now and then."""
        if self.until == 0:
            self.until = frame + round(self._between(0.8, 2.5) / self.dt)
        if frame >= self.until:
            self.stance = draw_stance(self.actor, self.rng, near=True) or self.stance
            self.until = frame + round(self._between(0.8, 2.5) / self.dt)
        assert self.stance is not None
        if self.stance.is_face:
            to_actor = self.actor.middle_mm - self.partner.place
            goal = Goal({"crouch": 0.15, "head_pitch": -0.1}, face=float(np.arctan2(to_actor[1], to_actor[0])))
            goal.stroke, goal.stroke_hz = 0.12, 6.0
            self.partner.hold(frame, goal)
        else:
            self.partner.roam(frame, CALM)
        place = self.stance.place(self.partner, self.actor, strict=False)
        assert place is not None
        self.actor.go(frame, *place, self.stance.goal, _SHIFT_MM_S)

    def partner_shows(self) -> bool:
        """Nose to nose, both sniff."""
        return self.stance is not None and self.stance.is_face


class Chasing(Act):
    """The partner runs away, along the walls where it must; the actor runs along its trail."""

    def __init__(self, actor: SocialMouse, rng: np.random.Generator) -> None:
        super().__init__(actor, rng)
        self.gap_mm = self._between(70.0, 125.0)
        self.speed_mm_s = self._between(170.0, 310.0)
        self.drift = 0.0
        self.trail: list[NDArray[np.float64]] = []

    def meeting(self) -> Place | None:
        """Behind the partner."""
        place = self._behind(95.0)
        return (place, self.partner.heading) if self._has_room(place) else None

    def step(self, frame: int) -> None:
        """Run."""
        if not self.trail:
            self.trail = [self.actor.place.copy()]
        self.drift = 0.85 * self.drift + float(self.rng.normal(0.0, 0.16))
        way = self._way_out(self.partner.heading + self.drift)
        pace = self.speed_mm_s * self._between(0.8, 1.2)
        goal = walking_goal(self.rng)
        self.partner.go(frame, self.partner.place + 90.0 * unit(way), way, goal, pace)
        self.trail.append(self.partner.place.copy())
        to_leader = self.partner.place - self.actor.place
        heading = float(np.arctan2(to_leader[1], to_leader[0]))
        self.actor.go(frame, self._on_trail(), heading, walking_goal(self.rng), _RUN_MM_S)

    def _way_out(self, heading: float) -> float:
        """The heading nearest to the wanted one that does not end at a wall."""
        arena, place = self.partner.arena, self.partner.place
        turns = [turn for k in range(9) for turn in (0.35 * k, -0.35 * k)]
        rooms = [float(arena.wall_distance(place + _AHEAD_MM * unit(heading + turn))) for turn in turns]
        fitting = [turn for turn, room in zip(turns, rooms, strict=True) if room > _WALL_MM]
        return heading + (fitting[0] if fitting else turns[int(np.argmax(rooms))])

    def _on_trail(self) -> NDArray[np.float64]:
        """The place on the partner's trail that lies the gap behind it."""
        left = self.gap_mm
        for newer, older in zip(self.trail[:0:-1], self.trail[-2::-1], strict=True):
            length = float(np.linalg.norm(newer - older))
            if length >= left:
                return newer + (older - newer) * (left / max(length, 1e-9))
            left -= length
        return self.trail[0]


class Mounting(Act):
    """The actor lies with its chest on the partner's rump, clasps it and thrusts; the partner crouches."""

    def __init__(self, actor: SocialMouse, rng: np.random.Generator) -> None:
        super().__init__(actor, rng)
        self.behind_mm, self.aside_mm = self._between(28.0, 52.0), self._between(-7.0, 7.0)
        self.angle = self._between(-0.3, 0.3)
        self.thrust_hz, self.phase = self._between(3.0, 6.0), 0.0
        self.pose = {"pitch": self._between(0.38, 0.62), "head_pitch": self._between(-0.75, -0.3)}
        self.pose |= {"crouch": self._between(0.1, 0.4), "bend": -0.6 * self.angle, "paws": 0.0}
        self.held = {"crouch": self._between(0.25, 0.7), "head_pitch": self._between(-0.3, 0.1)}
        self.held["bend"] = float(rng.normal(0.0, 0.2))

    def meeting(self) -> Place | None:
        """Behind the partner, where nose meets tail."""
        place = self._behind(92.0)
        return (place, self.partner.heading) if self._has_room(place) else None

    def step(self, frame: int) -> None:
        """Thrust; the partner creeps forward a little."""
        self.partner.hold(frame, Goal(self.held, sway=0.08, sway_s=1.1))
        self.phase += 2.0 * np.pi * self.thrust_hz * self.dt * self._between(0.8, 1.2)
        behind = self.behind_mm + 5.0 * float(np.sin(self.phase))
        goal = Goal(self.pose, bob=0.08, bob_s=0.37, sway=0.05, sway_s=0.8)
        self.actor.go(frame, self._behind(behind, self.aside_mm), self.partner.heading + self.angle, goal, _SHIFT_MM_S)


class SideBySide(Act):
    """The two sit flank to flank, looking the same way or opposite ways, and hardly move."""

    is_mutual = True

    def __init__(self, actor: SocialMouse, rng: np.random.Generator) -> None:
        super().__init__(actor, rng)
        self.side = float(rng.choice([-1.0, 1.0]))
        self.is_opposite = bool(rng.uniform() < 0.3)
        self.along_mm, self.tight = self._between(-30.0, 30.0), self._between(0.88, 1.04)
        self.tilt = self._between(-0.15, 0.15)
        self.goals = [self._sitting() for _ in range(2)]

    def _sitting(self) -> Goal:
        pose = {"crouch": self._between(0.55, 1.0), "head_pitch": self._between(-0.4, 0.1)}
        pose |= {"bend": float(self.rng.normal(0.0, 0.15)), "head_yaw": float(self.rng.normal(0.0, 0.2))}
        return Goal(pose | {"tail_bend": float(self.rng.normal(0.0, 1.0))}, sway=0.02, sway_s=1.4)

    def meeting(self) -> Place | None:
        """Beside the partner, on either side."""
        for _ in range(2):
            place = self._beside()
            if self._has_room(place[0]):
                return place
            self.side = -self.side
        return None

    def _beside(self) -> Place:
        forward, girth = self.partner.forward, self.partner.mouse.girth_mm + self.actor.mouse.girth_mm
        out = self.side * np.array([-forward[1], forward[0]])
        along = self.along_mm + (0.7 * self.actor.mouse.length_mm if self.is_opposite else 0.0)
        heading = self.partner.heading + self.tilt + (np.pi if self.is_opposite else 0.0)
        return self.partner.place + self.tight * girth * out + along * forward, heading

    def step(self, frame: int) -> None:
        """Sit."""
        self.partner.hold(frame, self.goals[1])
        self.actor.go(frame, *self._beside(), self.goals[0], _SHIFT_MM_S)


class Fighting(Act):
    """The two whirl around each other, rear, bite at flanks; who is on top changes."""

    is_mutual = True

    def __init__(self, actor: SocialMouse, rng: np.random.Generator) -> None:
        super().__init__(actor, rng)
        self.angle: float | None = None
        self.center = np.zeros(2)
        self.spin, self.apart_mm, self.until = 0.0, 40.0, 0
        self.facing = [0.0, 0.0]
        self.goals = [Goal({}), Goal({})]

    def meeting(self) -> Place | None:
        """Within a leap."""
        way = self.actor.place - self.partner.middle_mm
        place = self.partner.middle_mm + 88.0 * way / max(float(np.linalg.norm(way)), 1e-6)
        return place, float(np.arctan2(-way[1], -way[0]))

    def step(self, frame: int) -> None:
        """Whirl; every few tenths of a second another grip."""
        way = self.actor.middle_mm - self.partner.middle_mm
        if self.angle is None:
            self.angle = float(np.arctan2(way[1], way[0]))
            self.center = 0.5 * (self.actor.middle_mm + self.partner.middle_mm)
        if frame >= self.until:
            self._regrip(frame)
        self.angle += self.spin * self.dt
        move = self.rng.normal(0.0, 160.0, 2) * self.dt
        self.center = self.actor.arena.keep_inside((self.center + move)[None], np.array([62.0]))[0]
        for mouse, goal, facing, sign in zip(
            (self.actor, self.partner), self.goals, self.facing, (1.0, -1.0), strict=True
        ):
            out = sign * unit(self.angle)
            middle = self.center + 0.5 * self.apart_mm * out
            heading = float(np.arctan2(-out[1], -out[0])) + facing
            hips = middle - 0.35 * mouse.mouse.length_mm * unit(heading)
            mouse.go(frame, hips, heading, goal, _FIGHT_MM_S, _FIGHT_TURN_RATE)

    def _regrip(self, frame: int) -> None:
        self.until = frame + max(2, round(self._between(0.25, 0.7) / self.dt))
        self.spin = float(self.rng.choice([-1.0, 1.0])) * self._between(1.5, 6.5)
        self.apart_mm = self._between(20.0, 48.0)
        on_top = int(self.rng.integers(2))
        for i in range(2):
            # Face to face, or each at the other's flank.
            self.facing[i] = float(self.rng.choice([0.0, -1.0, 1.0])) * self._between(0.9, 1.7)
            pitch = self._between(0.4, 0.95) if i == on_top else self._between(0.0, 0.5)
            pose = {"pitch": pitch, "bend": self._between(-1.1, 1.1), "head_yaw": self._between(-0.8, 0.8)}
            pose |= {"crouch": self._between(0.0, 0.8), "head_pitch": self._between(-0.6, 0.3)}
            pose |= {"paws": self._between(0.0, 0.6), "tail_yaw": self._between(-0.8, 0.8)}
            self.goals[i] = Goal(pose, stroke=self._between(0.15, 0.4), stroke_hz=self._between(5.0, 9.0), sway=0.1)


ACTS: dict[str, type[Act]] = {
    "investigation": Investigation,
    "chasing": Chasing,
    "mounting": Mounting,
    "side_by_side": SideBySide,
    "fighting": Fighting,
}
"""By the names in `BEHAVIORS`."""


def is_there(mouse: SocialMouse, place: Place) -> bool:
    """Whether a mouse has reached a place and looks about where it should."""
    near = float(np.linalg.norm(place[0] - mouse.place)) < 14.0
    return near and abs(wrapped(place[1] - mouse.heading)) < 0.6
