"""The page checks itself: pooled scores, computed again from the files of labels and predictions."""

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.run_folder.reading import SUBSET_WORDS, Run
from pipeline.scoring.bouts.scores import bout_cells, pooled_bout_counts
from pipeline.scoring.metrics import pooled_frame_scores
from pipeline.scoring.scores import FULL, score_cells

# Scores are written with six decimals.
_ROUNDING = 2e-6
# The threshold is a setting, no score.
_NOT_SCORED = {"threshold"}


@dataclass(frozen=True)
class Recomputed:
    """How many pooled rows were computed again from labels and predictions, and which ones differ."""

    n_checked: int
    differing: tuple[str, ...]


def recompute_scores(run: Run) -> Recomputed:
    """Compute the pooled rows after post-processing again: of scores.csv, and of bout_scores.csv where it is there.

    Every count and every score must be the same.
    """
    differing: list[str] = []
    n_checked = 0
    for behavior in run.behaviors:
        for subset in run.subsets:
            found = [run.behavior(behavior, member.recording) for member in run.members(subset)]
            parts = [part for part in found if part is not None]
            if not parts:
                continue
            place = f"{behavior}, {SUBSET_WORDS[subset]}"
            row = run.score(behavior, subset, FULL)
            if row is not None:
                n_checked += 1
                if not _same(score_cells(pooled_frame_scores(parts), None), row):
                    differing.append(place)
            bouts = run.tables.bout_score(behavior, subset, FULL)
            if bouts is not None:
                n_checked += 1
                if not _same(bout_cells(pooled_bout_counts(parts)), bouts):
                    differing.append(f"{place} (bouts)")
    return Recomputed(n_checked, tuple(differing))


def _same(again: Mapping[str, object], stored: Mapping[str, object]) -> bool:
    for name, value in again.items():
        if name in _NOT_SCORED:
            continue
        if (value is None) != (stored[name] is None):
            return False
        if value is not None and abs(float(str(value)) - float(str(stored[name]))) > _ROUNDING:
            return False
    return True
