"""What a comparison says, in sentences: for the page and for the terminal."""

from collections.abc import Iterable, Iterator

from common.suggestions import listing
from common.wording import NOT_AVAILABLE, ratio
from pipeline.report.comparison.differences import Difference
from pipeline.report.comparison.runs import Comparison
from pipeline.run_folder.evidence import AVERAGE_PRECISION
from pipeline.run_folder.reading import SUBSET_WORDS
from pipeline.scoring.statistics.verdict import NO_VALUE, TOO_FEW


def p_text(p: float | None) -> str:
    """A p with three decimals, never rounded to 0; n/a where there is none."""
    if p is None:
        return NOT_AVAILABLE
    return "under 0.001" if p < 0.001 else f"{p:.3f}"


def signed(value: float | None) -> str:
    """A difference with its sign (a true minus; none for an exact 0), or n/a."""
    if value is None:
        return NOT_AVAILABLE
    return f"{value:+.3f}".replace("-", "\u2212") if value else ratio(value)


def interval(low: float | None, high: float | None, is_signed: bool = False) -> str:
    """Limits in brackets; empty where there are none."""
    if low is None or high is None:
        return ""
    write = signed if is_signed else ratio
    return f"[{write(low)}, {write(high)}]"


def how_far(item: Difference) -> str:
    """A difference as words: 0.012 lower, 0.003 higher, equal."""
    if item.difference is None:
        return "n/a"
    if round(item.difference, 3) == 0:
        return "equal to three decimals" if item.difference else "equal"
    return f"{abs(item.difference):.3f} {'higher' if item.difference > 0 else 'lower'}"


def verdict_sentences(items: Iterable[Difference]) -> Iterator[str]:
    """Yield a sentence per verdict: which runs, how far, and why where the numbers do not tell."""
    groups: dict[tuple[str, str], list[Difference]] = {}
    for item in items:
        groups.setdefault((item.verdict, item.reason), []).append(item)
    for (verdict, reason), members in groups.items():
        if verdict == NO_VALUE:
            runs = ", ".join(item.run for item in members)
        else:
            show_p = verdict != TOO_FEW
            runs = ", ".join(
                f"{item.run} {how_far(item)}" + (f" (p {p_text(item.p_holm)})" if show_p else "") for item in members
            )
        yield f"{runs}: {verdict}{f' ({reason})' if reason else ''}."


def headline(comparison: Comparison, behavior: str) -> str:
    """Which run is best."""
    standing = comparison.standings[behavior]
    where = SUBSET_WORDS.get(standing.subset, "")
    if standing.best is not None:
        part = ""
        if (behavior, standing.subset) not in comparison.same_basis:
            part = f" over the {len(standing.recordings)} that all runs scored against the same labels"
        best_value = standing.values[standing.best]
        equals = [name for name, value in standing.values.items() if value == best_value and name != standing.best]
        who = f"{standing.best} and {listing(equals)} score the same" if equals else f"{standing.best} scores highest"
        return f"{who}: AP {ratio(best_value)} in {where}{part}"
    known = standing.known
    if not known:
        return "no run has a score"
    if len(known) > 1:
        return (
            f"none is called the best: no recording was scored by all of them against the same labels, in {where}. "
            "Compare those that share their labels"
        )
    (name,) = known
    return f"only {name} has a score: AP {ratio(known[name])} in {where}"


def verdict_lines(comparison: Comparison, behavior: str) -> Iterator[str]:
    """Yield a line per behavior for the terminal, and one more where a reference other than the best was named."""
    standing = comparison.standings[behavior]
    best = verdict_sentences(deciding(comparison, behavior, standing.best))
    yield " ".join([f"{behavior}: {headline(comparison, behavior)}.", *best])
    if comparison.reference not in (None, standing.best):
        items = deciding(comparison, behavior, comparison.reference)
        if items:
            yield " ".join([f"{behavior}, against {comparison.reference}:", *verdict_sentences(items)])


def deciding(comparison: Comparison, behavior: str, reference: str | None) -> list[Difference]:
    """The differences that a verdict rests on: average precision where the best was looked for."""
    return [
        item
        for item in comparison.differences
        if (item.behavior, item.subset, item.score, item.reference)
        == (behavior, comparison.standings[behavior].subset, AVERAGE_PRECISION, reference)
    ]
