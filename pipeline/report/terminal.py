"""The headline of finished runs on the terminal: a table, and who is best."""

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from common.wording import NOT_AVAILABLE, decimal, ratio
from pipeline.report.comparison.runs import Comparison
from pipeline.report.comparison.scores import BASELINE_AVERAGE_PRECISION, CHANCE_AVERAGE_PRECISION
from pipeline.report.comparison.tables import run_rows
from pipeline.report.comparison.words import verdict_lines
from pipeline.run_folder.evidence import AVERAGE_PRECISION, BOUT_F1, FRAME_F1
from pipeline.run_folder.reading import CROSS_VALIDATION, EVALUATION, TEST

_SCORES = {AVERAGE_PRECISION: "AP", FRAME_F1: "F1", BOUT_F1: "bout F1"}
_SUBSETS = {CROSS_VALIDATION: "cross-validated", TEST: "test", EVALUATION: "evaluation"}


def print_comparison(comparison: Comparison) -> None:
    """Print a table of runs and behaviors, and for each behavior which run is best and whether that is real.

    The highest of a column is bold where the page has its star; n/a stands for undefined.
    """
    table = Table(title="Average precision (AP) of the probabilities, F1 after post-processing; all pooled")
    for heading in ("behavior", "run", "head", "backbone"):
        table.add_column(heading)
    columns = [(subset, score) for subset in comparison.subsets() for score in _SCORES]
    for subset, score in columns:
        table.add_column(f"{_SUBSETS[subset]} {_SCORES[score]}", justify="right")
    for heading in ("baseline AP", "chance AP", "minutes"):
        table.add_column(heading, justify="right")
    facts = {row["run"]: row for row in run_rows(comparison)}
    for behavior in comparison.behaviors:
        for name, run in comparison.runs.items():
            if behavior in run.behaviors:
                row = facts[name]
                names = (escape(words) for words in (behavior, name, row["head"], row["backbone"]))
                cells = [_score(comparison, behavior, subset, name, score) for subset, score in columns]
                table.add_row(*names, *cells, *_beside(comparison, behavior, name), decimal(row["minutes"]))
    # Without a terminal there is no width to fit into: a log file takes whole rows.
    console = Console()
    console = console if console.is_terminal else Console(width=180)
    console.print(table)
    for behavior in comparison.behaviors:
        for line in verdict_lines(comparison, behavior):
            console.print(escape(line), highlight=False)
    for note in comparison.notes:
        console.print(f"[yellow]{escape(note.title)}:[/] {escape(note.text)}", highlight=False, soft_wrap=True)


def _score(comparison: Comparison, behavior: str, subset: str, run: str, score: str) -> str:
    found = comparison.value(behavior, subset, run, score)
    text = ratio(found.value if found else None)
    is_best = score in _SCORES and comparison.is_highest(behavior, subset, run, score)
    return f"[bold]{text}[/bold]" if is_best else text


def _beside(comparison: Comparison, behavior: str, run: str) -> list[str]:
    """Average precision of baseline and chance, in the first subset that the run has."""
    for subset in comparison.subsets():
        if comparison.value(behavior, subset, run, AVERAGE_PRECISION) is not None:
            return [
                _score(comparison, behavior, subset, run, score)
                for score in (BASELINE_AVERAGE_PRECISION, CHANCE_AVERAGE_PRECISION)
            ]
    return [NOT_AVAILABLE] * 2
