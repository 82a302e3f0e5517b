"""The runs of an ensemble: read, and refused where their mean would be scored unfairly or mean nothing.

A held-out recording may be scored by the mean only if no member saw it. So members must have the same training
recordings, held out in the same company: what one member's fold saw, no other's held out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from common.errors import InputError
from common.files import sha256_of
from common.suggestions import listing
from pipeline.config.schema import ExperimentConfig
from pipeline.dataset.labels import LabelTrack
from pipeline.prediction.trained_run import TrainedRun, open_trained_run
from pipeline.run_folder.frame_tables import read_labels
from pipeline.run_folder.reading import CROSS_VALIDATION, RecordingRow, Run, read_run
from pipeline.run_folder.run_dir import RunDir
from pipeline.training.plan import head_outputs
from pipeline.training.stored_fits import StoredFolds, read_folds


@dataclass(frozen=True)
class Member:
    """A run that takes part.

    `labels` are by recording, None where nobody annotated it; `folds` by head. `sha256` is that of its manifest.
    """

    name: str
    folder: RunDir
    trained: TrainedRun
    run: Run
    labels: Mapping[str, LabelTrack | None]
    folds: Mapping[str, StoredFolds]
    sha256: str

    @property
    def config(self) -> ExperimentConfig:
        """Its settings."""
        return self.trained.config

    @property
    def rows(self) -> dict[str, RecordingRow]:
        """Its recordings by id."""
        return {row.recording: row for row in self.run.recordings}


def read_members(paths: Sequence[Path]) -> list[Member]:
    """Read the runs and check that their mean can be scored.

    Raises
    ------
    InputError
        If there are fewer than two, one is no finished run, is damaged or given twice, or they differ in what must be
        the same.
    """
    if len(paths) < 2:
        raise InputError(
            f"An ensemble needs at least two runs; found {len(paths)}. Give the folders of finished experiments on the "
            "same recordings, for example: ensemble runs/exp1 runs/exp3 --output runs/all."
        )
    for position, path in enumerate(paths):
        if path.resolve() in [other.resolve() for other in paths[:position]]:
            raise InputError(f"The run {path} is given twice. A run counts once; leave out one of the two.")
    members = [_read_member(path) for path in paths]
    for position, member in enumerate(members):
        for other in members[:position]:
            if member.sha256 and member.sha256 == other.sha256:
                raise InputError(
                    f"{other.folder.path} and {member.folder.path} are the same run (one is a copy of the other). A "
                    "run counts once; leave out one of the two."
                )
    first, *others = members
    for other in others:
        _require_alike(first, other)
    return _with_names(members)


def _read_member(path: Path) -> Member:
    folder = RunDir(path)
    if folder.is_ensemble():
        raise InputError(f"{path} is an ensemble itself. Name its members (ensemble.csv lists them) in its place.")
    trained = open_trained_run(path)
    config = trained.config
    if config.protocol == "thesis":
        raise InputError(
            f"{path} followed `protocol: thesis`: early stopping saw the recordings that are held out, so a mean with "
            "it would be scored on what a member has seen. Run it again with protocol: nested."
        )
    run = read_run(path)
    labels = {row.recording: read_labels(folder, row, run.behaviors) for row in run.recordings}
    folds = {name: read_folds(folder.fits_path, name, folder.manifest.require) for name in head_outputs(config)}
    member = Member(path.resolve().name, folder, trained, run, labels, folds, _sha256(folder))
    if config.cross_validation != "none":
        _require_whole_folds(member)
    return member


def _sha256(folder: RunDir) -> str:
    return sha256_of(folder.manifest.path) if folder.manifest.exists else ""


def _require_whole_folds(member: Member) -> None:
    """Who was held out with whom must be known, and whole individuals were."""
    train = {row.recording: row for row in member.run.members(CROSS_VALIDATION)}
    for name, folds in member.folds.items():
        if set(folds.crossed) != set(train):
            raise InputError(
                f"{member.folder.path} does not say which recordings were held out together for {name!r}: its stored "
                "fits (folder fits) are missing or not all there. Copy the whole folder of the run, or run the "
                "experiment again with --overwrite."
            )
        for group in folds.held_out:
            inside = {train[recording].individual.casefold() for recording in group} - {""}
            outside = {row.individual.casefold() for name, row in train.items() if name not in group}
            if inside & outside:
                raise InputError(
                    f"In {member.folder.path} recordings of {listing(sorted(inside & outside))} were on both sides of "
                    "a fold, so heads saw the individual that they are scored on. Run the experiment again."
                )


def _with_names(members: Sequence[Member]) -> list[Member]:
    """Members by their folders' names, which are told apart by numbers."""
    taken: set[str] = set()
    named = []
    for member in members:
        name, number = member.name, 2
        while name.casefold() in taken:
            name, number = f"{member.name}_{number}", number + 1
        taken.add(name.casefold())
        named.append(replace(member, name=name))
    return named


def _require_alike(first: Member, other: Member) -> None:
    reason = (
        _different_task(first, other)
        or _different_recordings(first, other)
        or _different_labels(first, other)
        or _different_folds(first, other)
    )
    if reason:
        raise InputError(
            f"{first.folder.path} and {other.folder.path} can't be members of one ensemble: {reason} Run both "
            "experiments on the same recordings, labels and folds."
        )


def _different_task(first: Member, other: Member) -> str:
    ours, theirs = first.config, other.config
    if ours.task.name != theirs.task.name or ours.task.background != theirs.task.background:
        return (
            f"the task is {ours.task.name} in the one and {theirs.task.name} in the other, or the background differs."
        )
    if set(ours.behavior_names()) != set(theirs.behavior_names()):
        return f"the behaviors are {listing(ours.behavior_names())} and {listing(theirs.behavior_names())}."
    return ""


def _different_recordings(first: Member, other: Member) -> str:
    ours, theirs = first.rows, other.rows
    if only := sorted(ours.keys() ^ theirs.keys()):
        return f"the recordings differ ({listing(only, 5)} in one of them only)."
    for name, row in ours.items():
        same = theirs[name]
        for what, mine, its in (
            ("subset", row.subset, same.subset),
            ("individual", row.individual, same.individual),
            ("number of frames", row.n_frames, same.n_frames),
            ("video", row.video_sha256, same.video_sha256),
        ):
            # Poses stand for the video where features are made of poses alone.
            if mine != its and not (what == "video" and "" in (row.video, same.video)):
                return f"the {what} of {name} is {mine!r} in the one and {its!r} in the other."
        if not np.isclose(row.fps, same.fps):
            return f"{name} has {row.fps:g} frames per second in the one and {same.fps:g} in the other."
    return ""


def _different_labels(first: Member, other: Member) -> str:
    differing = []
    for name, ours in first.labels.items():
        theirs = other.labels[name]
        if ours is None or theirs is None:
            is_same = ours is theirs
        else:
            columns = [theirs.behaviors.index(behavior) for behavior in ours.behaviors]
            is_same = np.array_equal(ours.active, theirs.active[:, columns]) and np.array_equal(
                ours.scored, theirs.scored[:, columns]
            )
        if not is_same:
            differing.append(name)
    return f"the human labels of {listing(differing, 5)} differ." if differing else ""


def _different_folds(first: Member, other: Member) -> str:
    for name, folds in first.folds.items():
        ours, theirs = folds.held_out, other.folds[name].held_out
        if ours != theirs:
            group = max(sorted(map(sorted, ours ^ theirs)), key=len)
            return (
                f"the folds for {name!r} differ: {listing(group, 5)} were held out together in one of them only, so "
                "members saw different recordings. Set the same cross_validation and seed."
            )
    return ""
