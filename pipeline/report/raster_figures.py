"""Rasters: what happened when, by the human and by the model."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from pipeline.bouts import runs_of_true
from pipeline.report.run_files import RecordingRow, Run, section
from pipeline.report.style import GRID, INK, MUTED, PAGE_WIDTH_IN, UNSCORED, behavior_colors, new_figure, shorten

# A line of this many seconds shows a bout of two seconds as a mark of about four points.
_MAX_LINE_S = 400.0
_HUMAN = (1.56, 0.26)
_PREDICTED = (1.2, 0.26)


def draw_raster(run: Run, row: RecordingRow) -> Figure:
    """One recording in full: bouts and probability of each behavior, broken into lines when it is long."""
    colors = behavior_colors(run.behaviors)
    duration_s = row.n_frames / row.fps
    n_lines = max(1, int(np.ceil(duration_s / _MAX_LINE_S - 1e-9)))
    frames_per_line = int(np.ceil(row.n_frames / n_lines))
    n_rows = n_lines * len(run.behaviors)
    figure = new_figure(PAGE_WIDTH_IN, 0.55 + 0.8 * n_rows)
    grid = figure.add_gridspec(n_rows, 1, hspace=0.0)
    for line in range(n_lines):
        start = line * frames_per_line
        stop = min(start + frames_per_line, row.n_frames)
        for column, behavior in enumerate(run.behaviors):
            axes = figure.add_subplot(grid[line * len(run.behaviors) + column, 0])
            _draw_stretch(axes, run, row, column, slice(start, stop), colors[behavior])
            axes.set_xlim(start / row.fps, (start + frames_per_line) / row.fps)
            axes.set_ylabel(
                shorten(behavior, 16),
                rotation=0,
                ha="right",
                va="center",
                color=INK,
                labelpad=30,
                fontsize=8.5,
            )
            last = column == len(run.behaviors) - 1
            axes.tick_params(axis="x", labelbottom=last, length=3 if last else 0)
            if last and line == n_lines - 1:
                axes.set_xlabel("time (s)")
    return figure


def _draw_stretch(axes: Axes, run: Run, row: RecordingRow, column: int, part: slice, color: str) -> None:
    lines = run.timelines[row.recording]
    # One more edge than frames: the last frame too lasts until its end.
    seconds = np.arange(part.start, part.stop + 1) / row.fps
    value = np.append(lines.probability[part, column], lines.probability[part.stop - 1, column])
    threshold = float(section(run.config, "postprocess").get("threshold", 0.5))
    axes.fill_between(seconds, 0, np.nan_to_num(value), step="post", color=color, alpha=0.18, linewidth=0,
                      rasterized=True)  # fmt: skip
    axes.plot(seconds, value, color=color, linewidth=0.8, drawstyle="steps-post", rasterized=True)
    axes.axhline(threshold, color=MUTED, linewidth=0.7, linestyle=(0, (4, 3)))
    ticks, labels = [0.0, 1.0, _PREDICTED[0] + 0.13], ["0", "1", "predicted"]
    if lines.active is not None and lines.scored is not None:
        scored = lines.scored[part, column]
        _draw_bars(axes, ~scored, part.start, row.fps, _HUMAN, UNSCORED)
        _draw_bars(axes, lines.active[part, column] & scored, part.start, row.fps, _HUMAN, INK)
        ticks.append(_HUMAN[0] + 0.13)
        labels.append("human")
    _draw_bars(axes, lines.predicted[part, column], part.start, row.fps, _PREDICTED, color)
    axes.set_yticks(ticks, labels, fontsize=7)
    axes.set_ylim(-0.06, 1.9)
    axes.tick_params(axis="y", length=0, pad=2)
    axes.spines["left"].set_visible(False)
    axes.spines["bottom"].set_color(GRID)


def _draw_bars(
    axes: Axes, active: NDArray[np.bool_], offset: int, fps: float, place: tuple[float, float], color: str
) -> None:
    bars = [((offset + start) / fps, (stop - start) / fps) for start, stop in runs_of_true(active)]
    axes.broken_barh(bars, place, facecolors=color, linewidth=0)


def draw_overview(run: Run) -> Figure | None:
    """All recordings on one page: human above predicted, a pair of thin lines per behavior."""
    rows = [row for row in run.recordings if row.recording in run.timelines]
    if not rows:
        return None
    colors = behavior_colors(run.behaviors)
    n_behaviors = len(run.behaviors)
    figure = new_figure(PAGE_WIDTH_IN, 0.7 + len(rows) * (0.16 + 0.17 * n_behaviors))
    axes = figure.add_subplot()
    pitch = n_behaviors + 0.9
    for i, row in enumerate(rows):
        lines = run.timelines[row.recording]
        for column, behavior in enumerate(run.behaviors):
            y = i * pitch + column
            if lines.active is not None and lines.scored is not None:
                _draw_bars(axes, ~lines.scored[:, column], 0, row.fps, (y, 0.38), UNSCORED)
                human = lines.active[:, column] & lines.scored[:, column]
                _draw_bars(axes, human, 0, row.fps, (y, 0.38), INK)
            _draw_bars(axes, lines.predicted[:, column], 0, row.fps, (y + 0.42, 0.38), colors[behavior])
        axes.plot([0, row.n_frames / row.fps], [i * pitch - 0.2] * 2, color=GRID, linewidth=0.8)
    axes.set_yticks(
        [i * pitch + (n_behaviors - 0.2) / 2 for i in range(len(rows))],
        [shorten(row.recording) for row in rows],
    )
    axes.set_ylim(len(rows) * pitch - 0.6, -0.6)
    axes.set_xlim(0, max(row.n_frames / row.fps for row in rows))
    axes.set_xlabel("time (s)")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    marks = [Patch(color=INK, label="human"), Patch(color=UNSCORED, label="not scored")]
    marks += [Patch(color=colors[name], label=f"{shorten(name, 24)}, predicted") for name in run.behaviors]
    figure.legend(handles=marks, loc="outside upper left", ncols=6, handlelength=1.2)
    return figure
