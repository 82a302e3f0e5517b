"""How far probabilities are from what they say, on frames that a human scored.

The reliability diagram sets the share of positive frames beside the mean probability, bin by bin; the expected
calibration error, the Brier score and the log-loss are its summary in one number each. Lower is better; the last two
also reward telling frames apart, so they compare calibrations of one and the same head best.
"""

import numpy as np
from numpy.typing import NDArray

from common.tables import Row

# Nobody is that sure: probabilities of 0 and 1 would cost an infinite log-loss when wrong.
PROBABILITY_FLOOR = 1e-6


def reliability_rows(true: NDArray[np.bool_], probability: NDArray[np.float64], n_bins: int = 10) -> list[Row]:
    """Compare what probabilities say with how often the behavior was seen.

    Parameters
    ----------
    true, probability : ndarray of bool, and of float in [0, 1] without NaN, each of shape (n_frames,)
        Of several recordings: one after the other (pooled, long recordings weigh more).
    n_bins : int
        Equally wide; a bin is [lower, upper), the last one includes 1.

    Returns
    -------
    list of dict
        A row per bin; `mean_probability` (what is said) and `observed` (share of positive frames) are None where it
        has no frame. Repeated in each, over all frames (None without any): `calibration_error`, the mean of
        |observed - mean probability| of their bin (Naeini et al. 2015; it depends on the number of bins); `brier`,
        the mean of (probability - truth) squared (Brier 1950); `log_loss`, the mean of -ln(probability of what was
        true), probabilities taken as at least 1e-6 and at most 1 - 1e-6.
    """
    edges = np.linspace(0.0, 1.0, n_bins + 1)
    which = np.minimum(np.searchsorted(edges, probability, side="right") - 1, n_bins - 1)
    n_frames = np.bincount(which, minlength=n_bins)
    n_positive = np.bincount(which, weights=true, minlength=n_bins)
    said = np.bincount(which, weights=probability, minlength=n_bins)
    n_used = probability.size
    errors: Row = {
        "calibration_error": float(np.abs(n_positive - said).sum() / n_used) if n_used else None,
        "brier": float(np.mean((probability - true) ** 2)) if n_used else None,
        "log_loss": _log_loss(true, probability) if n_used else None,
    }
    return [
        {
            "lower": float(edges[i]),
            "upper": float(edges[i + 1]),
            "n_frames": int(n_frames[i]),
            "n_positive": int(n_positive[i]),
            "mean_probability": float(said[i] / n_frames[i]) if n_frames[i] else None,
            "observed": int(n_positive[i]) / int(n_frames[i]) if n_frames[i] else None,
        }
        | errors
        for i in range(n_bins)
    ]


def _log_loss(true: NDArray[np.bool_], probability: NDArray[np.float64]) -> float:
    inside = np.clip(probability, PROBABILITY_FLOOR, 1 - PROBABILITY_FLOOR)
    return float(-np.mean(np.where(true, np.log(inside), np.log1p(-inside))))
