"""Figure of human agreement: the model next to the human ceiling."""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from common.colors import GRID, INK, MUTED, UNSCORED, behavior_colors
from common.tables import Row
from pipeline.report.figures.style import Drawing, line, line_panels, mark, new_figure, shorten
from pipeline.run_folder.evidence import pooled_agreement
from pipeline.run_folder.reading import SUBSET_WORDS, Run
from pipeline.scoring.agreement import HUMAN_HUMAN, MODEL_CONSENSUS, MODEL_HUMAN

MEASURES = {
    "kappa": "Cohen's kappa",
    "f1": "frame F1",
    "bout_f1_iou50": "bout F1 (IoU 0.5)",
    "onset_difference_s": "onset difference (s)",
}
# Humans sit above the line, the model below it.
_OFFSETS = {HUMAN_HUMAN: -0.2, MODEL_HUMAN: 0.08, MODEL_CONSENSUS: 0.3}


def draw_agreement(run: Run) -> Drawing | None:
    """Agreement of human pairs and of the model with each human, one panel per measure."""
    subsets = list(dict.fromkeys(str(row["subset"]) for row in run.tables.agreement))
    places = [(behavior, subset) for behavior in run.behaviors for subset in subsets]
    places = [place for place in places if pooled_agreement(run, *place)]
    if not places:
        return None
    colors = behavior_colors(run.behaviors)
    figure = new_figure(9.8, 1.0 + 0.62 * len(places))
    labels = [f"{shorten(behavior, 20)}\n{SUBSET_WORDS.get(subset, subset)}" for behavior, subset in places]
    numbers: list[Row] = []
    for axes, (measure, words) in zip(line_panels(figure, labels, len(MEASURES)), MEASURES.items(), strict=True):
        for y, (behavior, subset) in enumerate(places):
            rows = [row for row in pooled_agreement(run, behavior, subset) if row[measure] is not None]
            _draw_line(axes, rows, measure, y, colors[behavior])
            numbers += [
                {name: row[name] for name in ("behavior", "subset", "kind", "first", "second")}
                | {"measure": measure, "value": row[measure]}
                for row in rows
            ]
        axes.set_xlabel(words)
        if measure == "onset_difference_s":
            # Room for a mark at zero.
            axes.set_xlim(left=-0.03 * max(axes.get_xlim()[1], 0.1))
        else:
            lowest = min((row["value"] for row in numbers if row["measure"] == measure), default=0.0)
            axes.set_xlim(min(-0.02, lowest - 0.05), 1.02)
    legend = _legend({row["kind"] for row in numbers})
    figure.legend(handles=legend, loc="outside lower center", ncols=6, handletextpad=0.3)
    return Drawing(figure, numbers)


def _draw_line(axes: Axes, rows: Sequence[Row], measure: str, y: int, color: str) -> None:
    axes.axhline(y + 0.5, color=GRID, linewidth=0.8, zorder=0)
    for kind, offset in _OFFSETS.items():
        values = [float(row[measure]) for row in rows if row["kind"] == kind]
        if not values:
            continue
        at, mean = y + offset, sum(values) / len(values)
        if kind == HUMAN_HUMAN:
            # The band reaches down to the model, so that inside or outside is seen at once.
            axes.fill_between([min(values), max(values)], y - 0.42, y + 0.42, color=UNSCORED, linewidth=0, zorder=0.5)
            axes.plot([mean, mean], [y - 0.42, y + 0.42], color=INK, linewidth=1.3, zorder=2)
            axes.plot(values, [at] * len(values), "o", color=INK, markersize=4.5, zorder=3)
        elif kind == MODEL_HUMAN:
            axes.plot(values, [at] * len(values), "o", color=color, markersize=4.5, zorder=3)
            axes.plot([mean], [at], "D", color=color, markersize=8, markeredgecolor="white", zorder=4)
        else:
            looks: dict[str, Any] = {"markerfacecolor": "white", "markeredgecolor": color}
            axes.plot(values, [at] * len(values), "D", markersize=6, zorder=3, **looks)


def _legend(kinds: set[str]) -> list[Line2D | Patch]:
    legend: list[Line2D | Patch] = [
        mark("o", "two humans", markersize=4.5),
        line("their mean (the ceiling)", linewidth=1.3),
        Patch(color=UNSCORED, label="their range"),
    ]
    if MODEL_HUMAN in kinds:
        legend.append(mark("o", "model and one human (in color)", MUTED, markersize=4.5))
        legend.append(mark("D", "their mean", MUTED, markersize=7))
    if MODEL_CONSENSUS in kinds:
        legend.append(mark("D", "model and consensus", markerfacecolor="white", markeredgecolor=MUTED, markersize=6))
    return legend
