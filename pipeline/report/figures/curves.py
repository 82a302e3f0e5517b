"""Figures of all thresholds and of one: precision-recall curves, confusion counts, reliability of probabilities."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullLocator

from common.colors import BASELINE, GRID, INK, MUTED, behavior_colors
from common.tables import Row, number
from pipeline.report.figures.classes import draw_class_confusion
from pipeline.report.figures.style import SUBSET_LINES, SUBSET_MARKERS, Drawing, label_left, line, panels, shorten
from pipeline.run_folder.reading import SUBSET_WORDS, Run
from pipeline.scoring.metrics import PrecisionRecall, precision_recall_curve
from pipeline.scoring.score_tables import AS_USED, BEFORE_CALIBRATION
from pipeline.scoring.scores import FULL, RAW, ScoreRow
from pipeline.scoring.timeline import joined_frames

_MAX_CURVE_POINTS = 600
# Gray and a behavior's color can look alike to the color-blind: the dots of a line do not.
_BASELINE_LINES: Mapping[str, Any] = {
    "cross_validation": (0, (1, 1)),
    "test": (0, (3, 1, 1, 1)),
    "evaluation": (0, (1, 1)),
}
# The open mark is a ring around the filled one, so that both are seen where post-processing changed nothing.
_POINT_SIZES = {RAW: 5.0, FULL: 10.0}


def draw_precision_recall(run: Run) -> Drawing | None:
    """One panel per behavior: pooled curves of every subset and of the best baseline, with operating points."""
    if not run.subsets:
        return None
    colors = behavior_colors(run.behaviors)
    n_curves = len(run.subsets) * (2 if run.baseline_scores else 1)
    figure, all_axes = panels(len(run.behaviors), (3.2, 3.25 + 0.17 * n_curves))
    numbers: list[Row] = []
    for (axes,), behavior in zip(all_axes, run.behaviors, strict=True):
        _draw_equal_f1(axes)
        for subset in run.subsets:
            numbers += _draw_curve(axes, run, behavior, subset, colors[behavior])
        axes.set_title(shorten(behavior))
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xlabel="Recall", ylabel="Precision")
        axes.set_aspect("equal")
        if not axes.get_legend_handles_labels()[0]:
            axes.text(0.5, 0.5, "n/a: no positive frame", ha="center", color=MUTED, transform=axes.transAxes)
        else:
            axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.17), ncols=1, handlelength=2.4)
    return Drawing(figure, numbers)


def _draw_equal_f1(axes: Axes) -> None:
    for f1 in (0.2, 0.4, 0.6, 0.8):
        recall = np.linspace(f1 / (2 - f1), 1, 100)
        axes.plot(recall, f1 * recall / (2 * recall - f1), color=GRID, linewidth=0.9, zorder=0)
        axes.text(1.035, f1 / (2 - f1), f"F1 {f1}", color=MUTED, fontsize=6.5, va="center", clip_on=False)


def _draw_curve(axes: Axes, run: Run, behavior: str, subset: str, color: str) -> list[Row]:
    raw = run.score(behavior, subset, RAW)
    value = number(raw, "average_precision")
    curve = _pooled_curve(run, behavior, subset)
    if curve is None or value is None:
        return []
    style = SUBSET_LINES[subset]
    if subset == run.subsets[0]:
        prevalence = (number(raw, "n_positive") or 0) / (number(raw, "n_frames") or 1)
        axes.axhline(prevalence, color=MUTED, linewidth=0.9, linestyle=":", zorder=1)
    recall, precision = thin_curve(curve)
    label = f"{SUBSET_WORDS[subset]}: AP {value:.3f}"
    axes.plot(recall, precision, color=color, linestyle=style, label=label, zorder=3)
    numbers = _curve_rows(behavior, subset, "curve", recall, precision)
    baseline_value = number(run.score(behavior, subset, RAW, baseline=True), "average_precision")
    baseline = _pooled_curve(run, behavior, subset, baseline=True)
    if baseline is not None and baseline_value is not None:
        label = f"{run.best_baseline(behavior, subset)}, {SUBSET_WORDS[subset]}: AP {baseline_value:.3f}"
        recall, precision = thin_curve(baseline)
        axes.plot(recall, precision, color=BASELINE, linestyle=_BASELINE_LINES[subset], linewidth=1.3, label=label,
                  zorder=2)  # fmt: skip
        numbers += _curve_rows(behavior, subset, "baseline curve", recall, precision)
    for variant, face in ((RAW, color), (FULL, "none")):
        row = run.score(behavior, subset, variant)
        point = number(row, "recall"), number(row, "precision")
        if point[0] is not None and point[1] is not None:
            axes.plot(
                [point[0]], [point[1]], SUBSET_MARKERS[subset], markerfacecolor=face, markeredgecolor=INK,
                markersize=_POINT_SIZES[variant], markeredgewidth=1.2, zorder=6 if variant == RAW else 5, clip_on=False,
                path_effects=[patheffects.withStroke(linewidth=2.6, foreground="white")],
            )  # fmt: skip
            numbers += _curve_rows(behavior, subset, f"operating point, {variant}", *([x] for x in point))
    return numbers


def _curve_rows(
    behavior: str, subset: str, what: str, recall: Sequence[Any] | np.ndarray, precision: Sequence[Any] | np.ndarray
) -> list[Row]:
    return [
        {"behavior": behavior, "subset": subset, "what": what, "recall": float(x), "precision": float(y)}
        for x, y in zip(recall, precision, strict=True)
    ]


def _pooled_curve(run: Run, behavior: str, subset: str, baseline: bool = False) -> PrecisionRecall | None:
    parts = [run.behavior(behavior, row.recording, baseline) for row in run.members(subset)]
    return precision_recall_curve(*joined_frames(part for part in parts if part is not None))


def thin_curve(curve: PrecisionRecall) -> tuple[np.ndarray, np.ndarray]:
    """Recall and precision of a curve, thinned to what a picture can show."""
    n_points = curve.recall.size
    if n_points > _MAX_CURVE_POINTS:
        # Even steps along recall and along rank together keep both ends of the curve in detail.
        grid = np.searchsorted(curve.recall, np.linspace(0, 1, _MAX_CURVE_POINTS // 2))
        ranks = np.geomspace(1, n_points, _MAX_CURVE_POINTS // 2).astype(int) - 1
        keep = np.unique(np.clip(np.concatenate([grid, ranks]), 0, n_points - 1))
    else:
        keep = np.arange(n_points)
    return curve.recall[keep], curve.precision[keep]


def draw_confusion(run: Run) -> Drawing | None:
    """Confusion counts after post-processing, per behavior and subset; of exclusive classes all in one."""
    if not run.subsets:
        return None
    if run.tables.confusion:
        return draw_class_confusion(run)
    figure, all_axes = panels(len(run.behaviors), (2.7, 2.5 * len(run.subsets)), [1] * len(run.subsets), 4.0)
    numbers: list[Row] = []
    for panel, (behavior, color) in zip(all_axes, behavior_colors(run.behaviors).items(), strict=True):
        for axes, subset in zip(panel, run.subsets, strict=True):
            row = run.score(behavior, subset, FULL)
            _draw_matrix(axes, row, color)
            axes.set_title(f"{shorten(behavior, 22)}\n{SUBSET_WORDS[subset]}", fontsize=8.5)
            counts = {name: number(row, name) for name in ("tp", "fn", "fp", "tn")}
            numbers.append({"behavior": behavior, "subset": subset} | counts)
    return Drawing(figure, sorted(numbers, key=lambda row: run.subsets.index(row["subset"])))


def _draw_matrix(axes: Axes, row: ScoreRow | None, color: str) -> None:
    counts = np.array([[number(row, name) or 0 for name in pair] for pair in (("tp", "fn"), ("fp", "tn"))])
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros((2, 2)), where=totals > 0)
    for (y, x), share in np.ndenumerate(shares):
        axes.fill_between([x, x + 1], y, y + 1, color=color, alpha=0.06 + 0.64 * share, linewidth=0)
        percent = f"{share:.1%}" if totals[y, 0] else "n/a"
        axes.text(x + 0.5, y + 0.42, f"{int(counts[y, x]):,}", ha="center", va="center", fontsize=10)
        axes.text(x + 0.5, y + 0.68, percent, ha="center", va="center", fontsize=8, color=INK)
    axes.set(xlim=(0, 2), ylim=(2, 0), ylabel="human")
    axes.set_xticks([0.5, 1.5], ["predicted", "not predicted"])
    axes.set_yticks([0.5, 1.5], ["yes", "no"])
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.axhline(1, color="white", linewidth=2)
    axes.axvline(1, color="white", linewidth=2)


def draw_calibration(run: Run) -> Drawing | None:
    """Reliability of the probabilities of the first subset: said against seen, and how many frames say so."""
    if not run.subsets:
        return None
    subset = run.subsets[0]
    rows = [row for row in run.tables.calibration if row["subset"] == subset and row["n_frames"]]
    behaviors = [name for name in run.behaviors if any(row["behavior"] == name for row in rows)]
    if not behaviors:
        return None
    colors = behavior_colors(run.behaviors)
    figure, all_axes = panels(len(behaviors), (2.9, 4.4), (3, 1))
    numbers: list[Row] = []
    for (above, below), behavior in zip(all_axes, behaviors, strict=True):
        mine = [row for row in rows if row["behavior"] == behavior]
        _draw_reliability(above, below, mine, colors[behavior])
        above.set_title(shorten(behavior, 24))
        label_left(above, "seen: share of positive frames")
        label_left(below, "frames")
        columns = ("behavior", "subset", "probabilities", "lower", "upper", "n_frames", "mean_probability", "observed")
        numbers += [{column: row[column] for column in columns} for row in mine]
    of_all, changed = (
        {row["behavior"] for row in rows if row["probabilities"] == kind} for kind in (AS_USED, BEFORE_CALIBRATION)
    )
    words = "after calibration (as used)" if changed == of_all else "probabilities as used"
    legend = [line(words, marker="o", markersize=5)]
    if changed:
        legend.append(line("before calibration", BASELINE, marker="o", markersize=5, markerfacecolor="white"))
    legend.append(line("perfectly calibrated", MUTED, linestyle=":"))
    figure.legend(handles=legend, loc="outside lower center", ncols=3)
    return Drawing(figure, numbers)


def _draw_reliability(above: Axes, below: Axes, rows: Sequence[Row], color: str) -> None:
    above.plot([0, 1], [0, 1], color=MUTED, linewidth=0.9, linestyle=":")
    for kind in (BEFORE_CALIBRATION, AS_USED):
        mine = [row for row in rows if row["probabilities"] == kind]
        used = kind == AS_USED
        looks: dict[str, Any] = {"color": color if used else BASELINE, "markerfacecolor": color if used else "white"}
        above.plot([row["mean_probability"] for row in mine], [row["observed"] for row in mine], marker="o",
                   markersize=5, linewidth=1.5 if used else 1.1, zorder=3 if used else 2, **looks)  # fmt: skip
        widths, heights = [row["upper"] - row["lower"] for row in mine], [row["n_frames"] for row in mine]
        # The one in use is filled, the other an outline over it.
        filled: dict[str, Any] = {"color": color, "alpha": 0.6, "edgecolor": "white", "zorder": 2}
        bars = filled if used else {"color": "none", "edgecolor": BASELINE, "zorder": 3}
        below.bar([row["lower"] for row in mine], heights, widths, align="edge", linewidth=0.7, **bars)
    above.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    above.tick_params(axis="x", labelbottom=False)
    above.grid()
    below.set(xlim=(-0.02, 1.02), xlabel="said: probability")
    # Most frames are sure negatives: on a linear axis nothing else would be seen.
    below.set_yscale("log")
    below.set_ylim(bottom=0.7)
    below.yaxis.set_major_locator(LogLocator(numticks=4))
    below.yaxis.set_minor_locator(NullLocator())
    below.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
