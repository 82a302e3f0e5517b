"""The Caltech labs' annotation files: Bento's ``.annot`` and the older Caltech Behavior Annotator's ``.txt``.

Both count frames from 1 and name the last frame of a bout, not the one after it. ``.annot`` has channels, and
below each the behaviors with Start, Stop, Duration; newer ones in seconds, which × the file's frame rate are
those same frame numbers. Frames outside of ``Annotation start frame`` … ``stop frame`` were not watched.
``.txt`` has streams (S1, S2, …) of which each covers the whole video without gaps.
Channels and streams are told apart like subjects. Sources: Bento (Segalin et al. 2021, eLife 10:e63720) and
its MARS reader; Burgos-Artizzu et al. 2012 (CRIM13).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from common.errors import InputError
from common.suggestions import did_you_mean, listing
from pipeline.annotations.base import EventList, FoundBout, Wanted, collect_bouts
from pipeline.annotations.boris.media import require_same_rate
from pipeline.annotations.cells import nearest_frame, number, whole_number
from pipeline.annotations.opening import FileHead

DESCRIPTION = "Caltech annotation file (Bento .annot or Caltech Behavior Annotator .txt)"
_ANNOT = "bento annotation file"
_TXT = "caltech behavior annotator"
_CHANNEL = re.compile(r"(.+?)-{3,}")
_STREAM = re.compile(r"(S[0-9]+):\s+start\s+end\s+type", re.IGNORECASE)


@dataclass(frozen=True)
class _Line:
    """One bout as written: channel, behavior, and the two ends as text."""

    row: int
    channel: str
    behavior: str
    start: str
    stop: str


def matches(head: FileHead) -> bool:
    """True where the first line is that of one of the two."""
    return head.dialect is not None and bool(head.names) and head.names[0].casefold().startswith((_ANNOT, _TXT))


def read(head: FileHead, wanted: Wanted) -> EventList:
    """Read the bouts of one channel or stream.

    Raises
    ------
    InputError
        Another kind of file, a line that is no bout, several channels of which none is named, another
        frame rate, overlapping bouts.
    """
    if not matches(head):
        raise InputError(f"Expected {DESCRIPTION} in {head.path.name}, found none. Save it again.")
    lines = list(_text_lines(head))
    is_annot = head.names[0].casefold().startswith(_ANNOT)
    fields = _fields(lines) if is_annot else {}
    found = list(_annot_bouts(head, lines) if is_annot else _txt_bouts(head, lines))
    rate = _rate(head, fields, wanted)
    # As in Bento itself: one point anywhere says that the whole file is in seconds.
    in_seconds = any("." in text for line in found for text in (line.start, line.stop))
    bouts = [_bout(head, line, rate if in_seconds else None) for line in _one_channel(head, found, wanted)]
    return collect_bouts(head, "caltech", bouts, {}, watched=_watched(head, fields, wanted))


def _text_lines(head: FileHead) -> Iterator[tuple[int, str]]:
    if head.dialect is not None:
        with head.path.open(encoding=head.dialect.encoding) as file:
            for row, text in enumerate(file, start=1):
                yield row, text.strip()


def _fields(lines: list[tuple[int, str]]) -> dict[str, tuple[int, str]]:
    """The preamble's ``name: value`` lines, by lower-case name."""
    fields: dict[str, tuple[int, str]] = {}
    for row, text in lines:
        name, sign, value = text.partition(":")
        if _CHANNEL.fullmatch(text):
            break
        if sign:
            fields[name.strip().casefold()] = (row, value.strip())
    return fields


def _annot_bouts(head: FileHead, lines: list[tuple[int, str]]) -> Iterator[_Line]:
    channel = behavior = ""
    for row, text in lines:
        words = text.split()
        if found := _CHANNEL.fullmatch(text):
            channel, behavior = found[1].strip(), ""
        elif channel and text.startswith(">"):
            behavior = text[1:].strip()
        elif channel and words and words[0].casefold() != "start":
            if not behavior or not 2 <= len(words) <= 3:
                raise _unreadable(head, row, text)
            yield _Line(row, channel, behavior, words[0], words[1])


def _txt_bouts(head: FileHead, lines: list[tuple[int, str]]) -> Iterator[_Line]:
    stream = ""
    for row, text in lines:
        words = text.split(maxsplit=2)
        if found := _STREAM.fullmatch(text):
            stream = found[1].upper()
        elif stream and text.strip("-"):
            if len(words) != 3:
                raise _unreadable(head, row, text)
            yield _Line(row, stream, words[2], words[0], words[1])


def _unreadable(head: FileHead, row: int, text: str) -> InputError:
    return InputError(
        f"Expected start, stop and behavior of a bout in {head.path.name}, row {row}, found {text[:80]!r}. Save the "
        "file again from the program that wrote it."
    )


def _one_channel(head: FileHead, found: list[_Line], wanted: Wanted) -> list[_Line]:
    channels = list(dict.fromkeys(line.channel for line in found))
    named = wanted.choice.whose
    if not named and len(channels) > 1 and wanted.behaviors:
        found = [line for line in found if line.behavior in wanted.behaviors]
        channels = list(dict.fromkeys(line.channel for line in found))
    if named:
        if named not in channels:
            raise InputError(
                f"{head.path.name} has no bouts in a channel {named!r}.{did_you_mean(named, channels)} It has: "
                f"{listing(channels)}."
            )
        return [line for line in found if line.channel == named]
    if len(channels) > 1:
        raise InputError(
            f"{head.path.name} has bouts in {len(channels)} channels: {listing(channels, 8)}. Name the one that is "
            f"meant: {head.path.name}#subject={channels[0]}."
        )
    return found


def _rate(head: FileHead, fields: dict[str, tuple[int, str]], wanted: Wanted) -> float:
    row, text = fields.get("annotation framerate", (0, ""))
    if text:
        require_same_rate(head, row, [number(text)], wanted.fps)
    return number(text) or wanted.fps


def _watched(head: FileHead, fields: dict[str, tuple[int, str]], wanted: Wanted) -> tuple[int, int] | None:
    """Half-open frames between the annotation's start and stop frame; None where these cover the video."""
    ends = []
    for name, otherwise in (("annotation start frame", 1), ("annotation stop frame", wanted.n_frames)):
        row, text = fields.get(name, (0, ""))
        frame = whole_number(text) if text else otherwise
        if frame is None:
            raise InputError(f"Expected a frame number in {head.path.name}, row {row} ({name}), found {text!r}.")
        ends.append(frame)
    start, stop = max(ends[0] - 1, 0), min(ends[1], wanted.n_frames)
    return None if start == 0 and stop == wanted.n_frames else (min(start, stop), stop)


def _bout(head: FileHead, line: _Line, rate: float | None) -> FoundBout:
    """Half-open and from 0; `rate` is the file's where it is in seconds, else None."""
    values = [number(text) for text in (line.start, line.stop)]
    frames = [
        nearest_frame(value, rate) if rate is not None else int(value)
        for value in values
        if value is not None and 0 <= value < 1e9 and (rate is not None or value == int(value))
    ]
    if len(frames) < 2 or frames[1] < frames[0] or (frames[0] < 1 and rate is None):
        raise InputError(
            f"Expected the first and the last frame (1, 2, 3, …) of a bout of {line.behavior!r} in {head.path.name}, "
            f"row {line.row}, found {line.start!r} and {line.stop!r}. Correct it in the program that wrote the file."
        )
    return FoundBout(line.row, line.behavior, max(frames[0], 1) - 1, frames[1])
