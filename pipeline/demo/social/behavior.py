"""What two simulated mice do when: which bouts, by whom, and how labels are given.

Labels are per animal, as an observer presses them in BORIS with a subject for each mouse: a behavior is that of the
animal which does it. Who is sniffed, chased or mounted shows none of these, and is `BACKGROUND`; side by side and
fighting are of both, and so is investigation while the two sniff each other's faces. A bout begins when the mice have
met, so the way there is `BACKGROUND` as well.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

BEHAVIORS = ("investigation", "chasing", "mounting", "side_by_side", "fighting")
BACKGROUND = "apart"
"""No behavior of these; nobody presses a key for it."""

# How often a bout is drawn; its shortest, mean and longest in seconds.
_BOUTS = {
    "investigation": (4, (1.0, 3.2, 8.0)),
    "chasing": (4, (1.0, 2.8, 6.0)),
    "mounting": (3, (1.2, 3.2, 8.0)),
    "side_by_side": (2, (2.0, 4.5, 10.0)),
    "fighting": (3, (1.0, 2.8, 7.0)),
}
_GAP_S = (0.6, 2.0, 7.0)
_NEAR_CHANCE = 0.5
_FIRST_SHARE = 0.08
"""Of the frames, for each of the first five bouts at most, so that even a short recording shows every behavior."""


@dataclass(frozen=True)
class Bout:
    """What comes next: a time apart, and then one behavior.

    `actor`, 0 or 1: who comes to the other, and does it where one alone does. `near`: whether the two stay close by
    while they are apart.
    """

    behavior: str
    actor: int
    n_frames: int
    gap_frames: int
    near: bool


def plan_bouts(n_frames: int, fps: float, rng: np.random.Generator) -> Iterator[Bout]:
    """Yield bouts without end; the first five are one of each behavior, and short.

    The two mice take turns as the actor of a behavior.
    """
    actor = dict(zip(BEHAVIORS, rng.permutation(np.arange(len(BEHAVIORS)) % 2).tolist(), strict=True))
    bag = list(BEHAVIORS)
    longest = max(3, int(_FIRST_SHARE * n_frames))
    while True:
        rng.shuffle(bag)
        for behavior in bag:
            n_bout, n_gap = (_draw_frames(spread, fps, rng) for spread in (_BOUTS[behavior][1], _GAP_S))
            near = bool(rng.uniform() < _NEAR_CHANCE)
            yield Bout(behavior, actor[behavior], min(n_bout, longest), min(n_gap, longest), near)
            actor[behavior] = 1 - actor[behavior]
        bag = [behavior for behavior, (often, _) in _BOUTS.items() for _ in range(often)]
        longest = n_frames


def _draw_frames(spread_s: tuple[float, float, float], fps: float, rng: np.random.Generator) -> int:
    shortest, mean, longest = spread_s
    return max(3, round(fps * float(np.clip(rng.gamma(3.0, mean / 3.0), shortest, longest))))
