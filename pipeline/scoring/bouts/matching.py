"""Which bout belongs to which: overlaps of runs, true positives among them, and edits between segments.

The rules are told in `pipeline.scoring.bouts.metrics`; here they work on runs, half-open (start_frame, stop_frame)
in order of time, without a loop over frames or runs.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.scoring.bouts.bouts import runs_of_true


class BestOverlaps(NamedTuple):
    """What each run overlaps among the other timeline's runs, each of shape (n_runs,).

    `n_overlapping` counts them, `best` is the index of the one with the highest IoU (the earlier of
    equals, -1 when none overlaps), `iou` is that IoU in [0, 1] (0 when none overlaps).
    """

    n_overlapping: NDArray[np.intp]
    best: NDArray[np.intp]
    iou: NDArray[np.float64]


def best_overlaps(runs: ArrayLike, others: ArrayLike) -> BestOverlaps:
    """Find for each run the run of the other timeline that it overlaps most.

    Both are given as `runs_of_true` gives them, as a list or an array.
    """
    own, foreign = (np.asarray(given, dtype=np.intp).reshape(-1, 2) for given in (runs, others))
    # Runs that overlap are neighbors: those that stop after this one starts and start before it stops.
    first = np.searchsorted(foreign[:, 1], own[:, 0], side="right")
    n_overlapping = np.searchsorted(foreign[:, 0], own[:, 1], side="left") - first
    best = np.full(len(own), -1, dtype=np.intp)
    iou = np.zeros(len(own))
    met = np.flatnonzero(n_overlapping)
    if met.size:
        n_pairs = n_overlapping[met]
        group_start = np.cumsum(n_pairs) - n_pairs
        a = own[np.repeat(met, n_pairs)]
        index = np.arange(len(a)) + np.repeat(first[met] - group_start, n_pairs)
        b = foreign[index]
        shared = np.minimum(a[:, 1], b[:, 1]) - np.maximum(a[:, 0], b[:, 0])
        pair_iou = shared / (np.maximum(a[:, 1], b[:, 1]) - np.minimum(a[:, 0], b[:, 0]))
        iou[met] = np.maximum.reduceat(pair_iou, group_start)
        is_best = pair_iou == np.repeat(iou[met], n_pairs)
        best[met] = np.minimum.reduceat(np.where(is_best, index, len(foreign)), group_start)
    return BestOverlaps(n_overlapping, best, iou)


def matched_runs(overlaps: BestOverlaps, min_iou: float) -> NDArray[np.intp]:
    """Indices of the runs that are true positives, shape (n_matched,); `overlaps.best` at these is the partner.

    They overlap enough, and are the first to take their partner.
    """
    claims = np.flatnonzero(overlaps.iou >= min_iou)
    # Later runs never choose earlier partners, so that all who claim one partner stand side by side.
    return claims[np.diff(overlaps.best[claims], prepend=-1) != 0]


def segment_edits(true: NDArray[np.bool_], predicted: NDArray[np.bool_], scored: NDArray[np.bool_]) -> tuple[int, int]:
    """Levenshtein distance between the segments of two timelines, behavior and background in turn.

    The segmental edit score (Lea et al. 2016, Segmental Spatiotemporal CNNs for Fine-grained Action
    Segmentation) asks for the order of segments and forgets how long they last. A segment is a run of
    frames of one label, background included. Each scored stretch is compared on its own: the distance
    is the least number of segments to insert, delete or relabel, its normaliser the larger of the two
    numbers of segments; both are summed over the stretches and returned (0, 0 when no frame is scored).
    The score, 1 - distance / n_segments, is in [0, 1] like every other ratio here (the paper gives percent).

    With two labels that take turns the distance needs no table: orders of unequal length differ by
    that many segments, and orders of one length that begin differently by one segment put in front
    and one taken from the end (or by one relabelled segment, when it is the only one).
    """
    stretches = np.asarray(runs_of_true(scored), dtype=np.intp).reshape(-1, 2)
    if not len(stretches):
        return 0, 0
    n_true, n_predicted = _segments_per_stretch(true, stretches), _segments_per_stretch(predicted, stretches)
    first_frames = stretches[:, 0]
    begin_alike = true[first_frames] == predicted[first_frames]
    distance = np.where(
        n_true != n_predicted, np.abs(n_true - n_predicted), np.where(begin_alike, 0, np.minimum(n_true, 2))
    )
    return int(distance.sum()), int(np.maximum(n_true, n_predicted).sum())


def _segments_per_stretch(active: NDArray[np.bool_], stretches: NDArray[np.intp]) -> NDArray[np.intp]:
    """Number of runs of one label, true or false, inside each (start, stop), shape (n_stretches,)."""
    n_changes_up_to = np.concatenate(([0], np.cumsum(active[1:] != active[:-1])))
    return 1 + n_changes_up_to[stretches[:, 1] - 1] - n_changes_up_to[stretches[:, 0]]
