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
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from pipeline.config.schema import ExperimentConfig
from pipeline.dataset.load import CROSS_VALIDATION, CheckedRecording
from pipeline.runtime.progress import progress_bars
from pipeline.training.embed import EmbeddedRecording
from pipeline.training.executors.local import FitRunner, Job, Workbench, choose_n_workers
from pipeline.training.fits import Fit, FitResult, fit_fingerprint, read_fit
from pipeline.training.folds import Fold, leave_one_video_out
from pipeline.training.plan import BASELINE, FINAL, HEAD, INNER, THESIS, FitPlan, make_target

log = logging.getLogger(__name__)

# probabilities[kind][recording][behavior], at the analysed frames
Probabilities = dict[str, dict[str, dict[str, NDArray[np.float32]]]]


@dataclass
class StageTwo:
    """What stage two hands on.

    Attributes
    ----------
    probabilities : dict
        By kind (`head`, `baseline`, `thesis`), recording and behavior: shape (n_analysed,). Of training
        recordings these come from the fold that held them out.
    inner : dict
        By (behavior, held-out recording), the probabilities of the other training recordings by heads that
        saw neither those nor the held-out one; empty where no settings are chosen from them.
    history : list of dict
        Rows of training.csv.
    n_fits, n_resumed : int
        Fits in all, and those taken from an earlier, interrupted run.
    seconds : float
    """

    probabilities: Probabilities
    inner: dict[tuple[str, str], dict[str, NDArray[np.float32]]] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    n_fits: int = 0
    n_resumed: int = 0
    n_workers: int = 1
    seconds: float = 0.0


def plan_folds(config: ExperimentConfig, checked: Sequence[CheckedRecording]) -> dict[str, list[Fold]]:
    """Folds of every behavior, found before stage one so that a night's work does not end in an error.

    Returns
    -------
    dict of str to list of Fold
        Empty lists without cross-validation.

    Raises
    ------
    InputError
        If folds cannot be made, or a behavior is never (or always) shown in the training recordings.
    """
    return {behavior: plan_behavior(config, checked, behavior) for behavior in config.behavior_names()}


def plan_behavior(config: ExperimentConfig, checked: Sequence[CheckedRecording], behavior: str) -> list[Fold]:
    """The folds of one behavior, as `plan_folds`."""
    column = config.behavior_names().index(behavior)
    train = [item for item in checked if item.subset == CROSS_VALIDATION]
    targets = {
        item.id: make_target(item, column, item.analysed_frames(config.frame_step), config.mask_disagreements)
        for item in train
    }
    n_positive = {r: int((t.active & t.trainable).sum()) for r, t in targets.items()}
    n_trainable = sum(int(t.trainable.sum()) for t in targets.values())
    folds: list[Fold] = []
    if config.cross_validation != "none":
        individuals = {item.id: item.split_group for item in train}
        protocol = "thesis" if config.protocol == "thesis" else "nested"
        folds = leave_one_video_out(individuals, n_positive, protocol, behavior)
    if sum(n_positive.values()) in (0, n_trainable):
        raise InputError(
            f"The behavior {behavior!r} is scored positive in {sum(n_positive.values())} of {n_trainable} training "
            "frames; a head needs examples of both. Annotate it in more recordings, or leave it out of "
            "`behaviors:`."
        )
    return folds


def run_stage_two(
    config: ExperimentConfig,
    recordings: Sequence[EmbeddedRecording],
    folds: Mapping[str, Sequence[Fold]],
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
    plan = FitPlan(config, recordings, head_path)
    behaviors = config.behavior_names()
    cross_fits = [fit for b in behaviors for kind in plan.kinds for fit in plan.fold_fits(b, kind, folds[b])]
    thesis_fits = [
        fit
        for b in behaviors
        if config.protocol == "compare"
        for fit in plan.fold_fits(b, THESIS, thesis_folds(folds[b]))
    ]
    n_inner = len(_inner_fits(plan, folds, None)) if config.chooses_settings() else 0
    n_fits = len(cross_fits) + len(thesis_fits) + n_inner + len(plan.kinds) * len(behaviors)
    outcome = StageTwo(defaultdict(lambda: defaultdict(dict)), n_fits=n_fits)
    outcome.n_workers = choose_n_workers(config.execution.workers, len(cross_fits) or n_fits)
    bench = Workbench({r.id: r.source for r in recordings}, plan.targets, dict(bundle_metadata))
    with progress_bars() as bars:
        display = _Display(bars, n_fits, outcome.n_workers)
        with FitRunner(bench, outcome.n_workers, display.epoch) as runner:
            crossed = _run(cross_fits, runner, bench, fits_path, display, outcome)
            if n_inner:
                run_fits = partial(
                    _run, runner=runner, bench=bench, fits_path=fits_path, display=display, outcome=outcome
                )
                _run_inner(plan, folds, crossed, run_fits, outcome)
            outcome.notes += short_training_notes(crossed, config.training.epochs)
            _run(thesis_fits, runner, bench, fits_path, display, outcome)
            finals = [
                plan.final_fit(b, kind, [result for fit, result in crossed if (fit.behavior, fit.kind) == (b, kind)])
                for b in behaviors
                for kind in plan.kinds
            ]
            _run(finals, runner, bench, fits_path, display, outcome)
    outcome.seconds = time.monotonic() - started
    return outcome


def short_training_notes(crossed: Sequence[tuple[Fit, FitResult]], n_epochs: int) -> list[str]:
    """Behaviors whose heads were still getting better when the last epoch ended, in half of the folds or more."""
    notes = []
    for behavior in dict.fromkeys(fit.behavior for fit, _ in crossed):
        best = [result.best_epoch for fit, result in crossed if (fit.behavior, fit.kind) == (behavior, HEAD)]
        n_last = sum(epoch >= n_epochs for epoch in best)
        if n_last and 2 * n_last >= len(best):
            notes.append(
                f"{behavior}: in {n_last} of {len(best)} folds the last of {n_epochs} epochs was the best one, so that "
                "more training may help. Raise training.epochs."
            )
    for note in notes:
        log.warning("%s", note)
    return notes


def thesis_folds(folds: Sequence[Fold]) -> list[Fold]:
    """The same folds in the thesis' protocol: early stopping looks at the held-out recordings."""
    return [Fold(fold.name, (*fold.train, *fold.validation), fold.held_out, fold.held_out) for fold in folds]


def _inner_fits(
    plan: FitPlan, folds: Mapping[str, Sequence[Fold]], best_epochs: Mapping[tuple[str, str], int] | None
) -> list[tuple[Fold, Fit]]:
    """Every fit inside a fold, with its fold; without `best_epochs` only to count them."""
    return [
        (fold, fit)
        for behavior, members in folds.items()
        for number, fold in enumerate(members, start=1)
        for fit in plan.inner_fits(behavior, fold, number, best_epochs[behavior, fold.name] if best_epochs else 1)
    ]


def _run_inner(
    plan: FitPlan,
    folds: Mapping[str, Sequence[Fold]],
    crossed: Sequence[tuple[Fit, FitResult]],
    run_fits: Callable[[Sequence[Fit]], list[tuple[Fit, FitResult]]],
    outcome: StageTwo,
) -> None:
    """Predict the training recordings of each fold by heads that saw neither them nor the held-out one."""
    best_epochs = {(fit.behavior, fit.fold): result.best_epoch for fit, result in crossed if fit.kind == HEAD}
    inner = _inner_fits(plan, folds, best_epochs)
    results = run_fits([fit for _, fit in inner])
    for (fold, fit), (_, result) in zip(inner, results, strict=True):
        for held_out in fold.held_out:
            outcome.inner.setdefault((fit.behavior, held_out), {}).update(result.probabilities)


def _run(
    fits: Sequence[Fit],
    runner: FitRunner,
    bench: Workbench,
    fits_path: Path,
    display: "_Display",
    outcome: StageTwo,
) -> list[tuple[Fit, FitResult]]:
    """Results of all fits, in their order: those an earlier run finished, and the rest trained now."""
    jobs = [Job(fit, fits_path / f"{fit.key}.npz", fit_fingerprint(fit, bench.sources, bench.targets)) for fit in fits]
    results: dict[str, FitResult] = {}
    for job in jobs:
        stored = read_fit(job.path, job.fingerprint)
        if stored is not None and (job.fit.bundle_path is None or job.fit.bundle_path.is_dir()):
            results[job.fit.key] = stored
            outcome.n_resumed += 1
            display.finished(job.fit, stored, resumed=True)
    for job, result in runner.run([job for job in jobs if job.fit.key not in results]):
        results[job.fit.key] = result
        display.finished(job.fit, result, resumed=False)
    ordered = [(fit, results[fit.key]) for fit in fits]
    for fit, result in ordered:
        _collect(fit, result, outcome)
    return ordered


def _collect(fit: Fit, result: FitResult, outcome: StageTwo) -> None:
    if fit.kind == INNER:
        return
    for recording, probability in result.probabilities.items():
        outcome.probabilities[fit.kind][recording][fit.behavior] = probability
    if result.note:
        outcome.notes.append(f"{fit.behavior}, {fit.fold}: {result.note}")
    for row in result.history:
        outcome.history.append(
            {"behavior": fit.behavior, "head": _head_words(fit), "fold": fit.fold}
            | {key: row.get(key) for key in ("epoch", "loss", "validation_average_precision", "validation_loss")}
            | {"seconds": row["seconds"], "best": row["epoch"] == result.best_epoch}
        )


def _head_words(fit: Fit) -> str:
    """The head's name, marked where it belongs to another protocol or inside a fold."""
    marks = {THESIS: " (thesis protocol)", INNER: " (for settings)"}
    return fit.head.name + marks.get(fit.kind, "")


class _Display:
    """Progress of the fits: one bar over all of them, one for the fit that reported last."""

    def __init__(self, bars: Any, n_fits: int, n_workers: int) -> None:
        at_a_time = f", {n_workers} at a time" if n_workers > 1 else ""
        self._folds = bars.add(f"Training {n_fits} heads{at_a_time}", total=n_fits)
        self._epochs = bars.add("", total=None)
        self._n_fits = n_fits
        self._n_done = 0

    def epoch(self, fit: Fit, row: Mapping[str, Any]) -> None:
        """An epoch of a fit is done."""
        last = fit.n_epochs or fit.training.epochs
        self._epochs.update(row["epoch"], last, f"{fit.behavior}, {fit.head.name}, {fit.fold}: epoch")
        log.debug("%s epoch %s: %s", fit.key, row["epoch"], row)

    def finished(self, fit: Fit, result: FitResult, resumed: bool) -> None:
        """A fit is done."""
        self._n_done += 1
        self._folds.update(self._n_done, self._n_fits)
        how = "taken from the interrupted run" if resumed else f"best epoch {result.best_epoch}"
        log.info(
            "%s, %s, %s: %s (%d of %d)",
            fit.behavior,
            _head_words(fit),
            fit.fold,
            how,
            self._n_done,
            self._n_fits,
        )


__all__ = ["BASELINE", "FINAL", "HEAD", "StageTwo", "run_stage_two"]
