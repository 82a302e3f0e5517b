"""Which heads an experiment trains, on what, and for what.

- *fold* fits: one per held-out individual; what cross-validation scores.
- *thesis* fits: the same folds as the thesis trained them, only for `protocol: compare`.
- *inner* fits: inside a fold, each part of its training recordings predicted by a head trained on the
  rest; calibration and post-processing of the held-out recording are chosen from these alone. They train
  for as many epochs as were best on recordings that they do not predict.
- *final* fits: on all training recordings; what is kept and used on new videos.

Baselines have fold and final fits of their own. Boosting has one fit more, on frames that are split at random: what it
scores is never used for anything but to show how much such a split flatters.
"""

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from common.suggestions import listing
from models.heads import BASELINES, HeadConfig
from models.heads.boosting import BoostingConfig, RandomFramesConfig
from pipeline.config.baselines import baselines_in
from pipeline.config.schema import ExperimentConfig
from pipeline.dataset.load import CROSS_VALIDATION, CheckedRecording
from pipeline.training.bagging import MOST_DRAWS, members_of
from pipeline.training.embed import EmbeddedRecording
from pipeline.training.fits import Fit, FitResult, derive_seed
from pipeline.training.folds import Fold, choose_validation, group_by_individual, inner_groups, make_folds, sum_of
from pipeline.training.frame_labels import FrameLabels

FINAL = "final"
HEAD = "head"
# Baselines are kinds by their names, but for the first there was, whose stored fits have this name.
_KINDS_OF_BASELINES = {"logistic": "baseline"}
BOOSTING = "boosting"
RANDOM_FRAMES = "random_frames"
# Heads of the thesis' protocol, and those that only settings are chosen from.
THESIS = "thesis"
INNER = "inner"
_OF_THE_HEAD = (HEAD, THESIS, INNER)
# Frames of each held-out recording by which the importance of features is judged; more features than this are told
# apart by their names only.
_N_SHUFFLED = 500
_MOST_UNNAMED = 64


def baseline_kind(name: str) -> str:
    """The kind of fit of a baseline."""
    return _KINDS_OF_BASELINES.get(name, name)


def head_outputs(config: ExperimentConfig) -> dict[str, tuple[str, ...]]:
    """The heads of an experiment by name, each with the behaviors that it tells of."""
    return config.task.heads(config.behavior_names())


def frame_labels(
    config: ExperimentConfig,
    item: CheckedRecording,
    frames: NDArray[np.int64],
    observed: NDArray[np.bool_] | None = None,
) -> FrameLabels:
    """What heads may learn of one recording that has labels, at its analysed frames; `observed` as its features say."""
    labels = item.labels
    assert labels is not None
    trainable = labels.scored & item.observed[:, None]
    if observed is not None:
        trainable[frames] &= observed[:, None]
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
    task, outputs = config.task, head_outputs(config)[name]
    train = [item for item in checked if item.subset == CROSS_VALIDATION]
    found = [frame_labels(config, item, item.analysed_frames(config.frame_step)).of(outputs) for item in train]
    targets, scored = [task.target(own.active) for own in found], [own.scored for own in found]
    folds: list[Fold] = []
    if config.cross_validation != "none":
        individuals = {item.id: item.split_group for item in train}
        n_examples = dict(zip(individuals, map(task.n_examples, targets, scored), strict=True))
        protocol = "thesis" if config.protocol == "thesis" else "nested"
        n_folds = config.cross_validation if isinstance(config.cross_validation, int) else None
        kinds = task.kinds(outputs)
        folds = make_folds(individuals, n_examples, protocol, kinds, n_folds, config.seed, task.background)
    of_recordings = {item.id: found for item, *found in zip(train, targets, scored, strict=True)}
    for where, members in (("", tuple(of_recordings)), *((f" but for fold {fold.name}", fold.train) for fold in folds)):
        target, is_scored = (np.concatenate(found) for found in zip(*map(of_recordings.get, members), strict=True))
        if lacking := task.lacking(target, is_scored):
            raise InputError(
                f"A head for {' and '.join(map(repr, outputs))} cannot be trained: there is {lacking} among the "
                f"{np.count_nonzero(is_scored):,} scored frames of the training recordings{where}. Annotate "
                f"{'it' if len(outputs) == 1 else 'them'} in more recordings, or leave it out of `behaviors:`."
            )
    return folds


class FitPlan:
    """Which fits an experiment consists of; `folds` as of `plan_folds`."""

    def __init__(
        self,
        config: ExperimentConfig,
        recordings: Sequence[EmbeddedRecording],
        folds: Mapping[str, Sequence[Fold]],
        head_path: Callable[[str], Path | None],
    ) -> None:
        self._config = config
        self._head_path = head_path
        self._training = config.training.bounded_by(
            [len(r.frames) for r in recordings], sum(recordings[0].source.widths)
        )
        self._outputs = head_outputs(config)
        self._folds = [(name, n, fold) for name, members in folds.items() for n, fold in enumerate(members, start=1)]
        train = [r for r in recordings if r.checked.subset == CROSS_VALIDATION]
        self._individuals = {r.id: r.checked.split_group for r in train}
        self._others = tuple(r.id for r in recordings if r.checked.subset != CROSS_VALIDATION)
        self.labels = {
            r.id: frame_labels(config, r.checked, r.frames, r.observed)
            for r in recordings
            if r.checked.labels is not None
        }
        # By key, for the same fits are asked for several times.
        self._undrawn: dict[str, Fit] = {}
        n_features, names = sum(recordings[0].source.widths), recordings[0].source.names
        self._step_s = {r.id: config.frame_step / r.checked.fps for r in recordings}
        self._n_features = n_features
        self.feature_names, self.no_importance = named_features(n_features, names)
        self._heads: dict[str, HeadConfig] = {HEAD: config.head}
        self._heads |= {
            baseline_kind(name): BASELINES[name](name=name)
            for name in baselines_in(config.baseline)
            if name != config.head.name
        }

    def notes(self) -> list[str]:
        """Settings that ask for more than all data, and what is done instead."""
        asked, longest = self._config.training, "the longest recording has no more analysed frames"
        limits = (
            ("window_frames", longest),
            ("batch_windows", "all recordings are cut into no more windows"),
            ("reduce_features", "there are no more features"),
        )
        return [
            f"training.{key} is {getattr(asked, key)}, but {why}: {getattr(self._training, key)} is used."
            for key, why in limits
            if getattr(self._training, key) < getattr(asked, key)
        ]

    def notes_on_draws(self) -> list[str]:
        """Members of an ensemble, of the fits asked for so far, that had to learn from all individuals."""
        places: dict[tuple[str, str], list[int]] = {}
        for fit in self._undrawn.values():
            place = fit.name, f"{fit.fold_words} (thesis protocol)" if fit.kind == THESIS else fit.fold_words
            places.setdefault(place, []).append(fit.member)
        return [
            f"{name}, {fold}: {MOST_DRAWS} draws of training individuals lacked what the task needs, so member "
            f"{listing(map(str, members))} learned from each individual once."
            for (name, fold), members in places.items()
        ]

    @property
    def n_fits(self) -> int:
        """How many there are of all kinds."""
        n_inner = sum(len(self._inner_parts(name, fold)) for name, _, fold in self._folds)
        n_members, n_baselines = self._config.ensemble.members, len(self._heads) - 1
        n_final = (n_members + n_baselines) * len(self._outputs)
        return len(self.cross_fits()) + len(self.thesis_fits()) + n_members * n_inner + n_final

    def cross_fits(self) -> list[Fit]:
        """One fit per fold, head and kind, and what else inner fits must know before they begin."""
        fits = [
            self._fit(name, kind, fold.name, f"fold{n:02d}", fold.train, fold.validation, fold.held_out)
            for head in self._outputs
            for kind in self._heads
            for name, n, fold in self._folds
            if name == head
        ]
        fits += [fit for name, n, fold in self._folds for fit in self._epoch_fits(name, n, fold)]
        return [*self._members(fits), *self._random_frame_fits()]

    def thesis_fits(self) -> list[Fit]:
        """The same folds in the thesis' protocol: early stopping looks at the held-out recordings."""
        if self._config.protocol != "compare":
            return []
        return self._members(
            self._fit(
                name, THESIS, fold.name, f"fold{n:02d}", (*fold.train, *fold.validation), fold.held_out, fold.held_out
            )
            for name, n, fold in self._folds
        )

    def inner_fits(self, crossed: Sequence[tuple[Fit, FitResult]]) -> list[tuple[Fold, Fit]]:
        """Fits inside the folds, each with its fold, for as many epochs as results of `cross_fits` say."""
        best_epochs = {fit.key: result.best_epoch for fit, result in crossed}
        fits = []
        for name, number, fold in self._folds:
            judged = iter(self._epoch_fits(name, number, fold))
            for n, group, rest in self._inner_parts(name, fold):
                tag = f"fold{number:02d}"
                is_unseen = not set(group) & set(fold.validation)
                told_by = f"{name}.{HEAD}.{tag}" if is_unseen else next(judged).key
                fit = self._fit(name, INNER, f"{fold.name}, inner {n}", f"{tag}.{n}", rest, (), group)
                for member in self._members([fit]):
                    # Each member has learned for how long by itself.
                    suffix = f".m{member.member}" if member.member else ""
                    fits.append((fold, replace(member, n_epochs=best_epochs[told_by + suffix])))
        return fits

    def final_fits(self, crossed: Sequence[tuple[Fit, FitResult]]) -> list[Fit]:
        """The fits on all training recordings, for the (lower) median of the folds' best epochs."""
        fits = []
        for name in self._outputs:
            for kind in self._heads:
                best = [result.best_epoch for fit, result in crossed if (fit.name, fit.kind) == (name, kind)]
                n_epochs = max(1, statistics.median_low(best)) if best else self._config.training.epochs
                fits.append(self._fit(name, kind, None, FINAL, tuple(self._individuals), (), self._others, n_epochs))
        return self._members(fits)

    def _members(self, fits: Iterable[Fit]) -> list[Fit]:
        """The same with several heads in the place of each, where there is an ensemble; baselines stay as they are."""
        ensemble, found = self._config.ensemble, []
        for fit in fits:
            lacking = partial(self._lacking, fit.name)
            is_own = fit.kind in _OF_THE_HEAD
            found += members_of(fit, ensemble, self._individuals, lacking, self._tell) if is_own else [fit]
        return found

    def _tell(self, fit: Fit) -> None:
        self._undrawn[fit.key] = fit

    def _lacking(self, name: str, recordings: Sequence[str]) -> str:
        task, own = self._config.task, [self.labels[r].of(self._outputs[name]) for r in recordings]
        target = np.concatenate([task.target(one.active) for one in own])
        return task.lacking(target, np.concatenate([one.scored for one in own]))

    def _random_frame_fits(self) -> list[Fit]:
        """Beside boosting in folds, the same on frames that are split at random."""
        if BOOSTING not in self._heads:
            return []
        everything = tuple(self._individuals)
        names = dict.fromkeys(name for name, _, _ in self._folds)
        return [self._fit(name, RANDOM_FRAMES, "all recordings", "all", everything, (), everything) for name in names]

    def _epoch_fits(self, name: str, number: int, fold: Fold) -> list[Fit]:
        """The fit that tells inner heads which predict the fold's validation recordings how long to train, if any.

        They must not train for as many epochs as were best on what they predict. This one stops early on
        recordings of another individual, and learns from the rest of the fold.
        """
        fits: list[Fit] = []
        for _, group, rest in self._inner_parts(name, fold):
            if set(group) & set(fold.validation):
                families = group_by_individual({r: self._individuals[r] for r in self._individuals if r in rest})
                examples = self._examples(rest, name)
                validation = choose_validation(families, {f: sum_of(f, examples) for f in families})
                train = tuple(r for r in self._individuals if r not in (*fold.held_out, *validation))
                # The first has no number, as when there was but one.
                tag, words = f"fold{number:02d}.epochs", f"{fold.name}, inner epochs"
                if fits:
                    tag, words = f"{tag}{len(fits) + 1}", f"{words} {len(fits) + 1}"
                fits.append(self._fit(name, INNER, words, tag, train, validation, ()))
        return fits

    def _inner_parts(self, name: str, fold: Fold) -> list[tuple[int, tuple[str, ...], tuple[str, ...]]]:
        """Number, group to be predicted, and recordings to learn from, of each inner fit."""
        if not self._config.chooses_settings():
            return []
        examples = self._examples(tuple(self._individuals), name)
        groups = inner_groups(self._individuals, fold.held_out, examples, self._config.tuning.inner_folds)
        rests = [tuple(r for other in groups if other != group for r in other) for group in groups]
        # A head that has never seen the behavior gives no probabilities to choose settings from.
        parts = zip(range(1, len(groups) + 1), groups, rests, strict=True)
        n_needed = min(2, len(self._config.task.kinds(self._outputs[name])))
        return [part for part in parts if np.count_nonzero(sum_of(part[2], examples)) >= n_needed]

    def _examples(self, recordings: Sequence[str], name: str) -> dict[str, NDArray[np.int64]]:
        task, own = self._config.task, {r: self.labels[r].of(self._outputs[name]) for r in recordings}
        return {r: task.n_examples(task.target(one.active), one.scored) for r, one in own.items()}

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
        head, training = self._head(kind, fold), self._training
        if kind not in _OF_THE_HEAD:
            training = training.model_copy(update={"reduce_features": head.reduced_to(self._n_features)})
        if not head.learns_by_epochs:
            # In the thesis' protocol the validation recordings are those held out.
            train += tuple(r for r in validation if r not in predict)
            validation, n_epochs = (), None
        fit = Fit(
            name=name,
            task=config.task,
            outputs=self._outputs[name],
            kind=kind,
            fold=fold,
            key=f"{name}.{kind}.{tag}",
            train=train,
            validation=validation,
            predict=predict,
            head=head,
            training=training,
            seed=derive_seed(config.seed, name, seed_kind, FINAL if fold is None else fold),
            n_epochs=n_epochs,
            refit=bool(validation and predict) and config.protocol != "thesis" and kind != THESIS and config.refit,
            bundle_path=self._head_path(name) if kind == HEAD and fold is None else None,
        )
        return fit if head.learns_by_epochs else replace(fit, step_s={r: self._step_s[r] for r in fit.recordings})

    def _head(self, kind: str, fold: str | None) -> HeadConfig:
        """What is fitted."""
        if kind == RANDOM_FRAMES:
            return RandomFramesConfig()
        head = self._heads[HEAD if kind in _OF_THE_HEAD else kind]
        # What mattered is judged on recordings that are held out.
        if isinstance(head, BoostingConfig) and fold is not None and self.feature_names:
            return head.model_copy(update={"n_shuffled": _N_SHUFFLED})
        return head


def named_features(n_features: int, names: Sequence[str] | None) -> tuple[tuple[str, ...], str]:
    """Names of features whose importance can be told, a few by their numbers; else none, and why."""
    if BoostingConfig().reduced_to(n_features):
        return (), f"boosting sees principal components of {n_features} features"
    if names is not None:
        return tuple(names), ""
    if n_features > _MOST_UNNAMED:
        return (), f"the {n_features} features have no names"
    return tuple(f"feature {i}" for i in range(1, n_features + 1)), ""
