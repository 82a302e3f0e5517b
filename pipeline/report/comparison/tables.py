"""The comparison as tables: CSV for other programs, LaTeX for a paper."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from common.files import write_text
from common.tables import write_table
from common.wording import setting
from pipeline.report.comparison import latex
from pipeline.report.comparison.differences import (
    AVERAGE_PRECISION,
    BOUT_F1,
    CHANCE,
    F1,
    OWN_BASELINE,
    SCORES,
    TOO_FEW,
    Difference,
)
from pipeline.report.comparison.runs import Comparison
from pipeline.report.comparison.scores import BASELINE_AVERAGE_PRECISION, CHANCE_AVERAGE_PRECISION
from pipeline.report.comparison.thesis import ThesisBlock
from pipeline.report.thesis import EXPERIMENTS, METRICS
from pipeline.run_folder.reading import CROSS_VALIDATION, SUBSET_WORDS, TEST, section

SCORE_COLUMNS = ("behavior", "subset", "run", "score", "value", "low", "high")
DIFFERENCE_COLUMNS = (
    "behavior", "subset", "score", "run", "reference", "difference", "low", "high", "p", "p_holm", "n_individuals",
    "verdict", "p_smallest", "n_comparisons", "n_tested", "n_recordings", "reason",
)  # fmt: skip
RUN_COLUMNS = (
    "run", "folder", "description", "head", "backbone", "protocol", "n_cross_validation", "n_test", "minutes",
)  # fmt: skip
SCORE_SHORT = {AVERAGE_PRECISION: "AP", F1: "frame F1", BOUT_F1: "bout F1"}

# The caption says what it is too few for.
_VERDICTS = {CHANCE: "chance?", TOO_FEW: "too few"}

_PREAMBLE = r"""% Needs \usepackage{booktabs} in the preamble; then \input this file.
% Names in other scripts than Latin need XeLaTeX or LuaLaTeX and a font that has them.
"""


def write_csv_tables(comparison: Comparison, folder: Path) -> None:
    """Write comparison.csv, differences.csv, runs.csv and, where the thesis has a table, thesis_tables.csv."""
    scores = ({column: getattr(value, column) for column in SCORE_COLUMNS} for value in comparison.values)
    write_table(folder / "comparison.csv", SCORE_COLUMNS, scores)
    write_table(folder / "differences.csv", DIFFERENCE_COLUMNS, map(asdict, comparison.all_differences()))
    write_table(folder / "runs.csv", RUN_COLUMNS, run_rows(comparison))
    if comparison.thesis:
        write_table(folder / "thesis_tables.csv", thesis_columns(comparison), thesis_rows(comparison))


def run_rows(comparison: Comparison) -> list[dict[str, object]]:
    """One row per run: where it lies and what it is."""
    rows: list[dict[str, object]] = []
    for contender in comparison.contenders:
        run = contender.run
        backbone = section(run.provenance, "backbone").get("used") or section(run.config, "backbone").get("name")
        seconds = sum(float(stage.get("seconds") or 0) for stage in run.provenance.get("stages") or [])
        rows.append(
            {
                "run": contender.name,
                "folder": run.path.as_posix(),
                "description": str(run.config.get("description") or ""),
                "head": run.head_name,
                "backbone": setting(backbone),
                "protocol": setting(run.config.get("protocol")),
                "n_cross_validation": len(run.members(CROSS_VALIDATION)),
                "n_test": len(run.members(TEST)),
                "minutes": seconds / 60 if seconds else None,
            }
        )
    return rows


def thesis_columns(comparison: Comparison) -> list[str]:
    """Header of thesis_tables.csv: the thesis' experiments, each with our runs of its name, then the others."""
    names = [contender.name for contender in comparison.contenders]
    named = {e.name: [c.name for c in comparison.contenders if c.run.name == e.name] for e in EXPERIMENTS}
    columns = ["table", "behavior", "subset", "metric"]
    for experiment, ours in named.items():
        columns += [f"{experiment} (thesis)", *(f"{name} (here)" for name in ours)]
    taken = {name for ours in named.values() for name in ours}
    return [*columns, *(f"{name} (here)" for name in names if name not in taken)]


def thesis_rows(comparison: Comparison) -> list[dict[str, object]]:
    """Rows of thesis_tables.csv: a behavior and a metric each; empty where a run has no such number."""
    rows: list[dict[str, object]] = []
    for block in comparison.thesis:
        for metric in METRICS:
            row: dict[str, object] = dict.fromkeys(thesis_columns(comparison))
            row |= {"table": block.table.number, "behavior": block.behavior, "subset": block.subset, "metric": metric}
            for column in block.columns:
                name = f"{column.run} (here)" if column.run else f"{column.experiment} (thesis)"
                row[name] = column.values[metric]
            rows.append(row)
    return rows


def write_latex_tables(comparison: Comparison, path: Path) -> None:
    """Write every table of the page for use in a LaTeX document."""
    parts = [_PREAMBLE]
    parts += [_score_table(comparison, subset) for subset in comparison.subsets]
    for subset in comparison.subsets:
        for place, behavior in enumerate(comparison.behaviors):
            items = [item for item in comparison.differences if (item.behavior, item.subset) == (behavior, subset)]
            if items:
                parts.append(_difference_table(items, f"{_label(subset)}-{place + 1}"))
    parts += [_baseline_table(comparison)] if comparison.baseline_differences else []
    parts += [_thesis_table(block) for block in comparison.thesis]
    write_text(path, "\n".join(parts))


def _score_table(comparison: Comparison, subset: str) -> str:
    blocks = []
    for behavior in comparison.behaviors:
        names = [c.name for c in comparison.contenders if comparison.value(behavior, subset, c.name, AVERAGE_PRECISION)]
        if names:
            title: list[latex.Cell] = [latex.Span(latex.bold(latex.escape(behavior)), 6, "l")]
            blocks.append([title, *(_score_row(comparison, behavior, subset, name) for name in names)])
    caption = (
        f"Pooled scores ({SUBSET_WORDS[subset]}) with 95\\,\\% intervals by bootstrap over individuals. AP: average "
        "precision of the probabilities; frame F1 and bout F1 (IoU 0.5) after post-processing; "
        "baseline: AP of the run's own baseline; chance: share of positive frames. Bold: the highest."
    )
    heading = ["Run", "AP", "Frame F1", "Bout F1", "Baseline", "Chance"]
    return latex.table(caption, f"tab:scores-{_label(subset)}", "lrrrrr", [heading], blocks)


def _score_row(comparison: Comparison, behavior: str, subset: str, name: str) -> list[latex.Cell]:
    cells: list[latex.Cell] = [latex.escape(name)]
    for score in SCORES:
        found = comparison.value(behavior, subset, name, score)
        text = latex.ratio(found.value if found else None)
        if comparison.is_highest(behavior, subset, name, score):
            text = latex.bold(text)
        limits = latex.interval(found.low, found.high) if found else ""
        cells.append(f"{text} {limits}".rstrip())
    for score in (BASELINE_AVERAGE_PRECISION, CHANCE_AVERAGE_PRECISION):
        found = comparison.value(behavior, subset, name, score)
        cells.append(latex.ratio(found.value if found else None))
    return cells


def _difference_table(items: Sequence[Difference], label: str) -> str:
    """One behavior in one subset, a block per reference."""
    blocks: list[list[list[latex.Cell]]] = []
    for reference in dict.fromkeys(item.reference for item in items):
        title = latex.Span(latex.bold(f"Against {latex.escape(reference)}"), 7, "l")
        blocks.append([[title], *(_difference_row(item) for item in items if item.reference == reference)])
    caption = (
        f"{latex.escape(items[0].behavior)} ({SUBSET_WORDS[items[0].subset]}): run minus reference on the recordings "
        "that both scored, with 95\\,\\% intervals by bootstrap over individuals; $p$ by flipping signs of the "
        "individuals' differences, $p_{\\mathrm{Holm}}$ corrected for the number of comparisons; $n$ individuals. "
        "Verdicts: real, could be chance (chance?), too few individuals to tell (too few)."
    )
    heading = ["Run", "Score", "Difference", "$p$", r"$p_{\mathrm{Holm}}$", "$n$", "Verdict"]
    return latex.table(caption, f"tab:differences-{label}", "llrrrrl", [heading], blocks)


def _label(subset: str) -> str:
    return subset.replace("_", "-")


def _difference_row(item: Difference) -> list[latex.Cell]:
    limits = latex.interval(item.low, item.high, is_signed=True)
    return [
        latex.escape(item.run),
        SCORE_SHORT[item.score],
        f"{latex.signed(item.difference)} {limits}".rstrip(),
        latex.p_value(item.p),
        latex.p_value(item.p_holm),
        str(item.n_individuals),
        _VERDICTS.get(item.verdict, item.verdict),
    ]


def _baseline_table(comparison: Comparison) -> str:
    blocks: list[list[list[latex.Cell]]] = []
    for behavior in comparison.behaviors:
        mine = [item for item in comparison.baseline_differences if item.behavior == behavior]
        rows: list[list[latex.Cell]] = [[latex.Span(latex.bold(latex.escape(behavior)), 7, "l")]]
        for item in mine:
            rows.append([latex.escape(item.run), SUBSET_WORDS[item.subset], *_difference_row(item)[2:]])
        if mine:
            blocks.append(rows)
    caption = f"Average precision of each run minus that of its {OWN_BASELINE}; columns as between runs."
    heading_row = ["Run", "Subset", "Difference", "$p$", r"$p_{\mathrm{Holm}}$", "$n$", "Verdict"]
    return latex.table(caption, "tab:baseline", "llrrrrl", [heading_row], blocks)


def _thesis_table(block: ThesisBlock) -> str:
    top: list[latex.Cell] = [""]
    for group in block.groups:
        top.append(latex.Span(latex.escape(group.experiment or "other runs"), len(group.columns)))
    names: Sequence[latex.Cell] = ["", *(_column_title(column.experiment, column.run) for column in block.columns)]
    rows: list[list[latex.Cell]] = [
        [words, *(latex.ratio(value) for _, value in cells)] for words, cells in block.lines()
    ]
    caption = (
        f"{latex.escape(block.behavior)}: Table~{block.table.number} of the thesis (test videos of its own, threshold "
        f"0.5, no post-processing) and our runs ({SUBSET_WORDS[block.subset]}, likewise). The data differ; PR-AUC of "
        "the thesis is Keras' interpolated area, ours is average precision."
    )
    label = f"tab:thesis-{block.table.number.replace('.', '-')}"
    return latex.table(caption, label, "l" + "r" * len(block.columns), [top, names], [rows])


def _column_title(experiment: str, run: str) -> str:
    if not run:
        return "thesis"
    return "here" if run == experiment else latex.escape(run)
