"""Post-processing chosen for a named score: threshold, closing, minimum bout and smoothing together.

The settings act on each other (a lower threshold wants a longer minimum bout), so all combinations are
tried. Whoever calls decides what may be looked at: the probabilities must come from heads that did not
learn from the recording, and the recording that will be scored must not be among them.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from pipeline.scoring.postprocessing.postprocess import LONGEST_S, LONGEST_SMOOTHING_S, PostprocessConfig
from pipeline.scoring.postprocessing.tuning_counts import CandidateCounts, Grid, count_candidates
from pipeline.scoring.timeline import BehaviorTimeline, joined_frames
from pipeline.scoring.undefined import NO_POSITIVES

Objective = Literal["frame_f1", "bout_f1@0.5", "mean"]
Seconds = Annotated[float, Field(ge=0.0, le=LONGEST_S)]
Smoothing = Annotated[float, Field(ge=0.0, le=LONGEST_SMOOTHING_S)]
Probability = Annotated[float, Field(ge=0.0, le=1.0)]

NONE = PostprocessConfig(threshold=0.5, max_gap_s=0.0, min_bout_s=0.0)
NOTHING_TO_TUNE_ON = "no frame was both scored and predicted"
# Two candidates closer than this are equal: what is left is the arithmetic of their mean.
_TIE = 1e-12
_MOST_CANDIDATES = 50_000


class TuningConfig(BaseModel):
    """What `postprocess: tune` looks for, and among what; every combination of the lists is a candidate."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    objective: Objective = Field(
        default="mean",
        description="What is made as high as possible, pooled over recordings: `frame_f1`, `bout_f1@0.5` (bouts "
        "that overlap by at least half of their union) or `mean`, the mean of both.",
    )
    thresholds: tuple[Probability, ...] = Field(
        default=tuple(round(0.05 * step, 2) for step in range(1, 20)), min_length=1, description="Thresholds to try."
    )
    smooth_s: tuple[Smoothing, ...] = Field(
        default=(0.0, 0.2, 0.5, 1.0),
        min_length=1,
        description="Lengths of the running median to try (seconds); 0 = none.",
    )
    max_gap_s: tuple[Seconds, ...] = Field(
        default=(0.0, 0.1, 0.2, 0.5, 1.0, 2.0, 4.0),
        min_length=1,
        description="Longest gaps to fill to try (seconds); 0 = none.",
    )
    min_bout_s: tuple[Seconds, ...] = Field(
        default=(0.0, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 4.0),
        min_length=1,
        description="Shortest bouts to keep to try (seconds); 0 = all.",
    )
    inner_folds: int = Field(
        default=3,
        ge=2,
        le=100,
        description="Parts into which the training recordings of a fold are split, each predicted by a head trained "
        "on the others; the settings are chosen on these predictions.",
    )
    reference_max_gap_s: float = Field(
        default=1.0,
        ge=0.0,
        le=LONGEST_S,
        description="Shown beside the chosen settings, as “closed only”: threshold 0.5 and gaps up to this long "
        "(seconds) filled, nothing else (the thesis' post-processing).",
    )

    @model_validator(mode="after")
    def _can_all_be_tried(self) -> "TuningConfig":
        n_candidates = math.prod(map(len, (self.thresholds, self.smooth_s, self.max_gap_s, self.min_bout_s)))
        if n_candidates > _MOST_CANDIDATES:
            raise ValueError(
                f"lists {n_candidates:,} combinations; at most {_MOST_CANDIDATES:,} are tried. Shorten the lists"
            )
        return self


@dataclass(frozen=True)
class Candidate:
    """Settings and what they score, pooled over the recordings they were chosen on (not on held-out ones).

    `value` is that of the objective, `bout_f1` at IoU .5; all None when the behavior never occurs in the frames that
    count.
    """

    config: PostprocessConfig
    value: float | None = None
    frame_f1: float | None = None
    bout_f1: float | None = None


@dataclass(frozen=True)
class TuningResult:
    """What was chosen, and what it was chosen over.

    `none` is threshold .5 and nothing else, always among the candidates; `closed` threshold .5 and closing by
    `reference_max_gap_s`, for comparison. `n_candidates` is 0, and `chosen` is `none`, when nothing could be tuned,
    for the `reason`.
    """

    objective: Objective
    chosen: Candidate
    none: Candidate
    closed: Candidate
    n_candidates: int
    reason: str | None = None

    @property
    def config(self) -> PostprocessConfig:
        """The chosen settings."""
        return self.chosen.config


def tune_postprocess(recordings: Sequence[BehaviorTimeline], config: TuningConfig) -> TuningResult:
    """Choose one behavior's post-processing by trying all candidates.

    Counts of frames and bouts are added up over recordings, then compared. Only frames that are scored
    and predicted count; bouts are cut where frames do not. Equal candidates are told apart towards the
    least processing: the shortest smoothing, then gap, then minimum bout, then the threshold nearest
    .5 (the lower of two). So settings that change nothing are never chosen. The recordings must be predicted out of
    fold.
    """
    closing = PostprocessConfig(threshold=0.5, max_gap_s=config.reference_max_gap_s, min_bout_s=0.0)
    true, _ = joined_frames(recordings)
    if not true.any():
        reason = NO_POSITIVES if true.size else NOTHING_TO_TUNE_ON
        return TuningResult(config.objective, Candidate(NONE), Candidate(NONE), Candidate(closing), 0, reason)
    return choose_candidate(config, grid_of(config), lambda grid: [count_candidates(recordings, grid)], closing)


def choose_candidate(
    config: TuningConfig, grid: Grid, counted: Callable[[Grid], list[CandidateCounts]], closing: PostprocessConfig
) -> TuningResult:
    """The best candidate of a grid by the mean score over all that is counted, beside none and the reference."""
    tried = CandidateScores(counted(grid), grid, config.objective)
    none, closed = (
        CandidateScores(counted(single), single, config.objective).candidate((0, 0, 0, 0))
        for settings in (NONE, closing)
        for single in [Grid((settings.smooth_s,), (settings.threshold,), (settings.max_gap_s,), (settings.min_bout_s,))]
    )
    best = tried.least_processing_of_the_best()
    assert none.value is not None and best.value is not None
    return TuningResult(
        objective=config.objective,
        chosen=none if none.value >= best.value - _TIE else best,
        none=none,
        closed=closed,
        n_candidates=tried.value.size + (not _holds(grid, NONE)),
    )


def grid_of(config: TuningConfig) -> Grid:
    """Order the values of each list and leave out repeated ones."""
    lists = (config.smooth_s, config.thresholds, config.max_gap_s, config.min_bout_s)
    return Grid(*(tuple(sorted(set(values))) for values in lists))


class CandidateScores:
    """Scores of each candidate of a grid, in its shape: means over the counts, each of which needs a true frame."""

    def __init__(self, counts: Sequence[CandidateCounts], grid: Grid, objective: Objective) -> None:
        self._grid = grid
        self.frame_f1 = np.mean([own.frame_f1 for own in counts], axis=0)
        self.bout_f1 = np.mean([own.bout_f1 for own in counts], axis=0)
        values = {"frame_f1": self.frame_f1, "bout_f1@0.5": self.bout_f1, "mean": (self.frame_f1 + self.bout_f1) / 2}
        self.value = values[objective]

    def candidate(self, place: tuple[int, ...]) -> Candidate:
        """One of them."""
        grid, (i, j, k, m) = self._grid, place
        return Candidate(
            config=PostprocessConfig(
                smooth_s=grid.smooth_s[i],
                threshold=grid.thresholds[j],
                max_gap_s=grid.max_gap_s[k],
                min_bout_s=grid.min_bout_s[m],
            ),
            value=float(self.value[place]),
            frame_f1=float(self.frame_f1[place]),
            bout_f1=float(self.bout_f1[place]),
        )

    def least_processing_of_the_best(self) -> Candidate:
        """Of candidates that are equally good, the one that does least."""
        grid = self._grid
        tied = [tuple(place) for place in np.argwhere(self.value >= self.value.max() - _TIE).tolist()]

        def amount(place: tuple[int, ...]) -> tuple[float, ...]:
            i, j, k, m = place
            # Rounded, because .45 and .55 are equally far from .5 only on paper.
            away = round(abs(grid.thresholds[j] - 0.5), 9)
            return grid.smooth_s[i], grid.max_gap_s[k], grid.min_bout_s[m], away, grid.thresholds[j]

        return self.candidate(min(tied, key=amount))


def _holds(grid: Grid, settings: PostprocessConfig) -> bool:
    return (
        settings.smooth_s in grid.smooth_s
        and settings.threshold in grid.thresholds
        and settings.max_gap_s in grid.max_gap_s
        and settings.min_bout_s in grid.min_bout_s
    )
