"""An ensemble from its members to its report: the folder of a run whose probabilities are a mean of other runs'."""

import logging
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from common.errors import InputError
from common.files import replacing
from common.places import path_at, path_from
from common.suggestions import listing
from common.yaml_text import dump_yaml
from pipeline.dataset.load import CheckedRecording
from pipeline.dataset.recording import Recording
from pipeline.ensemble.choosing import MEAN, Weights, choose_all, require_choosable
from pipeline.ensemble.members import Member, read_members
from pipeline.films.film_strips import FilmedRecording, make_film_strips
from pipeline.report.html import write_report
from pipeline.run_folder.contents import ENSEMBLE_WEIGHTS
from pipeline.run_folder.frame_tables import read_annotators, read_centers
from pipeline.run_folder.provenance import RunRecord, begin_evaluation
from pipeline.run_folder.reading import CROSS_VALIDATION, TEST
from pipeline.run_folder.results import write_results
from pipeline.run_folder.run_dir import ENSEMBLE, HEADS, RunDir
from pipeline.runtime.logs import log_file
from pipeline.runtime.progress import progress_bars
from pipeline.scoring.ensembles import mean_timeline
from pipeline.scoring.timeline import FULL, Timeline
from pipeline.training.chosen_settings import Choices
from pipeline.training.timelines import RunTimelines, scorable

log = logging.getLogger(__name__)

_SPLITS = {CROSS_VALIDATION: "train", TEST: "test"}
# What config.yaml says of the members, not of their mean.
_OF_MEMBERS = ("schema", "name", "description", "head", "execution", "baseline", "protocol")


def make_ensemble(paths: Sequence[Path], output: Path, weights: str, overwrite: bool = False) -> RunDir:
    """Average finished runs into a folder; nothing is done where it holds the same ensemble already.

    Parameters
    ----------
    paths : sequence of Path
        Folders of the members.
    output : Path
    weights : {"mean", "fitted"}
    overwrite : bool
        Replace what lies there.

    Raises
    ------
    InputError
        If the runs can't be members of one ensemble, or the folder holds something else.
    """
    run = RunDir(output)
    if output.resolve() in [path.resolve() for path in paths]:
        raise InputError(f"{output} is a member itself. Choose another folder for the ensemble with --output.")
    members = read_members(paths)
    require_choosable(members, weights)
    with run.claimed():
        if run.holds_anything():
            if not overwrite and _is_made_already(run, members, weights):
                log.info("%s is finished already, of the same members. Add --overwrite to make it again.", run.path)
                return run
            _require_replaceable(run, overwrite)
            if run.is_finished():
                run.set_aside()
        run.see_from(*(path.parent for path in paths))
        with log_file(run.log_path, run.seen_from):
            _carry_out(run, members, weights)
        run.manifest.write()
        run.drop_set_aside()
    return run


def _is_made_already(run: RunDir, members: Sequence[Member], weights: str) -> bool:
    if not (run.is_ensemble() and run.is_finished()):
        return False
    facts = run.read_provenance().get(ENSEMBLE, {})
    made_of = [(one.get("name"), one.get("manifest_sha256")) for one in facts.get("members", [])]
    return facts.get("weights") == weights and made_of == [(m.name, m.sha256) for m in members]


def _require_replaceable(run: RunDir, overwrite: bool) -> None:
    if not run.is_ensemble():
        raise InputError(f"{run.path} holds something else than an ensemble. Choose another folder with --output.")
    if run.is_finished() and not overwrite:
        raise InputError(
            f"{run.path} already holds an ensemble of other members or weights. Choose another folder with --output, "
            "or add --overwrite to replace it."
        )


def _carry_out(run: RunDir, members: Sequence[Member], kind: str) -> None:
    first = members[0]
    facts = begin_evaluation() | {"kind": ENSEMBLE, "seed": first.config.seed}
    record = RunRecord(run, dump_yaml(_config_tree(run, members, kind)), facts)
    weights, choices = choose_all(members, kind)
    record.stage_done("weights and post-processing")
    timelines, of_members = _timelines(members, weights, choices)
    checked = [_checked(first, name) for name in first.rows]
    rows = [*first.rows.values()]
    config = first.config.model_copy(update={"name": run.path.name, "calibration": "none", "baseline": "none"})
    everything = RunTimelines(timelines, [], [], {}, [], of_members, weights.final())
    notes = write_results(config, run, checked, everything, choices, [], rows=rows, head_name=ENSEMBLE)
    scored = scorable(timelines)
    ENSEMBLE_WEIGHTS.write(run, weights.rows())
    _keep_members(run, members)
    notes += _film_strips(run, members, checked, scored)
    record.stage_done("scores and tables", sum(item.n_frames for item in checked))
    record.finish([*choices.notes, *dict.fromkeys(notes)], ensemble=_facts(run, members, weights, choices, kind))
    write_report(run.path, is_being_written=True)
    record.stage_done("report")


def _config_tree(run: RunDir, members: Sequence[Member], kind: str) -> dict[str, Any]:
    """config.yaml: what all members have in common, and in the head's place who they are."""
    trees: list[Mapping[str, Any]] = [member.run.config for member in members]
    common = {
        key: value
        for key, value in trees[0].items()
        if key not in _OF_MEMBERS and all(tree.get(key) == value for tree in trees)
    }
    names = [member.name for member in members]
    common.setdefault("behaviors", dict(trees[0]["behaviors"]))
    return {
        "name": run.path.name,
        "description": f"The {'mean' if kind == MEAN else 'weighted mean'} probability of {listing(names)}",
        "head": {"name": ENSEMBLE, "members": names, "weights": kind},
        "protocol": "nested",
        **common,
    }


def _timelines(
    members: Sequence[Member], weights: Weights, choices: Choices
) -> tuple[list[Timeline], dict[str, list[Timeline]]]:
    """The mean of every recording, in their order, and each member's own of those."""
    behaviors = weights.behaviors
    means: list[Timeline] = []
    of_members: dict[str, list[Timeline]] = {member.name: [] for member in members}
    for recording in members[0].rows:
        own = [_own_timeline(member, recording, behaviors) for member in members]
        settings = tuple(choices.of(behavior, recording).variants for behavior in behaviors)
        mean = mean_timeline(own, weights.of(recording), settings)
        means.append(mean)
        if scorable([mean]):
            for member, timeline in zip(members, own, strict=True):
                of_members[member.name].append(timeline)
    return means, of_members


def _own_timeline(member: Member, recording: str, behaviors: tuple[str, ...]) -> Timeline:
    """A recording as one member has it; without probabilities where it was not predicted."""
    row, labels = member.rows[recording], member.labels[recording]
    found = member.run.timelines.get(recording)
    columns = [member.run.behaviors.index(behavior) for behavior in behaviors]
    empty = np.full((row.n_frames, len(behaviors)), np.nan, dtype=np.float32)
    return Timeline(
        recording=recording,
        fps=row.fps,
        behaviors=behaviors,
        probability=empty if found is None else found.probability[:, columns],
        predicted={} if found is None else {FULL: found.predicted[FULL][:, columns]},
        true=None if labels is None else labels.active[:, columns],
        scored=None if labels is None else labels.scored[:, columns],
        subset=row.subset,
        individual=row.individual,
        task=member.run.task,
        background=member.config.task.background,
    )


def _checked(first: Member, name: str) -> CheckedRecording:
    """A recording as the first member's folder has it: nothing but that folder is read."""
    row = first.rows[name]
    recording = Recording(
        id=name,
        video_path=row.video_path or Path(row.video or name),
        pose_path=None,
        annotation_paths={},
        individual=row.individual,
        group=row.group,
        split=_SPLITS.get(row.subset, ""),
        animal=row.animal,
        partner=row.partner,
    )
    return CheckedRecording(
        recording=recording,
        video=None,
        centers=read_centers(first.folder, row),
        labels=first.labels[name],
        file_hashes=(row.video_sha256,),
        n_frames=row.n_frames,
        fps=row.fps,
        annotators=read_annotators(first.folder, row, first.run.behaviors),
    )


def _keep_members(run: RunDir, members: Sequence[Member]) -> None:
    """Copy what prediction needs, so that the members may be moved or deleted."""
    for member in members:
        with replacing(run.member_path(member.name)) as folder:
            folder.mkdir()
            kept = RunDir(folder)
            shutil.copyfile(member.folder.config_path, kept.config_path)
            shutil.copytree(member.folder.path / HEADS, folder / HEADS)
            provenance = member.folder.read_provenance()
            if cache := provenance.get("cache_dir"):
                place = path_at(member.folder.path, str(cache))
                provenance["cache_dir"] = path_from(run.member_path(member.name), place)
            kept.seen_from = [run.path.parent]
            kept.write_provenance(provenance)
            kept.manifest.write()


def _film_strips(
    run: RunDir, members: Sequence[Member], checked: Sequence[CheckedRecording], scored: Sequence[Timeline]
) -> list[str]:
    """Cut film strips from the videos that are still where the first member saw them."""
    items = {item.id: item for item in checked}
    recordings = []
    for timeline in scored:
        path, centers = members[0].rows[timeline.recording].video_path, items[timeline.recording].centers
        if path is not None and path.is_file() and centers is not None:
            size_px = members[0].config.crop.size_px
            recordings.append(FilmedRecording(timeline, path, centers.xy_px, size_px))
    if not recordings:
        return []
    with progress_bars() as bars:
        return make_film_strips(run, recordings, bars.add("Cutting film strips"))


def _facts(run: RunDir, members: Sequence[Member], weights: Weights, choices: Choices, kind: str) -> dict[str, Any]:
    """What provenance.json says of the members."""
    final = weights.final()
    return {
        "weights": kind,
        "members": [
            {
                "name": member.name,
                "path": path_from(run.path, member.folder.path),
                "manifest_sha256": member.sha256,
                "head": member.config.head.name,
                "weights": {behavior: final[member.name, behavior] for behavior in weights.behaviors},
            }
            for member in members
        ],
        "postprocess": {b: choices.final[b].variants[FULL].model_dump(mode="json") for b in weights.behaviors},
    }
