"""What the networks of an experiment would be shown of the first recordings: does the crop fit the animal?"""

from collections.abc import Sequence
from typing import NamedTuple

from common.errors import InputError
from features.sources.views import NetworkView, early_frames, shown_jpegs
from pipeline.audit.recording import Audit, AuditedRecording

MOST_RECORDINGS = 12
"""Each costs the time of some decoded frames, and room on the page."""


class SeenRecording(NamedTuple):
    """Frames of one recording as the networks see them.

    `times_s` and `observed` (whether the animal's position is known there) are by frame; `pictures` are JPEG, by view
    and frame.
    """

    recording: str
    times_s: list[float]
    observed: list[bool]
    pictures: list[list[bytes]]


def seen_recordings(audit: Audit, views: Sequence[NetworkView]) -> list[SeenRecording]:
    """Early frames of the first recordings whose video and poses can be read and fit; none where nothing is shown."""
    if not views:
        return []
    seen = (_seen(item, views) for item in audit.recordings[:MOST_RECORDINGS])
    return [recording for recording in seen if recording is not None]


def _seen(item: AuditedRecording, views: Sequence[NetworkView]) -> SeenRecording | None:
    video, centers = item.loaded.video, item.loaded.centers
    if video is None or centers is None or centers.n_frames != video.n_frames:
        return None
    frames = early_frames(views, video.fps, video.n_frames)
    try:
        pictures = shown_jpegs(views, video, centers, item.loaded.fitted, frames)
    except InputError:
        return None  # What is wrong with the video has been found.
    n_read = min(len(shown) for shown in pictures)
    shown = [int(frame) for frame in frames[:n_read]]
    return SeenRecording(
        item.id,
        [frame / video.fps for frame in shown],
        [bool(centers.observed[frame]) for frame in shown],
        [of_view[:n_read] for of_view in pictures],
    )
