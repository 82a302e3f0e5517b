"""Figures of how the heads were trained and what the run cost."""

from itertools import groupby
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from common.colors import INK, MUTED, behavior_colors
from pipeline.report.figures.style import Drawing, line, line_panels, mark, new_figure, shorten
from pipeline.run_folder.reading import EpochRow, Run

FINAL_FOLD = "final"


def draw_training(run: Run) -> Drawing | None:
    """Loss and validation average precision over epochs: a row per behavior, a line per fold (and member).

    Heads of another protocol, of the baseline or of inner folds bear another name and are left out.
    """
    own = f"{run.head_name}, member "
    rows = [row for row in run.training if row.head == run.head_name or row.head.startswith(own)]
    behaviors = [name for name in run.behaviors if any(row.behavior == name for row in rows)]
    if not behaviors:
        return None
    colors = behavior_colors(run.behaviors)
    figure = new_figure(9.0, 2.2 * len(behaviors) + 0.4)
    for i, behavior in enumerate(behaviors):
        loss_axes = figure.add_subplot(len(behaviors), 2, 2 * i + 1)
        score_axes = figure.add_subplot(len(behaviors), 2, 2 * i + 2)
        mine = [row for row in rows if row.behavior == behavior]
        for (fold, _), epochs in groupby(mine, key=lambda row: (row.fold, row.head)):
            _draw_fold(loss_axes, score_axes, list(epochs), fold, colors[behavior])
        for axes, label in ((loss_axes, "training loss"), (score_axes, "validation AP")):
            axes.set_ylabel(label)
            axes.grid(axis="y")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        score_axes.set_ylim(0, 1.02)
        score_axes.set_xlim(loss_axes.get_xlim())
        loss_axes.set_ylim(bottom=0)
        loss_axes.set_title(shorten(behavior, 40))
        if i == len(behaviors) - 1:
            loss_axes.set_xlabel("epoch")
            score_axes.set_xlabel("epoch")
    legend = [
        line("fold", MUTED, linewidth=1.1),
        line("final head (all training recordings)", linewidth=1.8),
        mark("o", "weights kept", MUTED, markersize=5),
    ]
    figure.legend(handles=legend, loc="outside lower center", ncols=3)
    columns = ("behavior", "fold", "epoch", "loss", "validation_average_precision", "best")
    return Drawing(figure, [{column: getattr(row, column) for column in columns} for row in rows])


def _draw_fold(loss_axes: Axes, score_axes: Axes, epochs: list[EpochRow], fold: str, color: str) -> None:
    final = fold == FINAL_FOLD
    looks: dict[str, Any] = {
        "color": INK if final else color,
        "linewidth": 1.8 if final else 1.1,
        "alpha": 0.9 if final else 0.6,
        "zorder": 4 if final else 2,
    }
    for axes, column in ((loss_axes, "loss"), (score_axes, "validation_average_precision")):
        points = [(row.epoch, getattr(row, column), row.best) for row in epochs]
        points = [point for point in points if point[1] is not None]
        # A head of one epoch is a point, and a line of one point cannot be seen.
        marker = "." if len(points) == 1 else None
        axes.plot([x for x, _, _ in points], [y for _, y, _ in points], marker=marker, **looks)
        kept = [(x, y) for x, y, best in points if best]
        dots = {"color": looks["color"], "zorder": looks["zorder"] + 1, "markersize": 4.5}
        axes.plot([x for x, _ in kept], [y for _, y in kept], "o", **dots)


def draw_stages(run: Run) -> Drawing | None:
    """Seconds per stage as bars."""
    stages = [stage for stage in run.provenance.get("stages") or [] if stage.get("seconds") is not None]
    if not stages:
        return None
    figure = new_figure(7.6, 0.6 + 0.34 * len(stages))
    (axes,) = line_panels(figure, [shorten(str(stage.get("stage", "")), 40) for stage in stages])
    axes.grid(visible=False)
    seconds = [float(stage["seconds"]) for stage in stages]
    axes.barh(range(len(stages)), seconds, color="#7A8CA0", height=0.62)
    for y, value in enumerate(seconds):
        axes.text(value, y, f" {value:,.1f} s", va="center", fontsize=8)
    axes.set_xlim(0, max(*seconds, 0.1) * 1.15)
    axes.set_xlabel("seconds")
    return Drawing(figure, [{"stage": stage.get("stage", ""), "seconds": float(stage["seconds"])} for stage in stages])
