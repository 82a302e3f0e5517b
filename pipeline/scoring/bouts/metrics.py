"""Scores per bout: which bouts were found, how their ends differ, and in what order they come.

A bout is an uninterrupted run of frames. Two runs overlap by their intersection over union (IoU), in
frames. The rule of matching is that of the segmental F1@k (Lea et al. 2017, Temporal Convolutional
Networks for Action Segmentation and Detection):

    Every predicted bout, in order of time, takes the true bout that it overlaps most (the earlier one
    of equals). It is a true positive when their IoU is at least k and no earlier predicted bout was a
    true positive with that true bout; otherwise it is a false positive. True bouts that took part in
    no true positive are false negatives.

The mirror view lets the true bouts choose: every true bout, in order of time, takes the predicted bout
that it overlaps most, under the same conditions. At IoU 0.5 both views agree (a bout has room for one
partner only); below, they may differ.

Frames that nobody scored cut the timeline into stretches. Bouts are cut there too, so that a bout lies
inside one stretch, meets only bouts of that stretch, and does not exist where nothing is scored.

Components add up: those of recordings are summed, and pooled ratios come from the sums. A ratio whose
denominator is empty is None, with the reason (`pipeline.scoring.undefined`).
"""

from dataclasses import dataclass
from operator import add

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.scoring.bouts.bouts import runs_of_true
from pipeline.scoring.bouts.matching import best_overlaps, matched_runs, segment_edits
from pipeline.scoring.metrics import Counts

IOU_THRESHOLDS = (0.1, 0.25, 0.5)
MATCHED_IOU = 0.25
_NO_HITS = (0,) * len(IOU_THRESHOLDS)


@dataclass(frozen=True)
class BoutCounts:
    """Components of all bout scores of one behavior, in one recording or summed over several.

    Attributes
    ----------
    n_true, n_predicted : int
        Bouts, cut at unscored frames.
    hits_predicted_to_true, hits_true_to_predicted : tuple of int, one per entry of IOU_THRESHOLDS
        True positives when the predicted bouts choose, and when the true bouts choose.
    missed, invented : int
        True bouts that no predicted bout overlaps; predicted bouts that overlap no true bout.
    split, merged : int
        True bouts overlapped by two or more predicted ones; predicted bouts that overlap two or more
        true ones.
    onset_errors_s, offset_errors_s : tuple of float
        Predicted minus true, in seconds (positive = the model is late), one per pair matched at
        MATCHED_IOU with the predicted bouts choosing. A pair is left out where one of its two ends was
        not seen because the bout reaches to the edge of its stretch.
    edit_distance, n_edit_segments : int
        Segmental edit distance and what it is divided by (`segment_edits`).
    """

    n_true: int = 0
    n_predicted: int = 0
    hits_predicted_to_true: tuple[int, ...] = _NO_HITS
    hits_true_to_predicted: tuple[int, ...] = _NO_HITS
    missed: int = 0
    invented: int = 0
    split: int = 0
    merged: int = 0
    onset_errors_s: tuple[float, ...] = ()
    offset_errors_s: tuple[float, ...] = ()
    edit_distance: int = 0
    n_edit_segments: int = 0

    def __add__(self, other: "BoutCounts") -> "BoutCounts":
        mine, others = vars(self), vars(other)
        # All add up as numbers and tuples do, but for the tuples of hits: these are added place by place.
        hits = {name: tuple(map(add, mine[name], others[name])) for name in mine if name.startswith("hits_")}
        return BoutCounts(**{name: mine[name] + others[name] for name in mine} | hits)

    def predicted_to_true(self, iou: float) -> Counts:
        """Matches at one of IOU_THRESHOLDS when the predicted bouts choose: the published F1@k."""
        return self._matches(self.hits_predicted_to_true[IOU_THRESHOLDS.index(iou)])

    def true_to_predicted(self, iou: float) -> Counts:
        """Matches at one of IOU_THRESHOLDS when the true bouts choose: the mirror view."""
        return self._matches(self.hits_true_to_predicted[IOU_THRESHOLDS.index(iou)])

    def _matches(self, n_hits: int) -> Counts:
        return Counts(tp=n_hits, fp=self.n_predicted - n_hits, fn=self.n_true - n_hits)

    @property
    def n_matched(self) -> int:
        """Pairs whose ends are compared: matched at MATCHED_IOU, the predicted bouts choosing."""
        return self.predicted_to_true(MATCHED_IOU).tp

    @property
    def onset_error_s(self) -> float | None:
        """Median distance of the onsets of matched bouts in seconds; None when no pair has both."""
        return _median(np.abs(self.onset_errors_s))

    @property
    def onset_shift_s(self) -> float | None:
        """Median of predicted minus true onset in seconds, positive = late; None when no pair has both."""
        return _median(self.onset_errors_s)

    @property
    def offset_error_s(self) -> float | None:
        """Median distance of the offsets of matched bouts in seconds; None when no pair has both."""
        return _median(np.abs(self.offset_errors_s))

    @property
    def offset_shift_s(self) -> float | None:
        """Median of predicted minus true offset in seconds, positive = late; None when no pair has both."""
        return _median(self.offset_errors_s)

    @property
    def edit_score(self) -> float | None:
        """Segmental edit score, 1 - distance / segments, in [0, 1]; None without a scored frame.

        Pooled over recordings, one with many segments weighs more than one with few.
        """
        return 1 - self.edit_distance / self.n_edit_segments if self.n_edit_segments else None


def bout_counts(true: ArrayLike, predicted: ArrayLike, fps: float, scored: ArrayLike | None = None) -> BoutCounts:
    """Compare the bouts of one behavior in one recording.

    Parameters
    ----------
    true, predicted : array_like of bool, shape (n_frames,)
        What a human saw; what the model says.
    fps : float
        Frames per second.
    scored : array_like of bool, shape (n_frames,), optional
        Frames that count; all of them when not given. The others hold no bout, whatever they say.
    """
    truth, guess = np.asarray(true, dtype=bool), np.asarray(predicted, dtype=bool)
    judged = np.ones(truth.shape, dtype=bool) if scored is None else np.asarray(scored, dtype=bool)
    true_runs, predicted_runs = (
        np.array(runs_of_true(active & judged), dtype=np.intp).reshape(-1, 2) for active in (truth, guess)
    )
    from_predicted = best_overlaps(predicted_runs, true_runs)
    from_true = best_overlaps(true_runs, predicted_runs)
    matched = matched_runs(from_predicted, MATCHED_IOU)
    onset_errors_s, offset_errors_s = _end_errors_s(
        true_runs[from_predicted.best[matched]], predicted_runs[matched], judged, fps
    )
    edit_distance, n_edit_segments = segment_edits(truth, guess, judged)
    return BoutCounts(
        n_true=len(true_runs),
        n_predicted=len(predicted_runs),
        hits_predicted_to_true=tuple(matched_runs(from_predicted, iou).size for iou in IOU_THRESHOLDS),
        hits_true_to_predicted=tuple(matched_runs(from_true, iou).size for iou in IOU_THRESHOLDS),
        missed=int(np.count_nonzero(from_true.n_overlapping == 0)),
        invented=int(np.count_nonzero(from_predicted.n_overlapping == 0)),
        split=int(np.count_nonzero(from_true.n_overlapping >= 2)),
        merged=int(np.count_nonzero(from_predicted.n_overlapping >= 2)),
        onset_errors_s=onset_errors_s,
        offset_errors_s=offset_errors_s,
        edit_distance=edit_distance,
        n_edit_segments=n_edit_segments,
    )


def _end_errors_s(
    true_runs: NDArray[np.intp], predicted_runs: NDArray[np.intp], judged: NDArray[np.bool_], fps: float
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Predicted minus true onsets and offsets in seconds, of pairs of runs, where both were seen."""
    # An unscored frame on both sides: the recording's own ends cut bouts off like any other edge.
    padded = np.concatenate(([False], judged, [False]))
    onset_seen = padded[true_runs[:, 0]] & padded[predicted_runs[:, 0]]
    offset_seen = padded[true_runs[:, 1] + 1] & padded[predicted_runs[:, 1] + 1]
    onset_s, offset_s = ((predicted_runs - true_runs) / fps).T
    return tuple(onset_s[onset_seen].tolist()), tuple(offset_s[offset_seen].tolist())


def _median(values: tuple[float, ...] | NDArray[np.float64]) -> float | None:
    return float(np.median(values)) if len(values) else None
