"""The trials of a search as a table: a row per trial, a column per searched setting."""

import csv
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from common.errors import InputError
from common.tables import read_table, write_table
from pipeline.run_folder.contents import Reader, number, text, whole
from pipeline.run_folder.search.search_dir import SearchDir, unreadable

COMPLETE, PRUNED, FAILED = "complete", "pruned", "failed"
STATES = (COMPLETE, PRUNED, FAILED)

_COLUMNS: Mapping[str, Reader] = {
    "search": text,
    "trial": whole,
    "state": text,
    "score": number,
    "seconds": number,
    "n_folds": whole,
    "n_fits": whole,
    "n_shared": whole,
    "why": text,
}


@dataclass(frozen=True)
class Trial:
    """Settings that a search tried.

    Attributes
    ----------
    search : str
        `WHOLE`: the search on all training recordings; else the name of the outer part that it held out.
    trial : int
        Its number in that search, from 0.
    state : str
        One of `STATES`.
    score : float or None
        The objective; of a pruned trial, over the folds that it finished. None where it is not known.
    seconds : float or None
        What its fits took when they were trained; fits that trials share count in each.
    n_folds, n_fits, n_shared : int or None
        Folds that it finished; fits that it needed; those of them that were there already.
    why : str
        Why it failed or was pruned; "" of a complete one.
    settings : mapping of str to object
        By dotted key, as in the YAML; a key that this trial had no use for is missing.
    """

    search: str
    trial: int
    state: str
    score: float | None = None
    seconds: float | None = None
    n_folds: int | None = None
    n_fits: int | None = None
    n_shared: int | None = None
    why: str = ""
    settings: Mapping[str, object] = field(default_factory=dict)


def trials_path(search: SearchDir) -> Path:
    """Where the table lies."""
    return search.path / "trials.csv"


def write_trials(search: SearchDir, trials: Iterable[Trial], settings: Sequence[str]) -> None:
    """Replace the table; equal trials give equal bytes.

    Parameters
    ----------
    search : SearchDir
    trials : iterable of Trial
        In the order of the rows.
    settings : sequence of str
        Dotted keys of the searched settings, in the order of the columns.

    Raises
    ------
    ValueError
        When a trial has a setting that is not named, or a setting is called as another column.
    """
    clash = sorted(set(settings) & set(_COLUMNS))
    if clash:
        raise ValueError(f"A setting is called as a column of the table: {', '.join(clash)}")
    rows = []
    for trial in trials:
        unknown = [key for key in trial.settings if key not in settings]
        if unknown:
            raise ValueError(f"Expected the settings {list(settings)}. Received: {unknown}")
        row = {name: getattr(trial, name) for name in _COLUMNS}
        rows.append(row | {key: setting_text(trial.settings[key]) if key in trial.settings else "" for key in settings})
    write_table(trials_path(search), (*_COLUMNS, *settings), rows)


def read_trials(search: SearchDir) -> tuple[list[Trial], list[str]]:
    """The trials and the dotted keys of the searched settings, as they stand in the table.

    Raises
    ------
    InputError
        When it is missing or cannot be read.
    """
    path = trials_path(search)
    search.manifest.require(path)
    try:
        lines = read_table(path)
        with path.open(encoding="utf-8-sig", newline="") as stream:
            header = next(csv.reader(stream), [])
        missing = [name for name in _COLUMNS if name not in header]
        if missing:
            raise ValueError(f"it lacks the column(s) {', '.join(missing)}")
        settings = [name for name in header if name not in _COLUMNS]
        return [_trial(cells, settings) for cells in lines], settings
    except FileNotFoundError:
        raise InputError(
            f"A search's folder holds {path.name}, but {path} does not exist. Give the folder of a search in which a "
            "trial came to its end (for example runs/search_exp1)."
        ) from None
    except (OSError, ValueError, TypeError) as error:
        raise unreadable(path, error) from None


def _trial(cells: Mapping[str, str], settings: Sequence[str]) -> Trial:
    facts = {name: read(cells[name]) for name, read in _COLUMNS.items()}
    if facts["trial"] is None or facts["state"] not in STATES:
        raise ValueError(f"a trial needs a number and a state ({', '.join(STATES)}); found {facts}")
    values = {key: setting_value(cells[key]) for key in settings if cells[key]}
    return Trial(**facts, settings=values)  # type: ignore[arg-type]


def best_trial(trials: Iterable[Trial]) -> Trial | None:
    """The complete trial with the highest score, the first of equals; None where none came to its end."""
    scored = [trial for trial in trials if trial.state == COMPLETE and trial.score is not None]
    return max(scored, key=lambda trial: (trial.score or 0.0, -trial.trial), default=None)


def setting_text(value: object) -> str:
    """A setting as a cell: JSON, and words without quotes where nobody could take them for something else."""
    if isinstance(value, str) and value and _parsed(value) is value:
        return value
    return json.dumps(value, ensure_ascii=False)


def setting_value(cell: str) -> object:
    """The setting that `setting_text` wrote."""
    return _parsed(cell)


def _parsed(cell: str) -> object:
    """What a cell says as JSON; the cell itself where it is none."""
    try:
        return json.loads(cell)
    except ValueError:
        return cell


def is_number(value: object) -> bool:
    """Whether a setting is a number, so that it has a place on an axis; truth values are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def pareto_front(trials: Iterable[Trial]) -> list[Trial]:
    """The complete trials that no other one beats in score without more seconds, from the quickest on.

    Of trials that are equal in both, the first.
    """
    known = [t for t in trials if t.state == COMPLETE and t.score is not None and t.seconds is not None]
    front: list[Trial] = []
    for trial in sorted(known, key=lambda t: (t.seconds or 0.0, -(t.score or 0.0), t.trial)):
        if not front or (trial.score or 0.0) > (front[-1].score or 0.0):
            front.append(trial)
    return front
