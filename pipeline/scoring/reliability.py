"""How far probabilities are from what they say, on frames that a human scored.

The reliability diagram sets the share of positive frames beside the mean probability, bin by bin; the
expected calibration error, the Brier score and the log-loss are its summary in one number each. Lower is
better; the last two also reward telling frames apart, so they compare calibrations of one and the same
head best.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.scoring.metrics import NO_FRAMES

# Nobody is that sure: probabilities of 0 and 1 would cost an infinite log-loss when wrong.
PROBABILITY_FLOOR = 1e-6


@dataclass(frozen=True)
class ReliabilityBin:
    """Frames whose probability lies in [lower, upper); the last bin includes 1.

    Attributes
    ----------
    lower, upper : float
    n_frames : int
    n_positive : int
        Of them, frames in which a human saw the behavior.
    mean_probability : float or None
        What the probabilities say; None without frames.
    """

    lower: float
    upper: float
    n_frames: int
    n_positive: int
    mean_probability: float | None

    @property
    def observed(self) -> float | None:
        """Share of positive frames; None without frames."""
        return self.n_positive / self.n_frames if self.n_frames else None


@dataclass(frozen=True)
class Reliability:
    """Reliability of one behavior's probabilities.

    Attributes
    ----------
    bins : tuple of ReliabilityBin
        Equally wide, from 0 to 1.
    n_frames : int
        Frames that were scored and predicted.
    expected_calibration_error : float or None
        Mean over frames of |observed - mean probability| of their bin (Naeini et al. 2015); depends on
        the number of bins. None, like the next two, without frames.
    brier : float or None
        Mean of (probability - truth) squared (Brier 1950).
    log_loss : float or None
        Mean of -ln(probability of what was true), probabilities taken as at least 1e-6 and at most
        1 - 1e-6.
    reason : str or None
        Why there are no numbers; None when there are.
    """

    bins: tuple[ReliabilityBin, ...]
    n_frames: int
    expected_calibration_error: float | None
    brier: float | None
    log_loss: float | None
    reason: str | None = None


@dataclass(frozen=True)
class CalibrationComparison:
    """Reliability over the same frames before and after calibration."""

    before: Reliability
    after: Reliability

    @property
    def helps(self) -> bool | None:
        """Whether log-loss and Brier score both fall; None without frames.

        Both, because a curve that says 0 to some frames that are positive can lower the one alone.
        """
        before, after = self.before, self.after
        if before.log_loss is None or after.log_loss is None or before.brier is None or after.brier is None:
            return None
        return after.log_loss < before.log_loss and after.brier < before.brier


def reliability(
    probability: ArrayLike, true: ArrayLike, scored: ArrayLike | None = None, n_bins: int = 10
) -> Reliability:
    """Compare what probabilities say with how often the behavior was seen.

    Parameters
    ----------
    probability : array_like of float, shape (n_frames,)
        In [0, 1]; NaN = not predicted, which leaves the frame out. For several recordings: one after
        the other (pooled, long recordings weigh more).
    true : array_like of bool, shape (n_frames,)
    scored : array_like of bool, shape (n_frames,), optional
        Whether a human judged the frame; all of them when not given.
    n_bins : int

    Returns
    -------
    Reliability

    Raises
    ------
    ValueError
        When the timelines differ in length, a probability lies outside [0, 1] or n_bins is below 1.
    """
    if n_bins < 1:
        raise ValueError(f"Expected at least one bin. Received: n_bins={n_bins}")
    value, truth = used_frames(probability, true, scored)
    edges = np.linspace(0.0, 1.0, n_bins + 1)
    which = np.minimum(np.searchsorted(edges, value, side="right") - 1, n_bins - 1)
    n_frames = np.bincount(which, minlength=n_bins)
    n_positive = np.bincount(which, weights=truth, minlength=n_bins)
    said = np.bincount(which, weights=value, minlength=n_bins)
    bins = tuple(
        ReliabilityBin(
            lower=float(edges[i]),
            upper=float(edges[i + 1]),
            n_frames=int(n_frames[i]),
            n_positive=int(n_positive[i]),
            mean_probability=float(said[i] / n_frames[i]) if n_frames[i] else None,
        )
        for i in range(n_bins)
    )
    if not value.size:
        return Reliability(bins, 0, None, None, None, NO_FRAMES)
    return Reliability(
        bins=bins,
        n_frames=int(value.size),
        expected_calibration_error=float(np.abs(n_positive - said).sum() / value.size),
        brier=float(np.mean((value - truth) ** 2)),
        log_loss=_log_loss(value, truth),
    )


def compare_calibration(
    before: ArrayLike, after: ArrayLike, true: ArrayLike, scored: ArrayLike | None = None, n_bins: int = 10
) -> CalibrationComparison:
    """Compare probabilities with calibrated ones on frames that the calibration was *not* fitted on.

    Parameters
    ----------
    before, after : array_like of float, shape (n_frames,)
        Probabilities of held-out recordings, one after the other, as the head gives them and
        calibrated; NaN = not predicted, in both alike. Each recording may have its own calibration.
    true : array_like of bool, shape (n_frames,)
    scored : array_like of bool, shape (n_frames,), optional
        Whether a human judged the frame; all of them when not given.
    n_bins : int

    Returns
    -------
    CalibrationComparison

    Raises
    ------
    ValueError
        As `reliability`, and when one of the two has a probability where the other has none.
    """
    if not np.array_equal(np.isnan(np.asarray(before, float)), np.isnan(np.asarray(after, float))):
        raise ValueError("Expected probabilities before and after calibration for the same frames.")
    return CalibrationComparison(reliability(before, true, scored, n_bins), reliability(after, true, scored, n_bins))


def used_frames(
    probability: ArrayLike, true: ArrayLike, scored: ArrayLike | None = None
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Probability and truth of the frames that are scored and predicted, shape (n_used_frames,) each.

    Raises
    ------
    ValueError
        When the timelines differ in length or a probability lies outside [0, 1].
    """
    value, truth = np.asarray(probability, dtype=np.float64), np.asarray(true, dtype=bool)
    judged = np.ones(truth.shape, dtype=bool) if scored is None else np.asarray(scored, dtype=bool)
    if not value.shape == truth.shape == judged.shape or value.ndim != 1:
        raise ValueError(
            f"Expected timelines of one length. "
            f"Received: probability {value.shape}, true {truth.shape}, scored {judged.shape}"
        )
    used = judged & ~np.isnan(value)
    if np.any((value[used] < 0) | (value[used] > 1)):
        raise ValueError(f"Expected probabilities in [0, 1]. Received: {value[used].min():g} to {value[used].max():g}")
    return value[used], truth[used]


def _log_loss(value: NDArray[np.float64], truth: NDArray[np.bool_]) -> float:
    inside = np.clip(value, PROBABILITY_FLOOR, 1 - PROBABILITY_FLOOR)
    return float(-np.mean(np.where(truth, np.log(inside), np.log1p(-inside))))
