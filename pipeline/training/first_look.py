"""A first look: an experiment with a small head and few folds, and how long all of it would take.

It says within a minute, on the same recordings, features and labels, whether an experiment is worth the wait.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from common.errors import InputError
from models.heads.lstm import LstmConfig
from pipeline.config.ensemble import EnsembleConfig
from pipeline.config.schema import ExperimentConfig
from pipeline.scoring.postprocessing.postprocess import PostprocessConfig
from pipeline.training.cost import StepCost, expected_seconds, is_head, n_heads_of
from pipeline.training.embed import EmbeddedRecording
from pipeline.training.executors import Executor
from pipeline.training.executors.fit_job import FitJob
from pipeline.training.fits import EmbeddingSource, Fit, fit_fingerprint, read_fit
from pipeline.training.frame_labels import LabelFile
from pipeline.training.plan import FitPlan, plan_folds

N_PARTS = 2
_MOST_EPOCHS = 10


def first_look_of(config: ExperimentConfig) -> ExperimentConfig:
    """The settings of the first look at an experiment; features, labels and post-processing are the experiment's.

    What is chosen on training recordings, by many more heads, is left at its defaults.
    """
    given = config.training
    fewer = {"epochs": min(given.epochs, _MOST_EPOCHS), "patience": min(given.patience, 2), "min_epochs": 3}
    cross_validation = config.cross_validation if config.cross_validation == "none" else N_PARTS
    changes = {
        "name": f"{config.name}_quick",
        "description": f"First look at {config.name}",
        "head": LstmConfig(layers=1, units=16, bidirectional=True),
        "training": given.model_copy(update=fewer),
        "cross_validation": cross_validation,
        "protocol": "thesis" if config.protocol == "thesis" else "nested",
        "refit": False,
        "postprocess": PostprocessConfig() if config.postprocess == "tune" else config.postprocess,
        "calibration": "none",
        "baseline": "logistic",
        "ensemble": EnsembleConfig(),
    }
    return config.model_copy(update=changes)


def cost_of(
    config: ExperimentConfig, recordings: Sequence[EmbeddedRecording], executor: Executor, fits_path: Path
) -> dict[str, Any]:
    """How many heads an experiment trains, and about how long that takes here.

    A few steps of its own head are timed on one recording; they count for as many as its fits have, if training
    stops halfway to the most epochs. Baselines take next to nothing.

    Returns
    -------
    dict
        `experiment`, `settings` (their hash), `n_fits`, `n_heads` (fits without baselines), `seconds` (of training with
        all workers) and `step_s`.
    """
    plan = FitPlan(config, recordings, plan_folds(config, [r.checked for r in recordings]), Path)
    sources = {r.id: r.source for r in recordings}
    n_frames = {r.id: len(r.frames) for r in recordings}
    labels = LabelFile.write(fits_path / "labels.npz", plan.labels)
    cost = cost_of_a_step(trial_fit(plan), n_frames, sources, labels, plan, executor)
    seconds = expected_seconds(plan, n_frames, cost, executor.n_workers)
    return {
        "experiment": config.name,
        "settings": settings_hash(config),
        "n_fits": plan.n_fits,
        "n_heads": n_heads_of(plan),
        "seconds": round(seconds, 1),
        "step_s": round(cost.step_s, 4),
    }


def settings_hash(config: ExperimentConfig) -> str:
    """Tells experiments apart whose first looks are the same."""
    return hashlib.sha256(json.dumps(config.identity(), sort_keys=True).encode("utf-8")).hexdigest()


def trial_fit(plan: FitPlan) -> Fit:
    """Two short epochs of a head, the first of which compiles it, on one recording if it has all that is needed."""
    fit = next(fit for fit in plan.cross_fits() or plan.final_fits([]) if is_head(fit))
    task, labels = fit.task, {r: plan.labels[r].of(fit.outputs) for r in fit.train}
    enough = (r for r, own in labels.items() if not task.lacking(task.target(own.active), own.scored))
    first = next(enough, None)
    train = fit.train if first is None else (first,)
    training = fit.training.model_copy(update={"min_steps_per_epoch": 5})
    return replace(
        fit, key="trial", train=train, validation=(), predict=(), training=training, n_epochs=2, refit=False,
        bundle_path=None,
    )  # fmt: skip


def cost_of_a_step(
    fit: Fit,
    n_frames: dict[str, int],
    sources: dict[str, EmbeddingSource],
    labels: LabelFile,
    plan: FitPlan,
    executor: Executor,
) -> StepCost:
    """Carry out `trial_fit`, whose result lies beside the labels."""
    fingerprint = fit_fingerprint(fit, sources, plan.labels)
    path = labels.path.with_name(f"{fit.key}.npz")
    job = FitJob(fit, path, fingerprint, tuple(sources[r] for r in fit.recordings), labels, {})
    for _ in executor.run([job], lambda job, row: None):
        pass
    result = read_fit(path, fingerprint)
    if result is None:
        raise InputError(f"The stored fit {path} vanished or was damaged. Start the first look again.")
    n_steps = fit.training.steps_per_epoch([n_frames[r] for r in fit.train])
    return StepCost.of([float(epoch["seconds"]) for epoch in result.history], n_steps)
