"""How each recording's probabilities become behavior: fixed, or chosen where nothing of it was seen.

For a cross-validated recording, calibration and post-processing are chosen from the other training
recordings, by heads that saw neither those nor the recording itself (`fit_plan`, inner fits). For test
and new recordings they are chosen from all training recordings, by the heads of their folds.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pipeline.config.schema import ExperimentConfig
from pipeline.dataset.load import CROSS_VALIDATION
from pipeline.runtime.progress import progress_bars
from pipeline.scoring.postprocessing.calibration import Calibration, NoCalibration, fit_calibration
from pipeline.scoring.postprocessing.decisions import EXCLUSIVE
from pipeline.scoring.postprocessing.postprocess import PostprocessConfig
from pipeline.scoring.postprocessing.tuning import TuningResult, tune_postprocess
from pipeline.scoring.postprocessing.tuning_classes import tune_classes
from pipeline.scoring.timeline import CLOSED, FULL, RAW, Timeline, Variants, expand_to_all_frames
from pipeline.training.cross_validation import StageTwo
from pipeline.training.embed import EmbeddedRecording
from pipeline.training.plan import FINAL, HEAD, head_outputs

log = logging.getLogger(__name__)

# Probabilities of one recording by behavior, shape (n_analysed,) each.
Predicted = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Choice:
    """How one behavior's probabilities are read in one recording (or in all that took no part).

    Attributes
    ----------
    variants : mapping of str to PostprocessConfig
        `raw`, `closed` and `full`, see `pipeline.scoring.timeline`.
    calibration : Calibration or None
        Applied before anything else; None = the head's own probabilities.
    tuning : TuningResult or None
        How `full` was chosen; None where it was fixed.
    chosen_on : tuple of str
        Recordings from which it was chosen.
    """

    variants: Variants
    calibration: Calibration | None = None
    tuning: TuningResult | None = None
    chosen_on: tuple[str, ...] = ()


@dataclass
class Choices:
    """All choices of a run, by behavior and recording; recordings that took no part share `final`."""

    by_recording: dict[tuple[str, str], Choice] = field(default_factory=dict)
    final: dict[str, Choice] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def uncalibrated(self) -> dict[str, dict[str, str]]:
        """For each behavior the recordings (or `final`) for which no calibration could be fitted, and why."""
        chosen = [*self.by_recording.items(), *(((behavior, FINAL), choice) for behavior, choice in self.final.items())]
        found: dict[str, dict[str, str]] = {}
        for (behavior, name), choice in chosen:
            if isinstance(choice.calibration, NoCalibration):
                found.setdefault(behavior, {})[name] = choice.calibration.reason
        return found

    def of(self, behavior: str, recording: str) -> Choice:
        """The choice for one behavior in one recording."""
        return self.by_recording.get((behavior, recording), self.final[behavior])


def fixed_variants(config: PostprocessConfig) -> Variants:
    """The threshold alone, threshold and closing, and all steps of fixed settings."""
    bare = PostprocessConfig(threshold=config.threshold, max_gap_s=0.0, min_bout_s=0.0)
    return {RAW: bare, CLOSED: bare.model_copy(update={"max_gap_s": config.max_gap_s}), FULL: config}


def tuned_variants(chosen: PostprocessConfig, reference_max_gap_s: float) -> Variants:
    """Beside tuned settings, what no tuning would have given: threshold .5, and the thesis' closing."""
    bare = PostprocessConfig(threshold=0.5, max_gap_s=0.0, min_bout_s=0.0)
    return {RAW: bare, CLOSED: bare.model_copy(update={"max_gap_s": reference_max_gap_s}), FULL: chosen}


def make_choices(config: ExperimentConfig, recordings: Sequence[EmbeddedRecording], stage_two: StageTwo) -> Choices:
    """Choose calibration and post-processing for every behavior and recording of a run."""
    choices = Choices()
    behaviors = config.behavior_names()
    if not config.chooses_settings():
        assert isinstance(config.postprocess, PostprocessConfig)
        choices.final = {b: Choice(fixed_variants(config.postprocess)) for b in behaviors}
        return choices
    train = [r for r in recordings if r.checked.subset == CROSS_VALIDATION]
    heads = head_outputs(config)
    with progress_bars() as bars:
        bar = bars.add("Choosing post-processing", total=len(heads) * (len(train) + 1))
        n_done = 0
        for head, outputs in heads.items():
            crossed = {r.id: stage_two.probabilities[HEAD][r.id] for r in train}
            for name in (None, *crossed):
                found = crossed if name is None else stage_two.inner_of(outputs, name)
                choice = choose(
                    config, outputs, [_unprocessed(r, found[r.id], outputs) for r in train if r.id in found]
                )
                for behavior in outputs:
                    if name is None:
                        choices.final[behavior] = choice
                    else:
                        choices.by_recording[behavior, name] = choice
                if choice.tuning is not None and choice.tuning.reason:
                    choices.notes.append(f"{head}, {name or FINAL}: {choice.tuning.reason}")
                n_done += 1
                bar.update(n_done)
    return choices


def choose(config: ExperimentConfig, outputs: Sequence[str], timelines: Sequence[Timeline]) -> Choice:
    """Choose for the behaviors of one head (`outputs`) from labelled recordings, before any post-processing."""
    chosen_on = tuple(timeline.recording for timeline in timelines)
    if config.task.name == EXCLUSIVE:
        return _tuned(config, tune_classes(timelines, config.tuning), None, chosen_on)
    lines = [timeline.behavior(timeline.behaviors.index(outputs[0])) for timeline in timelines]
    calibration = fit_calibration(config.calibration, lines)
    if calibration is not None:
        lines = [line._replace(probability=calibration.apply(line.probability)) for line in lines]
    if isinstance(config.postprocess, PostprocessConfig):
        return Choice(fixed_variants(config.postprocess), calibration, None, chosen_on)
    return _tuned(config, tune_postprocess(lines, config.tuning), calibration, chosen_on)


def _tuned(
    config: ExperimentConfig, result: TuningResult, calibration: Calibration | None, chosen_on: tuple[str, ...]
) -> Choice:
    return Choice(tuned_variants(result.config, config.tuning.reference_max_gap_s), calibration, result, chosen_on)


def _unprocessed(recording: EmbeddedRecording, probability: Predicted, behaviors: Sequence[str]) -> Timeline:
    """A recording that a head predicted, its behaviors alone, before any post-processing is chosen."""
    item = recording.checked
    assert item.labels is not None
    values = [expand_to_all_frames(probability[b], recording.frames, item.n_frames) for b in behaviors]
    columns = [item.labels.behaviors.index(b) for b in behaviors]
    labels = item.labels.active[:, columns], item.labels.scored[:, columns]
    return Timeline(item.id, item.fps, tuple(behaviors), np.stack(values, axis=1), {}, *labels)


def choice_rows(choices: Choices, behaviors: Sequence[str], recordings: Sequence[str]) -> list[dict[str, object]]:
    """Rows of postprocess.csv: every step of every variant, for every behavior and recording, and `final`.

    Where a recording is called `final`, the cell of the final settings stays empty.
    The objective's values (of the chosen settings, of none, of closing alone) are those on the recordings
    from which they were chosen; they are empty where settings were fixed.
    """
    rows: list[dict[str, object]] = []
    for behavior in behaviors:
        named = {"" if FINAL in recordings else FINAL: choices.final[behavior]}
        named |= {recording: choices.of(behavior, recording) for recording in recordings}
        for name, choice in named.items():
            for variant, settings in choice.variants.items():
                tuning = choice.tuning if variant == FULL else None
                rows.append(
                    {"behavior": behavior, "recording": name, "postprocessed": variant}
                    | settings.model_dump()
                    | {
                        "order": " > ".join(settings.order),
                        "objective": tuning.objective if tuning else None,
                        "value": tuning.chosen.value if tuning else None,
                        "value_none": tuning.none.value if tuning else None,
                        "value_closed": tuning.closed.value if tuning else None,
                        "n_candidates": tuning.n_candidates if tuning else None,
                        "chosen_on": "; ".join(choice.chosen_on),
                    }
                )
    return rows
