"""What sheets of all programs come to: rows of texts, and how large one may be."""

from collections.abc import Iterable, Iterator

from common.names import canonical

MOST_BYTES = 200_000_000  # unpacked: an hour of labels is a hundredth of it, a zip bomb far more
_MOST_ROWS, MOST_CELLS = 1_048_576, 5_000_000

Sheet = tuple[tuple[int, list[str]], ...]


def filled_rows(rows: Iterable[tuple[int, list[str]]]) -> Iterator[tuple[int, list[str]]]:
    """Yield those of the numbered rows that hold something.

    Raises
    ------
    ValueError
        More rows or cells than a table of labels has.
    """
    n_cells = 0
    for number, cells in rows:
        n_cells += len(cells)
        if number > _MOST_ROWS or n_cells > MOST_CELLS:
            raise ValueError("too many cells")
        if any(cells):
            yield number, cells


def clock(total_s: float) -> str:
    """A time as h:mm:ss.ssssss, as it would stand in a CSV."""
    minutes, seconds = divmod(total_s, 60)
    return f"{int(minutes // 60)}:{int(minutes % 60):02d}:{seconds:09.6f}"


def one_line(text: str) -> str:
    """Without outer blanks and line breaks, accents in one form."""
    return canonical(" ".join(text.split()))
