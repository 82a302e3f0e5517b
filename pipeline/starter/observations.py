"""Which observations a BORIS file holds, and which videos these name: enough to pair it, not to read it.

Other annotation files hold one recording's labels and name no video.
"""

import gzip
import json
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from common.errors import InputError
from pipeline.annotations.cells import cell, is_given, number
from pipeline.annotations.opening import FileHead, read_head
from pipeline.dataset.pairing.pairing import AnnotationSource

_MOST_BYTES = 200_000_000
_MEDIA_COLUMNS = ("media file name", "media file path", "media file")
_TIME_COLUMNS = {"time", "start (s)"}
_KINDS = ("STATE", "POINT")


def sources_of(path: Path) -> list[AnnotationSource]:
    """One source per observation; one for a file that has none.

    Parameters
    ----------
    path : Path
        An annotation file, or JSON of whatever kind.

    Returns
    -------
    list of AnnotationSource
        Empty for JSON that is no BORIS project, or one without observations of videos. The observation is named
        where there are several.

    Raises
    ------
    InputError
        The file can't be opened.
    """
    head = read_head(path)
    media = _project_media(path) if head.is_project else _export_media(head)
    if media is None:
        return [] if head.is_project else [AnnotationSource(path)]
    several = len(media) > 1
    found = [
        AnnotationSource(path, name if several else "", tuple(dict.fromkeys(names)))
        for name, names in media.items()
        if names or not head.is_project  # live observations have no video
    ]
    return found if found or head.is_project else [AnnotationSource(path)]


def _project_media(path: Path) -> dict[str, list[str]] | None:
    """Observations and their media; None where this is no BORIS project."""
    try:
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        with gzip.open(path) if packed else path.open("rb") as file:
            content = file.read(_MOST_BYTES)
        tree = json.loads(content.removeprefix(b"\xef\xbb\xbf"))
    except (OSError, EOFError, zlib.error, ValueError, RecursionError) as error:
        if path.suffix.casefold().startswith(".boris"):
            raise InputError(f"it can't be read as a BORIS project ({' '.join(str(error).split())})") from error
        return None
    observations = tree.get("observations") if isinstance(tree, dict) else None
    if not isinstance(observations, dict) or "behaviors_conf" not in tree:
        return None
    return {name: list(_file_names(found)) for name, found in observations.items()}


def _file_names(observation: Any) -> Iterable[str]:
    files = observation.get("file") if isinstance(observation, Mapping) else None
    lists = files.values() if isinstance(files, Mapping) else []
    return [name for names in lists if isinstance(names, list) for name in names if isinstance(name, str)]


def _export_media(head: FileHead) -> dict[str, list[str]] | None:
    """Observations of a tabular or aggregated export and their media; None for any other table."""
    found = _columns(head)
    if found is None:
        return None
    header_row, names, only = found
    media: dict[str, list[str]] = {}
    places = [names.index(name) for name in _MEDIA_COLUMNS if name in names]
    source = names.index("source") if "source" in names else None
    observation = names.index("observation id") if "observation id" in names else None
    for row, cells in head.iter_rows():
        if row <= header_row or not any(cells):
            continue
        own = media.setdefault(only if observation is None else cell(cells, observation), [])
        listed = [name for name in (cell(cells, place) for place in places) if is_given(name)]
        own += [name for name in [*listed, *_listed(cell(cells, source))] if name not in own]
    return media


def _listed(source: str) -> list[str]:
    """Media out of BORIS 8's `player #1:a.mp4;b.mp4|player #2:c.mp4`."""
    groups = (group.partition(":") for group in source.split("|") if group.startswith("player #"))
    return [name for _, _, names in groups for name in names.split(";") if name]


def _columns(head: FileHead) -> tuple[int, list[str], str] | None:
    """The header's row, its folded names, and the observation that stands above it; None for another table."""
    only = ""
    for row, cells in head.rows:
        names = [name.casefold() for name in cells]
        if "behavior" in names and _TIME_COLUMNS & set(names) and {"behavior type", "status"} & set(names):
            return row, names, only
        if cell(names, 0) == "observation id" and only == "":
            only = cell(cells, 1)
    first = head.names
    if any(kind in first for kind in _KINDS):  # version 7 without its header row
        place = next((i for i in (2, 3) if cell(first, i) and number(cell(first, i)) is None
                      and number(cell(first, i + 1)) is not None), None)  # fmt: skip
        if place is not None:
            return 0, ["observation id", *[""] * (place - 1), "media file"], ""
    return None
