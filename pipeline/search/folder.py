"""The folder of a search, before its first trial: it holds this search and no other."""

import logging
from collections.abc import Mapping
from typing import Any

from common.errors import InputError
from common.files import write_text
from common.suggestions import listing
from pipeline.config.search import Search, load_search
from pipeline.run_folder.run_dir import HUMAN_FOLDERS
from pipeline.run_folder.search.search_dir import SEARCH, SearchDir

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
            "--output, or add --overwrite to begin anew."
        ) from None
    differing = _differing(earlier, search)
    if differing:
        raise InputError(
            f"{folder.path} already holds a search with other settings (different: {listing(differing, 8)}). Choose "
            "another folder with --output or another `name:`, or add --overwrite to begin anew."
        )


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
    folder.write_provenance(dict(facts))
    write_text(folder.config_path, search.dump())


def _require_same_inputs(folder: SearchDir, inputs: Mapping[str, str]) -> None:
    then = folder.read_provenance().get("inputs", {})
    changed = sorted(name for name in {*then, *inputs} if then.get(name) != inputs.get(name))
    if changed:
        raise InputError(
            f"The recordings of the search in {folder.path} have changed since it was begun: {listing(changed, 5)} "
            "(the row in the table, the video, poses or annotations), so that new trials cannot be compared with "
            "old ones. Choose another folder with --output, or add --overwrite to begin anew."
        )


def _differing(earlier: Search, search: Search) -> list[str]:
    """Keys by which two searches differ, but for the number of trials."""
    then, now = ({**one.experiment.identity(), **_own(one)} for one in (earlier, search))
    return [key for key in now if then.get(key) != now[key]]


def _own(search: Search) -> dict[str, Any]:
    own = search.settings.model_dump(mode="json", exclude={"trials"})
    return {f"search.{key}": value for key, value in own.items()}
