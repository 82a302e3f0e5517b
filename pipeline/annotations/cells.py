"""What a cell may say, shared by the readers."""

import math

from features.errors import InputError
from pipeline.annotations.base import TextHead

NOT_GIVEN = ("", "na", "nan", "none")


def cell(cells: list[str], position: int | None) -> str:
    """The cell at a position; "" where the row is too short or the column isn't there."""
    return cells[position] if position is not None and position < len(cells) else ""


def is_given(text: str) -> bool:
    """False for blank, NA, nan, None."""
    return text.casefold() not in NOT_GIVEN


def number(text: str) -> float | None:
    """A finite number (comma or point as decimal sign); None where it is none."""
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        return None
    return value if math.isfinite(value) and "_" not in text else None


def frame_number(head: TextHead, row: int, name: str, text: str) -> int:
    """A whole number of frames, 0 or more.

    Raises
    ------
    InputError
        Anything else, naming row and column.
    """
    value = number(text)
    if value is None or value != int(value) or not 0 <= value < 2**53:
        raise InputError(
            f"Expected a frame number (0, 1, 2, …) in column {name!r} of {head.path.name}, row {row}, found "
            f"{text!r}. Frames are counted from 0; times in seconds belong into a BORIS export."
        )
    return int(value)


def seconds(head: TextHead, row: int, name: str, text: str) -> float:
    """A time in seconds, from ``12.345`` or ``h:mm:ss.sss``.

    Raises
    ------
    InputError
        Anything else, or a negative time, naming row and column.
    """
    parts = [number(part) for part in text.split(":")]
    if len(parts) <= 3 and all(
        part is not None and part >= 0 and not p.startswith("-") for part, p in zip(parts, text.split(":"), strict=True)
    ):
        value = 0.0
        for part in parts:
            value = 60 * value + (part or 0.0)
        return value
    raise InputError(
        f"Expected a time in seconds in column {name!r} of {head.path.name}, row {row}, found {text!r}. "
        "Correct the row, or export the observation again."
    )
