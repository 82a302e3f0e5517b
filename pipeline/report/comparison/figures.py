"""Figures of a comparison: every run's scores with their intervals, and the differences to the best."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from common.colors import BASELINE, GRID, INK, MUTED, behavior_colors
from common.names import unsafe_name_reason
from pipeline.report.comparison.differences import (
    AVERAGE_PRECISION,
    BOUT_F1,
    CHANCE,
    F1,
    REAL,
    SCORES,
    TOO_FEW,
    Difference,
)
from pipeline.report.comparison.runs import Comparison
from pipeline.report.comparison.scores import BASELINE_AVERAGE_PRECISION, CHANCE_AVERAGE_PRECISION
from pipeline.report.figures.style import (
    PAGE_WIDTH_IN,
    SUBSET_MARKERS,
    FigureFile,
    figure_style,
    new_figure,
    save_figure,
    shorten,
)
from pipeline.run_folder.reading import SUBSET_WORDS

SCORE_TITLES = {
    AVERAGE_PRECISION: "Average precision",
    F1: "Frame F1",
    BOUT_F1: "Bout F1 (IoU 0.5)",
}
_SCORE_FIGURE_COLUMNS = ("run", "subset", "score", "value", "low", "high")
_DIFFERENCE_FIGURE_COLUMNS = ("run", "reference", "subset", "score", "difference", "low", "high", "verdict")
# Lines of one run lie this far apart; runs lie 1 apart.
_STEP = 0.3


def draw_comparison(comparison: Comparison, folder: Path) -> dict[str, FigureFile]:
    """Draw, save (PNG, SVG and the numbers as CSV) and return the figures.

    Returns
    -------
    dict of str to FigureFile
        `scores <behavior>` for all behaviors, `differences <behavior>` where runs were compared.
    """
    colors = behavior_colors(comparison.behaviors)
    drawn = {}
    with figure_style():
        for place, behavior in enumerate(comparison.behaviors):
            # A behavior named in another program's file may be no file name.
            stem = str(place + 1) if unsafe_name_reason(behavior) else behavior
            drawn[f"scores {behavior}"] = _score_figure(comparison, behavior, colors[behavior], folder, stem)
            differences = _to_the_best(comparison, behavior)
            if differences:
                drawn[f"differences {behavior}"] = _difference_figure(
                    comparison, behavior, differences, colors[behavior], folder, stem
                )
    return drawn


def _score_figure(comparison: Comparison, behavior: str, color: str, folder: Path, stem: str) -> FigureFile:
    values = [value for value in comparison.values if value.behavior == behavior]
    numbers = [{column: getattr(value, column) for column in _SCORE_FIGURE_COLUMNS} for value in values]
    return save_figure(
        _draw_scores(comparison, behavior, color),
        folder,
        f"scores_{stem}",
        f"{behavior}: scores of all runs",
        "Pooled over each run's own recordings, with 95 % intervals over individuals where there are at least four. "
        "F1 after post-processing. Gray ring: the run's own baseline; gray tick: chance.",
        numbers=numbers,
    )


def _draw_scores(comparison: Comparison, behavior: str, color: str) -> Figure:
    runs = [c.name for c in comparison.contenders if behavior in c.run.behaviors]
    subsets = comparison.subsets_of(behavior)
    figure = new_figure(PAGE_WIDTH_IN, 1.1 + len(runs) * (0.16 + 0.17 * max(1, len(subsets))))
    for axes, score in zip(_panels(figure, runs), SCORES, strict=True):
        for y, run in enumerate(runs):
            for place, subset in enumerate(subsets):
                at = y + _offset(place, len(subsets))
                if score == AVERAGE_PRECISION:
                    _draw_landmarks(axes, comparison, behavior, subset, run, at)
                found = comparison.value(behavior, subset, run, score)
                if found is not None and found.value is not None:
                    _draw_interval(axes, found.low, found.high, at, color)
                    axes.plot(
                        [found.value],
                        [at],
                        SUBSET_MARKERS[subset],
                        color=color,
                        markersize=6.5,
                        markeredgecolor="white",
                    )
        axes.set_xlim(-0.02, 1.02)
        axes.set_title(SCORE_TITLES[score])
    looks = [(SUBSET_MARKERS[subset], INK, "white", SUBSET_WORDS[subset]) for subset in subsets]
    looks += [("o", "white", BASELINE, "baseline"), ("|", MUTED, MUTED, "chance")]
    _add_legend(figure, looks)
    return figure


def _draw_landmarks(axes: Axes, comparison: Comparison, behavior: str, subset: str, run: str, y: float) -> None:
    for score, marker, face, edge in (
        (CHANCE_AVERAGE_PRECISION, "|", MUTED, MUTED),
        (BASELINE_AVERAGE_PRECISION, "o", "white", BASELINE),
    ):
        found = comparison.value(behavior, subset, run, score)
        if found is not None and found.value is not None:
            axes.plot([found.value], [y], marker, markerfacecolor=face, markeredgecolor=edge, markersize=6.5)


def _to_the_best(comparison: Comparison, behavior: str) -> list[Difference]:
    best = comparison.standing(behavior).best
    return [
        item
        for item in comparison.differences
        if item.behavior == behavior and item.reference == best and item.difference is not None
    ]


def _difference_figure(
    comparison: Comparison, behavior: str, items: Sequence[Difference], color: str, folder: Path, stem: str
) -> FigureFile:
    numbers = [{column: getattr(item, column) for column in _DIFFERENCE_FIGURE_COLUMNS} for item in items]
    return save_figure(
        _draw_differences(comparison, behavior, items, color),
        folder,
        f"differences_{stem}",
        f"{behavior}: differences to {items[0].reference}",
        "Each run minus the best one, on the recordings that both scored, with 95 % intervals over individuals. "
        "Left of the line: worse than the best. Filled: real; open: could be chance; gray: too few individuals.",
        numbers=numbers,
    )


def _draw_differences(comparison: Comparison, behavior: str, items: Sequence[Difference], color: str) -> Figure:
    runs = list(dict.fromkeys(item.run for item in items))
    subsets = [subset for subset in comparison.subsets if any(item.subset == subset for item in items)]
    figure = new_figure(PAGE_WIDTH_IN, 1.25 + len(runs) * (0.16 + 0.17 * len(subsets)))
    for axes, score in zip(_panels(figure, runs), SCORES, strict=True):
        axes.axvline(0, color=INK, linewidth=1)
        for item in items:
            if item.score != score or item.difference is None:
                continue
            at = runs.index(item.run) + _offset(subsets.index(item.subset), len(subsets))
            shade = BASELINE if item.verdict == TOO_FEW else color
            face = shade if item.verdict in (REAL, TOO_FEW) else "white"
            _draw_interval(axes, item.low, item.high, at, shade)
            axes.plot(
                [item.difference],
                [at],
                SUBSET_MARKERS[item.subset],
                markerfacecolor=face,
                markeredgecolor=shade,
                markersize=6,
            )
        axes.set_xlim(*_limits([item for item in items if item.score == score]))
        axes.set_title(SCORE_TITLES[score])
    looks = [(SUBSET_MARKERS[subset], "none", INK, SUBSET_WORDS[subset]) for subset in subsets]
    looks += [("o", color, color, REAL), ("o", "white", color, CHANCE), ("o", BASELINE, BASELINE, TOO_FEW)]
    _add_legend(figure, looks)
    return figure


def _limits(items: Sequence[Difference]) -> tuple[float, float]:
    """Ends of an axis that shows everything and 0: each score has its own, for small differences count, too."""
    ends = [end for item in items for end in (item.difference, item.low, item.high) if end is not None]
    low, high = min([0.0, *ends]), max([0.0, *ends])
    margin = 0.08 * max(high - low, 0.02)
    return low - margin, high + margin


def _panels(figure: Figure, runs: Sequence[str]) -> list[Axes]:
    """A panel per score with a line per run, named once, at the left."""
    all_axes = [figure.add_subplot(1, len(SCORES), i + 1) for i in range(len(SCORES))]
    for i, axes in enumerate(all_axes):
        axes.set_yticks(range(len(runs)), [shorten(run, 26) for run in runs] if i == 0 else [])
        axes.set_ylim(len(runs) - 0.5, -0.5)
        axes.grid(axis="x")
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        for y in range(1, len(runs)):
            axes.axhline(y - 0.5, color=GRID, linewidth=0.8, zorder=0)
    return all_axes


def _offset(place: int, n_places: int) -> float:
    return _STEP * (place - (n_places - 1) / 2)


def _draw_interval(axes: Axes, low: float | None, high: float | None, y: float, color: str) -> None:
    if low is not None and high is not None:
        axes.plot([low, high], [y, y], "-", color=color, linewidth=1.8, alpha=0.75, solid_capstyle="butt")


def _add_legend(figure: Figure, looks: Sequence[tuple[str, str, str, str]]) -> None:
    handles = [
        Line2D(
            [], [], linestyle="", marker=marker, markerfacecolor=face, markeredgecolor=edge, markersize=7, label=words
        )
        for marker, face, edge, words in looks
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), handletextpad=0.3)
