"""What a folder of predictions shows in place of scores: what was found, and what such numbers are worth."""

import math
from collections.abc import Mapping
from itertools import groupby
from statistics import mean, stdev
from typing import Any

import numpy as np

from common.colors import MUTED, behavior_colors
from common.tables import Row
from pipeline.report.figures.style import Drawing, label_left, panels, shorten
from pipeline.run_folder.reading import Run, section
from pipeline.run_folder.run_dir import PREDICTION

# A recording is called strange when so many times more of it is unsure than of any that scored the heads.
STRANGE = 2.0
_LEAST_UNSURE = 0.05


def is_prediction(run: Run) -> bool:
    """Whether the folder holds predictions of new videos."""
    return run.provenance.get("kind") == PREDICTION


def found_in(run: Run) -> list[Row]:
    """One row per behavior; none for an experiment, whose page leads with scores.

    Returns
    -------
    list of dict
        `behavior`, `n_recordings` (those with a known frame), `mean_fraction`, `sd_fraction`, `low_fraction` and
        `high_fraction` (share of known time, over recordings), `n_bouts`, `unsure_fraction` (mean share of frames
        with a probability that says neither yes nor no), `expected` (what the run that trained the heads says of
        them, `trained_run.measured_scores`), `measured` (its scores in each subset, () where it holds none), and
        `strange`: recordings that are far more unsure than any of those.
    """
    if not is_prediction(run):
        return []
    expected = section(section(run.provenance, "trained_run"), "scores")
    return [_found(run, behavior, section(expected, behavior)) for behavior in run.behaviors]


def _found(run: Run, behavior: str, expected: Mapping[str, Any]) -> Row:
    rows = [row for row in run.tables.summary if row["behavior"] == behavior]
    shares = [row["fraction"] for row in rows if row["fraction"] is not None]
    unsure = {row["recording"]: row["unsure_fraction"] for row in rows if row["unsure_fraction"] is not None}
    reference = expected.get("unsure_fraction")
    limit = math.inf if reference is None else max(STRANGE * reference, _LEAST_UNSURE)
    return {
        "behavior": behavior,
        "n_recordings": len(shares),
        "mean_fraction": mean(shares) if shares else None,
        "sd_fraction": stdev(shares) if len(shares) > 1 else None,
        "low_fraction": min(shares, default=None),
        "high_fraction": max(shares, default=None),
        "n_bouts": sum(row["n_bouts"] or 0 for row in rows),
        "unsure_fraction": mean(unsure.values()) if unsure else None,
        "expected": expected,
        "measured": (expected, *expected.get("further", ())) if expected else (),
        "strange": [name for name, share in unsure.items() if share > limit],
    }


def draw_found(run: Run) -> Drawing | None:
    """Share of time per recording, by group; None for an experiment."""
    rows = [row for row in run.tables.summary if row["fraction"] is not None]
    if not is_prediction(run) or not rows:
        return None
    groups = sorted({row["group"] for row in rows})
    figure, all_axes = panels(len(run.behaviors), (2.4, 2.5))
    for (axes,), (behavior, color) in zip(all_axes, behavior_colors(run.behaviors).items(), strict=True):
        shown = [row for row in rows if row["behavior"] == behavior]
        for place, group in enumerate(groups):
            shares = [100 * row["fraction"] for row in shown if row["group"] == group]
            if shares:
                # A fixed spread, so that equal values stay apart.
                offsets = np.linspace(-0.18, 0.18, len(shares)) if len(shares) > 1 else np.zeros(1)
                axes.plot(place + offsets, shares, "o", markersize=5, alpha=0.8, color=color, markeredgewidth=0)
                axes.plot([place - 0.28, place + 0.28], [mean(shares)] * 2, color=MUTED, linewidth=1.4)
        axes.set_title(shorten(behavior, 24))
        axes.set_xticks(range(len(groups)), [group or "all recordings" for group in groups])
        axes.set_xlim(-0.6, len(groups) - 0.4)
        axes.set_ylim(0, 112 * max((row["fraction"] for row in shown), default=0) or 1)
        axes.grid(axis="y")
        label_left(axes, "% of known time")
    columns = ("recording", "individual", "group", "behavior", "fraction", "n_bouts")
    return Drawing(figure, [{name: row[name] for name in columns} for row in rows])


def summary_by_recording(run: Run) -> list[tuple[str, list[Row]]]:
    """Rows of summary.csv, one list per recording, behaviors in the order of the run; () for an experiment."""
    if not is_prediction(run):
        return []
    rows = sorted(run.tables.summary, key=lambda row: str(row["recording"]))
    found = []
    for recording, members in groupby(rows, key=lambda row: str(row["recording"])):
        by_behavior = {row["behavior"]: row for row in members}
        found.append((recording, [by_behavior[name] for name in run.behaviors if name in by_behavior]))
    return found
