"""One experiment from its configuration to its report: the story of Rearview, top to bottom.

recordings -> (checked) -> stage one: embeddings, cached -> stage two: heads, cross-validated ->
probabilities of every frame -> closing -> scores, predictions, bouts -> report.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from features.errors import InputError
from pipeline import outputs
from pipeline.config import ExperimentConfig, dump_config
from pipeline.cross_validation import BASELINE, HEAD, StageTwo, plan_folds, run_stage_two
from pipeline.gather import PREDICT, gather, summarise
from pipeline.provenance import Clock, begin_provenance, bundle_metadata, describe_backbone, log_file, now
from pipeline.report.html import write_report
from pipeline.run_dir import RunDir, write_text
from pipeline.scores import RAW, PredictedRecording, score_rows, write_scores
from pipeline.stage_one import EmbeddedRecording, StageOne, run_stage_one
from pipeline.tables import write_table

log = logging.getLogger(__name__)

Stage = Literal["features", "heads", "report"]


@dataclass(frozen=True)
class RunOptions:
    """How a run is carried out; unlike the configuration, none of it changes a result.

    Attributes
    ----------
    output : Path or None
        The run's folder; None = `<output_dir>/<name>` of the configuration.
    stage : str or None
        Only this stage; None = all.
    overwrite : bool
        Run again although a finished run, or one with other settings, lies there.
    """

    output: Path | None = None
    stage: Stage | None = None
    overwrite: bool = False


def run_experiment(config: ExperimentConfig, options: RunOptions) -> RunDir:
    """Carry out one experiment.

    Returns
    -------
    RunDir
        The finished run; with `--stage features` a folder that holds only a log.

    Raises
    ------
    InputError
        If anything the user gave is wrong, or the folder holds a run that must not be overwritten.
    """
    run = RunDir(options.output or config.output_dir / config.name)
    if options.stage == "report":
        return _report_again(run)
    run.claim()
    try:
        if _is_done_already(run, config, options):
            return run
        with log_file(run.log_path):
            _carry_out(config, options, run)
        return run
    finally:
        run.release()


def _carry_out(config: ExperimentConfig, options: RunOptions, run: RunDir) -> None:
    write_text(run.config_path, dump_config(config))
    provenance = begin_provenance(config)
    run.write_provenance(provenance)
    clock = Clock()
    provenance["stages"] = clock.stages
    gathered = gather(config)
    summarise(gathered, config.behavior_names())
    folds = plan_folds(config, gathered)
    clock.stop("check inputs", sum(item.n_frames for item in gathered))
    stage_one = run_stage_one(config, gathered, only_cached=options.stage == "heads")
    clock.stop("features", stage_one.n_frames_computed)
    provenance["backbone"] = describe_backbone(config, stage_one)
    run.write_provenance(provenance)
    if options.stage == "features":
        log.info("Stage one is done; the embeddings lie in %s.", config.cache_dir)
        return
    stage_two = run_stage_two(config, stage_one.recordings, folds, run, bundle_metadata(config, provenance["backbone"]))
    clock.stop("heads", sum(r.gathered.n_frames for r in stage_one.recordings))
    _write_results(config, run, stage_one, stage_two)
    clock.stop("scores and tables", sum(r.gathered.n_frames for r in stage_one.recordings))
    provenance["notes"] = [note for item in gathered for note in item.notes] + stage_two.notes
    provenance["n_workers"] = stage_two.n_workers
    provenance["n_fits"] = stage_two.n_fits
    provenance["n_fits_resumed"] = stage_two.n_resumed
    provenance["finished"] = now()
    run.write_provenance(provenance)
    write_report(run.path)
    clock.stop("report", None)
    run.write_provenance(provenance)
    run.drop_set_aside()
    log.info("Finished. Report: %s", run.report_path)


def _is_done_already(run: RunDir, config: ExperimentConfig, options: RunOptions) -> bool:
    """Whether there is nothing to do; clears the folder when asked to overwrite.

    Raises
    ------
    InputError
        If the folder holds a finished run with other settings.
    """
    if not run.holds_anything():
        return False
    if options.overwrite:
        run.set_aside()
        return False
    if not run.is_finished():
        log.info("%s was begun before; what it finished with the same settings is used again.", run.path)
        return False
    if run.config_path.is_file() and run.config_path.read_text(encoding="utf-8") == dump_config(config):
        log.info("%s is finished already, with the same settings. Add --overwrite to run it again.", run.path)
        return True
    raise InputError(
        f"{run.path} already holds a finished run with other settings ({run.config_path} differs from what was asked "
        "for now). Choose another folder with --output or another `name:`, or add --overwrite to replace it."
    )


def _report_again(run: RunDir) -> RunDir:
    if not run.scores_path.is_file():
        raise InputError(
            f"{run.path} holds no finished scores to report on. Run the experiment without --stage report first."
        )
    write_report(run.path)
    log.info("Report: %s", run.report_path)
    return run


def _write_results(config: ExperimentConfig, run: RunDir, stage_one: StageOne, stage_two: StageTwo) -> None:
    """Tables of the run folder, scores last, so that a folder with scores has everything they came from."""
    gathered = [r.gathered for r in stage_one.recordings]
    outputs.write_recordings(run, gathered)
    write_table(run.training_path, outputs.TRAINING_COLUMNS, stage_two.history)
    for recording in stage_one.recordings:
        item = recording.gathered
        if item.labels is not None:
            outputs.write_labels(run, item.id, item.labels)
        predicted = _every_frame(recording, stage_two, HEAD)
        if predicted:
            outputs.write_predictions(run, item.id, item.fps, predicted, config.postprocess)
        baseline = _every_frame(recording, stage_two, BASELINE)
        if baseline:
            outputs.write_baseline_predictions(run, item.id, item.fps, baseline)
    behaviors = config.behavior_names()
    baseline_recordings = _scorable(stage_one.recordings, stage_two, BASELINE, behaviors)
    if baseline_recordings:
        rows = score_rows(baseline_recordings, behaviors, config.postprocess, ways=(RAW,))
        write_scores(run.baseline_scores_path, rows)
    head_recordings = _scorable(stage_one.recordings, stage_two, HEAD, behaviors)
    write_scores(run.scores_path, score_rows(head_recordings, behaviors, config.postprocess))


def _scorable(
    recordings: Sequence[EmbeddedRecording], stage_two: StageTwo, kind: str, behaviors: Sequence[str]
) -> list[PredictedRecording]:
    """Recordings that have both labels and probabilities from heads that never saw them."""
    found = []
    for recording in recordings:
        item = recording.gathered
        predicted = _every_frame(recording, stage_two, kind)
        if item.labels is None or item.subset == PREDICT or not predicted:
            continue
        probability = np.stack([predicted[b] for b in behaviors], axis=1)
        found.append(
            PredictedRecording(item.id, item.subset, item.labels.active, item.labels.scored, probability, item.fps)
        )
    return found


def _every_frame(recording: EmbeddedRecording, stage_two: StageTwo, kind: str) -> dict[str, NDArray[np.float32]]:
    found = stage_two.probabilities.get(kind, {}).get(recording.id, {})
    n_frames = recording.gathered.n_frames
    return {b: outputs.expand_to_all_frames(p, recording.frames, n_frames) for b, p in found.items()}
