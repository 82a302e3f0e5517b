"""What a folder of predictions shows in place of scores: what was found, and what such numbers are worth."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from statistics import mean, stdev
from typing import Any

import numpy as np

from common.colors import MUTED, behavior_colors
from common.tables import Row
from pipeline.report.figures.style import Drawing, label_left, shorten, stacked_panels
from pipeline.run_folder.reading import Run, section
from pipeline.run_folder.run_dir import PREDICTION

# A recording is called strange when so many times more of it is unsure than of any that scored the heads.
STRANGE = 2.0
_LEAST_UNSURE = 0.05


@dataclass(frozen=True)
class Found:
    """One behavior in all predicted recordings.

    Attributes
    ----------
    behavior : str
    n_recordings : int
        Those with a known frame.
    mean_fraction, sd_fraction, low_fraction, high_fraction : float or None
        Share of known time, over recordings.
    n_bouts : int
    unsure_fraction : float or None
        Mean share of frames with a probability that says neither yes nor no.
    expected : mapping
        What the run that trained the heads says of them: `subset`, `n_individuals`, `average_precision`, `f1`,
        `bout_f1`, `unsure_fraction` (the highest of a recording that scored them), `verdict`, `verdict_level`.
    strange : tuple of str
        Recordings that are far more unsure than any that scored the heads.
    """

    behavior: str
    n_recordings: int
    mean_fraction: float | None
    sd_fraction: float | None
    low_fraction: float | None
    high_fraction: float | None
    n_bouts: int
    unsure_fraction: float | None
    expected: Mapping[str, Any]
    strange: tuple[str, ...]


def is_prediction(run: Run) -> bool:
    """Whether the folder holds predictions of new videos."""
    return run.provenance.get("kind") == PREDICTION


def found_in(run: Run) -> list[Found]:
    """One entry per behavior; none for an experiment, whose page leads with scores."""
    if not is_prediction(run):
        return []
    expected = section(section(run.provenance, "trained_run"), "scores")
    return [_found(run, behavior, section(expected, behavior)) for behavior in run.behaviors]


def _found(run: Run, behavior: str, expected: Mapping[str, Any]) -> Found:
    rows = [row for row in run.tables.summary if row["behavior"] == behavior]
    shares = [row["fraction"] for row in rows if row["fraction"] is not None]
    unsure = [row["unsure_fraction"] for row in rows if row["unsure_fraction"] is not None]
    reference = expected.get("unsure_fraction")
    limit = None if reference is None else max(STRANGE * float(reference), _LEAST_UNSURE)
    strange = tuple(
        str(row["recording"])
        for row in rows
        if limit is not None and row["unsure_fraction"] is not None and row["unsure_fraction"] > limit
    )
    return Found(
        behavior,
        len(shares),
        mean(shares) if shares else None,
        stdev(shares) if len(shares) > 1 else None,
        min(shares, default=None),
        max(shares, default=None),
        sum(row["n_bouts"] for row in rows if row["n_bouts"] is not None),
        mean(unsure) if unsure else None,
        expected,
        strange,
    )


def draw_found(run: Run) -> Drawing | None:
    """Share of time per recording, by group; None for an experiment."""
    rows = [row for row in run.tables.summary if row["fraction"] is not None]
    if not is_prediction(run) or not rows:
        return None
    groups = sorted({row["group"] for row in rows})
    figure, all_axes = stacked_panels(len(run.behaviors), [1], (2.4, 2.3))
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
