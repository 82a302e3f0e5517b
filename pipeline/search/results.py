"""The tables of a search: what its trials were, what they say, and the best of them as a YAML ready to run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from common.files import write_text
from common.tables import Row
from common.wording import ratio
from common.yaml_text import dump_yaml
from pipeline.config.migrations import SCHEMA
from pipeline.config.search import FOLDS, Search
from pipeline.config.search_space import settings_words
from pipeline.run_folder.search.search_dir import (
    BEST,
    DIFFERENCE,
    MEAN,
    OUTER,
    SETTING_IMPORTANCE,
    TRIAL_FOLDS,
    WHOLE,
    SearchDir,
)
from pipeline.run_folder.search.trials import COMPLETE, FAILED, Trial, best_trial, write_trials
from pipeline.search.importance import importance_rows
from pipeline.search.outer import Chosen, difference_rows, outer_rows
from pipeline.search.parts import Part
from pipeline.search.study import TrialQueue, folds_of, settings_of, settled_of, state_of, why_of

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial


@dataclass
class Outcome:
    """What a search found, as far as it is.

    Attributes
    ----------
    trials : list of Trial
        Of all its searches that are finished.
    outer, difference, importance : list of dict
        Rows of the tables; empty until all trials are finished.
    """

    trials: list[Trial] = field(default_factory=list)
    outer: list[Row] = field(default_factory=list)
    difference: list[Row] = field(default_factory=list)
    importance: list[Row] = field(default_factory=list)

    def trials_of(self, part: Part) -> list[Trial]:
        """Those of one search."""
        return [trial for trial in self.trials if trial.search == part.name]

    def failures_of(self, part: Part) -> list[Trial]:
        """Those of one search that failed."""
        return [trial for trial in self.trials_of(part) if trial.state == FAILED]

    def best_of(self, part: Part) -> Trial | None:
        """The best of one search."""
        return best_trial(self.trials_of(part))

    def first_reason(self, part: Part) -> str:
        """Why the first trial of one search that failed did; where none failed, why the first was given up."""
        tried = self.failures_of(part) or self.trials_of(part)
        return next((trial.why for trial in tried if trial.why), "")


def write_progress(search: Search, folder: SearchDir, queues: Mapping[Part, TrialQueue]) -> Outcome:
    """Write the tables of trials as they stand now; gives them back too."""
    outcome, fold_rows = Outcome(), list[Row]()
    seen: set[str] = set()
    for part, queue in queues.items():
        for frozen in queue.trials():
            trial = _trial(part, frozen, search, seen)
            if trial is not None:
                outcome.trials.append(trial)
                fold_rows += [
                    {"search": part.name, "trial": frozen.number, "fold": number}
                    | {key: facts[key] for key in ("name", "score", "seconds")}
                    for number, facts in enumerate(folds_of(frozen))
                ]
    write_trials(folder, outcome.trials, search.space.keys)
    TRIAL_FOLDS.write(folder, fold_rows)
    return outcome


def _trial(part: Part, frozen: "FrozenTrial", search: Search, seen: set[str]) -> Trial | None:
    """A row of trials.csv; `seen`: fits of trials before, to which those of this one are added."""
    state, folds, settled = state_of(frozen), folds_of(frozen), settled_of(frozen)
    if state is None:
        return None
    parts = [*folds, *([settled] if settled else [])]
    fits = [fit for facts in parts for fit in facts["fits"]]
    n_shared = sum(fit in seen for fit in fits)
    seen.update(fits)
    score = frozen.values[0] if state == COMPLETE else folds[-1]["score"] if folds and state != FAILED else None
    return Trial(
        search=part.name,
        trial=frozen.number,
        state=state,
        score=score,
        seconds=sum(facts["seconds"] for facts in parts),
        n_folds=len(folds),
        n_fits=len(fits),
        n_shared=n_shared,
        why=why_of(frozen),
        settings=settings_of(frozen, search),
    )


def write_outcome(search: Search, folder: SearchDir, outcome: Outcome, found: Sequence[Chosen]) -> None:
    """Write what the finished trials say, and the best settings."""
    behaviors, score = search.experiment.behavior_names(), search.settings.score
    whole = Part(WHOLE, frozenset())
    outcome.outer = outer_rows(found, score, behaviors)
    outcome.difference = difference_rows(found, score, behaviors)
    OUTER.write(folder, outcome.outer)
    DIFFERENCE.write(folder, outcome.difference)
    best = outcome.best_of(whole)
    assert best is not None
    write_text(folder.best_path, best_yaml(search, best, outcome.outer))
    outcome.importance = importance_rows(search.space, outcome.trials_of(whole), search.experiment.seed)
    SETTING_IMPORTANCE.write(folder, outcome.importance)


def best_yaml(search: Search, best: Trial, outer: Sequence[Row]) -> str:
    """The best settings as an experiment of its own, with what is known of them as a comment."""
    name, score = search.experiment.name, search.settings.score
    row = next(row for row in outer if (row["search"], row["settings"], row["behavior"]) == (WHOLE, BEST, MEAN))
    of = "of the best settings of each outer part, " if search.settings.outer == FOLDS else ""
    lines = [
        f"The best of the search {name} (trial {best.trial}): {settings_words(best.settings)}",
        f"{score} {ratio(best.score)}, cross-validated on the recordings that it was chosen on",
        f"{score} {ratio(row['outer'])} {of}on {row['n_recordings']} recordings of {row['n_individuals']} individuals "
        "that took no part in choosing",
    ]
    tree = search.space.tree_of(best.settings)
    tree |= {"name": f"{name}_best", "description": f"Best settings of the search {name}"}
    comment = "".join(f"# {line}\n" for line in lines)
    return comment + dump_yaml({"schema": SCHEMA, **tree})
