"""The one gate to FFmpeg: whatever opens a video, through OpenCV or PyAV, opens it here.

A file passes by its first bytes (`container_of`), and FFmpeg is told which demuxers and which protocol it may use, so
that no content and no name makes it open another file or ask a server.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import cv2
from av.container import InputContainer
from av.error import FFmpegError

from features.video.files import CONTAINERS, container_of, unopenable

_ALLOWED = {
    "protocol_whitelist": "file",
    "format_whitelist": ",".join(demuxer for container in CONTAINERS for demuxer in container.demuxers),
}

# FFmpeg writes its own remarks on damaged files to the terminal, between progress bars; ours say it in words.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
_OPTIONS = "OPENCV_FFMPEG_CAPTURE_OPTIONS"
_ENFORCED = "|".join(f"{name};{value}" for name, value in _ALLOWED.items())
_asked = os.environ.get(_OPTIONS, "")
if not _asked.endswith(_ENFORCED):  # as it does in a process that another one of ours has started
    # Of what is said twice FFmpeg takes the last word.
    os.environ[_OPTIONS] = f"{_asked}|{_ENFORCED}" if _asked else _ENFORCED


@contextmanager
def opened_capture(path: Path) -> Iterator[cv2.VideoCapture]:
    """Open a video by OpenCV for a `with` block.

    Raises
    ------
    UnreadableVideoError
        When the file is missing, empty, a folder, none of ``CONTAINERS``, or OpenCV doesn't open it.
    """
    container_of(path)
    # Its warnings on a file that doesn't open say less than our errors.
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
    try:
        # Other backends open still images and series of them, and count differently. Without an absolute path
        # FFmpeg could take a name such as `concat:a` for a protocol.
        capture = cv2.VideoCapture(str(path.absolute()), cv2.CAP_FFMPEG)
    finally:
        cv2.utils.logging.setLogLevel(level)
    try:
        if not capture.isOpened():
            raise unopenable(path)
        yield capture
    finally:
        capture.release()


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
        container = av.open(str(path.absolute()), options=_ALLOWED)
    except (OSError, ValueError, FFmpegError):
        raise unopenable(path) from None
    with container:
        yield container
