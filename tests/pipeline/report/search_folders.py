"""Make the folders of searches with known content, as a finished search would leave them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from common.yaml_text import dump_yaml
from pipeline.run_folder.search.search_dir import (
    BEST,
    DEFAULTS,
    DIFFERENCE,
    MEAN,
    OUTER,
    SETTING_IMPORTANCE,
    TRIAL_FOLDS,
    WHOLE,
    SearchDir,
)
from pipeline.run_folder.search.trials import COMPLETE, FAILED, PRUNED, Trial, best_trial, write_trials

RATE, UNITS, NAME, DROPOUT = "training.learning_rate", "head.units", "backbone.name", "head.dropout"
SPACE: Mapping[str, Any] = {
    RATE: {"low": 1e-4, "high": 1e-2, "log": True},
    UNITS: [64, 128, 256],
    NAME: ["compact", "mobilenet_v2"],
    DROPOUT: {"low": 0.0, "high": 0.5},
}
BEHAVIORS = ("grooming", "mid_rearing", "wall_rearing")
N_FOLDS = 4


def make_trials(n_trials: int, settings: Sequence[str], search: str = WHOLE, seed: int = 0) -> list[Trial]:
    """Trials of which every fifth is pruned and every eleventh failed; the fourth is pruned after one fold."""
    rng = np.random.default_rng(seed)
    trials = []
    for number in range(n_trials):
        rate = float(10 ** rng.uniform(-4, -2))
        chosen = {RATE: rate, UNITS: int(rng.choice([64, 128, 256])), NAME: str(rng.choice(SPACE[NAME]))}
        chosen[DROPOUT] = float(rng.uniform(0, 0.5))
        chosen |= {f"extra.setting_{i}": float(rng.uniform()) for i in range(len(settings) - 4)}
        state = PRUNED if number % 5 == 3 else FAILED if number % 11 == 10 else COMPLETE
        score = 0.82 - 0.09 * abs(np.log10(rate) + 2.6) + 0.0003 * chosen[UNITS] + float(rng.normal(0, 0.01))
        trials.append(
            Trial(
                search=search,
                trial=number,
                state=state,
                score=None if state == FAILED else score - 0.1 * (state == PRUNED),
                seconds=None if state == FAILED else float(chosen[UNITS] / 8 * rng.uniform(0.8, 1.2)),
                n_folds={COMPLETE: N_FOLDS, PRUNED: 1 + number % 3, FAILED: 0}[state],
                n_fits=12,
                n_shared=3 if number % 4 == 2 else 0,
                why={COMPLETE: "", PRUNED: "below the median", FAILED: "the loss is not finite"}[state],
                settings={key: chosen[key] for key in settings},
            )
        )
    return trials


def difference_row(behavior: str, difference: float | None, half_width: float | None, is_real: bool | None, why: str):
    """A row of difference.csv; `half_width` of its interval."""
    has_interval = difference is not None and half_width is not None
    return {
        "behavior": behavior,
        "best": None if difference is None else 0.8 + difference,
        "defaults": 0.8,
        "difference": difference,
        "low": difference - half_width if has_interval else None,
        "high": difference + half_width if has_interval else None,
        "p_value": (0.0039 if is_real else 0.31) if has_interval else None,
        "n_individuals": 8 if has_interval else 2,
        "is_real": is_real,
        "why": why,
    }


def outer_rows(behaviors: Sequence[str] = BEHAVIORS, search: str = WHOLE) -> list[dict[str, object]]:
    """Inner and outer scores of the best settings and of the defaults."""
    rows: list[dict[str, object]] = []
    for settings, inner, outer in ((BEST, 0.8731, 0.8412), (DEFAULTS, 0.8005, 0.7969)):
        for place, behavior in enumerate((MEAN, *behaviors)):
            shift = 0.01 * place
            rows.append(
                {
                    "search": search,
                    "settings": settings,
                    "behavior": behavior,
                    "inner": inner - shift,
                    "outer": outer - 2 * shift,
                    "optimism": inner - outer + shift,
                    "n_recordings": 8,
                    "n_individuals": 8,
                }
            )
    return rows


def make_search(
    folder: Path,
    difference: Sequence[Mapping[str, object]] = (),
    n_trials: int = 24,
    settings: Sequence[str] = tuple(SPACE),
    parts: Sequence[str] = (),
    has_outer: bool = True,
    why_no_importance: str = "",
    **config: Any,
) -> Path:
    """Write a search's folder.

    Parameters
    ----------
    folder : Path
    difference : sequence of dict
        Rows of difference.csv.
    n_trials : int
    settings : sequence of str
        Dotted keys; beyond the four of `SPACE`, `extra.setting_<n>`.
    parts : sequence of str
        Outer parts with a search each.
    has_outer : bool
        Whether the outer scores are there.
    why_no_importance : str
        Not empty: the importance is n/a.
    **config
        Other keys of config.yaml.
    """
    folder.mkdir(parents=True)
    search = SearchDir(folder)
    space = {key: SPACE.get(key, {"low": 0.0, "high": 1.0}) for key in settings}
    asked = {"method": "bayes", "trials": n_trials, "objective": "average_precision", "outer": "test", "space": space}
    tree = {"name": folder.name, "recordings": "demo", "training": {"learning_rate": 0.001}, "head": {"units": 64}}
    tree |= {"search": asked, **config}
    search.config_path.write_text(dump_yaml(tree), encoding="utf-8")
    trials = make_trials(n_trials, settings)
    for place, part in enumerate(parts):
        trials += make_trials(n_trials // 2, settings, part, place + 1)
    write_trials(search, trials, settings)
    TRIAL_FOLDS.write(search, _fold_rows(trials))
    importance = []
    for place, key in enumerate(settings):
        value = None if why_no_importance else 0.6 / (1 + place)
        limits = {"low": None, "high": None} if value is None else {"low": 0.7 * value, "high": 1.4 * value}
        row = {"setting": key, "importance": value, "n_trials": n_trials, "why": why_no_importance}
        importance.append(row | limits)
    SETTING_IMPORTANCE.write(search, importance)
    if has_outer:
        OUTER.write(search, [row for name in (WHOLE, *parts) for row in outer_rows(search=name)])
        DIFFERENCE.write(search, difference)
    best = best_trial(trial for trial in trials if trial.search == WHOLE)
    if best is not None:
        words = f"# Trial {best.trial} of {folder.name}.\n"
        search.best_path.write_text(words + dump_yaml({"name": "best", **best.settings}), encoding="utf-8")
    return folder


def _fold_rows(trials: Sequence[Trial]) -> list[dict[str, object]]:
    return [
        {
            "search": trial.search,
            "trial": trial.trial,
            "fold": fold,
            "name": f"mouse_{fold:02d}",
            "score": (trial.score or 0.0) + 0.02 * ((trial.n_folds or 0) - 1 - fold),
            "seconds": 1.5,
        }
        for trial in trials
        for fold in range(trial.n_folds or 0)
    ]
