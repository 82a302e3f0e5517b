"""What the settings did: the score over each of them, all of them at once, and how much each mattered."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap

from common.colors import BASELINE, INK, MUTED
from common.tables import Row
from pipeline.report.figures.style import PAGE_WIDTH_IN, Drawing, line_panels, new_figure, shorten
from pipeline.report.search.reading import SearchResults
from pipeline.report.search.scales import Scale, scale_of
from pipeline.report.search.trial_figures import BEST_COLOR, TRIED, add_legend, draw_trials, trial_row
from pipeline.run_folder.search.search_dir import MEAN
from pipeline.run_folder.search.trials import COMPLETE, Trial, setting_text

MOST_AXES = 10
_COLUMNS = 3
# Trials of one option stand beside each other, within this share of the option's width.
_SPREAD = 0.36
_WORSE_TO_BETTER = ("#D5DAE0", "#56B4E9", "#0072B2", "#0B2E4F")


def draw_setting_importance(results: SearchResults) -> Drawing | None:
    """A bar per setting with its interval, the greatest at the top."""
    known = [row for row in results.importance if row["importance"] is not None]
    if not known:
        return None
    known.sort(key=lambda row: -row["importance"])
    figure = new_figure(PAGE_WIDTH_IN, 0.9 + 0.3 * len(known))
    (axes,) = line_panels(figure, [shorten(row["setting"], 36) for row in known])
    axes.barh(range(len(known)), [row["importance"] for row in known], height=0.6, color=TRIED, alpha=0.7)
    for place, row in enumerate(known):
        draw_interval(axes, row["low"], row["high"], place)
    axes.set_xlim(0, max(1.0, *(row["high"] or row["importance"] for row in known)))
    axes.set_xlabel(f"share of the variance of {results.score_words} that the setting explains")
    columns = ("setting", "importance", "low", "high", "n_trials")
    return Drawing(figure, [{name: row[name] for name in columns} for row in known])


def draw_slices(results: SearchResults) -> Drawing | None:
    """A panel per setting: every trial's score over the value it had."""
    scales = [scale for key in by_importance(results) if (scale := scale_of(results, key)) is not None]
    if not scales or all(trial.score is None for trial in results.trials):
        return None
    n_columns = 2 if len(scales) == 4 else min(len(scales), _COLUMNS)
    n_rows = math.ceil(len(scales) / n_columns)
    figure = new_figure(PAGE_WIDTH_IN if len(scales) > 1 else 5.6, 2.6 * n_rows + 0.4)
    all_axes = figure.subplots(n_rows, n_columns, squeeze=False, sharey=True)
    rows: list[Row] = []
    for axes, scale in zip(all_axes.flat, scales, strict=False):
        having = [trial for trial in results.trials if scale.key in trial.settings]
        places = beside_each_other(scale, having)
        draw_trials(axes, results, list(zip(places, having, strict=True)))
        means = _draw_means(axes, scale, having)
        _name_ticks(axes, scale)
        axes.set_title(shorten(scale.key, 34), fontsize=9)
        axes.grid(axis="y")
        rows += [
            {"setting": scale.key, "value": setting_text(trial.settings[scale.key])}
            | trial_row(trial)
            | {"mean_of_complete": means.get(setting_text(trial.settings[scale.key]))}
            for trial in having
        ]
    for axes in all_axes.flat[len(scales) :]:
        axes.set_visible(False)
    for axes in all_axes[:, 0]:
        axes.set_ylabel(results.score_words)
    add_legend(figure, results.trials)
    return Drawing(figure, rows)


def draw_parallel(results: SearchResults) -> Drawing | None:
    """Every complete trial as a line through its settings to its score."""
    complete = [trial for trial in results.trials if trial.state == COMPLETE and trial.score is not None]
    keys = by_importance(results)[:MOST_AXES]
    scales = [scale for key in keys if (scale := scale_of(results, key)) is not None]
    if len(complete) < 2 or len(scales) < 2:
        return None
    scores = [trial.score or 0.0 for trial in complete]
    low, high = min(scores), max(scores)
    score_scale = Scale(results.score_words, low=low, high=high if high > low else low + 1e-6)
    shade = LinearSegmentedColormap.from_list("worse_to_better", _WORSE_TO_BETTER)
    figure = new_figure(min(12.0, max(PAGE_WIDTH_IN, 1.4 * (len(scales) + 1))), 4.2)
    axes = figure.add_subplot()
    heights: list[list[float | None]] = [_heights(scale, complete) for scale in scales]
    heights.append([_share(score_scale, score) for score in scores])
    for index in np.argsort(scores, kind="stable"):
        better = (scores[index] - low) / (score_scale.high - low)
        is_best = complete[index] == results.best
        _draw_line(axes, [height[index] for height in heights], BEST_COLOR if is_best else shade(better), is_best)
    for place, scale in enumerate([*scales, score_scale]):
        _draw_axis(axes, place, scale)
    axes.set_xlim(-0.1, len(scales) + 0.45)
    axes.set_ylim(-0.02, 1.02)
    axes.set_yticks([])
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.tick_params(axis="x", length=0)
    axes.set_xticks(range(len(scales) + 1), [_two_lines(scale.key) for scale in [*scales, score_scale]])
    columns = [scale.key for scale in scales]
    return Drawing(
        figure,
        [trial_row(t) | {k: setting_text(t.settings[k]) if k in t.settings else "" for k in columns} for t in complete],
    )


def draw_differences(results: SearchResults) -> Drawing | None:
    """Best settings minus defaults where nothing was chosen: the mean and each behavior, with intervals."""
    known = [row for row in results.difference if row["difference"] is not None]
    if not known:
        return None
    known.sort(key=lambda row: row["behavior"] != MEAN)
    figure = new_figure(PAGE_WIDTH_IN, 0.95 + 0.32 * len(known))
    (axes,) = line_panels(figure, [shorten(results.words(row["behavior"]), 30) for row in known])
    axes.axvline(0, color=INK, linewidth=1)
    for place, row in enumerate(known):
        color = BASELINE if row["is_real"] is None else TRIED
        draw_interval(axes, row["low"], row["high"], place, color)
        face = "white" if row["is_real"] is False else color
        axes.plot([row["difference"]], [place], "D", markerfacecolor=face, markeredgecolor=color, markersize=7)
    ends = [0.0, *(row[key] for row in known for key in ("difference", "low", "high") if row[key] is not None)]
    margin = 0.08 * max(max(ends) - min(ends), 0.02)
    axes.set_xlim(min(ends) - margin, max(ends) + margin)
    axes.set_xlabel(f"{results.score_words}, best settings minus defaults")
    columns = ("behavior", "best", "defaults", "difference", "low", "high", "p_value", "n_individuals", "is_real")
    return Drawing(figure, [{name: row[name] for name in columns} for row in known])


def by_importance(results: SearchResults) -> list[str]:
    """The settings, those that mattered most first; in the order of the table where that is not known."""
    known = {row["setting"]: row["importance"] for row in results.importance if row["importance"] is not None}
    return sorted(results.settings, key=lambda key: -known.get(key, -1.0))


def beside_each_other(scale: Scale, trials: Sequence[Trial]) -> list[float]:
    """Places on an axis; trials of one option are spread over its width in the order of the trials."""
    places = [scale.place(trial.settings[scale.key]) for trial in trials]
    if not scale.options:
        return places
    shifted = []
    for index, place in enumerate(places):
        n_mine, n_before = places.count(place), places[:index].count(place)
        shifted.append(place + (_SPREAD * (2 * n_before / (n_mine - 1) - 1) if n_mine > 1 else 0.0))
    return shifted


def draw_interval(axes: Axes, low: float | None, high: float | None, place: float, color: str = INK) -> None:
    """A horizontal line from one limit to the other; nothing where there are none."""
    if low is not None and high is not None:
        axes.plot([low, high], [place, place], color=color, linewidth=1.4, solid_capstyle="butt")


def _draw_means(axes: Axes, scale: Scale, trials: Sequence[Trial]) -> dict[str, float]:
    """Mark and return the mean score of each option's complete trials; none on an axis of numbers."""
    means = {}
    for place, option in enumerate(scale.options):
        scores = [t.score for t in trials if t.state == COMPLETE and setting_text(t.settings[scale.key]) == option]
        known = [score for score in scores if score is not None]
        if known:
            means[option] = float(np.mean(known))
            axes.plot([place - 0.42, place + 0.42], [means[option]] * 2, color=MUTED, linewidth=1.2, zorder=1)
    return means


def _name_ticks(axes: Axes, scale: Scale) -> None:
    places, labels = scale.ticks(4)
    # Long names of many options would run into each other.
    is_crowded = sum(map(len, labels)) > 34
    axes.set_xticks(places, [shorten(label, 18) for label in labels])
    if is_crowded:
        axes.tick_params(axis="x", rotation=35 if max(map(len, labels)) > 5 else 0)
        for label in axes.get_xticklabels():
            label.set_horizontalalignment("right")
    axes.set_xlim(*scale.limits)


def _heights(scale: Scale, trials: Sequence[Trial]) -> list[float | None]:
    """Where the trials cross an axis, from 0 to 1; None where a trial has no such setting."""
    having = [trial for trial in trials if scale.key in trial.settings]
    found = dict(zip((trial.trial for trial in having), beside_each_other(scale, having), strict=True))
    low, high = scale.limits
    return [(found[t.trial] - low) / (high - low) if t.trial in found else None for t in trials]


def _share(scale: Scale, value: float) -> float:
    """How far up an axis of numbers a value stands."""
    low, high = scale.limits
    return (value - low) / (high - low)


def _draw_line(axes: Axes, heights: Sequence[float | None], color: Any, is_best: bool) -> None:
    """A line from axis to axis, dotted past those on which it has no place."""
    known = [(place, height) for place, height in enumerate(heights) if height is not None]
    look: dict[str, Any] = {"linewidth": 1.1, "alpha": 0.85, "zorder": 2}
    if is_best:
        look = {"linewidth": 2.4, "zorder": 4}
    axes.plot(range(len(heights)), [np.nan if h is None else h for h in heights], color=color, **look)
    for (left, low), (right, high) in pairwise(known):
        if right - left > 1:
            axes.plot([left, right], [low, high], linestyle=":", color=color, **look)


def _draw_axis(axes: Axes, place: int, scale: Scale) -> None:
    low, high = scale.limits
    axes.axvline(place, color=INK, linewidth=0.9, zorder=3)
    box = {"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 0.8}
    for at, label in zip(*scale.ticks(5), strict=True):
        words = shorten(label, 16)
        axes.text(place + 0.03, (at - low) / (high - low), words, fontsize=7, va="center", bbox=box, zorder=6)


def _two_lines(key: str) -> str:
    """A dotted key with its last part on a line of its own."""
    section, _, last = key.rpartition(".")
    return f"{shorten(last, 18)}\n{shorten(section, 18)}" if section else shorten(last, 18)
