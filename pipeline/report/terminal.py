"""The headline of finished runs as tables on the terminal."""

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pipeline.report.comparison import ComparisonRow

_COLUMNS = (
    ("cross-validated AP", "cv_average_precision"),
    ("F1", "cv_f1"),
    ("test AP", "test_average_precision"),
    ("test F1", "test_f1"),
    ("logistic AP", "baseline_average_precision"),
    ("chance AP", "chance"),
)


def print_comparison(rows: Sequence[ComparisonRow]) -> None:
    """Print a table of runs and behaviors; the best run of a behavior is bold, n/a stands for undefined."""
    table = Table(title="Average precision (AP) of the probabilities, F1 after post-processing; all pooled")
    for column in ("behavior", "run", "head", "backbone"):
        table.add_column(column)
    for column, _ in (*_COLUMNS, ("minutes", "")):
        table.add_column(column, justify="right")
    for row in rows:
        scores = [_score(getattr(row, name), name in row.best) for _, name in _COLUMNS]
        minutes = "n/a" if row.minutes is None else f"{row.minutes:.1f}"
        names = (escape(name) for name in (row.behavior, row.run, row.head, row.backbone))
        table.add_row(*names, *scores, minutes)
    # Without a terminal there is no width to fit into: a log file takes whole rows.
    console = Console()
    (console if console.is_terminal else Console(width=160)).print(table)


def _score(value: float | None, is_best: bool) -> str:
    if value is None:
        return "n/a"
    return f"[bold]{value:.3f}[/bold]" if is_best else f"{value:.3f}"
