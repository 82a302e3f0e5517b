"""The comparison as tables: CSV for other programs, LaTeX for a paper."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from common.files import write_text
from common.tables import Row, write_table
from common.wording import ratio, setting
from pipeline.report.comparison import latex
from pipeline.report.comparison.differences import OWN_BASELINE, SCORES, Difference
from pipeline.report.comparison.runs import KEY, Comparison
from pipeline.report.comparison.scores import BASELINE_AVERAGE_PRECISION, CHANCE_AVERAGE_PRECISION, ScoreValue
from pipeline.report.comparison.thesis import ThesisBlock
from pipeline.report.comparison.words import interval, p_text, signed
from pipeline.report.thesis import METRIC_WORDS
from pipeline.report.words.facts import changed_settings
from pipeline.run_folder.evidence import AVERAGE_PRECISION, BOUT_F1, FRAME_F1
from pipeline.run_folder.features import features_in_words
from pipeline.run_folder.reading import CROSS_VALIDATION, SUBSET_WORDS, TEST
from pipeline.scoring.statistics.verdict import CHANCE, TOO_FEW

DIFFERENCE_COLUMNS = (
    "behavior", "subset", "score", "run", "reference", "difference", "low", "high", "p", "p_holm", "n_individuals",
    "verdict", "p_smallest", "n_comparisons", "n_tested", "n_recordings", "reason",
)  # fmt: skip
SCORE_SHORT = {AVERAGE_PRECISION: "AP", FRAME_F1: "frame F1", BOUT_F1: "bout F1"}
# The caption says what it is too few for.
_VERDICTS = {CHANCE: "chance?", TOO_FEW: "too few"}
_PREAMBLE = r"""% Needs \usepackage{booktabs} in the preamble; then \input this file.
% Names in other scripts than Latin need XeLaTeX or LuaLaTeX and a font that has them.
"""


def write_csv_tables(comparison: Comparison, folder: Path) -> None:
    """Write comparison.csv, differences.csv, runs.csv and, where the thesis has a table, thesis_tables.csv."""
    scores = [score_row(key, value) for key, value in comparison.values.items()]
    write_table(folder / "comparison.csv", (*KEY, "value", "low", "high"), scores)
    differences = (*comparison.differences, *comparison.baseline_differences)
    write_table(folder / "differences.csv", DIFFERENCE_COLUMNS, map(asdict, differences))
    runs = run_rows(comparison)
    write_table(folder / "runs.csv", tuple(runs[0]), runs)
    if comparison.thesis:
        rows = [row for block in comparison.thesis for row in _thesis_rows(block)]
        columns = dict.fromkeys(column for row in rows for column in row)
        write_table(folder / "thesis_tables.csv", tuple(columns), (columns | row for row in rows))


def score_row(key: tuple[str, ...], value: ScoreValue) -> Row:
    """One score as a row of comparison.csv."""
    return dict(zip(KEY, key, strict=True)) | {"value": value.value, "low": value.low, "high": value.high}


def run_rows(comparison: Comparison) -> list[Row]:
    """One row per run: where it lies and what it is."""
    rows: list[Row] = []
    for name, run in comparison.runs.items():
        seconds = sum(float(stage.get("seconds") or 0) for stage in run.provenance.get("stages") or [])
        rows.append(
            {
                "run": name,
                "folder": run.path.as_posix(),
                "description": "; ".join(filter(None, (run.config.get("description"), *changed_settings(run)))),
                "head": run.head_name,
                "backbone": features_in_words(run),
                "protocol": setting(run.config.get("protocol")),
                "n_cross_validation": len(run.members(CROSS_VALIDATION)),
                "n_test": len(run.members(TEST)),
                "minutes": seconds / 60 if seconds else None,
            }
        )
    return rows


def _thesis_rows(block: ThesisBlock) -> list[Row]:
    """A row per metric: the thesis' experiments, each with our runs of its name, then the others."""
    return [
        {"table": block.table.number, "behavior": block.behavior, "subset": block.subset, "metric": metric}
        | {
            f"{column.run} (here)" if column.run else f"{column.experiment} (thesis)": column.values[metric]
            for column in block.columns
        }
        for metric in METRIC_WORDS
    ]


def write_latex_tables(comparison: Comparison, path: Path) -> None:
    """Write all tables for `\\input` in a LaTeX document."""
    parts = [_PREAMBLE]
    parts += [_score_table(comparison, subset) for subset in comparison.subsets()]
    for subset in comparison.subsets():
        for place, behavior in enumerate(comparison.behaviors):
            items = [item for item in comparison.differences if (item.behavior, item.subset) == (behavior, subset)]
            if items:
                parts.append(_difference_table(items, f"{_label(subset)}-{place + 1}"))
    parts += [_baseline_table(comparison)] if comparison.baseline_differences else []
    parts += [_thesis_table(block) for block in comparison.thesis]
    write_text(path, "\n".join(parts))


def _label(subset: str) -> str:
    return subset.replace("_", "-")


def _title(words: str, n_columns: int) -> list[latex.Cell]:
    return [latex.Span(latex.bold(latex.escape(words)), n_columns, "l")]


def _limits(low: float | None, high: float | None, is_signed: bool = False) -> str:
    """An interval in small brackets that cannot be taken for an option; empty where there is none."""
    text = interval(low, high, is_signed)
    return rf" {{\scriptsize {latex.escape(text)}}}" if text else ""


def _score_table(comparison: Comparison, subset: str) -> str:
    blocks = []
    for behavior in comparison.behaviors:
        names = [name for name in comparison.runs if comparison.value(behavior, subset, name, AVERAGE_PRECISION)]
        if names:
            rows = [_score_row(comparison, behavior, subset, name) for name in names]
            blocks.append([_title(behavior, 6), *rows])
    caption = (
        f"Pooled scores ({SUBSET_WORDS[subset]}) with 95\\,\\% intervals by bootstrap over individuals. AP: average "
        "precision of the probabilities; frame F1 and bout F1 (IoU 0.5) after post-processing; "
        "baseline: AP of the run's own baseline; chance: share of positive frames. Bold: the highest, "
        "where all runs scored the same recordings against the same labels."
    )
    heading = ["Run", "AP", "Frame F1", "Bout F1", "Baseline", "Chance"]
    return latex.table(caption, f"tab:scores-{_label(subset)}", "lrrrrr", [heading], blocks)


def _score_row(comparison: Comparison, behavior: str, subset: str, name: str) -> list[latex.Cell]:
    cells: list[latex.Cell] = [latex.escape(name)]
    for score in (*SCORES, BASELINE_AVERAGE_PRECISION, CHANCE_AVERAGE_PRECISION):
        found = comparison.value(behavior, subset, name, score) or ScoreValue(None)
        is_best = score in SCORES and comparison.is_highest(behavior, subset, name, score)
        text = latex.bold(ratio(found.value)) if is_best else ratio(found.value)
        cells.append(text + _limits(found.low, found.high))
    return cells


def _difference_table(items: Sequence[Difference], label: str) -> str:
    """One behavior in one subset, a block per reference."""
    blocks = [
        [_title(f"Against {reference}", 7), *(_difference_row(item) for item in items if item.reference == reference)]
        for reference in dict.fromkeys(item.reference for item in items)
    ]
    caption = (
        f"{latex.escape(items[0].behavior)} ({SUBSET_WORDS[items[0].subset]}): run minus reference on the recordings "
        "that both scored, with 95\\,\\% intervals by bootstrap over individuals; $p$ by flipping signs of the "
        "individuals' differences, $p_{\\mathrm{Holm}}$ corrected for the number of comparisons; $n$ individuals. "
        "Verdicts: real, could be chance (chance?), too few individuals to tell (too few)."
    )
    heading = ["Run", "Score", "Difference", "$p$", r"$p_{\mathrm{Holm}}$", "$n$", "Verdict"]
    return latex.table(caption, f"tab:differences-{label}", "llrrrrl", [heading], blocks)


def _difference_row(item: Difference, second: str = "") -> list[latex.Cell]:
    return [
        latex.escape(item.run),
        second or SCORE_SHORT[item.score],
        latex.escape(signed(item.difference)) + _limits(item.low, item.high, is_signed=True),
        *(latex.escape(p_text(p).replace("under ", "<")) for p in (item.p, item.p_holm)),
        str(item.n_individuals),
        _VERDICTS.get(item.verdict, item.verdict),
    ]


def _baseline_table(comparison: Comparison) -> str:
    blocks = []
    for behavior in comparison.behaviors:
        mine = [item for item in comparison.baseline_differences if item.behavior == behavior]
        if mine:
            rows = [_difference_row(item, SUBSET_WORDS[item.subset]) for item in mine]
            blocks.append([_title(behavior, 7), *rows])
    caption = f"Average precision of each run minus that of its {OWN_BASELINE}; columns as between runs."
    heading = ["Run", "Subset", "Difference", "$p$", r"$p_{\mathrm{Holm}}$", "$n$", "Verdict"]
    return latex.table(caption, "tab:baseline", "llrrrrl", [heading], blocks)


def _thesis_table(block: ThesisBlock) -> str:
    spans = [latex.Span(latex.escape(name or "other runs"), n_columns) for name, n_columns in block.groups]
    top: list[latex.Cell] = ["", *spans]
    names: list[latex.Cell] = ["", *(latex.escape(column.words) for column in block.columns)]
    rows: list[list[latex.Cell]] = [[words, *(ratio(value) for _, value in cells)] for words, cells in block.lines()]
    caption = (
        f"{latex.escape(block.behavior)}: Table~{block.table.number} of the thesis (test videos of its own, threshold "
        f"0.5, no post-processing) and our runs ({SUBSET_WORDS[block.subset]}, likewise). The data differ; PR-AUC of "
        "the thesis is Keras' interpolated area, ours is average precision."
    )
    label = f"tab:thesis-{block.table.number.replace('.', '-')}"
    return latex.table(caption, label, "l" + "r" * len(block.columns), [top, names], [rows])
