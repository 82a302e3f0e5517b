"""A comparison as files: the page, tables as CSV and LaTeX, and figures."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from common.colors import behavior_colors
from common.files import write_text
from pipeline.report.class_tables import CLASS_SCORE_WORDS
from pipeline.report.comparison.differences import SCORES
from pipeline.report.comparison.figures import SCORE_TITLES, draw_comparison
from pipeline.report.comparison.runs import Comparison
from pipeline.report.comparison.scores import BASELINE_AVERAGE_PRECISION, CHANCE_AVERAGE_PRECISION
from pipeline.report.comparison.tables import run_rows, write_csv_tables, write_latex_tables
from pipeline.report.comparison.thesis import unlike_experiments
from pipeline.report.comparison.words import deciding, headline, how_far, interval, p_text, signed
from pipeline.report.figures.style import FigureFile
from pipeline.report.pages import render
from pipeline.report.thesis import EXPERIMENTS
from pipeline.report.words.glossary import METRIC_TERMS
from pipeline.run_folder.reading import SUBSET_WORDS
from pipeline.run_folder.run_dir import RunDir
from pipeline.scoring.classes import ALL
from pipeline.scoring.statistics.intervals import DEFAULT_RESAMPLES
from pipeline.scoring.statistics.paired import MAX_CLUSTERS_FOR_EXACT_P, RANDOM_SIGN_FLIPS
from pipeline.scoring.statistics.verdict import ALPHA

_FILES = {
    "comparison.csv": "every score with its interval",
    "differences.csv": "every difference with interval, p and verdict",
    "thesis_tables.csv": "the thesis’ tables with ours beside",
    "tables.tex": "all tables for LaTeX (booktabs)",
    "runs.csv": "the runs",
}


def write_comparison(comparison: Comparison, out_path: Path, folder: Path) -> None:
    """Write the page to `out_path` (an earlier one is replaced), tables and `figures/` to `folder`.

    Raises
    ------
    InputError
        When a file cannot be written.
    """
    write_csv_tables(comparison, folder)
    write_latex_tables(comparison, folder / "tables.tex")
    figures = draw_comparison(comparison, folder / "figures")
    filters: dict[str, Callable[..., str]] = {"signed": signed, "p_text": p_text, "how_far": how_far}
    write_text(out_path, render("comparison.html.j2", _context(comparison, figures, out_path, folder), filters))


def _context(comparison: Comparison, figures: Mapping[str, FigureFile], out_path: Path, folder: Path) -> dict[str, Any]:
    prefix = _relative(folder, out_path.parent)
    return {
        "comparison": comparison,
        "colors": behavior_colors(comparison.behaviors),
        "figures": figures,
        "headline": lambda behavior: headline(comparison, behavior),
        "deciding": lambda behavior, reference: deciding(comparison, behavior, reference),
        "interval": interval,
        "all_classes": ALL,
        "class_score_words": CLASS_SCORE_WORDS,
        "scores": SCORES,
        "score_titles": SCORE_TITLES,
        "baseline_score": BASELINE_AVERAGE_PRECISION,
        "chance_score": CHANCE_AVERAGE_PRECISION,
        "subset_words": SUBSET_WORDS,
        "alpha": ALPHA,
        "n_resamples": DEFAULT_RESAMPLES,
        "n_exact": MAX_CLUSTERS_FOR_EXACT_P,
        "n_flips": RANDOM_SIGN_FLIPS,
        "runs": [row | {"link": _report_link(Path(row["folder"]), out_path)} for row in run_rows(comparison)],
        "thesis_experiments": EXPERIMENTS,
        "metric_terms": METRIC_TERMS,
        "unlike_experiments": unlike_experiments(comparison.runs),
        "prefix": "" if prefix == "." else f"{prefix}/",
        "files": [(name, what) for name, what in _FILES.items() if (folder / name).exists()],
    }


def _relative(path: Path, start: Path) -> str:
    """A path as seen from a folder; the whole path on another drive."""
    try:
        return Path(os.path.relpath(path.resolve(), start.resolve())).as_posix()
    except ValueError:
        return path.resolve().as_posix()


def _report_link(run_dir: Path, out_path: Path) -> str:
    """The address of a run's own report; "" where it has none."""
    report = RunDir(run_dir).report_path
    return _relative(report, out_path.parent) if report.exists() else ""
