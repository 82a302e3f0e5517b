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

    Parameters
    ----------
    runs, others : array_like of int, shape (n_runs, 2)
        Half-open (start_frame, stop_frame), in order of time and never touching, as `runs_of_true`
        gives them; an empty list will do.

    Returns
    -------
    BestOverlaps

    Raises
    ------
    ValueError
        When runs are out of order, empty or touching.
    """
    own, foreign = run_array(runs), run_array(others)
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
    """Choose the runs that are true positives: enough overlap, and first to take their partner.

    Returns
    -------
    ndarray of int, shape (n_matched,)
        Indices of the runs that chose; `overlaps.best` at these is the partner.
    """
    claims = np.flatnonzero(overlaps.iou >= min_iou)
    # Later runs never choose earlier partners, so that all who claim one partner stand side by side.
    return claims[np.diff(overlaps.best[claims], prepend=-1) != 0]


class SegmentEdits(NamedTuple):
    """Edit distance between two orders of segments, and the number it is divided by; both add up."""

    distance: int
    n_segments: int


def segment_edits(true: ArrayLike, predicted: ArrayLike, scored: ArrayLike | None = None) -> SegmentEdits:
    """Levenshtein distance between the segments of two timelines, behavior and background in turn.

    The segmental edit score (Lea et al. 2016, Segmental Spatiotemporal CNNs for Fine-grained Action
    Segmentation) asks for the order of segments and forgets how long they last. A segment is a run of
    frames of one label, background included. Each scored stretch is compared on its own: the distance
    is the least number of segments to insert, delete or relabel, its normaliser the larger of the two
    numbers of segments; both are summed over the stretches. The score, 1 - distance / n_segments, is
    kept in [0, 1] like every other ratio here (the paper gives percent).

    With two labels that take turns the distance needs no table: orders of unequal length differ by
    that many segments, and orders of one length that begin differently by one segment put in front
    and one taken from the end (or by one relabelled segment, when it is the only one).

    Parameters
    ----------
    true, predicted : array_like of bool, shape (n_frames,)
    scored : array_like of bool, shape (n_frames,), optional
        All frames when not given.

    Returns
    -------
    SegmentEdits
        Both 0 when no frame is scored.

    Raises
    ------
    ValueError
        When the timelines differ in length.
    """
    truth, guess, judged = same_length_timelines(true, predicted, scored)
    stretches = np.asarray(runs_of_true(judged), dtype=np.intp).reshape(-1, 2)
    if not len(stretches):
        return SegmentEdits(0, 0)
    n_true, n_predicted = _segments_per_stretch(truth, stretches), _segments_per_stretch(guess, stretches)
    first_frames = stretches[:, 0]
    begin_alike = truth[first_frames] == guess[first_frames]
    distance = np.where(
        n_true != n_predicted, np.abs(n_true - n_predicted), np.where(begin_alike, 0, np.minimum(n_true, 2))
    )
    return SegmentEdits(int(distance.sum()), int(np.maximum(n_true, n_predicted).sum()))


def _segments_per_stretch(active: NDArray[np.bool_], stretches: NDArray[np.intp]) -> NDArray[np.intp]:
    """Number of runs of one label, true or false, inside each (start, stop), shape (n_stretches,)."""
    n_changes_up_to = np.concatenate(([0], np.cumsum(active[1:] != active[:-1])))
    return 1 + n_changes_up_to[stretches[:, 1] - 1] - n_changes_up_to[stretches[:, 0]]


def same_length_timelines(
    true: ArrayLike, predicted: ArrayLike, scored: ArrayLike | None
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """What is true, predicted and scored, as bool arrays of one length.

    Raises
    ------
    ValueError
        When they differ in length.
    """
    truth, guess = np.asarray(true, dtype=bool), np.asarray(predicted, dtype=bool)
    judged = np.ones(truth.shape, dtype=bool) if scored is None else np.asarray(scored, dtype=bool)
    if not truth.shape == guess.shape == judged.shape or truth.ndim != 1:
        raise ValueError(
            f"Expected timelines of one length, shape (n_frames,). "
            f"Received: true {truth.shape}, predicted {guess.shape}, scored {judged.shape}"
        )
    return truth, guess, judged


def run_array(runs: ArrayLike) -> NDArray[np.intp]:
    """Runs as an array of shape (n_runs, 2), refused when they are not in order and apart."""
    array = np.asarray(runs, dtype=np.intp).reshape(-1, 2)
    ends = array.ravel()
    wrong = ends[1:] <= ends[:-1]
    if wrong.any():
        at = int(np.argmax(wrong))
        raise ValueError(
            f"Expected runs in order of time that hold a frame and do not touch. "
            f"Received: {ends[at + 1]} after {ends[at]}"
        )
    return array
