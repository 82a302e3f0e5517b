"""From BORIS' key presses to bouts: the START and STOP of a behavior belong together.

Each behavior is paired for itself, and with each of its modifiers for itself, as BORIS does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from common.errors import InputError
from pipeline.annotations.base import FoundBout
from pipeline.annotations.boris.events import Event
from pipeline.annotations.opening import AnnotationFile


@dataclass(frozen=True)
class Press:
    """A key press of a state event; `kind` is ``START``, ``STOP``, or "" where they just alternate."""

    event: Event
    frame: int
    kind: str

    @property
    def key(self) -> tuple[str, str]:
        """Behavior and modifiers."""
        return self.event["behavior"], self.event.modifiers


def pair_presses(file: AnnotationFile, presses: Sequence[Press]) -> tuple[list[FoundBout], list[Press]]:
    """Bouts in the file's order, and the last START of a behavior that has no STOP.

    Raises
    ------
    InputError
        Two STARTs or two STOPs in a row.
    """
    found: list[FoundBout] = []
    left_open: list[Press] = []
    for key in dict.fromkeys(press.key for press in presses):
        started: Press | None = None
        for press, kind in _in_order([press for press in presses if press.key == key]):
            if kind == "START" and started is not None:
                raise unpaired(file, started, "START", f"before the next START in {file.unit} {press.event.row}")
            if kind == "START":
                started = press
            elif started is None:
                raise unpaired(file, press, "STOP", "before it")
            else:
                found.append(FoundBout(started.event.row, key[0], started.frame, press.frame, key[1]))
                started = None
        left_open += [started] if started is not None else []
    return sorted(found), left_open


def unpaired(file: AnnotationFile, press: Press, kind: str, when: str) -> InputError:
    """The error for a START without STOP or the reverse."""
    other = "STOP" if kind == "START" else "START"
    behavior, modifiers = press.key
    return InputError(
        f"In {file.path.name}, the {kind} of {behavior!r}{f' ({modifiers})' if modifiers else ''} in {file.unit} "
        f"{press.event.row} (time {press.event['time']}) has no {other} {when}. State events need both: correct the "
        "observation in BORIS (it marks unpaired events) and save or export it again; if the behavior lasted until the "
        "video's end, use the aggregated export or the project (.boris) itself."
    )


def _in_order(presses: list[Press]) -> list[tuple[Press, str]]:
    """By frame, with their kinds; where a bout ends in the frame in which the next begins, the STOP first."""
    ordered: list[tuple[Press, str]] = []
    expected = "START"
    for _, same_frame in groupby(sorted(presses, key=lambda press: press.frame), key=lambda press: press.frame):
        waiting = list(same_frame)
        while waiting:
            press = next((press for press in waiting if press.kind in (expected, "")), waiting[0])
            waiting.remove(press)
            ordered.append((press, press.kind or expected))
            expected = "STOP" if ordered[-1][1] == "START" else "START"
    return ordered
