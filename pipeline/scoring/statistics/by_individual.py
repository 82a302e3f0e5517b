"""A pooled score of one behavior as a function of how often each individual counts."""

from collections.abc import Sequence

from pipeline.scoring.bouts.scores import pooled_bout_counts
from pipeline.scoring.metrics import Counts, pooled_counts
from pipeline.scoring.statistics.intervals import ClusterRanking, WeightedStatistic, counts_by_weights, gather_clusters
from pipeline.scoring.timeline import BehaviorTimeline, joined_frames

AVERAGE_PRECISION = "average_precision"
FRAME_F1 = "f1"
BOUT_F1 = "bout_f1_iou50"
BOUT_IOU = 0.5


def score_by_individual(parts: Sequence[BehaviorTimeline], individuals: Sequence[str], score: str) -> WeightedStatistic:
    """Make the pooled score of recordings a function of their individuals' weights.

    Parameters
    ----------
    parts : sequence of BehaviorTimeline
        One per recording.
    individuals : sequence of str
        Whose each is; "" = its own.
    score : str
        `AVERAGE_PRECISION` (of the probabilities), `FRAME_F1` or `BOUT_F1` (of what is predicted).
    """
    if score == AVERAGE_PRECISION:
        return ClusterRanking(list(map(joined_frames, gather_clusters(individuals, parts)))).average_precision
    if score == FRAME_F1:
        counts = [pooled_counts([part]) for part in parts]
    else:
        counts = [pooled_bout_counts([part]).predicted_to_true(BOUT_IOU) for part in parts]
    by_individual = [sum(own, Counts()) for own in gather_clusters(individuals, counts)]
    return counts_by_weights(by_individual, lambda total: total.f1)
