"""A trained run on new videos: the same recipe, the same heads, the same post-processing.

Recordings are read, embedded and predicted one by one, so that a bad one is reported at the end and does
not stop the others. What comes out has the form of a run's folder.
"""

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from common.places import all_told, path_from
from features.sources.joined import JoinedSource
from models.inference import TrainedHead
from models.threads import load_tensorflow
from pipeline.config.execution import ExecutionConfig
from pipeline.config.frame_policy import FramesSetting
from pipeline.config.schema import ExperimentConfig
from pipeline.dataset.load import CheckedRecording, load_recordings, notes_on, summarise
from pipeline.dataset.reading import ReadingSettings, inspect_ahead
from pipeline.dataset.recording import Recording
from pipeline.dataset.split_groups import split_groups
from pipeline.films.contact_sheets import cut_contact_sheets
from pipeline.films.film_strips import cut_film_strips
from pipeline.films.network_views import cut_network_views
from pipeline.prediction.ensembles import TrainedEnsemble
from pipeline.prediction.learned_from import LearnedFrom, read_learned_from
from pipeline.prediction.trained_run import TrainedRun, described_now, measured_scores, source_as_trained
from pipeline.report.html import write_report
from pipeline.run_folder.contents import FAILURES
from pipeline.run_folder.provenance import RunRecord, begin_evaluation
from pipeline.run_folder.results import write_results
from pipeline.run_folder.run_dir import PREDICTION, RunDir
from pipeline.runtime.logs import log_file
from pipeline.runtime.progress import Bar, progress_bars
from pipeline.scoring.timeline import Timeline
from pipeline.training.chosen_settings import Choices
from pipeline.training.cross_validation import StageTwo, with_member
from pipeline.training.embed import EmbeddedRecording, Embedder, by_video
from pipeline.training.executors import open_executor
from pipeline.training.executors.embed_job import embed_ahead, needs_of
from pipeline.training.plan import HEAD, head_outputs
from pipeline.training.timelines import RunTimelines, make_timelines, scorable

log = logging.getLogger(__name__)

_Done = TypeVar("_Done")
# The head, or all members of an ensemble, and the behaviors that they tell of.
_HeadsOf = tuple[Sequence[TrainedHead], tuple[str, ...]]
# By behavior, probabilities of analysed frames.
_Probabilities = dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class PredictOptions:
    """How new videos are predicted; none of it changes a probability.

    `execution`: who embeds; None = this process. `overwrite`: replace what lies in the folder `output`. `table`: the
    table of recordings that was given; None where videos were named one by one. `frames`: what to do where a new video,
    its poses and labels are not of the same frames; None = as in training, but nothing is shifted.
    """

    output: Path
    overwrite: bool = False
    table: Path | None = None
    frames: FramesSetting | None = None
    execution: ExecutionConfig | None = None


class Failure(NamedTuple):
    """A recording that could not be predicted, and why."""

    recording: str
    video: str
    reason: str


@dataclass
class Outcome:
    """What came of the recordings: those that were predicted, and why the others were not."""

    run: RunDir
    embedded: list[EmbeddedRecording] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def predict_recordings(
    trained: TrainedRun | TrainedEnsemble,
    recordings: Sequence[Recording],
    options: PredictOptions,
    bad_rows: Sequence[tuple[str, str]] = (),
    notes: Sequence[str] = (),
) -> Outcome:
    """Predict recordings by the final heads of a run, or of all members of an ensemble.

    Their split does not matter, but for `test`: those that have labels and that the heads did not learn from are
    scored. `bad_rows`: ids and errors of recordings that the table could not give, which are reported with the rest.
    `notes`: what was noticed while the videos' files were found. The folder of results (`Outcome.run`) is written only
    if at least one recording could be predicted.

    Raises
    ------
    InputError
        If the recipe differs, the folder holds other results, or no recording at all could be predicted.
    """
    run = RunDir(options.output)
    outcome = Outcome(run, failures=[Failure(name, "", reason) for name, reason in bad_rows], notes=[*notes])
    run.require_short_paths({one.id: [*one.annotation_paths] for one in recordings}, ())
    with run.claimed():
        if run.holds_anything():
            _require_replaceable(run, options)
            # Of predictions that were interrupted, the long part lies in the cache of embeddings.
            run.set_aside()
        run.see_from(trained.path.parent, *(recording.video_path.parent for recording in recordings))
        with log_file(run.log_path, run.seen_from):
            _carry_out(trained, recordings, options, outcome)
        run.manifest.write()
        run.drop_set_aside()
    return outcome


def _require_replaceable(run: RunDir, options: PredictOptions) -> None:
    if not run.is_prediction():
        raise InputError(
            f"{run.path} holds a run, not predictions. Choose another folder with --output: new predictions are kept "
            "apart from it."
        )
    if run.is_finished() and not options.overwrite:
        raise InputError(
            f"{run.path} already holds predictions. Choose another folder with --output, or add --overwrite to replace "
            "them."
        )


def _carry_out(
    trained: TrainedRun | TrainedEnsemble,
    recordings: Sequence[Recording],
    options: PredictOptions,
    outcome: Outcome,
) -> None:
    run = outcome.run
    config = _config_of_predictions(trained.config, trained.name, options)
    text = trained.dump_settings(config, run.seen_from)
    record = RunRecord(run, text, _begin_provenance(trained, run))
    learned_from = read_learned_from(trained.path)
    load_tensorflow()
    by_member: list[_ByOneRun] = []
    for name, member in trained.runs().items():
        # What one member can't predict is not predicted at all.
        left = recordings if not by_member else [item.checked.recording for item in by_member[-1].embedded]
        by_member.append(_predict_by(member, left, options, learned_from, outcome, record, name))
        _require_any(outcome, by_member[-1])
    outcome.embedded = [item for item in by_member[0].embedded if item.id in {r.id for r in by_member[-1].embedded}]
    checked = [item.checked for item in outcome.embedded]
    timelines = trained.joined([one.timelines for one in by_member])
    choices = Choices(final=trained.choices())
    notes = write_results(config, run, checked, timelines, choices, [], head_name=trained.head_name)
    as_scored = [*map(_as_scored, timelines.head)]
    notes += cut_film_strips(run, checked, as_scored, config.crop.size_px)
    if len(by_member) == 1:
        views = by_member[0].source.views()
        notes += cut_network_views(run, checked, as_scored, views, config.frame_step)
        cut_contact_sheets(run, checked, views)
    record.finish(
        [*trained.version_notes(), *notes_on(checked), *dict.fromkeys(outcome.notes), *notes],
        uncalibrated=choices.uncalibrated(),
    )
    write_report(run.path, is_being_written=True)
    record.stage_done("tables and report")


def _embed_elsewhere(
    config: ExperimentConfig, source: JoinedSource, checked: Sequence[CheckedRecording], run: RunDir
) -> None:
    """Have the workers of a cluster embed, where one was asked for; why one can't be embedded is said later."""
    with open_executor(config.execution, len(checked), needs_of(config, checked, run.path)) as executor:
        embed_ahead(config, checked, executor, source, passes_over_errors=True)


class _ByOneRun(NamedTuple):
    """What the heads of one run make of the recordings that it could read."""

    embedded: list[EmbeddedRecording]
    timelines: RunTimelines
    source: JoinedSource


def _predict_by(
    trained: TrainedRun,
    recordings: Sequence[Recording],
    options: PredictOptions,
    learned_from: LearnedFrom,
    outcome: Outcome,
    record: RunRecord,
    name: str,
) -> _ByOneRun:
    """Read, embed and predict by the recipe and the heads of one run; `name` is that of a member, or ""."""
    config = _config_of_predictions(trained.config, trained.name, options)
    source = source_as_trained(trained)
    heads = {head: trained.heads(head) for head in trained.bundles}
    checked = _load_all(config, recordings, learned_from, outcome)
    if not name or not outcome.embedded:
        summarise(checked, config.behavior_names())
    of_whom = f" ({name})" if name else ""
    record.stage_done(f"check inputs{of_whom}", sum(item.n_frames for item in checked))
    stage_two = StageTwo({HEAD: {}})
    _embed_elsewhere(config, source, checked, outcome.run)
    embedder = Embedder(config, source, only_cached=False)
    outputs = head_outputs(config)
    outcome.embedded = []
    by_name = [(found, outputs[head]) for head, found in heads.items()]
    _embed_and_predict(embedder, by_name, checked, stage_two, outcome)
    embedded = outcome.embedded
    facts = {} if name else {"features": described_now(trained, source)}
    record.stage_done(f"features and heads{of_whom}", sum(item.checked.n_frames for item in embedded), **facts)
    timelines = make_timelines(config, embedded, stage_two, Choices(final=trained.choices()))
    return _ByOneRun(embedded, timelines, source)


def _require_any(outcome: Outcome, found: _ByOneRun) -> None:
    """Write down what failed; raise where nothing is left."""
    run = outcome.run
    if found.embedded or len(outcome.failures) > 1:
        FAILURES.write(run, (all_told(failure._asdict(), run.seen_from) for failure in outcome.failures))
    if found.embedded:
        return
    first, *others = outcome.failures
    if not others:
        raise InputError(first.reason)
    raise InputError(
        f"None of {len(outcome.failures)} recordings could be predicted. The first, {first.recording}: "
        f"{first.reason} The others are in {FAILURES.path(outcome.run)}."
    )


def _as_scored(timeline: Timeline) -> Timeline:
    """Labels that are not scored against do not tell right from wrong."""
    return timeline if scorable([timeline]) else replace(timeline, true=None, scored=None)


def _config_of_predictions(config: ExperimentConfig, trained_name: str, options: PredictOptions) -> ExperimentConfig:
    """The run's settings, for other recordings."""
    changes: dict[str, Any] = {
        "name": options.output.name,
        "description": f"New videos, predicted by the heads of {trained_name}",
        # Embeddings computed elsewhere are found beside the table of recordings.
        "recordings": str(options.table or Path("recordings.csv")),
        "protocol": "nested",
    }
    # Workers of the run may be none any more.
    here = config.execution.model_copy(update={"backend": "local", "scheduler": "", "slurm": None})
    changes["execution"] = options.execution or here
    if options.frames is not None:
        changes["frames"] = options.frames
    elif config.frames != "strict" and config.frames.policy == "shift":
        # By how much the files of the training were off says nothing about new ones.
        changes["frames"] = "strict"
    return config.model_copy(update=changes)


def _begin_provenance(trained: TrainedRun | TrainedEnsemble, run: RunDir) -> dict[str, Any]:
    (one, *others) = trained.runs().values()
    first = next(iter(one.metadata.values()))
    return begin_evaluation() | {
        "kind": PREDICTION,
        "seed": trained.config.seed,
        **({} if others else {"features": list(one.recipe["features"])}),
        **trained.facts(),
        "trained_run": {
            "path": path_from(run.path, trained.path),
            "name": trained.name,
            "finished": RunDir(trained.path).read_provenance().get("finished"),
            "rearview_version": first.get("rearview_version"),
            "packages": first.get("packages", {}),
            "scores": measured_scores(trained.path),
        },
    }


def _load_all(
    config: ExperimentConfig, recordings: Sequence[Recording], learned_from: LearnedFrom, outcome: Outcome
) -> list[CheckedRecording]:
    """Read every recording's files; those that are wrong are put down as failures."""
    checked = []
    with progress_bars() as bars:
        inspect_ahead(recordings, ReadingSettings.of(config), bars.add(""))
    for number, recording in enumerate(recordings, start=1):
        log.debug("Checking %s (%d of %d)", recording.id, number, len(recordings))
        found = _attempt(recording, outcome, partial(_load, config, recording, recordings, outcome))
        for item in found or ():
            # What was learned from is predicted, but never compared with its labels.
            is_test = recording.split == "test" and not learned_from.knows(item)
            notes = (*learned_from.notes(item), *item.notes)
            known = replace(item, recording=replace(recording, split="test" if is_test else ""), notes=notes)
            checked.append(replace(known, labels=None, annotators={}) if learned_from.knows(item) else known)
    groups = split_groups([item.recording for item in checked], {item.id: item.known_by for item in checked})
    return [replace(item, split_group=groups[item.id]) for item in checked]


def _load(
    config: ExperimentConfig, recording: Recording, beside: Sequence[Recording], outcome: Outcome
) -> list[CheckedRecording]:
    """Read one recording's files; labels that are wrong cost it its labels only."""
    try:
        return load_recordings(config, [recording], are_behaviors_known=True, beside=beside)
    except InputError as error:
        if not recording.annotation_paths:
            raise
        alone = replace(recording, annotation_paths={}, annotation_choices={}, split="")
        found = load_recordings(config, [alone], beside=beside)
        note = f"{recording.id} is predicted without its labels, which cannot be used: {error}"
        log.warning("%s", note)
        outcome.notes.append(note)
        return found


def _embed_and_predict(
    embedder: Embedder,
    heads: Sequence[_HeadsOf],
    checked: Sequence[CheckedRecording],
    stage_two: StageTwo,
    outcome: Outcome,
) -> None:
    together = {items[0].id: items for items in by_video(checked) if len(items) > 1}
    with progress_bars() as bars:
        videos = bars.add("Predicting videos", total=len(checked))
        frames = bars.add("")
        for number, item in enumerate(checked):
            videos.update(number, len(checked), f"Predicting {item.id}")
            if item.id in together:
                # Decoded once for all its animals. What is wrong with one of them is said when its turn comes.
                with suppress(InputError, OSError):
                    embedder.embed(together[item.id], frames)
            done = _attempt(item.recording, outcome, partial(_predict, embedder, heads, item, frames))
            if done is not None:
                embedded, stage_two.probabilities[HEAD][item.id], members = done
                for member, found in members.items():
                    stage_two.members.setdefault(member, {})[item.id] = found
                outcome.embedded.append(embedded)
        videos.update(len(checked))


def _predict(
    embedder: Embedder, heads: Sequence[_HeadsOf], item: CheckedRecording, bar: Bar
) -> tuple[EmbeddedRecording, _Probabilities, dict[int, _Probabilities]]:
    """What the heads say, and by number what each of several members does; the latter is empty of single heads."""
    (embedded,) = embedder.embed([item], bar)
    embeddings = embedded.source.load()
    found: _Probabilities = {}
    members: dict[int, _Probabilities] = {}
    for several, outputs in heads:
        for number, head in enumerate(several, start=1):
            predicted = head.task.by_output(head.predict(embeddings)).T
            for behavior, own in zip(outputs, predicted, strict=True):
                if len(several) > 1:
                    members.setdefault(number, {})[behavior] = own
                found[behavior] = with_member(found.get(behavior), own, number)
    return embedded, found, members


def _attempt(recording: Recording, outcome: Outcome, work: Callable[[], _Done]) -> _Done | None:
    """Do something for one recording; a failure is put down, and the next recording's turn comes."""
    try:
        return work()
    except InputError as error:
        reason = str(error)
    except OSError as error:
        reason = f"{error.strerror or error} ({error.filename or recording.video_path})"
    except Exception as error:  # A night's other videos must not be lost to a bug of ours.
        log.debug("Where it happened:", exc_info=True)
        reason = f"unexpected {type(error).__name__}: {error}. This is a fault of Rearview; log.txt says where."
        log.error("%s: unexpected %s", recording.id, type(error).__name__, exc_info=True)
    log.warning("%s is left out: %s", recording.id, reason)
    outcome.failures.append(Failure(recording.id, str(recording.video_path), reason))
    return None
