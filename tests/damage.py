"""Damage done to files that are sound, and what may come of reading them: a value, or one paragraph.

In the suite the same few examples are tried each time. To look for more, say how many:
`REARVIEW_FUZZ=2000 pytest -n 0 tests/pipeline/annotations/test_annotations_fuzz.py`.
"""

import os
import re
import time
import unicodedata
from collections.abc import Callable
from typing import TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from common.errors import InputError

Value = TypeVar("Value")
N_EXAMPLES = int(os.environ.get("REARVIEW_FUZZ", "0"))
LONGEST_S = 20.0
NASTY = (
    "", " ", "NA", "nan", "inf", "-inf", "1e999", "1e300", "1e9", "-0", "-1", "1e-400", "0", "1", "0.5", "0,5", "1_0",
    "0x10", "9" * 5000, "9" * 400, "½", "²", "٣", "𝟏", "TRUE", "x", "x" * 300, "y" * 140_000, "\0", "\ufeff", "\u202e",
    "\u2028", "\x1b[31m", "\x85", '"', "'", "<script>alert(1)</script>", "../../x", "C:\\x", "con", "=1+1", "a\nb",
    "a\rb", "#", "#observ=o", "train", "1:2:3", "START", "STOP", "POINT", "none", "unknown", "self",
    "{}", "[", "2001-99-99", "!!int x", "&a [*a]",
)  # fmt: skip
CELLS = st.sampled_from(NASTY)
_BETWEEN_CELLS = re.compile(rb"([,;\t\r\n:=])")


def fuzzed(n_examples: int) -> settings:
    """How often a test is tried."""
    return settings(
        max_examples=N_EXAMPLES or n_examples,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


def read_or_refused(read: Callable[[], Value]) -> Value | None:
    """What is read; None where it is refused in one paragraph. Neither may take long."""
    started = time.process_time()
    try:
        return read()
    except InputError as error:
        text = str(error)
        assert 0 < len(text) < 2100
        assert not {unicodedata.category(letter) for letter in text} & {"Cc", "Cs", "Zl", "Zp"}
        return None
    finally:
        assert time.process_time() - started < LONGEST_S


@st.composite
def damaged(draw: st.DrawFn, content: bytes, encodings: tuple[str, ...] = ("utf-16", "utf-8-sig", "latin-1")) -> bytes:
    """A file with a few faults; `encodings` are those that a text may come in."""
    for _ in range(draw(st.integers(1, 4))):
        content = draw(st.sampled_from(_KINDS))(draw, content)
    if encodings and draw(st.integers(0, 9)) == 0:
        text = content.decode("utf-8", "replace")
        content = text.encode(draw(st.sampled_from(encodings)), "replace")
    return content


def _overwritten(draw: st.DrawFn, content: bytes) -> bytes:
    place = draw(st.integers(0, len(content)))
    n_removed, patch = draw(st.sampled_from((0, 1, 1, 2, 8, 64))), draw(st.binary(max_size=8))
    return content[:place] + patch + content[place + n_removed :]


def _flipped(draw: st.DrawFn, content: bytes) -> bytes:
    if not content:
        return content
    place = draw(st.integers(0, len(content) - 1))
    return content[:place] + bytes([content[place] ^ 1 << draw(st.integers(0, 7))]) + content[place + 1 :]


def _cut(draw: st.DrawFn, content: bytes) -> bytes:
    return content[: draw(st.integers(0, len(content)))]


def _with_another_cell(draw: st.DrawFn, content: bytes) -> bytes:
    parts = _BETWEEN_CELLS.split(content)
    place = 2 * draw(st.integers(0, len(parts) // 2))
    return b"".join([*parts[:place], draw(CELLS).encode(), *parts[place + 1 :]])


def _with_lines_moved(draw: st.DrawFn, content: bytes) -> bytes:
    lines = content.split(b"\n")
    first, second = (draw(st.integers(0, len(lines) - 1)) for _ in range(2))
    kind = draw(st.sampled_from(("twice", "gone", "swapped")))
    if kind == "twice":
        lines.insert(second, lines[first])
    elif kind == "gone":
        del lines[first]
    else:
        lines[first], lines[second] = lines[second], lines[first]
    return b"\n".join(lines)


def _with_other_line_ends(draw: st.DrawFn, content: bytes) -> bytes:
    return content.replace(
        b"\n", draw(st.sampled_from((b"\r\n", b"\r", b"\n\n", b"\0\n", b"\x85"))), draw(st.integers(1, 9))
    )


_KINDS = (
    _overwritten,
    _flipped,
    _flipped,
    _cut,
    _with_another_cell,
    _with_another_cell,
    _with_lines_moved,
    _with_other_line_ends,
)
