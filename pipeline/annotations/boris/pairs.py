"""From BORIS' key presses to bouts: the START and STOP of a behavior belong together.

Each behavior is paired for itself, and with each of its modifiers for itself, as BORIS does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from common.errors import InputError
from pipeline.annotations.base import FoundBout
from pipeline.annotations.boris.events import Event
from pipeline.annotations.opening import FileHead


@dataclass(frozen=True)
class Press:
    """A key press of a state event.

    Attributes
    ----------
    event : Event
        The row or event.
    frame : int
        Its frame in the video.
    kind : str
        ``START`` or ``STOP``; "" where the file doesn't say (then they alternate).
    """

    event: Event
    frame: int
    kind: str

    @property
    def key(self) -> tuple[str, str]:
        """Behavior and modifiers."""
        return self.event["behavior"], self.event.modifiers


def pair_presses(head: FileHead, presses: Sequence[Press]) -> tuple[list[FoundBout], list[Press]]:
    """Bouts in the file's order, and the last START of a behavior that has no STOP.

    Raises
    ------
    InputError
        Two STARTs or two STOPs in a row.
    """
    found: list[FoundBout] = []
    left_open: list[Press] = []
    by_key: dict[tuple[str, str], list[Press]] = {}
    for press in presses:
        by_key.setdefault(press.key, []).append(press)
    for (behavior, modifiers), own in by_key.items():
        started: Press | None = None
        for press in _in_order(own):
            kind = press.kind or ("START" if started is None else "STOP")
            if kind == "START":
                if started is not None:
                    raise unpaired(head, started, "START", f"before the next START in {head.unit} {press.event.row}")
                started = press
            elif started is None:
                raise unpaired(head, press, "STOP", "before it")
            else:
                found.append(FoundBout(started.event.row, behavior, started.frame, press.frame, modifiers))
                started = None
        if started is not None:
            left_open.append(started)
    return sorted(found), left_open


def unpaired(head: FileHead, press: Press, kind: str, when: str) -> InputError:
    """The error for a START without STOP or the reverse."""
    other = "STOP" if kind == "START" else "START"
    behavior, modifiers = press.key
    return InputError(
        f"In {head.path.name}, the {kind} of {behavior!r}{f' ({modifiers})' if modifiers else ''} in {head.unit} "
        f"{press.event.row} (time {press.event['time']}) has no {other} {when}. State events need both: correct the "
        "observation in BORIS (it marks unpaired events) and save or export it again; if the behavior lasted until the "
        "video's end, use the aggregated export or the project (.boris) itself."
    )


def _in_order(presses: list[Press]) -> list[Press]:
    """By frame; where a bout ends in the frame in which the next begins, the STOP first, however the rows stand."""
    ordered: list[Press] = []
    active = False
    for _, same_frame in groupby(sorted(presses, key=lambda press: press.frame), key=lambda press: press.frame):
        waiting = list(same_frame)
        while waiting:
            wanted = "STOP" if active else "START"
            press = next((press for press in waiting if press.kind in (wanted, "")), waiting[0])
            waiting.remove(press)
            ordered.append(press)
            active = (press.kind or wanted) == "START"
    return ordered
