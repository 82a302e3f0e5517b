"""The results of a run: every table that comes of its timelines, in the order in which they build on each other."""

import logging
import shutil
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from common.suggestions import listing
from common.tables import Row
from features.centers import gap_frames
from features.kinematics.distances import CENTERS, PairDistances, pair_distances
from features.places import known_boxes
from models.bundle import update_metadata
from pipeline.config.schema import ExperimentConfig
from pipeline.dataset.annotators import CONSENSUS_RULES, UNNAMED
from pipeline.dataset.load import CROSS_VALIDATION, PREDICT, CheckedRecording
from pipeline.run_folder.contents import (
    AGREEMENT,
    ALL_BOUTS,
    BASELINE_SCORES,
    BOUT_SCORES,
    CALIBRATION,
    CHOICES,
    CLASS_SCORES,
    CONFUSION,
    ENSEMBLE_SCORES,
    GROUPS,
    IMPORTANCE,
    INTERVALS,
    PROTOCOL,
    PROTOCOL_SCORES,
    PROXIMITY_PAIRS,
    PROXIMITY_STATISTICS,
    RANDOM_FRAME_SCORES,
    RECORDING_STATISTICS,
    RESULT_FOLDERS,
    RESULT_TABLES,
    SCORES,
    STATISTICS_AGREEMENT,
    STATISTICS_BINS,
    SUMMARY,
    TRAINING,
)
from pipeline.run_folder.frame_tables import (
    baseline_folder,
    bouts_of,
    write_centers,
    write_distances,
    write_labels,
    write_predictions,
    write_probabilities,
    write_spread,
)
from pipeline.run_folder.recordings import RecordingRow, recording_row, write_recordings
from pipeline.run_folder.run_dir import PROTOCOL_PREDICTIONS, UNCALIBRATED_PREDICTIONS, RunDir
from pipeline.run_folder.summary import summary_rows
from pipeline.scoring.agreement import agreement_rows
from pipeline.scoring.bouts.scores import bout_rows
from pipeline.scoring.classes import class_score_rows, confusion_rows
from pipeline.scoring.ensembles import ensemble_rows
from pipeline.scoring.postprocessing.decisions import EXCLUSIVE
from pipeline.scoring.proximity import Apart, proximity_rows
from pipeline.scoring.score_tables import calibration_rows, interval_rows, optimism_words, protocol_rows
from pipeline.scoring.scores import score_rows
from pipeline.scoring.statistics.ethology_tables import statistics_agreement_rows, statistics_bin_rows, statistics_rows
from pipeline.scoring.statistics.groups import group_rows, recording_values
from pipeline.scoring.timeline import FULL, RAW, Timeline, Track
from pipeline.training.chosen_settings import Choices, choice_rows
from pipeline.training.plan import BOOSTING, head_outputs
from pipeline.training.timelines import RunTimelines, scorable

log = logging.getLogger(__name__)

RANDOM_FRAMES_WORDS = "frames at random (leaks)"


def write_results(
    config: ExperimentConfig,
    run: RunDir,
    checked: Sequence[CheckedRecording],
    timelines: RunTimelines,
    choices: Choices,
    history: Sequence[Mapping[str, Any]],
    importance: Sequence[Row] = (),
    rows: Sequence[RecordingRow] = (),
    head_name: str = "",
) -> list[str]:
    """Write all tables of a run, scores last, so that a folder with scores has all that they came from.

    Parameters
    ----------
    config : ExperimentConfig
    run : RunDir
    checked : sequence of CheckedRecording
    timelines : RunTimelines
        Of these recordings, in their order.
    choices : Choices
    history : sequence of dict
        Rows of training.csv.
    importance : sequence of dict
        Rows of importance.csv.
    rows : sequence of RecordingRow
        Those of recordings.csv, where they were read from another run.
    head_name : str
        What tables call what is scored; the configured head's name unless given.

    Returns
    -------
    list of str
        Notes for the report: what could not be chosen or computed.
    """
    behaviors = config.behavior_names()
    rows, head_name = rows or [*map(recording_row, checked)], head_name or config.head.name
    clear_results(run)
    write_recordings(run, rows)
    TRAINING.write(run, history)
    CHOICES.write(run, choice_rows(choices, behaviors, [item.id for item in checked]))
    for item in checked:
        _write_inputs(config, run, item)
    uncalibrated = timelines.uncalibrated if config.calibration != "none" else []
    _write_frames(run, timelines, uncalibrated)
    write_all_bouts(run, rows, timelines.head)
    _complete_bundles(config, run, choices)
    statistics = write_statistics(run, timelines.head)
    _write_groups(run, statistics, checked)
    SUMMARY.write(run, summary_rows(checked, rows, statistics, timelines.head))
    _write_agreement(config, run, checked, timelines.head)
    _write_proximity(config, run, checked, timelines.head)
    _write_baselines(run, timelines, behaviors)
    if importance:
        IMPORTANCE.write(run, importance)
    if config.task.name == EXCLUSIVE:
        _write_classes(run, timelines, head_name)
    _write_protocols(run, timelines, behaviors)
    if timelines.members and scorable(timelines.head):
        ENSEMBLE_SCORES.write(run, ensemble_rows(scorable(timelines.head), timelines.members, timelines.weights))
    write_scores(run, scorable(timelines.head), behaviors, scorable(uncalibrated))
    return [*choices.notes, *_notes_on_calibration(choices), *_notes_on_ties(config, checked)]


def _write_frames(run: RunDir, timelines: RunTimelines, uncalibrated: Sequence[Timeline]) -> None:
    """Write what heads and baselines say of every frame."""
    for timeline in timelines.head:
        if timeline.is_predicted:
            write_predictions(run, timeline)
        if timeline.spread is not None:
            write_spread(run.spread_path(timeline.recording), timeline)
    for folder, others in (
        (UNCALIBRATED_PREDICTIONS, uncalibrated),
        *((baseline_folder(name), found) for name, found in timelines.baselines.items()),
        (PROTOCOL_PREDICTIONS, timelines.thesis),
    ):
        for timeline in others:
            write_probabilities(run.predictions_path(timeline.recording, folder), timeline)


def write_all_bouts(run: RunDir, rows: Sequence[RecordingRow], timelines: Sequence[Timeline]) -> None:
    """Write the bouts of all recordings as one table."""
    names = ("recording", "individual", "group", "animal")
    whose = {row.recording: {name: getattr(row, name) for name in names} for row in rows}
    predicted = (timeline for timeline in timelines if timeline.is_predicted)
    ALL_BOUTS.write(run, (whose[each.recording] | bout for each in predicted for bout in bouts_of(each)))


def _write_classes(run: RunDir, timelines: RunTimelines, head_name: str) -> None:
    """Compare exclusive classes, by the head, by baselines, and by what leaks."""
    scored = scorable(timelines.head)
    rows = class_score_rows(scored, head_name)
    for name, found in timelines.baselines.items():
        rows += class_score_rows(scorable(found), name, (RAW,))
    rows += class_score_rows(scorable(timelines.random_frames), f"{BOOSTING}, {RANDOM_FRAMES_WORDS}", (RAW,))
    write_class_scores(run, rows, scored)


def clear_results(run: RunDir) -> None:
    """Remove the results of an attempt that was interrupted: of other settings perhaps, or of other recordings."""
    for table in RESULT_TABLES:
        table.path(run).unlink(missing_ok=True)
    for folder in RESULT_FOLDERS:
        shutil.rmtree(run.path / folder, ignore_errors=True)


def write_statistics(run: RunDir, timelines: Sequence[Timeline]) -> list[Row]:
    """Write what biologists publish of every recording; returns the rows of statistics.csv."""
    rows = statistics_rows(timelines)
    RECORDING_STATISTICS.write(run, rows)
    STATISTICS_BINS.write(run, statistics_bin_rows(timelines))
    STATISTICS_AGREEMENT.write(run, statistics_agreement_rows(timelines))
    return rows


def write_scores(
    run: RunDir, scored: Sequence[Timeline], behaviors: Sequence[str], uncalibrated: Sequence[Timeline] = ()
) -> None:
    """Write every table that compares predictions with labels; scores.csv last.

    Parameters
    ----------
    run : RunDir
    scored : sequence of Timeline
        Labelled and predicted.
    behaviors : sequence of str
        Names of their columns.
    uncalibrated : sequence of Timeline
        The same with the probabilities before calibration; empty where there was none.
    """
    BOUT_SCORES.write(run, bout_rows(scored, behaviors))
    INTERVALS.write(run, interval_rows(scored, behaviors))
    CALIBRATION.write(run, calibration_rows(scored, behaviors, uncalibrated))
    SCORES.write(run, score_rows(scored, behaviors))


def _write_inputs(config: ExperimentConfig, run: RunDir, item: CheckedRecording) -> None:
    """Write what was read of a recording: where the animal was, and what humans saw."""
    if item.centers is not None:
        own = item.animals.tracks.get(item.animals.own) if item.animals is not None else None
        # Boxes of keypoints are narrow: of use only where crops are cut around them.
        is_known = own is not None and (own.box_px is not None or config.crop.around != "center")
        center, boxes = config.center, None
        if own is not None and is_known:
            boxes = known_boxes(own, center.min_likelihood, gap_frames(center.max_gap_s, item.fps))
        write_centers(run.centers_path(item.id), item.centers, boxes)
    if item.labels is not None:
        write_labels(run.labels_path(item.id), item.labels)
    if len(item.annotators) > 1:
        for annotator, labels in item.annotators.items():
            write_labels(run.annotator_labels_path(annotator or UNNAMED, item.id), labels)


def _complete_bundles(config: ExperimentConfig, run: RunDir, choices: Choices) -> None:
    """A head is used on new videos with the settings that were chosen on all training recordings."""
    for head, outputs in head_outputs(config).items():
        choice = choices.final[outputs[0]]
        chosen = {
            "postprocess": choice.variants[FULL].model_dump(mode="json"),
            "calibration": choice.calibration.to_json() if choice.calibration else None,
        }
        for folder in run.bundle_paths(head, config.ensemble.members):
            if folder.is_dir():
                update_metadata(folder, chosen)


def _write_groups(run: RunDir, statistics: Sequence[Row], checked: Sequence[CheckedRecording]) -> None:
    """Compare the lab's groups, where its table names at least two."""
    # Animals that were filmed together are no independent ones.
    individuals = {item.id: item.split_group or item.recording.individual for item in checked}
    groups = {item.id: item.recording.group for item in checked}
    if len({*groups.values()} - {""}) > 1:
        GROUPS.write(run, group_rows(recording_values(statistics, individuals, groups)))


def _write_agreement(
    config: ExperimentConfig, run: RunDir, checked: Sequence[CheckedRecording], timelines: Sequence[Timeline]
) -> None:
    """Compare annotators with each other and with the model, where recordings have several."""
    annotated = [
        (timeline, {name or UNNAMED: Track(of.active, of.scored) for name, of in item.annotators.items()})
        for item, timeline in zip(checked, timelines, strict=True)
        if len(item.annotators) > 1
    ]
    if annotated:
        AGREEMENT.write(run, agreement_rows(annotated, config.annotations in CONSENSUS_RULES))


def _write_proximity(
    config: ExperimentConfig, run: RunDir, checked: Sequence[CheckedRecording], timelines: Sequence[Timeline]
) -> None:
    """Measure how far two animals are apart, where recordings are of two, and what that says of their behavior."""
    settings = config.feature_source().axis_settings(config.center)
    pairs, apart = [], []
    for item, timeline in zip(checked, timelines, strict=True):
        found = item.animals and pair_distances(item.animals, config.center, settings, item.fps)
        if not found:
            continue
        write_distances(run.proximity_path(item.id), found)
        pairs.append(_pair_row(item, found))
        if timeline.has_labels and timeline.subset != PREDICT:
            apart.append(Apart(timeline, found.px, found.body_lengths, item.split_group))
    if pairs:
        PROXIMITY_PAIRS.write(run, pairs)
    if apart:
        PROXIMITY_STATISTICS.write(run, proximity_rows(apart))


def _pair_row(item: CheckedRecording, found: PairDistances) -> Row:
    """Of proximity_pairs.csv: who, and between which keypoints."""
    tail_base, nose = found.axis or ("", "")
    return {
        "recording": item.id,
        "subset": item.subset,
        "own": found.own,
        "other": found.other,
        "is_swappable": found.is_swappable,
        "center": ", ".join(found.center),
        "nose": nose,
        "tail_base": tail_base,
        "body_length_px": found.body_length_px,
        "n_frames": item.n_frames,
        "n_known_centers": int((~np.isnan(found.px[CENTERS])).sum()),
        "resampled_with": item.split_group,
        "reason": found.reason,
    }


def _write_baselines(run: RunDir, timelines: RunTimelines, behaviors: Sequence[str]) -> None:
    """Scores of every baseline, and apart from them those that leak."""
    scored = {name: scorable(found) for name, found in timelines.baselines.items()}
    rows = [{"baseline": name} | row for name, of in scored.items() for row in score_rows(of, behaviors, (RAW,))]
    if rows:
        BASELINE_SCORES.write(run, rows)
    key = {"baseline": BOOSTING, "split": RANDOM_FRAMES_WORDS}
    leaking = [key | row for row in score_rows(scorable(timelines.random_frames), behaviors, (RAW,))]
    if leaking:
        RANDOM_FRAME_SCORES.write(run, leaking)


def write_class_scores(run: RunDir, rows: Sequence[Row], scored: Sequence[Timeline]) -> None:
    """Compare classes with each other, where exactly one is in a frame: their scores, and a confusion matrix."""
    CLASS_SCORES.write(run, rows)
    CONFUSION.write(run, confusion_rows(scored))


def _write_protocols(run: RunDir, timelines: RunTimelines, behaviors: Sequence[str]) -> None:
    """Set the thesis' protocol beside ours, by what their heads give: calibration was fitted for ours only."""
    thesis = scorable(timelines.thesis)
    if not thesis:
        return
    PROTOCOL_SCORES.write(run, score_rows(thesis, behaviors, (RAW,)))
    nested = [timeline for timeline in scorable(timelines.uncalibrated) if timeline.subset == CROSS_VALIDATION]
    rows = protocol_rows(nested, thesis, behaviors)
    PROTOCOL.write(run, rows)
    for row in rows:
        log.info("%s", optimism_words(row))


def _notes_on_calibration(choices: Choices) -> list[str]:
    """Say whose probabilities are as the head gives them, though calibration was asked for."""
    return [
        f"{behavior}: the probabilities of {listing(name for name, why in reasons.items() if why == reason)} are not "
        f"calibrated. In the recordings that a calibration would be fitted on: {reason}."
        for behavior, reasons in choices.uncalibrated().items()
        for reason in dict.fromkeys(reasons.values())
    ]


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
