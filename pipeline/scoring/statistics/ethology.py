"""What biologists publish of a recording: how long, how often, how soon; and predicted against human.

All of it comes from one behavior's timeline and the frames in which it is known: those that a human
scored, or those that have a probability. Unknown frames are neither active nor not: they are no part
of any duration, and they cut bouts. A bout that reaches to an unknown frame, or to an end of the
recording, is counted as it is seen, with its visible length; one that is interrupted by unknown frames
is counted as two.

Human and model are compared on the frames that both know, so that a stretch that nobody scored is no
error of the model. The tables are in `pipeline.scoring.statistics.ethology_tables`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.scoring.bouts.bouts import runs_of_true
from pipeline.scoring.postprocessing.postprocess import min_bout_frames

DEFAULT_BIN_S = 60.0
MIN_RECORDINGS_FOR_R = 3
MIN_RECORDINGS_FOR_LIMITS = 2

NO_RECORDINGS = "no recording has the value for both human and model"
TOO_FEW_FOR_R = f"Pearson r needs {MIN_RECORDINGS_FOR_R} recordings"
NO_VARIANCE = "Pearson r needs values that differ between recordings"
TOO_FEW_FOR_LIMITS = f"limits of agreement need {MIN_RECORDINGS_FOR_LIMITS} recordings"

# 95 % of a normal distribution lie within so many standard deviations of its mean.
_LIMITS_SD = 1.96


@dataclass(frozen=True)
class BehaviorStatistics:
    """One behavior in one recording.

    Attributes
    ----------
    known_s : float
        Duration of the frames in which the behavior is known; all else is about these.
    total_s, fraction : float or None
        Duration of the behavior, and its share of `known_s`; None when no frame is known.
    n_bouts : int or None
        None when no frame is known.
    mean_bout_s, median_bout_s : float or None
        Of the bouts' visible lengths; None without a bout.
    latency_s : float or None
        From the start of the recording (not of the known frames) to the first bout that is seen; None
        without one. Where frames before it are unknown, the true latency may be shorter.
    """

    known_s: float
    total_s: float | None
    fraction: float | None
    n_bouts: int | None
    mean_bout_s: float | None
    median_bout_s: float | None
    latency_s: float | None


STATISTICS = ("total_s", "fraction", "n_bouts", "mean_bout_s", "median_bout_s", "latency_s")


@dataclass(frozen=True)
class TimeBin:
    """One behavior in a piece of a recording.

    Attributes
    ----------
    start_s, length_s : float
        Of the frames that belong to the bin.
    known_s : float
        Duration of those in which the behavior is known.
    total_s, fraction : float or None
        Duration of the behavior, and its share of `known_s`; None when no frame of the bin is known.
    n_bouts_started : int or None
        Bouts whose first frame lies in the bin; None when no frame of the bin is known.
    """

    start_s: float
    length_s: float
    known_s: float
    total_s: float | None
    fraction: float | None
    n_bouts_started: int | None


@dataclass(frozen=True)
class StatisticAgreement:
    """Predicted against human values of one statistic, one pair of values per recording.

    Attributes
    ----------
    n_recordings, n_left_out : int
        Recordings that count, and those in which the human or the model has no value.
    human_mean, predicted_mean : float or None
        Means over recordings.
    bias : float or None
        Mean of predicted minus human: the bias of Bland and Altman.
    mean_absolute_error : float or None
    pearson_r : float or None
        None for fewer than `MIN_RECORDINGS_FOR_R` recordings, and where one side has no variance.
    limit_low, limit_high : float or None
        Limits of agreement, bias ± 1.96 standard deviations (ddof = 1) of the differences; None for
        fewer than `MIN_RECORDINGS_FOR_LIMITS` recordings.
    reasons : tuple of str
        Why values are None.
    """

    n_recordings: int
    n_left_out: int
    human_mean: float | None = None
    predicted_mean: float | None = None
    bias: float | None = None
    mean_absolute_error: float | None = None
    pearson_r: float | None = None
    limit_low: float | None = None
    limit_high: float | None = None
    reasons: tuple[str, ...] = ()


def behavior_statistics(active: ArrayLike, known: ArrayLike, fps: float) -> BehaviorStatistics:
    """Durations, bouts and latency of one behavior in one recording.

    Parameters
    ----------
    active : array_like of bool, shape (n_frames,)
        What it says in unknown frames does not count.
    known : array_like of bool, shape (n_frames,)
        Scored by a human, or predicted (a probability that is not NaN).
    fps : float
        Frames per second.

    Returns
    -------
    BehaviorStatistics

    Raises
    ------
    ValueError
        When the timelines differ in length or fps is not a positive number.
    """
    seen, judged = _timelines(active, known, fps)
    known_s = int(np.count_nonzero(judged)) / fps
    if not known_s:
        return BehaviorStatistics(known_s, None, None, None, None, None, None)
    runs = runs_of_true(seen)
    lengths_s = [(stop - start) / fps for start, stop in runs]
    n_active = int(np.count_nonzero(seen))
    return BehaviorStatistics(
        known_s=known_s,
        total_s=n_active / fps,
        fraction=n_active / int(np.count_nonzero(judged)),
        n_bouts=len(runs),
        mean_bout_s=float(np.mean(lengths_s)) if runs else None,
        median_bout_s=float(np.median(lengths_s)) if runs else None,
        latency_s=runs[0][0] / fps if runs else None,
    )


def time_bins(active: ArrayLike, known: ArrayLike, fps: float, bin_s: float = DEFAULT_BIN_S) -> list[TimeBin]:
    """Duration and bouts of one behavior in consecutive pieces of a recording.

    A frame belongs to the bin in which it begins. Durations of the bins add up to that of the
    recording, and so do the bouts that start in them.

    Parameters
    ----------
    active, known : array_like of bool, shape (n_frames,)
        As in `behavior_statistics`.
    fps : float
        Frames per second.
    bin_s : float
        Length of a bin in seconds; the last one may be shorter.

    Returns
    -------
    list of TimeBin

    Raises
    ------
    ValueError
        When the timelines differ in length, fps is not a positive number or a bin holds no frame.
    """
    seen, judged = _timelines(active, known, fps)
    if not (math.isfinite(bin_s) and bin_s * fps >= 1):
        raise ValueError(f"Expected bins of at least one frame, {1 / fps} s. Received: bin_s={bin_s}")
    n_frames = len(seen)
    starts: list[int] = []
    # The first frame that begins at or after the bin's start: the same rounding as of a minimum bout.
    while (start := min_bout_frames(len(starts) * bin_s, fps)) < n_frames:
        starts.append(start)
    is_onset = np.zeros(n_frames, dtype=bool)
    is_onset[[onset for onset, _ in runs_of_true(seen)]] = True
    bins = []
    for start, stop in pairwise([*starts, n_frames]):
        n_known = int(np.count_nonzero(judged[start:stop]))
        n_active = int(np.count_nonzero(seen[start:stop]))
        bins.append(
            TimeBin(
                start_s=start / fps,
                length_s=(stop - start) / fps,
                known_s=n_known / fps,
                total_s=n_active / fps if n_known else None,
                fraction=n_active / n_known if n_known else None,
                n_bouts_started=int(np.count_nonzero(is_onset[start:stop])) if n_known else None,
            )
        )
    return bins


def statistic_agreement(human: Sequence[float | None], predicted: Sequence[float | None]) -> StatisticAgreement:
    """Compare a statistic as a human and as the model have it, over recordings.

    Bland and Altman 1986, Statistical methods for assessing agreement between two methods of clinical
    measurement: a correlation alone does not tell whether one may stand for the other, so bias and
    limits of agreement stand beside it.

    Parameters
    ----------
    human, predicted : sequence of float or None, one per recording
        In the same order; a recording in which one of both is None is left out.

    Returns
    -------
    StatisticAgreement

    Raises
    ------
    ValueError
        When the two differ in length.
    """
    pairs = list(zip(human, predicted, strict=True))
    both = np.array([(h, p) for h, p in pairs if h is not None and p is not None], dtype=float).reshape(-1, 2)
    n, n_left_out = len(both), len(pairs) - len(both)
    if not n:
        return StatisticAgreement(0, n_left_out, reasons=(NO_RECORDINGS,))
    difference = both[:, 1] - both[:, 0]
    bias = float(difference.mean())
    pearson_r, reasons = _pearson_r(both)
    half_width = None
    if n >= MIN_RECORDINGS_FOR_LIMITS:
        half_width = _LIMITS_SD * float(difference.std(ddof=1))
    else:
        reasons += (TOO_FEW_FOR_LIMITS,)
    return StatisticAgreement(
        n_recordings=n,
        n_left_out=n_left_out,
        human_mean=float(both[:, 0].mean()),
        predicted_mean=float(both[:, 1].mean()),
        bias=bias,
        mean_absolute_error=float(np.abs(difference).mean()),
        pearson_r=pearson_r,
        limit_low=None if half_width is None else bias - half_width,
        limit_high=None if half_width is None else bias + half_width,
        reasons=reasons,
    )


def _pearson_r(pairs: NDArray[np.float64]) -> tuple[float | None, tuple[str, ...]]:
    """Correlation of two columns, shape (n_recordings, 2), or None with the reason."""
    if len(pairs) < MIN_RECORDINGS_FOR_R:
        return None, (TOO_FEW_FOR_R,)
    # Equal durations that were divided by different fps differ in the last digit: no variance either.
    if (np.ptp(pairs, axis=0) <= 1e-12 * np.abs(pairs).max(axis=0)).any():
        return None, (NO_VARIANCE,)
    return float(np.corrcoef(pairs[:, 0], pairs[:, 1])[0, 1]), ()


def _timelines(active: ArrayLike, known: ArrayLike, fps: float) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Active frames among the known ones, and the known ones."""
    if not (math.isfinite(fps) and fps > 0):
        raise ValueError(f"Expected a positive number of frames per second. Received: fps={fps}")
    seen, judged = np.asarray(active, dtype=bool), np.asarray(known, dtype=bool)
    if seen.shape != judged.shape or seen.ndim != 1:
        raise ValueError(f"Expected two timelines of one length. Received: {seen.shape} and {judged.shape}")
    return seen & judged, judged
