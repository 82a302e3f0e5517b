"""What the two bout CSVs have in common: a header with the behavior, a start and a stop."""

from collections.abc import Iterator

from common.errors import InputError
from pipeline.annotations.opening import AnnotationFile

Ends = tuple[str, str]


def find_ends(file: AnnotationFile, *known: Ends) -> Ends | None:
    """The first of the pairs of names that the header has, beside ``behavior``; None where it has none."""
    return next((ends for ends in known if {"behavior", *ends} <= set(file.folded)), None)


def iter_bouts(
    file: AnnotationFile, known: tuple[Ends, ...], description: str
) -> Iterator[tuple[int, Ends, dict[str, str]]]:
    """Yield (row number, names of start and stop, cells by lower-case name) of the rows below the header.

    Raises
    ------
    InputError
        A column is missing or stands there twice, or a row without behavior.
    """
    ends = find_ends(file, *known) or known[0]
    wrong = [name for name in ("behavior", *ends) if file.folded.count(name) != 1]
    if wrong:
        raise InputError(f"Expected one column {wrong[0]!r} in {file.path.name}: {description}.")
    for row, cells in file.iter_records(file.header_row, file.names):
        if not cells["behavior"]:
            raise InputError(f"{file.at(row)}, names no behavior. Write one, or remove the row.")
        yield row, ends, cells
