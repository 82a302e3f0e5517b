"""The Caltech labs' annotation files: Bento's ``.annot`` and the older Caltech Behavior Annotator's ``.txt``.

Both count frames from 1 and name the last frame of a bout, not the one after it. ``.annot`` has channels, and
below each the behaviors with Start, Stop, Duration; newer ones in seconds, which × the file's frame rate are
those same frame numbers. Frames outside of ``Annotation start frame`` … ``stop frame`` were not watched.
Channels are told apart like subjects.

``.txt`` has streams (S1, S2, …) for what goes on at the same time; each covers what was scored without gaps. Some of a
set's files may lack one: what it holds elsewhere is unscored there (`pipeline.dataset.streams`). Without
``#subject=`` all streams are read, each for its behaviors; a behavior of several of them is a fault, since these may
be two animals'. ``#subject=S1+S2`` reads two as one. Sources: Bento (Segalin et al. 2021, eLife 10:e63720) and
its MARS reader; Burgos-Artizzu et al. 2012 (CRIM13).
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from common.errors import InputError
from common.names import canonical
from common.notes import Doubt
from common.suggestions import listing
from pipeline.annotations.base import EventList, FoundBout, LabelSpan, Wanted, choose_animal, collect_bouts
from pipeline.annotations.boris.media import other_video_doubts, require_same_rate, true_cause_first
from pipeline.annotations.cells import nearest_frame, number, whole_number
from pipeline.annotations.opening import AnnotationFile

DESCRIPTION = "Caltech annotation file (Bento .annot or Caltech Behavior Annotator .txt)"
_ANNOT = "bento annotation file"
_TXT = "caltech behavior annotator"
_CHANNEL = re.compile(r"(.+?)-{3,}")
_STREAM_NAME = re.compile(r"S[0-9]+", re.IGNORECASE)
_STREAM = re.compile(r"(S[0-9]+):\s+start\s+end\s+type", re.IGNORECASE)


@dataclass(frozen=True)
class _Line:
    """One bout as written: channel, behavior, and the two ends as text."""

    row: int
    channel: str
    behavior: str
    start: str
    stop: str


def matches(file: AnnotationFile) -> bool:
    """True where the first line is that of one of the two."""
    return file.dialect is not None and "".join(file.folded[:1]).startswith((_ANNOT, _TXT))


def read(file: AnnotationFile, wanted: Wanted) -> EventList:
    """Read the bouts of one channel, or of all streams or those that are named.

    Raises
    ------
    InputError
        Another kind of file, a line that is no bout, several channels of which none is named, another
        frame rate, overlapping bouts.
    """
    if not matches(file):
        raise file.other_than(DESCRIPTION)
    lines = list(_text_lines(file))
    return _read_annot(file, lines, wanted) if file.folded[0].startswith(_ANNOT) else _read_txt(file, lines, wanted)


def _read_annot(file: AnnotationFile, lines: list[tuple[int, str]], wanted: Wanted) -> EventList:
    fields = _fields(lines)
    doubts = _other_video(file, fields, wanted)
    with true_cause_first(doubts):
        found = list(_annot_bouts(file, lines))
        rate = _rate(file, fields, wanted)
        # As in Bento itself: one point anywhere says that the whole file is in seconds.
        in_seconds = any("." in text for line in found for text in (line.start, line.stop))
        read = _named(wanted, found) if len(_parts(wanted)) > 1 else []
        chosen = [line for line in found if line.channel in read] or choose_animal(
            file,
            "channel",
            [(line.channel, line.behavior in wanted.behaviors, line) for line in found],
            wanted,
            may_join=True,
        )
        bouts = [_bout(file, line, rate if in_seconds else None) for line in chosen]
        events = collect_bouts(file, "caltech", bouts, {}, doubts, _watched(file, fields, wanted))
    return replace(events, streams=_streams(chosen)) if read else events


def _read_txt(file: AnnotationFile, lines: list[tuple[int, str]], wanted: Wanted) -> EventList:
    found = list(_txt_bouts(file, lines))
    there, whose = dict.fromkeys(line.channel for line in found), wanted.choice.whose
    read = _named(wanted, found) if whose else list(there)
    if not read and there and all(_STREAM_NAME.fullmatch(part) for part in _parts(wanted)):
        note = f"{file.path.name} has no stream {whose} (it has {listing(there)}), so that nothing in it is scored."
        return replace(collect_bouts(file, "caltech", [], {}, (note,)), watched=())
    if not read or (whose and len(_parts(wanted)) == 1):  # which says what is wrong with a name
        choose_animal(file, "stream", [(line.channel, False, line) for line in found], wanted)
    chosen = [line for line in found if line.channel in read]
    streams = _streams(chosen)
    twice = {} if whose else _in_several(file, streams)
    bouts = [_bout(file, line, None) for line in chosen]
    told = [bout for bout in bouts if bout.behavior not in twice]
    events = collect_bouts(file, "caltech", told if len(streams) < 2 else _as_one(told), twice)
    last = max(bouts, key=lambda bout: bout.stop_frame, default=FoundBout(0, "", 0, 0))
    events = replace(events, span=LabelSpan(last.stop_frame, False, file.at(last.row)))
    # Of animals' streams each was watched for everything.
    events = events if wanted.choice.animal else replace(events, streams=streams)
    # A stream's lines name what goes on even if that is nothing: where it has none, it was not scored.
    own = [[bout for bout, line in zip(bouts, chosen, strict=True) if line.channel == stream] for stream in streams]
    start = max((min(bout.start_frame for bout in found) for found in own), default=0)
    stop = min((max(bout.stop_frame for bout in found) for found in own), default=0)
    covers_all = start == 0 and stop >= wanted.n_frames
    return events if covers_all else events.within([(start, stop)] if start < stop else [], "what each stream covers")


def _as_one(bouts: Iterable[FoundBout]) -> list[FoundBout]:
    """Bouts of several streams in order, those of one behavior that overlap made one."""
    found: dict[str, list[FoundBout]] = {}
    for bout in sorted(bouts, key=lambda bout: bout[2:4]):
        own = found.setdefault(bout.behavior, [])
        if own and bout.start_frame < own[-1].stop_frame:
            own[-1] = own[-1]._replace(stop_frame=max(own[-1].stop_frame, bout.stop_frame))
        else:
            own.append(bout)
    return sorted(bout for own in found.values() for bout in own)


def _parts(wanted: Wanted) -> list[str]:
    return [part.strip() for part in wanted.choice.whose.split("+")]


def _named(wanted: Wanted, found: Sequence[_Line]) -> list[str]:
    """Channels or streams of the file that are named, alone or as ``S1+S2``."""
    there = dict.fromkeys(line.channel for line in found)
    as_it_is = [name for name in there if name.casefold() == wanted.choice.whose.casefold()]
    return as_it_is or [name for name in there if name.casefold() in map(str.casefold, _parts(wanted))]


def _streams(chosen: Sequence[_Line]) -> dict[str, tuple[str, ...]]:
    """Behaviors by stream."""
    streams: dict[str, dict[str, None]] = {}
    for line in chosen:
        streams.setdefault(line.channel, {})[line.behavior] = None
    return {name: tuple(behaviors) for name, behaviors in streams.items()}


def _in_several(file: AnnotationFile, streams: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Behaviors of several streams → what is wrong; an error only where one is asked for."""
    homes: dict[str, list[str]] = {}
    for stream, behaviors in streams.items():
        for behavior in behaviors:
            homes.setdefault(behavior, []).append(stream)
    return {
        behavior: f"it is in the streams {listing(own)}. Say in the table which is meant ({file.path.name}#subject="
        f"{own[0]}), or that both are one animal's ({file.path.name}#subject={'+'.join(streams)})"
        for behavior, own in homes.items()
        if len(own) > 1
    }


def _other_video(file: AnnotationFile, fields: dict[str, tuple[int, str]], wanted: Wanted) -> tuple[str, ...]:
    """Doubts whether the file is of this video: by the movie's name, and by how many frames it says that there are."""
    _, movie = fields.get("movie file(s)", (0, ""))
    _, text = fields.get("annotation stop frame", (0, ""))
    doubts = other_video_doubts(file, [movie] if movie else [], wanted)
    stop = whole_number(text) or 0
    if stop > wanted.n_frames + wanted.tolerance_frames + 1:
        return (
            *doubts,
            Doubt(
                f"{file.path.name} was scored until frame {stop:,}, but the video has {wanted.n_frames:,} frames. Is "
                "it of another video, or was the video cut after scoring?"
            ),
        )
    return doubts


def _text_lines(file: AnnotationFile) -> Iterator[tuple[int, str]]:
    if file.dialect is not None:
        with file.path.open(encoding=file.dialect.encoding) as lines:
            yield from enumerate((canonical(text.strip()) for text in lines), start=1)


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


def _annot_bouts(file: AnnotationFile, lines: list[tuple[int, str]]) -> Iterator[_Line]:
    channel = behavior = ""
    for row, text in lines:
        words = text.split()
        if found := _CHANNEL.fullmatch(text):
            channel, behavior = found[1].strip(), ""
        elif channel and text.startswith(">"):
            behavior = text[1:].strip()
        elif channel and words and words[0].casefold() != "start":
            if not behavior or not 2 <= len(words) <= 3:
                raise _unreadable(file, row, text)
            yield _Line(row, channel, behavior, words[0], words[1])


def _txt_bouts(file: AnnotationFile, lines: list[tuple[int, str]]) -> Iterator[_Line]:
    stream = ""
    for row, text in lines:
        words = text.split(maxsplit=2)
        if found := _STREAM.fullmatch(text):
            stream = found[1].upper()
        elif stream and text.strip("-"):
            if len(words) != 3:
                raise _unreadable(file, row, text)
            yield _Line(row, stream, words[2], words[0], words[1])


def _unreadable(file: AnnotationFile, row: int, text: str) -> InputError:
    return InputError(
        f"Expected start, stop and behavior of a bout in {file.at(row)}, found {text[:80]!r}. Save the file again "
        "from the program that wrote it."
    )


def _rate(file: AnnotationFile, fields: dict[str, tuple[int, str]], wanted: Wanted) -> float:
    row, text = fields.get("annotation framerate", (0, ""))
    if text:
        require_same_rate(file.at(row), [number(text)], wanted.fps)
    return number(text) or wanted.fps


def _watched(file: AnnotationFile, fields: dict[str, tuple[int, str]], wanted: Wanted) -> tuple[int, int] | None:
    """Half-open frames between the annotation's start and stop frame; None where these cover the video."""
    ends = []
    for name, otherwise in (("annotation start frame", 1), ("annotation stop frame", wanted.n_frames)):
        row, text = fields.get(name, (0, ""))
        frame = whole_number(text) if text else otherwise
        if frame is None:
            raise InputError(f"Expected a frame number in {file.at(row)} ({name}), found {text!r}.")
        ends.append(frame)
    start, stop = max(ends[0] - 1, 0), min(ends[1], wanted.n_frames)
    return None if start == 0 and stop == wanted.n_frames else (min(start, stop), stop)


def _bout(file: AnnotationFile, line: _Line, rate: float | None) -> FoundBout:
    """Half-open and from 0; `rate` is the file's where it is in seconds, else None."""
    values = [number(text) for text in (line.start, line.stop)]
    frames = [
        nearest_frame(value, rate) if rate is not None else int(value)
        for value in values
        if value is not None and 0 <= value < 1e9 and (rate is not None or value == int(value))
    ]
    if len(frames) < 2 or frames[1] < frames[0] or (frames[0] < 1 and rate is None):
        raise InputError(
            f"Expected the first and the last frame (1, 2, 3, …) of a bout of {line.behavior!r} in "
            f"{file.at(line.row)}, found {line.start!r} and {line.stop!r}. Correct it in the program that wrote "
            "the file."
        )
    return FoundBout(line.row, line.behavior, max(frames[0], 1) - 1, frames[1])
