"""What biologists publish of a recording: how long, how often, how soon; and predicted against human.

All of it comes from one behavior's timeline and the frames in which it is known: those that a human
scored, or those that have a probability. Unknown frames are neither active nor not: they are no part
of any duration, and they cut bouts. A bout that reaches to an unknown frame, or to an end of the
recording, is counted as it is seen, with its visible length; one that is interrupted by unknown frames
is counted as two.

Human and model are compared on the frames that both know, so that a stretch that nobody scored is no
error of the model. The tables are in `pipeline.scoring.statistics.ethology_tables`.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from common.tables import Row
from pipeline.scoring.bouts.bouts import runs_of_true
from pipeline.scoring.postprocessing.postprocess import min_bout_frames

DEFAULT_BIN_S = 60.0
MIN_RECORDINGS_FOR_R = 3
MIN_RECORDINGS_FOR_LIMITS = 3

NO_RECORDINGS = "no recording has the value for both human and model"
TOO_FEW_FOR_R = f"Pearson r needs {MIN_RECORDINGS_FOR_R} recordings"
NO_VARIANCE = "Pearson r needs values that differ between recordings"
TOO_FEW_FOR_LIMITS = f"limits of agreement need {MIN_RECORDINGS_FOR_LIMITS} recordings"

# 95 % of a normal distribution lie within so many standard deviations of its mean.
_LIMITS_SD = 1.96

STATISTICS = ("total_s", "fraction", "n_bouts", "mean_bout_s", "median_bout_s", "latency_s")
_AGREEMENTS = ("human_mean", "predicted_mean", "bias", "mean_absolute_error", "pearson_r", "limit_low", "limit_high")


def behavior_statistics(active: ArrayLike, known: ArrayLike, fps: float) -> Row:
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
    dict
        `known_s`, the duration of the known frames, which all else is about, and `STATISTICS`, all None when no frame
        is known: duration of the behavior, its share of `known_s`, number of bouts; of their visible lengths mean and
        median, None without a bout; latency, from the start of the recording (not of the known frames) to the first
        bout that is seen, None without one. Where frames before it are unknown, the true latency may be shorter.
    """
    judged = np.asarray(known, dtype=bool)
    seen = np.asarray(active, dtype=bool) & judged
    n_known, n_active = int(np.count_nonzero(judged)), int(np.count_nonzero(seen))
    if not n_known:
        return {"known_s": 0.0} | dict.fromkeys(STATISTICS)
    runs = runs_of_true(seen)
    lengths_s = [(stop - start) / fps for start, stop in runs]
    return {
        "known_s": n_known / fps,
        "total_s": n_active / fps,
        "fraction": n_active / n_known,
        "n_bouts": len(runs),
        "mean_bout_s": float(np.mean(lengths_s)) if runs else None,
        "median_bout_s": float(np.median(lengths_s)) if runs else None,
        "latency_s": runs[0][0] / fps if runs else None,
    }


def time_bins(active: ArrayLike, known: ArrayLike, fps: float, bin_s: float = DEFAULT_BIN_S) -> list[Row]:
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
        Length of a bin in seconds, a frame at least; the last one may be shorter.

    Returns
    -------
    list of dict
        `start_s` and `length_s` of the frames that belong to the bin, `known_s` of those that are known. None where
        none is: `total_s`, `fraction` (of `known_s`) and `n_bouts_started`, bouts whose first frame lies in the bin.
    """
    judged = np.asarray(known, dtype=bool)
    seen = np.asarray(active, dtype=bool) & judged
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
            {
                "start_s": start / fps,
                "length_s": (stop - start) / fps,
                "known_s": n_known / fps,
                "total_s": n_active / fps if n_known else None,
                "fraction": n_active / n_known if n_known else None,
                "n_bouts_started": int(np.count_nonzero(is_onset[start:stop])) if n_known else None,
            }
        )
    return bins


def statistic_agreement(human: Sequence[float | None], predicted: Sequence[float | None]) -> Row:
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
    dict
        `n_recordings` that count and `n_left_out`; means over recordings; `bias`, the mean of predicted minus human;
        `mean_absolute_error`; `pearson_r`; limits of agreement, bias ± 1.96 standard deviations (ddof = 1) of the
        differences; None where there are too few recordings or no variance, with the `reason`.
    """
    pairs = list(zip(human, predicted, strict=True))
    both = np.array([(h, p) for h, p in pairs if h is not None and p is not None], dtype=float).reshape(-1, 2)
    n = len(both)
    found: Row = {"n_recordings": n, "n_left_out": len(pairs) - n} | dict.fromkeys(_AGREEMENTS)
    if not n:
        return found | {"reason": NO_RECORDINGS}
    difference = both[:, 1] - both[:, 0]
    bias = float(difference.mean())
    found |= {"human_mean": float(both[:, 0].mean()), "predicted_mean": float(both[:, 1].mean()), "bias": bias}
    found["mean_absolute_error"] = float(np.abs(difference).mean())
    reasons = []
    if n < MIN_RECORDINGS_FOR_R:
        reasons.append(TOO_FEW_FOR_R)
    # Equal durations that were divided by different fps differ in the last digit: no variance either.
    elif (np.ptp(both, axis=0) <= 1e-12 * np.abs(both).max(axis=0)).any():
        reasons.append(NO_VARIANCE)
    else:
        found["pearson_r"] = float(np.corrcoef(both[:, 0], both[:, 1])[0, 1])
    if n < MIN_RECORDINGS_FOR_LIMITS:
        reasons.append(TOO_FEW_FOR_LIMITS)
    else:
        half_width = _LIMITS_SD * float(difference.std(ddof=1))
        found |= {"limit_low": bias - half_width, "limit_high": bias + half_width}
    return found | {"reason": "; ".join(reasons)}
