"""Bout CSV: ``behavior,start_frame,stop_frame``, one row per bout, half-open, frames counted from 0.

Further columns (durations, probabilities) are ignored, so that a run's own ``bouts/`` files can be
read back; times in ``start_s`` and ``stop_s`` must agree with the frames within one frame. A header without
rows says: watched, and nothing happened. Columns ``start`` and ``stop`` may be frames or seconds: whole
numbers could be either, so the format must be named.
"""

from collections import Counter

from common.errors import InputError
from common.seals import read_seal
from pipeline.annotations.base import EventList, FoundBout, Wanted, collect_bouts, model_doubts
from pipeline.annotations.bout_table import find_ends, iter_bouts
from pipeline.annotations.cells import frame_number, is_given, seconds, whole_number
from pipeline.annotations.opening import AnnotationFile, cell

DESCRIPTION = "bout CSV (behavior,start_frame,stop_frame; half-open)"
_ENDS = (("start_frame", "stop_frame"), ("start", "stop"))
_TIMES = ("start_s", "stop_s")
_TOLERANCE_FRAMES = 1.0


def matches(file: AnnotationFile) -> bool:
    """True where the header names the columns and what stands below ``start`` and ``stop`` are whole numbers."""
    ends = find_ends(file, *_ENDS)
    if ends != _ENDS[1]:
        return ends is not None
    cells = [cell(row, file.folded.index(name)) for _, row in file.rows[1:] for name in ends]
    return all(whole_number(text) is not None for text in cells if is_given(text))


def read(file: AnnotationFile, wanted: Wanted) -> EventList:
    """Read the bouts.

    Raises
    ------
    InputError
        A row without behavior or with frames that are none, an empty bout, overlapping bouts, times that
        disagree with the frames.
    """
    found = []
    n_model = 0
    # A review's own file knows also where the model saw nothing.
    stretches = read_seal(file.path).get("from_model")
    frames = Counter({name: sum(stop - start for start, stop in own) for name, own in (stretches or {}).items()})
    for row, ends, cells in iter_bouts(file, _ENDS, DESCRIPTION):
        start, stop = (frame_number(file.at(row), name, cells[name]) for name in ends)
        if stop <= start:
            raise InputError(
                f"Expected {ends[1]} after {ends[0]} in {file.at(row)}, found {start} to {stop} "
                f"({cells['behavior']!r}). Bouts are half-open: a bout of one frame, 7, is written 7,8."
            )
        for name, frame in zip(_TIMES, (start, stop), strict=True):
            _require_same_time(file.at(row), name, cells.get(name, ""), frame, wanted.fps)
        found.append(FoundBout(row, cells["behavior"], start, stop))
        is_model = cells.get("origin", "").casefold() == "model"
        n_model += is_model
        if stretches is None:
            frames[cells["behavior"]] += whole_number(cells.get("model_frames", "")) or is_model * (stop - start)
    return collect_bouts(file, "bout_csv", found, {}, model_doubts(file, wanted, (n_model, len(found)), frames))


def _require_same_time(where: str, name: str, text: str, frame: int, fps: float) -> None:
    if is_given(text) and abs(seconds(where, name, text) * fps - frame) > _TOLERANCE_FRAMES:
        raise InputError(
            f"{where}: frame {frame} and {name} {text} are more than a frame apart at {fps:g} frames per second. Was "
            "one of the two corrected by hand? Then correct the other as well, or remove the columns of times. Or is "
            "it of another video, or was the video converted after scoring?"
        )
