"""Several models as one: their mean probability, how far they spread, and what the mean adds over its best member.

The mean is a linear opinion pool. Fitted weights are those of stacked regression (Breiman 1996, Machine Learning 24,
49-64): not negative, summing to 1, of the least squared error on recordings that no member saw. Weights of equal
members stay equal.

The best member is picked by the scores that the difference is made of, which flatters it: that an ensemble is not
better than a member picked so does not show that it is not better than a member picked beforehand.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from common.tables import Row
from pipeline.scoring.score_tables import pooled_groups
from pipeline.scoring.statistics.by_individual import AVERAGE_PRECISION, BOUT_F1, score_by_individual
from pipeline.scoring.statistics.intervals import DEFAULT_LEVEL, WeightedStatistic, gather_clusters
from pipeline.scoring.statistics.paired import PairedDifference, paired_weighted_difference
from pipeline.scoring.statistics.verdict import Corrected, correct, find_verdict
from pipeline.scoring.timeline import Timeline, Variants, postprocess_variants

ENSEMBLE_SCORES = (AVERAGE_PRECISION, BOUT_F1)
MEMBER, BEST, MEAN, ENSEMBLE = "member", "best member", "mean of members", "ensemble"
_NUMBERS = ("difference", "low", "high", "level", "p", "p_holm", "p_smallest", "mean_difference", "n_individuals")


def mean_and_spread(
    probabilities: Sequence[NDArray[np.floating]], weights: NDArray[np.float64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean of members' probabilities and their standard deviation about it, both weighted.

    Parameters
    ----------
    probabilities : sequence of ndarray, shape (n_frames, n_behaviors)
        Of each member, in [0, 1]; NaN = not predicted.
    weights : ndarray, shape (n_members, n_behaviors)
        Not negative; those of a behavior sum to 1.

    Returns
    -------
    tuple of ndarray of float32, shape (n_frames, n_behaviors)
        NaN where a member that counts did not predict.
    """
    stacked = np.stack(probabilities).astype(np.float64)
    shares = weights[:, None, :]
    # A member that does not count cannot spoil a frame either.
    stacked = np.where(shares > 0, stacked, 0.0)
    mean = (shares * stacked).sum(axis=0)
    variance = (shares * np.square(stacked - mean)).sum(axis=0)
    return np.clip(mean, 0.0, 1.0).astype(np.float32), np.sqrt(variance).astype(np.float32)


def mean_timeline(
    members: Sequence[Timeline], weights: NDArray[np.float64], settings: tuple[Variants, ...]
) -> Timeline:
    """One recording as the members have it together.

    Parameters
    ----------
    members : sequence of Timeline
        Of the same recording and behaviors; labels are those of the first.
    weights : ndarray, shape (n_members, n_behaviors)
        As `mean_and_spread` takes them.
    settings : tuple of mapping of str to PostprocessConfig
        How the mean becomes behavior, for each of the behaviors.
    """
    first = members[0]
    if not all(member.is_predicted for member in members):
        return replace(first, probability=np.full_like(first.probability, np.nan), predicted={}, settings=settings)
    mean, spread = mean_and_spread([member.probability for member in members], weights)
    predicted = postprocess_variants(mean, settings, first.fps, task=first.task)
    return replace(first, probability=mean, predicted=predicted, settings=settings, spread=spread)


def fit_weights(probabilities: Sequence[NDArray[np.floating]], true: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Weights by which the members' mean has the least squared error.

    Parameters
    ----------
    probabilities : sequence of ndarray, shape (n_values,)
        Of each member, of the same frames (of several classes: one class after the other).
    true : ndarray of bool, shape (n_values,)

    Returns
    -------
    ndarray, shape (n_members,)
        Not negative, summing to 1; equal where there is nothing to fit to.
    """
    from scipy.optimize import minimize

    columns = np.stack(probabilities).astype(np.float64)
    n_members = len(columns)
    equal = np.full(n_members, 1 / n_members)
    if not true.size:
        return equal
    gram, toward = columns @ columns.T / true.size, columns @ true.astype(np.float64) / true.size
    found = minimize(
        lambda w: w @ gram @ w - 2 * w @ toward,
        equal,
        jac=lambda w: 2 * (gram @ w - toward),
        bounds=[(0.0, 1.0)] * n_members,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1, "jac": np.ones_like},
        method="SLSQP",
        options={"ftol": 1e-12, "maxiter": 500},
    )
    weights = np.clip(np.round(found.x, 6), 0.0, None)
    return np.asarray(weights / weights.sum()) if np.isfinite(weights).all() and weights.sum() > 0 else equal


def ensemble_rows(
    ensemble: Sequence[Timeline], members: Mapping[str, Sequence[Timeline]], weights: Mapping[tuple[str, str], float]
) -> list[Row]:
    """Rows of ensemble.csv: members and ensemble beside each other, by behavior, subset and score.

    Parameters
    ----------
    ensemble : sequence of Timeline
        Labelled and predicted, after all steps.
    members : mapping of str to sequence of Timeline
        Of each member by name, the same recordings in the same order.
    weights : mapping of (str, str) to float
        By member and behavior, those for recordings that took no part.

    Returns
    -------
    list of dict
        `difference` is the ensemble's score minus that of the row, with its interval over individuals, p and verdict,
        where the row is the best member or the mean of the members' scores; None in the others. p is corrected over
        the behaviors of one subset, score and role.
    """
    lines: list[_Line] = []
    behaviors = ensemble[0].behaviors if ensemble else ()
    for column, behavior in enumerate(behaviors):
        for subset, group in pooled_groups(ensemble):
            names = [timeline.recording for timeline in group]
            own = {name: [t for t in found if t.recording in names] for name, found in members.items()}
            for score in ENSEMBLE_SCORES:
                key = {"behavior": behavior, "subset": subset, "score": score}
                of_members = {name: weights.get((name, behavior)) for name in members}
                lines += [_Line(key | row, paired) for row, paired in _compared(group, own, column, score, of_members)]
    families: dict[tuple[str, ...], dict[int, PairedDifference]] = {}
    for place, line in enumerate(lines):
        if line.paired is not None:
            family = tuple(line.facts[key] for key in ("subset", "score", "role"))
            families.setdefault(family, {})[place] = line.paired
    corrected = {place: found for family in families.values() for place, found in correct(family).items()}
    return [line.facts | _difference(line.paired, corrected.get(place)) for place, line in enumerate(lines)]


class _Line(NamedTuple):
    """A row of ensemble.csv before its p is corrected; `paired` is None where nothing is compared."""

    facts: Row
    paired: PairedDifference | None


def _compared(
    group: Sequence[Timeline],
    members: Mapping[str, Sequence[Timeline]],
    column: int,
    score: str,
    weights: Mapping[str, float | None],
) -> list[_Line]:
    individuals = [timeline.individual for timeline in group]
    n = len(gather_clusters(individuals, group))
    ours = score_by_individual([t.behavior(column) for t in group], individuals, score)
    theirs = {
        name: score_by_individual([t.behavior(column) for t in found], individuals, score)
        for name, found in members.items()
    }
    values = {name: _value(of, n) for name, of in theirs.items()}
    known = {name: value for name, value in values.items() if value is not None}
    best = max(known, key=lambda name: known[name], default=None)
    lines = []
    for name in members:
        paired = paired_weighted_difference(ours, theirs[name], n) if name == best else None
        lines.append(_line(name, BEST if name == best else MEMBER, weights[name], values[name], paired))
    if len(known) == len(members):
        mean = _mean_of(list(theirs.values()))
        lines.append(_line("", MEAN, None, _value(mean, n), paired_weighted_difference(ours, mean, n)))
    return [*lines, _line("", ENSEMBLE, None, _value(ours, n), None)]


def _mean_of(scores: Sequence[WeightedStatistic]) -> WeightedStatistic:
    """The mean of several scores of the same individuals."""
    return lambda weights: np.mean([score(weights) for score in scores], axis=0)


def _value(score: WeightedStatistic, n_individuals: int) -> float | None:
    value = float(score(np.ones((1, n_individuals), dtype=np.int64))[0])
    return None if np.isnan(value) else value


def _line(name: str, role: str, weight: float | None, value: float | None, paired: PairedDifference | None) -> _Line:
    return _Line({"role": role, "member": name, "weight": weight, "value": value}, paired)


def _difference(paired: PairedDifference | None, corrected: Corrected | None) -> Row:
    """The rest of a row; empty where nothing is compared."""
    if paired is None or corrected is None:
        return dict.fromkeys(_NUMBERS) | {"verdict": "", "reason": ""}
    verdict, reason = find_verdict(paired, corrected)
    interval = paired.interval
    numbers = (
        *(paired.difference, interval.low, interval.high, DEFAULT_LEVEL, paired.p, corrected.p_holm),
        *(corrected.p_smallest, paired.mean, interval.n_clusters),
    )
    return dict(zip(_NUMBERS, numbers, strict=True)) | {"verdict": verdict, "reason": reason}
