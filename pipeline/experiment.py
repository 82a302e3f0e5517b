"""One experiment from its configuration to its report: the story of Rearview, top to bottom.

recordings -> (checked) -> stage one: embeddings, cached -> stage two: heads, cross-validated ->
probabilities of every frame -> post-processing -> scores, predictions, bouts -> report.
"""

import logging
from collections.abc import Sequence
from pathlib import Path

from common.notes import Doubt
from common.places import path_from
from features.cache.store import require_short_cache_paths
from features.engines import require_engine
from pipeline.config.schema import ExperimentConfig, dump_config
from pipeline.dataset.load import input_fingerprints, load_dataset, model_labels, notes_on, recordings_csv, summarise
from pipeline.films.contact_sheets import cut_contact_sheets
from pipeline.films.film_strips import cut_film_strips
from pipeline.films.network_views import cut_network_views
from pipeline.report.html import write_report
from pipeline.run_folder.finished import Stage, is_done_already
from pipeline.run_folder.provenance import RunRecord, begin_provenance, bundle_metadata, cost_words, describe_features
from pipeline.run_folder.results import write_results
from pipeline.run_folder.run_dir import RunDir
from pipeline.runtime.logs import log_file
from pipeline.training.chosen_settings import make_choices
from pipeline.training.cross_validation import StageTwo, run_stage_two
from pipeline.training.embed import StageOne, run_stage_one
from pipeline.training.executors import open_executor
from pipeline.training.executors.embed_job import embed_ahead, needs_of
from pipeline.training.first_look import cost_of, settings_hash
from pipeline.training.plan import plan_folds
from pipeline.training.timelines import make_timelines, scorable

log = logging.getLogger(__name__)

_MOST_DOUBTS = 3


def run_experiment(
    config: ExperimentConfig,
    run: RunDir,
    stage: Stage | None = None,
    overwrite: bool = False,
    whole: ExperimentConfig | None = None,
) -> None:
    """Carry out one experiment in a folder, or only one stage of it; nothing is done where it is finished already.

    Where `config` is a first look at another experiment, that is `whole`, whose cost is estimated.

    Raises
    ------
    InputError
        If anything the user gave is wrong, or the folder holds a run that must not be overwritten.
    """
    with run.claimed():
        looked_at = run.read_provenance().get("first_look", {}).get("settings")
        # A first look at other settings may be the same but for what it says of their cost.
        is_stale = whole is not None and looked_at not in (None, settings_hash(whole))
        if not is_done_already(run, config, overwrite or is_stale):
            run.see_from(Path(config.recordings).parent)
            with log_file(run.log_path, run.seen_from):
                is_finished = _carry_out(config, run, stage, whole)
            if is_finished:
                run.manifest.write()
                run.drop_set_aside()


def _carry_out(config: ExperimentConfig, run: RunDir, stage: Stage | None, whole: ExperimentConfig | None) -> bool:
    """Do what is to be done; whether that was the whole run."""
    record = RunRecord(run, dump_config(config, run.seen_from), begin_provenance(config, run))

    if stage != "heads":
        require_engine(config.engine, config.precision)
    recordings = load_dataset(config, may_wait=stage != "heads")
    run.require_short_paths({item.id: [*item.annotators] for item in recordings}, config.behavior_names())
    require_short_cache_paths(config.execution.cache_dir, [item.id for item in recordings])
    summarise(recordings, config.behavior_names())
    n_frames = sum(item.n_frames for item in recordings)
    folds = plan_folds(config, recordings)
    table, taken = (
        path_from(run.path, recordings_csv(config)),
        [path_from(run.path, Path(c)) for c in config.corrections],
    )
    inputs = input_fingerprints(recordings)
    record.stage_done("check inputs", n_frames, inputs=inputs, table=table, corrections=taken)

    # As many workers as the experiment itself would have, since its cost is told by them.
    most = folds if whole is None else plan_folds(whole, recordings)
    n_together = (sum(map(len, most.values())) or len(most)) * (whole or config).ensemble.members
    with open_executor(config.execution, n_together, needs_of(config, recordings, run.path)) as executor:
        n_ahead = 0 if stage == "heads" else embed_ahead(config, recordings, executor)
        stage_one = run_stage_one(config, recordings, only_cached=stage == "heads")
        # Videos may have been decoded only now.
        recordings = [item.checked for item in stage_one.recordings]
        folds, inputs = plan_folds(config, recordings), input_fingerprints(recordings)
        features = describe_features(stage_one)
        record.stage_done("features", n_ahead + stage_one.n_frames_computed, features=features, inputs=inputs)
        if stage == "features":
            log.info("Stage one is done; the embeddings lie in %s.", config.execution.cache_dir)
            return False

        metadata = bundle_metadata(config, features)
        # First, so that an experiment that can't be trained says so before its first look is waited for.
        cost = {} if whole is None else cost_of(whole, stage_one.recordings, executor, run.fits_path)
        stage_two = run_stage_two(config, stage_one.recordings, folds, executor, run.fits_path, run.head_path, metadata)
    record.stage_done("heads", n_frames, **({"first_look": cost} if cost else {}))

    _write_all(config, run, stage_one, stage_two, record)
    log.info("Finished: %s", run.report_path)
    if cost:
        log.info("%s", cost_words(cost))
    return True


def _write_all(
    config: ExperimentConfig, run: RunDir, stage_one: StageOne, stage_two: StageTwo, record: RunRecord
) -> None:
    """From probabilities to the report."""
    choices = make_choices(config, stage_one.recordings, stage_two)
    record.stage_done("post-processing")

    recordings = [item.checked for item in stage_one.recordings]
    timelines = make_timelines(config, stage_one.recordings, stage_two, choices)
    result_notes = write_results(config, run, recordings, timelines, choices, stage_two.history, stage_two.importance)
    result_notes += cut_film_strips(run, recordings, scorable(timelines.head), config.crop.size_px)
    views = config.feature_source().as_used(stage_one.described).views()
    result_notes += cut_network_views(run, recordings, timelines.head, views, config.frame_step)
    cut_contact_sheets(run, recordings, views)
    n_frames = sum(item.n_frames for item in recordings)
    record.stage_done("scores and tables", n_frames, uncalibrated=choices.uncalibrated())

    notes = [*model_labels(recordings), *notes_on(recordings), *stage_two.notes, *result_notes]
    record.finish(notes, n_workers=stage_two.n_workers, n_fits=stage_two.n_fits, n_fits_resumed=stage_two.n_resumed)
    write_report(run.path, is_being_written=True)
    record.stage_done("report")
    _tell_doubts(notes)


def _tell_doubts(notes: Sequence[str]) -> None:
    doubts = [note for note in notes if isinstance(note, Doubt)]
    for doubt in doubts[:_MOST_DOUBTS]:
        log.warning("Look at this first: %s", doubt)
    if len(doubts) > _MOST_DOUBTS:
        log.warning("%d more doubts are in the report.", len(doubts) - _MOST_DOUBTS)
