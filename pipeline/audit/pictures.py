"""What the networks of an experiment would be shown of the first recordings: does the crop fit the animal?"""

from collections.abc import Sequence
from typing import NamedTuple

from common.errors import InputError
from features.sources.contact_sheet import sheet_frames, sheet_jpegs
from features.sources.views import NetworkView
from pipeline.audit.recording import Audit, AuditedRecording

MOST_RECORDINGS = 12
"""Each costs the time of some decoded frames, and room on the page."""


class SeenRecording(NamedTuple):
    """Frames of one recording as the networks see them.

    `times_s` and `observed` (whether the animal's position is known there) are by frame; `pictures` are JPEG, by view
    and frame, None where one can't be decoded.
    """

    recording: str
    times_s: list[float]
    observed: list[bool]
    pictures: list[list[bytes | None]]


def seen_recordings(audit: Audit, views: Sequence[NetworkView]) -> list[SeenRecording]:
    """Contact sheets of the first recordings whose video and poses can be read and fit; none where nothing is shown."""
    if not views:
        return []
    seen = (_seen(item, views) for item in audit.recordings[:MOST_RECORDINGS])
    return [recording for recording in seen if recording is not None]


def _seen(item: AuditedRecording, views: Sequence[NetworkView]) -> SeenRecording | None:
    video, centers = item.loaded.video, item.loaded.centers
    if video is None or centers is None or centers.n_frames != video.n_frames:
        return None
    try:
        shown = sheet_frames(views, video, centers)
        pictures = sheet_jpegs(views, video, centers, item.loaded.fitted, shown)
    except InputError:
        return None  # What is wrong with the video, or with crops of it, was found when it was read.
    return SeenRecording(
        item.id,
        [frame / video.fps for frame in shown.tolist()],
        [bool(centers.observed[frame]) for frame in shown],
        pictures,
    )
