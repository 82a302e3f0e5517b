"""Figures of how good the predictions are: scores, and what post-processing did to them."""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from common.colors import BASELINE, GRID, INK, MUTED, UNSCORED, behavior_colors
from common.tables import Row, number
from pipeline.report.figures.style import (
    SUBSET_MARKERS,
    Drawing,
    label_left,
    line,
    line_panels,
    mark,
    new_figure,
    panels,
    shorten,
)
from pipeline.run_folder.evidence import AVERAGE_PRECISION, BOUT_F1, FRAME_F1, estimate_of, score_value
from pipeline.run_folder.reading import SUBSET_WORDS, Run
from pipeline.scoring.agreement import human_ceiling
from pipeline.scoring.scores import CLOSED, FULL, POOLED, RAW, VARIANTS

SCORE_WORDS = {
    AVERAGE_PRECISION: "average precision",
    FRAME_F1: "frame F1, post-processed",
    BOUT_F1: "bout F1 (IoU 0.5), post-processed",
}
_LABEL_SHARE = 0.18
"""Height of a bar's number, of its axes' height."""
VARIANT_WORDS = {RAW: "raw", CLOSED: "closed only", FULL: "all steps"}


def draw_score_overview(run: Run) -> Drawing | None:
    """Average precision, frame F1 and bout F1 per behavior: recordings, pooled, interval, what to compare with."""
    if not run.subsets:
        return None
    colors = behavior_colors(run.behaviors)
    places = [(behavior, subset) for behavior in run.behaviors for subset in run.subsets]
    scores = [score for score in SCORE_WORDS if score != BOUT_F1 or run.tables.bout_scores]
    figure = new_figure(9.6, 1.0 + 0.42 * len(places))
    labels = [f"{shorten(behavior, 22)}\n{SUBSET_WORDS[subset]}" for behavior, subset in places]
    numbers: list[Row] = []
    for axes, score in zip(line_panels(figure, labels, len(scores)), scores, strict=True):
        for y, (behavior, subset) in enumerate(places):
            marks = _score_marks(run, behavior, subset, score)
            numbers += marks
            _draw_score_marks(axes, marks, y, colors[behavior], subset)
        axes.set_xlim(-0.02, 1.02)
        axes.set_xlabel(SCORE_WORDS[score])
        axes.spines["left"].set_visible(False)
    legend = _overview_legend(run, numbers)
    n_columns = len(legend) if len(legend) <= 6 else -(-len(legend) // 2)
    figure.legend(handles=legend, loc="outside lower center", ncols=n_columns, handletextpad=0.5)
    return Drawing(figure, numbers)


def _score_marks(run: Run, behavior: str, subset: str, score: str) -> list[Row]:
    """Rows of one line of the figure; `mark` says what each is, low and high are those of an interval or range."""
    key = {"behavior": behavior, "subset": subset, "score": score}
    pooled = estimate_of(run, behavior, subset, score)
    marks = [_mark(key, POOLED, pooled.value, pooled.low, pooled.high)]
    members = run.members(subset)
    for member in members if len(members) > 1 else ():
        value = score_value(run, behavior, subset, score, recording=member.recording)
        marks.append(_mark(key, "recording", value, recording=member.recording))
    if score == AVERAGE_PRECISION:
        row = run.score(behavior, subset, RAW)
        n_frames, n_positive = number(row, "n_frames"), number(row, "n_positive")
        marks.append(_mark(key, "chance", (n_positive or 0) / n_frames if n_frames else None))
        marks.append(_mark(key, "baseline", number(run.score(behavior, subset, RAW, baseline=True), score)))
    else:
        ceiling = human_ceiling(run.tables.agreement, behavior, subset, score)
        if ceiling is not None:
            marks.append(_mark(key, "human pairs", ceiling.mean, ceiling.low, ceiling.high))
    return [row for row in marks if row["value"] is not None]


def _mark(key: Row, kind: str, value: float | None, low: Any = None, high: Any = None, recording: str = "") -> Row:
    return {**key, "mark": kind, "recording": recording, "value": value, "low": low, "high": high}


def _draw_score_marks(axes: Axes, marks: Sequence[Row], y: int, color: str, subset: str) -> None:
    axes.axhline(y, color=GRID, linewidth=0.8, zorder=0)
    looks: dict[str, dict[str, Any]] = {
        "recording": {"marker": "o", "color": color, "alpha": 0.4, "markersize": 4.5, "markeredgewidth": 0},
        "chance": {"marker": "|", "color": MUTED, "markersize": 13, "markeredgewidth": 1.6},
        "baseline": {"marker": "o", "markerfacecolor": "white", "markeredgecolor": BASELINE, "markersize": 7.5},
        POOLED: {
            "marker": SUBSET_MARKERS[subset],
            "color": color,
            "markersize": 8.5,
            "markeredgecolor": "white",
            "zorder": 4,
        },
        "human pairs": {"marker": "s", "color": INK, "markersize": 5, "zorder": 4},
    }
    for row in marks:
        kind, span = row["mark"], [row["low"], row["high"]]
        if row["low"] is not None:
            # Humans are a wide pale band, an interval is a line: one is a range of values, the other a doubt.
            if kind == "human pairs":
                axes.fill_between(span, y - 0.34, y + 0.34, color=UNSCORED, linewidth=0, zorder=1)
            else:
                axes.plot(span, [y, y], color=color, linewidth=2.4, alpha=0.75, zorder=2,
                          solid_capstyle="butt")  # fmt: skip
        axes.plot([row["value"]], [y], linestyle="", **{"zorder": 3} | looks[kind])


def _overview_legend(run: Run, numbers: Sequence[Row]) -> list[Line2D | Patch]:
    present = {row["mark"] for row in numbers}
    marks: list[Line2D | Patch] = [
        mark(SUBSET_MARKERS[subset], f"{SUBSET_WORDS[subset]}, pooled", markersize=7.5, alpha=0.7)
        for subset in run.subsets
    ]
    if any(row["mark"] == POOLED and row["low"] is not None for row in numbers):
        marks.append(line("95 % interval", linewidth=2.4, alpha=0.6))
    if "recording" in present:
        marks.append(mark("o", "one recording", markersize=4.5, alpha=0.4, markeredgewidth=0))
    if "human pairs" in present:
        marks += [mark("s", "human pairs, mean", markersize=5), Patch(color=UNSCORED, label="their range")]
    if "baseline" in present:
        marks.append(mark("o", "baseline", markerfacecolor="white", markeredgecolor=BASELINE, markersize=7.5))
    return [*marks, mark("|", "chance", markersize=12, markeredgewidth=1.6, markeredgecolor=MUTED)]


def draw_variants(run: Run) -> Drawing | None:
    """What each step of post-processing did to the first subset: F1 of frames and bouts, number of bouts."""
    if not run.subsets or not run.tables.bout_scores:
        return None
    figure, all_axes = panels(len(run.behaviors), (2.9, 4.3), (3, 2))
    numbers: list[Row] = []
    for (above, below), (behavior, color) in zip(all_axes, behavior_colors(run.behaviors).items(), strict=True):
        rows = [_variant_row(run, behavior, run.subsets[0], variant) for variant in VARIANTS]
        numbers += rows
        _draw_f1(above, rows, color)
        _draw_bouts_per_true(below, rows, color)
        above.set_title(shorten(behavior, 24))
        for axes, words in ((above, "F1"), (below, "predicted bouts\nper human bout")):
            axes.set_xticks(range(len(VARIANTS)), [VARIANT_WORDS[v].replace(" ", "\n") for v in VARIANTS])
            axes.set_xlim(-0.5, len(VARIANTS) - 0.5)
            axes.grid(axis="y")
            label_left(axes, words)
        above.tick_params(axis="x", labelbottom=False)
    legend = [
        line("frame F1", MUTED, marker="o", markersize=6),
        line("bout F1 (IoU 0.5)", MUTED, marker="s", markersize=6, markerfacecolor="white", linestyle=":"),
    ]
    if any(row["f1_low"] is not None for row in numbers):
        legend.append(line("95 % interval", MUTED, linewidth=1.2, alpha=0.45))
    figure.legend(handles=legend, loc="outside lower center", ncols=3)
    return Drawing(figure, numbers)


def _variant_row(run: Run, behavior: str, subset: str, variant: str) -> Row:
    bouts = run.tables.bout_score(behavior, subset, variant)
    n_true, n_predicted = number(bouts, "n_true"), number(bouts, "n_predicted")
    row: Row = {"behavior": behavior, "subset": subset, "postprocessed": variant}
    for score in (FRAME_F1, BOUT_F1):
        interval = run.tables.interval(behavior, subset, variant, score)
        row[score] = score_value(run, behavior, subset, score, variant)
        row |= {f"{score}_{end}": number(interval, end) for end in ("low", "high")}
    ratio = n_predicted / n_true if n_true and n_predicted is not None else None
    return row | {"n_true": n_true, "n_predicted": n_predicted, "predicted_per_true": ratio}


def _draw_f1(axes: Axes, rows: Sequence[Row], color: str) -> None:
    for score, marker, style, face, side in ((FRAME_F1, "o", "-", color, -0.06), (BOUT_F1, "s", ":", "white", 0.06)):
        points = [(x + side, row) for x, row in enumerate(rows) if row[score] is not None]
        axes.plot([x for x, _ in points], [row[score] for _, row in points], marker=marker, color=color,
                  linestyle=style, markerfacecolor=face, markersize=6.5, zorder=3)  # fmt: skip
        for x, row in points:
            if row[f"{score}_low"] is not None:
                axes.plot([x, x], [row[f"{score}_low"], row[f"{score}_high"]], color=color, linewidth=1.2, alpha=0.45)
    axes.set_ylim(0, 1.02)


def _draw_bouts_per_true(axes: Axes, rows: Sequence[Row], color: str) -> None:
    known = [(x, row["predicted_per_true"]) for x, row in enumerate(rows) if row["predicted_per_true"] is not None]
    axes.bar([x for x, _ in known], [value for _, value in known], width=0.55, color=color, alpha=0.75)
    axes.axhline(1, color=INK, linewidth=0.9, zorder=3)
    top = 1.2 * max([1.2, *(value for _, value in known)])
    axes.set_ylim(0, top)
    for x, value in known:
        # A number that the line would cross stands above it.
        foot = 1.0 if 1 - _LABEL_SHARE * top < value < 1 else value
        axes.annotate(f"{value:.2f}", (x, foot), (0, 2), textcoords="offset points", ha="center", fontsize=8)
