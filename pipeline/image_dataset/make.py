"""A data set of images from an experiment: the story of the command `dataset`, top to bottom.

recordings -> (checked) -> which frames become images -> plan: units and files -> estimate -> units, video by video ->
images.csv and README.md.
"""

import hashlib
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import av
import cv2
import PIL

from common.errors import InputError
from common.files import write_text
from common.suggestions import listing
from features.sources.views import NetworkView
from features.video.inspection import NotAsPromisedError
from pipeline.config.schema import ExperimentConfig
from pipeline.dataset.load import load_dataset
from pipeline.image_dataset.estimate import Estimate, estimate, require_room
from pipeline.image_dataset.folder import README, TABLE, DatasetDir
from pipeline.image_dataset.formats import FORMATS, Format
from pipeline.image_dataset.labels import labeling_of
from pipeline.image_dataset.plan import Plan, Unit, make_plan
from pipeline.image_dataset.readme import readme_text
from pipeline.image_dataset.rows import COLUMNS, PATH, images_of, require_any, with_validation
from pipeline.image_dataset.settings import ImageSettings
from pipeline.image_dataset.table import write_images_csv
from pipeline.image_dataset.work import jobs_of, make_videos
from pipeline.runtime.machine import usable_cores
from pipeline.runtime.progress import progress_bars
from pipeline.runtime.version import REARVIEW_VERSION

log = logging.getLogger(__name__)

DATASET_VERSION = 1
"""Raised when the same recordings and settings give other files."""
_WORTH_PROCESSES_S = 30.0
_MOST_PROCESSES = 8


@dataclass(frozen=True)
class Making:
    """A data set that is made: `what` determines its files, `made_by` are the libraries that make them."""

    plan: Plan
    layout: Format
    what: dict[str, Any]
    made_by: dict[str, str]

    @property
    def identity(self) -> str:
        """Hash of `what`."""
        return hashlib.sha256(json.dumps(self.what, sort_keys=True).encode("utf-8")).hexdigest()

    @property
    def facts(self) -> dict[str, Any]:
        """As they stand in the folder."""
        return {"dataset_version": DATASET_VERSION, **self.what, "made_by": self.made_by}


def make_dataset(
    config: ExperimentConfig,
    folder: DatasetDir,
    settings: ImageSettings,
    overwrite: bool = False,
    told: Callable[[Estimate], None] = lambda estimate: None,
    only_estimate: bool = False,
) -> Plan:
    """Make the data set of an experiment's recordings in a folder, or go on with it; nothing is done where it is whole.

    Parameters
    ----------
    config : ExperimentConfig
    folder : DatasetDir
    settings : ImageSettings
    overwrite : bool
        Delete a data set that lies there and is finished, or is of other settings.
    told : callable
        Called with what it will take, before anything is made; not for one that is whole.
    only_estimate : bool
        End there.

    Raises
    ------
    InputError
        The experiment or its recordings can't be used, or the folder must not be written into.
    """
    settings.require_sound()
    try:
        making = _prepare(config, settings, may_wait=True)
        if only_estimate:
            _estimate(making, folder, told, set())
            return making.plan
        with folder.claimed():
            return _carry_out(making, config, folder, overwrite, told)
    except NotAsPromisedError:
        log.warning("A video holds other frames than its packets promise: all are decoded before images are made.")
        # What was begun was made by this very process.
        making = _prepare(config, settings, may_wait=False)
        with folder.claimed():
            return _carry_out(making, config, folder, True, told)


def _prepare(config: ExperimentConfig, settings: ImageSettings, may_wait: bool) -> Making:
    """All that is known before a picture is made."""
    view = chosen_view(config, settings.view)
    labeling = labeling_of(config.task, config.behavior_names())
    taken = sorted({*COLUMNS, PATH} & set(labeling.columns))
    if taken:
        raise InputError(
            f"The behavior {taken[0]!r} has the name of another column of images.csv. Give it another name under "
            "`behaviors`."
        )
    items = load_dataset(config, may_wait=may_wait)
    found = [images_of(item, view, labeling, settings) for item in items]
    found = with_validation(found, settings.validation, config.seed)
    require_any(found, config.name)
    plan = make_plan(found, view, labeling, settings)
    made_by = {"Rearview": REARVIEW_VERSION, "av": av.__version__, "opencv": cv2.__version__, "pillow": PIL.__version__}
    return Making(plan, FORMATS[settings.format](plan), plan.described() | {"name": config.name}, made_by)


def chosen_view(config: ExperimentConfig, number: int) -> NetworkView:
    """What the crops are for: one of those that networks of the experiment are shown, counted from 1.

    Raises
    ------
    InputError
        There is none, or not so many.
    """
    views = config.feature_source().views()
    if not views:
        raise InputError(
            f"The experiment {config.name} shows no network any frame: its features are of other sources. A data set "
            "is of the crops of a source `frames`: add one to `features:`, such as features: [frames] with a "
            "`backbone:`, or with --set features=frames."
        )
    if not 1 <= number <= len(views):
        listed = listing([f"{place} = {view.title}" for place, view in enumerate(views, start=1)])
        raise InputError(f"--view {number} is none of the experiment's crops. It has: {listed}.")
    if len(views) > 1:
        log.info("The crops are those of %s (--view %d of %d).", views[number - 1].title, number, len(views))
    return views[number - 1]


def _estimate(making: Making, folder: DatasetDir, told: Callable[[Estimate], None], done: set[int]) -> Estimate:
    """Say what it will take, and refuse to begin where there is no room for it."""
    expected = estimate(making.plan, making.layout, done)
    told(expected)
    require_room(folder.path, expected.n_bytes)
    return expected


def _carry_out(
    making: Making, config: ExperimentConfig, folder: DatasetDir, overwrite: bool, told: Callable[[Estimate], None]
) -> Plan:
    plan = making.plan
    if folder.exists:
        _look_at_earlier(making, folder, overwrite)
    facts = folder.facts() if folder.exists else {}
    todo = _not_whole(making, folder) if facts else plan.units
    if todo:
        if facts and facts.get("made_by") != making.made_by:
            raise _other_versions(making, folder, facts)
        expected = _estimate(
            making, folder, told, {unit.number for unit in plan.units} - {unit.number for unit in todo}
        )
        if not facts:
            folder.write_facts(making.facts)
        jobs = jobs_of(plan, todo, making.identity, folder.path)
        with progress_bars() as bars:
            n_workers = min(_n_workers(config, expected), len(jobs))
            make_videos(jobs, n_workers, bars.add("Making images"), plan.n_images - expected.n_images)
    elif facts.get("finished"):
        log.info("%s is finished already, with the same settings, and all of its images are whole.", folder.path)
    _write_last(making, folder, facts)
    return plan


def _write_last(making: Making, folder: DatasetDir, facts: dict[str, Any]) -> None:
    """What is there only when all images are; nothing where it is there as it was written."""
    plan, layout = making.plan, making.layout
    for name in layout.folders():
        (folder.path / name).mkdir(parents=True, exist_ok=True)
    folder.write_last(TABLE, lambda path: write_images_csv(path, plan, layout), facts)
    text = readme_text(making.what["name"], plan, layout, facts.get("made_by", making.made_by))
    folder.write_last(README, lambda path: write_text(path, text), facts)
    finished = (facts or making.facts) | {"finished": folder.sums()}
    if facts != finished:
        folder.write_facts(finished)


def _look_at_earlier(making: Making, folder: DatasetDir, overwrite: bool) -> None:
    """See whether what lies in the folder is of the same data set; with `overwrite` it is deleted where it is not.

    Raises
    ------
    InputError
        It is of other settings or recordings.
    """
    if overwrite:
        try:
            facts = folder.facts()
        except InputError:
            facts = {}
        if facts != making.facts:
            log.info("What lies in %s is deleted and made again.", folder.path)
            folder.clear()
        return
    facts = folder.facts()
    wanted = making.facts
    other = [key for key in wanted if facts.get(key) != wanted[key] and key not in ("inputs", "made_by")]
    if other:
        differences = [f"{key} {json.dumps(facts.get(key))}, now {json.dumps(wanted[key])}" for key in other]
        raise InputError(
            f"{folder.path} holds a data set of other settings: {listing(differences, 3)}. Choose another folder with "
            "--output, or add --overwrite, which deletes the images that are there."
        )
    if facts.get("inputs") != wanted["inputs"]:
        raise InputError(
            f"The recordings have changed since the data set {folder.path} was begun: a row of the table, a video, "
            "poses or annotations. Choose another folder with --output, or add --overwrite, which deletes the images "
            "that are there."
        )


def _other_versions(making: Making, folder: DatasetDir, facts: dict[str, Any]) -> InputError:
    """The complaint where images would be added by other libraries."""
    return InputError(
        f"The data set {folder.path} was begun with {_versions(facts.get('made_by', {}))}, and here are "
        f"{_versions(making.made_by)}: its images would not be of one kind. Install the same versions, or add "
        "--overwrite, which deletes the images that are there."
    )


def _versions(made_by: dict[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in made_by.items())


def _not_whole(making: Making, folder: DatasetDir) -> list[Unit]:
    """Units that are still to be made, those among them that were damaged since."""
    todo, n_damaged = [], 0
    with progress_bars() as bars:
        bar = bars.add("Checking images", total=len(making.plan.units))
        for video in making.plan.videos:
            for unit in video.units:
                bar.update(unit.number)
                if folder.is_whole(unit.number, making.identity, making.layout.files(unit, video.recordings)):
                    continue
                todo.append(unit)
                if folder.has_record(unit.number):
                    n_damaged += 1
                    folder.drop_record(unit.number)
    if n_damaged:
        log.warning("%s: images are missing or damaged in %d parts, which are made again.", folder.path, n_damaged)
    return todo


def _n_workers(config: ExperimentConfig, expected: Estimate) -> int:
    """Processes; a video's decoder uses several cores by itself."""
    if expected.seconds < _WORTH_PROCESSES_S:
        return 1
    return config.execution.workers or max(1, min(_MOST_PROCESSES, usable_cores() // 2))
