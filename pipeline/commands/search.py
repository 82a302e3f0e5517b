"""`python run_experiment.py search SEARCH.yaml`: try settings of an experiment, and score the best of them honestly."""

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from common.wording import ratio
from pipeline.commands.arguments import add_dask, add_overrides, command_parser, dask_overrides, output_path

if TYPE_CHECKING:
    from pipeline.config.search import Search
    from pipeline.search.results import Outcome

log = logging.getLogger(__name__)

_DESCRIPTION = """Tries settings of an experiment, which its YAML names under `search:`, judges each by
cross-validation, and scores the best of them, and the YAML's own, on recordings that took no part in choosing. Writes a
page (search.html), tables and best.yaml, an experiment that is ready to run. A search that was stopped goes on with the
same command; so does one whose number of trials is raised. The same command may run several times at once, on several
machines that share the folder: they share the trials."""
_EXAMPLE = """examples:
  python run_experiment.py search experiments/search_exp1.yaml
  python run_experiment.py search experiments/search_exp1.yaml --set search.trials=20 --output runs/longer
  optuna-dashboard runs/search_exp1/study.journal
        Optuna's own view of the trials, also while they go on (python -m pip install optuna-dashboard)
"""
_MOST_SHOWN = 10


def run_search_command(arguments: Sequence[str]) -> int:
    """Carry out a search; returns the exit code."""
    options = _parser().parse_args(arguments)
    from pipeline.config.search import load_search

    search = load_search(options.config, [*options.overrides, *dask_overrides(options)])

    from pipeline.run_folder.search.search_dir import SearchDir
    from pipeline.search.run import run_search

    folder = SearchDir(options.output or search.experiment.execution.output_dir / search.experiment.name)
    folder.see_from(options.config.parent, Path(search.experiment.recordings).parent)

    def write_page() -> None:
        from pipeline.report.search.page import write_search_page

        write_search_page(folder.path)

    outcome = run_search(search, folder, options.overwrite, write_page)
    write_page()
    folder.manifest.write()
    _print(search, outcome)
    print(f"Best settings: {folder.best_path}\nReport: {folder.report_path}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = command_parser("search", _DESCRIPTION, _EXAMPLE)
    parser.add_argument("config", type=Path, metavar="SEARCH.yaml", help="an experiment with the key `search`")
    add_overrides(parser, "change one setting, e.g. --set search.trials=20 (may be given several times)")
    parser.add_argument("--output", type=output_path, metavar="DIR", help="folder of the search (default: runs/<name>)")
    add_dask(parser)
    parser.add_argument("--overwrite", action="store_true", help="forget the trials of a search that lies there")
    return parser


def _print(search: "Search", outcome: "Outcome") -> None:
    """The best trials, what the best is worth where it was not chosen, and whether that is more than the defaults."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from pipeline.run_folder.search.search_dir import DEFAULTS, MEAN, WHOLE
    from pipeline.run_folder.search.trials import setting_text

    score = search.settings.score
    table = Table(title=f"The best trials by {score}, cross-validated")
    for heading in ("trial", *search.space.keys, score, "seconds"):
        table.add_column(heading)
    scored = [trial for trial in outcome.trials if trial.search == WHOLE and not trial.why and trial.score is not None]
    for trial in sorted(scored, key=lambda trial: (-(trial.score or 0), trial.trial))[:_MOST_SHOWN]:
        values = (setting_text(trial.settings[key]) if key in trial.settings else "" for key in search.space.keys)
        table.add_row(str(trial.trial), *map(escape, values), ratio(trial.score), f"{trial.seconds or 0:.0f}")
    console = Console()
    console = console if console.is_terminal else Console(width=180)
    console.print(table)
    for row in outcome.outer:
        if (row["search"], row["behavior"]) == (WHOLE, MEAN):
            who = "The defaults" if row["settings"] == DEFAULTS else "The best settings"
            recordings, individuals = (_counted(row[f"n_{what}s"], what) for what in ("recording", "individual"))
            where = f"{recordings} of {individuals} that took no part in it"
            print(f"{who}: {ratio(row['inner'])} where settings were chosen, {ratio(row['outer'])} on {where}.")
    print(difference_words(next(row for row in outcome.difference if row["behavior"] == MEAN)))


def _counted(n: object, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"


def difference_words(row: dict[str, object]) -> str:
    """Whether searching was worth it, as a sentence; of a row of difference.csv."""
    difference, low, high = (row[key] for key in ("difference", "low", "high"))
    if not isinstance(difference, float):
        return f"Whether the best settings are better than the defaults cannot be said: {row['why']}."
    interval = f" (95 % interval {low:+.3f} to {high:+.3f})" if low is not None else ""
    verdict = "Whether that is real cannot be told"
    if row["is_real"] is not None:
        verdict = "The difference is real" if row["is_real"] else "The difference is not real"
    why = f": {row['why']}" if row["why"] else ""
    return f"Best settings minus defaults: {difference:+.3f}{interval}. {verdict}{why}."
