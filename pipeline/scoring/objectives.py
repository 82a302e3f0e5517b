"""What a search makes large: one number for all behaviors together, pooled over recordings.

Each is a function of how often every individual counts, so that the number itself, its interval and its difference
between two settings are computed by the same code.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from pipeline.scoring.classes import confusion, macro_f1
from pipeline.scoring.statistics import by_individual
from pipeline.scoring.statistics.intervals import WeightedStatistic, gather_clusters
from pipeline.scoring.timeline import FULL, Timeline

T = TypeVar("T")

AVERAGE_PRECISION, BOUT_F1, MACRO_F1 = "average_precision", "bout_f1", "macro_f1"

ByBehavior = Callable[[Sequence[Timeline], int], WeightedStatistic]
"""Of timelines and a column, the pooled score as a function of how often each individual counts."""


@dataclass(frozen=True)
class Objective:
    """A score of one behavior, and how behaviors become one number.

    Attributes
    ----------
    of_behavior : callable
    words : str
        What it is called in sentences.
    needs_decisions : bool
        Whether it rests on post-processing, not on probabilities alone.
    of_classes : callable or None
        Where behaviors are exclusive classes, the score of all of them; None: the mean over behaviors.
    """

    of_behavior: ByBehavior
    words: str
    needs_decisions: bool = True
    of_classes: Callable[[Sequence[Timeline]], WeightedStatistic] | None = None

    def by_individual(self, timelines: Sequence[Timeline], column: int | None = None) -> WeightedStatistic:
        """The score as a function of how often each individual counts, `individuals` in their order.

        Of one behavior, or (None) of all together: the mean over those whose score is defined.
        """
        if column is not None:
            return self.of_behavior(timelines, column)
        if self.of_classes is not None and timelines[0].is_exclusive:
            return self.of_classes(timelines)
        each = [self.of_behavior(timelines, i) for i in range(len(timelines[0].behaviors))]
        return lambda weights: _mean_of_defined(np.array([statistic(weights) for statistic in each]))

    def value(self, timelines: Sequence[Timeline], column: int | None = None) -> float | None:
        """The score of all recordings, each once; None where undefined, or without recordings."""
        if not timelines:
            return None
        everyone = np.ones((1, n_individuals(timelines)), dtype=np.int64)
        found = float(self.by_individual(timelines, column)(everyone)[0])
        return None if np.isnan(found) else found


def n_individuals(timelines: Sequence[Timeline]) -> int:
    """How many individuals there are."""
    return len(_by_individual(timelines, timelines))


def _mean_of_defined(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over behaviors, shape (n_behaviors, n_resamples) to (n_resamples,); NaN where none is defined."""
    is_defined = ~np.isnan(values)
    n_defined = is_defined.sum(axis=0)
    total = np.where(is_defined, values, 0).sum(axis=0)
    return np.where(n_defined > 0, total / np.maximum(n_defined, 1), np.nan)


def _by_individual(timelines: Sequence[Timeline], parts: Sequence[T]) -> list[list[T]]:
    return gather_clusters([timeline.individual for timeline in timelines], parts)


def _of_behavior(score: str) -> ByBehavior:
    def pooled(timelines: Sequence[Timeline], column: int) -> WeightedStatistic:
        parts = [timeline.behavior(column, FULL) for timeline in timelines]
        return by_individual.score_by_individual(parts, [timeline.individual for timeline in timelines], score)

    return pooled


def _macro_f1(timelines: Sequence[Timeline]) -> WeightedStatistic:
    clusters = _by_individual(timelines, [confusion(timeline, FULL) for timeline in timelines])
    matrices = np.array([np.sum(members, axis=0) for members in clusters])

    def weighted(weights: NDArray[np.int64]) -> NDArray[np.float64]:
        found = (macro_f1(matrix) for matrix in np.tensordot(weights, matrices, axes=1))
        return np.array([np.nan if score is None else score for score in found])

    return weighted


OBJECTIVES: Mapping[str, Objective] = {
    AVERAGE_PRECISION: Objective(
        _of_behavior(by_individual.AVERAGE_PRECISION), "average precision", needs_decisions=False
    ),
    BOUT_F1: Objective(_of_behavior(by_individual.BOUT_F1), "bout F1"),
    MACRO_F1: Objective(_of_behavior(by_individual.FRAME_F1), "macro F1", of_classes=_macro_f1),
}
"""By the word that stands in the YAML."""
