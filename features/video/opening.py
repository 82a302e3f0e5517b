"""The one gate to FFmpeg: whatever opens a video opens it here, through PyAV, and nothing by OpenCV.

A file passes by its first bytes (`container_of`), and FFmpeg is told which demuxers and which protocol it may use, so
that no content and no name makes it open another file or ask a server.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
from av.container import InputContainer
from av.error import FFmpegError

from features.video.files import CONTAINERS, container_of, unopenable

_ALLOWED = {
    "protocol_whitelist": "file",
    "format_whitelist": ",".join(demuxer for container in CONTAINERS for demuxer in container.demuxers),
}


@contextmanager
def opened_container(path: Path) -> Iterator[InputContainer]:
    """Open a video by PyAV for a `with` block.

    Raises
    ------
    UnreadableVideoError
        When the file is missing, empty, a folder, none of ``CONTAINERS``, or damaged so that FFmpeg doesn't open it.
    """
    container_of(path)
    try:
        # Without an absolute path FFmpeg could take a name such as `concat:a` for a protocol.
        container = av.open(str(path.absolute()), options=_ALLOWED)
    except (OSError, ValueError, FFmpegError):
        raise unopenable(path) from None
    with container:
        yield container
