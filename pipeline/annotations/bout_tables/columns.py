"""Which columns of a bout table hold what, told by the names that labs and programs give them.

A bout table is known by a pair of columns for start and stop: ``start_frame, stop_frame``, ``Start (s), Stop (s)``,
``from, to``, ``start_time, end_time``, ``onset[ms], offset[ms]`` and their like. A time without a unit is in seconds; a
pair that says neither time nor frame is open (`Ends.unit` ""), and its cells may tell.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import NamedTuple

FRAMES, MIXED = "frames", "mixed"
_STARTS = ("start", "from", "onset", "begin", "beginning")
_STOPS = ("stop", "end", "to", "offset", "until", "finish")
_UNITS = {
    **dict.fromkeys(("frame", "frames"), FRAMES),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), "s"),
    **dict.fromkeys(("ms", "msec", "millisecond", "milliseconds"), "ms"),
    **dict.fromkeys(("min", "minute", "minutes"), "min"),
}
_TIME = ("time", "times", "timestamp", "t")
SECONDS_OF = {"s": 1.0, "ms": 0.001, "min": 60.0}
# Names without their separators; where a table has several of them, the first one counts.
_BEHAVIOR = (
    "behavior", "behaviour", "behaviorname", "behaviourname", "action", "label", "annotation", "event", "class",
    "activity", "category", "state", "type",
)  # fmt: skip
_BORIS = "behaviortype"  # STATE or POINT
_MEDIA = (
    "media", "mediafile", "mediafilename", "mediafilepath", "video", "videoid", "videoname", "videofile", "movie",
    "file", "filename", "recording", "recordingid", "session", "sessionid", "csvname", "dlcfile", "observation",
    "observationid",
)  # fmt: skip
_RATERS = ("annotator", "annotatorid", "rater", "raterid", "experimenter", "observer", "scorer", "coder")
_ANIMALS = (
    "agent", "agentid", "subject", "subjectid", "animal", "animalid", "mouse", "mouseid", "individual", "individualid",
    "trackid",
)  # fmt: skip
_TARGETS = ("target", "targetid", "recipient", "recipientid", "partner", "partnerid")
_MAY_BE_BEHAVIORS = {"mouse", "target", "recipient", "partner"}  # approached, sniffed at
_IDS = {*_MEDIA, *_RATERS, *_ANIMALS, *_TARGETS} - _MAY_BE_BEHAVIORS
_WITH_UNIT = re.compile(r"([0-9]+(?:[.,][0-9]+)?)\s*([^\W\d_]+)")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_WORD = re.compile(r"[^\W\d_]+")
_LONG = "|".join(word for word in (*_UNITS, *_TIME) if len(word) > 1)
_GLUED = re.compile(f"({_LONG})?({'|'.join((*_STARTS, *_STOPS))})({_LONG})?")


class Ends(NamedTuple):
    """Positions of a start and a stop; `unit` is `FRAMES`, one of `SECONDS_OF`, `MIXED`, or "" = not told by names."""

    start: int
    stop: int
    unit: str


@dataclass(frozen=True)
class BoutColumns:
    """Positions of a bout table's columns; None and () = it has none.

    `ends`: pairs of start and stop, frames before times. `starts`, `stops`: all of them, with their units. `media`:
    what names the recording or its video. `target`: towards whom the animal behaves.
    """

    ends: tuple[Ends, ...]
    starts: Mapping[int, str]
    stops: Mapping[int, str]
    behavior: int | None
    media: tuple[int, ...] = ()
    rater: int | None = None
    animal: int | None = None
    target: int | None = None


@lru_cache(maxsize=32)  # Several formats ask for those of one file.
def find_columns(names: tuple[str, ...]) -> BoutColumns | None:
    """Columns of a bout table; None where no two are a start and a stop, or BORIS wrote them (it has readers)."""
    starts, stops = (
        {i: unit for i, name in enumerate(names) if (unit := _unit(name, words)) is not None}
        for words in (_STARTS, _STOPS)
    )
    ends = _ends(starts, stops)
    keys = [_key(name) for name in names] if ends else []
    if not ends or _BORIS in keys:
        return None
    media = tuple(i for i, key in enumerate(keys) if key in _MEDIA)
    return BoutColumns(
        ends,
        starts,
        stops,
        _first(keys, _BEHAVIOR),
        media + tuple(i for i, key in enumerate(keys) if media and key == "id"),
        _first(keys, _RATERS),
        _first(keys, _ANIMALS),
        _first(keys, _TARGETS),
    )


def without_unit(text: str) -> tuple[str, str]:
    """A number without the unit behind it, and the unit: ``10 frames`` is 10 and `FRAMES`; "" where there is none."""
    found = _WITH_UNIT.fullmatch(text)
    unit = _UNITS.get(found[2].casefold(), "") if found else ""
    return (found[1], unit) if found and unit else (text, "")


def is_id(name: str) -> bool:
    """True for the name of a column that says whose or which video's a row is: no behavior is called so."""
    return _key(name) in _IDS or _WORD.findall(_CAMEL.sub(" ", name).casefold())[-1:] == ["id"]


def is_time(name: str) -> bool:
    """True for the name of a column of times, such as ``Time (s)``."""
    words = _WORD.findall(_CAMEL.sub(" ", name).casefold())
    return bool(words) and all(word in _TIME or _UNITS.get(word, FRAMES) != FRAMES for word in words)


def _key(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.casefold())


def _first(keys: Sequence[str], known: Sequence[str]) -> int | None:
    return next((keys.index(key) for key in known if key in keys), None)


def _ends(starts: Mapping[int, str], stops: Mapping[int, str]) -> tuple[Ends, ...]:
    both = [
        (Ends(a, b, first or last), first, last) for (a, first), (b, last) in product(starts.items(), stops.items())
    ]
    pairs = [pair for pair, first, last in both if first == last]
    # One of the two may leave the unit to the other: `Start (s), End`.
    pairs = pairs or [pair for pair, first, last in both if "" in (first, last)]
    pairs = pairs or [pair._replace(unit=MIXED) for pair, _, _ in both]
    return tuple(sorted(pairs, key=lambda pair: (pair.unit != FRAMES, pair.unit == "", pair[:2])))


def _unit(name: str, ends: Sequence[str]) -> str | None:
    """The unit ("" = not told) of a column that is such an end; None for other columns."""
    folded = name.casefold()
    if not any(word in folded for word in ends):
        return None
    words = [word for text in _WORD.findall(_CAMEL.sub(" ", name).casefold()) for word in _apart(text)]
    others = [word for word in words if word not in ends]
    if len(words) != len(others) + 1 or not all(word in _UNITS or word in _TIME for word in others):
        return None
    units = {_UNITS[word] for word in others if word in _UNITS}
    if len(units) > 1:
        return None
    return units.pop() if units else "s" if others else ""


def _apart(word: str) -> list[str]:
    """`startframe` as start and frame."""
    found = _GLUED.fullmatch(word)
    return [part for part in found.groups() if part] if found else [word]
