"""How much each member counts, and how their mean becomes behavior: chosen where no member saw anything.

For a held-out recording everything is chosen from the *inner* predictions of its fold: each member's heads that saw
neither that recording nor the ones they predict. For test and new recordings it is chosen from the cross-validated
predictions of all training recordings.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from common.tables import Row
from pipeline.config.schema import ExperimentConfig
from pipeline.ensemble.members import Member
from pipeline.run_folder.reading import CROSS_VALIDATION
from pipeline.scoring.ensembles import fit_weights, mean_and_spread
from pipeline.scoring.postprocessing.calibration import fit_calibration
from pipeline.scoring.postprocessing.postprocess import PostprocessConfig
from pipeline.scoring.timeline import Timeline, expand_to_all_frames
from pipeline.training.chosen_settings import Choice, Choices, choose, fixed_variants
from pipeline.training.plan import FINAL, head_outputs
from pipeline.training.stored_fits import Predictions

MEAN, FITTED = "mean", "fitted"
WEIGHTS = (MEAN, FITTED)

# Of one recording, each member before post-processing.
_Beside = list[Timeline]


@dataclass
class Weights:
    """Weights of the members, shape (n_members,), by behavior and recording.

    Recordings that took no part share those under `FINAL`. `chosen_on`: from which recordings they were fitted.
    """

    members: tuple[str, ...]
    behaviors: tuple[str, ...]
    by_place: dict[tuple[str, str], NDArray[np.float64]] = field(default_factory=dict)

    def of(self, recording: str) -> NDArray[np.float64]:
        """Of one recording, shape (n_members, n_behaviors)."""
        equal = np.full(len(self.members), 1 / len(self.members))
        columns = [
            self.by_place.get((behavior, recording), self.by_place.get((behavior, FINAL), equal))
            for behavior in self.behaviors
        ]
        return np.stack(columns, axis=1)

    def final(self) -> dict[tuple[str, str], float]:
        """Those for recordings that took no part, by member and behavior."""
        found = self.of(FINAL)
        return {
            (name, behavior): float(found[m, b])
            for m, name in enumerate(self.members)
            for b, behavior in enumerate(self.behaviors)
        }

    def rows(self) -> list[Row]:
        """Rows of ensemble_weights.csv."""
        places = dict.fromkeys(recording for _, recording in self.by_place) or [FINAL]
        return [
            {"behavior": behavior, "recording": recording, "member": name, "weight": float(weight)}
            for b, behavior in enumerate(self.behaviors)
            for recording in places
            for name, weight in zip(self.members, self.of(recording)[:, b], strict=True)
        ]


def require_choosable(members: Sequence[Member], weights: str) -> None:
    """Refuse members that are post-processed differently, and fitted weights where nothing is honest to fit to.

    Raises
    ------
    InputError
        With the reason and what to set.
    """
    first = members[0]
    for member in members[1:]:
        ours, theirs = ((m.config.postprocess, m.config.tuning) for m in (first, member))
        if ours[0] != theirs[0] or (ours[0] == "tune" and ours[1] != theirs[1]):
            raise InputError(
                f"{first.folder.path} and {member.folder.path} are post-processed differently "
                f"({_in_words(first.config)} and {_in_words(member.config)}), so it is unclear how their mean should "
                "be. Set the same `postprocess:` in both, or `postprocess: tune`: it is then chosen again for the mean."
            )
    if weights != FITTED:
        return
    for member in members:
        if not all(folds.inner for folds in member.folds.values()):
            raise InputError(
                f"--weights fitted needs inner predictions, by heads that saw neither a recording nor what the weights "
                f"are used on, and {member.folder.path} has none. They are made with `postprocess: tune` or a "
                "`calibration:`; set one of these in every member, or use --weights mean."
            )


def _in_words(config: ExperimentConfig) -> str:
    fixed = config.postprocess
    if not isinstance(fixed, PostprocessConfig):
        return f"tuned for {config.tuning.objective}, by {config.tuning.inner_folds} inner folds"
    return f"threshold {fixed.threshold:g}, gaps of {fixed.max_gap_s:g} s, bouts from {fixed.min_bout_s:g} s"


def choose_all(members: Sequence[Member], weights: str) -> tuple[Weights, Choices]:
    """Weights and post-processing of every behavior and recording."""
    config = members[0].config
    behaviors = config.behavior_names()
    found, choices = Weights(tuple(m.name for m in members), behaviors), Choices()
    fixed = config.postprocess
    if isinstance(fixed, PostprocessConfig):
        choices.final = {b: Choice(fixed_variants(fixed)) for b in behaviors}
    if isinstance(fixed, PostprocessConfig) and weights == MEAN:
        return found, choices
    # Members are calibrated each by itself; the mean is what it is.
    settings = config.model_copy(update={"calibration": "none"})
    train = [row.recording for row in members[0].run.members(CROSS_VALIDATION)]
    for head, outputs in head_outputs(config).items():
        for held_out in (FINAL, *train):
            beside = _side_by_side(members, head, outputs, held_out)
            if weights == FITTED:
                own = _fitted(beside, len(members))
                found.by_place |= {(behavior, held_out): own for behavior in outputs}
            if isinstance(fixed, PostprocessConfig):
                continue
            shares = found.of(held_out)[:, [behaviors.index(behavior) for behavior in outputs]]
            choice = choose(settings, outputs, [_mean(own, shares) for own in beside])
            for behavior in outputs:
                if held_out == FINAL:
                    choices.final[behavior] = choice
                else:
                    choices.by_recording[behavior, held_out] = choice
            if choice.tuning is not None and choice.tuning.reason:
                choices.notes.append(f"{head}, {held_out}: {choice.tuning.reason}")
    return found, choices


def _side_by_side(members: Sequence[Member], head: str, outputs: Sequence[str], held_out: str) -> list[_Beside]:
    """Recordings from which something may be chosen for one, as each member predicted them without having seen them.

    `FINAL` in place of a recording: for all that took no part in training.
    """
    by_member = []
    for member in members:
        folds = member.folds[head]
        predicted = folds.crossed if held_out == FINAL else folds.inner.get(held_out, {})
        by_member.append(_calibrated(member, head, outputs, predicted))
    train = [row.recording for row in members[0].run.members(CROSS_VALIDATION)]
    shared = [name for name in train if all(name in found for found in by_member)]
    return [[found[name] for found in by_member] for name in shared]


def _calibrated(member: Member, head: str, outputs: Sequence[str], predicted: Predictions) -> dict[str, Timeline]:
    """A member's predictions as it tells them: calibrated on these very recordings, where it calibrates."""
    own_outputs = head_outputs(member.config)[head]
    columns = [own_outputs.index(behavior) for behavior in outputs]
    found = {name: _timeline(member, name, outputs, values[:, columns]) for name, values in predicted.items()}
    if member.config.calibration == "none" or not found:
        return found
    order = [row.recording for row in member.run.members(CROSS_VALIDATION) if row.recording in found]
    calibration = fit_calibration(member.config.calibration, [found[name].behavior(0) for name in order])
    if calibration is None:
        return found
    return {name: replace(t, probability=calibration.apply(t.probability)) for name, t in found.items()}


def _timeline(member: Member, recording: str, outputs: Sequence[str], values: NDArray[np.float32]) -> Timeline:
    """Probabilities of analysed frames, shape (n_analysed, n_outputs), for every frame, with labels."""
    row, labels, step = member.rows[recording], member.labels[recording], member.config.frame_step
    frames = np.arange(0, row.n_frames, step, dtype=np.int64)
    if labels is None or len(values) != len(frames):
        raise InputError(
            f"The stored fits of {member.folder.path} do not fit its recording {recording}: {len(values)} values for "
            f"{len(frames)} analysed frames. Run the experiment again with --overwrite."
        )
    every_frame = [expand_to_all_frames(column, frames, row.n_frames) for column in values.T]
    columns = [labels.behaviors.index(behavior) for behavior in outputs]
    return Timeline(
        recording=recording,
        fps=row.fps,
        behaviors=tuple(outputs),
        probability=np.stack(every_frame, axis=1),
        predicted={},
        true=labels.active[:, columns],
        scored=labels.scored[:, columns],
        individual=row.individual,
        task=member.config.task.name,
        background=member.config.task.background,
    )


def _fitted(beside: Sequence[_Beside], n_members: int) -> NDArray[np.float64]:
    """Weights of one head on the scored frames of these recordings; one set for all of its classes."""
    columns: list[list[NDArray[np.floating]]] = [[] for _ in range(n_members)]
    true: list[NDArray[np.bool_]] = []
    for own in beside:
        assert own[0].true is not None and own[0].scored is not None
        used = own[0].scored & ~np.isnan([t.probability for t in own]).any(axis=0)
        true.append(own[0].true[used])
        for values, timeline in zip(columns, own, strict=True):
            values.append(timeline.probability[used])
    if not true:
        return np.full(n_members, 1 / n_members)
    return fit_weights([np.concatenate(values) for values in columns], np.concatenate(true))


def _mean(own: _Beside, shares: NDArray[np.float64]) -> Timeline:
    """The mean of the members, before any post-processing is chosen."""
    mean, _ = mean_and_spread([timeline.probability for timeline in own], shares)
    return replace(own[0], probability=mean)
