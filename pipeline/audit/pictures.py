"""What the networks of an experiment would be shown of the recordings: does the crop fit the animal?"""

from collections.abc import Sequence
from typing import NamedTuple

from common.errors import InputError
from features.sources.contact_sheet import sheet_frames, sheet_jpegs
from features.sources.views import NetworkView
from pipeline.audit.recording import Audit, AuditedRecording

MOST_RECORDINGS, MOST_MORE = 12, 100
"""Of the first ones several frames each, of so many more one: each costs time to decode, and room on the page."""


class SeenRecording(NamedTuple):
    """Frames of one recording as the networks see them.

    `times_s` and `observed` (whether the animal's position is known there) are by frame; `pictures` are JPEG, by view
    and frame, None where one can't be decoded. `is_one`: there are too many recordings to show more of this one.
    """

    recording: str
    times_s: list[float]
    observed: list[bool]
    pictures: list[list[bytes | None]]
    is_one: bool = False


def seen_recordings(audit: Audit, views: Sequence[NetworkView]) -> list[SeenRecording]:
    """Contact sheets of recordings whose video and poses can be read and fit; none where nothing is shown.

    Of those after the first `MOST_RECORDINGS` one frame each.
    """
    if not views:
        return []
    shown = audit.recordings[: MOST_RECORDINGS + MOST_MORE]
    seen = (_seen(item, views, is_one=place >= MOST_RECORDINGS) for place, item in enumerate(shown))
    return [recording for recording in seen if recording is not None]


def _seen(item: AuditedRecording, views: Sequence[NetworkView], is_one: bool) -> SeenRecording | None:
    video, centers = item.loaded.video, item.loaded.centers
    if video is None or centers is None or centers.n_frames != video.n_frames:
        return None
    try:
        shown = sheet_frames(views, video, centers)
        shown = shown[len(shown) // 2 :][:1] if is_one else shown
        pictures = sheet_jpegs(views, video, centers, item.loaded.fitted, shown)
    except InputError:
        return None  # What is wrong with the video, or with crops of it, was found when it was read.
    return SeenRecording(
        item.id,
        [frame / video.fps for frame in shown.tolist()],
        [bool(centers.observed[frame]) for frame in shown],
        pictures,
        is_one,
    )
