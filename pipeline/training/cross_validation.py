"""Stage two of an experiment: cross-validated heads, final heads, and the baseline they must beat.

First every fold is trained and its held-out recordings are predicted; then the final heads are
trained on all training recordings, for the median of the folds' best epochs, and predict everything
that no fold held out. Finished fits of an interrupted run are taken up again.
"""

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from common.tables import Row
from common.wording import counted
from models.bundle import is_bundle_of
from pipeline.config.schema import ExperimentConfig
from pipeline.runtime.outlook import tell
from pipeline.runtime.progress import progress_bars
from pipeline.training.cost import StepCost, expected_seconds, is_head, n_heads_of
from pipeline.training.embed import EmbeddedRecording
from pipeline.training.executors import Executor
from pipeline.training.executors.fit_job import FitJob
from pipeline.training.fits import EmbeddingSource, Fit, FitResult, fit_fingerprint, read_fit
from pipeline.training.folds import Fold
from pipeline.training.frame_labels import LabelFile
from pipeline.training.importance import feature_importance
from pipeline.training.plan import HEAD, INNER, THESIS, FitPlan

log = logging.getLogger(__name__)

_FIGURES = ("validation_average_precision", "validation_macro_f1", "validation_loss")

# probabilities[kind][recording][behavior], at the analysed frames
Probabilities = dict[str, dict[str, dict[str, NDArray[np.float32]]]]


@dataclass
class StageTwo:
    """What stage two hands on.

    Attributes
    ----------
    probabilities : dict
        By kind (`head`, `thesis`, those of baselines), recording and behavior: shape (n_analysed,). Of training
        recordings these come from the fold that held them out.
    inner : dict
        By (behavior, held-out recording), the probabilities of the other training recordings by heads that
        saw neither those nor the held-out one; empty where no settings are chosen from them.
    members : dict
        By member of an ensemble, recording and behavior, what each says of what `probabilities` has of the head as
        their mean; empty of single heads.
    history : list of dict
        Rows of training.csv.
    importance : list of dict
        Rows of importance.csv.
    n_fits, n_resumed : int
        Fits in all, and those taken from an earlier, interrupted run.
    seconds : float
    """

    probabilities: Probabilities
    inner: dict[tuple[str, str], dict[str, NDArray[np.float32]]] = field(default_factory=dict)
    members: dict[int, dict[str, dict[str, NDArray[np.float32]]]] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    importance: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    n_fits: int = 0
    n_resumed: int = 0
    n_workers: int = 1
    seconds: float = 0.0

    def inner_of(self, behaviors: Sequence[str], held_out: str) -> dict[str, dict[str, NDArray[np.float32]]]:
        """Of one held-out recording, the inner probabilities by recording and behavior."""
        found: dict[str, dict[str, NDArray[np.float32]]] = defaultdict(dict)
        for behavior in behaviors:
            for recording, probability in self.inner.get((behavior, held_out), {}).items():
                found[recording][behavior] = probability
        return found


def run_stage_two(
    config: ExperimentConfig,
    recordings: Sequence[EmbeddedRecording],
    folds: Mapping[str, Sequence[Fold]],
    executor: Executor,
    fits_path: Path,
    head_path: Callable[[str], Path],
    bundle_metadata: Mapping[str, Any],
) -> StageTwo:
    """Cross-validate, train the final heads, predict.

    Raises
    ------
    InputError
        If a head cannot be trained on these labels.
    """
    started = time.monotonic()
    plan = FitPlan(config, recordings, folds, head_path)
    outcome = StageTwo(defaultdict(lambda: defaultdict(dict)), notes=plan.notes(), n_fits=plan.n_fits)
    for note in outcome.notes:
        log.warning("%s", note)
    labels = LabelFile.write(fits_path / "labels.npz", plan.labels)
    sources = {r.id: r.source for r in recordings}
    with progress_bars() as bars:
        display = _Display(bars, plan, {r.id: len(r.frames) for r in recordings}, executor)
        outcome.n_workers = executor.n_workers
        run = FitRunner(plan, sources, labels, executor, dict(bundle_metadata), display, outcome)
        crossed = run(plan.cross_fits())
        inner = plan.inner_fits(crossed)
        for (fold, _), (fit, result) in zip(inner, run([fit for _, fit in inner]), strict=True):
            collect_inner(fold, fit, result, outcome)
        outcome.notes += short_training_notes(crossed, config.training.epochs)
        outcome.importance, why_not = feature_importance(plan, crossed)
        outcome.notes += why_not
        run(plan.thesis_fits())
        run(plan.final_fits(crossed))
    outcome.notes += (on_draws := plan.notes_on_draws())
    for note in on_draws:
        log.warning("%s", note)
    outcome.seconds = time.monotonic() - started
    return outcome


def short_training_notes(crossed: Sequence[tuple[Fit, FitResult]], n_epochs: int) -> list[str]:
    """Heads that were still getting better when the last epoch ended, in half of the folds or more."""
    found = []
    for name in dict.fromkeys(fit.name for fit, _ in crossed):
        own = [(fit, result) for fit, result in crossed if (fit.name, fit.kind) == (name, HEAD)]
        best, what = [result.best_epoch for _, result in own], "heads" if any(fit.member for fit, _ in own) else "folds"
        n_last = sum(epoch >= n_epochs for epoch in best)
        if n_last and 2 * n_last >= len(best):
            found.append(f"{name}, in {n_last} of {len(best)} {what}")
    if not found:
        return []
    note = (
        f"The last of {n_epochs} epochs was the best one ({'; '.join(found)}), so that more training may help. Raise "
        "training.epochs."
    )
    log.warning("%s", note)
    return [note]


class FitDisplay(Protocol):
    """Who is told how fits go on."""

    def epoch(self, fit: Fit, row: Mapping[str, Any]) -> None:
        """An epoch of a fit is done."""

    def finished(self, fit: Fit, result: FitResult, resumed: bool) -> None:
        """A fit is done."""


@dataclass(frozen=True)
class FitRunner:
    """Carries out fits, but for those that are finished: by an earlier, interrupted run, or by somebody else.

    Attributes
    ----------
    plan, sources, labels, executor, bundle_metadata, display
    outcome : StageTwo
        Where results are put.
    shared_path : Path or None
        Folder of fits that several plans share, named by their fingerprints; None: beside the labels, by their keys.
    fingerprints : dict
        Of the fits that were asked for so far, by key.
    """

    plan: FitPlan
    sources: Mapping[str, EmbeddingSource]
    labels: LabelFile
    executor: Executor
    bundle_metadata: dict[str, Any]
    display: FitDisplay
    outcome: StageTwo
    shared_path: Path | None = None
    fingerprints: dict[str, str] = field(default_factory=dict)

    def __call__(self, fits: Sequence[Fit]) -> list[tuple[Fit, FitResult]]:
        """Results of all fits, in their order; they are put into the outcome too."""
        jobs = [self._job(fit) for fit in fits]
        results: dict[str, FitResult] = {}
        for job in jobs:
            stored = read_fit(job.path, job.fingerprint)
            bundle = job.fit.bundle_path
            if stored is not None and (bundle is None or is_bundle_of(bundle, {"fit": job.fingerprint})):
                results[job.fit.key] = stored
                self.outcome.n_resumed += 1
                self.display.finished(job.fit, stored, resumed=True)
        waiting = [job for job in jobs if job.fit.key not in results]
        for job in self.executor.run(waiting, lambda job, row: self.display.epoch(job.fit, row)):
            result = read_fit(job.path, job.fingerprint)
            if result is None:
                raise InputError(f"The stored fit {job.path} vanished or was damaged. Start the experiment again.")
            results[job.fit.key] = result
            self.display.finished(job.fit, result, resumed=False)
        ordered = [(fit, results[fit.key]) for fit in fits]
        for fit, result in ordered:
            _collect(fit, result, self.outcome)
        return ordered

    def _job(self, fit: Fit) -> FitJob:
        fingerprint = self.fingerprints[fit.key] = fit_fingerprint(fit, self.sources, self.plan.labels)
        path = self.labels.path.with_name(f"{fit.key}.npz")
        if self.shared_path is not None:
            path = self.shared_path / f"{fingerprint}.npz"
        sources = tuple(self.sources[r] for r in fit.recordings)
        return FitJob(fit, path, fingerprint, sources, self.labels, self.bundle_metadata)


def collect_inner(fold: Fold, fit: Fit, result: FitResult, outcome: StageTwo) -> None:
    """Put what an inner fit of a fold predicts into the outcome, for all recordings that the fold holds out."""
    for recording, probability in result.probabilities.items():
        for column, behavior in enumerate(fit.outputs):
            for held_out in fold.held_out:
                of_fold = outcome.inner.setdefault((behavior, held_out), {})
                of_fold[recording] = with_member(of_fold.get(recording), probability[:, column], fit.member)


def _collect(fit: Fit, result: FitResult, outcome: StageTwo) -> None:
    if fit.kind == INNER:
        return
    for recording, probability in result.probabilities.items():
        found = outcome.probabilities[fit.kind][recording]
        for column, behavior in enumerate(fit.outputs):
            own = probability[:, column]
            found[behavior] = with_member(found.get(behavior), own, fit.member)
            if fit.member and fit.kind == HEAD:
                outcome.members.setdefault(fit.member, {}).setdefault(recording, {})[behavior] = own
    if result.note:
        outcome.notes.append(f"{fit.name}, {fit.fold_words}: {result.note}")
    for row in result.history:
        outcome.history.append(
            {"behavior": fit.name, "head": _head_words(fit), "fold": fit.fold_words}
            | {key: row.get(key) for key in ("epoch", "loss", *_FIGURES)}
            | {"seconds": row["seconds"], "best": row["epoch"] == result.best_epoch}
        )


def with_member(mean: NDArray[np.float32] | None, own: NDArray[np.float32], member: int) -> NDArray[np.float32]:
    """The mean of the members up to this one, in their order; of a single head (0) what it says."""
    if mean is None or member <= 1:
        return own
    return (mean + (own.astype(np.float64) - mean) / member).astype(np.float32)


def _head_words(fit: Fit) -> str:
    """The head's name, marked where it belongs to another protocol, inside a fold or to an ensemble."""
    marks = {THESIS: " (thesis protocol)", INNER: " (for settings)"}
    return fit.head.name + marks.get(fit.kind, "") + (f", member {fit.member}" if fit.member else "")


class _Display:
    """Progress of the fits: one bar over the experiment's own heads, one for the fit that reported last.

    Baselines take a fraction of a head's time: counted beside heads they would spoil what is said to be left.
    """

    def __init__(self, bars: Any, plan: FitPlan, n_frames: dict[str, int], executor: Executor) -> None:
        self._plan, self._n_frames, self._executor = plan, n_frames, executor
        self._n_fits, self._n_heads = plan.n_fits, n_heads_of(plan)
        n_baselines = self._n_fits - self._n_heads
        beside = f" and {counted(n_baselines, 'baseline')}" if n_baselines else ""
        self._folds = bars.add(f"Training {counted(self._n_heads, 'head')}{beside}", total=self._n_heads)
        self._epochs = bars.add("", total=None)
        self._n_done = self._n_heads_done = 0
        self._is_told = False
        self._first_s: dict[str, float] = {}

    def epoch(self, fit: Fit, row: Mapping[str, Any]) -> None:
        """An epoch of a fit is done."""
        last = fit.n_epochs or fit.training.epochs
        self._epochs.update(row["epoch"], last, f"{fit.name}, {fit.head.name}, {fit.fold_words}: epoch")
        log.debug("%s epoch %s: %s", fit.key, row["epoch"], row)
        first_s = self._first_s.setdefault(fit.key, float(row["seconds"]))
        if row["epoch"] == 2 and is_head(fit) and not self._is_told:
            self._is_told = True
            n_steps = fit.training.steps_per_epoch([self._n_frames[r] for r in fit.train])
            cost = StepCost.of([first_s, float(row["seconds"])], n_steps)
            seconds = expected_seconds(self._plan, self._n_frames, cost, self._executor.n_workers)
            n_left = self._n_heads - self._n_heads_done
            tell(counted(n_left, "head"), seconds * n_left / self._n_heads)

    def finished(self, fit: Fit, result: FitResult, resumed: bool) -> None:
        """A fit is done."""
        self._n_done += 1
        self._n_heads_done += is_head(fit)
        self._folds.update(self._n_heads_done, self._n_heads)
        done = f"best epoch {result.best_epoch}" if result.best_epoch else "trained"
        how = "taken from the interrupted run" if resumed else done
        which = f"{fit.name}, {_head_words(fit)}, {fit.fold_words}"
        log.info("%s: %s (%d of %d)", which, how, self._n_done, self._n_fits)
