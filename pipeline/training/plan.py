"""Which heads an experiment trains, on what, and for what.

- *fold* fits: one per held-out individual; what cross-validation scores.
- *thesis* fits: the same folds as the thesis trained them, only for `protocol: compare`.
- *inner* fits: inside a fold, each part of its training recordings predicted by a head trained on the
  rest; calibration and post-processing of the held-out recording are chosen from these alone.
- *final* fits: on all training recordings; what is kept and used on new videos.
"""

import statistics
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from models.heads import HEADS
from models.tasks import TASKS
from pipeline.config.schema import ExperimentConfig
from pipeline.dataset.load import CROSS_VALIDATION, CheckedRecording
from pipeline.training.embed import EmbeddedRecording
from pipeline.training.fits import Fit, FitResult, derive_seed
from pipeline.training.folds import Fold, inner_groups, leave_one_video_out
from pipeline.training.frame_labels import FrameLabels

# The one task that a configuration can ask for so far.
TASK = "binary"
FINAL = "final"
HEAD = "head"
BASELINE = "baseline"
# Heads of the thesis' protocol, and those that only settings are chosen from.
THESIS = "thesis"
INNER = "inner"


def head_outputs(config: ExperimentConfig) -> dict[str, tuple[str, ...]]:
    """The heads of an experiment by name, each with the behaviors that it tells of."""
    return TASKS[TASK].heads(config.behavior_names())


def frame_labels(config: ExperimentConfig, item: CheckedRecording, frames: NDArray[np.int64]) -> FrameLabels:
    """What heads may learn of one recording that has labels, at its analysed frames."""
    labels = item.labels
    assert labels is not None
    trainable = labels.scored & item.observed[:, None]
    if config.mask_disagreements and item.disagreement is not None:
        trainable &= ~item.disagreement
    return FrameLabels(config.behavior_names(), labels.active[frames], trainable[frames])


def plan_folds(config: ExperimentConfig, checked: Sequence[CheckedRecording]) -> dict[str, list[Fold]]:
    """Folds of every head, found before stage one so that a night's work does not end in an error.

    Returns
    -------
    dict of str to list of Fold
        Empty lists without cross-validation.

    Raises
    ------
    InputError
        If folds cannot be made, or the labels of all training recordings together cannot be learned from.
    """
    return {name: plan_head_folds(config, checked, name) for name in head_outputs(config)}


def plan_head_folds(config: ExperimentConfig, checked: Sequence[CheckedRecording], name: str) -> list[Fold]:
    """The folds of one head, as `plan_folds`."""
    task, outputs = TASKS[TASK], head_outputs(config)[name]
    train = [item for item in checked if item.subset == CROSS_VALIDATION]
    found = [frame_labels(config, item, item.analysed_frames(config.frame_step)).of(outputs) for item in train]
    targets, scored = [task.target(own.active) for own in found], [own.scored for own in found]
    folds: list[Fold] = []
    if config.cross_validation != "none":
        individuals = {item.id: item.split_group for item in train}
        n_examples = dict(zip(individuals, map(task.n_examples, targets, scored), strict=True))
        protocol = "thesis" if config.protocol == "thesis" else "nested"
        folds = leave_one_video_out(individuals, n_examples, protocol, name)
    lacking = task.lacking(np.concatenate(targets), np.concatenate(scored))
    if lacking:
        raise InputError(
            f"A head for {name!r} cannot be trained: there is {lacking} among the {sum(map(np.count_nonzero, scored))} "
            "scored frames of the training recordings. Annotate it in more recordings, or leave it out of "
            "`behaviors:`."
        )
    return folds


class FitPlan:
    """Which fits an experiment consists of."""

    def __init__(
        self,
        config: ExperimentConfig,
        recordings: Sequence[EmbeddedRecording],
        head_path: Callable[[str], Path],
    ) -> None:
        self._config = config
        self._head_path = head_path
        self._outputs = head_outputs(config)
        self.train = [r for r in recordings if r.checked.subset == CROSS_VALIDATION]
        self._others = tuple(r.id for r in recordings if r.checked.subset != CROSS_VALIDATION)
        self.labels = {
            r.id: frame_labels(config, r.checked, r.frames) for r in recordings if r.checked.labels is not None
        }
        is_own_baseline = config.head.name == config.baseline
        self.kinds = (HEAD,) if config.baseline == "none" or is_own_baseline else (HEAD, BASELINE)

    def fold_fits(self, name: str, kind: str, folds: Sequence[Fold]) -> list[Fit]:
        """One fit per fold."""
        return [
            self._fit(name, kind, fold.name, f"fold{n:02d}", fold.train, fold.validation, fold.held_out)
            for n, fold in enumerate(folds, start=1)
        ]

    def inner_fits(self, name: str, fold: Fold, number: int, n_epochs: int) -> list[Fit]:
        """Fits inside fold `number` (from 1), for as many epochs as the fold itself found best."""
        individuals = {r.id: r.checked.split_group for r in self.train}
        n_examples = {r.id: self._n_examples(r.id, name) for r in self.train}
        groups = inner_groups(individuals, fold.held_out, n_examples, self._config.tuning.inner_folds)
        fits = []
        for n, group in enumerate(groups, start=1):
            rest = tuple(r for other in groups if other != group for r in other)
            # A head that has never seen the behavior gives no probabilities to choose settings from.
            if sum(n_examples[r] for r in rest):
                fold_name, tag = f"{fold.name}, inner {n}", f"fold{number:02d}.{n}"
                fits.append(self._fit(name, INNER, fold_name, tag, rest, (), group, n_epochs))
        return fits

    def final_fit(self, name: str, kind: str, crossed: Sequence[FitResult]) -> Fit:
        """The fit on all training recordings, for the (lower) median of the folds' best epochs."""
        n_epochs = self._config.training.epochs
        if crossed:
            n_epochs = max(1, statistics.median_low(result.best_epoch for result in crossed))
        return self._fit(name, kind, None, FINAL, tuple(r.id for r in self.train), (), self._others, n_epochs)

    def _n_examples(self, recording: str, name: str) -> int:
        own = self.labels[recording].of(self._outputs[name])
        return TASKS[TASK].n_examples(TASKS[TASK].target(own.active), own.scored)

    def _fit(
        self,
        name: str,
        kind: str,
        fold: str | None,
        tag: str,
        train: tuple[str, ...],
        validation: tuple[str, ...],
        predict: tuple[str, ...],
        n_epochs: int | None = None,
    ) -> Fit:
        config = self._config
        # The two protocols start from the same weights, so that they differ by the protocol alone.
        seed_kind = HEAD if kind == THESIS else kind
        return Fit(
            name=name,
            task=TASK,
            outputs=self._outputs[name],
            kind=kind,
            fold=fold,
            key=f"{name}.{kind}.{tag}",
            train=train,
            validation=validation,
            predict=predict,
            head=HEADS[config.baseline](name=config.baseline) if kind == BASELINE else config.head,
            training=config.training,
            seed=derive_seed(config.seed, name, seed_kind, FINAL if fold is None else fold),
            n_epochs=n_epochs,
            refit=bool(validation) and config.protocol != "thesis" and kind != THESIS and config.refit,
            bundle_path=self._head_path(name) if kind == HEAD and fold is None else None,
        )
