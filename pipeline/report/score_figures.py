"""Figures of how good the predictions are: average precision, precision-recall curves, confusion."""

from typing import Any, cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from pipeline.metrics import FrameArrays, PrecisionRecall, precision_recall_curve
from pipeline.report.run_files import CROSS_VALIDATION, SUBSET_WORDS, TEST, Run
from pipeline.report.style import BASELINE, GRID, INK, MUTED, behavior_colors, new_figure, panels, shorten
from pipeline.scores import CLOSED, RAW, ScoreRow

_MAX_CURVE_POINTS = 600
_LINE_STYLES = {CROSS_VALIDATION: "-", TEST: (0, (5, 1.5))}
_MARKERS = {CROSS_VALIDATION: "D", TEST: "^"}


def number(row: ScoreRow | None, column: str) -> float | None:
    """A ratio or count of a row of scores; None where the row is absent or the ratio undefined."""
    return None if row is None else cast("float | None", row[column])


def draw_score_overview(run: Run) -> Figure | None:
    """Average precision per behavior: recordings, pooled, baseline and chance on one axis."""
    if not run.subsets:
        return None
    colors = behavior_colors(run.behaviors)
    figure = new_figure(7.6, 0.9 + 0.4 * len(run.behaviors) * len(run.subsets))
    axes = figure.add_subplot()
    labels: list[str] = []
    for behavior in run.behaviors:
        for subset in run.subsets:
            _draw_score_line(axes, run, behavior, subset, len(labels), colors[behavior])
            labels.append(f"{shorten(behavior, 24)}\n{SUBSET_WORDS[subset]}")
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.set_xlim(-0.01, 1.01)
    axes.set_xlabel("Average precision")
    axes.grid(axis="x")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    figure.legend(handles=_overview_legend(run), loc="outside lower center", ncols=6, handletextpad=0.3)
    return figure


def _draw_score_line(axes: Axes, run: Run, behavior: str, subset: str, y: int, color: str) -> None:
    axes.axhline(y, color=GRID, linewidth=0.8, zorder=0)
    singles = [
        number(run.score(behavior, subset, RAW, row.recording), "average_precision") for row in run.members(subset)
    ]
    known = [value for value in singles if value is not None]
    axes.plot(known, [y] * len(known), "o", color=color, alpha=0.45, markersize=4.5, markeredgewidth=0)
    pooled = run.score(behavior, subset, RAW)
    n_frames, n_positive = number(pooled, "n_frames"), number(pooled, "n_positive")
    if n_frames:
        axes.plot([(n_positive or 0) / n_frames], [y], "|", color=MUTED, markersize=14, markeredgewidth=1.6)
    baseline = number(run.score(behavior, subset, RAW, baseline=True), "average_precision")
    if baseline is not None:
        axes.plot([baseline], [y], "o", markerfacecolor="white", markeredgecolor=BASELINE, markersize=8)
    value = number(pooled, "average_precision")
    if value is not None:
        axes.plot([value], [y], _MARKERS[subset], color=color, markersize=9, markeredgecolor="white")


def _overview_legend(run: Run) -> list[Line2D]:
    def mark(marker: str, label: str, **looks: Any) -> Line2D:
        return Line2D([], [], linestyle="", marker=marker, label=label, color=INK, **looks)

    marks = [mark("o", "one recording", markersize=4.5, alpha=0.45)]
    marks += [mark(_MARKERS[subset], f"{SUBSET_WORDS[subset]}, pooled", markersize=8) for subset in run.subsets]
    if run.baseline_scores:
        marks.append(mark("o", "baseline, pooled", markerfacecolor="white", markeredgecolor=BASELINE, markersize=8))
    return [*marks, mark("|", "chance", markersize=12, markeredgewidth=1.6, markeredgecolor=MUTED)]


def draw_precision_recall(run: Run) -> Figure | None:
    """One panel per behavior: pooled curves of cross-validation, test and baseline with operating points."""
    if not run.subsets:
        return None
    colors = behavior_colors(run.behaviors)
    figure, all_axes = panels(len(run.behaviors), panel_height_in=3.9)
    for axes, behavior in zip(all_axes, run.behaviors, strict=True):
        _draw_equal_f1(axes)
        for subset in run.subsets:
            _draw_curve(axes, run, behavior, subset, colors[behavior])
        axes.set_title(shorten(behavior))
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xlabel="Recall", ylabel="Precision")
        axes.set_aspect("equal")
        if not axes.get_legend_handles_labels()[0]:
            axes.text(0.5, 0.5, "n/a: no positive frame", ha="center", color=MUTED, transform=axes.transAxes)
        else:
            axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.17), ncols=1, handlelength=2.4)
    return figure


def _draw_equal_f1(axes: Axes) -> None:
    for f1 in (0.2, 0.4, 0.6, 0.8):
        recall = np.linspace(f1 / (2 - f1), 1, 100)
        axes.plot(recall, f1 * recall / (2 * recall - f1), color=GRID, linewidth=0.9, zorder=0)
        axes.text(1.035, f1 / (2 - f1), f"F1 {f1}", color=MUTED, fontsize=6.5, va="center", clip_on=False)


def _draw_curve(axes: Axes, run: Run, behavior: str, subset: str, color: str) -> None:
    raw = run.score(behavior, subset, RAW)
    value = number(raw, "average_precision")
    curve = _pooled_curve(run, behavior, subset)
    if curve is None or value is None:
        return
    style = _LINE_STYLES[subset]
    if subset == run.subsets[0]:
        prevalence = (number(raw, "n_positive") or 0) / (number(raw, "n_frames") or 1)
        axes.axhline(prevalence, color=MUTED, linewidth=0.9, linestyle=":", zorder=1)
    baseline_row = run.score(behavior, subset, RAW, baseline=True)
    baseline_value = number(baseline_row, "average_precision")
    baseline = _pooled_curve(run, behavior, subset, baseline=True)
    label = f"{SUBSET_WORDS[subset]}: AP {value:.3f}"
    axes.plot(*thin_curve(curve), color=color, linestyle=style, label=label, zorder=3)
    if baseline is not None and baseline_value is not None:
        label = f"baseline, {SUBSET_WORDS[subset]}: AP {baseline_value:.3f}"
        axes.plot(*thin_curve(baseline), color=BASELINE, linestyle=style, linewidth=1.1, label=label, zorder=2)
    for way, face in ((RAW, color), (CLOSED, "white")):
        row = run.score(behavior, subset, way)
        precision, recall = number(row, "precision"), number(row, "recall")
        if precision is not None and recall is not None:
            axes.plot(
                [recall], [precision], _MARKERS[subset], markerfacecolor=face, markeredgecolor=INK,
                markersize=6.5, markeredgewidth=1.1, zorder=5, clip_on=False,
            )  # fmt: skip


def _pooled_curve(run: Run, behavior: str, subset: str, baseline: bool = False) -> PrecisionRecall | None:
    parts = [run.frame_arrays(behavior, row.recording, baseline) for row in run.members(subset)]
    pairs = [used_frames(part) for part in parts if part is not None]
    if not pairs:
        return None
    return precision_recall_curve(
        np.concatenate([true for true, _ in pairs]), np.concatenate([value for _, value in pairs])
    )


def used_frames(part: FrameArrays) -> tuple[np.ndarray, np.ndarray]:
    """Truth and probability of the frames that count: scored by a human and predicted."""
    used = part.scored & ~np.isnan(part.probability)
    return part.true[used], part.probability[used]


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


def draw_confusion(run: Run) -> Figure | None:
    """Confusion counts after post-processing: a row per subset, a column per behavior."""
    if not run.subsets:
        return None
    colors = behavior_colors(run.behaviors)
    cells = [(behavior, subset) for subset in run.subsets for behavior in run.behaviors]
    per_row = min(len(run.behaviors), 4)
    if len(run.behaviors) > per_row:
        figure, all_axes = panels(len(cells), panel_height_in=2.5, n_columns=per_row)
    else:
        figure = new_figure(max(2.7 * per_row, 4.0), 2.5 * len(run.subsets))
        all_axes = [figure.add_subplot(len(run.subsets), per_row, i + 1) for i in range(len(cells))]
    for axes, (behavior, subset) in zip(all_axes, cells, strict=True):
        _draw_matrix(axes, run.score(behavior, subset, CLOSED), colors[behavior])
        axes.set_title(f"{shorten(behavior, 22)}\n{SUBSET_WORDS[subset]}", fontsize=8.5)
    return figure


def _draw_matrix(axes: Axes, row: ScoreRow | None, color: str) -> None:
    counts = np.array([[number(row, name) or 0 for name in pair] for pair in (("tp", "fn"), ("fp", "tn"))])
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros((2, 2)), where=totals > 0)
    for y in range(2):
        for x in range(2):
            share = shares[y, x]
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
