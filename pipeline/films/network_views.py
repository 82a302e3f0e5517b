"""What every network of a run is shown of some frames: columns are frames, rows are networks.

All frames are of one recording, so that one reading of one video is enough: the one in which most behaviors were seen,
by a human or else by the model. Of each behavior the middle of a bout is shown, one of the first that last at least as
long as half of all do.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from features.sources.views import NetworkView, early_frames, shown_jpegs
from features.video.files import UnreadableVideoError
from pipeline.dataset.load import CheckedRecording
from pipeline.run_folder.pictures import ShownFrame, write_network_views
from pipeline.run_folder.run_dir import RunDir
from pipeline.scoring.bouts.bouts import runs_of_true
from pipeline.scoring.timeline import Timeline

MOST_COLUMNS = 6
HUMAN, MODEL = "human", "model"


class FrameChoice(NamedTuple):
    """A frame, the behavior that it shows and who says so; "" where nobody says anything."""

    frame: int
    behavior: str = ""
    said_by: str = ""


def cut_network_views(
    run: RunDir,
    checked: Sequence[CheckedRecording],
    timelines: Sequence[Timeline],
    views: Sequence[NetworkView],
    frame_step: int,
) -> list[str]:
    """Cut what the networks are shown of frames of one recording into a run's folder.

    Nothing is written where no network looks at a video. The timelines are of some of the checked recordings.

    Returns
    -------
    list of str
        Notes for the report: what is missing, and why.

    Raises
    ------
    InputError
        When the folder can't be written.
    """
    filmed = {item.id: item for item in checked if item.video is not None and item.centers is not None}
    timelines = [timeline for timeline in timelines if timeline.recording in filmed]
    if not views or not timelines:
        return []
    timeline = max(timelines, key=lambda timeline: (_n_seen(timeline, HUMAN), _n_seen(timeline, MODEL)))
    item = filmed[timeline.recording]
    assert item.video is not None and item.centers is not None
    early = early_frames(views, item.video.fps, item.n_frames)
    # What lies between analysed frames is never shown to a network.
    columns = [
        choice._replace(frame=choice.frame - choice.frame % frame_step)
        for choice in choose_frames(timeline) or [FrameChoice(int(frame)) for frame in early]
    ]
    frames, places = np.unique([choice.frame for choice in columns], return_inverse=True)
    try:
        jpegs = shown_jpegs(views, item.video, item.centers, item.animals, frames)
    except UnreadableVideoError as error:
        return [f"There are no pictures of what the network sees: {error}"]
    shown = {
        ShownFrame(row, column, view, choice.behavior, choice.said_by, item.id, choice.frame, choice.frame / item.fps):
        jpegs[row - 1][place]
        for row, view in enumerate(views, start=1)
        for column, (choice, place) in enumerate(zip(columns, places, strict=True), start=1)
        if place < len(jpegs[row - 1])
    }  # fmt: skip
    write_network_views(run, shown)
    return []


def choose_frames(timeline: Timeline) -> list[FrameChoice]:
    """Frames that show a recording's behaviors, in their order; several of each where they are few."""
    seen = [(column, who) for column in range(len(timeline.behaviors)) if (who := _seen_by(timeline, column))]
    n_each = max(1, MOST_COLUMNS // max(1, len(seen)))
    return [
        FrameChoice(frame, timeline.behaviors[column], who)
        for column, who in seen[:MOST_COLUMNS]
        for frame in _middles(_frames_of(timeline, column, who), n_each)
    ]


def _n_seen(timeline: Timeline, who: str) -> int:
    """How many behaviors somebody sees."""
    return sum(bool(_frames_of(timeline, column, who).any()) for column in range(len(timeline.behaviors)))


def _seen_by(timeline: Timeline, column: int) -> str:
    """Who sees a behavior, a human if one does; "" where nobody does."""
    return next((who for who in (HUMAN, MODEL) if _frames_of(timeline, column, who).any()), "")


def _frames_of(timeline: Timeline, column: int, who: str) -> NDArray[np.bool_]:
    line = timeline.behavior(column)
    track = line.human if who == HUMAN else line.model
    return track.active & track.scored


def _middles(active: NDArray[np.bool_], n_most: int) -> Iterator[int]:
    """Middles of the first bouts that are not among the shorter half."""
    bouts = runs_of_true(active)
    half = np.median([stop - start for start, stop in bouts])
    clear = [(start + stop) // 2 for start, stop in bouts if stop - start >= half]
    yield from clear[:n_most]
