"""The folder of a search, before its first trial: it holds this search and no other."""

import logging
import shutil
import time
from collections.abc import Mapping
from typing import Any

from common.errors import InputError
from common.files import write_text
from common.suggestions import listing
from pipeline.config.search import Search, load_search
from pipeline.run_folder.run_dir import HUMAN_FOLDERS
from pipeline.run_folder.search.search_dir import SEARCH, SEARCH_FILES_IN_WORDS, SearchDir
from pipeline.search.processes import OwnProcess

log = logging.getLogger(__name__)

_EARLY = {"log.txt", "fits", *HUMAN_FOLDERS}


def require_own_folder(folder: SearchDir) -> None:
    """Raise `InputError` where a folder holds something else than a search."""
    if not folder.path.is_dir() or folder.read_provenance().get("kind") == SEARCH:
        return
    others = [e.name for e in sorted(folder.path.iterdir()) if e.name not in _EARLY and not e.name.startswith(".")]
    if others:
        raise InputError(
            f"The folder {folder.path} holds other files ({listing(others, 3)}), and no search. Results would be mixed "
            "with them: choose a new folder with --output."
        )


def require_same_settings(folder: SearchDir, search: Search) -> None:
    """Raise `InputError` where trials of other settings lie in the folder."""
    if not folder.study_path.is_file():
        return
    try:
        earlier = load_search(folder.config_path)
    except InputError as error:
        raise InputError(
            f"{folder.path} holds a search whose config.yaml cannot be read ({error}). Choose another folder with "
            "--output, or add --overwrite to start over."
        ) from None
    differing = _differing(earlier, search)
    if differing:
        raise InputError(
            f"{folder.path} already holds a search with other settings (different: {listing(differing, 8)}). Choose "
            "another folder with --output or another `name:`, or add --overwrite to start over."
        )


def require_alone(folder: SearchDir, process: OwnProcess) -> None:
    """Raise `InputError` where another process works on what is to be forgotten."""
    if process.others_live():
        raise InputError(f"Another process is working on {folder.path} at this moment; end it before --overwrite.")


def forget_earlier(folder: SearchDir, process: OwnProcess) -> None:
    """Delete what an earlier search wrote, and nothing else.

    Its fits stay, as they are known by what they were made from. Where this is cut off, what is left is still known
    as a search, and one with the trials is still known by its settings.

    Raises
    ------
    InputError
        If another process is at work in the folder.
    """
    require_alone(folder, process)
    if folder.read_provenance().get("kind") != SEARCH:
        return
    last = [folder.study_path, folder.config_path, folder.provenance_path]
    written = [folder.manifest.path, folder.report_path, *(folder.path / name for name in SEARCH_FILES_IN_WORDS)]
    for path in [*(path for path in written if path not in (folder.log_path, *last)), *last]:
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def prepare_folder(folder: SearchDir, search: Search, facts: Mapping[str, Any]) -> None:
    """Say in the folder what is searched for, and with what.

    Raises
    ------
    InputError
        If recordings have changed since the search was begun.
    """
    if folder.study_path.is_file():
        _require_same_inputs(folder, facts["inputs"])
        log.info("%s was begun before; it goes on with what is finished.", folder.path)
    folder.manifest.remove()
    stages = folder.read_provenance().get("stages", []) if folder.study_path.is_file() else []
    folder.write_provenance({**facts, "stages": stages})
    write_text(folder.config_path, search.dump())


class TimeSpent:
    """How long this process is at work, in provenance.json beside those before it and with it.

    Parameters
    ----------
    folder : SearchDir
    process : OwnProcess
    facts : mapping
        What provenance.json says besides.
    """

    def __init__(self, folder: SearchDir, process: OwnProcess, facts: Mapping[str, Any]) -> None:
        self._folder, self._token, self._facts = folder, process.facts["token"], facts
        self._since = time.monotonic()

    def note(self, **facts: Any) -> None:
        """Put down the seconds until now, with `facts` that became known."""
        others = [s for s in self._folder.read_provenance().get("stages", []) if s.get("process") != self._token]
        seconds = round(time.monotonic() - self._since, 2)
        stages = [*others, {"stage": SEARCH, "seconds": seconds, "process": self._token}]
        self._folder.write_provenance({**self._facts, "stages": stages, **facts})


def _require_same_inputs(folder: SearchDir, inputs: Mapping[str, str]) -> None:
    then = folder.read_provenance().get("inputs", {})
    changed = sorted(name for name in {*then, *inputs} if then.get(name) != inputs.get(name))
    if changed:
        raise InputError(
            f"The recordings of the search in {folder.path} have changed since it was begun: {listing(changed, 5)} "
            "(the row in the table, the video, poses or annotations), so that new trials cannot be compared with "
            "old ones. Choose another folder with --output, or add --overwrite to start over."
        )


def _differing(earlier: Search, search: Search) -> list[str]:
    """Keys by which two searches differ, but for the number of trials."""
    then, now = ({**one.experiment.identity(), **_own(one)} for one in (earlier, search))
    # `ensemble` is a key only where there is one.
    return [key for key in {**then, **now} if then.get(key) != now.get(key)]


def _own(search: Search) -> dict[str, Any]:
    own = search.settings.model_dump(mode="json", exclude={"trials"})
    return {f"search.{key}": value for key, value in own.items()}
