"""From probabilities to behavior: smooth, threshold, close gaps, drop short bouts, open.

Settings are in seconds and become frames through each recording's own fps, so that one
setting means the same in every video. The rule is what the words say, not a rounding:

- a gap of `g` frames lasts `g / fps` seconds and is filled when that is at most `max_gap_s`;
- a bout of `n` frames lasts `n / fps` seconds and is kept when that is at least `min_bout_s`
  (for an opening likewise: at least `opening_s`);
- a running median looks at an odd number of frames, the largest that lasts at most `smooth_s`.

So `max_gap_s` and `smooth_s` are rounded down to whole frames, `min_bout_s` and `opening_s` are
rounded up.

Opening (erosion, then dilation) by `n` frames erases the true stretches shorter than `n` and leaves the
others as they are, for a timeline has no corners to round: it is the same as a minimum bout of `n`
frames. What tells the two apart is their place. Opening *before* closing removes specks, so that
closing cannot join them into a bout; the minimum bout *after* closing judges what has been joined.

A frame without prediction (NaN) parts the timeline: each stretch of predicted frames is treated on
its own.
"""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from pipeline.scoring.bouts.bouts import frames_from_runs, runs_of_true

# A duration written as 0.3 s at 10 fps is 3.0000000000000004 frames: this much is arithmetic, not time.
_FRAME_TOLERANCE = 1e-6

LONGEST_S, LONGEST_SMOOTHING_S = 3600.0, 600.0
Step = Literal["smooth", "threshold", "close", "min_bout", "open"]
FULL_ORDER: tuple[Step, ...] = ("smooth", "threshold", "close", "min_bout", "open")
_SECONDS_KEYS = {"smooth": "smooth_s", "close": "max_gap_s", "min_bout": "min_bout_s", "open": "opening_s"}


class PostprocessConfig(BaseModel):
    """How probabilities become behavior; durations in seconds, 0 switches a step off."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    threshold: float = Field(
        default=0.5, ge=0.0, le=1.0, description="A frame is active when its probability is at least this."
    )
    max_gap_s: float = Field(
        default=0.2,
        ge=0.0,
        le=LONGEST_S,
        description="Gaps between two active stretches up to this long (seconds) are filled; 0 = off.",
    )
    min_bout_s: float = Field(
        default=0.5, ge=0.0, le=LONGEST_S, description="Bouts shorter than this (seconds) are dropped; 0 = off."
    )
    smooth_s: float = Field(
        default=0.0,
        ge=0.0,
        le=LONGEST_SMOOTHING_S,
        description="Length of a running median over the probabilities (seconds; the largest odd number of frames "
        "that is not longer, so that less than 3 frames change nothing); 0 = off.",
    )
    opening_s: float = Field(
        default=0.0,
        ge=0.0,
        le=LONGEST_S,
        description="Opening: active stretches shorter than this (seconds) are erased. On a timeline that is what "
        "`min_bout_s` does; put `open` before `close` in `order` to remove specks before gaps are filled; 0 = off.",
    )
    order: tuple[Step, ...] = Field(
        default=FULL_ORDER,
        description="The steps in order, each at most once; one that is left out or has 0 s is off. `smooth` goes "
        "before `threshold`, the others after it, `close` before `min_bout`, `open` before `close` or last.",
    )

    @field_validator("order")
    @classmethod
    def _order_makes_sense(cls, order: tuple[Step, ...]) -> tuple[Step, ...]:
        reason = order_refusal(order)
        if reason:
            raise ValueError(reason)
        return order

    @model_validator(mode="after")
    def _no_step_is_forgotten(self) -> "PostprocessConfig":
        for step, key in _SECONDS_KEYS.items():
            if step not in self.order and getattr(self, key) > 0:
                raise ValueError(
                    f"sets {key} to {getattr(self, key):g}, but `order` leaves the step `{step}` out; "
                    f"add `{step}` to `order`, or set {key}: 0"
                )
        return self


def order_refusal(order: tuple[Step, ...]) -> str | None:
    """Say why steps in this order make no sense, in one sentence; None when they do."""
    place = {step: position for position, step in enumerate(order)}
    if len(place) < len(order):
        twice = next(step for step in order if order.count(step) > 1)
        return f"names `{twice}` more than once; each step is done at most once"
    if "threshold" not in place:
        return "leaves out `threshold`; without it probabilities never become active frames"
    if place.get("smooth", -1) > place["threshold"]:
        return "puts `smooth` after `threshold`; it smooths probabilities, and after the threshold there are none"
    for step in ("close", "min_bout", "open"):
        if place.get(step, len(order)) < place["threshold"]:
            return f"puts `{step}` before `threshold`; it works on active frames, which the threshold makes"
    if place.get("min_bout", len(order)) < place.get("close", -1):
        return (
            "puts `min_bout` before `close`; it would drop the pieces that closing would have joined into a bout "
            "(to remove specks first, use `open` before `close`)"
        )
    if "open" in place and order[-1] != "open" and place["open"] > place.get("close", -1):
        return (
            "puts `open` neither before `close` (where it removes specks) nor last; "
            "elsewhere the `min_bout` that follows it does the same"
        )
    return None


def max_gap_frames(max_gap_s: float, fps: float) -> int:
    """Longest gap, in whole frames, that lasts at most `max_gap_s` seconds (rounded down)."""
    return math.floor(max_gap_s * fps + _FRAME_TOLERANCE)


def min_bout_frames(min_bout_s: float, fps: float) -> int:
    """Shortest bout, in whole frames, that lasts at least `min_bout_s` seconds (rounded up)."""
    return math.ceil(min_bout_s * fps - _FRAME_TOLERANCE)


def median_window_frames(smooth_s: float, fps: float) -> int:
    """Longest odd number of frames that lasts at most `smooth_s` seconds; 1 (no smoothing) at least.

    Odd, so that the window lies evenly around its frame and the median is one of its values.
    """
    n_frames = math.floor(smooth_s * fps + _FRAME_TOLERANCE)
    return max(1, n_frames - 1 + n_frames % 2)


def smooth_probability(probability: ArrayLike, window_frames: int) -> NDArray[np.float64]:
    """Replace each probability by the median of the window around it, shape (n_frames,); a new array.

    Each stretch of predicted frames is smoothed on its own, continued beyond its two ends by its
    first and last value. So an active stretch that touches an end stays exactly as long as it was; a
    window that shrinks there, or mirrors what lies inside, would shorten or lengthen it. A median
    with an odd window commutes with the threshold: a frame is active afterwards when more than half
    of its window was active before.

    NaN = not predicted, which stays NaN and enters no median. A window of 1 changes nothing.

    Raises
    ------
    ValueError
        When the window is even or below 1.
    """
    if window_frames < 1 or window_frames % 2 == 0:
        raise ValueError(f"Expected an odd window of at least 1 frame. Received: window_frames={window_frames}")
    smoothed = np.array(probability, dtype=np.float64)
    if window_frames == 1:
        return smoothed
    # Slow to import, and most experiments do not smooth.
    from scipy.ndimage import median_filter

    half = window_frames // 2
    for start, stop in runs_of_true(~np.isnan(smoothed)):
        continued = np.pad(smoothed[start:stop], half, mode="edge")
        smoothed[start:stop] = median_filter(continued, size=window_frames)[half:-half]
    return smoothed


def apply_threshold(probability: ArrayLike, threshold: float) -> NDArray[np.bool_]:
    """Call frames active whose probability is at least the threshold, shape (n_frames,).

    NaN = not predicted, which becomes False.
    """
    # Compared as float64: float32 0.3 against the YAML's 0.3 would otherwise depend on promotion rules.
    return np.asarray(probability, dtype=np.float64) >= threshold


def close_gaps(active: ArrayLike, max_gap_frames: int) -> NDArray[np.bool_]:
    """Fill the gaps of at most `max_gap_frames` frames that lie between two true frames.

    The stretches before the first and after the last true frame are no gaps and stay as they are.
    This equals morphological closing by `max_gap_frames + 1` frames on a padded timeline; without the
    padding, closing erases true frames at both ends. A new array of shape (n_frames,).
    """
    closed = np.array(active, dtype=bool)
    runs = runs_of_true(closed)
    for (_, gap_start), (gap_stop, _) in pairwise(runs):
        if gap_stop - gap_start <= max_gap_frames:
            closed[gap_start:gap_stop] = True
    return closed


def drop_short_bouts(active: ArrayLike, min_bout_frames: int) -> NDArray[np.bool_]:
    """Erase the bouts that are shorter than `min_bout_frames`; a new array of shape (n_frames,).

    A bout that touches an end of the recording is judged by its visible length like every other.
    """
    runs = runs_of_true(active)
    long_enough = [(start, stop) for start, stop in runs if stop - start >= min_bout_frames]
    return frames_from_runs(long_enough, len(np.asarray(active)))


def postprocess(probability: ArrayLike, config: PostprocessConfig, fps: float) -> NDArray[np.bool_]:
    """Turn one behavior's probabilities into active frames, shape (n_frames,), by the steps of `config.order`.

    A frame without prediction (NaN) is never active, and it parts the timeline: no gap is filled
    and nothing is smoothed across it, because nothing is known there.

    Parameters
    ----------
    probability : array_like of float, shape (n_frames,)
        In [0, 1]; NaN = not predicted.
    config : PostprocessConfig
    fps : float
        Frames per second of the video.
    """
    values = smooth_probability(probability, median_window_frames(config.smooth_s, fps))
    active = apply_threshold(values, config.threshold)
    steps: dict[str, tuple[Callable[[ArrayLike, int], NDArray[np.bool_]], int]] = {
        "close": (close_gaps, max_gap_frames(config.max_gap_s, fps)),
        "min_bout": (drop_short_bouts, min_bout_frames(config.min_bout_s, fps)),
        "open": (drop_short_bouts, min_bout_frames(config.opening_s, fps)),
    }
    for start, stop in runs_of_true(~np.isnan(values)):
        for step, n_frames in (steps[name] for name in config.order if name in steps):
            active[start:stop] = step(active[start:stop], n_frames)
    return active


def describe_postprocess(config: PostprocessConfig) -> str:
    """Say in one plain sentence what is done; steps that are off are not mentioned."""
    words = {
        "smooth": f"probabilities are smoothed by a running median of {config.smooth_s:g} s",
        "threshold": f"frames with a probability of at least {config.threshold:g} are active",
        "close": f"gaps of up to {config.max_gap_s:g} s are filled",
        "min_bout": f"bouts shorter than {config.min_bout_s:g} s are dropped",
        "open": f"active stretches shorter than {config.opening_s:g} s are erased",
    }
    done = [words[step] for step in config.order if step == "threshold" or getattr(config, _SECONDS_KEYS[step]) > 0]
    sentence = "; then ".join(done) if len(done) > 1 else f"{done[0]}; nothing else is done"
    return sentence[0].upper() + sentence[1:] + "."
