"""Rasters: what happened when, by the human and by the model."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.patches import Patch
from numpy.typing import NDArray

from common.colors import GRID, INK, MUTED, UNSCORED, behavior_colors
from pipeline.report.figures.style import (
    PAGE_WIDTH_IN,
    Drawing,
    FigureFile,
    figure_style,
    legend_columns,
    new_figure,
    save_figure,
    shorten,
)
from pipeline.run_folder.reading import RecordingRow, Run
from pipeline.run_folder.tables import Tables
from pipeline.scoring.bouts.bouts import runs_of_true
from pipeline.scoring.timeline import FULL

# A line of this many seconds shows a bout of two seconds as a mark of about four points.
_MAX_LINE_S = 400.0
_HUMAN = (1.56, 0.26)
_PREDICTED = (1.2, 0.26)
# Places of a raster's parts in inches: with so many axes, having them arranged costs more than drawing them.
_LEFT_IN, _RIGHT_IN, _ROW_IN, _TICKS_IN, _FOOT_IN = 1.85, 0.22, 0.8, 0.24, 0.24


def raster_name(row: RecordingRow) -> str:
    """Name of a recording's raster among the figures."""
    return f"raster_{row.recording}"


def part_for_raster(run: Run, row: RecordingRow) -> Run:
    """Of a run what one raster is drawn from, for another process."""
    choices = tuple(choice for choice in run.tables.choices if choice.recording == row.recording)
    timelines = {row.recording: run.timelines[row.recording]}
    return replace(
        run, recordings=(row,), timelines=timelines, baselines={}, scores=(), baseline_scores=(), training=(),
        tables=Tables(choices),
    )  # fmt: skip


def save_raster(run: Run, row: RecordingRow, folder: Path) -> FigureFile:
    """Draw one recording's raster and save it as `save_figure` does."""
    has_labels = run.timelines[row.recording].has_labels
    words = (
        f"Above: {'human and ' if has_labels else ''}predicted bouts; line: probability"
        f"{'' if run.is_exclusive else ', dashed: threshold'}{'; gray: not scored' if has_labels else ''}."
    )
    with figure_style():
        return save_figure(draw_raster(run, row), folder, raster_name(row), row.recording, words, "png")


def draw_raster(run: Run, row: RecordingRow) -> Drawing:
    """One recording in full: bouts and probability of each behavior, broken into lines when it is long."""
    colors = behavior_colors(run.behaviors)
    duration_s = row.n_frames / row.fps
    n_lines = max(1, int(np.ceil(duration_s / _MAX_LINE_S - 1e-9)))
    frames_per_line = int(np.ceil(row.n_frames / n_lines))
    n_behaviors = len(run.behaviors)
    line_in = n_behaviors * _ROW_IN + _TICKS_IN
    height_in = n_lines * line_in + _FOOT_IN
    figure = new_figure(PAGE_WIDTH_IN, height_in, arrange=False)
    for line in range(n_lines):
        start = line * frames_per_line
        stop = min(start + frames_per_line, row.n_frames)
        for column, behavior in enumerate(run.behaviors):
            bottom_in = height_in - line * line_in - (column + 1) * _ROW_IN
            width = 1 - (_LEFT_IN + _RIGHT_IN) / PAGE_WIDTH_IN
            place = (_LEFT_IN / PAGE_WIDTH_IN, bottom_in / height_in, width, (_ROW_IN - 0.06) / height_in)
            axes = figure.add_axes(place)
            _draw_stretch(axes, run, row, column, slice(start, stop), colors[behavior])
            axes.set_xlim(start / row.fps, (start + frames_per_line) / row.fps)
            looks: dict[str, Any] = {"rotation": 0, "ha": "right", "va": "center", "color": INK, "fontsize": 8.5}
            axes.set_ylabel(shorten(behavior, 16), labelpad=8, **looks)
            last = column == n_behaviors - 1
            # Ticks that nobody sees would cost as much as the others.
            axes.xaxis.set_visible(last)
            axes.tick_params(axis="x", length=3)
            if last and line == n_lines - 1:
                axes.set_xlabel("time (s)")
    return Drawing(figure, _frame_rows(run, row))


def _frame_rows(run: Run, row: RecordingRow) -> list[dict[str, object]]:
    """A row per frame: what human and model say, empty where unknown, and the probability."""
    lines = run.timelines[row.recording]
    columns: dict[str, list[object]] = {"time_s": (np.arange(row.n_frames) / row.fps).tolist()}
    for i, behavior in enumerate(run.behaviors):
        if lines.true is not None and lines.scored is not None:
            pairs = zip(lines.true[:, i].tolist(), lines.scored[:, i].tolist(), strict=True)
            columns[f"{behavior}_human"] = [active if scored else None for active, scored in pairs]
        columns[f"{behavior}_predicted"] = lines.predicted[FULL][:, i].tolist()
        columns[f"{behavior}_probability"] = lines.probability[:, i].tolist()
    return [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]


def _draw_stretch(axes: Axes, run: Run, row: RecordingRow, column: int, part: slice, color: str) -> None:
    lines = run.timelines[row.recording]
    # One more edge than frames: the last frame too lasts until its end.
    seconds = np.arange(part.start, part.stop + 1) / row.fps
    value = np.append(lines.probability[part, column], lines.probability[part.stop - 1, column])
    axes.fill_between(seconds, 0, np.nan_to_num(value), step="post", color=color, alpha=0.18, linewidth=0,
                      rasterized=True)  # fmt: skip
    # On the level of the area, so that both are one picture inside the SVG.
    axes.plot(seconds, value, color=color, linewidth=0.8, drawstyle="steps-post", rasterized=True, zorder=1)
    if not run.is_exclusive:
        settings = run.tables.settings(run.behaviors[column], row.recording)
        threshold = 0.5 if settings is None else settings.threshold
        axes.axhline(threshold, color=MUTED, linewidth=0.7, linestyle=(0, (4, 3)))
    ticks, labels = [0.0, 1.0, _PREDICTED[0] + 0.13], ["0", "1", "predicted"]
    if lines.true is not None and lines.scored is not None:
        scored = lines.scored[part, column]
        _draw_bars(axes, ~scored, part.start, row.fps, _HUMAN, UNSCORED)
        _draw_bars(axes, lines.true[part, column] & scored, part.start, row.fps, _HUMAN, INK)
        ticks.append(_HUMAN[0] + 0.13)
        labels.append("human")
    _draw_bars(axes, lines.predicted[FULL][part, column], part.start, row.fps, _PREDICTED, color)
    axes.set_yticks(ticks, labels, fontsize=7)
    axes.set_ylim(-0.06, 1.9)
    axes.tick_params(axis="y", length=0, pad=2)
    axes.spines["left"].set_visible(False)
    axes.spines["bottom"].set_color(GRID)


def _draw_bars(
    axes: Axes, active: NDArray[np.bool_], offset: int, fps: float, place: tuple[float, float], color: str
) -> None:
    low, high = place[0], place[0] + place[1]
    spans = [((offset + start) / fps, (offset + stop) / fps) for start, stop in runs_of_true(active)]
    corners = [((x0, low), (x0, high), (x1, high), (x1, low)) for x0, x1 in spans]
    axes.add_collection(PolyCollection(corners, facecolors=color, linewidth=0), autolim=False)


def draw_overview(run: Run) -> Drawing | None:
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
            if lines.true is not None and lines.scored is not None:
                _draw_bars(axes, ~lines.scored[:, column], 0, row.fps, (y, 0.38), UNSCORED)
                human = lines.true[:, column] & lines.scored[:, column]
                _draw_bars(axes, human, 0, row.fps, (y, 0.38), INK)
            _draw_bars(axes, lines.predicted[FULL][:, column], 0, row.fps, (y + 0.42, 0.38), colors[behavior])
        axes.plot([0, row.n_frames / row.fps], [i * pitch - 0.2] * 2, color=GRID, linewidth=0.8)
    axes.set_yticks(
        [i * pitch + (n_behaviors - 0.2) / 2 for i in range(len(rows))], [shorten(row.recording) for row in rows]
    )
    axes.set_ylim(len(rows) * pitch - 0.6, -0.6)
    axes.set_xlim(0, max(row.n_frames / row.fps for row in rows))
    axes.set_xlabel("time (s)")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    has_humans = any(run.timelines[row.recording].true is not None for row in rows)
    marks = [Patch(color=INK, label="human"), Patch(color=UNSCORED, label="not scored")] if has_humans else []
    marks += [Patch(color=colors[name], label=f"{shorten(name, 24)}, predicted") for name in run.behaviors]
    n_columns = legend_columns([str(patch.get_label()) for patch in marks], PAGE_WIDTH_IN)
    figure.legend(handles=marks, loc="outside upper left", ncols=n_columns, handlelength=1.2)
    return Drawing(figure, [bout for row in rows for bout in _bout_rows(run, row)])


def _bout_rows(run: Run, row: RecordingRow) -> list[dict[str, object]]:
    """A row per bar of the overview, in seconds."""
    lines = run.timelines[row.recording]
    bars: list[dict[str, object]] = []
    for i, behavior in enumerate(run.behaviors):
        kinds = {"predicted": lines.predicted[FULL][:, i]}
        if lines.true is not None and lines.scored is not None:
            kinds |= {"human": lines.true[:, i] & lines.scored[:, i], "not scored": ~lines.scored[:, i]}
        key = {"recording": row.recording, "behavior": behavior}
        bars += [
            key | {"bar": kind, "start_s": start / row.fps, "stop_s": stop / row.fps}
            for kind, active in kinds.items()
            for start, stop in runs_of_true(active)
        ]
    return bars
