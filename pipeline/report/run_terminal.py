"""What a finished run found, on the terminal: how good, how firm, what is doubtful, where it lies."""

from collections.abc import Iterator

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from common.wording import NOT_AVAILABLE, program, quoted, ratio
from pipeline.report.words.summary import Card, CardLine, notices, summarize
from pipeline.run_folder.evidence import AVERAGE_PRECISION
from pipeline.run_folder.reading import Run
from pipeline.run_folder.run_dir import RunDir

_STYLES = {"good": "green", "fair": "yellow", "poor": "red", "unknown": "dim"}
_SHORT = {"Average precision": "AP", "Frame F1": "frame F1", "Bout F1 (IoU 0.5)": "bout F1"}


def print_result(run: Run) -> None:
    """Print a line for each behavior with its verdict, the titles of what to know before, and where the report lies."""
    console = Console()
    console = console if console.is_terminal else Console(width=180)
    cards = summarize(run)
    if cards:
        console.print(_table(cards))
        for card in cards:
            verdict = f"[{_STYLES[card.verdict.level]}]{escape(card.verdict.headline)}[/]"
            console.print(f"  {escape(card.behavior)}: {verdict}", soft_wrap=True, highlight=False)
    told = [one for one in notices(run) if str(one.text) not in map(str, run.provenance.get("doubts") or ())]
    for one in told:
        if one.level == "warning":
            console.print(f"[yellow]{escape(one.title)}.[/] {escape(one.text)}", soft_wrap=True, highlight=False)
    titles = dict.fromkeys(one.title for one in told if one.level != "warning")
    if titles:
        console.print(f"Beware: {escape('; '.join(titles))} (see the report).", soft_wrap=True, highlight=False)
    for line in _where(run):
        console.print(escape(line), soft_wrap=True, highlight=False)


def _table(cards: list[Card]) -> Table:
    first = cards[0]
    table = Table(
        title=f"{first.subset.capitalize()}, {first.n_recordings} recordings; 95 % intervals over individuals",
        box=SIMPLE_HEAD,
        title_justify="left",
    )
    table.add_column("behavior", overflow="fold", min_width=8)
    for line in max((card.lines for card in cards), key=len):
        table.add_column(_SHORT.get(line.words, line.words), justify="right", no_wrap=True)
    table.add_column("baseline\nAP", justify="right")
    for other in first.others:
        table.add_column(f"{other['words']}\nAP", justify="right")
    for card in cards:
        scores = [_score(line) for line in card.lines]
        scores += [NOT_AVAILABLE] * (len(table.columns) - 2 - len(card.others) - len(scores))
        others = [ratio(other[AVERAGE_PRECISION]) for other in card.others]
        table.add_row(escape(card.behavior), *scores, ratio(card.evidence.baseline), *others)
    return table


def _score(line: CardLine) -> str:
    found = line.estimate
    if found.low is None or found.high is None:
        return ratio(found.value)
    return f"{ratio(found.value)}\n[dim]{found.low:.2f}–{found.high:.2f}[/]"


def _where(run: Run) -> Iterator[str]:
    yield f"Report: {RunDir(run.path).report_path}"
    review = f"{program()} review {quoted(str(run.path))} --serve"
    yield f"Look at the doubtful places and correct them: {review}"
