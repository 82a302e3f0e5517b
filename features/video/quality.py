"""What a video's frames are like: their times, repeats and brightness, measured while it is decoded once.

Time stamps are those that the file gives each frame (0 at the first). Formats without any, such as AVI, count
frames by the header's rate: there a rate that is wrong can't be seen.

Pictures are looked at through about `SAMPLED_PIXELS` of their pixels, in gray. A frame *repeats* the one before
where no sampled pixel differs by more than `SAME_LEVELS`, which is what re-encoding makes of the same picture;
around a key frame of a strongly compressed video it can differ more, so that counts of repeats are lower bounds.
"""

import math
from array import array
from dataclasses import dataclass
from typing import Annotated

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from features.video.foreground import Foreground, FrameSampler, find_foreground
from features.video.pictures import Picture

QUALITY_VERSION = 4
"""Raised when the same video gives other measures."""
SAMPLED_PIXELS = 20_000
SAME_LEVELS = 2.0
LONGEST_LONE_REPEAT_FRAMES = 3
"""More repeats in a row are a picture that stands still, for whatever reason."""
MOVING_LEVELS = 8.0
"""Between frames of a moving animal some sampled pixel changes by at least this much."""
BLACK_LEVEL, SATURATED_LEVEL = 10.0, 250
JUMP_LEVELS = 15.0
"""A change of the picture's median gray level by more than this, of 255, is no animal's doing."""
IRREGULAR_SHARE, IRREGULAR_S = 0.25, 0.0015
"""Steps between frames may differ by this share of the usual one; some formats round stamps to milliseconds."""
N_PLACES = 10
"""So many places are remembered of what may happen often."""
FOREGROUND_SIDE_PX, N_FOREGROUND = 240, 48
"""Where the animal is about, and in so many frames, is told by small pictures."""
_LEVELS = np.arange(256)


@dataclass(frozen=True)
class FrameTimes:
    """What the frames' time stamps say; a step is the time from one frame to the next."""

    fps: float
    """Frames per second from the first stamp to the last."""
    usual_step_s: float
    """Median step."""
    n_irregular: int
    """Steps that differ from the usual one by more than rounding."""
    longest_step_s: float
    longest_step_frame: int
    """The frame before the longest step."""
    max_offset_frames: float
    """Largest difference between time × the header's frame rate and the frame's number."""
    max_offset_frame: int
    """The frame at which it is reached."""
    span_s: float
    """From the first stamp to the last."""

    @property
    def is_variable(self) -> bool:
        """Whether the steps between frames are not all alike."""
        return self.n_irregular > 0


@dataclass(frozen=True)
class Repeats:
    """Frames that show the same picture as the one before, and the longest stretch of them."""

    n_frames: int
    n_lone: int
    """At most `LONGEST_LONE_REPEAT_FRAMES` in a row amid motion: a frame was lost and the one before written again."""
    lone_frames: tuple[int, ...]
    """The first few of them."""
    longest_frames: int
    longest_start_frame: int


@dataclass(frozen=True)
class Jump:
    """An abrupt change of brightness: the picture's mean gray level (0-255) before and from `frame` on."""

    frame: int
    before: float
    after: float


@dataclass(frozen=True)
class Brightness:
    """How bright the pictures are, in gray levels from 0 to 255: over all frames, the darkest and the brightest."""

    mean: float
    darkest: float
    brightest: float
    n_black: int
    """Frames whose mean is below `BLACK_LEVEL`."""
    first_black_frame: int
    """-1 where there is none."""
    saturated_share: float
    """Share of pixels at `SATURATED_LEVEL` or above, in [0, 1]."""
    n_jumps: int
    """Abrupt changes that last."""
    jumps: tuple[Jump, ...]
    """The first few of them."""


@dataclass(frozen=True)
class VideoQuality:
    """What was measured of one video.

    There are no times where the time stamps don't increase or there is one frame. The foreground is what stands out
    from the still background, animals most likely; None where that can't be told.
    """

    times: FrameTimes | None
    repeats: Repeats
    brightness: Brightness
    # Under its first name in the indexes of videos that there are.
    foreground: Annotated[Foreground | None, Field(alias="sightings")]


NOT_LOOKED_AT = VideoQuality(
    None, Repeats(0, 0, (), 0, 0), Brightness(math.nan, math.nan, math.nan, 0, -1, math.nan, 0, ()), None
)
"""Of a video of which no picture was seen: nothing that could be found odd."""


class QualityMeter:
    """Takes the frames in order and remembers little of each."""

    def __init__(self) -> None:
        self._by_frame = array("d")  # time in s, change, mean, median and saturated share, one frame after the other
        self._previous: NDArray[np.uint8] | None = None
        self._sampler = FrameSampler(FOREGROUND_SIDE_PX, N_FOREGROUND)

    @property
    def n_frames(self) -> int:
        """Frames taken so far."""
        return self._sampler.n_frames

    def add(self, picture: Picture, time_s: float, is_own: bool = True) -> None:
        """Take the next frame and its time stamp in seconds; one whose picture is not its own repeats none."""
        sampled = picture.sampled(max(1, int((math.prod(picture.size_px) / SAMPLED_PIXELS) ** 0.5)))
        gray = cv2.cvtColor(sampled, cv2.COLOR_BGR2GRAY).astype(np.uint8, copy=False)
        histogram = cv2.calcHist([gray], [0], None, [256], [0, 256]).ravel().astype(np.int64)
        mean, saturated = float(histogram @ _LEVELS) / gray.size, float(histogram[SATURATED_LEVEL:].sum()) / gray.size
        median = float(np.searchsorted(histogram.cumsum(), gray.size / 2))
        change = math.inf
        if is_own and self._previous is not None and self._previous.shape == gray.shape:
            change = float(cv2.norm(gray, self._previous, cv2.NORM_INF))
        self._by_frame.extend((time_s, change, mean, median, saturated))
        self._previous = gray
        self._sampler.add(picture)

    def quality(self, fps: float, has_times: bool = True) -> VideoQuality:
        """What the frames were like; at least one was taken. `fps` is the header's.

        Without `has_times` the stamps are those of packets: frames that are stored out of order exchange theirs.
        """
        times_s, changes, means, medians, saturated = np.ascontiguousarray(np.reshape(self._by_frame, (-1, 5)).T)
        times_s = times_s if has_times else np.sort(times_s)
        black = np.flatnonzero(means < BLACK_LEVEL)
        # An animal that stretches changes the mean; the median is that of the ground.
        jumps = find_jumps(medians, means, fps)
        brightness = Brightness(
            float(means.mean()),
            float(means.min()),
            float(means.max()),
            len(black),
            int(black[0]) if len(black) else -1,
            float(saturated.mean()),
            len(jumps),
            tuple(jumps[:N_PLACES]),
        )
        foreground = find_foreground(self._sampler)
        return VideoQuality(measure_times(times_s, fps), measure_repeats(changes), brightness, foreground)


def measure_times(times_s: NDArray[np.float64], fps: float) -> FrameTimes | None:
    """Compare time stamps, (n_frames,) in seconds, with the header's constant rate.

    None with fewer than two frames, or where the last stamp isn't after the first.
    """
    if len(times_s) < 2 or not np.isfinite(times_s).all() or times_s[-1] <= times_s[0]:
        return None
    steps_s = np.diff(times_s)
    usual_s = float(np.median(steps_s))
    irregular = np.abs(steps_s - usual_s) > max(IRREGULAR_SHARE * usual_s, IRREGULAR_S)
    span_s = float(times_s[-1] - times_s[0])
    offsets = np.abs((times_s - times_s[0]) * fps - np.arange(len(times_s)))
    longest, farthest = _first_largest(steps_s), _first_largest(offsets)
    places = float(steps_s[longest]), longest, float(offsets[farthest]), farthest
    return FrameTimes(len(steps_s) / span_s, usual_s, int(irregular.sum()), *places, span_s)


def _first_largest(values: NDArray[np.float64]) -> int:
    """Index of the first of the largest values; their last digits say nothing."""
    return int(np.flatnonzero(values >= values.max() - 1e-5)[0])


def measure_repeats(changes: NDArray[np.float64]) -> Repeats:
    """Find the frames that repeat the one before.

    `changes`, shape (n_frames,), are the largest differences from the frame before over the sampled pixels, in gray
    levels; infinite for the first.
    """
    same = changes <= SAME_LEVELS
    edges = np.flatnonzero(np.diff(np.concatenate([[False], same, [False]]).astype(np.int8)))
    runs = [(int(start), int(stop)) for start, stop in edges.reshape(-1, 2)]
    finite = changes[np.isfinite(changes)]
    # Around a frame that was written twice the animal is moving as it usually does.
    moving = max(MOVING_LEVELS, float(np.median(finite)) / 2) if len(finite) else MOVING_LEVELS
    lone = [
        frame
        for start, stop in runs
        if stop - start <= LONGEST_LONE_REPEAT_FRAMES
        and stop < len(changes)
        and min(changes[start - 1], changes[stop]) >= moving
        for frame in range(start, stop)
    ]
    longest = max(runs, key=lambda run: run[1] - run[0], default=(0, 0))
    return Repeats(int(same.sum()), len(lone), tuple(lone[:N_PLACES]), longest[1] - longest[0], longest[0])


def find_jumps(ground: NDArray[np.float64], brightness: NDArray[np.float64], fps: float) -> list[Jump]:
    """Find abrupt changes of brightness that last, such as a lamp that is switched on.

    The median levels of half a second before and after differ by more than `JUMP_LEVELS`, so that flashes of a few
    frames are none. What is told of them is the mean level, like everything else about brightness.

    Parameters
    ----------
    ground, brightness : ndarray, shape (n_frames,)
        Median and mean gray level of each frame, 0 to 255.
    fps : float
    """
    window = max(2, round(fps / 2))
    n_windows = len(ground) // window
    if n_windows < 2:
        return []
    medians, levels = (
        np.median(values[: n_windows * window].reshape(n_windows, window), axis=1) for values in (ground, brightness)
    )
    jumps: list[Jump] = []
    k = 0
    while k < n_windows - 1:
        # A change in the midst of a window shows between the windows before and after it.
        later = k + 1 if abs(medians[k + 1] - medians[k]) > JUMP_LEVELS else min(k + 2, n_windows - 1)
        if abs(medians[later] - medians[k]) <= JUMP_LEVELS:
            k += 1
            continue
        # Most frames of the one window are still as before, most of the other as after.
        first, last = k * window + window // 2, later * window + (window + 1) // 2
        steps = np.abs(np.diff(ground[first - 1 : last + 1]))
        jumps.append(Jump(first + int(steps.argmax()), float(levels[k]), float(levels[later])))
        k = later
    return jumps
