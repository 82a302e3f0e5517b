"""An ensemble as something to use: its members' heads and recipes, their weights, and how their mean is read."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from common.yaml_text import dump_yaml
from pipeline.config.schema import ExperimentConfig, dump_config
from pipeline.config.yaml_tree import parse_yaml
from pipeline.prediction.trained_run import TrainedRun, open_trained_run
from pipeline.run_folder.reading import section
from pipeline.run_folder.run_dir import ENSEMBLE, RunDir
from pipeline.scoring.ensembles import mean_timeline
from pipeline.scoring.postprocessing.postprocess import PostprocessConfig
from pipeline.scoring.timeline import Timeline
from pipeline.training.chosen_settings import Choice, fixed_variants, tuned_variants
from pipeline.training.timelines import RunTimelines


@dataclass(frozen=True)
class TrainedEnsemble:
    """What is needed of an ensemble to predict new videos.

    `settings` are those of its own config.yaml, `about` what its provenance says of the members; `members` by name, as
    they were copied into its folder; `weights` by behavior, shape (n_members,); `chosen` is how the mean of each
    behavior is post-processed.
    """

    path: Path
    settings: Mapping[str, Any]
    members: Mapping[str, TrainedRun]
    about: Mapping[str, Any]
    weights: Mapping[str, NDArray[np.float64]]
    chosen: Mapping[str, Choice]

    @cached_property
    def config(self) -> ExperimentConfig:
        """Settings that all members have in common, as those of the first."""
        first = next(iter(self.members.values()))
        return first.config.model_copy(update={"name": str(self.settings["name"]), "calibration": "none"})

    @property
    def name(self) -> str:
        """The ensemble's name."""
        return self.config.name

    @property
    def head_name(self) -> str:
        """What tables call it."""
        return ENSEMBLE

    def runs(self) -> dict[str, TrainedRun]:
        """The runs by whose recipes and heads new videos are predicted, by name."""
        return dict(self.members)

    def joined(self, found: Sequence[RunTimelines]) -> RunTimelines:
        """What the members say together, of recordings that all of them could predict."""
        by_member = [{timeline.recording: timeline for timeline in one.head} for one in found]
        shared = [name for name in by_member[0] if all(name in of for of in by_member)]
        means = [self.mean_of([of[name] for of in by_member]) for name in shared]
        members = {
            name: [of[recording] for recording in shared] for name, of in zip(self.members, by_member, strict=True)
        }
        weights = {
            (name, behavior): float(share)
            for behavior, shares in self.weights.items()
            for name, share in zip(self.members, shares, strict=True)
        }
        return RunTimelines(means, [], [], {}, [], members, weights)

    def dump_settings(self, config: ExperimentConfig, seen_from: Sequence[Path]) -> str:
        """config.yaml of predictions by it: its own, for other recordings."""
        changed = parse_yaml(dump_config(config, seen_from))
        own = {key: changed[key] for key in ("name", "description", "recordings", "frames")}
        return dump_yaml({**self.settings, **own})

    def facts(self) -> dict[str, Any]:
        """What provenance.json of predictions says of its members."""
        return {ENSEMBLE: dict(self.about)}

    def choices(self) -> dict[str, Choice]:
        """Post-processing of each behavior."""
        return dict(self.chosen)

    def version_notes(self) -> Iterator[str]:
        """Yield what differs between the packages of the training and of now."""
        yield from dict.fromkeys(note for member in self.members.values() for note in member.version_notes())

    def mean_of(self, members: Sequence[Timeline]) -> Timeline:
        """One recording as the members, in their order, have it together."""
        behaviors = members[0].behaviors
        weights = np.stack([self.weights[behavior] for behavior in behaviors], axis=1)
        return mean_timeline(members, weights, tuple(self.chosen[behavior].variants for behavior in behaviors))


def open_trained(path: Path) -> TrainedRun | TrainedEnsemble:
    """Open a finished run or ensemble, to predict by it; raises as `open_trained_run`."""
    return open_ensemble(path) if RunDir(path).is_ensemble() else open_trained_run(path)


def open_ensemble(path: Path) -> TrainedEnsemble:
    """Read an ensemble and the heads that were copied into its folder.

    Raises
    ------
    InputError
        If it is not finished, or a file of it is missing or damaged.
    """
    run = RunDir(path)
    run.require_finished()
    for file in (run.config_path, run.provenance_path):
        run.manifest.require(file)
    facts = section(run.read_provenance(), ENSEMBLE)
    try:
        given = {str(one["name"]): one for one in facts["members"]}
        members = {name: open_trained_run(run.member_path(name)) for name in given}
        first = next(iter(members.values())).config
        behaviors = first.behavior_names()
        weights = {b: np.array([float(one["weights"][b]) for one in given.values()]) for b in behaviors}
        chosen = {b: _choice(first, facts["postprocess"][b]) for b in behaviors}
    except (KeyError, TypeError, ValueError, StopIteration) as error:
        raise InputError(
            f"{run.provenance_path} does not say what the ensemble consists of ({error}). Make it again with "
            "--overwrite."
        ) from None
    settings = parse_yaml(run.config_path.read_text(encoding="utf-8"))
    return TrainedEnsemble(path, settings, members, facts, weights, chosen)


def _choice(config: ExperimentConfig, given: Mapping[str, Any]) -> Choice:
    settings = PostprocessConfig.model_validate(given)
    if config.postprocess == "tune":
        return Choice(tuned_variants(settings, config.tuning.reference_max_gap_s))
    return Choice(fixed_variants(settings))
