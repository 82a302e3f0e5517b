"""A comparison as files: the page, tables as CSV and LaTeX, and figures."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from common.colors import behavior_colors
from common.files import write_text
from common.wording import FILTERS
from pipeline.report.comparison.differences import ALPHA, SCORES
from pipeline.report.comparison.figures import SCORE_TITLES, draw_comparison
from pipeline.report.comparison.runs import Comparison, compare_runs
from pipeline.report.comparison.scores import BASELINE_AVERAGE_PRECISION, CHANCE_AVERAGE_PRECISION
from pipeline.report.comparison.tables import run_rows, write_csv_tables, write_latex_tables
from pipeline.report.comparison.thesis import unlike_experiments
from pipeline.report.comparison.words import deciding, headline, how_far, interval, p_text, signed
from pipeline.report.figures.style import FigureFile
from pipeline.report.thesis import EXPERIMENTS
from pipeline.run_folder.reading import SUBSET_WORDS, read_run
from pipeline.run_folder.run_dir import RunDir
from pipeline.scoring.statistics.intervals import DEFAULT_RESAMPLES
from pipeline.scoring.statistics.paired import MAX_CLUSTERS_FOR_EXACT_P, RANDOM_SIGN_FLIPS

_TEMPLATES_PATH = Path(__file__).parents[1] / "templates"
_FILES = {
    "comparison.csv": "every score with its interval",
    "differences.csv": "every difference with interval, p and verdict",
    "thesis_tables.csv": "the thesis’ tables with ours beside",
    "tables.tex": "all tables for LaTeX (booktabs)",
    "runs.csv": "the runs",
}


def write_comparison(run_dirs: Sequence[Path], out_path: Path, reference: str | None = None) -> Comparison:
    """Compare finished runs on one page, with tables and figures in a folder beside it.

    Parameters
    ----------
    run_dirs : sequence of Path
        Run folders; at least one.
    out_path : Path
        The page, e.g. `runs/comparison.html`; an earlier one is replaced. Tables and `figures/` go to the
        folder of that name without `.html` (`runs/comparison/`).
    reference : str, optional
        See `compare_runs`.

    Returns
    -------
    Comparison
        What was written, for the terminal.

    Raises
    ------
    InputError
        When a folder is no run folder, the reference is none of the runs, or a file cannot be written.
    """
    comparison = compare_runs([read_run(path) for path in run_dirs], reference)
    write_comparison_files(comparison, out_path, out_path.with_suffix(""))
    return comparison


def write_comparison_files(comparison: Comparison, out_path: Path, folder: Path) -> None:
    """Write the page to `out_path`, tables and `figures/` to `folder`.

    Raises
    ------
    InputError
        When a file cannot be written.
    """
    write_csv_tables(comparison, folder)
    write_latex_tables(comparison, folder / "tables.tex")
    figures = draw_comparison(comparison, folder / "figures")
    write_text(out_path, _render(_context(comparison, figures, out_path, folder)))


def _render(context: Mapping[str, Any]) -> str:
    """Fill the page's template; everything that comes from the user is escaped."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES_PATH, encoding="utf-8"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= FILTERS | {"signed": signed, "p_text": p_text, "how_far": how_far, "href": _href}
    return environment.get_template("comparison.html.j2").render(context)


def _href(path: str) -> str:
    return quote(path.replace("\\", "/"))


def _context(comparison: Comparison, figures: Mapping[str, FigureFile], out_path: Path, folder: Path) -> dict[str, Any]:
    prefix = _relative(folder, out_path.parent)
    return {
        "comparison": comparison,
        "colors": behavior_colors(comparison.behaviors),
        "figures": figures,
        "headline": lambda behavior: headline(comparison, behavior),
        "deciding": lambda behavior, reference: deciding(comparison, behavior, reference),
        "interval": interval,
        "scores": SCORES,
        "score_titles": SCORE_TITLES,
        "baseline_score": BASELINE_AVERAGE_PRECISION,
        "chance_score": CHANCE_AVERAGE_PRECISION,
        "subset_words": SUBSET_WORDS,
        "alpha": ALPHA,
        "n_resamples": DEFAULT_RESAMPLES,
        "n_exact": MAX_CLUSTERS_FOR_EXACT_P,
        "n_flips": RANDOM_SIGN_FLIPS,
        "runs": [row | {"link": _report_link(Path(str(row["folder"])), out_path)} for row in run_rows(comparison)],
        "thesis_experiments": EXPERIMENTS,
        "unlike_experiments": unlike_experiments(comparison.contenders),
        "prefix": "" if prefix == "." else f"{prefix}/",
        "files": [(name, what) for name, what in _FILES.items() if (folder / name).exists()],
    }


def _relative(path: Path, start: Path) -> str:
    """A path as seen from a folder; the whole path where there is no way (another drive)."""
    try:
        return Path(os.path.relpath(path.resolve(), start.resolve())).as_posix()
    except ValueError:
        return path.resolve().as_posix()


def _report_link(run_dir: Path, out_path: Path) -> str:
    """The way from the page to a run's own report; "" where it has none."""
    report = RunDir(run_dir).report_path
    return _relative(report, out_path.parent) if report.exists() else ""
