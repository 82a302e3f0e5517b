"""How a run's corrections are learned from: a table of recordings that names them, and a command to type."""

import logging
import os
import re
from collections.abc import Sequence
from itertools import count
from pathlib import Path

from common.errors import InputError
from common.places import path_at
from common.wording import program, quoted
from pipeline.config.demo import DEMOS
from pipeline.config.schema import load_config
from pipeline.dataset.corrections.table import write_recordings_table
from pipeline.dataset.corrections.taken import with_corrections
from pipeline.dataset.table import read_recordings
from pipeline.run_folder.reading import Run

log = logging.getLogger(__name__)

TABLE = "recordings_corrected.csv"
_AGAIN = re.compile(r"_corrected(_\d+)?$")
_PLAIN = re.compile(r"[\w./-]*/[\w./-]*[^\W\d][\w./-]*")


def next_command(run: Run, corrections: Path) -> str:
    """What carries out the run once more, with the corrections in a folder.

    Beside the corrections it leaves the run's table of recordings with them in the column `annotations`, unless
    features are files that are found from where the table lies. "" where the run's heads were not trained there, or
    table or corrections can't be read, which is logged.
    """
    facts = {key: run.provenance.get(key) for key in ("table", "cache_dir")}
    table, cache_dir = (path_at(run.path, str(place)) if place else None for place in facts.values())
    if table is None or cache_dir is None:
        return ""
    earlier = [path_at(run.path, str(place)) for place in run.provenance.get("corrections") or ()]
    places = [_seen(place) for place in (*earlier, corrections.parent)]
    try:
        recordings = with_corrections(read_recordings(table), places)
        if not any(source.get("files") for source in run.config.get("features") or ()):
            write_recordings_table(corrections / TABLE, recordings)
    except InputError as error:
        log.warning("No table with the corrections was written: %s", error)
        return ""
    value = ", ".join(f"'{place.replace(chr(39), 2 * chr(39))}'" for place in places)
    value = places[0] if len(places) == 1 and _PLAIN.fullmatch(places[0]) else f"[{value}]"
    arguments = [*_experiment(run, table, cache_dir), "--set", f"corrections={value}"]
    return " ".join([program(), *map(quoted, [*arguments, "--output", _seen(_free_folder(run.path))])])


def _experiment(run: Run, table: Path, cache_dir: Path) -> list[str]:
    """The run's YAML and settings as they were typed, where these still mean the same; else its own config.yaml."""
    typed = _typed(run)
    if typed and _is_same(run, typed, table, cache_dir):
        return typed
    told = load_config(run.path / "config.yaml")
    # It tells no folder that lies elsewhere.
    is_moved = told.recordings not in DEMOS and Path(told.recordings).resolve() != table
    moved = [f"recordings={_seen(table)}"] * is_moved
    moved += [f"cache_dir={_seen(cache_dir)}"] * (told.execution.cache_dir.resolve() != cache_dir)
    return [_seen(run.path / "config.yaml"), *(word for setting in moved for word in ("--set", setting))]


def _typed(run: Run) -> list[str]:
    """One YAML and what was set beside it, but for corrections; empty where something else was typed."""
    words = [str(word) for word in run.provenance.get("arguments") or ()]
    yamls = [word for word in words if word.casefold().endswith((".yaml", ".yml"))]
    if len(yamls) != 1 or words[0] not in (*yamls, "--set"):
        return []
    kept = [setting for setting in run.overrides if setting.partition("=")[0].strip() != "corrections"]
    return [yamls[0], *(word for setting in kept for word in ("--set", setting))]


def _is_same(run: Run, typed: Sequence[str], table: Path, cache_dir: Path) -> bool:
    """Whether what was typed gives the run's settings, its table and its cache: folders may have changed since."""
    try:
        config, own = load_config(Path(typed[0]), typed[2::2]), load_config(run.path / "config.yaml")
    except InputError:
        return False
    now, then = (each.model_copy(update={"corrections": ()}).identity() for each in (config, own))
    is_there = config.recordings in DEMOS or Path(config.recordings).resolve() == table
    return now == then and is_there and config.execution.cache_dir.resolve() == cache_dir


def _free_folder(run: Path) -> Path:
    """Beside the run, where there is none yet."""
    name = _AGAIN.sub("", run.resolve().name)
    folders = (run.parent / f"{name}_corrected{'' if n == 1 else f'_{n}'}" for n in count(1))
    return next(folder for folder in folders if not folder.exists())


def _seen(path: Path) -> str:
    """A path as it is typed in the current folder; whole where it lies elsewhere."""
    path, here = path.resolve(), Path.cwd()
    return Path(os.path.relpath(path, here)).as_posix() if path.is_relative_to(here) else path.as_posix()
