"""Video files: what their header says, and their frames in order.

Frames are decoded from the first to the last and counted; the header's frame count is only
compared, and nothing ever seeks, since both are inexact. A rotation that the file asks for
(phones write one) is applied, as OpenCV does by default: sizes and coordinates are those of
the frames as a player, or DeepLabCut, shows them.
"""

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from common.errors import InputError

# FFmpeg writes its own remarks on damaged files to the terminal, between progress bars; ours say it in words.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")

MIN_FPS, MAX_FPS = 0.01, 2000.0
TEXT_CODECS = ("ansi", "bintext", "xbin", "idf")
"""What FFmpeg makes of text files: a film of the text."""


class UnreadableVideoError(InputError):
    """A video that isn't there, may not be read or can't be decoded; others may be read all the same."""


class VideoHeader(NamedTuple):
    """What a video's header promises: `fps` may be no number, `n_frames` off by some, or 0 where it says nothing."""

    fps: float
    n_frames: int
    codec: str


def iter_bgr_frames(path: Path, frame_step: int = 1, first_frame: int = 0) -> Iterator[NDArray[np.uint8]]:
    """Decode a video in order, (height, width, 3) uint8, channels as OpenCV has them: blue, green, red.

    Frames ``first_frame``, ``first_frame + frame_step``, ... are yielded; those between are decoded and dropped.

    Raises
    ------
    UnreadableVideoError
        When the video can't be opened, or a frame of it can't be decoded.
    """
    with opened_video(path) as capture:
        frame_number = 0
        while capture.grab():
            if frame_number >= first_frame and (frame_number - first_frame) % frame_step == 0:
                decoded, frame = capture.retrieve()
                if not decoded:
                    raise undecodable(path, frame_number)
                yield frame.astype(np.uint8, copy=False)
            frame_number += 1


@contextmanager
def opened_video(path: Path) -> Iterator[cv2.VideoCapture]:
    """Open a video for a `with` block; every reading of a video by OpenCV begins here.

    Raises
    ------
    UnreadableVideoError
        When the file is missing, empty, a folder, or no video that FFmpeg reads.
    """
    check_video_file(path)
    has_ffmpeg = cv2.CAP_FFMPEG in cv2.videoio_registry.getBackends()
    # Other backends open still images and count differently; they are for builds without FFmpeg alone.
    # Its warnings on a file that doesn't open say less than the error below.
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
    try:
        capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG if has_ffmpeg else cv2.CAP_ANY)
    finally:
        cv2.utils.logging.setLogLevel(level)
    try:
        if not capture.isOpened() or read_header(capture).codec in TEXT_CODECS:
            if _lacks_index(path):
                raise UnreadableVideoError(
                    f"{path} was cut off: it has {path.stat().st_size:,} bytes of an MP4 or MOV, but not the index "
                    "('moov') that is written last, without which no frame can be found. The camera lost power, its "
                    "disk was full, or copying was interrupted. Copy it again from its source; if that lacks the index "
                    "too, a repair program can rebuild it from a whole video of the same camera."
                )
            raise UnreadableVideoError(
                f"{path} can't be opened as a video (it has {path.stat().st_size:,} bytes). Expected a file "
                "that FFmpeg reads, such as .mp4 or .avi. Does it play in a video player? A recording that "
                "was cut off while it was written often lacks its index and must be repaired or copied anew."
            )
        yield capture
    finally:
        capture.release()


def read_header(capture: cv2.VideoCapture) -> VideoHeader:
    """What the header of an opened video says."""
    n_frames = capture.get(cv2.CAP_PROP_FRAME_COUNT)
    return VideoHeader(
        float(capture.get(cv2.CAP_PROP_FPS)),
        int(n_frames) if math.isfinite(n_frames) and n_frames > 0 else 0,
        _codec_name(int(capture.get(cv2.CAP_PROP_FOURCC))),
    )


def _lacks_index(path: Path) -> bool:
    """Whether this begins as an MP4 or MOV and nowhere has the part `moov`; parts are a size and a name each."""
    with path.open("rb") as file:
        place, size = 0, path.stat().st_size
        if size < 8:  # Too short for even one part: of what kind it was, nobody can tell.
            return False
        while place + 8 <= size:
            file.seek(place)
            head = file.read(16)
            length, name = int.from_bytes(head[:4], "big"), head[4:8]
            if place == 0 and name not in (b"ftyp", b"wide", b"mdat", b"free", b"skip"):
                return False
            if name == b"moov":
                return False
            if length == 1:
                length = int.from_bytes(head[8:], "big")
            if length < 8:  # 0: to the end of the file
                return place > 0
            place += length
    return True


def is_there(path: Path) -> bool:
    """Whether there is such a file, as far as we may look."""
    try:
        return path.is_file()
    except OSError:  # Of a folder that may not be looked into.
        return False


def check_video_file(path: Path) -> None:
    """Raise unless there is a file that may be read; what is in it is not looked at.

    Raises
    ------
    UnreadableVideoError
        When it is missing, a folder, empty, or the system doesn't let us read it.
    """
    try:
        if not path.exists():
            raise UnreadableVideoError(
                f"There is no video at {path}. Check the column `video` of recordings.csv: "
                "paths are relative to that file's folder."
            )
        if not path.is_file():
            raise UnreadableVideoError(f"{path} is a folder, not a video. Name the video file itself.")
        with path.open("rb") as file:
            is_empty = not file.read(1)
    except OSError as error:
        raise UnreadableVideoError(
            f"The video {path} can't be read: {error.strerror or error}. Check that your user may read the file and "
            "its folder and that the disk or network share is connected, or copy the file to a place that is yours."
        ) from None
    if is_empty:
        raise UnreadableVideoError(f"The video {path} is empty (0 bytes). Copy it anew from its source.")


def undecodable(path: Path, frame_number: int) -> UnreadableVideoError:
    """The error for a frame that can't be decoded."""
    return UnreadableVideoError(
        f"Frame {frame_number} of {path} can't be decoded. Does the file play to its end "
        "in a video player? If not, copy it anew from its source or re-encode it."
    )


def _codec_name(fourcc: int) -> str:
    letters = "".join(chr((fourcc >> shift) & 0xFF) for shift in (0, 8, 16, 24))
    return letters.strip() if letters.strip().isprintable() else f"0x{fourcc:08x}"
