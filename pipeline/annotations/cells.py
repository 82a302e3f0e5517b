"""Numbers and times in cells, shared by the readers; for words see `common.words`."""

import math
import re

from common.errors import InputError

_WHOLE_NUMBER = re.compile(r"[0-9]{1,15}(\.0+)?")
_LONGEST_S = 1e8  # three years
_HALF_SLACK = 1e-6


def number(text: str) -> float | None:
    """A finite number (comma or point as decimal sign); None where it is none."""
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        return None
    return value if math.isfinite(value) and "_" not in text else None


def whole_number(text: str) -> int | None:
    """A whole number, 0 or more; None where it is none.

    A comma is refused: "1,000" may be a thousand or one. A trailing ".0" is how pandas writes a column
    with gaps.
    """
    return int(text.split(".")[0]) if _WHOLE_NUMBER.fullmatch(text) else None


def frame_number(where: str, name: str, text: str) -> int:
    """A frame number, counted from 0.

    Raises
    ------
    InputError
        Anything else, naming file and row (`where`) and column.
    """
    frame = whole_number(text)
    if frame is None:
        raise InputError(
            f"Expected a frame number (0, 1, 2, …) in column {name!r} of {where}, found {text!r}. Frames are counted "
            "from 0; times in seconds belong into columns start_s and stop_s."
        )
    return frame


def seconds(where: str, name: str, text: str) -> float:
    """A time in seconds, from ``12.345`` or ``h:mm:ss.sss``.

    Raises
    ------
    InputError
        Anything else, or a negative time, naming file and row (`where`) and column.
    """
    parts = [number(part) for part in text.split(":")]
    time_s = 0.0
    for part in parts:
        time_s = 60 * time_s + (part if part is not None and part >= 0 else math.inf)
    if len(parts) <= 3 and time_s < _LONGEST_S and "-" not in text:
        return time_s
    raise InputError(
        f"Expected a time in seconds in column {name!r} of {where}, found {text!r}. Correct the row, or export the "
        "observation again."
    )


def nearest_frame(time_s: float, fps: float) -> int:
    """The frame whose beginning is nearest; of two equally near the later one, whatever the last digits say."""
    return math.floor(time_s * fps + 0.5 + _HALF_SLACK)
