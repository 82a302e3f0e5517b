"""From what heads predicted to timelines: every frame, calibrated and post-processed, once per recording."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from models.tasks import Task
from pipeline.config.baselines import baselines_in
from pipeline.config.schema import ExperimentConfig
from pipeline.dataset.load import PREDICT
from pipeline.scoring.ensembles import mean_and_spread
from pipeline.scoring.timeline import FULL, RAW, VARIANTS, Timeline, expand_to_all_frames, postprocess_variants
from pipeline.training.chosen_settings import Choice, Choices
from pipeline.training.cross_validation import StageTwo
from pipeline.training.embed import EmbeddedRecording
from pipeline.training.plan import HEAD, RANDOM_FRAMES, THESIS, baseline_kind


@dataclass(frozen=True)
class RunTimelines:
    """All that a run says of its recordings, in their order.

    Attributes
    ----------
    head : list of Timeline
        Of every recording, calibrated where that was asked for, by all variants of post-processing; those of
        recordings that no head may predict hold labels alone.
    uncalibrated : list of Timeline
        What the same heads give themselves, by the threshold alone; empty where no calibration was asked for.
    thesis : list of Timeline
        By the threshold alone; empty where there is one protocol only.
    baselines : dict of str to list of Timeline
        By the threshold alone, by name.
    random_frames : list of Timeline
        Boosting on frames that were split at random, by the threshold alone; empty without boosting or folds.
    members : dict of str to list of Timeline
        Of an ensemble, each member after all steps, by name; those of recordings that were predicted.
    weights : dict of (str, str) to float
        How much each member counts in recordings that took no part, by member and behavior.
    """

    head: list[Timeline]
    uncalibrated: list[Timeline]
    thesis: list[Timeline]
    baselines: dict[str, list[Timeline]]
    random_frames: list[Timeline]
    members: dict[str, list[Timeline]] = field(default_factory=dict)
    weights: dict[tuple[str, str], float] = field(default_factory=dict)


def scorable(timelines: Sequence[Timeline]) -> list[Timeline]:
    """Those of recordings with both labels and probabilities from heads that never saw them."""
    return [t for t in timelines if t.has_labels and t.is_predicted and t.subset != PREDICT]


def make_timelines(
    config: ExperimentConfig, recordings: Sequence[EmbeddedRecording], stage_two: StageTwo, choices: Choices
) -> RunTimelines:
    """Make the timelines of all kinds of heads."""

    behaviors = config.behavior_names()

    def of(
        found: Mapping[str, Mapping[str, NDArray[np.float32]]],
        variants: Sequence[str] = (RAW,),
        is_calibrated: bool = False,
        with_others: bool = False,
    ) -> list[Timeline]:
        return [
            _timeline(config.task, recording, found.get(recording.id, {}), chosen, variants, is_calibrated)
            for recording in recordings
            if recording.id in found or with_others
            for chosen in [{behavior: choices.of(behavior, recording.id) for behavior in behaviors}]
        ]

    def of_kind(kind: str) -> list[Timeline]:
        return of(stage_two.probabilities.get(kind, {}))

    of_head = stage_two.probabilities.get(HEAD, {})
    head = of(of_head, VARIANTS, is_calibrated=True, with_others=True)
    members = {
        f"member {number}": of(found, (FULL,), is_calibrated=True)
        for number, found in sorted(stage_two.members.items())
    }
    # Baselines and the other protocol are judged by what they give themselves: no calibration was fitted for them.
    return RunTimelines(
        head=_with_spread(head, list(members.values())),
        uncalibrated=of(of_head, with_others=True),
        thesis=of_kind(THESIS),
        baselines={name: of_kind(baseline_kind(name)) for name in baselines_in(config.baseline)},
        random_frames=of_kind(RANDOM_FRAMES),
        members=members,
        weights={(name, behavior): 1 / len(members) for name in members for behavior in behaviors},
    )


def _with_spread(means: Sequence[Timeline], members: Sequence[Sequence[Timeline]]) -> list[Timeline]:
    """The same with how far the members lie apart, where there are any."""
    if not members:
        return list(means)
    by_member = [{timeline.recording: timeline.probability for timeline in found} for found in members]
    spread = {}
    for recording in by_member[0]:
        equal = np.full((len(members), len(means[0].behaviors)), 1 / len(members))
        _, spread[recording] = mean_and_spread([found[recording] for found in by_member], equal)
    return [replace(timeline, spread=spread.get(timeline.recording)) for timeline in means]


def _timeline(
    task: Task,
    recording: EmbeddedRecording,
    analysed: Mapping[str, NDArray[np.float32]],
    chosen: Mapping[str, Choice],
    variants: Sequence[str],
    is_calibrated: bool,
) -> Timeline:
    """One recording by one kind of head; `analysed` has the probabilities of analysed frames, empty without any."""
    item = recording.checked
    probability = np.full((item.n_frames, len(chosen)), np.nan, dtype=np.float32)
    for column, (behavior, choice) in enumerate(chosen.items()):
        if analysed:
            values = expand_to_all_frames(analysed[behavior], recording.frames, item.n_frames)
            calibration = choice.calibration if is_calibrated else None
            probability[:, column] = values if calibration is None else calibration.apply(values)
    settings = tuple(choice.variants for choice in chosen.values())
    return Timeline(
        recording=item.id,
        fps=item.fps,
        behaviors=tuple(chosen),
        probability=probability,
        predicted=postprocess_variants(probability, settings, item.fps, variants, task.name) if analysed else {},
        true=None if item.labels is None else item.labels.active,
        scored=None if item.labels is None else item.labels.scored,
        settings=settings,
        subset=item.subset,
        individual=item.split_group or item.recording.individual,
        task=task.name,
        background=task.background,
    )
