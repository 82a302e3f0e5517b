"""Why a place is worth a look, in words that need no statistics."""

import numpy as np
from numpy.typing import NDArray

from pipeline.scoring.bouts.bouts import runs_of_true

DISAGREE = 0.15
"""Members of an ensemble disagree where the standard deviation of their probabilities is at least this."""

Threshold = float | NDArray[np.float64]
"""Of a behavior; of exclusive classes that of each frame, in the middle between the class and the strongest other."""


def part_of(threshold: Threshold, start: int, stop: int) -> Threshold:
    """That of the frames [start, stop)."""
    return threshold[start:stop] if isinstance(threshold, np.ndarray) else threshold


def missed_reason(probability: NDArray[np.float64], fps: float, threshold: Threshold, min_bout_s: float) -> str:
    """A bout that only the human saw, or of which the model kept nothing; its probabilities, shape (n_frames,)."""
    seen, highest = _span(len(probability), fps), probability.max()
    if not (probability >= threshold).any():
        return f"The human saw {seen}, the model none (probability at most {highest:.2f})."
    n_longest = max(stop - start for start, stop in runs_of_true(probability >= threshold))
    short = n_longest < min_bout_s * fps
    why = (
        f"is too short (under {min_bout_s:g} s) and was dropped" if short else "was dropped when bouts were made of it"
    )
    return f"The human saw {seen}; the model's probability reaches {highest:.2f}, but what it found there {why}."


def invented_reason(probability: NDArray[np.float64], fps: float) -> str:
    """A bout that only the model sees; its probabilities, shape (n_frames,)."""
    return f"The model sees {_span(len(probability), fps)} (mean probability {probability.mean():.2f}), the human none."


def merged_reason(n_pauses: int, probability: NDArray[np.float64], fps: float) -> str:
    """A predicted bout that goes on where the human pauses; its probabilities in all pauses, shape (n_frames,)."""
    pauses = f"a pause of {_span(len(probability), fps)}"
    if n_pauses > 1:
        pauses = f"{n_pauses} pauses, {_span(len(probability), fps)} in all"
    mean = f"(mean probability there {probability.mean():.2f})"
    return f"The model has one bout where the human has {n_pauses + 1}: it runs on through {pauses} {mean}."


def split_reason(n_pauses: int, probability: NDArray[np.float64], fps: float) -> str:
    """A human bout in which the prediction pauses; the probabilities in all pauses, shape (n_frames,)."""
    pauses = f"for {_span(len(probability), fps)}"
    if n_pauses > 1:
        pauses = f"{n_pauses} times, for {_span(len(probability), fps)} in all"
    mean = f"(mean probability there {probability.mean():.2f})"
    return f"The model has {n_pauses + 1} bouts where the human has one: it breaks off {pauses} {mean}."


def edge_reason(edge: str, n_frames_later: int, fps: float) -> str:
    """A start or stop that the model has so many frames later than the human (earlier when negative)."""
    verb = "starts" if edge == "start" else "ends"
    when = "later" if n_frames_later > 0 else "earlier"
    return f"The model {verb} {_span(abs(n_frames_later), fps)} {when} than the human."


def short_reason(n_frames: int, min_bout_s: float, fps: float) -> str:
    """A bout that was only just long enough to be kept."""
    return f"Only {_span(n_frames, fps)} long; below {min_bout_s:g} s it would have been dropped."


def doubt_reason(kind: str, probability: NDArray[np.float64], threshold: Threshold, fps: float) -> str:
    """A stretch in which the model is not sure; its probabilities, shape (n_frames,)."""
    above = probability >= threshold
    n_crossings = int(np.count_nonzero(above[1:] != above[:-1]))
    length = _span(len(probability), fps)
    if isinstance(threshold, np.ndarray):
        name, value = "strongest other class", float((2 * threshold - probability).max())
    else:
        name, value = "threshold", threshold
    limit = f"{name} {value:.2f}"
    flickers = f" It crosses the {name} {n_crossings} times." if n_crossings > 2 else ""
    if kind == "near" and above.any():
        n_above = int(above.sum())
        return f"Above the {name} for {_span(n_above, fps)}, but too short or too scattered for a bout.{flickers}"
    if kind == "near":
        return f"Almost a bout: for {length} the probability comes near, up to {probability.max():.2f} ({limit})."
    if kind == "dip":
        return f"Inside the bout the probability falls to {probability.min():.2f} ({limit}): one bout or two?{flickers}"
    if kind == "gap":
        return f"Between two bouts the probability stays near the {name} for {length}: one bout or two?{flickers}"
    if kind == "edge":
        return f"Where the bout begins or ends is unclear for {length}.{flickers}"
    return f"The model is unsure for {length}: mean probability {probability.mean():.2f} ({limit}).{flickers}"


def spread_reason(spread: NDArray[np.floating]) -> str:
    """A stretch in which the members of an ensemble disagree, shape (n_frames,); "" where they don't."""
    mean = float(np.nan_to_num(spread).mean())
    return f" The members disagree: their probabilities spread by {mean:.2f}." if mean >= DISAGREE else ""


def _span(n_frames: int, fps: float) -> str:
    seconds = n_frames / fps
    return f"{seconds:.1f} s" if seconds >= 0.1 else f"{n_frames} frame{'s' if n_frames != 1 else ''}"
