"""Where the tracks of several animals are not what they say: one jumps, two swap places, one goes on as another.

Trackers tell animals apart frame by frame and sometimes lose who is who, most often where animals touch or one is
hidden (Pérez-Escudero et al. 2014, Nature Methods 11:743; Pereira et al. 2022, Nature Methods 19:486). Each animal is
compared with where it was last seen, over gaps of up to `MOST_GAP_S`. How far it moved is the median over the keypoints
that are seen both times, so that one that is found in a wrong place makes no jump.

The measure of what is possible is the file's own: `TOP_TIMES` the speed that an animal exceeds in one of a hundred
frames, but at least 5 and at most 25 body lengths a second (a mouse of 8 cm: 2 m/s).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from features.kinematics.layout import places_on_body
from features.tracks import PoseTrack

USUAL_QUANTILE, TOP_TIMES = 0.99, 3.0
TOP_LENGTHS_PER_S = (5.0, 25.0)
NOISE_LENGTHS = 1.0
"""What the tracker itself may be wrong by, in body lengths."""
MOST_GAP_S = 1.0
APART_LENGTHS, PASSED_LENGTHS, SWAPPED_SHARE = 0.75, 0.6, 0.4
"""Tracks swap places where the animals are so far apart before and after, each would have passed so much, and the
distances are this share where the two are swapped. Of animals that are nearer nobody can tell it by where they are."""
_LEAST_POINTS = 3
_SAME_EVENT_S = 0.5
_MOST_MEASURED = 2000
_LENGTHS_OF_POINTS = 8.0
"""A single point has no length: so many times what it moves in all but one of a hundred frames stands for it."""


class Jump(NamedTuple):
    """An animal is elsewhere in `frame` than it can have gone since `before`, when it was last seen.

    `lengths`: how far, in body lengths; NaN where these are unknown. `onto`: the animal that was there before; "".
    """

    frame: int
    before: int
    animal: str
    distance_px: float
    lengths: float
    onto: str = ""


class Swap(NamedTuple):
    """Two animals are in `frame` where the other one was in `before`, the last frame in which both were seen."""

    frame: int
    before: int
    animals: tuple[str, str]


class Handover(NamedTuple):
    """The track `old` ends in `before`, and `new` begins in `frame`, in the same place.

    A track also ends, and begins anew, where it is not seen for longer than `MOST_GAP_S`.
    """

    frame: int
    before: int
    old: str
    new: str


@dataclass(frozen=True)
class IdentityChanges:
    """All of a recording, each in the order of frames; jumps of an animal within half a second are one.

    `points_px`: keypoints of each animal, shape (n_keypoints, 2), NaN where not seen, in the frames of all of these.
    """

    jumps: tuple[Jump, ...] = ()
    swaps: tuple[Swap, ...] = ()
    handovers: tuple[Handover, ...] = ()
    points_px: Mapping[tuple[str, int], NDArray[np.float64]] = field(default_factory=dict, compare=False, repr=False)


def identity_changes(tracks: Mapping[str, PoseTrack], fps: float, min_likelihood: float = 0.6) -> IdentityChanges:
    """Look for all three in the tracks of one recording; nothing is found unless they share length and keypoints."""
    names = list(tracks)
    if len(names) < 2 or len({(track.n_frames, track.keypoints) for track in tracks.values()}) > 1:
        return IdentityChanges()
    points = {name: _seen_points(track, min_likelihood) for name, track in tracks.items()}
    limit = _Limit.of(list(points.values()), places_on_body(tracks[names[0]].keypoints), fps)
    if limit is None:
        return IdentityChanges()
    seen = {name: _is_seen(own) for name, own in points.items()}
    swaps = sorted(swap for a, b in combinations(names, 2) for swap in _swaps(a, b, points, seen, limit))
    swapped = {(swap.frame, name) for swap in swaps for name in swap.animals}
    jumps = [jump for name in names for jump in _jumps(name, points, seen[name], limit)]
    jumps = [jump for jump in jumps if (jump.frame, jump.animal) not in swapped]
    handovers = sorted(_handovers(points, seen, limit))
    events: list[Jump | Swap | Handover] = [*jumps, *swaps, *handovers]
    frames = {frame for event in events for frame in (event.before, event.frame)}
    points_px = {(name, frame): own[frame].copy() for name, own in points.items() for frame in frames}
    return IdentityChanges(tuple(sorted(jumps)), tuple(swaps), tuple(handovers), points_px)


@dataclass(frozen=True)
class _Limit:
    """What is possible: the unit of lengths in pixels, usual and top speed in pixels a frame, frames of a gap."""

    unit_px: float
    has_length: bool
    usual_px: float
    top_px: float
    gap_frames: int
    event_frames: int

    @classmethod
    def of(cls, points: Sequence[NDArray[np.float64]], on_body: list[int], fps: float) -> "_Limit | None":
        """By all animals of a file, lengths by these keypoints; None where nothing is seen twice in a row."""
        moved = np.concatenate([_moved(own[:-1], own[1:]) for own in points])
        moved = moved[np.isfinite(moved)]
        if not len(moved):
            return None
        usual_px = float(np.quantile(moved, USUAL_QUANTILE))
        body_px = _body_length_px(np.concatenate(points)[:, on_body])
        unit_px = body_px or _LENGTHS_OF_POINTS * usual_px
        least_px, most_px = (speed * unit_px / fps for speed in TOP_LENGTHS_PER_S)
        top_px = min(max(TOP_TIMES * usual_px, least_px), most_px)
        gap_frames, event_frames = (max(1, round(time_s * fps)) for time_s in (MOST_GAP_S, _SAME_EVENT_S))
        return None if unit_px <= 0 else cls(unit_px, body_px > 0, usual_px, top_px, gap_frames, event_frames)


def _seen_points(track: PoseTrack, min_likelihood: float) -> NDArray[np.float64]:
    """Positions (n_frames, n_keypoints, 2), NaN where not seen."""
    with np.errstate(invalid="ignore"):
        seen = (track.likelihood >= min_likelihood) & np.isfinite(track.xy_px).all(axis=2)
    return np.where(seen[..., None], track.xy_px, np.nan)


def _moved(before_px: NDArray[np.float64], after_px: NDArray[np.float64]) -> NDArray[np.float64]:
    """Median distance of the keypoints seen both times, shape (n,); NaN where these are fewer than three, or half."""
    way_px = after_px - before_px
    distances_px = np.sort(np.hypot(way_px[..., 0], way_px[..., 1]), axis=1)  # missing ones last
    n_frames, n_points = distances_px.shape
    n_told = n_points - np.isnan(distances_px).sum(axis=1)
    rows = np.arange(n_frames)
    # `np.nanmedian` of many short rows takes ten times as long.
    moved = (distances_px[rows, np.maximum(n_told - 1, 0) // 2] + distances_px[rows, n_told // 2]) / 2
    moved[n_told < min(n_points, max(_LEAST_POINTS, n_points // 2))] = np.nan
    return moved


def _body_length_px(points_px: NDArray[np.float64]) -> float:
    """The longest of the distances between two keypoints, each its median over frames; 0 where there is none."""
    seen_px = points_px[np.isfinite(points_px).all(axis=2).sum(axis=1) > 1]
    seen_px = seen_px[:: max(1, len(seen_px) // _MOST_MEASURED)]
    if not len(seen_px):
        return 0.0
    between = np.linalg.norm(seen_px[:, :, None] - seen_px[:, None], axis=3)
    known = (own[np.isfinite(own)] for own in between.reshape(len(seen_px), -1).T)
    return max((float(np.median(own)) for own in known if len(own)), default=0.0)


def _steps(seen: NDArray[np.bool_], gap_frames: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """From each frame in which something is seen to the next one, over gaps that are not too long."""
    frames = np.flatnonzero(seen)
    before, after = frames[:-1], frames[1:]
    is_near = after - before <= gap_frames
    return before[is_near], after[is_near]


def _is_seen(points_px: NDArray[np.float64]) -> NDArray[np.bool_]:
    n_points = points_px.shape[1]
    n_seen = np.isfinite(points_px).all(axis=2).sum(axis=1)
    return np.asarray(n_seen >= min(n_points, max(_LEAST_POINTS, n_points // 2)))


def _swaps(
    a: str,
    b: str,
    points: Mapping[str, NDArray[np.float64]],
    seen: Mapping[str, NDArray[np.bool_]],
    limit: _Limit,
) -> Iterator[Swap]:
    ours, theirs = points[a], points[b]
    before, after = _steps(seen[a] & seen[b], limit.gap_frames)
    for one in (ours, theirs):  # few steps are long enough
        least_px = np.maximum(PASSED_LENGTHS * limit.unit_px, limit.usual_px * (after - before))
        is_long = _moved(one[before], one[after]) >= least_px
        before, after = before[is_long], after[is_long]
    passed = _moved(ours[before], ours[after]) + _moved(theirs[before], theirs[after])
    swapped = _moved(ours[before], theirs[after]) + _moved(theirs[before], ours[after])
    apart = np.minimum(_moved(ours[before], theirs[before]), _moved(ours[after], theirs[after]))
    is_swap = (swapped <= SWAPPED_SHARE * passed) & (apart >= APART_LENGTHS * limit.unit_px)
    for i in np.flatnonzero(is_swap):
        yield Swap(int(after[i]), int(before[i]), (a, b))


def _jumps(
    name: str, points: Mapping[str, NDArray[np.float64]], seen: NDArray[np.bool_], limit: _Limit
) -> Iterator[Jump]:
    own = points[name]
    before, after = _steps(seen, limit.gap_frames)
    passed_px = _moved(own[before], own[after])
    with np.errstate(invalid="ignore"):
        is_jump = passed_px > NOISE_LENGTHS * limit.unit_px + limit.top_px * (after - before)
    last = -limit.event_frames
    for i in np.flatnonzero(is_jump):
        first, frame = int(before[i]), int(after[i])
        if frame - last >= limit.event_frames:
            others = {
                other: float(_moved(px[first : first + 1], own[frame : frame + 1])[0])
                for other, px in points.items()
                if other != name
            }
            onto = next((other for other, px in others.items() if px <= NOISE_LENGTHS * limit.unit_px), "")
            lengths = passed_px[i] / limit.unit_px if limit.has_length else np.nan
            yield Jump(frame, first, name, float(passed_px[i]), float(lengths), onto)
        last = frame


def _handovers(
    points: Mapping[str, NDArray[np.float64]], seen: Mapping[str, NDArray[np.bool_]], limit: _Limit
) -> Iterator[Handover]:
    stretches = {name: _stretches(own, limit.gap_frames) for name, own in seen.items() if own.any()}
    for old, (_, ends) in stretches.items():
        for last in ends.tolist():
            following = ((starts[starts > last][:1], name) for name, (starts, _) in stretches.items())
            starts_next = [(int(start[0]), name) for start, name in following if len(start) and name != old]
            for first, new in sorted(each for each in starts_next if each[0] <= last + limit.gap_frames):
                passed_px = _moved(points[old][last : last + 1], points[new][first : first + 1])[0]
                if passed_px <= NOISE_LENGTHS * limit.unit_px + limit.top_px * (first - last):
                    yield Handover(first, last, old, new)
                    break


def _stretches(seen: NDArray[np.bool_], gap_frames: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First and last frames of what lies between long gaps: an id may be used again."""
    frames = np.flatnonzero(seen)
    gaps = np.flatnonzero(np.diff(frames) > gap_frames)
    return frames[np.concatenate([[0], gaps + 1])], frames[np.concatenate([gaps, [-1]])]
