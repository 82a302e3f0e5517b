"""Every figure of a search's page, by name, in the order of the page."""

from collections.abc import Callable, Mapping
from pathlib import Path

from pipeline.report.figures.style import Drawing, FigureFile, figure_style, save_figure
from pipeline.report.search.reading import SearchResults
from pipeline.report.search.setting_figures import (
    draw_differences,
    draw_parallel,
    draw_setting_importance,
    draw_slices,
)
from pipeline.report.search.trial_figures import draw_cost, draw_folds, draw_history

# By name: what draws it, its title and its caption.
FIGURES: Mapping[str, tuple[Callable[[SearchResults], Drawing | None], str, str]] = {
    "differences": (
        draw_differences,
        "Best settings against the defaults",
        "On recordings that took no part in choosing, with 95 % intervals over individuals where there are enough. "
        "Right of the line: better than the defaults. Filled: real; open: could be chance; gray: cannot be told.",
    ),
    "importance": (
        draw_setting_importance,
        "What mattered",
        "Share of the variance of the score that each setting explains over the searched space, with its 95 % "
        "interval. An interval that is wide says that there are too few trials to rank the settings.",
    ),
    "slices": (
        draw_slices,
        "Score by each setting",
        "A point is a trial. Gray line: mean of an option’s complete trials. The other settings differ from point to "
        "point as well, and a search that learns tries good regions more often.",
    ),
    "parallel": (
        draw_parallel,
        "All settings at once",
        "A line is a complete trial; the darker, the higher its score; the best in orange. Trials of one option stand "
        "a little apart; lines are dotted past settings that their trial does not use.",
    ),
    "history": (
        draw_history,
        "Trial after trial",
        "A line that still rises at its end says that more trials may find better settings.",
    ),
    "folds": (
        draw_folds,
        "Fold by fold",
        "Average precision over all that was held out up to and with each fold. By it bad trials are given up early.",
    ),
    "cost": (
        draw_cost,
        "Score against seconds",
        "Seconds that a trial’s fits took when they were trained; fits that trials share count in each. No other trial "
        "beats one on the Pareto front without taking longer.",
    ),
}


def draw_search_figures(results: SearchResults, folder: Path) -> dict[str, FigureFile]:
    """Draw and save (PNG, SVG, numbers as CSV) all figures for which the search has the numbers, by name."""
    drawn = {}
    with figure_style():
        for name, (draw, title, caption) in FIGURES.items():
            drawing = draw(results)
            if drawing is not None:
                drawn[name] = save_figure(drawing, folder, name, title, caption)
    return drawn
