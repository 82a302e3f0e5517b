"""Read a search's folder back: the page knows nothing that is not in these files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from common.errors import InputError
from common.tables import Row
from pipeline.config.yaml_tree import read_yaml_mapping
from pipeline.report.words.glossary import GLOSSARY
from pipeline.run_folder.evidence import AVERAGE_PRECISION
from pipeline.run_folder.reading import section
from pipeline.run_folder.search.search_dir import (
    DIFFERENCE,
    MEAN,
    OUTER,
    SETTING_IMPORTANCE,
    TRIAL_FOLDS,
    WHOLE,
    SearchDir,
    read_search_table,
)
from pipeline.run_folder.search.trials import PRUNED, Trial, best_trial, read_trials
from pipeline.scoring.postprocessing.decisions import EXCLUSIVE

SECONDS = "seconds"
_OBJECTIVE_WORDS = {
    AVERAGE_PRECISION: "average precision",
    "bout_f1": "bout F1",
    "macro_f1": "macro F1",
    SECONDS: "seconds",
}


@dataclass(frozen=True)
class SearchResults:
    """All that a search's folder says.

    Attributes
    ----------
    path : Path
    config, provenance : mapping
        Empty where the file is missing.
    trials : tuple of Trial
        Those of the search on all training recordings. Pruned ones have a score only where average precision, by
        which they are pruned, is what was searched for.
    parts : mapping of str to tuple of Trial
        Those of the searches that left an outer part out, by its name.
    settings : tuple of str
        Dotted keys that were searched.
    folds, outer, difference, importance : tuple of dict
        Rows of the tables; none where a table is not written yet.
    best_text : str
        best.yaml as it stands; "" where it is not written yet.
    """

    path: Path
    config: Mapping[str, Any]
    provenance: Mapping[str, Any]
    trials: tuple[Trial, ...]
    parts: Mapping[str, tuple[Trial, ...]]
    settings: tuple[str, ...]
    folds: tuple[Row, ...]
    outer: tuple[Row, ...]
    difference: tuple[Row, ...]
    importance: tuple[Row, ...]
    best_text: str

    @property
    def name(self) -> str:
        """The search's name as configured, or its folder's."""
        return str(self.config.get("name") or self.path.name)

    @property
    def asked(self) -> Mapping[str, Any]:
        """What the YAML says under `search:`."""
        return section(self.config, "search")

    @property
    def best(self) -> Trial | None:
        """The trial whose settings are the best."""
        return best_trial(self.trials)

    @property
    def objectives(self) -> tuple[str, ...]:
        """What was searched for, in words: a score, and seconds where they counted as well."""
        return tuple(_OBJECTIVE_WORDS.get(name, name.replace("_", " ")) for name in _objectives(self.config))

    @property
    def score_words(self) -> str:
        """What a score is, e.g. `average precision`."""
        return next((words for words in self.objectives if words != SECONDS), "score")

    @property
    def objective_term(self) -> str:
        """The entry of the glossary that says what a score is."""
        return next((name for name in _objectives(self.config) if name in GLOSSARY), AVERAGE_PRECISION)

    @property
    def mean_words(self) -> str:
        """What the score over all behaviors is called."""
        task = self.config.get("task")
        name = task.get("name") if isinstance(task, Mapping) else task
        return "mean over classes" if name == EXCLUSIVE else "mean over behaviors"

    @property
    def has_outer_parts(self) -> bool:
        """Whether outer parts were left out in turn, each with a search of its own."""
        return bool(self.parts) or any(row["search"] != WHOLE for row in self.outer)

    def outer_score(self, settings: str, search: str = WHOLE, behavior: str = MEAN) -> Row | None:
        """A row of outer.csv, None where there is none."""
        wanted = (search, settings, behavior)
        return next((row for row in self.outer if (row["search"], row["settings"], row["behavior"]) == wanted), None)

    def difference_of(self, behavior: str = MEAN) -> Row | None:
        """A row of difference.csv, None where there is none."""
        return next((row for row in self.difference if row["behavior"] == behavior), None)

    def words(self, behavior: str) -> str:
        """What a behavior, or the mean, is called on the page."""
        return behavior or self.mean_words


def _objectives(config: Mapping[str, Any]) -> list[str]:
    """What was searched for, as the YAML calls it."""
    asked = section(config, "search").get("objective", AVERAGE_PRECISION)
    return [str(name) for name in asked] if isinstance(asked, Sequence) and not isinstance(asked, str) else [str(asked)]


def read_search(folder: Path) -> SearchResults:
    """Read everything that the page needs.

    Raises
    ------
    InputError
        When there is no such folder, no trial came to its end, or a file cannot be read.
    """
    search = SearchDir(folder)
    if not folder.is_dir():
        raise InputError(f"There is no folder {folder}. Give the folder of a search, for example runs/search_exp1.")
    trials, settings = read_trials(search)
    config = read_yaml_mapping(search.config_path) if search.config_path.exists() else {}
    if AVERAGE_PRECISION not in _objectives(config):
        # Trials are given up by average precision: it must not stand among other scores.
        trials = [replace(trial, score=None) if trial.state == PRUNED else trial for trial in trials]
    names = dict.fromkeys(trial.search for trial in trials if trial.search != WHOLE)
    return SearchResults(
        path=folder,
        config=config,
        provenance=search.read_provenance(),
        trials=tuple(trial for trial in trials if trial.search == WHOLE),
        parts={name: tuple(trial for trial in trials if trial.search == name) for name in names},
        settings=tuple(settings),
        folds=tuple(read_search_table(search, TRIAL_FOLDS)),
        outer=tuple(read_search_table(search, OUTER)),
        difference=tuple(read_search_table(search, DIFFERENCE)),
        importance=tuple(read_search_table(search, SETTING_IMPORTANCE)),
        best_text=search.best_path.read_text(encoding="utf-8") if search.best_path.exists() else "",
    )
