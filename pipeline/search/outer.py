"""The honest score: best settings and defaults, trained on all who chose, scored on those who took no part."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from common.tables import Row
from pipeline.run_folder.search.search_dir import BEST, DEFAULTS, MEAN, WHOLE
from pipeline.scoring.objectives import OBJECTIVES, n_individuals
from pipeline.scoring.statistics.paired import PairedDifference, paired_weighted_difference
from pipeline.scoring.statistics.verdict import NO_VALUE, REAL, TOO_FEW, Corrected, correct, find_verdict
from pipeline.scoring.timeline import Timeline
from pipeline.search.evaluation import Evaluation
from pipeline.search.parts import Part

EvaluationOf = Callable[[Mapping[str, Any], Part], Evaluation]


@dataclass(frozen=True)
class Chosen:
    """What one search chose, beside the defaults.

    Attributes
    ----------
    part : Part
    inner, outer : dict of str to list of Timeline
        By `BEST` and `DEFAULTS`: of the recordings that chose, cross-validated, and of those that took no part.
    """

    part: Part
    inner: dict[str, list[Timeline]] = field(default_factory=dict)
    outer: dict[str, list[Timeline]] = field(default_factory=dict)


def score_outside(evaluation_of: EvaluationOf, part: Part, best: Mapping[str, Any]) -> Chosen:
    """Train best settings and defaults on all recordings of a part that choose, and predict those held out."""
    chosen = Chosen(part)
    for name, settings in ((BEST, best), (DEFAULTS, {})):
        evaluation = evaluation_of(settings, part)
        for _ in evaluation.folds():
            pass
        evaluation.settle()
        chosen.outer[name] = evaluation.finish()
        chosen.inner[name] = evaluation.cross_validated()
    return chosen


def outer_rows(found: Sequence[Chosen], score: str, behaviors: Sequence[str]) -> list[Row]:
    """Rows of outer.csv: the pooled score of all outer recordings, then that of each outer part.

    The inner score of the pooled line is the mean of the parts'.
    """
    rows = []
    for name in (BEST, DEFAULTS):
        everyone = [timeline for chosen in found for timeline in chosen.outer[name]]
        inner = [[chosen.inner[name]] for chosen in found]
        rows += _rows(WHOLE, name, [one for own in inner for one in own], everyone, score, behaviors)
    for chosen in found:
        if chosen.part.name:
            for name in (BEST, DEFAULTS):
                rows += _rows(chosen.part.name, name, [chosen.inner[name]], chosen.outer[name], score, behaviors)
    return rows


def _rows(
    search: str,
    settings: str,
    inner: Sequence[Sequence[Timeline]],
    outer: Sequence[Timeline],
    score: str,
    behaviors: Sequence[str],
) -> list[Row]:
    rows: list[Row] = []
    for behavior, column in _columns(behaviors):
        each = [OBJECTIVES[score].value(timelines, column) for timelines in inner]
        known = [value for value in each if value is not None]
        inner_value = float(np.mean(known)) if known else None
        outer_value = OBJECTIVES[score].value(outer, column)
        rows.append(
            {
                "search": search,
                "settings": settings,
                "behavior": behavior,
                "inner": inner_value,
                "outer": outer_value,
                "optimism": None if inner_value is None or outer_value is None else inner_value - outer_value,
                "n_recordings": len(outer),
                "n_individuals": n_individuals(outer),
            }
        )
    return rows


def difference_rows(found: Sequence[Chosen], score: str, behaviors: Sequence[str]) -> list[Row]:
    """Rows of difference.csv: best settings minus defaults on the outer recordings, paired over individuals.

    A difference is real as two runs' is (`pipeline.scoring.statistics.verdict`). Those of single behaviors are
    corrected for their number; that of the mean, which the search was for, is one comparison.
    """
    best, defaults = ([timeline for chosen in found for timeline in chosen.outer[name]] for name in (BEST, DEFAULTS))
    tests = {behavior: _Test.of(best, defaults, score, column) for behavior, column in _columns(behaviors)}
    rows = [_difference_row(MEAN, tests[MEAN], Corrected.alone(tests[MEAN].paired))]
    corrected = correct({behavior: tests[behavior].paired for behavior in behaviors})
    return [*rows, *(_difference_row(behavior, tests[behavior], corrected[behavior]) for behavior in behaviors)]


@dataclass(frozen=True)
class _Test:
    """Best settings against defaults in one score."""

    best: float | None
    defaults: float | None
    paired: PairedDifference

    @classmethod
    def of(cls, best: Sequence[Timeline], defaults: Sequence[Timeline], score: str, column: int | None) -> "_Test":
        objective, n = OBJECTIVES[score], n_individuals(best)
        a, b = (objective.by_individual(timelines, column) for timelines in (best, defaults))
        return cls(
            objective.value(best, column),
            objective.value(defaults, column),
            paired_weighted_difference(a, b, n),
        )


def _difference_row(behavior: str, test: _Test, corrected: Corrected) -> Row:
    verdict, reason = find_verdict(test.paired, corrected)
    return {
        "behavior": behavior,
        "best": test.best,
        "defaults": test.defaults,
        "difference": test.paired.difference,
        "low": test.paired.interval.low,
        "high": test.paired.interval.high,
        "p_value": test.paired.p,
        "n_individuals": test.paired.interval.n_clusters,
        "is_real": None if verdict in (NO_VALUE, TOO_FEW) else verdict == REAL,
        "why": reason or test.paired.interval.reason,
    }


def _columns(behaviors: Sequence[str]) -> list[tuple[str, int | None]]:
    return [(MEAN, None), *((behavior, column) for column, behavior in enumerate(behaviors))]
