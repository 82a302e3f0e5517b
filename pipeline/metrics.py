"""Scores per frame: counts first, ratios from the counts, undefined ones by name.

Only frames that a human scored *and* the model predicted count. Counts of recordings add up, so
pooled ratios come from summed counts; pooled average precision comes from all frames together
(it is no mean over recordings). A ratio whose denominator is empty is None, with the reason.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

NO_FRAMES = "no scored frames"
NO_POSITIVES = "the behavior never occurs in the scored frames"
NOTHING_PREDICTED = "no frame was predicted as the behavior"


@dataclass(frozen=True)
class Counts:
    """Confusion counts of one behavior over scored frames.

    Attributes
    ----------
    tp, fp, fn, tn : int
        Frames: true positive, false positive, false negative (missed), true negative.
    """

    tp: int
    fp: int
    fn: int
    tn: int

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(self.tp + other.tp, self.fp + other.fp, self.fn + other.fn, self.tn + other.tn)

    @property
    def n_frames(self) -> int:
        """Scored frames."""
        return self.tp + self.fp + self.fn + self.tn

    @property
    def n_positive(self) -> int:
        """Scored frames in which a human saw the behavior."""
        return self.tp + self.fn

    @property
    def n_predicted(self) -> int:
        """Scored frames in which the model saw the behavior."""
        return self.tp + self.fp

    @property
    def prevalence(self) -> float | None:
        """Share of positive frames: the average precision of a model that guesses. None without frames."""
        return self.n_positive / self.n_frames if self.n_frames else None

    @property
    def accuracy(self) -> float | None:
        """Share of frames that agree; None without frames. Misleading for a rare behavior."""
        return (self.tp + self.tn) / self.n_frames if self.n_frames else None

    @property
    def precision(self) -> float | None:
        """Share of predicted frames that are true; None when none was predicted."""
        return self.tp / self.n_predicted if self.n_predicted else None

    @property
    def recall(self) -> float | None:
        """Share of true frames that were found; None when there is none."""
        return self.tp / self.n_positive if self.n_positive else None

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall, 2 tp / (2 tp + fp + fn).

        0 when the behavior occurs and no frame of it was found; None when it never occurs (nothing
        could be found, so the formula's 0 would punish a model for the recording).
        """
        return 2 * self.tp / (2 * self.tp + self.fp + self.fn) if self.n_positive else None


@dataclass(frozen=True)
class FrameScores:
    """Scores of one behavior in one recording, or pooled over several.

    Attributes
    ----------
    counts : Counts
    average_precision : float or None
        Area under the precision-recall curve as a sum of steps (scikit-learn's definition);
        None when the behavior never occurs.
    n_unpredicted : int
        Scored frames that were left out because the model gave no probability.
    """

    counts: Counts
    average_precision: float | None
    n_unpredicted: int = 0

    @property
    def undefined(self) -> dict[str, str]:
        """Reason for each ratio that is None, by its name."""
        reasons: dict[str, str] = {}
        for name in ("accuracy", "precision", "recall", "f1", "average_precision"):
            value = self.average_precision if name == "average_precision" else getattr(self.counts, name)
            if value is None:
                reasons[name] = reason_undefined(name, self.counts.n_frames, self.counts.n_positive)
        return reasons


class FrameArrays(NamedTuple):
    """One behavior in one recording, each of shape (n_frames,).

    `true`, `predicted`, `scored` are bool; `probability` is float in [0, 1] with NaN = not predicted.
    """

    true: NDArray[np.bool_]
    predicted: NDArray[np.bool_]
    probability: NDArray[np.floating]
    scored: NDArray[np.bool_]


def reason_undefined(name: str, n_frames: int, n_positive: int) -> str:
    """Say in words why a ratio has no value, from the counts that stand beside it in the table."""
    if n_frames == 0:
        return NO_FRAMES
    if name == "precision":
        return NOTHING_PREDICTED
    return NO_POSITIVES if n_positive == 0 else "no value"


def confusion_counts(true: ArrayLike, predicted: ArrayLike) -> Counts:
    """Count agreement of two boolean timelines of shape (n_frames,), all frames counting."""
    truth, guess = np.asarray(true, dtype=bool), np.asarray(predicted, dtype=bool)
    if truth.shape != guess.shape or truth.ndim != 1:
        raise ValueError(f"Expected two timelines of one length. Received: {truth.shape} and {guess.shape}")
    return Counts(
        tp=int(np.count_nonzero(truth & guess)),
        fp=int(np.count_nonzero(~truth & guess)),
        fn=int(np.count_nonzero(truth & ~guess)),
        tn=int(np.count_nonzero(~truth & ~guess)),
    )


class PrecisionRecall(NamedTuple):
    """Precision and recall at each distinct probability, from the highest down, shape (n_thresholds,)."""

    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    threshold: NDArray[np.float64]


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
    """
    truth = np.asarray(true, dtype=bool)
    value = np.asarray(probability, dtype=np.float64)
    if truth.shape != value.shape or truth.ndim != 1:
        raise ValueError(f"Expected two timelines of one length. Received: {truth.shape} and {value.shape}")
    if np.isnan(value).any():
        raise ValueError("Expected a probability for every frame; NaN marks a frame that was not predicted.")
    n_positive = int(np.count_nonzero(truth))
    if n_positive == 0:
        return None
    order = np.argsort(-value, kind="stable")
    ranked = value[order]
    # Frames of equal probability enter together: the last one of each group is where the curve has a point.
    last_of_group = np.append(np.flatnonzero(np.diff(ranked)), ranked.size - 1)
    found = np.cumsum(truth[order])[last_of_group]
    return PrecisionRecall(found / (last_of_group + 1), found / n_positive, ranked[last_of_group])


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
    """
    curve = precision_recall_curve(true, probability)
    if curve is None:
        return None
    return float(np.sum(np.diff(curve.recall, prepend=0.0) * curve.precision))


def frame_scores(
    true: ArrayLike, predicted: ArrayLike, probability: ArrayLike, scored: ArrayLike | None = None
) -> FrameScores:
    """Score one behavior in one recording over the frames that were scored and predicted.

    Parameters
    ----------
    true, predicted : array_like of bool, shape (n_frames,)
        What a human saw; what the model says (after whatever post-processing).
    probability : array_like of float, shape (n_frames,)
        In [0, 1]; NaN = not predicted, which leaves the frame out.
    scored : array_like of bool, shape (n_frames,), optional
        Whether a human judged the frame; all of them when not given.

    Returns
    -------
    FrameScores

    Raises
    ------
    ValueError
        When the four timelines differ in length.
    """
    truth, guess = np.asarray(true, dtype=bool), np.asarray(predicted, dtype=bool)
    value = np.asarray(probability, dtype=np.float64)
    judged = np.ones(truth.shape, dtype=bool) if scored is None else np.asarray(scored, dtype=bool)
    return pooled_frame_scores([FrameArrays(truth, guess, value, judged)])


def pooled_frame_scores(recordings: Iterable[FrameArrays]) -> FrameScores:
    """Score one behavior over several recordings: summed counts, one precision-recall curve.

    Parameters
    ----------
    recordings : iterable of FrameArrays

    Returns
    -------
    FrameScores
        Long recordings weigh more than short ones. All counts 0 when there is no recording.

    Raises
    ------
    ValueError
        When the timelines of a recording differ in length.
    """
    counts = Counts(0, 0, 0, 0)
    n_unpredicted = 0
    truths: list[NDArray[np.bool_]] = []
    values: list[NDArray[np.floating]] = []
    for part in recordings:
        lengths = {np.shape(timeline) for timeline in part}
        if len(lengths) != 1 or part.true.ndim != 1:
            raise ValueError(f"Expected four timelines of shape (n_frames,). Received: {sorted(lengths)}")
        judged = np.asarray(part.scored, dtype=bool)
        used = judged & ~np.isnan(part.probability)
        n_unpredicted += int(np.count_nonzero(judged & ~used))
        counts = counts + confusion_counts(part.true[used], part.predicted[used])
        truths.append(part.true[used])
        values.append(np.asarray(part.probability[used], dtype=np.float64))
    if not truths:
        return FrameScores(counts, None)
    return FrameScores(counts, average_precision(np.concatenate(truths), np.concatenate(values)), n_unpredicted)
