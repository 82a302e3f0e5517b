"""Scores per frame: counts first, ratios from the counts, undefined ones by name.

Only frames that a human scored *and* the model predicted count. Counts of recordings add up, so
pooled ratios come from summed counts; pooled average precision and ROC-AUC come from all frames
together (they are no means over recordings). A ratio whose denominator is empty is None, with the
reason (`pipeline.scoring.undefined`). scikit-learn is imported when first needed, for that takes a second.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.scoring.timeline import BehaviorTimeline, joined_frames


@dataclass(frozen=True)
class Counts:
    """Confusion counts of one behavior: true positive, false positive, false negative (missed), true negative.

    Of scored frames, or of bouts: then `tn` is 0, and what rests on it means nothing.
    """

    tp: int = 0
    fp: int = 0
    fn: int = 0
    tn: int = 0

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
    def specificity(self) -> float | None:
        """Share of frames without the behavior that were left alone; None when every frame shows it."""
        n_negative = self.tn + self.fp
        return self.tn / n_negative if n_negative else None

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall, 2 tp / (2 tp + fp + fn).

        0 when the behavior occurs and no frame of it was found; None when it never occurs (nothing
        could be found, so the formula's 0 would punish a model for the recording).
        """
        return 2 * self.tp / (2 * self.tp + self.fp + self.fn) if self.n_positive else None

    @property
    def balanced_accuracy(self) -> float | None:
        """Mean of recall and specificity: 0.5 for a model that guesses, however rare the behavior.

        None when one of the two is (scikit-learn then gives the other one alone, as if it were both).
        """
        if self.recall is None or self.specificity is None:
            return None
        return (self.recall + self.specificity) / 2

    @property
    def cohen_kappa(self) -> float | None:
        """Agreement beyond chance, (observed - expected) / (1 - expected) (Cohen 1960).

        Chance is what two who know nothing of each other reach at these prevalences: 0; full agreement: 1.
        None when human and model put all frames in the same class, where chance alone agrees fully.
        """
        human_negative, model_negative = self.tn + self.fp, self.tn + self.fn
        # Both sides of the fraction times the squared number of frames: whole numbers, no rounding.
        disagreement_by_chance = self.n_predicted * human_negative + self.n_positive * model_negative
        if not disagreement_by_chance:
            return None
        return 2 * (self.tp * self.tn - self.fp * self.fn) / disagreement_by_chance

    @property
    def matthews(self) -> float | None:
        """Correlation of the two timelines in [-1, 1], Matthews' coefficient (MCC; Matthews 1975).

        None when human or model put all frames in one class: a constant correlates with nothing
        (scikit-learn gives 0 then).
        """
        margins = self.n_positive * self.n_predicted * (self.tn + self.fp) * (self.tn + self.fn)
        if not margins:
            return None
        return (self.tp * self.tn - self.fp * self.fn) / math.sqrt(margins)


class FrameScores(NamedTuple):
    """Scores of one behavior in one recording, or pooled over several; None where a ranking is undefined."""

    counts: Counts
    average_precision: float | None
    roc_auc: float | None


def confusion_counts(true: ArrayLike, predicted: ArrayLike) -> Counts:
    """Count agreement of two boolean timelines of shape (n_frames,), all frames counting."""
    truth, guess = np.asarray(true, dtype=bool), np.asarray(predicted, dtype=bool)
    return Counts(
        tp=int(np.count_nonzero(truth & guess)),
        fp=int(np.count_nonzero(~truth & guess)),
        fn=int(np.count_nonzero(truth & ~guess)),
        tn=int(np.count_nonzero(~truth & ~guess)),
    )


def pooled_frame_scores(recordings: Iterable[BehaviorTimeline]) -> FrameScores:
    """Score one behavior over several recordings: summed counts, one ranking of all frames.

    Long recordings weigh more than short ones. All counts are 0 when there is no recording.
    """
    parts = list(recordings)
    true, probability = joined_frames(parts)
    return FrameScores(pooled_counts(parts), average_precision(true, probability), roc_auc(true, probability))


def pooled_counts(recordings: Iterable[BehaviorTimeline]) -> Counts:
    """Sum the counts of one behavior over several recordings, of the frames that were scored and predicted."""
    used = ((part, part.used_frames()) for part in recordings)
    return sum((confusion_counts(part.true[frames], part.predicted[frames]) for part, frames in used), Counts())


class PrecisionRecall(NamedTuple):
    """Precision and recall at each distinct probability, from the highest down, shape (n_thresholds,)."""

    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    threshold: NDArray[np.float64]


def precision_recall_curve(true: NDArray[np.bool_], probability: NDArray[np.floating]) -> PrecisionRecall | None:
    """Precision and recall when each distinct probability in turn is the threshold (`>=`).

    Of arrays of shape (n_frames,), probabilities without NaN. None without a positive.
    """
    if not true.any():
        return None
    from sklearn import metrics

    precision, recall, threshold = metrics.precision_recall_curve(true, probability)
    return PrecisionRecall(precision[-2::-1], recall[-2::-1], threshold[::-1])


def average_precision(true: NDArray[np.bool_], probability: NDArray[np.floating]) -> float | None:
    """Area under the precision-recall curve as a sum of steps; its chance level is the prevalence.

    Parameters as in `precision_recall_curve`; None when no frame is positive.
    """
    if not true.any():
        return None
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(true, probability))


def roc_auc(true: NDArray[np.bool_], probability: NDArray[np.floating]) -> float | None:
    """Area under the receiver operating characteristic: how often a positive frame outranks a negative one.

    Ties count half (Hanley and McNeil 1982). Its chance level is 0.5 whatever the prevalence, which flatters on rare
    behaviors. Parameters as in `precision_recall_curve`; None when all frames are positive or all are negative.
    """
    if not true.any() or true.all():
        return None
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(true, probability))
