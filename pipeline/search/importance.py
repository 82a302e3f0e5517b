"""What mattered: the share of the score's variance that each setting explains, and how firm that is.

Functional ANOVA on a random forest (Hutter, Hoos and Leyton-Brown 2014, An Efficient Approach for Assessing
Hyperparameter Importance). Trials are drawn again with replacement for the interval: few trials say little, and it
shows that.
"""

import logging
from collections.abc import Mapping, Sequence

import numpy as np

from common.tables import Row
from pipeline.config.search_space import Space
from pipeline.run_folder.search.trials import COMPLETE, Trial, setting_text
from pipeline.search.study import distribution_of

log = logging.getLogger(__name__)

MIN_TRIALS = 8
_N_TREES = 16
_N_RESAMPLES = 30
_LEVEL = 0.95


def importance_rows(space: Space, trials: Sequence[Trial], seed: int) -> list[Row]:
    """Rows of importance.csv, of the complete trials of one search."""
    complete = [trial for trial in trials if trial.state == COMPLETE]
    rows = [_row(key, len(complete)) for key in space.keys]
    if len(complete) < MIN_TRIALS:
        for row in rows:
            row["why"] = f"{len(complete)} complete trials; at least {MIN_TRIALS} are needed"
        return rows
    usable = []
    for row in rows:
        values = {
            setting_text(trial.settings[row["setting"]]) for trial in complete if row["setting"] in trial.settings
        }
        if not all(row["setting"] in trial.settings for trial in complete):
            row["why"] = "not all complete trials have it"
        elif len(values) < 2:
            row["why"] = "all complete trials have the same value"
        else:
            usable.append(row)
    scores = np.array([trial.score for trial in complete], dtype=np.float64)
    if np.ptp(scores) == 0:
        for row in usable:
            row["why"] = "all complete trials have the same score"
        return rows
    found, drawn = _estimates(space, complete, scores, [row["setting"] for row in usable], seed)
    for row in usable:
        if found is None:
            row["why"] = "none of the settings tells good trials from bad ones"
            continue
        row["importance"] = found[row["setting"]]
        if 2 * len(drawn) < _N_RESAMPLES:
            row["why"] = "too few trials differ for an interval"
            continue
        shares = [one[row["setting"]] for one in drawn]
        row["low"], row["high"] = map(float, np.quantile(shares, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2]))
    return rows


_Shares = Mapping[str, float]


def _estimates(
    space: Space, trials: Sequence[Trial], scores: np.ndarray, keys: Sequence[str], seed: int
) -> tuple[_Shares | None, list[_Shares]]:
    """Shares of the trials, then those of the resamples that have any; None, and none, where they have no shares."""
    if not keys:
        return None, []
    log.info("Importance of the settings: computed from %d trials and %d resamples of them.", len(trials), _N_RESAMPLES)
    found = _shares(space, trials, scores, keys, seed)
    if found is None:
        return None, []
    rng = np.random.default_rng(seed)
    drawn = []
    for i in range(_N_RESAMPLES):
        order = rng.integers(len(trials), size=len(trials))
        shares = _shares(space, [trials[j] for j in order], scores[order], keys, seed + i)
        drawn += [] if shares is None else [shares]
    return found, drawn


def _row(key: str, n_trials: int) -> Row:
    return {"setting": key, "importance": None, "low": None, "high": None, "n_trials": n_trials, "why": ""}


def _shares(
    space: Space, trials: Sequence[Trial], scores: np.ndarray, keys: Sequence[str], seed: int
) -> _Shares | None:
    """By key, the share of the variance of the scores that it explains by itself; None where no key splits them."""
    import optuna
    from optuna.importance import FanovaImportanceEvaluator

    of = {dimension.key: distribution_of(dimension) for dimension in space.dimensions if dimension.key in keys}
    study = optuna.create_study(direction="maximize")
    for trial, score in zip(trials, scores, strict=True):
        params = {key: _as_given(trial.settings[key]) for key in of}
        study.add_trial(optuna.trial.create_trial(params=params, distributions=of, value=float(score)))
    try:
        found = FanovaImportanceEvaluator(n_trees=_N_TREES, seed=seed).evaluate(study)
    except RuntimeError:
        # Optuna's way of saying that no tree has any variance.
        return None
    return {key: float(found.get(key, 0.0)) for key in keys}


def _as_given(value: object) -> object:
    return value if isinstance(value, str | int | float | bool | None) else setting_text(value)
