"""What the report says of an ensemble: each member beside the mean, and whether the mean is really better."""

from collections.abc import Iterator
from typing import Any

from common.colors import INK, MUTED, behavior_colors
from common.tables import Row
from pipeline.report.figures.style import Drawing, panels, shorten
from pipeline.run_folder.reading import SUBSET_WORDS, Run, section
from pipeline.run_folder.run_dir import ENSEMBLE as KIND
from pipeline.scoring.ensembles import BEST, ENSEMBLE, MEAN
from pipeline.scoring.statistics.by_individual import AVERAGE_PRECISION, BOUT_F1
from pipeline.scoring.statistics.verdict import REAL

SCORE_WORDS = {AVERAGE_PRECISION: "AP", BOUT_F1: "bout F1"}
_MOST_NAMES = 24


def ensemble_words(row: Row) -> str:
    """What one difference of ensemble.csv (the ensemble's score minus that of the row) means: its verdict in words."""
    if row["verdict"] == REAL:
        return "better" if row["difference"] > 0 else "worse"
    return f"{row['verdict']}: {row['reason']}" if row["reason"] else str(row["verdict"])


def ensemble_lines(run: Run) -> list[dict[str, Any]]:
    """A line per behavior, subset and score, as the page's table shows it; [] where there is no ensemble.

    Returns
    -------
    list of dict
        `behavior`, `subset`, `score` (in words), `members` (rows of ensemble.csv), `best`, `mean` and `ensemble` (such
        rows, or None), and `best_words`, `mean_words`.
    """
    lines = []
    for place in dict.fromkeys((r["behavior"], r["subset"], r["score"]) for r in run.tables.ensemble):
        rows = [r for r in run.tables.ensemble if (r["behavior"], r["subset"], r["score"]) == place]
        of = {role: next((r for r in rows if r["role"] == role), None) for role in (BEST, MEAN, ENSEMBLE)}
        line = {
            "behavior": place[0],
            "subset": SUBSET_WORDS.get(place[1], place[1]),
            "score": SCORE_WORDS.get(place[2], place[2]),
            "members": [r for r in rows if r["member"]],
        }
        line |= {name: of[role] for name, role in (("best", BEST), ("mean", MEAN), ("ensemble", ENSEMBLE))}
        lines.append(line | {f"{n}_words": ensemble_words(line[n]) if line[n] else "n/a" for n in ("best", "mean")})
    return lines


def ensemble_method(run: Run) -> Iterator[str]:
    """Yield how the probabilities of an ensemble came about, for the methods."""
    facts, bag = section(run.provenance, KIND), section(run.config, KIND)
    if (bag.get("members") or 1) > 1:
        how = (
            "each learns from as many individuals as there are, drawn with replacement from the training individuals "
            "of its fold (bagging, Breiman 1996); draws are repeated until they contain what the task needs"
            if bag.get("by") == "individuals"
            else "they differ in their seeds"
        )
        yield (
            f"Ensemble: each head is replaced by {bag['members']}, whose probabilities are averaged before settings "
            f"are chosen; {how}. Every member of a fold saw the fold’s training recordings only. "
            "Members’ scores are those of their own probabilities, calibrated and post-processed as the mean is."
        )
    if facts:
        members = ", ".join(f"{one['name']} ({one['head']})" for one in facts.get("members") or [])
        how = (
            "Each behavior's weights are those of the least squared error that are not negative and sum to 1 (stacked "
            "regression, Breiman 1996), for a held-out recording fitted on predictions of the other training "
            "recordings by heads that saw neither those nor it."
            if facts.get("weights") == "fitted"
            else "All members count the same."
        )
        yield (
            f"Ensemble: every probability is the mean of those of {members}, calibrated where a member calibrates. "
            f"{how} A held-out recording was held out by every member. Spread is the standard deviation of the "
            "members’ probabilities about the mean."
        )


def draw_ensemble(run: Run) -> Drawing | None:
    """A panel per behavior: what the ensemble adds to its best member and to the mean of members, with intervals."""
    rows = [row for row in run.tables.ensemble if row["difference"] is not None]
    if not rows:
        return None
    colors = behavior_colors(run.behaviors)
    shown = [name for name in run.behaviors if any(row["behavior"] == name for row in rows)]
    n_bars = max(sum(row["behavior"] == name for row in rows) for name in shown)
    figure, all_axes = panels(len(shown), (4.0, 0.9 + 0.3 * n_bars))
    for (axes,), behavior in zip(all_axes, shown, strict=True):
        own = [row for row in rows if row["behavior"] == behavior]
        for place, row in enumerate(own):
            color = colors[behavior] if row["role"] == BEST else MUTED
            if row["low"] is not None:
                axes.plot([row["low"], row["high"]], [place, place], color=color, linewidth=2.0)
            axes.plot(row["difference"], place, "o", markersize=6, color=color, markeredgewidth=0)
        axes.set_yticks(range(len(own)), [_bar_name(row) for row in own], fontsize=7)
        axes.set_ylim(len(own) - 0.4, -0.6)
        axes.axvline(0, color=INK, linewidth=0.8)
        axes.set_title(shorten(behavior))
        axes.set_xlabel("ensemble minus this")
        axes.grid(axis="x")
    return Drawing(figure, rows)


def _bar_name(row: Row) -> str:
    against = f"best ({shorten(row['member'], _MOST_NAMES)})" if row["role"] == BEST else "mean of members"
    return f"{SCORE_WORDS[row['score']]}, {SUBSET_WORDS.get(row['subset'], row['subset'])}\n{against}"
