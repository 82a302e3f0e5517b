"""Figures of a comparison: every run's scores with their intervals, and the differences to the best."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from common.colors import BASELINE, GRID, INK, MUTED, UNSCORED, behavior_colors
from common.names import unsafe_name_reason
from pipeline.report.comparison.differences import SCORES, Difference
from pipeline.report.comparison.runs import Comparison
from pipeline.report.comparison.scores import BASELINE_AVERAGE_PRECISION, CHANCE_AVERAGE_PRECISION
from pipeline.report.comparison.tables import score_row
from pipeline.report.figures.style import (
    PAGE_WIDTH_IN,
    SUBSET_MARKERS,
    Drawing,
    FigureFile,
    figure_style,
    line_panels,
    mark,
    new_figure,
    save_figure,
    shorten,
)
from pipeline.run_folder.evidence import AVERAGE_PRECISION, BOUT_F1, FRAME_F1
from pipeline.run_folder.reading import SUBSET_WORDS
from pipeline.scoring.statistics.verdict import CHANCE, REAL, TOO_FEW

SCORE_TITLES = {AVERAGE_PRECISION: "Average precision", FRAME_F1: "Frame F1", BOUT_F1: "Bout F1 (IoU 0.5)"}
_SCORE_CAPTION = (
    "Pooled over each run's own recordings, with 95 % intervals over individuals where there are at least four. "
    "F1 after post-processing. Gray ring: the run's own baseline; gray tick: chance."
)
_DIFFERENCE_CAPTION = (
    "Each run minus the best one, on the recordings that both scored, with 95 % intervals over individuals. "
    "Left of the line: worse than the best. Filled: real; open: could be chance; pale gray: too few individuals."
)
_SCORE_COLUMNS = ("run", "subset", "score", "value", "low", "high")
_DIFFERENCE_COLUMNS = ("run", "reference", "subset", "score", "difference", "low", "high", "verdict")
# Lines of one run lie this far apart; runs lie 1 apart.
_STEP = 0.3


def draw_comparison(comparison: Comparison, folder: Path) -> dict[str, FigureFile]:
    """Draw, save (PNG, SVG and the numbers as CSV) and return the figures.

    Returns
    -------
    dict of str to FigureFile
        `scores <behavior>` for all behaviors, `differences <behavior>` where runs were compared.
    """
    drawn = {}
    with figure_style():
        for place, (behavior, color) in enumerate(behavior_colors(comparison.behaviors).items()):
            # A behavior named in another program's file may be no file name.
            stem = str(place + 1) if unsafe_name_reason(behavior) else behavior
            scores, title = _draw_scores(comparison, behavior, color), f"{behavior}: scores of all runs"
            drawn[f"scores {behavior}"] = save_figure(scores, folder, f"scores_{stem}", title, _SCORE_CAPTION)
            best = comparison.standings[behavior].best
            items = [
                item
                for item in comparison.differences
                if (item.behavior, item.reference) == (behavior, best) and item.difference is not None
            ]
            if items:
                drawing, title = _draw_differences(comparison, items, color), f"{behavior}: differences to {best}"
                drawn[f"differences {behavior}"] = save_figure(
                    drawing, folder, f"differences_{stem}", title, _DIFFERENCE_CAPTION
                )
    return drawn


def _draw_scores(comparison: Comparison, behavior: str, color: str) -> Drawing:
    runs = [name for name, run in comparison.runs.items() if behavior in run.behaviors]
    subsets = comparison.subsets(behavior)
    looks: dict[str, dict[str, object]] = {
        CHANCE_AVERAGE_PRECISION: {"marker": "|", "color": MUTED},
        BASELINE_AVERAGE_PRECISION: {"marker": "o", "markerfacecolor": "white", "markeredgecolor": BASELINE},
    }
    figure = new_figure(PAGE_WIDTH_IN, 1.1 + len(runs) * (0.16 + 0.17 * max(1, len(subsets))))
    for axes, score in zip(_panels(figure, runs), SCORES, strict=True):
        for y, run in enumerate(runs):
            for place, subset in enumerate(subsets):
                at = y + _offset(place, len(subsets))
                own = {score: {"marker": SUBSET_MARKERS[subset], "color": color, "markeredgecolor": "white"}}
                for name, look in ((looks if score == AVERAGE_PRECISION else {}) | own).items():
                    found = comparison.value(behavior, subset, run, name)
                    if found is not None and found.value is not None:
                        _draw_interval(axes, found.low, found.high, at, color)
                        axes.plot([found.value], [at], linestyle="", markersize=6.5, **look)
        axes.set_xlim(-0.02, 1.02)
    marks = [mark(SUBSET_MARKERS[subset], SUBSET_WORDS[subset], markeredgecolor="white") for subset in subsets]
    marks.append(mark("o", "baseline", "white", markeredgecolor=BASELINE))
    _add_legend(figure, [*marks, mark("|", "chance", MUTED)])
    rows = [score_row(key, value) for key, value in comparison.values.items() if key[0] == behavior]
    return Drawing(figure, [{column: row[column] for column in _SCORE_COLUMNS} for row in rows])


def _draw_differences(comparison: Comparison, items: Sequence[Difference], color: str) -> Drawing:
    runs = list(dict.fromkeys(item.run for item in items))
    subsets = [subset for subset in comparison.subsets() if any(item.subset == subset for item in items)]
    figure = new_figure(PAGE_WIDTH_IN, 1.25 + len(runs) * (0.16 + 0.17 * len(subsets)))
    for axes, score in zip(_panels(figure, runs), SCORES, strict=True):
        axes.axvline(0, color=INK, linewidth=1)
        mine = [item for item in items if item.score == score and item.difference is not None]
        for item in mine:
            at = runs.index(item.run) + _offset(subsets.index(item.subset), len(subsets))
            shade = BASELINE if item.verdict == TOO_FEW else color
            face = {REAL: color, TOO_FEW: UNSCORED}.get(item.verdict, "white")
            _draw_interval(axes, item.low, item.high, at, shade)
            axes.plot([item.difference or 0.0], [at], SUBSET_MARKERS[item.subset], markerfacecolor=face,
                      markeredgecolor=shade)  # fmt: skip
        axes.set_xlim(*_limits(mine))
    marks = [mark(SUBSET_MARKERS[s], SUBSET_WORDS[s], "none", markeredgecolor=INK) for s in subsets]
    marks += [
        mark("o", REAL, color),
        mark("o", CHANCE, "white", markeredgecolor=color),
        mark("o", TOO_FEW, UNSCORED, markeredgecolor=BASELINE),
    ]
    _add_legend(figure, marks)
    return Drawing(figure, [{column: getattr(item, column) for column in _DIFFERENCE_COLUMNS} for item in items])


def _limits(items: Sequence[Difference]) -> tuple[float, float]:
    """Ends of an axis that shows everything and 0: each score has its own, for small differences count, too."""
    ends = [0.0, *(end for item in items for end in (item.difference, item.low, item.high) if end is not None)]
    margin = 0.08 * max(max(ends) - min(ends), 0.02)
    return min(ends) - margin, max(ends) + margin


def _panels(figure: Figure, runs: Sequence[str]) -> list[Axes]:
    """A panel per score with a line per run."""
    all_axes = line_panels(figure, [shorten(run, 26) for run in runs], len(SCORES))
    for axes, score in zip(all_axes, SCORES, strict=True):
        axes.set_title(SCORE_TITLES[score])
        axes.xaxis.set_major_locator(MaxNLocator(5))
        # Short numbers: the last one of a panel stands beside the first one of the next.
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}".replace("-", "−"))
        for y in range(1, len(runs)):
            axes.axhline(y - 0.5, color=GRID, linewidth=0.8, zorder=0)
    return all_axes


def _offset(place: int, n_places: int) -> float:
    return _STEP * (place - (n_places - 1) / 2)


def _draw_interval(axes: Axes, low: float | None, high: float | None, y: float, color: str) -> None:
    if low is not None and high is not None:
        axes.plot([low, high], [y, y], "-", color=color, linewidth=1.8, alpha=0.75, solid_capstyle="butt")


def _add_legend(figure: Figure, marks: Sequence[Line2D]) -> None:
    figure.legend(handles=marks, loc="outside lower center", ncols=len(marks), handletextpad=0.3)
