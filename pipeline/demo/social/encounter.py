"""Two mice over time: apart, on the way to each other, in a bout; and the label of each in every frame."""

import numpy as np
from numpy.typing import NDArray

from pipeline.demo.body import POSTURE, Mouse
from pipeline.demo.scene import Arena
from pipeline.demo.social.acts import ACTS, Act, is_there
from pipeline.demo.social.behavior import BEHAVIORS, Bout, plan_bouts
from pipeline.demo.social.mouse import (
    CALM,
    ROAMING,
    STAYING,
    WALK_MM_S,
    SocialMouse,
    keep_apart,
    unit,
    walking_goal,
)

_MOST_WAY_S = 4.0
"""Who has not come to the other by then gives up; nothing is labelled."""
_LEAVE_S = 0.9
_NEAR_MM = (46.0, 95.0)


def simulate_encounter(
    builds: tuple[Mouse, Mouse], arena: Arena, n_frames: int, fps: float, rng: np.random.Generator
) -> tuple[NDArray[np.void], NDArray[np.int8]]:
    """Play two mice for some frames.

    Returns
    -------
    postures : ndarray, shape (n_frames, 2), dtype `POSTURE`
    labels : ndarray, shape (n_frames, 2), int8
        What each of them shows: 0 nothing, else 1 + its place in `BEHAVIORS`.
    """
    encounter = _Encounter(builds, arena, n_frames, fps, rng)
    for bout in plan_bouts(n_frames, fps, rng):
        if encounter.is_over:
            break
        encounter.play(bout)
    return encounter.postures, encounter.labels


class _Encounter:
    def __init__(
        self, builds: tuple[Mouse, Mouse], arena: Arena, n_frames: int, fps: float, rng: np.random.Generator
    ) -> None:
        self.postures = np.zeros((n_frames, 2), POSTURE)
        self.labels = np.zeros((n_frames, 2), np.int8)
        self.rng, self.fps, self.frame = rng, fps, 0
        self.mice = [SocialMouse(build, arena, fps, rng) for build in builds]
        start = unit(float(rng.uniform(-np.pi, np.pi))) * 0.45 * arena.radius_mm
        for mouse, place in zip(self.mice, (start, -start), strict=True):
            mouse.place = place
        self.mice[0].meet(self.mice[1])
        self.mice[1].meet(self.mice[0])

    @property
    def is_over(self) -> bool:
        return self.frame == len(self.postures)

    def play(self, bout: Bout) -> None:
        """A time apart, the actor's way to the other, the bout; cut off by the recording's end."""
        self._be_apart(bout)
        act = ACTS[bout.behavior](self.mice[bout.actor], self.rng)
        if not self._come_near(act):
            return
        for _ in range(bout.n_frames):
            if self.is_over:
                return
            act.step(self.frame)
            shown = 1 + BEHAVIORS.index(bout.behavior)
            self.labels[self.frame, bout.actor] = shown
            self.labels[self.frame, 1 - bout.actor] = shown if act.partner_shows() else 0
            self._next(act)

    def _next(self, act: Act | None = None) -> None:
        if act is None:
            keep_apart(*self.mice)
        for i, mouse in enumerate(self.mice):
            self.postures[self.frame, i] = mouse.posture
        self.frame += 1

    def _be_apart(self, bout: Bout) -> None:
        leaver = self.mice[int(self.rng.integers(2))]
        place, heading = self._place_aside(leaver)
        goal = walking_goal(self.rng)
        n_leave = round(_LEAVE_S * self.fps) if bout.near else 0
        states = STAYING if bout.near else ROAMING
        for i in range(bout.gap_frames):
            if self.is_over:
                return
            for mouse in self.mice:
                if mouse is leaver and i < n_leave:
                    mouse.go(self.frame, mouse.around_other(place), heading, goal, 0.7 * WALK_MM_S)
                else:
                    mouse.roam(self.frame, states)
            self._next()

    def _place_aside(self, mouse: SocialMouse) -> tuple[NDArray[np.float64], float]:
        """A place not far from the other mouse, where it looks elsewhere."""
        angles = self.rng.uniform(-np.pi, np.pi, 16)
        distances = self.rng.uniform(*_NEAR_MM, 16)
        places = mouse.other.middle_mm + distances[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        has_room = mouse.arena.wall_distance(places) > 1.5 * mouse.mouse.girth_mm
        steps = np.linalg.norm(places - mouse.place, axis=1) + 1e3 * ~has_room
        # Any of the nearer ones: it need not cross the cage to leave.
        chosen = places[self.rng.choice(np.argsort(steps)[:4])]
        away = chosen - mouse.other.middle_mm
        return chosen, float(np.arctan2(away[1], away[0]) + self.rng.uniform(-1.0, 1.0))

    def _come_near(self, act: Act) -> bool:
        """Bring the actor to where the act begins; False where it gives up or the recording ends."""
        goal = walking_goal(self.rng)
        pace = float(self.rng.uniform(0.7, 1.0)) * WALK_MM_S
        for _ in range(round(_MOST_WAY_S * self.fps)):
            if self.is_over:
                return False
            meeting = act.meeting()
            if meeting is not None and is_there(act.actor, meeting):
                return True
            if meeting is None:
                # No room: the partner comes out of the corner.
                inwards = -act.partner.place
                way = float(np.arctan2(inwards[1], inwards[0]))
                act.partner.go(self.frame, 0.3 * act.partner.place, way, goal, 0.6 * WALK_MM_S)
                act.actor.roam(self.frame, CALM)
            else:
                act.partner.roam(self.frame, CALM)
                place, heading = meeting
                act.actor.go(self.frame, act.actor.around_other(place), heading, goal, pace)
            self._next()
        return False
