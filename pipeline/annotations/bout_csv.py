"""Bout CSV: ``behavior,start_frame,stop_frame``, one row per bout, half-open, frames counted from 0.

Further columns (durations, probabilities) are ignored, so that a run's own ``bouts/`` files can be
read back; times in ``start_s`` and ``stop_s`` must agree with the frames within one frame. A header without
rows says: watched, and nothing happened. Columns ``start`` and ``stop`` may be frames or seconds: whole
numbers could be either, so the format must be named.
"""

from common.errors import InputError
from common.notes import Doubt
from pipeline.annotations.base import EventList, FoundBout, Wanted, collect_bouts
from pipeline.annotations.bout_table import BoutColumns, find_columns, iter_bouts, required_columns
from pipeline.annotations.cells import cell, frame_number, is_given, seconds, whole_number
from pipeline.annotations.opening import FileHead

DESCRIPTION = "bout CSV (behavior,start_frame,stop_frame; half-open)"
_NAMES = (("start_frame", "stop_frame"), ("start", "stop"))
_TIMES = (("start_s", "stop_s"),)
_TOLERANCE_FRAMES = 1.0


def matches(head: FileHead) -> bool:
    """True where the header names the columns and what stands below ``start`` and ``stop`` are whole numbers."""
    found = find_columns(head, _NAMES)
    if found is None or found.start_name == "start_frame":
        return found is not None
    cells = [cell(row, place) for _, row in head.rows[1:] for place in (found.start, found.stop)]
    return all(whole_number(text) is not None for text in cells if is_given(text))


def read(head: FileHead, wanted: Wanted) -> EventList:
    """Read the bouts.

    Raises
    ------
    InputError
        A row without behavior or with frames that are none, an empty bout, overlapping bouts, times that
        disagree with the frames.
    """
    columns = required_columns(head, _NAMES, DESCRIPTION)
    times = find_columns(head, _TIMES)
    found = []
    origins: list[str] = []
    folded = [name.casefold() for name in head.names]
    for row, behavior, cells in iter_bouts(head, columns):
        start = frame_number(head, row, columns.start_name, cell(cells, columns.start))
        stop = frame_number(head, row, columns.stop_name, cell(cells, columns.stop))
        if stop <= start:
            raise InputError(
                f"Expected {columns.stop_name} after {columns.start_name} in {head.path.name}, row {row}, found "
                f"{start} to {stop} ({behavior!r}). Bouts are half-open: a bout of one frame, 7, is written 7,8."
            )
        if times is not None:
            _require_same_times(head, row, cells, times, (start, stop), wanted.fps)
        found.append(FoundBout(row, behavior, start, stop))
        if "origin" in folded:
            origins.append(cell(cells, folded.index("origin")).casefold())
    return collect_bouts(head, "bout_csv", found, {}, _notes_on_origins(head, origins))


def _notes_on_origins(head: FileHead, origins: list[str]) -> tuple[str, ...]:
    """Corrections of a model's bouts are labels; bouts that nobody changed are still the model's."""
    n_model = origins.count("model")
    if not n_model:
        return ()
    return (
        Doubt(
            f"{n_model} of {len(origins)} bouts in {head.path.name} are a model's, left as they were (column origin). "
            "As far as nobody looked at them, what learns from them, or is scored against them, is compared with a "
            "model."
        ),
    )


def _require_same_times(
    head: FileHead, row: int, cells: list[str], times: BoutColumns, frames: tuple[int, int], fps: float
) -> None:
    for name, place, frame in ((times.start_name, times.start, frames[0]), (times.stop_name, times.stop, frames[1])):
        text = cell(cells, place)
        if is_given(text) and abs(seconds(head, row, name, text) * fps - frame) > _TOLERANCE_FRAMES:
            raise InputError(
                f"{head.path.name}, row {row}: frame {frame} and {name} {text} are more than a frame apart at {fps:g} "
                "frames per second. Was one of the two corrected by hand? Then correct the other as well, or remove "
                "the columns of times. Or is it of another video, or was the video converted after scoring?"
            )
