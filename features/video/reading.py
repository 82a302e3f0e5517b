"""Video files: what is in them, and their frames in order.

Frames are decoded from the first to the last and counted; the header's frame count is only
compared, and nothing ever seeks, since both are inexact. A rotation that the file asks for
(phones write one) is applied, as OpenCV does by default: sizes and coordinates are those of
the frames as a player, or DeepLabCut, shows them.
"""

import hashlib
import json
import logging
import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from filelock import FileLock
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from common.errors import InputError
from features.video.quality import QUALITY_VERSION, QualityMeter, VideoQuality

log = logging.getLogger(__name__)

# FFmpeg writes its own remarks on damaged files to the terminal, between progress bars; ours say it in words.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")

MAX_FPS = 2000.0
TOLERATED_HEADER_EXCESS = 3
"""A header may promise this many frames more than there are without it meaning anything."""
_PROGRESS_FRAMES = 25
TEXT_CODECS = ("ansi", "bintext", "xbin", "idf")
"""What FFmpeg makes of text files: a film of the text."""


class UnreadableVideoError(InputError):
    """A video that isn't there, may not be read or can't be decoded; others may be read all the same."""


@dataclass(frozen=True)
class VideoInfo:
    """What one video file holds.

    Attributes
    ----------
    path : Path
        As it was given.
    fps : float
        Frames per second, from the header.
    n_frames : int
        Frames that can be decoded.
    n_frames_header : int
        Frames that the header promises; 0 when it says nothing.
    width_px, height_px : int
        Size of a decoded frame, after the rotation that the file asks for.
    codec : str
        Four-letter code, such as "h264".
    sha256 : str
        Hash of the whole file, in hexadecimal.
    quality : VideoQuality
        What the frames are like: times, repeats, brightness.
    """

    path: Path
    fps: float
    n_frames: int
    n_frames_header: int
    width_px: int
    height_px: int
    codec: str
    sha256: str
    quality: VideoQuality

    @property
    def n_missing_frames(self) -> int:
        """Frames that the header promises and that can't be decoded; 0 where it is off by no more than usual.

        A header that reckons with a constant rate promises more frames than a video of variable rate has: where
        the frames' time stamps reach to the promised end, nothing is missing.
        """
        times = self.quality.times
        n_reached = self.n_frames if times is None else max(self.n_frames, round(times.span_s * self.fps) + 1)
        n_missing = self.n_frames_header - n_reached
        return n_missing if n_missing > TOLERATED_HEADER_EXCESS else 0


def inspect_video(
    path: Path, index_path: Path | None = None, progress: Callable[[int, int], None] | None = None
) -> VideoInfo:
    """Count a video's frames by decoding them, measure what they are like, and hash the file.

    Parameters
    ----------
    path : Path
        The video.
    index_path : Path, optional
        A JSON file in which the outcome is kept, so that an unchanged file (same path, size and
        time of change) is not decoded again. Made when absent, ignored when damaged.
    progress : callable, optional
        Called with frames done and frames promised by the header; not for a video that is remembered.

    Returns
    -------
    VideoInfo

    Raises
    ------
    InputError
        When the file is missing, empty, no video, without frames, or has no usable frame rate.
    """
    key = _index_key(path)
    entry = _read_index(index_path).get(key["path"]) if index_path is not None else None
    if entry is not None and all(entry.get(name) == value for name, value in key.items()):
        remembered = {name: entry[name] for name in _REMEMBERED}
        return VideoInfo(path=path, **remembered, quality=_QUALITY.validate_python(entry["quality"]))
    video = _inspect(path, progress or (lambda done, total: None))
    if index_path is not None:
        _remember(index_path, key, video)
    return video


def iter_frames(path: Path, frame_step: int = 1) -> Iterator[NDArray[np.uint8]]:
    """Decode a video in order.

    Parameters
    ----------
    path : Path
        The video.
    frame_step : int
        Yield frames 0, frame_step, 2 * frame_step, ...; those between are decoded and dropped.

    Yields
    ------
    ndarray, shape (height, width, 3), uint8
        RGB.

    Raises
    ------
    InputError
        As ``inspect_video``.
    """
    for frame in iter_bgr_frames(path, frame_step):
        yield cv2.cvtColor(frame, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)


def iter_bgr_frames(path: Path, frame_step: int = 1, first_frame: int = 0) -> Iterator[NDArray[np.uint8]]:
    """Decode a video in order, channels as OpenCV has them: blue, green, red.

    For callers that cut a small part out of each frame and reorder only that. Yields frames
    ``first_frame``, ``first_frame + frame_step``, ...; nothing is skipped without being decoded.
    """
    if frame_step < 1:
        raise ValueError(f"frame_step must be at least 1, got {frame_step}")
    with _opened(path) as capture:
        frame_number = 0
        while capture.grab():
            if frame_number >= first_frame and (frame_number - first_frame) % frame_step == 0:
                decoded, frame = capture.retrieve()
                if not decoded:
                    raise _undecodable(path, frame_number)
                yield frame.astype(np.uint8, copy=False)
            frame_number += 1


@contextmanager
def _opened(path: Path) -> Iterator[cv2.VideoCapture]:
    """Open a video, or say in one paragraph why it can't be."""
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
        if not capture.isOpened() or _codec_name(int(capture.get(cv2.CAP_PROP_FOURCC))) in TEXT_CODECS:
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


def _inspect(path: Path, progress: Callable[[int, int], None]) -> VideoInfo:
    """Decode all frames once, measure them, and hash the file."""
    meter = QualityMeter()
    with _opened(path) as capture:
        fps = float(capture.get(cv2.CAP_PROP_FPS))
        header = capture.get(cv2.CAP_PROP_FRAME_COUNT)
        n_frames_header = int(header) if math.isfinite(header) and header > 0 else 0
        codec = _codec_name(int(capture.get(cv2.CAP_PROP_FOURCC)))
        height_px, width_px = 0, 0
        while capture.grab():
            decoded, frame = capture.retrieve()
            if not decoded:
                if meter.n_frames == 0:
                    break
                raise _undecodable(path, meter.n_frames)
            if meter.n_frames == 0:
                height_px, width_px = frame.shape[:2]
            meter.add(frame.astype(np.uint8, copy=False), capture.get(cv2.CAP_PROP_POS_MSEC) / 1000)
            if meter.n_frames % _PROGRESS_FRAMES == 0:
                progress(meter.n_frames, max(n_frames_header, meter.n_frames))
    if meter.n_frames == 0:
        raise UnreadableVideoError(
            f"No frame of {path} can be decoded, though it looks like a video (codec {codec}). "
            "Does it play in a video player? If it does, re-encode it, for example as H.264 in an .mp4."
        )
    if not (math.isfinite(fps) and 0 < fps <= MAX_FPS):
        raise UnreadableVideoError(
            f"The header of {path} gives {fps:g} frames per second; expected more than 0 and at most "
            f"{MAX_FPS:g}. Times can't be told from frames without it: re-encode the video with its true "
            "frame rate."
        )
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    quality = meter.quality(fps)
    return VideoInfo(path, fps, meter.n_frames, n_frames_header, width_px, height_px, codec, sha256, quality)


def _undecodable(path: Path, frame_number: int) -> UnreadableVideoError:
    return UnreadableVideoError(
        f"Frame {frame_number} of {path} can't be decoded. Does the file play to its end "
        "in a video player? If not, copy it anew from its source or re-encode it."
    )


def _codec_name(fourcc: int) -> str:
    letters = "".join(chr((fourcc >> shift) & 0xFF) for shift in (0, 8, 16, 24))
    return letters.strip() if letters.strip().isprintable() else f"0x{fourcc:08x}"


_QUALITY = TypeAdapter(VideoQuality)
_REMEMBERED = ("fps", "n_frames", "n_frames_header", "width_px", "height_px", "codec", "sha256")


def _index_key(path: Path) -> dict[str, Any]:
    """What must be equal for a remembered outcome to hold: another OpenCV may decode otherwise."""
    check_video_file(path)
    status = path.stat()
    return {
        "path": str(path.resolve()),
        "size": status.st_size,
        "mtime_ns": status.st_mtime_ns,
        "opencv": cv2.__version__,
        "quality_version": QUALITY_VERSION,
    }


def _read_index(index_path: Path) -> dict[str, dict[str, Any]]:
    """Remembered outcomes by path; none when the file is absent or damaged."""
    try:
        entries = json.loads(index_path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        log.warning("The index of videos %s is not readable (%s) and is made anew.", index_path, error)
        return {}
    if not isinstance(entries, dict):
        return {}
    return {path: entry for path, entry in entries.items() if _is_whole(entry)}


def _is_whole(entry: object) -> bool:
    if not isinstance(entry, dict):
        return False
    numbers = ("fps", "n_frames", "n_frames_header", "width_px", "height_px")
    if not all(type(entry.get(name)) in (int, float) for name in numbers):
        return False
    try:
        # Entries of earlier versions have none: such a video is decoded once more.
        _QUALITY.validate_python(entry.get("quality"))
    except ValidationError:
        return False
    return all(isinstance(entry.get(name), str) for name in ("codec", "sha256"))


def _remember(index_path: Path, key: dict[str, Any], video: VideoInfo) -> None:
    """Add one outcome to the index; several processes may do so at once."""
    outcome = {name: value for name, value in asdict(video).items() if name in (*_REMEMBERED, "quality")}
    try:
        index_path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(index_path.with_name(index_path.name + ".lock")):
            entries = _read_index(index_path)
            entries[key["path"]] = key | outcome
            unfinished = index_path.with_name(index_path.name + ".unfinished")
            unfinished.write_text(json.dumps(entries, indent=1, ensure_ascii=False), encoding="utf-8")
            unfinished.replace(index_path)
    except OSError as error:
        log.warning("The index of videos %s can't be written (%s).", index_path, error)
