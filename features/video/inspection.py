"""What a video holds: all of its frames are decoded once, counted and measured, and the outcome is remembered."""

import json
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from filelock import FileLock
from pydantic import TypeAdapter, ValidationError

from common.files import replace_bytes, sha256_of
from features.video.files import UnreadableVideoError, check_video_file
from features.video.opening import opened_capture
from features.video.quality import QUALITY_VERSION, QualityMeter, VideoQuality
from features.video.reading import MAX_FPS, read_header, undecodable

log = logging.getLogger(__name__)

VIDEO_INDEX = "videos.json"
"""Name of the file in the cache's folder in which outcomes are kept."""
TOLERATED_HEADER_EXCESS = 3
"""A header may promise this many frames more than there are without it meaning anything."""
_PROGRESS_FRAMES = 25


@dataclass(frozen=True)
class VideoInfo:
    """What one video file holds.

    `fps`, the four-letter `codec` and `n_frames_header` (0 when it says nothing) are the header's; `n_frames` can be
    decoded, each of `width_px` by `height_px` after the rotation that the file asks for; `sha256` is the whole file's.
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

    In the JSON file `index_path` the outcome is kept, so that an unchanged file (same path, size and time of change)
    is not decoded again; it is made when absent, ignored when damaged. `progress` is called with frames done and
    frames promised by the header, and not for a video that is remembered.

    Raises
    ------
    InputError
        When the file is missing, empty, no video, without frames, or has no usable frame rate.
    """
    key = _index_key(path)
    remembered = _recall(index_path, key) if index_path is not None else None
    if remembered is not None:
        return replace(remembered, path=path)
    video = _inspect(path, progress or (lambda done, total: None))
    if index_path is not None:
        _remember(index_path, key, video)
    return video


def _inspect(path: Path, progress: Callable[[int, int], None]) -> VideoInfo:
    """Decode all frames once, measure them, and hash the file."""
    meter = QualityMeter()
    with opened_capture(path) as capture:
        fps, n_frames_header, codec = read_header(capture)
        height_px, width_px = 0, 0
        while capture.grab():
            decoded, frame = capture.retrieve()
            if not decoded:
                if meter.n_frames == 0:
                    break
                raise undecodable(path, meter.n_frames)
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
    size_px = (width_px, height_px)
    return VideoInfo(path, fps, meter.n_frames, n_frames_header, *size_px, codec, sha256_of(path), meter.quality(fps))


_VIDEO = TypeAdapter(VideoInfo)


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


def _recall(index_path: Path, key: dict[str, Any]) -> VideoInfo | None:
    """The outcome for this very file; None also where it is damaged, or of an earlier version that measured less."""
    entry = _read_index(index_path).get(key["path"])
    if not isinstance(entry, dict) or any(entry.get(name) != value for name, value in key.items()):
        return None
    try:
        return _VIDEO.validate_json(json.dumps(entry), strict=True)
    except ValidationError:
        return None


def _read_index(index_path: Path) -> dict[str, Any]:
    """Remembered outcomes by path; none when the file is absent or damaged."""
    try:
        entries = json.loads(index_path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        log.warning("The index of videos %s is not readable (%s) and is made anew.", index_path, error)
        return {}
    return entries if isinstance(entries, dict) else {}


def _remember(index_path: Path, key: dict[str, Any], video: VideoInfo) -> None:
    """Add one outcome to the index; several processes may do so at once."""
    try:
        index_path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(index_path.with_name(index_path.name + ".lock")):
            entries = _read_index(index_path)
            entries[key["path"]] = key | _VIDEO.dump_python(video, by_alias=True, exclude={"path"})
            replace_bytes(index_path, json.dumps(entries, indent=1, ensure_ascii=False).encode("utf-8"))
    except OSError as error:
        log.warning("The index of videos %s can't be written (%s).", index_path, error)
