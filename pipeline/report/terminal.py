"""The headline of finished runs on the terminal: a table, and who is best."""

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from common.tables import Row
from common.wording import NOT_AVAILABLE, decimal, ratio
from pipeline.report.comparison.runs import Comparison
from pipeline.report.comparison.scores import BASELINE_AVERAGE_PRECISION, CHANCE_AVERAGE_PRECISION
from pipeline.report.comparison.tables import run_rows
from pipeline.report.comparison.words import verdict_lines
from pipeline.report.ensemble import ensemble_words
from pipeline.run_folder.evidence import AVERAGE_PRECISION, BOUT_F1, FRAME_F1
from pipeline.run_folder.reading import CROSS_VALIDATION, EVALUATION, TEST
from pipeline.scoring.ensembles import BEST, ENSEMBLE

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


def print_ensemble(rows: Sequence[Row]) -> None:
    """Print what an ensemble scores beside its best member, and whether it is really better."""
    table = Table(title="The ensemble beside its best member (picked by these scores, which is optimistic)")
    for heading in ("behavior", "subset", "score"):
        table.add_column(heading)
    for heading in ("ensemble", "best member", "difference"):
        table.add_column(heading, justify="right")
    table.add_column("is it real?")
    for row in (row for row in rows if row["role"] == ENSEMBLE):
        place = [row[key] for key in ("behavior", "subset", "score")]
        same = [r for r in rows if [r[key] for key in ("behavior", "subset", "score")] == place]
        best = next((r for r in same if r["role"] == BEST), None)
        shown = (str(place[0]), _SUBSETS.get(place[1], place[1]), _SCORES.get(place[2], place[2]), ratio(row["value"]))
        if best is None:
            table.add_row(*map(escape, shown), NOT_AVAILABLE, NOT_AVAILABLE, NOT_AVAILABLE)
            continue
        difference = NOT_AVAILABLE if best["difference"] is None else f"{best['difference']:+.3f}"
        if best["low"] is not None:
            difference += f" ({best['low']:+.3f} to {best['high']:+.3f})"
        member = f"{ratio(best['value'])} ({best['member']})"
        table.add_row(*map(escape, (*shown, member, difference, ensemble_words(best))))
    console = Console()
    console = console if console.is_terminal else Console(width=180)
    console.print(table)


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
