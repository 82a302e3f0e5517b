"""One experiment from its configuration to its report: the story of Rearview, top to bottom.

recordings -> (checked) -> stage one: embeddings, cached -> stage two: heads, cross-validated ->
probabilities of every frame -> post-processing -> scores, predictions, bouts -> report.
"""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from common.errors import InputError
from common.files import write_text
from common.notes import Doubt
from common.suggestions import listing
from pipeline.config.schema import ExperimentConfig, dump_config
from pipeline.dataset.load import input_fingerprints, load_dataset, summarise
from pipeline.films.run_strips import cut_film_strips
from pipeline.report.html import write_report
from pipeline.run_folder.contents import SCORES
from pipeline.run_folder.provenance import Clock, begin_provenance, bundle_metadata, describe_backbone, now
from pipeline.run_folder.results import write_results
from pipeline.run_folder.run_dir import RunDir
from pipeline.runtime.logs import log_file
from pipeline.training.chosen_settings import make_choices
from pipeline.training.cross_validation import plan_folds, run_stage_two
from pipeline.training.embed import run_stage_one
from pipeline.training.timelines import make_timelines, scorable

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
    except InputError:
        run.discard_new()
        raise
    finally:
        run.release()


def _carry_out(config: ExperimentConfig, options: RunOptions, run: RunDir) -> None:
    write_text(run.config_path, dump_config(config))
    provenance = begin_provenance(config)
    run.write_provenance(provenance)
    clock = Clock()
    provenance["stages"] = clock.stages
    checked = load_dataset(config)
    summarise(checked, config.behavior_names())
    provenance["inputs"] = input_fingerprints(checked)
    folds = plan_folds(config, checked)
    clock.stop("check inputs", sum(item.n_frames for item in checked))
    stage_one = run_stage_one(config, checked, only_cached=options.stage == "heads")
    clock.stop("features", stage_one.n_frames_computed)
    provenance["backbone"] = describe_backbone(config, stage_one)
    run.write_provenance(provenance)
    if options.stage == "features":
        log.info("Stage one is done; the embeddings lie in %s.", config.cache_dir)
        return
    metadata = bundle_metadata(config, provenance["backbone"])
    stage_two = run_stage_two(config, stage_one.recordings, folds, run.fits_path, run.head_path, metadata)
    clock.stop("heads", sum(r.checked.n_frames for r in stage_one.recordings))
    choices = make_choices(config, stage_one.recordings, stage_two)
    clock.stop("post-processing", None)
    timelines = make_timelines(config, stage_one.recordings, stage_two, choices)
    notes = write_results(config, run, checked, timelines, choices, stage_two.history)
    notes += cut_film_strips(run, checked, scorable(timelines.head), config.crop.size_px)
    clock.stop("scores and tables", sum(r.checked.n_frames for r in stage_one.recordings))
    provenance["notes"] = [note for item in checked for note in item.notes] + stage_two.notes + notes
    provenance["uncalibrated"] = choices.uncalibrated()
    provenance["doubts"] = [note for note in provenance["notes"] if isinstance(note, Doubt)]
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
        _require_same_inputs(run, config)
        log.info("%s is finished already, with the same settings. Add --overwrite to run it again.", run.path)
        return True
    raise InputError(
        f"{run.path} already holds a finished run with other settings ({run.config_path} differs from what was asked "
        "for now). Choose another folder with --output or another `name:`, or add --overwrite to replace it."
    )


def _require_same_inputs(run: RunDir, config: ExperimentConfig) -> None:
    """Refuse to call a run finished whose labels, poses, videos or table have changed since."""
    then = run.read_provenance().get("inputs")
    if not isinstance(then, dict):
        return
    try:
        now = input_fingerprints(load_dataset(config))
    except InputError as error:
        log.warning("Whether the recordings of %s have changed since cannot be told: %s", run.path, error)
        return
    changed = sorted(name for name in {*then, *now} if then.get(name) != now.get(name))
    if changed:
        raise InputError(
            f"{run.path} is finished, but its recordings have changed since: {listing(changed, 5)} (the row in the "
            "table, the video, poses or annotations). Choose another folder with --output or another `name:` to keep "
            "both, or add --overwrite to replace it; what lies in its folders corrections and exports stays."
        )


def _report_again(run: RunDir) -> RunDir:
    if not SCORES.path(run).is_file():
        raise InputError(
            f"{run.path} holds no finished scores to report on. Run the experiment without --stage report first."
        )
    write_report(run.path)
    log.info("Report: %s", run.report_path)
    return run
