"""How a run's corrections are learned from: a table of recordings that names them, and a command to type."""

import logging
import os
import re
from itertools import count, pairwise
from pathlib import Path

from common.errors import InputError
from common.places import path_at
from common.wording import quoted
from pipeline.config.demo import DEMOS
from pipeline.dataset.corrections.table import write_recordings_table
from pipeline.dataset.corrections.taken import with_corrections
from pipeline.dataset.table import read_recordings
from pipeline.run_folder.reading import Run, section

log = logging.getLogger(__name__)

TABLE = "recordings_corrected.csv"
_AGAIN = re.compile(r"_corrected(_\d+)?$")


def next_command(run: Run, corrections: Path) -> str:
    """What carries out the run once more, with the corrections in a folder; "" where its heads were not trained there.

    Beside the corrections it leaves the run's table of recordings with them in the column `annotations`.
    """
    table = str(run.provenance.get("table", ""))
    if not table:
        return ""
    places = [*map(str, run.config.get("corrections") or ()), _seen(corrections.parent)]
    try:
        recordings = with_corrections(read_recordings(path_at(run.path, table)), places)
        write_recordings_table(corrections / TABLE, recordings)
    except InputError as error:
        log.warning("%s was not written: %s", corrections / TABLE, error)
    value = places[0] if len(places) == 1 else f"[{', '.join(places)}]"
    arguments = [*_experiment(run), "--set", f"corrections={value}", "--output", _seen(_free_folder(run.path))]
    return " ".join(["python run_experiment.py", *map(quoted, arguments)])


def _experiment(run: Run) -> list[str]:
    """The run's YAML with what was set beside it, as it was typed; its own config.yaml where that isn't known."""
    typed = [str(argument) for argument in run.provenance.get("arguments") or ()]
    yamls = [word for word in typed if word.casefold().endswith((".yaml", ".yml"))]
    if len(yamls) != 1 or typed[0] not in (*yamls, "--set") or not Path(yamls[0]).is_file():
        places = {"recordings": run.provenance["table"], "cache_dir": run.provenance.get("cache_dir", "")}
        named = {key: _seen(path_at(run.path, str(place))) for key, place in places.items() if place}
        told = {"recordings": run.config.get("recordings"), **section(run.config, "execution")}
        # A run's config.yaml tells no folder that lies elsewhere.
        moved = {key: place for key, place in named.items() if told.get(key) not in (place, *DEMOS)}
        return [_seen(run.path / "config.yaml"), *(w for key in moved for w in ("--set", f"{key}={moved[key]}"))]
    following = [second for first, second in pairwise(typed) if first == "--set"]
    overrides = [*following, *(word.removeprefix("--set=") for word in typed if word.startswith("--set="))]
    kept = [override for override in overrides if override.partition("=")[0].strip() != "corrections"]
    return [yamls[0], *(word for override in kept for word in ("--set", override))]


def _free_folder(run: Path) -> Path:
    """Beside the run, where there is none yet."""
    name = _AGAIN.sub("", run.resolve().name)
    folders = (run.parent / f"{name}_corrected{'' if n == 1 else f'_{n}'}" for n in count(1))
    return next(folder for folder in folders if not folder.exists())


def _seen(path: Path) -> str:
    """A path as it is typed in the current folder; whole where it lies elsewhere."""
    path, here = path.resolve(), Path.cwd()
    return Path(os.path.relpath(path, here)).as_posix() if path.is_relative_to(here) else path.as_posix()
