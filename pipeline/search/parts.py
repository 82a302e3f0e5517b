"""Who takes part in choosing settings, and who only scores them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from common.errors import InputError
from pipeline.config.schema import ExperimentConfig
from pipeline.config.search import FOLDS, SearchConfig
from pipeline.dataset.load import CROSS_VALIDATION, TEST, CheckedRecording
from pipeline.run_folder.search.search_dir import WHOLE
from pipeline.training.embed import EmbeddedRecording
from pipeline.training.folds import make_folds
from pipeline.training.plan import plan_folds


@dataclass(frozen=True)
class Part:
    """One search, and who is left out of it.

    Attributes
    ----------
    name : str
        `WHOLE`: the search on all training recordings.
    held_out : frozenset of str
        Recordings that are scored by its best settings; they take no part in choosing these.
    """

    name: str
    held_out: frozenset[str]

    def inside(self, recordings: Sequence[EmbeddedRecording]) -> list[EmbeddedRecording]:
        """Recordings that settings are chosen on."""
        return [r for r in recordings if r.checked.subset == CROSS_VALIDATION and r.id not in self.held_out]

    def all(self, recordings: Sequence[EmbeddedRecording]) -> list[EmbeddedRecording]:
        """The same and those held out, as recordings for a test."""
        held_out = [r for r in recordings if r.id in self.held_out]
        return self.inside(recordings) + [replace(r, checked=_for_test(r.checked)) for r in held_out]


def _for_test(checked: CheckedRecording) -> CheckedRecording:
    return replace(checked, recording=replace(checked.recording, split="test"))


def is_needed(item: CheckedRecording, settings: SearchConfig) -> bool:
    """Whether a recording takes any part in a search."""
    return item.subset == CROSS_VALIDATION or (item.subset == TEST and settings.outer != FOLDS)


def make_parts(config: ExperimentConfig, settings: SearchConfig, checked: Sequence[CheckedRecording]) -> list[Part]:
    """The search on all training recordings, then those of the outer parts, if any.

    Raises
    ------
    InputError
        If nobody is left for an honest score, or too few to choose settings on.
    """
    if settings.outer != FOLDS:
        test = frozenset(item.id for item in checked if item.subset == TEST)
        if not test:
            raise InputError(
                "search.outer: test needs annotated recordings with split test, which take no part in choosing; "
                f"{config.recordings} has none. Give some of them the split test, or set search.outer: folds."
            )
        plan_folds(config, checked)
        return [Part(WHOLE, test)]
    train = [item for item in checked if item.subset == CROSS_VALIDATION]
    plan_folds(config, train)
    return [Part(WHOLE, frozenset()), *_outer_parts(config, settings.outer_folds, train)]


def _outer_parts(config: ExperimentConfig, n_folds: int, train: Sequence[CheckedRecording]) -> list[Part]:
    """As many parts as asked for, or more, so that cross-validation is possible without any of them."""
    individuals = {item.id: item.split_group for item in train}
    shown = {
        item.id: np.count_nonzero(item.labels.active & item.labels.scored, axis=0)
        for item in train
        if item.labels is not None
    }
    n_individuals = len(set(individuals.values()))
    refusal: InputError | None = None
    for n in range(n_folds, max(n_folds, n_individuals) + 1):
        try:
            folds = make_folds(individuals, shown, "thesis", config.behavior_names(), n, config.seed)
            parts = [Part(f"part {i} of {len(folds)}", frozenset(f.held_out)) for i, f in enumerate(folds, start=1)]
            for part in parts:
                plan_folds(config, [item for item in train if item.id not in part.held_out])
        except InputError as error:
            refusal = refusal or error
        else:
            return parts
    raise InputError(
        f"search.outer: folds holds {n_folds} or more parts of the individuals out in turn, but no such parts leave "
        f"enough to choose settings on. {refusal}"
    )
