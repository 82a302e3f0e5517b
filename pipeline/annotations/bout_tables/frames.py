"""Bout CSV: ``behavior,start_frame,stop_frame``, one row per bout, half-open, frames counted from 0.

``stop_frame``, or whatever the column of stops is called, is the first frame without the behavior; so are those of
MABe (its metric counts ``range(start_frame, stop_frame)``). Other names that tell a frame are known as well
(``start_frame,end_frame``; see `columns`). Further columns (durations, probabilities) are ignored, so that a run's own
``bouts/`` files can be read back; times in ``start_s`` and ``stop_s`` must agree with the frames within one frame. A
header without rows says: watched, and nothing happened. Columns ``start`` and ``stop``, ``from`` and ``to`` may be
frames or seconds: whole numbers could be either, so the format must be named.
"""

from common.errors import InputError
from common.words import is_given
from pipeline.annotations.base import EventList, Wanted
from pipeline.annotations.bout_tables.columns import FRAMES, MIXED, SECONDS_OF, BoutColumns, without_unit
from pipeline.annotations.bout_tables.rows import columns_of, frames_note, rows_of, to_events, unit_of
from pipeline.annotations.bout_tables.rows import media_by_observation as media_by_observation
from pipeline.annotations.bout_tables.rows import names_videos as names_videos
from pipeline.annotations.bout_tables.rows import subjects_in as subjects_in
from pipeline.annotations.bout_tables.rows import tells_animals_apart as tells_animals_apart
from pipeline.annotations.bout_tables.seconds import seconds_of
from pipeline.annotations.cells import frame_number
from pipeline.annotations.opening import AnnotationFile, cell

DESCRIPTION = "bout CSV (behavior,start_frame,stop_frame; half-open)"
_FORMAT = "bout_csv"
_TOLERANCE_FRAMES = 1.0


def matches(file: AnnotationFile) -> bool:
    """True where the header names a behavior and its ends, and these are frames, or may be (see `read`)."""
    return unit_of(file) in (FRAMES, "", MIXED)


def read(file: AnnotationFile, wanted: Wanted) -> EventList:
    """Read the bouts.

    Raises
    ------
    InputError
        Whole numbers that may be frames or seconds, a row without behavior or with frames that are none, an empty
        bout, times that disagree with the frames, or a recording, rater or animal that the user must name.
    """
    columns = columns_of(file)
    if columns is None or columns.ends[0].unit not in (FRAMES, "", MIXED):
        raise file.other_than(DESCRIPTION)
    ends = columns.ends[0]
    names = [file.names[i] for i in ends[:2]]
    if unit_of(file) == MIXED:
        raise InputError(
            f"In {file.path.name} the columns {names[0]!r} and {names[1]!r} are not in the same unit. Give both in "
            "frames (start_frame, stop_frame) or both in seconds (start_s, stop_s)."
        )
    if not ends.unit and wanted.choice.format != _FORMAT and unit_of(file) == "":
        raise _open_unit(file, names)
    rows, notes = rows_of(file, wanted, columns, ends)
    bouts = []
    for row in rows:
        where = file.at(row.row)
        start, stop = (_frame(where, file.names[i], cell(row.cells, i)) for i in ends[:2])
        if stop <= start:
            raise InputError(
                f"Expected {names[1]} after {names[0]} in {where}, found {start} to {stop} ({row.behavior!r}). Bouts "
                "are half-open: a bout of one frame, 7, is written 7,8. If the file names the last frame of each "
                "bout, add 1 to it."
            )
        _require_same_times(file, row.row, row.cells, columns, (start, stop), wanted.fps)
        bouts.append(row.bout(start, stop))
    return to_events(file, wanted, _FORMAT, rows, bouts, (*notes, *frames_note(file, ends)))


def _frame(where: str, name: str, text: str) -> int:
    bare, unit = without_unit(text)
    return frame_number(where, name, bare if unit == FRAMES else text)


def _open_unit(file: AnnotationFile, names: list[str]) -> InputError:
    name = file.path.name
    return InputError(
        f"The annotation file {name} could be bout_csv, with frames, or bout_csv_seconds: its columns {names[0]!r} and "
        f"{names[1]!r} hold whole numbers and do not say what they count. Say which, in the table of recordings: "
        f"bout_csv:{name} or bout_csv_seconds:{name}; or call the columns start_frame and stop_frame, or start_s and "
        "stop_s."
    )


def _require_same_times(
    file: AnnotationFile, row: int, cells: list[str], columns: BoutColumns, frames: tuple[int, int], fps: float
) -> None:
    for positions, frame in zip((columns.starts, columns.stops), frames, strict=True):
        for position, unit in positions.items():
            text, name = cell(cells, position), file.names[position]
            if unit not in SECONDS_OF or not is_given(text):
                continue
            if abs(seconds_of(file, row, name, text, unit) * fps - frame) > _TOLERANCE_FRAMES:
                raise InputError(
                    f"{file.at(row)}: frame {frame} and {name} {text} are more than a frame apart at {fps:g} frames "
                    "per second. Was one of the two corrected by hand? Then correct the other as well, or remove the "
                    "columns of times. Or is it of another video, or was the video converted after scoring?"
                )
