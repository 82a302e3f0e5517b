"""What a video holds: all of its frames are decoded once, counted and measured, and the outcome is remembered."""

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from filelock import FileLock
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from common.files import replace_bytes, sha256_of
from features.video.files import UnreadableVideoError, check_video_file
from features.video.quality import QUALITY_VERSION, QualityMeter, VideoQuality
from features.video.reading import READING_VERSION, iter_frames, require_rate
from features.video.survey import survey_video

log = logging.getLogger(__name__)

VIDEO_INDEX = "videos.json"
"""Name of the file in the cache's folder in which outcomes are kept."""
TOLERATED_HEADER_EXCESS = 3
"""A header may promise this many frames more than there are without it meaning anything."""
_PROGRESS_FRAMES = 25


Runs = tuple[tuple[int, int], ...]
"""Stretches of frames [start, stop), in order."""


@dataclass(frozen=True)
class VideoInfo:
    """What one video file holds.

    `fps_header`, `codec` and `n_frames_header` (0 when it says nothing) are the header's; `fps` is that too unless the
    user gave one (`is_fps_given`, which may be the same); `fps_codec` is what the codec's own header says (0 =
    nothing). There are `n_frames`, each of `width_px` by `height_px` after the rotation that the file asks for; of
    these `lost` can't be decoded and show the picture of another one, `faulty` ones are decoded from spoiled data.
    `n_hidden` further ones are hidden by an edit list, `n_cut` were cut off from before the last ones. `container` is
    one of ``features.video.files.CONTAINERS``; `sha256` is the whole file's.
    """

    path: Path
    fps: float
    is_fps_given: bool
    fps_header: float
    fps_codec: float
    n_frames: int
    n_frames_header: int
    width_px: int
    height_px: int
    codec: str
    container: str
    lost: Runs
    faulty: Runs
    n_hidden: int
    n_cut: int
    sha256: str
    quality: VideoQuality

    @property
    def seen(self) -> NDArray[np.bool_]:
        """Shape (n_frames,): False where the picture is not the frame's own, or spoiled."""
        seen = np.ones(self.n_frames, dtype=bool)
        for start, stop in (*self.lost, *self.faulty):
            seen[start:stop] = False
        return seen

    @property
    def n_missing_frames(self) -> int:
        """Frames that the header promises and that can't be decoded; 0 where it is off by no more than usual.

        A header that reckons with a constant rate promises more frames than a video of variable rate has: where
        the frames' time stamps reach to the promised end, nothing is missing.
        """
        times = self.quality.times
        n_reached = self.n_frames if times is None else max(self.n_frames, round(times.span_s * self.fps_header) + 1)
        n_missing = self.n_frames_header - self.n_hidden - n_reached
        return n_missing if n_missing > TOLERATED_HEADER_EXCESS else 0


def inspect_video(
    path: Path,
    index_path: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
    fps: float | None = None,
) -> VideoInfo:
    """Count a video's frames by decoding them, measure what they are like, and hash the file.

    In the JSON file `index_path` the outcome is kept, so that an unchanged file (same path, size and time of change)
    is not decoded again; it is made when absent, ignored when damaged. `progress` is called with frames done and
    frames promised by the header, and not for a video that is remembered. `fps` is what the user says instead of the
    header.

    Raises
    ------
    InputError
        When the file is missing, empty, no video, without frames, or has no usable frame rate.
    """
    key = _index_key(path) | {"fps_given": fps}
    remembered = _recall(index_path, key) if index_path is not None else None
    if remembered is not None:
        return replace(remembered, path=path)
    video = _inspect(path, progress or (lambda done, total: None), fps)
    if index_path is not None:
        _remember(index_path, key, video)
    return video


def is_remembered(path: Path, index_path: Path, fps: float | None = None) -> bool:
    """Whether `inspect_video` would not decode; parameters and errors as there."""
    return _recall(index_path, _index_key(path) | {"fps_given": fps}) is not None


def _inspect(path: Path, progress: Callable[[int, int], None], fps_given: float | None) -> VideoInfo:
    """Decode all frames once, measure them, and hash the file."""
    meter = QualityMeter()
    survey = survey_video(path)
    header = survey.header
    lost: list[int] = []
    faulty: list[int] = []
    height_px, width_px = 0, 0
    for frame in iter_frames(path):
        if meter.n_frames == 0:
            width_px, height_px = frame.picture.size_px
        meter.add(frame.picture, frame.time_s, is_own=not frame.is_lost)
        lost += [frame.number] * frame.is_lost
        faulty += [frame.number] * frame.is_faulty
        if meter.n_frames % _PROGRESS_FRAMES == 0:
            progress(meter.n_frames, max(header.n_frames, meter.n_frames))
    if meter.n_frames == 0:
        raise UnreadableVideoError(
            f"No frame of {path} can be decoded, though it looks like a video (codec {header.codec}). "
            "Does it play in a video player? If it does, re-encode it, for example as H.264 in an .mp4."
        )
    fps = fps_given or header.fps
    require_rate(path, fps)
    return VideoInfo(
        path=path,
        fps=fps,
        is_fps_given=fps_given is not None,
        fps_header=header.fps,
        fps_codec=header.fps_codec,
        n_frames=meter.n_frames,
        n_frames_header=header.n_frames,
        width_px=width_px,
        height_px=height_px,
        codec=header.codec,
        container=survey.container.name,
        lost=_runs(lost),
        faulty=_runs(faulty),
        n_hidden=survey.n_hidden,
        n_cut=survey.n_cut,
        sha256=sha256_of(path),
        quality=meter.quality(fps, survey.container.has_times),
    )


def _runs(numbers: list[int]) -> Runs:
    """Stretches of frames from their numbers, which increase."""
    edges = np.flatnonzero(np.diff(numbers) != 1) + 1
    return tuple((int(run[0]), int(run[-1]) + 1) for run in np.split(np.array(numbers, dtype=int), edges) if len(run))


_VIDEO = TypeAdapter(VideoInfo)


def _index_key(path: Path) -> dict[str, Any]:
    """What must be equal for a remembered outcome to hold: another PyAV may decode otherwise."""
    check_video_file(path)
    status = path.stat()
    return {
        "path": str(path.resolve()),
        "size": status.st_size,
        "mtime_ns": status.st_mtime_ns,
        "opencv": cv2.__version__,
        "av": av.__version__,
        "reading_version": READING_VERSION,
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
            replace_bytes(index_path, json.dumps(entries, ensure_ascii=False).encode("utf-8"))
    except OSError as error:
        log.warning("The index of videos %s can't be written (%s).", index_path, error)
