"""One experiment's settings, judged: its heads fold by fold, then their score.

Nothing is written but fits, each named by the hash of all that it was made from; whoever needs the same fit, in this
process or another, finds it.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.config.baselines import NONE
from pipeline.config.schema import ExperimentConfig
from pipeline.dataset.load import CROSS_VALIDATION, TEST
from pipeline.runtime.progress import Bar
from pipeline.scoring.metrics import average_precision
from pipeline.scoring.objectives import OBJECTIVES
from pipeline.scoring.postprocessing.postprocess import PostprocessConfig
from pipeline.scoring.timeline import Timeline, expand_to_all_frames
from pipeline.training.chosen_settings import make_choices
from pipeline.training.cross_validation import FitRunner, StageTwo, collect_inner
from pipeline.training.embed import EmbeddedRecording
from pipeline.training.executors import Executor
from pipeline.training.fits import Fit, FitResult
from pipeline.training.frame_labels import LabelFile
from pipeline.training.plan import HEAD, FitPlan, plan_folds
from pipeline.training.timelines import make_timelines, scorable

NESTED, COMPARE = "nested", "compare"


@dataclass(frozen=True)
class Done:
    """What was finished together: the fits of a fold, or those that settings are chosen from.

    Attributes
    ----------
    name : str
        What the fold holds out.
    score : float or None
        Average precision of the heads' probabilities, of all recordings held out so far; mean over behaviors.
    seconds : float
        That its fits took when they were trained, whoever trained them.
    fits : tuple of str
        Their fingerprints.
    """

    name: str
    score: float | None
    seconds: float
    fits: tuple[str, ...]


def judged_config(config: ExperimentConfig, score: str) -> ExperimentConfig:
    """The experiment without what takes no part in its score."""
    changes: dict[str, Any] = {"baseline": NONE}
    if config.protocol == COMPARE:
        changes["protocol"] = NESTED
    if not OBJECTIVES[score].needs_decisions:
        changes |= {"postprocess": PostprocessConfig(), "calibration": "none"}
    return config.model_copy(update=changes)


class Evaluation:
    """The heads of one experiment on some recordings; those with split test are scored by final heads only.

    Parameters
    ----------
    config : ExperimentConfig
    score : str
        One of `OBJECTIVES`.
    recordings : sequence of EmbeddedRecording
    executor : Executor
    fits_path : Path
        Where finished fits lie.
    bar : Bar
        Told of each epoch.
    """

    def __init__(
        self,
        config: ExperimentConfig,
        score: str,
        recordings: Sequence[EmbeddedRecording],
        executor: Executor,
        fits_path: Path,
        bar: Bar,
    ) -> None:
        train = [r for r in recordings if r.checked.subset == CROSS_VALIDATION]
        # By those that choose: the same whoever is scored besides.
        bounded = config.training.bounded_by([len(r.frames) for r in train], sum(train[0].source.widths))
        self._config = judged_config(config, score).model_copy(update={"training": bounded})
        self._objective = OBJECTIVES[score]
        self._recordings = recordings
        self._folds = plan_folds(self._config, [r.checked for r in recordings])
        self._plan = FitPlan(self._config, recordings, self._folds, _nowhere)
        self._outcome = StageTwo(defaultdict(lambda: defaultdict(dict)))
        self._executor = executor
        sources = {r.id: r.source for r in recordings}
        labels = LabelFile.keep(fits_path, self._plan.labels)
        display = _Display(bar)
        self._run = FitRunner(self._plan, sources, labels, executor, {}, display, self._outcome, fits_path)
        self._crossed: list[tuple[Fit, FitResult]] = []

    @property
    def n_folds(self) -> int:
        """Folds of the head that has most of them."""
        return max(map(len, self._folds.values()))

    def folds(self) -> Iterator[Done]:
        """Train fold by fold, in a fixed order; as many of them together as there are workers for."""
        fits = self._plan.cross_fits()
        n_together = max(1, self._executor.n_workers // len(self._folds))
        for first in range(0, self.n_folds, n_together):
            numbers = range(first, min(first + n_together, self.n_folds))
            of_folds = [[fit for fit in fits if self._is_of(fit, number)] for number in numbers]
            results = dict(zip(numbers, _split(self._run([f for own in of_folds for f in own]), of_folds), strict=True))
            for number in numbers:
                self._crossed += results[number]
                yield self._done(self._name(number), results[number], number)

    def settle(self) -> Done:
        """Train what post-processing and calibration are chosen from, where they are; nothing else is missing then."""
        inner = self._plan.inner_fits(self._crossed)
        results = self._run([fit for _, fit in inner])
        for (fold, _), (fit, result) in zip(inner, results, strict=True):
            collect_inner(fold, fit, result, self._outcome)
        return self._done("", results, self.n_folds - 1)

    def finish(self) -> list[Timeline]:
        """Train final heads on all training recordings, which predict those with split test."""
        self._run(self._plan.final_fits(self._crossed))
        return [timeline for timeline in self._timelines() if timeline.subset == TEST]

    def cross_validated(self) -> list[Timeline]:
        """What the folds say of all training recordings."""
        return [timeline for timeline in self._timelines() if timeline.subset == CROSS_VALIDATION]

    def value(self) -> float | None:
        """The objective, cross-validated."""
        return self._objective.value(self.cross_validated())

    def _timelines(self) -> list[Timeline]:
        choices = make_choices(self._config, self._recordings, self._outcome)
        return scorable(make_timelines(self._config, self._recordings, self._outcome, choices).head)

    def _is_of(self, fit: Fit, number: int) -> bool:
        folds = self._folds[fit.name]
        name = folds[number].name if number < len(folds) else None
        return name is not None and fit.fold is not None and (fit.fold == name or fit.fold.startswith(f"{name}, inner"))

    def _name(self, number: int) -> str:
        return next(folds[number].name for folds in self._folds.values() if number < len(folds))

    def _done(self, name: str, results: Sequence[tuple[Fit, FitResult]], number: int) -> Done:
        seconds = sum(float(row["seconds"]) for _, result in results for row in result.history)
        fits = tuple(self._run.fingerprints[fit.key] for fit, _ in results)
        return Done(name, self._score_until(number), seconds, fits)

    def _score_until(self, number: int) -> float | None:
        """Mean over behaviors of the average precision of what the first folds held out."""
        by_id = {r.id: r for r in self._recordings}
        probabilities, found = self._outcome.probabilities[HEAD], []
        for head, outputs in self._config.task.heads(self._config.behavior_names()).items():
            held_out = [r for fold in self._folds[head][: number + 1] for r in fold.held_out]
            for behavior in outputs:
                frames = [_scored_frames(by_id[r], probabilities[r][behavior], behavior) for r in held_out]
                true, probability = (np.concatenate(arrays) for arrays in zip(*frames, strict=True))
                score = average_precision(true, probability)
                found += [] if score is None else [score]
        return float(np.mean(found)) if found else None


def _scored_frames(
    recording: EmbeddedRecording, analysed: NDArray[np.float32], behavior: str
) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """Truth and probability, shape (n_scored_frames,) each, of the frames that a human scored."""
    labels = recording.checked.labels
    assert labels is not None
    column = labels.behaviors.index(behavior)
    scored = labels.scored[:, column]
    every_frame = expand_to_all_frames(analysed, recording.frames, recording.checked.n_frames)
    return labels.active[scored, column], every_frame[scored]


def _split(
    results: Sequence[tuple[Fit, FitResult]], groups: Sequence[Sequence[Fit]]
) -> Iterator[list[tuple[Fit, FitResult]]]:
    left = iter(results)
    for group in groups:
        yield [next(left) for _ in group]


def _nowhere(head: str) -> Path | None:
    """No head of a search is kept: the best settings are an experiment that keeps its own."""


class _Display:
    """Fits come and go; what is told is trials."""

    def __init__(self, bar: Bar) -> None:
        self._bar = bar

    def epoch(self, fit: Fit, row: Mapping[str, Any]) -> None:
        """See `FitDisplay`."""
        last = fit.n_epochs or fit.training.epochs
        self._bar.update(row["epoch"], last, f"{fit.name}, {fit.head.name}, {fit.fold_words}: epoch")

    def finished(self, fit: Fit, result: FitResult, resumed: bool) -> None:
        """See `FitDisplay`."""
