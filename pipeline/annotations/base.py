"""What an annotation file says, before it is asked about particular behaviors.

Two kinds of files exist. *Frame tables* have a row per frame and a column per behavior. *Event lists*
(BORIS, bout CSV) have a row per bout or per key press: there a behavior that isn't listed did not happen.
Ends become half-open frames in the readers and nowhere else.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from features.delimited import Dialect
from features.errors import InputError
from pipeline.bouts import Bout, frames_from_runs


@dataclass(frozen=True)
class LabelSpan:
    """How many frames the labels are about.

    Attributes
    ----------
    n_frames : int
        Rows of a frame table; end of the last bout (half-open) of an event list, 0 where it has none.
    complete : bool
        True for frame tables, which have a row for each frame; an event list just ends with its last bout.
    where : str
        File, and row where it helps, for errors.
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

    Attributes
    ----------
    path : Path
        The file.
    format : str
        Name in `FORMATS`.
    behaviors : tuple of str
        Names as in the file.
    active, scored : ndarray, shape (n_rows, n_behaviors), bool
        `active` is False where not scored.
    faults : mapping of str to str
        Columns that hold something else than labels → what is wrong; an error only if asked for.
    notes : tuple of str
        What the user should know of how the file was read.
    """

    path: Path
    format: str
    behaviors: tuple[str, ...]
    active: NDArray[np.bool_]
    scored: NDArray[np.bool_]
    faults: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def span(self) -> LabelSpan:
        """As many frames as rows."""
        return LabelSpan(len(self.active), True, self.path.name)

    def frames_of(self, behavior: str, n_frames: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]] | None:
        """(active, scored), each (n_frames,); None where the file has no such column."""
        if behavior not in self.behaviors:
            return None
        column = self.behaviors.index(behavior)
        return self.active[:, column], self.scored[:, column]


@dataclass(frozen=True)
class EventList:
    """Labels as bouts; every frame is scored for every behavior.

    Attributes
    ----------
    path : Path
        The file.
    format : str
        Name in `FORMATS`.
    behaviors : tuple of str
        Names of all state events, as in the file; the bouts of one may be shorter than a frame and cover none.
    bouts : tuple of Bout
        Half-open, in the file's order; bouts of one behavior don't overlap.
    span : LabelSpan
        Up to the end of the last bout, with its row.
    faults : mapping of str to str
        Behaviors that have no duration (point events) → what is wrong; an error only if asked for.
    notes : tuple of str
        What the user should know of how the file was read.
    """

    path: Path
    format: str
    behaviors: tuple[str, ...]
    bouts: tuple[Bout, ...]
    span: LabelSpan
    faults: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def frames_of(self, behavior: str, n_frames: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]] | None:
        """(active, scored), each (n_frames,); a behavior that isn't listed never happened."""
        runs = [(bout.start_frame, bout.stop_frame) for bout in self.bouts if bout.behavior == behavior]
        return frames_from_runs(runs, n_frames), np.ones(n_frames, dtype=bool)


RawAnnotation = FrameTable | EventList


@dataclass(frozen=True)
class TextHead:
    """The beginning of a text table, from which its format is recognised.

    Attributes
    ----------
    path : Path
        The file.
    dialect : Dialect
        Encoding and delimiter.
    rows : tuple of (int, list of str)
        Row number (from 1) and cells of the first rows that aren't blank.
    """

    path: Path
    dialect: Dialect
    rows: tuple[tuple[int, list[str]], ...]


class AnnotationReader(Protocol):
    """What each module in `FORMATS` offers."""

    DESCRIPTION: str

    def matches(self, head: TextHead) -> bool:
        """True where the file is of this format; at most one format may say so."""
        ...

    def read(self, head: TextHead, n_frames: int, fps: float) -> RawAnnotation:
        """Read the file; `n_frames` and `fps` are the decoded video's."""
        ...


def collect_bouts(
    head: TextHead,
    format_name: str,
    found: list[tuple[int, str, int, int]],
    faults: Mapping[str, str],
    notes: tuple[str, ...] = (),
) -> EventList:
    """Check intervals and make them an `EventList`.

    Parameters
    ----------
    head : TextHead
        The file.
    format_name : str
        Name in `FORMATS`.
    found : list of (row, behavior, start_frame, stop_frame)
        Half-open; `start_frame == stop_frame` (shorter than a frame) covers nothing and is left out.
    faults, notes
        Kept.

    Raises
    ------
    InputError
        Two bouts of one behavior overlap (naming both rows).
    """
    last: dict[str, tuple[int, int]] = {}
    for row, behavior, start, stop in sorted(found, key=lambda event: event[2:]):
        previous_row, previous_stop = last.get(behavior, (0, 0))
        if start < previous_stop:
            raise InputError(
                f"Bouts of one behavior must not overlap, but in {head.path.name} the bouts of {behavior!r} "
                f"in row {previous_row} (until frame {previous_stop}) and row {row} (from frame {start}) do. "
                "Correct one of them, or remove the duplicate."
            )
        if stop > start:
            last[behavior] = (row, stop)
    end, row = max(((stop, row) for row, _, _, stop in found), default=(0, 0))
    where = f"{head.path.name}, row {row}" if row else head.path.name
    bouts = tuple(Bout(behavior, start, stop) for _, behavior, start, stop in found if stop > start)
    names = tuple(dict.fromkeys(behavior for _, behavior, _, _ in found))
    return EventList(head.path, format_name, names, bouts, LabelSpan(end, False, where), faults, notes)
