"""How far two animals are apart while a behavior is shown and while it is not: distributions."""

from collections.abc import Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from numpy.typing import NDArray

from common.colors import MUTED, UNSCORED, behavior_colors
from common.tables import Row
from pipeline.report.figures.style import Drawing, label_left, line, panels, shorten
from pipeline.report.proximity import MEASURE_WORDS
from pipeline.run_folder.frame_tables import read_distances, read_labels
from pipeline.run_folder.reading import SUBSET_WORDS, Run
from pipeline.run_folder.run_dir import RunDir
from pipeline.scoring.classes import class_numbers
from pipeline.scoring.proximity import BODY_LENGTHS
from pipeline.scoring.scores import POOLED

_N_BINS = 40
# Of all frames: a few far ones would press the others together.
_WIDEST = 0.995
# Gray and a behavior's color can look alike to the color-blind.
_NOT_SHOWN_LINE = (0, (3, 1.5))
_SUFFIX = {BODY_LENGTHS: "body_lengths"}

Frames = tuple[NDArray[np.float64], NDArray[np.float64]]


def draw_proximity(run: Run) -> Drawing | None:
    """A panel per behavior: the share of frames by distance, for each measure; of the first subset with scores."""
    rows = [row for row in run.tables.proximity if row["recording"] == POOLED]
    if not rows:
        return None
    present = {row["subset"] for row in rows}
    subset = next((name for name in SUBSET_WORDS if name in present & {*run.subsets}), rows[0]["subset"])
    rows = [row for row in rows if row["subset"] == subset]
    behaviors = list(dict.fromkeys(row["behavior"] for row in rows))
    measures = list(dict.fromkeys(row["measure"] for row in rows))
    colors = behavior_colors(run.behaviors)
    figure, all_axes = panels(len(behaviors), (3.4, 1.25 * len(measures) + 0.75), [1] * len(measures))
    frames = _frames(run, subset, behaviors, {row["measure"]: row["unit"] for row in rows})
    tops = {measure: _top([frames[behavior, measure] for behavior in behaviors]) for measure in measures}
    numbers: list[Row] = []
    for panel, behavior in zip(all_axes, behaviors, strict=True):
        panel[0].set_title(shorten(behavior, 24))
        for axes, measure in zip(panel, measures, strict=True):
            (row,) = (row for row in rows if (row["behavior"], row["measure"]) == (behavior, measure))
            key = {"behavior": behavior, "subset": subset, "measure": measure, "unit": row["unit"]}
            own = frames[behavior, measure]
            numbers += [key | cells for cells in _draw(axes, own, tops[measure], colors.get(behavior, MUTED))]
            axes.set_xlabel(f"{MEASURE_WORDS[measure]} ({row['unit']})")
            label_left(axes, "% of frames")
    words = f"while it is shown (in color), {SUBSET_WORDS.get(subset, subset)}"
    shown = Patch(color=MUTED, label=words, alpha=0.75)
    legend: list[Artist] = [shown, Patch(color=UNSCORED, label="while it is not")]
    legend += [line("median, shown", MUTED), line("median, not shown", MUTED, linestyle=_NOT_SHOWN_LINE)]
    figure.legend(handles=legend, loc="outside lower center", ncols=4)
    return Drawing(figure, numbers) if numbers else None


def _frames(run: Run, subset: str, behaviors: Sequence[str], units: dict[str, str]) -> dict[tuple[str, str], Frames]:
    """Known distances of scored frames with each behavior, and of those without it."""
    found: dict[tuple[str, str], tuple[list[NDArray[np.float64]], list[NDArray[np.float64]]]] = {
        (behavior, measure): ([], []) for behavior in behaviors for measure in units
    }
    folder = RunDir(run.path)
    for row in run.members(subset):
        distances, labels = read_distances(folder, row), read_labels(folder, row, run.behaviors)
        if labels is None or not distances:
            continue
        for (behavior, measure), (shown, not_shown) in found.items():
            values = distances[f"{measure}_{_SUFFIX.get(units[measure], units[measure])}"]
            if behavior in run.behaviors:
                column = run.behaviors.index(behavior)
                active, scored = labels.active[:, column], labels.scored[:, column]
            else:  # the background of exclusive classes
                active, scored = class_numbers(labels.active) == labels.active.shape[1], labels.scored[:, 0]
            counts = scored & ~np.isnan(values)
            shown.append(values[counts & active])
            not_shown.append(values[counts & ~active])
    nothing = np.zeros(0)
    return {
        key: (np.concatenate([nothing, *shown]), np.concatenate([nothing, *not_shown]))
        for key, (shown, not_shown) in found.items()
    }


def _top(frames: Sequence[Frames]) -> float:
    """Up to where a measure's axis goes, the same for all behaviors."""
    values = np.concatenate([part for both in frames for part in both])
    return float(np.quantile(values, _WIDEST)) or 1.0 if values.size else 1.0


def _draw(axes: Axes, frames: Frames, top: float, color: str) -> list[Row]:
    """Draw both distributions; returns a row per bin. What is farther than the last bin is counted there."""
    edges = np.linspace(0, top, _N_BINS + 1)
    shares = []
    for values in frames:
        counts, _ = np.histogram(np.minimum(values, top), edges)
        shares.append(100 * counts / max(1, values.size))
    axes.stairs(shares[1], edges, fill=True, color=UNSCORED)
    axes.stairs(shares[0], edges, fill=True, color=color, alpha=0.6)
    for values, line_color, style in zip(frames, (color, MUTED), ("-", _NOT_SHOWN_LINE), strict=True):
        if values.size:
            axes.axvline(float(np.median(values)), color=line_color, linewidth=1.6, linestyle=style)
    axes.set_xlim(0, top)
    axes.set_ylim(bottom=0)
    return [
        {"from": float(low), "to": float(high), "shown_percent": float(shown), "not_shown_percent": float(other)}
        for low, high, shown, other in zip(edges[:-1], edges[1:], *shares, strict=True)
    ]
