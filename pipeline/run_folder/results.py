"""From probabilities to the tables of a run folder: predictions, bouts and every score.

Everything is written before scores.csv, so that a folder with scores has all that they came from.
"""

import logging
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from common.tables import Row, write_table
from models.bundle import update_metadata
from pipeline.config.schema import ExperimentConfig
from pipeline.dataset.annotators import CONSENSUS_RULES
from pipeline.dataset.load import CROSS_VALIDATION, PREDICT, CheckedRecording
from pipeline.run_folder import outputs
from pipeline.run_folder.run_dir import RunDir
from pipeline.run_folder.score_files import write_score_tables, write_statistics_tables
from pipeline.run_folder.summary_table import write_summary
from pipeline.scoring.agreement import AnnotatedBehavior, AnnotatorTrack, agreement_rows, write_agreement
from pipeline.scoring.postprocessing.postprocess import postprocess
from pipeline.scoring.score_tables import (
    PROTOCOL_COLUMNS,
    optimism_words,
    protocol_rows,
)
from pipeline.scoring.scores import FULL, RAW, PredictedRecording, score_rows, write_scores
from pipeline.scoring.statistics.ethology_tables import BehaviorTimelines
from pipeline.scoring.statistics.groups import MEASURES, RecordingValue, group_rows, write_groups
from pipeline.scoring.timeline import expand_to_all_frames
from pipeline.training.chosen_settings import CHOICE_COLUMNS, Choices, choice_rows
from pipeline.training.cross_validation import StageTwo
from pipeline.training.embed import EmbeddedRecording
from pipeline.training.plan import BASELINE, HEAD, THESIS

log = logging.getLogger(__name__)

# probabilities of every video frame, by behavior
EveryFrame = dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Results:
    """What the tables were written from.

    Attributes
    ----------
    notes : list of str
        For the report: what could not be chosen or computed.
    scored : list of PredictedRecording
        Recordings with labels and probabilities.
    """

    notes: list[str]
    scored: list[PredictedRecording]


def write_results(
    config: ExperimentConfig,
    run: RunDir,
    recordings: Sequence[EmbeddedRecording],
    stage_two: StageTwo,
    choices: Choices,
) -> Results:
    """Write all tables of a run."""
    _clear_earlier_results(run)
    behaviors = config.behavior_names()
    checked = [r.checked for r in recordings]
    outputs.write_recordings(run, checked)
    write_table(run.training_path, outputs.TRAINING_COLUMNS, stage_two.history)
    rows = choice_rows(choices, behaviors, [r.id for r in recordings])
    write_table(run.choices_path, CHOICE_COLUMNS, rows)
    material = _Material(config, stage_two, choices)
    for recording in recordings:
        _write_recording(config, run, recording, material)
    _complete_bundles(run, choices, behaviors)
    baseline = material.scorable(recordings, BASELINE)
    if baseline:
        write_scores(run.baseline_scores_path, score_rows(baseline, behaviors, variants=(RAW,)))
    scored = material.scorable(recordings, HEAD)
    thesis = material.scorable(recordings, THESIS)
    if thesis:
        # Protocols are compared by what their heads give: calibration was fitted for one of them only.
        as_given = material.scorable(recordings, HEAD, calibrated=False)
        nested = [r for r in as_given if r.subset == CROSS_VALIDATION]
        write_scores(run.protocol_scores_path, score_rows(thesis, behaviors, variants=(RAW,)))
        rows = protocol_rows(nested, thesis, behaviors)
        write_table(run.protocol_path, PROTOCOL_COLUMNS, rows)
        for row in rows:
            log.info("%s", optimism_words(row))
    timelines = [line for r in recordings for line in _behavior_timelines(r, material)]
    statistics = write_statistics_tables(run, timelines)
    _write_groups(run, statistics, checked)
    write_summary(run.summary_path, checked, statistics, {r.id: material.every_frame(r, HEAD) for r in recordings})
    shared = [item for item in checked if len(item.annotators) > 1]
    if shared:
        write_agreement(run.agreement_path, agreement_rows(_annotated_behaviors(shared, timelines, config)))
    uncalibrated = material.scorable(recordings, HEAD, calibrated=False) if config.calibration != "none" else []
    write_score_tables(run, scored, behaviors, uncalibrated)
    return Results([*choices.notes, *_notes_on_ties(config, checked)], scored)


def _clear_earlier_results(run: RunDir) -> None:
    """Remove what an interrupted run with other settings may have left, scores first."""
    for path in (
        run.scores_path, run.baseline_scores_path, run.protocol_scores_path, run.protocol_path, run.groups_path,
        run.agreement_path,
    ):  # fmt: skip
        path.unlink(missing_ok=True)
    for folder in (
        run.uncalibrated_path("").parent, run.protocol_predictions_path("").parent,
        run.baseline_predictions_path("").parent, run.annotators_path, run.centers_path("").parent,
    ):  # fmt: skip
        shutil.rmtree(folder, ignore_errors=True)


def _notes_on_ties(config: ExperimentConfig, checked: Sequence[CheckedRecording]) -> list[str]:
    """Say how many frames no majority could decide: they are in no score, and they are the hard ones."""
    if config.annotations != "majority":
        return []
    n_tied = n_frames = 0
    for item in checked:
        if item.labels is not None and item.disagreement is not None and len(item.annotators) > 1:
            n_tied += int((item.disagreement & ~item.labels.scored).sum())
            n_frames += item.labels.scored.size
    if not n_tied:
        return []
    return [
        f"No majority: annotators were split evenly on {n_tied / n_frames:.1%} of the frames (all behaviors together). "
        "These frames are unknown and in no score, and bouts are cut there, so the scores are kinder than those "
        "against each annotator (agreement.csv). With two annotators choose one of them, `union` or `intersection`."
    ]


@dataclass(frozen=True)
class _Material:
    """Probabilities of every frame, as they are scored."""

    config: ExperimentConfig
    stage_two: StageTwo
    choices: Choices

    def every_frame(self, recording: EmbeddedRecording, kind: str, calibrated: bool = True) -> EveryFrame:
        """Probabilities of one kind of head, calibrated where that was asked for; empty without any."""
        found = self.stage_two.probabilities.get(kind, {}).get(recording.id, {})
        probabilities = {}
        for behavior, analysed in found.items():
            values = expand_to_all_frames(analysed, recording.frames, recording.checked.n_frames)
            calibration = self.choices.of(behavior, recording.id).calibration
            # The baseline and the other protocol are judged by what they give themselves.
            is_calibrated = calibrated and kind == HEAD and calibration is not None
            probabilities[behavior] = calibration.apply(values) if is_calibrated and calibration else values
        return probabilities

    def scorable(
        self, recordings: Sequence[EmbeddedRecording], kind: str, calibrated: bool = True
    ) -> list[PredictedRecording]:
        """Recordings that have both labels and probabilities from heads that never saw them."""
        found = []
        for recording in recordings:
            item = recording.checked
            predicted = self.every_frame(recording, kind, calibrated)
            if item.labels is None or item.subset == PREDICT or not predicted:
                continue
            behaviors = self.config.behavior_names()
            found.append(
                PredictedRecording(
                    item.id,
                    item.subset,
                    item.labels.active,
                    item.labels.scored,
                    np.stack([predicted[b] for b in behaviors], axis=1),
                    item.fps,
                    tuple(self.choices.of(b, item.id).variants for b in behaviors),
                    item.recording.individual,
                )
            )
        return found


def _write_recording(config: ExperimentConfig, run: RunDir, recording: EmbeddedRecording, material: _Material) -> None:
    item = recording.checked
    if item.centers is not None:
        outputs.write_centers(run.centers_path(item.id), item.centers)
    if item.labels is not None:
        outputs.write_labels(run.labels_path(item.id), item.labels)
    if len(item.annotators) > 1:
        for annotator, labels in item.annotators.items():
            outputs.write_labels(run.annotator_labels_path(annotator, item.id), labels)
    predicted = material.every_frame(recording, HEAD)
    if predicted:
        settings = {b: material.choices.of(b, item.id).variants[FULL] for b in predicted}
        outputs.write_predictions(run, item.id, item.fps, predicted, settings)
        if config.calibration != "none":
            as_given = material.every_frame(recording, HEAD, calibrated=False)
            outputs.write_probabilities(run.uncalibrated_path(item.id), item.fps, as_given)
    baseline = material.every_frame(recording, BASELINE)
    if baseline:
        outputs.write_probabilities(run.baseline_predictions_path(item.id), item.fps, baseline)
    thesis = material.every_frame(recording, THESIS)
    if thesis:
        outputs.write_probabilities(run.protocol_predictions_path(item.id), item.fps, thesis)


def _behavior_timelines(recording: EmbeddedRecording, material: _Material) -> list[BehaviorTimelines]:
    """What a human and the model say of each behavior in one recording."""
    item = recording.checked
    predicted = material.every_frame(recording, HEAD)
    lines = []
    for column, behavior in enumerate(material.config.behavior_names()):
        probability = predicted.get(behavior)
        settings = material.choices.of(behavior, item.id).variants[FULL]
        lines.append(
            BehaviorTimelines(
                item.id,
                item.subset,
                behavior,
                item.fps,
                None if item.labels is None else item.labels.active[:, column],
                None if item.labels is None else item.labels.scored[:, column],
                None if probability is None else postprocess(probability, settings, item.fps),
                None if probability is None else ~np.isnan(probability),
            )
        )
    return lines


def _write_groups(run: RunDir, statistics: Sequence[Row], checked: Sequence[CheckedRecording]) -> None:
    """Compare the lab's groups, where its table names at least two."""
    recordings = {item.id: item.recording for item in checked}
    if len({r.group for r in recordings.values() if r.group}) < 2:
        return
    values = [
        RecordingValue(
            str(row["recording"]),
            recordings[str(row["recording"])].individual,
            recordings[str(row["recording"])].group,
            str(row["behavior"]),
            str(row["source"]),
            measure,
            cast("float | None", row[measure]),
        )
        for row in statistics
        for measure in MEASURES
    ]
    write_groups(run.groups_path, group_rows(values))


def _annotated_behaviors(
    checked: Sequence[CheckedRecording], timelines: Sequence[BehaviorTimelines], config: ExperimentConfig
) -> Iterator[AnnotatedBehavior]:
    """Yield what all annotators and the model say of each behavior in each recording."""
    has_consensus = config.annotations in CONSENSUS_RULES
    lines = {(line.recording, line.behavior): line for line in timelines}
    for item in checked:
        for column, behavior in enumerate(config.behavior_names()):
            line = lines[item.id, behavior]
            model = None
            if line.predicted is not None and line.has_prediction is not None:
                model = AnnotatorTrack(line.predicted, line.has_prediction)
            assert item.labels is not None
            yield AnnotatedBehavior(
                item.id,
                item.subset,
                behavior,
                item.fps,
                {
                    name or "unnamed": AnnotatorTrack(track.active[:, column], track.scored[:, column])
                    for name, track in item.annotators.items()
                },
                model,
                AnnotatorTrack(item.labels.active[:, column], item.labels.scored[:, column]) if has_consensus else None,
            )


def _complete_bundles(run: RunDir, choices: Choices, behaviors: Sequence[str]) -> None:
    """A head is used on new videos with the settings that were chosen on all training recordings."""
    for behavior in behaviors:
        if run.head_path(behavior).is_dir():
            choice = choices.final[behavior]
            update_metadata(
                run.head_path(behavior),
                {
                    "postprocess": choice.variants[FULL].model_dump(mode="json"),
                    "calibration": choice.calibration.to_json() if choice.calibration else None,
                },
            )
