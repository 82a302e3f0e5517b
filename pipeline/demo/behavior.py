"""What the simulated mouse does when: a seeded timeline of behaviors.

How often and how long the three labelled behaviors occur follows the thesis' data (17 videos,
112,200 frames at 10 fps). The time between is filled with everything else a mouse does, among it
behaviors that look like the labelled ones: resting like grooming, crouching like mid rearing,
stretching up a wall like wall rearing.
"""

from dataclasses import dataclass

import numpy as np

LABELLED = ("grooming", "mid_rearing", "wall_rearing")
PREVALENCE = {"grooming": 0.1076, "mid_rearing": 0.1059, "wall_rearing": 0.1312}
"""Share of frames, from the thesis."""
MEAN_BOUT_S = {"grooming": 10.7, "mid_rearing": 2.4, "wall_rearing": 2.1}
"""Mean bout, from the thesis: 107, 24 and 21 frames at 10 fps."""

# What a mouse does else: how often it is chosen; shortest, mean, longest in seconds.
FILLERS = {
    "walking": (0.2, (0.8, 1.8, 4.0)),
    "turning": (0.12, (0.4, 0.8, 1.6)),
    "sniffing": (0.18, (0.5, 1.6, 4.0)),
    "resting": (0.2, (3.0, 6.0, 14.0)),
    "crouching": (0.15, (0.7, 1.8, 4.0)),
    "stretching": (0.15, (0.6, 1.5, 3.0)),
}
AT_WALL = frozenset({"wall_rearing", "stretching"})
IN_THE_OPEN = frozenset({"mid_rearing", "crouching"})

_APPROACH_S = 1.2
_BOUT_SHAPE = 2.5
_TRIES = 4  # at finding a filler that fits into what is left of a gap


@dataclass(frozen=True)
class Episode:
    """One stretch of one behavior, frames `start` to `stop` (half-open)."""

    state: str
    start: int
    stop: int

    @property
    def n_frames(self) -> int:
        """Length in frames."""
        return self.stop - self.start


def plan_timeline(n_frames: int, fps: float, rng: np.random.Generator) -> list[Episode]:
    """Draw what happens in one recording: back to back, from frame 0 to `n_frames`; neighbours differ in state.

    Every labelled behavior occurs at least once; how often and for how long varies.
    """
    bouts: list[tuple[str, int]] = []
    for behavior in LABELLED:
        bouts += [(behavior, n) for n in _draw_bouts(behavior, n_frames, fps, rng)]
    rng.shuffle(bouts)  # type: ignore[arg-type]
    gaps = _draw_gaps(n_frames - sum(n for _, n in bouts), len(bouts) + 1, fps, rng)
    pieces: list[tuple[str, int]] = []
    for i, gap in enumerate(gaps):
        following = bouts[i][0] if i < len(bouts) else None
        pieces += _fill_gap(gap, following, fps, rng)
        if following is not None:
            pieces.append(bouts[i])
    return _lay_out(pieces)


def _draw_bouts(behavior: str, n_frames: int, fps: float, rng: np.random.Generator) -> list[int]:
    """Lengths of one behavior's bouts, in frames."""
    mean = MEAN_BOUT_S[behavior] * fps
    target = PREVALENCE[behavior] * n_frames * rng.uniform(0.8, 1.2)
    count = max(1, int(target / mean + rng.uniform()))
    lengths = mean * np.clip(rng.gamma(_BOUT_SHAPE, 1.0 / _BOUT_SHAPE, count), 0.3, 2.6)
    # Keeps a recording's share of positives within reason without touching the mean bout much.
    lengths *= np.clip(target / lengths.sum(), 0.75, 1.6)
    longest = max(3, int(0.25 * n_frames / count))
    return [int(n) for n in np.clip(np.round(lengths), 3, longest)]


def _draw_gaps(total: int, count: int, fps: float, rng: np.random.Generator) -> list[int]:
    least = min(round(_APPROACH_S * fps), total // count)
    shares = rng.dirichlet(np.full(count, 1.3)) * (total - least * count)
    edges = np.round(np.cumsum(shares)).astype(int)
    return [int(n) for n in least + np.diff(edges, prepend=0)]


def _fill_gap(gap: int, following: str | None, fps: float, rng: np.random.Generator) -> list[tuple[str, int]]:
    """Fillers for one gap; it ends with a walk to where the following behavior happens."""
    approach = round(_APPROACH_S * fps)
    pieces: list[tuple[str, int]] = []
    left, misfits = gap, 0
    names = list(FILLERS)
    chances = np.array([chance for chance, _ in FILLERS.values()])
    while left > 0:
        state = names[rng.choice(len(names), p=chances)]
        shortest, mean, longest = (x * fps for x in FILLERS[state][1])
        length = round(float(np.clip(rng.gamma(2.0, mean / 2.0), shortest, longest)))
        walk = approach if state in AT_WALL | IN_THE_OPEN else 0
        if left < walk + length + approach:
            misfits += 1
            if misfits == _TRIES:
                pieces.append(("walking", left))
                break
            continue
        if walk:
            pieces.append(("walking", walk))
        pieces.append((state, length))
        left -= walk + length
    # Mice groom and rest where they are; only places need a walk.
    if following in ("grooming", None) and pieces and pieces[-1][0] == "walking" and rng.uniform() < 0.5:
        pieces[-1] = ("sniffing", pieces[-1][1])
    return pieces


def _lay_out(pieces: list[tuple[str, int]]) -> list[Episode]:
    episodes: list[Episode] = []
    start = 0
    for state, length in pieces:
        if length <= 0:
            continue
        if episodes and episodes[-1].state == state and state not in LABELLED:
            episodes[-1] = Episode(state, episodes[-1].start, start + length)
        else:
            episodes.append(Episode(state, start, start + length))
        start += length
    return episodes


def label_frames(episodes: list[Episode], behavior: str) -> np.ndarray:
    """Which frames show a behavior, shape (n_frames,), bool."""
    active = np.zeros(episodes[-1].stop, dtype=bool)
    for episode in episodes:
        if episode.state == behavior:
            active[episode.start : episode.stop] = True
    return active
