"""From the timeline to a posture per frame: paths, poses that ease into each other, grooming strokes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.demo.behavior import AT_WALL, IN_THE_OPEN, Episode
from pipeline.demo.body import POSTURE, Mouse
from pipeline.demo.scene import Arena

# How fast a posture eases towards its target, as a time constant in seconds.
_EASE_S = 0.16
_TURN_RATE = 6.0  # radians per second while walking
_TOP_SPEED_MM_S = 320.0
EASED = ("pitch", "crouch", "stretch", "bend", "head_yaw", "head_pitch", "paws", "step", "tail_yaw", "tail_bend")


@dataclass
class Goal:
    """What one episode aims at; angles in radians, `pose` by the names of `POSTURE`."""

    pose: dict[str, float]
    place_mm: NDArray[np.float64] | None = None
    face: float | None = None  # heading to take up
    turn_rate: float = 0.0  # radians per second
    stroke: float = 0.0  # size of the grooming strokes of the head
    stroke_hz: float = 0.0
    sway: float = 0.0  # slow scanning of the head
    sway_s: float = 1.0
    bob: float = 0.0  # up and down on the hind legs
    bob_s: float = 1.0
    until: int = 0  # a grooming phase ends here


def simulate_motion(
    episodes: list[Episode], mouse: Mouse, arena: Arena, fps: float, rng: np.random.Generator
) -> NDArray[np.void]:
    """Posture of every frame of a timeline (see `plan_timeline`), shape (n_frames,), dtype `POSTURE`."""
    postures = np.zeros(episodes[-1].stop, POSTURE)
    walker = Walker(mouse, arena, fps, rng)
    for i, episode in enumerate(episodes):
        following = episodes[i + 1].state if i + 1 < len(episodes) else None
        walker.begin(episode, following)
        for frame in range(episode.start, episode.stop):
            postures[frame] = walker.advance(frame, episode)
    return postures


class Walker:
    """The state of one moving mouse between frames: its hips' place in mm, its heading in radians, its pose."""

    def __init__(self, mouse: Mouse, arena: Arena, fps: float, rng: np.random.Generator) -> None:
        self.mouse, self.arena, self.dt, self.rng = mouse, arena, 1.0 / fps, rng
        self.place = rng.uniform(-0.5, 0.5, 2) * arena.radius_mm
        self.heading = float(rng.uniform(-np.pi, np.pi))
        self.pose = dict.fromkeys(EASED, 0.0)
        self.gait = 0.0
        self.stroke = self.bob = 0.0
        self.phase = 0.0
        self.wander = np.zeros(4)
        self.goal = Goal({})

    def begin(self, episode: Episode, following: str | None) -> None:
        """Decide how this episode will look."""
        goal = getattr(self, f"_aim_{episode.state}")(episode, following)
        goal.pose.setdefault("tail_bend", float(self.rng.normal(0.0, 0.7)))
        goal.pose.setdefault("tail_yaw", float(self.rng.normal(0.0, 0.25)))
        self.goal = goal

    def between(self, low: float, high: float) -> float:
        """Draw a number."""
        return float(self.rng.uniform(low, high))

    def _aim_walking(self, episode: Episode, following: str | None) -> Goal:
        pose = {"crouch": self.between(0.0, 0.2), "stretch": self.between(0.03, 0.12), "step": 1.0}
        return Goal(pose, place_mm=self._destination(episode, following), sway=0.12, sway_s=0.9)

    def _aim_turning(self, *_: object) -> Goal:
        side = self.rng.choice([-1.0, 1.0])
        pose = {"bend": side * self.between(0.5, 1.0), "head_yaw": side * self.between(0.2, 0.6)}
        pose |= {"crouch": self.between(0.1, 0.4), "step": 0.5}
        return Goal(pose, turn_rate=float(side) * self.between(1.6, 3.4))

    def _aim_sniffing(self, *_: object) -> Goal:
        pose = {"crouch": self.between(0.05, 0.5), "head_pitch": self.between(-0.25, 0.25)}
        pose |= {"pitch": self.between(0.0, 0.15), "bend": float(self.rng.normal(0, 0.2))}
        return Goal(pose, sway=self.between(0.2, 0.6), sway_s=self.between(0.8, 1.8))

    def _curled(self) -> dict[str, float]:
        """The rounded posture that resting and grooming share."""
        pose = {"crouch": self.between(0.65, 1.0), "pitch": self.between(0.0, 0.25)}
        if self.rng.uniform() < 0.5:  # head down between the forepaws
            pose |= {"bend": float(self.rng.normal(0, 0.15)), "head_yaw": float(self.rng.normal(0, 0.15))}
            pose |= {"head_pitch": self.between(-0.85, -0.4), "paws": self.between(0.6, 1.0)}
        else:  # head at a flank
            side = self.rng.choice([-1.0, 1.0])
            pose |= {"bend": side * self.between(0.5, 1.2), "head_yaw": side * self.between(0.3, 0.9)}
            pose |= {"head_pitch": self.between(-0.6, -0.2), "paws": self.between(0.2, 0.7)}
        return pose

    def _aim_resting(self, *_: object) -> Goal:
        pose = self._curled()
        if self.rng.uniform() < 0.4:  # sitting flat, the head before it
            pose |= {"crouch": self.between(0.4, 0.8), "bend": float(self.rng.normal(0, 0.25))}
            pose |= {"head_yaw": float(self.rng.normal(0, 0.2)), "head_pitch": self.between(-0.4, 0.0)}
            pose["paws"] = self.between(0.0, 0.3)
        pose["tail_bend"] = float(self.rng.normal(0, 1.2))
        return Goal(pose, sway=0.02, sway_s=1.4)

    def _aim_grooming(self, *_: object) -> Goal:
        goal = Goal(self._curled() | {"tail_bend": float(self.rng.normal(0, 1.2))})
        goal.stroke = self.between(0.25, 0.5)
        goal.stroke_hz = self.between(3.0, 7.0)
        goal.sway, goal.sway_s = self.between(0.05, 0.2), self.between(0.8, 2.0)
        # A grooming mouse shifts its seat from one stroke of work to the next.
        goal.face = self.heading + float(self.rng.normal(0, 0.6))
        return goal

    def _aim_mid_rearing(self, *_: object) -> Goal:
        pose = {"pitch": self.between(0.9, 1.3), "head_pitch": self.between(-0.2, 0.45)}
        pose |= {"crouch": self.between(0.0, 0.35), "paws": self.between(0.0, 0.4)}
        pose["bend"] = float(self.rng.normal(0, 0.2))
        return self._unsteady(Goal(pose))

    def _aim_wall_rearing(self, *_: object) -> Goal:
        pose = {"pitch": self.between(0.75, 1.15), "stretch": self.between(0.0, 0.15)}
        pose["head_pitch"] = self.between(-0.3, 0.25)
        face = self._wall_direction()
        reach = self.between(0.4, 0.7) * self.mouse.length_mm
        return self._unsteady(Goal(pose, self._wall_point(reach), face + self.between(-0.4, 0.4)))

    def _unsteady(self, goal: Goal) -> Goal:
        """Who stands on two legs sways and bobs."""
        goal.sway, goal.sway_s = self.between(0.25, 0.5), self.between(0.7, 1.3)
        goal.bob, goal.bob_s = self.between(0.3, 0.5), self.between(0.7, 1.3)
        return goal

    def _aim_crouching(self, *_: object) -> Goal:
        pose = {"crouch": self.between(0.1, 0.8), "pitch": self.between(0.3, 0.95)}
        pose |= {"head_pitch": self.between(-0.2, 0.4), "bend": float(self.rng.normal(0, 0.2))}
        pose["paws"] = self.between(0.0, 0.4)
        return Goal(pose, sway=0.03, sway_s=self.between(0.8, 2.0))

    def _aim_stretching(self, *_: object) -> Goal:
        pose = {"pitch": self.between(0.2, 0.8), "stretch": self.between(0.0, 0.15)}
        pose["head_pitch"] = self.between(-0.3, 0.3)
        place = self._wall_point(self.between(0.45, 0.95) * self.mouse.length_mm)
        face = self._wall_direction()
        return Goal(pose, place, face + self.between(-0.4, 0.4), sway=0.03, sway_s=1.2)

    def _wall_direction(self) -> float:
        outward = self.arena.mirror(self.place[None])[0] - self.place
        return float(np.arctan2(outward[1], outward[0]))

    def _wall_point(self, distance_mm: float) -> NDArray[np.float64]:
        """The hips' place before the nearest wall."""
        angle = self._wall_direction()
        gap = float(self.arena.wall_distance(self.place)) - distance_mm
        return self.place + gap * np.array([np.cos(angle), np.sin(angle)])

    def _destination(self, episode: Episode, following: str | None) -> NDArray[np.float64]:
        """A place that suits what follows and is about as far as the walk is long."""
        radius = self.arena.radius_mm
        wanted = self.between(70.0, 190.0) * episode.n_frames * self.dt
        options = self.rng.uniform(-0.9, 0.9, (24, 2)) * radius
        distance = self.arena.wall_distance(options)
        margin = 1.5 if following in IN_THE_OPEN else 0.5
        if following in AT_WALL:
            margin = 0.9
            outward = self.arena.mirror(options) - options
            outward /= np.linalg.norm(outward, axis=1, keepdims=True)
            options = options + outward * (distance - self.mouse.length_mm)[:, None]
        options = self.arena.keep_inside(options, np.full(len(options), margin * self.mouse.length_mm))
        far = np.linalg.norm(options - self.place, axis=1)
        return options[np.argmin(np.abs(far - wanted))]

    def advance(self, frame: int, episode: Episode) -> np.void:
        """Move on by one frame and return the posture."""
        goal = self.goal
        if episode.state == "grooming" and frame >= goal.until:
            self.goal = goal = self._aim_grooming()
            goal.until = frame + round(self.between(1.0, 3.5) / self.dt)
        if episode.state == "walking":
            self._walk(goal, episode.stop - frame)
        else:
            self._stay(goal)
        return self.settle(frame)

    def settle(self, frame: int) -> np.void:
        """Ease towards the goal's pose by one frame, where the mouse is, and return the posture."""
        goal = self.goal
        ease = 1.0 - np.exp(-self.dt / _EASE_S)
        for name in EASED:
            self.pose[name] += ease * (goal.pose.get(name, 0.0) - self.pose[name])
        self.stroke += ease * (goal.stroke - self.stroke)
        self.bob += ease * (goal.bob - self.bob)
        self.wander = 0.8 * self.wander + self.rng.normal(0, 0.02, 4)
        return self._posture(goal, frame)

    def _walk(self, goal: Goal, n_left: int) -> None:
        assert goal.place_mm is not None
        ahead_mm = goal.place_mm - self.place
        distance = float(np.linalg.norm(ahead_mm))
        error = wrapped(float(np.arctan2(ahead_mm[1], ahead_mm[0])) - self.heading) if distance > 8.0 else 0.0
        turn = float(np.clip(error, -_TURN_RATE * self.dt, _TURN_RATE * self.dt))
        self.heading += turn
        goal.pose["bend"] = float(np.clip(1.2 * error, -0.9, 0.9))
        goal.pose["head_yaw"] = float(np.clip(0.5 * error, -0.5, 0.5))
        # Slow while it still has to turn; in time for the next behavior otherwise.
        speed = min(1.35 * distance / max(n_left * self.dt, self.dt), _TOP_SPEED_MM_S) * max(np.cos(error), 0.25)
        step = min(speed * self.dt, distance)
        if distance > 1e-6:
            self.place = self.place + ahead_mm / distance * step
        goal.pose["step"] = float(np.clip(speed / 80.0, 0.0, 1.0))
        # A mouse's stride is about 60 mm.
        self.gait += 2.0 * np.pi * step / 60.0

    def _stay(self, goal: Goal) -> None:
        ease = 1.0 - np.exp(-self.dt / 0.3)
        if goal.place_mm is not None:
            self.place = self.place + ease * (goal.place_mm - self.place)
        if goal.face is not None:
            self.heading += 1.5 * ease * wrapped(goal.face - self.heading) * 0.7
        self.heading += goal.turn_rate * self.dt + float(self.rng.normal(0, 0.008))
        self.gait += abs(goal.turn_rate) * self.dt * 2.0
        self.place = self.arena.keep_inside(
            self.place[None] + self.rng.normal(0, 0.3, (1, 2)), np.array([0.9 * self.mouse.girth_mm])
        )[0]

    def _posture(self, goal: Goal, frame: int) -> np.void:
        posture: np.void = np.zeros(1, POSTURE)[0]
        for name in EASED:
            posture[name] = self.pose[name]
        posture["x_mm"], posture["y_mm"] = self.place
        posture["heading"], posture["gait"] = self.heading, self.gait
        self.phase += 2.0 * np.pi * goal.stroke_hz * self.dt * float(self.rng.uniform(0.85, 1.15))
        slow = np.sin(2.0 * np.pi * frame * self.dt / goal.sway_s)
        posture["head_yaw"] += self.stroke * np.sin(self.phase) + goal.sway * slow + self.wander[0]
        posture["head_pitch"] += 0.8 * self.stroke * np.sin(self.phase + 1.1) + self.wander[1]
        bob = self.bob * np.sin(2.0 * np.pi * frame * self.dt / goal.bob_s)
        posture["pitch"] = np.clip(posture["pitch"] + bob, 0.0, 1.4)
        # Standing on two legs, the whole body turns along with the head.
        posture["heading"] += 2.0 * self.bob * goal.sway * slow
        posture["bend"] += 0.3 * self.stroke * np.sin(self.phase) + 0.3 * goal.sway * slow + self.wander[2]
        posture["paws"] = np.clip(posture["paws"] + 0.6 * self.stroke * np.sin(2.0 * self.phase), 0.0, 1.0)
        posture["tail_bend"] += self.wander[3]
        return posture


def wrapped(angle: float) -> float:
    """The same angle in radians between -π and π."""
    return (angle + np.pi) % (2.0 * np.pi) - np.pi
