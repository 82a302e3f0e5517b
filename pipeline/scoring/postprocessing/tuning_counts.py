"""What every post-processing candidate scores, counted at once.

A grid of thousands of candidates is affordable because the steps work on runs of active frames, not on
frames: runs are found once for each smoothing and threshold, closing merges runs, the minimum bout
drops runs, and the frames and bouts that a run gets right are looked up. The counts are the same whole
numbers that `pipeline.scoring.postprocessing.postprocess.postprocess` and counting frame by frame would give.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.scoring.bouts.bouts import runs_of_true
from pipeline.scoring.postprocessing.postprocess import (
    apply_threshold,
    max_gap_frames,
    median_window_frames,
    min_bout_frames,
    smooth_probability,
)
from pipeline.scoring.timeline import BehaviorTimeline

Frames = NDArray[np.int64]


class Grid(NamedTuple):
    """Values of the four settings, each rising; every combination is a candidate."""

    smooth_s: tuple[float, ...]
    thresholds: tuple[float, ...]
    max_gap_s: tuple[float, ...]
    min_bout_s: tuple[float, ...]

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Number of values of each setting."""
        return len(self.smooth_s), len(self.thresholds), len(self.max_gap_s), len(self.min_bout_s)


class CandidateCounts(NamedTuple):
    """Summed counts of candidates, arrays of shape (n_smooth, n_thresholds, n_gaps, n_min_bouts).

    Frames that are scored and predicted count, and bouts cut to such frames. `frame_tp`, `bout_tp`:
    found; `frame_called`, `bout_called`: predicted at all; `n_true_frames`, `n_true_bouts`: how many
    there are, the same for all candidates.
    """

    frame_tp: Frames
    frame_called: Frames
    bout_tp: Frames
    bout_called: Frames
    n_true_frames: int
    n_true_bouts: int

    @property
    def frame_f1(self) -> NDArray[np.float64]:
        """2 tp / (2 tp + fp + fn) over frames; needs a true frame."""
        return 2 * self.frame_tp / (self.frame_called + self.n_true_frames)

    @property
    def bout_f1(self) -> NDArray[np.float64]:
        """2 tp / (2 tp + fp + fn) over bouts at IoU .5; needs a true bout."""
        return 2 * self.bout_tp / (self.bout_called + self.n_true_bouts)


class Runs(NamedTuple):
    """Half-open intervals in order of time, shape (n_runs,) each."""

    start: Frames
    stop: Frames


class Truth(NamedTuple):
    """What a recording's runs are compared with.

    `true_before`, `used_before`: number of true / used frames before each frame, shape (n_frames + 1,);
    `used`: runs of frames that count; `bouts`: true bouts, cut to them; `bout_at`: which true bout holds
    a frame, -1 where none does, shape (n_frames,).
    """

    true_before: Frames
    used_before: Frames
    used: Runs
    bouts: Runs
    bout_at: Frames


def count_candidates(recordings: Sequence[BehaviorTimeline], grid: Grid) -> CandidateCounts:
    """Count, over all recordings, what each candidate of the grid gets right.

    Bouts are compared by the rule of Lea et al. (2017, segmental F1@50): each predicted bout in order
    of time takes the true bout that it overlaps most, and is found when their intersection is at least
    half of their union and the true bout is not yet taken.

    At one half that rule needs no bookkeeping. Then the intersection is at least half of either bout,
    and bouts of one side are parted by a frame at least, so that no second bout can reach as much on
    either side: pairs are unique, whatever the order. And the true bout holds one of the middle frames
    of the predicted one, which is where it is looked up.
    """
    sums = np.zeros((*grid.shape, 4), dtype=np.int64)
    n_true_frames = n_true_bouts = 0
    for recording in recordings:
        truth = truth_of(recording)
        n_true_frames += int(truth.true_before[-1])
        n_true_bouts += len(truth.bouts.start)
        min_frames = np.array([min_bout_frames(seconds, recording.fps) for seconds in grid.min_bout_s])
        for i, smooth_s in enumerate(grid.smooth_s):
            values = smooth_probability(recording.probability, median_window_frames(smooth_s, recording.fps))
            for j, threshold in enumerate(grid.thresholds):
                runs, gaps = _runs_and_gaps(values, threshold)
                for k, max_gap_s in enumerate(grid.max_gap_s):
                    merged = _close(runs, gaps, max_gap_frames(max_gap_s, recording.fps))
                    sums[i, j, k] += sums_by_min_bout(merged, truth, min_frames)
    frame_tp, frame_called, bout_tp, bout_called = np.moveaxis(sums, -1, 0)
    return CandidateCounts(frame_tp, frame_called, bout_tp, bout_called, n_true_frames, n_true_bouts)


def truth_of(recording: BehaviorTimeline) -> Truth:
    """What the runs of one behavior in a recording are compared with."""
    used = recording.used_frames()
    true = recording.true & used
    bouts = _runs_of(true)
    bout_at = np.full(true.shape, -1, dtype=np.int64)
    for number, (start, stop) in enumerate(zip(*bouts, strict=True)):
        bout_at[start:stop] = number
    return Truth(_number_before(true), _number_before(used), _runs_of(used), bouts, bout_at)


def _runs_of(active: NDArray[np.bool_]) -> Runs:
    edges = np.array(runs_of_true(active), dtype=np.int64).reshape(-1, 2)
    return Runs(edges[:, 0], edges[:, 1])


def _number_before(frames: NDArray[np.bool_]) -> Frames:
    return np.concatenate(([0], np.cumsum(frames, dtype=np.int64)))


def _runs_and_gaps(values: NDArray[np.float64], threshold: float) -> tuple[Runs, Frames]:
    """Runs of active frames, and how many frames lie between neighbours, shape (n_runs - 1,).

    A gap in which a frame was not predicted is longer than any other: nothing is filled across it.
    """
    runs = _runs_of(apply_threshold(values, threshold))
    unpredicted_before = _number_before(np.isnan(values))
    gaps = runs.start[1:] - runs.stop[:-1]
    is_parted = unpredicted_before[runs.start[1:]] > unpredicted_before[runs.stop[:-1]]
    return runs, np.where(is_parted, np.iinfo(np.int64).max, gaps)


def _close(runs: Runs, gaps: Frames, max_gap: int) -> Runs:
    if not len(runs.start):
        return runs
    stays = gaps > max_gap
    return Runs(runs.start[np.append(True, stays)], runs.stop[np.append(stays, True)])


def sums_by_min_bout(runs: Runs, truth: Truth, min_frames: Frames) -> Frames:
    """Sum the counts of the runs that each minimum bout keeps, shape (n_min_bouts, 4)."""
    piece_of, pieces = _cut_to_used(runs, truth.used)
    n_runs = len(runs.start)
    per_run = (
        truth.true_before[runs.stop] - truth.true_before[runs.start],
        truth.used_before[runs.stop] - truth.used_before[runs.start],
        np.bincount(piece_of[_is_found(pieces, truth)], minlength=n_runs),
        np.bincount(piece_of, minlength=n_runs),
    )
    # How many of the minimum bouts (rising) a run passes: all but the last ones.
    n_passed = np.searchsorted(min_frames, runs.stop - runs.start, side="right")
    by_passed = [np.bincount(n_passed, weights=counts, minlength=len(min_frames) + 1) for counts in per_run]
    kept = np.cumsum(np.array(by_passed)[:, :0:-1], axis=1)[:, ::-1]
    return kept.T.astype(np.int64)


def _cut_to_used(runs: Runs, used: Runs) -> tuple[Frames, Runs]:
    """Pieces of the runs that lie in frames that count, and the run that each one is a piece of."""
    first = np.searchsorted(used.stop, runs.start, side="right")
    last = np.searchsorted(used.start, runs.stop, side="left")
    n_pieces = np.maximum(last - first, 0)
    piece_of = np.repeat(np.arange(len(n_pieces)), n_pieces)
    rank = np.arange(len(piece_of)) - np.repeat(np.cumsum(n_pieces) - n_pieces, n_pieces)
    stretch = first[piece_of] + rank
    start = np.maximum(runs.start[piece_of], used.start[stretch])
    return piece_of, Runs(start, np.minimum(runs.stop[piece_of], used.stop[stretch]))


def _is_found(pieces: Runs, truth: Truth) -> NDArray[np.bool_]:
    """Whether each predicted bout meets a true one at IoU .5, shape (n_pieces,)."""
    if not len(truth.bouts.start):
        return np.zeros(len(pieces.start), dtype=bool)
    middle = pieces.start + pieces.stop
    bout = np.maximum(truth.bout_at[(middle - 1) // 2], truth.bout_at[middle // 2])
    # Bout -1 reads the last one here; it is ruled out below.
    start, stop = truth.bouts.start[bout], truth.bouts.stop[bout]
    n_shared = np.minimum(pieces.stop, stop) - np.maximum(pieces.start, start)
    n_both = (pieces.stop - pieces.start) + (stop - start)
    return (bout >= 0) & (2 * n_shared >= n_both - n_shared)
