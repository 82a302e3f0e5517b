"""Is there anything to do? What a folder that holds an earlier run means for the one that is asked for."""

import logging
from typing import Literal

from common.errors import InputError
from common.suggestions import listing
from pipeline.config.schema import ExperimentConfig, load_config
from pipeline.dataset.load import input_fingerprints, load_dataset
from pipeline.run_folder.manifest import is_unread
from pipeline.run_folder.run_dir import RunDir

log = logging.getLogger(__name__)

Stage = Literal["features", "heads"]
"""A part of a run that can be asked for by itself."""


def is_done_already(run: RunDir, config: ExperimentConfig, overwrite: bool) -> bool:
    """Whether there is nothing to do; with `overwrite`, an earlier run is set aside.

    A run is the same when all that determines results is the same: its settings but for `name`, `description` and
    `execution`, and its recordings.

    Raises
    ------
    InputError
        If the folder holds a finished run with other settings, or its recordings have changed since.
    """
    if not run.holds_anything():
        return False
    if overwrite:
        run.set_aside()
        return False
    if not run.is_finished():
        log.info("%s was begun before; what it finished with the same settings is used again.", run.path)
        return False
    run.require_finished()
    run.manifest.require(run.config_path)
    if not _has_same_settings(run, config):
        raise InputError(
            f"{run.path} already holds a finished run with other settings ({run.config_path} differs from what was "
            "asked for now). Choose another folder with --output or another `name:`, or add --overwrite to replace it."
        )
    _require_whole(run)
    _require_same_inputs(run, config)
    log.info("%s is finished already, with the same settings. Add --overwrite to run it again.", run.path)
    return True


def _require_whole(run: RunDir) -> None:
    """Refuse to call a run finished whose files are damaged or gone; what nothing reads is no matter."""
    findings = run.manifest.findings()
    used = {name: state for name, state in findings.items() if state != "unknown" and not is_unread(name)}
    if used:
        raise run.manifest.complaint(used)
    changed = [name for name, state in findings.items() if state == "changed"]
    if changed:
        what = "Not as written, though nothing reads them: %s. --stage report makes the report again."
        log.warning(what, listing(changed, 5))


def _has_same_settings(run: RunDir, config: ExperimentConfig) -> bool:
    try:
        return load_config(run.config_path).identity() == config.identity()
    except InputError as error:
        log.warning("%s", error)
        return False


def _require_same_inputs(run: RunDir, config: ExperimentConfig) -> None:
    """Refuse to call a run finished whose labels, poses, videos or table have changed since."""
    then = run.read_provenance().get("inputs")
    if not isinstance(then, dict):
        return
    try:
        now = input_fingerprints(load_dataset(config))
    except InputError as error:
        log.warning("Whether the recordings of %s have changed since cannot be told: %s", run.path, error)
        return
    changed = sorted(name for name in {*then, *now} if then.get(name) != now.get(name))
    if changed:
        raise InputError(
            f"{run.path} is finished, but its recordings have changed since: {listing(changed, 5)} (the row in the "
            "table, the video, poses or annotations). Choose another folder with --output or another `name:` to keep "
            "both, or add --overwrite to replace it; what lies in its folders corrections and exports stays."
        )
