"""Scores per frame: counts first, ratios from the counts, undefined ones by name.

Only frames that a human scored *and* the model predicted count. Counts of recordings add up, so
pooled ratios come from summed counts; pooled average precision and ROC-AUC come from all frames
together (they are no means over recordings). A ratio whose denominator is empty is None, with the
reason. The curves themselves are in `pipeline.scoring.curves`.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.scoring.curves import PrecisionRecall as PrecisionRecall
from pipeline.scoring.curves import average_precision as average_precision
from pipeline.scoring.curves import precision_recall_curve as precision_recall_curve
from pipeline.scoring.curves import roc_auc as roc_auc

NO_FRAMES = "no scored frames"
NO_POSITIVES = "the behavior never occurs in the scored frames"
NO_NEGATIVES = "every scored frame shows the behavior"
NOTHING_PREDICTED = "no frame was predicted as the behavior"
ONE_CLASS_PREDICTED = "the model puts all scored frames in one class"
SAME_SINGLE_CLASS = "human and model put all scored frames in one and the same class"


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
    roc_auc : float or None
        Share of pairs of a positive and a negative frame in which the positive one has the higher
        probability, ties counting half; None when there are only positives or only negatives.
    """

    counts: Counts
    average_precision: float | None
    n_unpredicted: int = 0
    roc_auc: float | None = None

    @property
    def undefined(self) -> dict[str, str]:
        """Reason for each ratio that is None, by its name in the table of scores."""
        counts = self.counts
        ratios = {
            "accuracy": counts.accuracy,
            "precision": counts.precision,
            "recall": counts.recall,
            "f1": counts.f1,
            "average_precision": self.average_precision,
            "specificity": counts.specificity,
            "balanced_accuracy": counts.balanced_accuracy,
            "roc_auc": self.roc_auc,
            "cohen_kappa": counts.cohen_kappa,
            "mcc": counts.matthews,
        }
        return {
            name: reason_undefined(name, counts.n_frames, counts.n_positive)
            for name, ratio in ratios.items()
            if ratio is None
        }


class FrameArrays(NamedTuple):
    """One behavior in one recording, each of shape (n_frames,).

    `true`, `predicted`, `scored` are bool; `probability` is float in [0, 1] with NaN = not predicted.
    """

    true: NDArray[np.bool_]
    predicted: NDArray[np.bool_]
    probability: NDArray[np.floating]
    scored: NDArray[np.bool_]

    def used_frames(self) -> NDArray[np.bool_]:
        """Frames that count, shape (n_frames,): a human scored them and the model predicted them.

        Raises
        ------
        ValueError
            When the timelines differ in length.
        """
        lengths = {np.shape(timeline) for timeline in self}
        if len(lengths) != 1 or np.ndim(self.true) != 1:
            raise ValueError(f"Expected four timelines of shape (n_frames,). Received: {sorted(lengths)}")
        return np.asarray(self.scored, dtype=bool) & ~np.isnan(self.probability)


def reason_undefined(name: str, n_frames: int, n_positive: int) -> str:
    """Say in words why a ratio has no value, from the counts that stand beside it in the table."""
    if n_frames == 0:
        return NO_FRAMES
    if name == "precision":
        return NOTHING_PREDICTED
    if name == "cohen_kappa":
        return SAME_SINGLE_CLASS
    if n_positive == 0:
        return NO_POSITIVES
    if n_positive == n_frames:
        return NO_NEGATIVES
    return ONE_CLASS_PREDICTED if name == "mcc" else "no value"


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
    """Score one behavior over several recordings: summed counts, one ranking of all frames.

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
        used = part.used_frames()
        n_unpredicted += int(np.count_nonzero(np.asarray(part.scored, dtype=bool) & ~used))
        counts = counts + confusion_counts(part.true[used], part.predicted[used])
        truths.append(part.true[used])
        values.append(np.asarray(part.probability[used], dtype=np.float64))
    if not truths:
        return FrameScores(counts, None)
    truth, value = np.concatenate(truths), np.concatenate(values)
    return FrameScores(counts, average_precision(truth, value), n_unpredicted, roc_auc(truth, value))
