"""Several runs beside each other: one table, one figure, and the thesis' tables with our columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from pipeline.report.html import href, render
from pipeline.report.run_files import CROSS_VALIDATION, TEST, Run, read_run, section
from pipeline.report.score_figures import number
from pipeline.report.style import (
    BASELINE,
    INK,
    MUTED,
    PAGE_WIDTH_IN,
    behavior_colors,
    figure_style,
    new_figure,
    save_figure,
    shorten,
)
from pipeline.report.thesis import EXPERIMENTS, METRIC_WORDS, METRICS, ThesisTable, thesis_table
from pipeline.run_dir import write_text
from pipeline.scores import CLOSED, RAW
from pipeline.tables import write_table

_SCORES = ("cv_average_precision", "cv_f1", "test_average_precision", "test_f1")
COMPARISON_COLUMNS = (
    "behavior",
    "run",
    "head",
    "backbone",
    *_SCORES,
    "baseline_average_precision",
    "chance",
    "minutes",
    "best",
)


@dataclass(frozen=True)
class ComparisonRow:
    """One behavior of one run, pooled; None = undefined or not there.

    Attributes
    ----------
    behavior, run, head, backbone : str
        `backbone` is the one really used.
    cv_average_precision, test_average_precision : float or None
        Of the probabilities.
    cv_f1, test_f1 : float or None
        After post-processing.
    baseline_average_precision, chance : float or None
        Cross-validated; of the test recordings when nothing was cross-validated.
    minutes : float or None
        Sum over the run's stages.
    best : frozenset of str
        Names of those scores in which no other run is better for this behavior.
    """

    behavior: str
    run: str
    head: str
    backbone: str
    cv_average_precision: float | None
    cv_f1: float | None
    test_average_precision: float | None
    test_f1: float | None
    baseline_average_precision: float | None
    chance: float | None
    minutes: float | None
    best: frozenset[str] = frozenset()

    def cells(self) -> dict[str, object]:
        """The row as cells of the CSV table."""
        values: dict[str, object] = {name: getattr(self, name) for name in COMPARISON_COLUMNS}
        return values | {"best": " ".join(name for name in _SCORES if name in self.best)}


def compare_runs(runs: Sequence[Run]) -> list[ComparisonRow]:
    """Pooled scores of all runs, behavior by behavior in order of first appearance.

    Parameters
    ----------
    runs : sequence of Run

    Returns
    -------
    list of ComparisonRow
        Behaviors that a run does not have are left out; `best` is marked when at least two runs compete.
    """
    behaviors = dict.fromkeys(name for run in runs for name in run.behaviors)
    rows: list[ComparisonRow] = []
    for behavior in behaviors:
        rivals = [_compare_one(run, behavior) for run in runs if behavior in run.behaviors]
        rows += [_mark_best(row, rivals) for row in rivals]
    return rows


def _compare_one(run: Run, behavior: str) -> ComparisonRow:
    where = CROSS_VALIDATION if CROSS_VALIDATION in run.subsets else TEST
    raw = run.score(behavior, where, RAW)
    n_frames = number(raw, "n_frames")
    seconds = sum(float(stage.get("seconds") or 0) for stage in run.provenance.get("stages") or [])
    backbone = section(run.provenance, "backbone").get("used") or section(run.config, "backbone").get("name")
    return ComparisonRow(
        behavior=behavior,
        run=run.name,
        head=run.head_name,
        backbone=str(backbone or "not stated"),
        cv_average_precision=number(run.score(behavior, CROSS_VALIDATION, RAW), "average_precision"),
        cv_f1=number(run.score(behavior, CROSS_VALIDATION, CLOSED), "f1"),
        test_average_precision=number(run.score(behavior, TEST, RAW), "average_precision"),
        test_f1=number(run.score(behavior, TEST, CLOSED), "f1"),
        baseline_average_precision=number(run.score(behavior, where, RAW, baseline=True), "average_precision"),
        chance=(number(raw, "n_positive") or 0) / n_frames if n_frames else None,
        minutes=seconds / 60 if seconds else None,
    )


def _mark_best(row: ComparisonRow, rivals: Sequence[ComparisonRow]) -> ComparisonRow:
    best = set()
    for name in _SCORES:
        values = [value for rival in rivals if (value := getattr(rival, name)) is not None]
        mine = getattr(row, name)
        # Equal to three decimals is equal: the page shows no more.
        if mine is not None and len(values) > 1 and round(mine, 3) == round(max(values), 3):
            best.add(name)
    return ComparisonRow(**{**row.__dict__, "best": frozenset(best)})


def write_comparison(run_dirs: Sequence[Path], out_path: Path) -> list[ComparisonRow]:
    """Compare finished runs on one page, and as CSV beside it.

    Parameters
    ----------
    run_dirs : sequence of Path
        Run folders; at least one.
    out_path : Path
        The page, e.g. `runs/comparison.html`; the table goes to the same name with `.csv`, the figure
        to `<name>_figures/`.

    Returns
    -------
    list of ComparisonRow
        What the tables say, for the terminal.

    Raises
    ------
    InputError
        When a folder is no run folder, or the page cannot be written.
    """
    runs = [read_run(path) for path in run_dirs]
    rows = compare_runs(runs)
    with figure_style():
        figure = save_figure(
            _draw_comparison(rows),
            out_path.with_name(f"{out_path.stem}_figures"),
            "comparison",
            "Average precision of all runs",
            "Diamond: cross-validated, pooled; triangle: test, pooled; gray ring: the run's baseline; "
            "gray tick: chance.",
        )
    write_table(out_path.with_suffix(".csv"), COMPARISON_COLUMNS, [row.cells() for row in rows])
    write_text(out_path, render("comparison.html.j2", _context(runs, rows, out_path) | {"figure": figure}))
    return rows


def _context(runs: Sequence[Run], rows: Sequence[ComparisonRow], out_path: Path) -> dict[str, Any]:
    behaviors = list(dict.fromkeys(row.behavior for row in rows))
    return {
        "runs": [_describe(run, out_path) for run in runs],
        "behaviors": behaviors,
        "colors": behavior_colors(behaviors),
        "rows": {name: [row for row in rows if row.behavior == name] for name in behaviors},
        "thesis": [item for name in behaviors if (item := _thesis_block(runs, name)) is not None],
        "thesis_experiments": EXPERIMENTS,
        "differences": _differences(runs),
        "table_name": out_path.with_suffix(".csv").name,
        "figures_folder": f"{out_path.stem}_figures",
    }


def _describe(run: Run, out_path: Path) -> dict[str, str]:
    """A run's line in the list of runs, with a link to its own report where one can be made."""
    try:
        link = href((run.path.resolve().relative_to(out_path.resolve().parent) / "report.html").as_posix())
    except ValueError:
        link = ""
    return {
        "name": run.name,
        "description": str(run.config.get("description") or ""),
        "note": str(section(run.provenance, "backbone").get("note") or ""),
        "link": link if (run.path / "report.html").exists() else "",
    }


def _differences(runs: Sequence[Run]) -> list[str]:
    """Reasons why the runs' numbers are not about the same thing."""
    unequal: dict[str, list[str]] = {}
    for behavior in dict.fromkeys(name for run in runs for name in run.behaviors):
        frames: dict[tuple[object, ...], list[str]] = {}
        for run in runs:
            rows = [run.score(behavior, subset, RAW) for subset in (CROSS_VALIDATION, TEST)]
            key = tuple((row["n_frames"], row["n_positive"]) if row else None for row in rows)
            if behavior in run.behaviors:
                frames.setdefault(key, []).append(run.name)
        if len(frames) > 1:
            unequal.setdefault(" | ".join(", ".join(names) for names in frames.values()), []).append(behavior)
    found = [f"{', '.join(names)}: scored on different frames in {groups}." for groups, names in unequal.items()]
    protocols = {run.name: str(run.config.get("protocol", "nested")) for run in runs}
    if len(set(protocols.values())) > 1:
        listed = ", ".join(f"{name}: {protocol}" for name, protocol in protocols.items())
        found.append(f"The runs follow different protocols of cross-validation ({listed}).")
    return found


@dataclass(frozen=True)
class ThesisBlock:
    """One of the thesis' tables with a column for each of our runs."""

    behavior: str
    table: ThesisTable
    runs: tuple[str, ...]
    ours: Mapping[str, tuple[float | None, ...]]
    subset: str

    def lines(self) -> list[tuple[str, tuple[float, ...], tuple[float | None, ...]]]:
        """Per metric: its name, the thesis' four values, one value per run."""
        return [(METRIC_WORDS[name], self.table.values[name], self.ours[name]) for name in METRICS]


def _thesis_block(runs: Sequence[Run], behavior: str) -> ThesisBlock | None:
    """Our raw test scores (cross-validated ones where no run has a test) in the thesis' layout."""
    table = thesis_table(behavior)
    mine = [run for run in runs if behavior in run.behaviors]
    if table is None or not mine:
        return None
    subset = TEST if any(TEST in run.subsets for run in mine) else CROSS_VALIDATION
    scores = [run.score(behavior, subset, RAW) for run in mine]
    ours = {name: tuple(number(row, name) for row in scores) for name in METRICS}
    return ThesisBlock(behavior, table, tuple(run.name for run in mine), ours, subset)


def _draw_comparison(rows: Sequence[ComparisonRow]) -> Figure:
    """A panel per behavior, a line per run."""
    behaviors = list(dict.fromkeys(row.behavior for row in rows))
    colors = behavior_colors(behaviors)
    n_runs = max((sum(row.behavior == name for row in rows) for name in behaviors), default=1)
    figure = new_figure(PAGE_WIDTH_IN, len(behaviors) * (0.62 + 0.27 * n_runs) + 0.5)
    for i, behavior in enumerate(behaviors):
        axes = figure.add_subplot(len(behaviors), 1, i + 1)
        mine = [row for row in rows if row.behavior == behavior]
        for y, row in enumerate(mine):
            marks = (
                (row.chance, "|", MUTED, MUTED, 11),
                (row.baseline_average_precision, "o", "white", BASELINE, 7),
                (row.cv_average_precision, "D", colors[behavior], "white", 7.5),
                (row.test_average_precision, "^", colors[behavior], "white", 8.5),
            )
            for value, marker, face, edge, size in marks:
                if value is not None:
                    axes.plot([value], [y], marker, markerfacecolor=face, markeredgecolor=edge, markersize=size)
        axes.set_yticks(range(len(mine)), [shorten(row.run, 32) for row in mine])
        axes.set(xlim=(-0.01, 1.01), ylim=(len(mine) - 0.5, -0.5))
        axes.set_title(shorten(behavior, 40))
        axes.grid(axis="both")
        axes.tick_params(axis="y", length=0)
    figure.axes[-1].set_xlabel("Average precision")
    looks: tuple[tuple[str, str, str, str], ...] = (
        ("D", INK, "white", "cross-validation"),
        ("^", INK, "white", "test"),
        ("o", "white", BASELINE, "baseline"),
        ("|", MUTED, MUTED, "chance"),
    )
    legend = [
        Line2D([], [], linestyle="", marker=m, markerfacecolor=f, markeredgecolor=e, markersize=8, label=words)
        for m, f, e, words in looks
    ]
    figure.legend(handles=legend, loc="outside lower center", ncols=4)
    return figure
