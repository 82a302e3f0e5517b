"""Which heads an experiment trains, on what, and for what.

- *fold* fits: one per held-out individual; what cross-validation scores.
- *thesis* fits: the same folds as the thesis trained them, only for `protocol: compare`.
- *inner* fits: inside a fold, each part of its training recordings predicted by a head trained on the
  rest; calibration and post-processing of the held-out recording are chosen from these alone.
- *final* fits: on all training recordings; what is kept and used on new videos.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.heads import HEADS, HeadConfig
from pipeline.config.schema import ExperimentConfig
from pipeline.dataset.load import CROSS_VALIDATION, CheckedRecording
from pipeline.training.embed import EmbeddedRecording
from pipeline.training.fits import Fit, FitResult, Target, derive_seed
from pipeline.training.folds import Fold, inner_groups, median_best_epoch

FINAL = "final"
HEAD = "head"
BASELINE = "baseline"
# Heads of the thesis' protocol, and those that only settings are chosen from.
THESIS = "thesis"
INNER = "inner"


def make_target(item: CheckedRecording, column: int, frames: NDArray[np.int64], mask_disagreements: bool) -> Target:
    """What a head may learn of one behavior in one recording, at its analysed frames."""
    labels = item.labels
    assert labels is not None
    trainable = labels.scored[:, column] & item.observed
    if mask_disagreements and item.disagreement is not None:
        trainable = trainable & ~item.disagreement[:, column]
    return Target(labels.active[frames, column], trainable[frames])


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
        self.train = [r for r in recordings if r.checked.subset == CROSS_VALIDATION]
        self._others = tuple(r.id for r in recordings if r.checked.subset != CROSS_VALIDATION)
        self.targets = {
            (r.id, b): make_target(r.checked, column, r.frames, config.mask_disagreements)
            for r in recordings
            if r.checked.labels is not None
            for column, b in enumerate(config.behavior_names())
        }
        is_own_baseline = config.head.name == config.baseline
        self.kinds = (HEAD,) if config.baseline == "none" or is_own_baseline else (HEAD, BASELINE)

    def fold_fits(self, behavior: str, kind: str, folds: Sequence[Fold]) -> list[Fit]:
        """One fit per fold."""
        return [
            self._fit(behavior, kind, fold.name, f"fold{n:02d}", fold.train, fold.validation, fold.held_out, None)
            for n, fold in enumerate(folds, start=1)
        ]

    def inner_fits(self, behavior: str, fold: Fold, number: int, n_epochs: int) -> list[Fit]:
        """Fits inside fold `number` (from 1), for as many epochs as the fold itself found best."""
        individuals = {r.id: r.checked.split_group for r in self.train}
        positives = {r.id: self._n_positive(r.id, behavior) for r in self.train}
        groups = inner_groups(individuals, fold.held_out, positives, self._config.tuning.inner_folds)
        fits = []
        for n, group in enumerate(groups, start=1):
            rest = tuple(r for other in groups if other != group for r in other)
            # A head that has never seen the behavior gives no probabilities to choose settings from.
            if sum(positives[r] for r in rest):
                name = f"{fold.name}, inner {n}"
                fits.append(self._fit(behavior, INNER, name, f"fold{number:02d}.{n}", rest, (), group, n_epochs))
        return fits

    def final_fit(self, behavior: str, kind: str, crossed: Sequence[FitResult]) -> Fit:
        """The fit on all training recordings."""
        n_epochs = median_best_epoch([r.best_epoch for r in crossed]) if crossed else self._config.training.epochs
        return self._fit(behavior, kind, FINAL, FINAL, tuple(r.id for r in self.train), (), self._others, n_epochs)

    def _n_positive(self, recording: str, behavior: str) -> int:
        target = self.targets[recording, behavior]
        return int((target.active & target.trainable).sum())

    def _fit(
        self,
        behavior: str,
        kind: str,
        fold: str,
        tag: str,
        train: tuple[str, ...],
        validation: tuple[str, ...],
        predict: tuple[str, ...],
        n_epochs: int | None,
    ) -> Fit:
        config = self._config
        head: HeadConfig = HEADS[config.baseline](name=config.baseline) if kind == BASELINE else config.head
        # The two protocols start from the same weights, so that they differ by the protocol alone.
        seed_kind = HEAD if kind == THESIS else kind
        return Fit(
            behavior=behavior,
            kind=kind,
            fold=fold,
            key=f"{behavior}.{kind}.{tag}",
            train=train,
            validation=validation,
            predict=predict,
            head=head,
            training=config.training,
            seed=derive_seed(config.seed, behavior, seed_kind, fold),
            n_epochs=n_epochs,
            refit=bool(validation) and config.protocol != "thesis" and kind != THESIS and config.refit,
            bundle_path=self._head_path(behavior) if kind == HEAD and fold == FINAL else None,
        )
