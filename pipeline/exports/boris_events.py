"""Bouts as BORIS' events: two rows per bout, at its start and at its stop.

BORIS keeps times as seconds with three decimals and says nothing of START and STOP: it pairs the events of a
behavior in the order of their times. A bout ``[start_frame, stop_frame)`` begins at ``start_frame / fps`` and
stops at ``stop_frame / fps``, the time of the first frame without the behavior, both to the nearest
millisecond, as BORIS writes the time of the frame that it shows. Up to 250 frames per second a millisecond is a
quarter of a frame at most, so the frame nearest to time × fps is the frame again.
"""

import math
from collections.abc import Iterable
from typing import NamedTuple

from pipeline.scoring.bouts.bouts import Bout

# Where a bout begins as another of its behavior ends, the two events would be the same row, and of two equal rows
# BORIS pastes only one, so that all that follows would be paired wrongly.
TOUCHING_COMMENT = "begins where the one before ends"
_LENGTH_MARGIN_S = 0.0001


class EventRow(NamedTuple):
    """One event of a BORIS observation of a media file, in the order of BORIS' columns.

    The time is in seconds with three decimals, the subject is the animal ("" = there is one only), the code is the
    behavior; the modifier is empty, and so is the comment, except `TOUCHING_COMMENT`. Frames count from 0; at the stop
    it is the first one after the bout.
    """

    time_s: float
    subject: str
    code: str
    modifier: str
    comment: str
    frame_index: int


def event_rows(bouts: Iterable[Bout], fps: float, subject: str = "") -> list[EventRow]:
    """START and STOP of every bout of a subject, by time; at one time STOPs come first, then by name.

    Bouts of one behavior do not overlap.
    """
    bouts = list(bouts)
    stops = {(bout.behavior, bout.stop_frame) for bout in bouts}
    rows = []
    for bout in bouts:
        comment = TOUCHING_COMMENT if (bout.behavior, bout.start_frame) in stops else ""
        for is_start, frame, said in ((True, bout.start_frame, comment), (False, bout.stop_frame, "")):
            row = EventRow(round(frame / fps, 3), subject, bout.behavior, "", said, frame)
            rows.append((row.time_s, is_start, row))
    return [row for _, _, row in sorted(rows)]


def media_length_s(n_frames: int, fps: float) -> float:
    """Length of a video in seconds, as BORIS is told it.

    BORIS leaves events beyond the media's length out of its tabular export, and compares times of three decimals
    with the length's last binary digit; so the length is rounded up and a tenth of a millisecond is added.
    """
    return round(math.ceil(round(n_frames / fps * 1000, 6)) / 1000 + _LENGTH_MARGIN_S, 4)
