"""Figures of the labels: how often behaviors occur, and how long their bouts last."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from common.colors import INK, MUTED, behavior_colors
from common.tables import Row
from pipeline.report.figures.style import (
    BEHAVIOR_MARKERS,
    Drawing,
    legend_columns,
    line_panels,
    mark,
    new_figure,
    panels,
    shorten,
)
from pipeline.run_folder.reading import Run
from pipeline.scoring.bouts.bouts import runs_of_true


def bout_durations_s(run: Run, behavior: str, subset: str | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Durations of human and of predicted bouts in seconds, over labelled and predicted recordings.

    Both are taken over scored frames only: a stretch that no human judged ends a bout.

    Returns
    -------
    (ndarray, ndarray)
        Shapes (n_bouts,) each.
    """
    human: list[float] = []
    predicted: list[float] = []
    for row in run.recordings:
        part = run.behavior(behavior, row.recording)
        if part is None or subset not in (None, row.subset):
            continue
        human += [(stop - start) / row.fps for start, stop in runs_of_true(part.true & part.scored)]
        predicted += [(stop - start) / row.fps for start, stop in runs_of_true(part.predicted & part.scored)]
    return np.array(human), np.array(predicted)


def draw_class_balance(run: Run) -> Drawing | None:
    """Share of positive frames per recording and behavior."""
    labelled = [row for row in run.recordings if (lines := run.timelines.get(row.recording)) and lines.has_labels]
    if not labelled:
        return None
    colors = behavior_colors(run.behaviors)
    markers = {name: BEHAVIOR_MARKERS[i % len(BEHAVIOR_MARKERS)] for i, name in enumerate(run.behaviors)}
    figure = new_figure(7.6, 0.9 + max(max(0.2, 0.06 * len(colors)) * len(labelled), 0.7))
    (axes,) = line_panels(figure, [shorten(row.recording) for row in labelled])
    # Behaviors sit slightly apart on each recording's line, so that equal shares stay visible.
    offsets = np.linspace(-0.25, 0.25, len(run.behaviors)) if len(run.behaviors) > 1 else [0.0]
    numbers: list[Row] = []
    for offset, behavior in zip(offsets, run.behaviors, strict=True):
        for y, row in enumerate(labelled):
            part = run.behavior(behavior, row.recording)
            if part is not None and part.scored.any():
                share = 100 * float(part.true[part.scored].mean())
                axes.plot([share], [y + offset], markers[behavior], color=colors[behavior], markersize=5.5)
                key = {"recording": row.recording, "subset": row.subset, "behavior": behavior}
                numbers.append(key | {"percent_positive": share, "n_scored": int(part.scored.sum())})
    axes.set_xlim(left=-0.4)
    axes.set_xlabel("positive frames (% of scored frames)")
    axes.grid(axis="y")
    marks = [mark(markers[name], shorten(name, 24), color) for name, color in colors.items()]
    n_columns = legend_columns([shorten(name, 24) for name in colors], 7.6, most=5)
    figure.legend(handles=marks, loc="outside upper left", ncols=n_columns, handletextpad=0.2)
    return Drawing(figure, numbers)


def draw_bout_lengths(run: Run) -> Drawing | None:
    """Histogram of bout durations per behavior on a logarithmic axis, human above and predicted below."""
    durations = {behavior: bout_durations_s(run, behavior) for behavior in run.behaviors}
    if not any(human.size or predicted.size for human, predicted in durations.values()):
        return None
    colors = behavior_colors(run.behaviors)
    figure, all_axes = panels(len(run.behaviors), (3.2, 2.6))
    numbers: list[Row] = []
    for (axes,), behavior in zip(all_axes, run.behaviors, strict=True):
        counted = _draw_durations(axes, *durations[behavior], colors[behavior])
        numbers += [{"behavior": behavior} | row for row in counted]
        axes.set_title(shorten(behavior))
    return Drawing(figure, numbers)


def _draw_durations(axes: Axes, human: np.ndarray, predicted: np.ndarray, color: str) -> list[Row]:
    together = np.concatenate([human, predicted])
    axes.set(xlabel="bout duration (s)", ylabel="number of bouts")
    if not together.size:
        axes.text(0.5, 0.5, "no bout", ha="center", color=MUTED, transform=axes.transAxes)
        return []
    low, high = together.min(), together.max()
    edges = np.geomspace(low * 0.9, high * 1.1, 16)
    above, below = (np.histogram(durations, edges)[0] for durations in (human, predicted))
    for heights, shade in ((above, INK), (-below, color)):
        axes.bar(edges[:-1], heights, np.diff(edges), align="edge", color=shade, edgecolor="white", linewidth=0.5)
    axes.axhline(0, color=MUTED, linewidth=0.8)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    axes.yaxis.set_major_formatter(lambda value, _: f"{abs(value):g}")
    limit = 1.25 * max(above.max(), below.max(), 1)
    axes.set_ylim(-limit, limit)
    for count, y, words, va in ((human, 0.98, "human", "top"), (predicted, 0.02, "predicted", "bottom")):
        median = f", median {np.median(count):.1f} s" if count.size else ""
        text = f"{words}: {count.size}{median}"
        axes.text(0.98, y, text, ha="right", va=va, transform=axes.transAxes, fontsize=8)
    return [
        {"from_s": float(low), "to_s": float(high), "n_human": int(a), "n_predicted": int(b)}
        for low, high, a, b in zip(edges[:-1], edges[1:], above, below, strict=True)
    ]
