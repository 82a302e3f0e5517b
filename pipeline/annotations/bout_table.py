"""What the two bout CSVs have in common: a header with the behavior, a start and a stop."""

from collections.abc import Iterator
from dataclasses import dataclass

from common.errors import InputError
from pipeline.annotations.cells import cell
from pipeline.annotations.opening import FileHead

Names = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class BoutColumns:
    """Where behavior, start and stop stand, and what the latter two are called."""

    behavior: int
    start: int
    stop: int
    start_name: str
    stop_name: str


def find_columns(head: FileHead, names: Names) -> BoutColumns | None:
    """The first of the pairs of names that the header has, beside ``behavior``; None where it has none."""
    folded = [name.casefold() for name in head.names]
    for start, stop in names:
        if {"behavior", start, stop} <= set(folded):
            return BoutColumns(folded.index("behavior"), folded.index(start), folded.index(stop), start, stop)
    return None


def required_columns(head: FileHead, names: Names, description: str) -> BoutColumns:
    """The columns.

    Raises
    ------
    InputError
        One is missing or stands there twice.
    """
    found = find_columns(head, names)
    wanted = ("behavior", *names[0]) if found is None else ("behavior", found.start_name, found.stop_name)
    folded = [name.casefold() for name in head.names]
    wrong = [name for name in wanted if folded.count(name) != 1]
    if found is None or wrong:
        raise InputError(f"Expected one column {wrong[0]!r} in {head.path.name}: {description}.")
    return found


def iter_bouts(head: FileHead, columns: BoutColumns) -> Iterator[tuple[int, str, list[str]]]:
    """Yield (row, behavior, cells) of the rows below the header.

    Raises
    ------
    InputError
        A row without behavior.
    """
    for row, cells in head.iter_rows():
        if row <= head.rows[0][0] or not any(cells):
            continue
        behavior = cell(cells, columns.behavior)
        if not behavior:
            raise InputError(f"{head.path.name}, row {row}, names no behavior. Write one, or remove the row.")
        yield row, behavior, cells
