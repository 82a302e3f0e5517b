"""The confusion matrix of exclusive classes."""

import numpy as np
from matplotlib.axes import Axes

from common.colors import INK, behavior_colors
from common.tables import Row
from pipeline.report.figures.style import Drawing, panels, shorten
from pipeline.run_folder.reading import SUBSET_WORDS, Run
from pipeline.scoring.scores import FULL, POOLED


def draw_class_confusion(run: Run) -> Drawing:
    """Frames of each class by what the model calls them, after post-processing, pooled over each subset."""
    names = list(dict.fromkeys(row["true"] for row in run.tables.confusion))
    side_in = max(3.4, 0.78 * len(names) + 1.5)
    figure, all_axes = panels(len(run.subsets), (side_in, side_in))
    numbers: list[Row] = []
    for (axes,), subset in zip(all_axes, run.subsets, strict=True):
        wanted = (subset, POOLED, FULL)
        rows = [r for r in run.tables.confusion if (r["subset"], r["recording"], r["postprocessed"]) == wanted]
        _draw_matrix(axes, rows, names, behavior_colors(run.behaviors))
        axes.set_title(SUBSET_WORDS[subset])
        numbers += [{key: r[key] for key in ("subset", "true", "predicted", "n_frames", "share")} for r in rows]
    return Drawing(figure, numbers)


def _draw_matrix(axes: Axes, rows: list[Row], names: list[str], colors: dict[str, str]) -> None:
    for row in rows:
        x, y, share = names.index(row["predicted"]), names.index(row["true"]), row["share"]
        alpha = 0.06 + 0.64 * (share or 0)
        axes.fill_between([x, x + 1], y, y + 1, color=colors.get(row["true"], INK), alpha=alpha, linewidth=0)
        percent = "n/a" if share is None else f"{share:.1%}"
        axes.text(x + 0.5, y + 0.42, f"{row['n_frames']:,}", ha="center", va="center", fontsize=8.5)
        axes.text(x + 0.5, y + 0.68, percent, ha="center", va="center", fontsize=7.5)
    places, words = np.arange(len(names)) + 0.5, [shorten(name, 16) for name in names]
    axes.set_xticks(places, words, rotation=30, ha="right")
    axes.set_yticks(places, words)
    axes.set(xlim=(0, len(names)), ylim=(len(names), 0), xlabel="predicted", ylabel="human", aspect="equal")
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    for line in range(1, len(names)):
        axes.axhline(line, color="white", linewidth=2)
        axes.axvline(line, color="white", linewidth=2)
