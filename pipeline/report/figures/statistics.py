"""Figures of what biologists publish: predicted against human per recording, over time, and by group."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from common.colors import INK, MUTED, behavior_colors
from common.tables import Row
from pipeline.report.figures.style import SUBSET_MARKERS, Drawing, label_left, line, mark, new_figure, panels, shorten
from pipeline.run_folder.reading import SUBSET_WORDS, Run
from pipeline.scoring.statistics.ethology import behavior_statistics
from pipeline.scoring.statistics.ethology_tables import HUMAN, PREDICTED
from pipeline.scoring.statistics.groups import individual_values, recording_values

MEASURES = {"total_s": "total time (s)", "n_bouts": "number of bouts"}
GROUP_MEASURES = {"total_s": "total time (s)", "fraction": "fraction of time", "n_bouts": "number of bouts"}
_LIMIT: Any = {"linewidth": 0.9, "linestyle": (0, (4, 3))}
_LIMITS: Any = {"bias": {"linewidth": 1.1}, "limit_low": _LIMIT, "limit_high": _LIMIT}


def statistic_pairs(run: Run, behavior: str, subset: str, statistic: str) -> list[Row]:
    """Human and predicted value of one statistic per recording, on the frames that both know.

    These are the pairs that statistics_agreement.csv sums up; where some frames are unscored they differ
    from statistics.csv, which takes each side on all that it knows.

    Returns
    -------
    list of dict
        Keys `recording`, `human`, `predicted`; recordings in which one of them is undefined are left out.
    """
    pairs: list[Row] = []
    for row in run.members(subset):
        part = run.behavior(behavior, row.recording)
        if part is None:
            continue
        known = part.used_frames()
        human = behavior_statistics(part.true, known, row.fps)[statistic]
        predicted = behavior_statistics(part.predicted, known, row.fps)[statistic]
        if human is not None and predicted is not None:
            pairs.append({"recording": row.recording, "human": human, "predicted": predicted})
    return pairs


def draw_statistics(run: Run) -> Drawing | None:
    """Total time and number of bouts per recording: predicted against human, and Bland-Altman.

    None for a single recording, whose one pair of values is in the table.
    """
    n_recordings = sum(len(run.members(subset)) for subset in run.subsets)
    if n_recordings < 2 or not run.tables.statistics_agreement:
        return None
    colors = behavior_colors(run.behaviors)
    figure = new_figure(10.0, 2.5 * len(run.behaviors) + 0.4)
    numbers: list[Row] = []
    for i, behavior in enumerate(run.behaviors):
        for j, (statistic, words) in enumerate(MEASURES.items()):
            scatter = figure.add_subplot(len(run.behaviors), 4, 4 * i + 2 * j + 1)
            differences = figure.add_subplot(len(run.behaviors), 4, 4 * i + 2 * j + 2)
            for subset in run.subsets:
                rows = statistic_pairs(run, behavior, subset, statistic)
                key = {"behavior": behavior, "subset": subset, "statistic": statistic}
                numbers += [key | row for row in rows]
                looks = {"color": colors[behavior], "markersize": 5.5, "markeredgecolor": "white", "alpha": 0.65}
                _draw_pairs(scatter, differences, rows, SUBSET_MARKERS[subset], looks)
            _draw_limits(differences, run, behavior, run.subsets[0], statistic)
            _finish_pairs(scatter, differences, words)
            if j == 0:
                scatter.set_title(shorten(behavior, 24))
    figure.legend(handles=_pairs_legend(run), loc="outside lower center", ncols=5)
    return Drawing(figure, numbers) if numbers else None


def _draw_pairs(scatter: Axes, differences: Axes, rows: Sequence[Row], marker: str, looks: Mapping[str, Any]) -> None:
    human = np.array([row["human"] for row in rows], dtype=float)
    predicted = np.array([row["predicted"] for row in rows], dtype=float)
    scatter.plot(human, predicted, linestyle="", marker=marker, zorder=3, **looks)
    differences.plot((human + predicted) / 2, predicted - human, linestyle="", marker=marker, zorder=3, **looks)


def _draw_limits(axes: Axes, run: Run, behavior: str, subset: str, statistic: str) -> None:
    """Bias and limits of agreement as they stand in the table."""
    wanted = (behavior, subset, statistic)
    for row in run.tables.statistics_agreement:
        if (row["behavior"], row["subset"], row["statistic"]) == wanted:
            for name, looks in _LIMITS.items():
                if row[name] is not None:
                    axes.axhline(row[name], color=INK, **looks)


def _finish_pairs(scatter: Axes, differences: Axes, words: str) -> None:
    scatter.set_xlabel(f"human: {words}")
    scatter.set_ylabel("predicted")
    top = 1.06 * max(scatter.get_xlim()[1], scatter.get_ylim()[1], 1e-9)
    scatter.set(xlim=(0, top), ylim=(0, top))
    scatter.plot([0, top], [0, top], color=MUTED, linewidth=0.9, linestyle=":")
    ticks = [tick for tick in scatter.get_xticks() if tick <= top]
    scatter.set_yticks(ticks)
    scatter.set_xticks(ticks)
    differences.axhline(0, color=MUTED, linewidth=0.9, linestyle=":", zorder=0)
    differences.set_xlabel(f"mean of both: {words}")
    differences.set_ylabel("predicted − human")
    # Room on both sides, and zero always in sight: a bias is a distance from zero.
    reach = 1.15 * max(*(abs(limit) for limit in differences.get_ylim()), 1e-9)
    differences.set_ylim(-reach, reach)
    differences.margins(x=0.15)


def _pairs_legend(run: Run) -> list[Line2D]:
    legend = [mark(SUBSET_MARKERS[subset], f"recording, {SUBSET_WORDS[subset]}", MUTED) for subset in run.subsets]
    legend.append(line("equal", MUTED, linestyle=":", linewidth=0.9))
    legend.append(line(f"bias ({SUBSET_WORDS[run.subsets[0]]})", **_LIMITS["bias"]))
    return [*legend, line("95 % limits of agreement", **_LIMIT)]


def draw_time_bins(run: Run) -> Drawing | None:
    """Share of time per bin (minute): mean over recordings, human and predicted, single recordings faint."""
    rows = [row for row in run.tables.statistics_bins if row["fraction"] is not None]
    labelled = {row["recording"] for row in rows if row["source"] == HUMAN}
    rows = [row for row in rows if row["recording"] in labelled] or rows
    # What is left of a minute at a recording's end is too short to be a point like the others.
    whole_s = max(map(_length_s, rows), default=0.0)
    rows = [row for row in rows if _length_s(row) >= whole_s / 2]
    if len({row["bin"] for row in rows}) < 2:
        return None
    colors = behavior_colors(run.behaviors)
    figure, all_axes = panels(len(run.behaviors), (3.2, 2.7))
    numbers: list[Row] = []
    for (axes,), behavior in zip(all_axes, run.behaviors, strict=True):
        for source, color in ((HUMAN, INK), (PREDICTED, colors[behavior])):
            mine = [row for row in rows if (row["behavior"], row["source"]) == (behavior, source)]
            numbers += _draw_bins(axes, mine, color)
        axes.set_title(shorten(behavior))
        axes.set_xlabel("time (min)")
        label_left(axes, "% of time")
        # Room above the highest point; an axis for nothing at all would be in hundredths of a percent.
        axes.set_ylim(0, max(1.0, 1.06 * axes.get_ylim()[1]))
        axes.set_xlim(left=0)
        axes.grid(axis="y")
    legend = [line("human, mean over recordings", marker="o", markersize=4)] if labelled else []
    legend += [
        line("predicted (in color)", MUTED, marker="o", markersize=4, markerfacecolor="white"),
        line("one recording", MUTED, linewidth=0.7, alpha=0.5),
    ]
    figure.legend(handles=legend, loc="outside lower center", ncols=3)
    return Drawing(figure, numbers)


def _draw_bins(axes: Axes, rows: Sequence[Row], color: str) -> list[Row]:
    """One source of one behavior; a bin is drawn at its middle."""
    recordings = list(dict.fromkeys(row["recording"] for row in rows))
    for name in recordings if len(recordings) > 1 else ():
        own = [row for row in rows if row["recording"] == name]
        axes.plot([_middle_min(row) for row in own], [100 * row["fraction"] for row in own], color=color,
                  linewidth=0.6, alpha=0.22)  # fmt: skip
    means: list[Row] = []
    for place in sorted({int(row["bin"]) for row in rows}):
        own = [row for row in rows if row["bin"] == place]
        means.append(
            {
                "behavior": own[0]["behavior"],
                "source": own[0]["source"],
                "bin": place,
                "middle_min": float(np.mean([_middle_min(row) for row in own])),
                "n_recordings": len(own),
                "mean_percent": float(np.mean([100 * row["fraction"] for row in own])),
            }
        )
    is_human = bool(rows) and rows[0]["source"] == HUMAN
    axes.plot([m["middle_min"] for m in means], [m["mean_percent"] for m in means], color=color, marker="o",
              markersize=4, markerfacecolor=color if is_human else "white", linewidth=1.7,
              zorder=3 if is_human else 4)  # fmt: skip
    return means


def _length_s(row: Mapping[str, Any]) -> float:
    return float(row["length_s"])


def _middle_min(row: Mapping[str, Any]) -> float:
    return float(row["start_s"] + row["length_s"] / 2) / 60


def draw_groups(run: Run) -> Drawing | None:
    """Total time, its share and number of bouts per individual, by group, human and predicted."""
    if not run.tables.groups:
        return None
    individuals = {row.recording: row.individual for row in run.recordings}
    groups = {row.recording: row.group for row in run.recordings}
    compared = {(row["behavior"], row["source"]) for row in run.tables.groups}
    values = recording_values(run.tables.statistics, individuals, groups)
    n_measures = len(GROUP_MEASURES)
    figure, all_axes = panels(len(run.behaviors), (2.6, 2.1 * n_measures + 0.3), [1] * n_measures)
    numbers: list[Row] = []
    for panel, (behavior, own) in zip(all_axes, behavior_colors(run.behaviors).items(), strict=True):
        panel[0].set_title(shorten(behavior, 24))
        for axes, (measure, words) in zip(panel, GROUP_MEASURES.items(), strict=True):
            for source, color, side in ((HUMAN, INK, -0.16), (PREDICTED, own, 0.16)):
                mine = [v for v in values if (v.behavior, v.source, v.measure) == (behavior, source, measure)]
                by_group = individual_values(mine) if (behavior, source) in compared else {}
                _draw_groups(axes, by_group, color, side)
                numbers += _group_numbers({"behavior": behavior, "measure": measure, "source": source}, by_group)
            # Room for the whole of the highest dot.
            axes.set_ylim(0, 1.06 * axes.get_ylim()[1])
            if measure == "n_bouts":
                axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
            axes.grid(axis="y")
            label_left(axes, words)
    legend = [
        mark("o", "individual, human", markersize=5),
        mark("o", "individual, predicted (in color)", MUTED, markersize=5),
        line("mean", linewidth=2),
    ]
    figure.legend(handles=legend, loc="outside lower center", ncols=3)
    return Drawing(figure, numbers) if numbers else None


def _group_numbers(key: Mapping[str, object], by_group: Mapping[str, Mapping[str, float]]) -> list[Row]:
    """A row per individual; one that is not named bears its recording's name."""
    return [
        {**key, "group": group, "individual": individual.lstrip("\0"), "value": value}
        for group, members in by_group.items()
        for individual, value in members.items()
    ]


def _draw_groups(axes: Axes, by_group: Mapping[str, Mapping[str, float]], color: str, side: float) -> None:
    for x, members in enumerate(by_group.values()):
        values = list(members.values())
        # Equal values would hide each other: individuals stand side by side.
        spread = np.linspace(-0.07, 0.07, len(values)) if len(values) > 1 else np.zeros(1)
        axes.plot(x + side + spread, values, "o", color=color, markersize=4.5, alpha=0.75, markeredgewidth=0, zorder=3)
        axes.plot([x + side - 0.12, x + side + 0.12], [np.mean(values)] * 2, color=color, linewidth=2, zorder=4)
    if by_group:
        axes.set_xticks(range(len(by_group)), [shorten(name, 12) for name in by_group])
        axes.set_xlim(-0.6, len(by_group) - 0.4)
