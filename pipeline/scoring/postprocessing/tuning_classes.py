"""Post-processing of exclusive classes chosen for a named score, as `tuning` does for one behavior."""

from collections.abc import Sequence

import numpy as np

from pipeline.scoring.postprocessing.classes import ClassRun, close_class_gaps, give_short_bouts, stretches
from pipeline.scoring.postprocessing.postprocess import (
    PostprocessConfig,
    max_gap_frames,
    median_window_frames,
    min_bout_frames,
)
from pipeline.scoring.postprocessing.tuning import (
    NONE,
    NOTHING_TO_TUNE_ON,
    Candidate,
    TuningConfig,
    TuningResult,
    choose_candidate,
    grid_of,
)
from pipeline.scoring.postprocessing.tuning_counts import CandidateCounts, Grid, Runs, sums_by_min_bout, truth_of
from pipeline.scoring.timeline import Timeline
from pipeline.scoring.undefined import NO_POSITIVES

_ALL = np.zeros(1, dtype=np.int64)


def tune_classes(recordings: Sequence[Timeline], config: TuningConfig) -> TuningResult:
    """Choose the post-processing of exclusive classes by trying all candidates; thresholds play no part.

    Scores are means over the behaviors that occur, each pooled over recordings. All else is as in `tune_postprocess`.
    """
    grid = grid_of(config)._replace(thresholds=(NONE.threshold,))
    closing = PostprocessConfig(threshold=NONE.threshold, max_gap_s=config.reference_max_gap_s, min_bout_s=0.0)
    columns = range(len(recordings[0].behaviors)) if recordings else range(0)
    used = [line.used_frames() for timeline in recordings for line in [timeline.behavior(0)]]
    if not any(frames.any() for frames in used):
        nothing = Candidate(NONE)
        return TuningResult(config.objective, nothing, nothing, Candidate(closing), 0, NOTHING_TO_TUNE_ON)
    occur = [c for c in columns if any((t.behavior(c).true & u).any() for t, u in zip(recordings, used, strict=True))]
    if not occur:
        nothing = Candidate(NONE)
        return TuningResult(config.objective, nothing, nothing, Candidate(closing), 0, NO_POSITIVES)

    def counted(some: Grid) -> list[CandidateCounts]:
        return [counts for c, counts in enumerate(count_class_candidates(recordings, some)) if c in occur]

    return choose_candidate(config, grid, counted, closing)


def count_class_candidates(recordings: Sequence[Timeline], grid: Grid) -> list[CandidateCounts]:
    """Count, over all recordings, what each candidate gets right of each behavior; as `count_candidates`."""
    n_behaviors = len(recordings[0].behaviors)
    sums = np.zeros((n_behaviors, *grid.shape, 4), dtype=np.int64)
    n_true = np.zeros((n_behaviors, 2), dtype=np.int64)
    for timeline in recordings:
        truths = [truth_of(timeline.behavior(column)) for column in range(n_behaviors)]
        n_true += [(int(truth.true_before[-1]), len(truth.bouts.start)) for truth in truths]
        found = list(stretches(timeline.probability))
        for i, smooth_s in enumerate(grid.smooth_s):
            smoothed = [stretch.smoothed(median_window_frames(smooth_s, timeline.fps)) for stretch in found]
            for k, max_gap_s in enumerate(grid.max_gap_s):
                max_gap = max_gap_frames(max_gap_s, timeline.fps)
                runs = [close_class_gaps(stretch.runs(), max_gap, stretch.background) for stretch in smoothed]
                for m, min_bout_s in enumerate(grid.min_bout_s):
                    # The shortest go first, so that a longer minimum goes on where a shorter one ended.
                    min_frames = min_bout_frames(min_bout_s, timeline.fps)
                    runs = [give_short_bouts(own, min_frames, s) for own, s in zip(runs, smoothed, strict=True)]
                    of_recording = [(s.start, run) for own, s in zip(runs, smoothed, strict=True) for run in own]
                    for column, truth in enumerate(truths):
                        own = _runs_of_class(of_recording, column)
                        sums[column, i, 0, k, m] += sums_by_min_bout(own, truth, _ALL)[0]
    return [CandidateCounts(*np.moveaxis(own, -1, 0), *map(int, n)) for own, n in zip(sums, n_true, strict=True)]


def _runs_of_class(runs: Sequence[tuple[int, ClassRun]], of: int) -> Runs:
    """Where a class is, in frames of the recording."""
    edges = np.array([(first + run.start, first + run.stop) for first, run in runs if run.of == of], dtype=np.int64)
    edges = edges.reshape(-1, 2)
    return Runs(edges[:, 0], edges[:, 1])
