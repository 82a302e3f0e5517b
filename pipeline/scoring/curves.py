"""What probabilities rank first: precision-recall curve, average precision, area under the ROC curve.

All of them ask how well the probabilities order the frames, before any threshold is chosen. Each
equals scikit-learn's function of the same meaning; without one of the classes there is no value.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray


class PrecisionRecall(NamedTuple):
    """Precision and recall at each distinct probability, from the highest down, shape (n_thresholds,)."""

    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    threshold: NDArray[np.float64]


class _CumulativeCounts(NamedTuple):
    """Frames at or above each distinct probability, from the highest down, shape (n_thresholds,)."""

    n_true: NDArray[np.int64]
    n_called: NDArray[np.int64]
    threshold: NDArray[np.float64]


def _cumulative_counts(true: ArrayLike, probability: ArrayLike) -> _CumulativeCounts:
    """Count true and all frames at or above each distinct probability; no entry without a frame.

    Raises
    ------
    ValueError
        When the timelines differ in length or a probability is NaN.
    """
    truth = np.asarray(true, dtype=bool)
    value = np.asarray(probability, dtype=np.float64)
    if truth.shape != value.shape or truth.ndim != 1:
        raise ValueError(f"Expected two timelines of one length. Received: {truth.shape} and {value.shape}")
    if np.isnan(value).any():
        raise ValueError("Expected a probability for every frame; NaN marks a frame that was not predicted.")
    order = np.argsort(-value, kind="stable")
    ranked = value[order]
    # Frames of equal probability enter together: the last one of each group is where the curve has a point.
    last_of_group = np.append(np.flatnonzero(np.diff(ranked)), ranked.size - 1) if ranked.size else order
    n_true = np.cumsum(truth[order], dtype=np.int64)[last_of_group]
    return _CumulativeCounts(n_true, last_of_group + 1, ranked[last_of_group])


def precision_recall_curve(true: ArrayLike, probability: ArrayLike) -> PrecisionRecall | None:
    """Precision and recall when each distinct probability in turn is the threshold (`>=`).

    Parameters
    ----------
    true : array_like of bool, shape (n_frames,)
    probability : array_like of float, shape (n_frames,)
        No NaN.

    Returns
    -------
    PrecisionRecall or None
        From the highest threshold (least recall) to the lowest (recall 1); None without a positive.

    Raises
    ------
    ValueError
        When the timelines differ in length or a probability is NaN.
    """
    counts = _cumulative_counts(true, probability)
    if not counts.n_true.size or counts.n_true[-1] == 0:
        return None
    return PrecisionRecall(counts.n_true / counts.n_called, counts.n_true / counts.n_true[-1], counts.threshold)


def average_precision(true: ArrayLike, probability: ArrayLike) -> float | None:
    """Area under the precision-recall curve as a sum of steps, without interpolation.

    Equals scikit-learn's `average_precision_score`: sum over thresholds of
    (recall step) x (precision there). Its chance level is the prevalence.

    Parameters
    ----------
    true : array_like of bool, shape (n_frames,)
    probability : array_like of float, shape (n_frames,)
        No NaN.

    Returns
    -------
    float or None
        None when no frame is positive.

    Raises
    ------
    ValueError
        When the timelines differ in length or a probability is NaN.
    """
    curve = precision_recall_curve(true, probability)
    if curve is None:
        return None
    return float(np.sum(np.diff(curve.recall, prepend=0.0) * curve.precision))


def roc_auc(true: ArrayLike, probability: ArrayLike) -> float | None:
    """Area under the receiver operating characteristic: how often a positive frame outranks a negative one.

    Over all pairs of one positive and one negative frame, the share in which the positive one has
    the higher probability, ties counting half (Hanley and McNeil 1982). Equals scikit-learn's
    `roc_auc_score`. Its chance level is 0.5 whatever the prevalence, which flatters on rare behaviors.

    Parameters
    ----------
    true : array_like of bool, shape (n_frames,)
    probability : array_like of float, shape (n_frames,)
        No NaN.

    Returns
    -------
    float or None
        None when all frames are positive or all are negative.

    Raises
    ------
    ValueError
        When the timelines differ in length or a probability is NaN.
    """
    counts = _cumulative_counts(true, probability)
    n_false = counts.n_called - counts.n_true
    if not n_false.size or counts.n_true[-1] == 0 or n_false[-1] == 0:
        return None
    # Each negative frame is outranked by the positives above its group, and ties with those in it: counted
    # twice over, so that the sum stays in whole numbers.
    above_and_up_to = counts.n_true + np.concatenate(([0], counts.n_true[:-1]))
    twice_won = int(np.sum(np.diff(n_false, prepend=0) * above_and_up_to))
    return twice_won / (2 * int(counts.n_true[-1]) * int(n_false[-1]))
