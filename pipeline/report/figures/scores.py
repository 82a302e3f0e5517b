"""Figures of how good the predictions are: scores at a glance, and what post-processing did to them."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from common.colors import BASELINE, GRID, INK, MUTED, UNSCORED, behavior_colors
from pipeline.report.figures.style import SUBSET_MARKERS, Drawing, new_figure, shorten
from pipeline.run_folder.reading import SUBSET_WORDS, Run
from pipeline.scoring.agreement import HumanCeiling, human_ceiling
from pipeline.scoring.scores import CLOSED, FULL, POOLED, RAW, VARIANTS

AVERAGE_PRECISION = "average_precision"
FRAME_F1 = "f1"
BOUT_F1 = "bout_f1_iou50"
SCORE_WORDS = {
    AVERAGE_PRECISION: "average precision",
    FRAME_F1: "frame F1, post-processed",
    BOUT_F1: "bout F1 (IoU 0.5), post-processed",
}
WAY_WORDS = {RAW: "raw", CLOSED: "closed only", FULL: "all steps"}
_WAY_TICKS = {RAW: "raw", CLOSED: "closed\nonly", FULL: "all\nsteps"}


def number(row: Mapping[str, object] | None, column: str) -> float | None:
    """A ratio or count of a row of a table; None where the row is absent or the ratio undefined."""
    return None if row is None else cast("float | None", row[column])


def score_value(
    run: Run, behavior: str, subset: str, score: str, variant: str, recording: str = POOLED
) -> float | None:
    """One score of one behavior, from the table of frame scores or of bout scores."""
    if score == BOUT_F1:
        return number(run.tables.bout_score(behavior, subset, variant, recording), BOUT_F1)
    return number(run.score(behavior, subset, variant, recording), score)


def draw_score_overview(run: Run) -> Drawing | None:
    """Average precision, frame F1 and bout F1 per behavior: recordings, pooled, interval, what to compare with."""
    if not run.subsets:
        return None
    colors = behavior_colors(run.behaviors)
    places = [(behavior, subset) for behavior in run.behaviors for subset in run.subsets]
    scores = [score for score in SCORE_WORDS if score != BOUT_F1 or run.tables.bout_scores]
    figure = new_figure(9.6, 1.0 + 0.42 * len(places))
    numbers: list[dict[str, object]] = []
    for column, score in enumerate(scores):
        axes = figure.add_subplot(1, len(scores), column + 1)
        for y, (behavior, subset) in enumerate(places):
            marks = _score_marks(run, behavior, subset, score)
            numbers += marks
            _draw_score_marks(axes, marks, y, colors[behavior], subset)
        labels = [f"{shorten(behavior, 22)}\n{SUBSET_WORDS[subset]}" for behavior, subset in places]
        axes.set_yticks(range(len(places)), labels if column == 0 else [""] * len(places))
        axes.set_ylim(len(places) - 0.5, -0.5)
        axes.set_xlim(-0.02, 1.02)
        axes.set_xlabel(SCORE_WORDS[score])
        axes.grid(axis="x")
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
    legend = _overview_legend(run, numbers)
    n_columns = len(legend) if len(legend) <= 6 else -(-len(legend) // 2)
    figure.legend(handles=legend, loc="outside lower center", ncols=n_columns, handletextpad=0.3)
    return Drawing(figure, numbers)


def _score_marks(run: Run, behavior: str, subset: str, score: str) -> list[dict[str, object]]:
    """Rows of one line of the figure; `mark` says what each is, low and high are those of an interval or range."""
    variant = RAW if score == AVERAGE_PRECISION else FULL
    key = {"behavior": behavior, "subset": subset, "score": score}
    row = run.tables.interval(behavior, subset, variant, score)
    value = score_value(run, behavior, subset, score, variant)
    marks = [_mark(key, POOLED, value, number(row, "low"), number(row, "high"))]
    members = run.members(subset)
    for member in members if len(members) > 1 else ():
        value = score_value(run, behavior, subset, score, variant, member.recording)
        marks.append(_mark(key, "recording", value, recording=member.recording))
    if score == AVERAGE_PRECISION:
        pooled = run.score(behavior, subset, RAW)
        n_frames, n_positive = number(pooled, "n_frames"), number(pooled, "n_positive")
        marks.append(_mark(key, "chance", (n_positive or 0) / n_frames if n_frames else None))
        marks.append(_mark(key, "baseline", number(run.score(behavior, subset, RAW, baseline=True), score)))
    else:
        ceiling = human_ceiling(run.tables.agreement, behavior, subset, score)
        if ceiling is not None:
            marks.append(_mark(key, "human pairs", ceiling.mean, ceiling.low, ceiling.high))
    return [mark for mark in marks if mark["value"] is not None]


def _mark(
    key: Mapping[str, object],
    mark: str,
    value: float | None,
    low: float | None = None,
    high: float | None = None,
    recording: str = "",
) -> dict[str, object]:
    return {**key, "mark": mark, "recording": recording, "value": value, "low": low, "high": high}


def _draw_score_marks(axes: Axes, marks: Sequence[Mapping[str, Any]], y: int, color: str, subset: str) -> None:
    axes.axhline(y, color=GRID, linewidth=0.8, zorder=0)
    looks: dict[str, dict[str, Any]] = {
        "recording": {"marker": "o", "color": color, "alpha": 0.4, "markersize": 4.5, "markeredgewidth": 0},
        "chance": {"marker": "|", "color": MUTED, "markersize": 13, "markeredgewidth": 1.6},
        "baseline": {"marker": "o", "markerfacecolor": "white", "markeredgecolor": BASELINE, "markersize": 7.5},
        POOLED: {"marker": SUBSET_MARKERS[subset], "color": color, "markersize": 8.5, "markeredgecolor": "white"},
        "human pairs": {"marker": "s", "color": INK, "markersize": 5, "zorder": 4},
    }
    for mark in marks:
        kind = mark["mark"]
        if mark["low"] is not None:
            # Humans are a wide pale band, an interval is a line: one is a range of values, the other a doubt.
            if kind == "human pairs":
                span = [mark["low"], mark["high"]]
                axes.fill_between(span, y - 0.34, y + 0.34, color=UNSCORED, linewidth=0, zorder=1)
            else:
                axes.plot([mark["low"], mark["high"]], [y, y], color=color, linewidth=2.4, alpha=0.75, zorder=2,
                          solid_capstyle="butt")  # fmt: skip
        axes.plot([mark["value"]], [y], linestyle="", **{"zorder": 3} | looks[kind])


def _overview_legend(run: Run, numbers: Sequence[Mapping[str, object]]) -> list[Line2D | Patch]:
    def mark(marker: str, label: str, **looks: Any) -> Line2D:
        return Line2D([], [], linestyle="", marker=marker, label=label, color=INK, **looks)

    present = {row["mark"] for row in numbers}
    marks: list[Line2D | Patch] = [
        mark(SUBSET_MARKERS[subset], f"{SUBSET_WORDS[subset]}, pooled", markersize=7.5, alpha=0.7)
        for subset in run.subsets
    ]
    if any(row["mark"] == POOLED and row["low"] is not None for row in numbers):
        marks.append(Line2D([], [], color=INK, linewidth=2.4, alpha=0.6, label="95 % interval"))
    if "recording" in present:
        marks.append(mark("o", "one recording", markersize=4.5, alpha=0.4, markeredgewidth=0))
    if "human pairs" in present:
        marks.append(mark("s", "human pairs, mean", markersize=5))
        marks.append(Patch(color=UNSCORED, label="their range"))
    if "baseline" in present:
        marks.append(mark("o", "baseline", markerfacecolor="white", markeredgecolor=BASELINE, markersize=7.5))
    return [*marks, mark("|", "chance", markersize=12, markeredgewidth=1.6, markeredgecolor=MUTED)]


def ceiling_of(run: Run, behavior: str, subset: str, measure: str) -> HumanCeiling | None:
    """How far humans agree with each other; None with a single annotator."""
    return human_ceiling(run.tables.agreement, behavior, subset, measure)


def draw_ways(run: Run) -> Drawing | None:
    """What each step of post-processing did to the first subset: F1 of frames and bouts, number of bouts."""
    if not run.subsets or not run.tables.bout_scores:
        return None
    colors = behavior_colors(run.behaviors)
    n_columns = min(len(run.behaviors), 4)
    n_rows = -(-len(run.behaviors) // n_columns)
    figure = new_figure(max(2.9 * n_columns, 4.2), 4.0 * n_rows + 0.4)
    grid = figure.add_gridspec(2 * n_rows, n_columns, height_ratios=[3, 2] * n_rows)
    numbers: list[dict[str, object]] = []
    for i, behavior in enumerate(run.behaviors):
        above = figure.add_subplot(grid[2 * (i // n_columns), i % n_columns])
        below = figure.add_subplot(grid[2 * (i // n_columns) + 1, i % n_columns])
        rows = [_way_row(run, behavior, run.subsets[0], variant) for variant in VARIANTS]
        numbers += rows
        _draw_f1_of_ways(above, rows, colors[behavior])
        _draw_bouts_of_ways(below, rows, colors[behavior])
        above.set_title(shorten(behavior, 24))
        if i % n_columns == 0:
            above.set_ylabel("F1")
            below.set_ylabel("predicted bouts\nper human bout")
    legend = [
        Line2D([], [], color=MUTED, marker="o", markersize=6, label="frame F1"),
        Line2D([], [], color=MUTED, marker="s", markersize=6, markerfacecolor="white", linestyle=":",
               label="bout F1 (IoU 0.5)"),
    ]  # fmt: skip
    if any(row["f1_low"] is not None for row in numbers):
        legend.append(Line2D([], [], color=MUTED, linewidth=1.2, alpha=0.45, label="95 % interval"))
    figure.legend(handles=legend, loc="outside lower center", ncols=3)
    return Drawing(figure, numbers)


def _way_row(run: Run, behavior: str, subset: str, variant: str) -> dict[str, object]:
    bouts = run.tables.bout_score(behavior, subset, variant)
    n_true, n_predicted = number(bouts, "n_true"), number(bouts, "n_predicted")
    row: dict[str, object] = {"behavior": behavior, "subset": subset, "postprocessed": variant}
    for score in (FRAME_F1, BOUT_F1):
        interval = run.tables.interval(behavior, subset, variant, score)
        row |= {
            score: score_value(run, behavior, subset, score, variant),
            f"{score}_low": number(interval, "low"),
            f"{score}_high": number(interval, "high"),
        }
    ratio = n_predicted / n_true if n_true and n_predicted is not None else None
    return row | {"n_true": n_true, "n_predicted": n_predicted, "predicted_per_true": ratio}


def _draw_f1_of_ways(axes: Axes, rows: Sequence[Mapping[str, Any]], color: str) -> None:
    for score, marker, line, face, side in ((FRAME_F1, "o", "-", color, -0.06), (BOUT_F1, "s", ":", "white", 0.06)):
        points = [(x + side, row) for x, row in enumerate(rows) if row[score] is not None]
        axes.plot([x for x, _ in points], [row[score] for _, row in points], marker=marker, color=color, linestyle=line,
                  markerfacecolor=face, markersize=6.5, zorder=3)  # fmt: skip
        for x, row in points:
            if row[f"{score}_low"] is not None:
                axes.plot([x, x], [row[f"{score}_low"], row[f"{score}_high"]], color=color, linewidth=1.2, alpha=0.45)
    axes.set_ylim(0, 1.02)
    _finish_ways(axes)
    axes.tick_params(axis="x", labelbottom=False)


def _draw_bouts_of_ways(axes: Axes, rows: Sequence[Mapping[str, Any]], color: str) -> None:
    known = [(x, row["predicted_per_true"]) for x, row in enumerate(rows) if row["predicted_per_true"] is not None]
    axes.bar([x for x, _ in known], [value for _, value in known], width=0.55, color=color, alpha=0.75)
    for x, value in known:
        axes.annotate(f"{value:.1f}", (x, value), (0, 2), textcoords="offset points", ha="center", fontsize=8)
    axes.axhline(1, color=INK, linewidth=0.9, zorder=3)
    axes.set_ylim(0, 1.18 * max([1.2, *(value for _, value in known)]))
    _finish_ways(axes)


def _finish_ways(axes: Axes) -> None:
    axes.set_xticks(range(len(VARIANTS)), [_WAY_TICKS[variant] for variant in VARIANTS])
    axes.set_xlim(-0.5, len(VARIANTS) - 0.5)
    axes.grid(axis="y")
