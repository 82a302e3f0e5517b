"""What mattered: the share of the score's variance that each setting explains, and how firm that is.

Functional ANOVA on a random forest (Hutter, Hoos and Leyton-Brown 2014, An Efficient Approach for Assessing
Hyperparameter Importance). Trials are drawn again with replacement for the interval: few trials say little, and it
shows that.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from common.tables import Row
from pipeline.config.search_space import Space
from pipeline.run_folder.search.trials import COMPLETE, Trial, setting_text
from pipeline.search.study import distribution_of

MIN_TRIALS = 8
_N_TREES = 16
_N_RESAMPLES = 60
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
    keys = [row["setting"] for row in usable]
    found = _shares(space, complete, scores, keys, seed)
    rng = np.random.default_rng(seed)
    drawn = []
    for i in range(_N_RESAMPLES):
        order = rng.integers(len(complete), size=len(complete))
        if np.ptp(scores[order]):
            drawn.append(_shares(space, [complete[j] for j in order], scores[order], keys, seed + i))
    tail = (1 - _LEVEL) / 2
    for row in usable:
        low, high = np.quantile([shares[row["setting"]] for shares in drawn], [tail, 1 - tail])
        row |= {"importance": found[row["setting"]], "low": float(low), "high": float(high)}
    return rows


def _row(key: str, n_trials: int) -> Row:
    return {"setting": key, "importance": None, "low": None, "high": None, "n_trials": n_trials, "why": ""}


def _shares(
    space: Space, trials: Sequence[Trial], scores: np.ndarray, keys: Sequence[str], seed: int
) -> Mapping[str, float]:
    """By key, the share of the variance of the scores that it explains by itself."""
    import optuna
    from optuna.importance import FanovaImportanceEvaluator

    of = {dimension.key: distribution_of(dimension) for dimension in space.dimensions if dimension.key in keys}
    study = optuna.create_study(direction="maximize")
    for trial, score in zip(trials, scores, strict=True):
        params = {key: _as_given(trial.settings[key]) for key in of}
        study.add_trial(optuna.trial.create_trial(params=params, distributions=of, value=float(score)))
    found = FanovaImportanceEvaluator(n_trees=_N_TREES, seed=seed).evaluate(study)
    return {key: float(found.get(key, 0.0)) for key in keys}


def _as_given(value: object) -> object:
    return value if isinstance(value, str | int | float | bool | None) else setting_text(value)
