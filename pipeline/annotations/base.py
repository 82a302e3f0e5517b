"""What an annotation file says, before it is asked about particular behaviors.

Two kinds of files exist. *Frame tables* have a row per frame and a column per behavior. *Event lists*
(BORIS, bout CSV) have a row per bout or per key press: there a behavior that isn't listed did not happen.
Ends become half-open frames in the readers and nowhere else.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from common.notes import ModelLabels
from common.suggestions import did_you_mean, listing
from common.words import says_background
from pipeline.annotations.opening import AnnotationFile
from pipeline.scoring.bouts.bouts import Bout, frames_from_runs, runs_of_true

CHOICES = ("sequence", "observation", "media", "subject", "scored")
"""What can stand behind a path in the table of recordings."""

Frames = tuple[int, int]
"""Frames one after the other, half-open."""


@dataclass(frozen=True)
class LabelSpan:
    """How many frames the labels are about.

    `n_frames`: rows of a frame table; end of the last bout (half-open) of an event list, 0 where it has none.
    `complete`: true of frame tables, which have a row for each frame; an event list just ends with its last bout.
    `where`: file, and row where it helps, for errors.
    """

    n_frames: int
    complete: bool
    where: str

    def fits(self, n_frames_video: int) -> bool:
        """True where the labels can be about a video of so many frames."""
        return self.n_frames == n_frames_video if self.complete else self.n_frames <= n_frames_video


@dataclass(frozen=True)
class FrameTable:
    """Labels as a row per frame.

    `behaviors` are named as in the file. `active` and `scored` are of shape (n_rows, n_behaviors); `active` is False
    where not scored. `faults`: columns that hold something else than labels → what is wrong, an error only if asked
    for. `notes`: what the user should know of how the file was read. `one_of`: each frame names one class out of
    several, so that a class that the file doesn't name did not happen there, while a column that is missing was not
    scored.
    """

    path: Path
    format: str
    behaviors: tuple[str, ...]
    active: NDArray[np.bool_]
    scored: NDArray[np.bool_]
    faults: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    one_of: bool = False

    @property
    def span(self) -> LabelSpan:
        """As many frames as rows."""
        return LabelSpan(len(self.active), True, self.path.name)

    def frames_of(self, behavior: str, n_frames: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]] | None:
        """(active, scored), each (n_frames,); None where the file has no such column."""
        if behavior in self.behaviors:
            column = self.behaviors.index(behavior)
            return self.active[:, column], self.scored[:, column]
        if self.one_of:
            return np.zeros(len(self.active), dtype=bool), np.asarray(self.scored.any(axis=1))
        return None

    def within(self, spans: Sequence[Frames], reason: str) -> "FrameTable":
        """Only what lies in these frames; the rest is unscored. What is left out is noted, `reason` says why."""
        inside = _mask(spans, len(self.active))
        outside = [
            run
            for name, column in zip(self.behaviors, (self.active & ~inside[:, None]).T, strict=True)
            if not says_background(name)
            for run in runs_of_true(column)
        ]
        notes = (*self.notes, *_left_out(self.path, outside, reason))
        return replace(self, active=self.active & inside[:, None], scored=self.scored & inside[:, None], notes=notes)


@dataclass(frozen=True)
class EventList:
    """Labels as bouts; every frame that was watched is scored for every behavior.

    `behaviors` names all state events, as in the file; the bouts of one may be shorter than a frame and cover none.
    `bouts` are half-open, in the file's order, and those of one behavior don't overlap. `span` reaches to the end of
    the last bout, with its row. `faults`: behaviors that can't be told (point events have no duration) → what is wrong,
    an error only if asked for. `notes`: what the user should know of how the file was read. `watched`: frames that were
    watched, in order, where file or user say so; None = the whole video. `streams`: where a file keeps behaviors that
    go on at the same time in streams, the behaviors of each that was read; one of no stream is unscored (see
    `pipeline.dataset.streams`).
    """

    path: Path
    format: str
    behaviors: tuple[str, ...]
    bouts: tuple[Bout, ...]
    span: LabelSpan
    faults: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    watched: tuple[Frames, ...] | None = None
    streams: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def frames_of(self, behavior: str, n_frames: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]] | None:
        """(active, scored), each (n_frames,); a behavior that isn't listed never happened, but in a stream."""
        if self.streams and not any(behavior in names for names in self.streams.values()):
            return None
        runs = [(bout.start_frame, bout.stop_frame) for bout in self.bouts if bout.behavior == behavior]
        active = frames_from_runs(runs, n_frames)
        return active, active | _mask([(0, n_frames)] if self.watched is None else self.watched, n_frames)

    def within(self, spans: Sequence[Frames], reason: str) -> "EventList":
        """Only what lies in these frames; the rest is unscored. What is left out is noted, `reason` says why."""
        # With its modifiers a bout is there once more.
        ends = {(bout.behavior.partition(" (")[0], bout.start_frame, bout.stop_frame) for bout in self.bouts}
        outside = [(start, stop) for _, start, stop in ends if (start, stop) not in overlaps((start, stop), spans)]
        watched = spans if self.watched is None else [part for own in self.watched for part in overlaps(own, spans)]
        bouts = tuple(
            Bout(bout.behavior, *part)
            for bout in self.bouts
            for part in overlaps((bout.start_frame, bout.stop_frame), spans)
        )
        notes = (*self.notes, *_left_out(self.path, outside, reason))
        return replace(self, bouts=bouts, watched=tuple(watched), notes=notes)


RawAnnotation = FrameTable | EventList


def overlaps(frames: Frames, spans: Iterable[Frames]) -> list[Frames]:
    """What of some frames lies in each of several spans, where anything does."""
    found = ((max(frames[0], start), min(frames[1], stop)) for start, stop in spans)
    return [(start, stop) for start, stop in found if start < stop]


def _mask(spans: Iterable[Frames], n_frames: int) -> NDArray[np.bool_]:
    return frames_from_runs([part for span in spans for part in overlaps(span, [(0, n_frames)])], n_frames)


def _left_out(path: Path, outside: Sequence[Frames], reason: str) -> tuple[str, ...]:
    if not outside:
        return ()
    n_bouts, count = (f"{len(outside)} bouts lie", "count") if len(outside) > 1 else ("a bout lies", "counts")
    first = min(outside)
    return (
        f"In {path.name}, {n_bouts} outside of {reason} and {count} for nothing there, the first in frames "
        f"{first[0]:,} to {first[1] - 1:,}.",
    )


@dataclass(frozen=True)
class AnnotationChoice:
    """What the user names where a file leaves a choice; "" = not named.

    In the table of recordings it is written around the path, each part only where it is needed:
    ``format:path#sequence=NAME#observation=NAME#media=NAME#subject=NAME#scored=FROM-TO``.

    `format` is a name in `FORMATS`, for a file whose content fits several; `sequence` one of a CalMS21 file, as behind
    its poses; `observation` one of a BORIS file; `media` the video of an observation of several, where it isn't named
    as the recording's video is; `subject` whose behaviors (a subject in BORIS, a channel or stream in Caltech files,
    several of these joined by ``+``); `scored` from where to where the video was scored (see `scored_spans`). `animal`
    is the one that the row is of: the subject where none is named. Formats of one animal per file don't ask.
    """

    format: str = ""
    sequence: str = ""
    observation: str = ""
    media: str = ""
    subject: str = ""
    scored: str = ""
    animal: str = ""

    @property
    def whose(self) -> str:
        """The subject or channel to read; "" = not named."""
        return self.subject or self.animal

    @property
    def part(self) -> str:
        """What stands behind the path; "" = nothing."""
        named = {name: getattr(self, name) for name in CHOICES}
        return "".join(f"#{name}={value}" for name, value in named.items() if value)


@dataclass(frozen=True)
class Wanted:
    """What a reader is asked for.

    `n_frames`, `fps` and `video_name` (its file name; "" = unknown) are the decoded video's. `behaviors`: their names
    that the experiment uses, by which a subject may be told; empty = unknown. By `tolerance_frames` the video may
    differ in length from the one that was scored, beside what rounding makes.
    """

    n_frames: int
    fps: float
    video_name: str = ""
    choice: AnnotationChoice = AnnotationChoice()
    behaviors: frozenset[str] = frozenset()
    tolerance_frames: int = 0

    @property
    def media_name(self) -> str:
        """The video's name in the annotation file."""
        return self.choice.media or self.video_name


class AnnotationReader(Protocol):
    """What each module in `FORMATS` offers.

    One whose files name videos also has ``media_by_observation(file)`` (what `#observation=` can name → names of its
    videos), one whose files may tell animals apart ``tells_animals_apart(file)`` and ``subjects_in(file, wanted)``
    (names → whether any behavior is shown), one whose files say the video's rate ``told_fps(file, wanted)``, and one
    without files ``NEEDS_FILE``, which is False.
    """

    DESCRIPTION: str

    def matches(self, file: AnnotationFile) -> bool:
        """True where the file can be of this format."""
        ...

    def read(self, file: AnnotationFile, wanted: Wanted) -> RawAnnotation:
        """Read the file."""
        ...


class FoundBout(NamedTuple):
    """A bout as it stands in a file.

    `row`: where it stands (`AnnotationFile.unit`). `behavior`: without modifiers. Frames are half-open, equal where the
    bout is shorter than a frame. `modifiers`: BORIS', joined by ``|``; "" = none.
    """

    row: int
    behavior: str
    start_frame: int
    stop_frame: int
    modifiers: str = ""

    @property
    def full_name(self) -> str:
        """``behavior (modifiers)``, as BORIS writes it."""
        return f"{self.behavior} ({self.modifiers})" if self.modifiers else self.behavior


def collect_bouts(
    file: AnnotationFile,
    format_name: str,
    found: list[FoundBout],
    faults: Mapping[str, str],
    notes: tuple[str, ...] = (),
    watched: Frames | None = None,
) -> EventList:
    """Unite intervals that overlap and make them an `EventList`; bouts outside of what was `watched` are left out.

    A behavior with modifiers is known twice: by its name alone (any modifier) and as ``behavior (modifiers)``. Bouts of
    one name that overlap are one, which is noted where their modifiers are the same. Bouts shorter than a frame cover
    nothing and are left out; their behavior is known all the same.
    """
    notes = (*notes, *_overlap_notes(file, found))
    end, row = max(((bout.stop_frame, bout.row) for bout in found), default=(0, 0))
    behaviors = tuple(dict.fromkeys(bout.behavior for bout in found))
    modified = tuple(name for name in dict.fromkeys(bout.full_name for bout in found) if name not in behaviors)
    covering = [bout for bout in found if bout.stop_frame > bout.start_frame]
    united = [bout for name in behaviors for bout in _united(bout for bout in covering if bout.behavior == name)]
    bouts = [Bout(bout.behavior, *bout[2:4]) for bout in sorted(united)]
    parts = [bout for name in modified for bout in _united(bout for bout in covering if bout.full_name == name)]
    bouts += [Bout(bout.full_name, *bout[2:4]) for bout in sorted(parts)]
    span = LabelSpan(end, False, file.at(row))
    found_all = EventList(file.path, format_name, (*behaviors, *modified), tuple(bouts), span, faults, notes)
    return found_all if watched is None else found_all.within([watched], "what was watched by the file itself")


_Item = TypeVar("_Item")


def choose_animal(
    file: AnnotationFile,
    what: str,
    items: Sequence[tuple[str, bool, _Item]],
    wanted: Wanted,
    known: Iterable[str] = (),
    may_join: bool = False,
) -> list[_Item]:
    """What a file of several subjects says of the one that is meant.

    Meant is the one that is named, else the only one, else the only one that shows a behavior of the experiment. `what`
    is what a subject is called there; each item stands with its subject and whether the experiment uses its behavior;
    `known` subjects may be named though there is no item of them; `may_join`: several may be named as one (``1+2``).

    Raises
    ------
    InputError
        The named subject isn't there or is another animal's, or several could be meant.
    """
    names = sorted({name for name, _, _ in items})
    named, animal = wanted.choice.whose, wanted.choice.animal
    if animal and named.casefold() != animal.casefold() and animal.casefold() in map(str.casefold, names):
        raise InputError(
            f"{file.path.name}#subject={named} contradicts the column `animal`: the file has behaviors of {animal!r} "
            "as well. Name one animal in both, or leave #subject= out."
        )
    if named:
        by_folded = {name.casefold(): name for name in (*known, *names)}
        is_one = not may_join or named.casefold() in by_folded
        parts = [named] if is_one else [part.strip() for part in named.split("+")]
        for part in parts:
            if part.casefold() not in by_folded:
                said = f"{file.path.name} has no {what} {part!r} here.{did_you_mean(part, names)}"
                raise InputError(f"{said} It has: {listing(names)}.")
        chosen = [by_folded[part.casefold()] for part in parts]
        return [item for name, _, item in items if name in chosen]
    if wanted.behaviors and len(names) > 1:
        items = [item for item in items if item[1]]
        names = sorted({name for name, _, _ in items})
    if len(names) > 1:
        raise InputError(
            f"{file.path.name} holds {len(names)} {what}s: {listing(names, 8)}. Name the one whose behaviors are "
            f"meant: {file.path.name}#subject={names[0]}"
            + (f", or several that are read as one: {file.path.name}#subject={'+'.join(names)}." if may_join else ".")
        )
    return [item for _, _, item in items]


def model_doubts(
    file: AnnotationFile, wanted: Wanted, bouts: tuple[int, int], frames: Mapping[str, int]
) -> tuple[str, ...]:
    """A doubt where some of the labels are a model's: what a human set is a label, what was left or accepted is not.

    `bouts`: how many are the model's, of how many; `frames`: how many have the model's label, by behavior.
    """
    known = {name: n for name, n in frames.items() if n and (not wanted.behaviors or name in wanted.behaviors)}
    if not bouts[0] and not known:
        return ()
    listed = listing([f"{n:,} of {wanted.n_frames:,} frames of {name}" for name, n in known.items()])
    text = (
        f"{bouts[0]} of {bouts[1]} bouts in {file.path.name} are a model's, unchanged or accepted in a review"
        f"{f', and so are the labels of {listed}' if listed else ''}. Heads that learn from these labels, or are "
        "scored against them, are compared with a model there."
    )
    return (ModelLabels(text, sum(known.values())),)


def _overlap_notes(file: AnnotationFile, found: Sequence[FoundBout]) -> tuple[str, ...]:
    """One note of all bouts that overlap an earlier one of the same behavior and modifiers."""
    overlaps: list[tuple[int, FoundBout, FoundBout]] = []
    last: dict[str, FoundBout] = {}
    for bout in sorted(found, key=lambda bout: bout[2:4]):
        previous = last.get(bout.full_name, bout)
        n_frames = min(previous.stop_frame, bout.stop_frame) - bout.start_frame
        if previous is not bout and n_frames > 0:
            overlaps.append((n_frames, previous, bout))
        if previous.stop_frame <= bout.stop_frame:
            last[bout.full_name] = bout
    if not overlaps:
        return ()
    n_frames, first, second = max(overlaps, key=lambda overlap: overlap[0])
    where = f"{file.unit} {first.row} (until frame {first.stop_frame}) and {file.unit} {second.row} (from frame "
    return (
        f"{len(overlaps)} of {len(found)} bouts in {file.path.name} overlap an earlier one of the same behavior and "
        f"are read as one with it; the longest overlap is {n_frames} frames of {first.full_name!r} in {where}"
        f"{second.start_frame}).",
    )


def _united(found: Iterable[FoundBout]) -> list[FoundBout]:
    """Bouts of one behavior, those that overlap made one; bouts that only touch stay two."""
    united: list[FoundBout] = []
    for bout in sorted(found, key=lambda bout: bout[2:4]):
        if united and bout.start_frame < united[-1].stop_frame:
            united[-1] = united[-1]._replace(stop_frame=max(united[-1].stop_frame, bout.stop_frame))
        else:
            united.append(bout)
    return united
