"""A contact sheet of each recording: what the networks are shown of a few frames that are spread over it."""

import logging
from collections.abc import Sequence

from common.errors import InputError
from common.files import write_bytes
from common.pictures import jpeg_bytes
from features.sources.contact_sheet import as_one_picture, sheet_frames, sheet_pictures
from features.sources.views import NetworkView
from pipeline.dataset.load import CheckedRecording
from pipeline.run_folder.run_dir import RunDir

log = logging.getLogger(__name__)

MOST_RECORDINGS = 24
"""Each costs the time of some decoded frames, and room on the page."""


def cut_contact_sheets(run: RunDir, checked: Sequence[CheckedRecording], views: Sequence[NetworkView]) -> None:
    """Cut a sheet of each of the first recordings into a run's folder; none where no network looks at a video.

    Raises
    ------
    InputError
        When the folder can't be written.
    """
    for item in [item for item in checked if views and item.video and item.centers][:MOST_RECORDINGS]:
        assert item.video is not None and item.centers is not None
        try:
            frames = sheet_frames(views, item.video, item.centers)
            picture = as_one_picture(sheet_pictures(views, item.video, item.centers, item.animals, frames))
        except InputError as error:
            log.debug("%s has no contact sheet: %s", item.id, error)
            continue
        write_bytes(run.contact_sheet_path(item.id), jpeg_bytes(picture))
