"""What a video holds: all of its frames are decoded once, counted and measured, and the outcome is remembered.

Where packets leave no doubt what will come out, that may wait until frames are decoded for something else.
"""

import json
import logging
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from common.files import replace_bytes, sha256_of
from common.locks import lock_at
from features.video.files import UnreadableVideoError, check_video_file, container_named
from features.video.pictures import Converter
from features.video.quality import NOT_LOOKED_AT, QUALITY_VERSION, QualityMeter, VideoQuality, measure_times
from features.video.reading import READING_VERSION, DecodedFrame, glance, iter_frames, require_rate
from features.video.survey import Survey, survey_video

log = logging.getLogger(__name__)

VIDEO_INDEX = "videos.json"
"""Name of the file in the cache's folder in which outcomes are kept."""
TOLERATED_HEADER_EXCESS = 3
"""A header may promise this many frames more than there are without it meaning anything."""
_PROGRESS_FRAMES = 25
_FRAMES_BEHIND = 8
"""So many wait to be measured while others are decoded."""


Runs = tuple[tuple[int, int], ...]
"""Stretches of frames [start, stop), in order."""


class NotAsPromisedError(UnreadableVideoError):
    """Decoding gives other frames than a video's packets promise."""


@dataclass(frozen=True)
class Awaited:
    """Where the outcome of decoding is to be remembered, and for which file."""

    index_path: Path
    key: dict[str, Any]


@dataclass(frozen=True)
class VideoInfo:
    """What one video file holds.

    `fps_header`, `codec` and `n_frames_header` (0 when it says nothing) are the header's; `fps` is that too unless the
    user gave one (`is_fps_given`, which may be the same); `fps_codec` is what the codec's own header says (0 =
    nothing). There are `n_frames`, each of `width_px` by `height_px` after the rotation that the file asks for; of
    these `lost` can't be decoded and show the picture of another one, `faulty` ones are decoded from spoiled data.
    `n_hidden` further ones are hidden by an edit list, `n_cut` were cut off from before the last ones. `container` is
    one of ``features.video.files.CONTAINERS``; `sha256` is the whole file's. `awaited`: where nothing was decoded yet,
    so that all this is what the packets promise, and of `quality` only the times are known; else None.
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
    awaited: Awaited | None = None

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

    def frames(self) -> Iterator[DecodedFrame]:
        """All frames in order. Where they are awaited they are measured as they pass by, and then remembered.

        Raises
        ------
        NotAsPromisedError
            Before the first frame that is not as promised, or where there are fewer.
        UnreadableVideoError
            As ``features.video.reading.iter_frames``.
        """
        if self.awaited is None:
            yield from iter_frames(self.path)
            return
        inspection, n_done = _Inspection(), 0
        # Another recording of the same video may have been there before.
        is_known = _recall(self.awaited.index_path, self.awaited.key) is not None
        with ThreadPoolExecutor(1, "inspection") as thread:
            waiting: deque[Future[None]] = deque()
            for n_done, frame in enumerate(iter_frames(self.path), start=1):
                is_sound = not (frame.is_lost or frame.is_faulty) and n_done <= self.n_frames
                if not is_sound or frame.picture.size_px != (self.width_px, self.height_px):
                    raise self._broken()
                if not is_known:
                    waiting.append(thread.submit(inspection.add, inspection.own(frame)))
                if len(waiting) > _FRAMES_BEHIND:
                    waiting.popleft().result()
                yield frame
            for measured in waiting:
                measured.result()
        if n_done < self.n_frames:
            raise self._broken()
        if not is_known:
            _remember(self.awaited.index_path, self.awaited.key, inspection.complete(replace(self, awaited=None)))

    def _broken(self) -> NotAsPromisedError:
        return NotAsPromisedError(f"Decoding {self.path} gives other frames than its packets promise. Run it again.")


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


def expect_video(path: Path, index_path: Path, fps: float | None = None) -> VideoInfo | None:
    """What is remembered of a video, or what its packets promise; None where it must be decoded first.

    Parameters as `inspect_video` takes them; errors as there, of what shows without decoding.
    """
    key = _index_key(path) | {"fps_given": fps}
    remembered = _recall(index_path, key)
    if remembered is not None:
        return replace(remembered, path=path)
    promised = _promised(path.absolute(), key["size"], key["mtime_ns"], fps)
    return None if promised is None else replace(promised, path=path, awaited=Awaited(index_path, key))


@lru_cache(maxsize=1024)
def _promised(path: Path, n_bytes: int, mtime_ns: int, fps_given: float | None) -> VideoInfo | None:
    """What packets promise where nothing is suspect: frames in equal steps, as many as the header says."""
    survey = survey_video(path)
    stamps_s, header = survey.stamps_s, survey.header
    is_suspect = survey.is_suspect or len(survey.torn_ids) or survey.n_hidden or survey.n_cut
    if is_suspect or not survey.container.has_times or not len(stamps_s) == survey.n_shown == header.n_frames:
        return None
    require_rate(path, fps_given or header.fps)
    times, first = measure_times(stamps_s, fps_given or header.fps), next(glance(path), None)
    if times is None or times.is_variable or (np.diff(stamps_s) <= 0).any() or first is None:
        return None
    width_px, height_px = first[1].size_px
    return replace(
        _as_packets_say(path, survey, fps_given),
        width_px=width_px,
        height_px=height_px,
        sha256=sha256_of(path),
        quality=replace(NOT_LOOKED_AT, times=times),
    )


def _inspect(path: Path, progress: Callable[[int, int], None], fps_given: float | None) -> VideoInfo:
    """Decode all frames once, measure them, and hash the file."""
    survey = survey_video(path)
    inspection = _Inspection()
    for n_done, frame in enumerate(iter_frames(path), start=1):
        inspection.add(frame)
        if n_done % _PROGRESS_FRAMES == 0:
            progress(n_done, max(survey.header.n_frames, n_done))
    return replace(inspection.complete(_as_packets_say(path, survey, fps_given)), sha256=sha256_of(path))


def _as_packets_say(path: Path, survey: Survey, fps_given: float | None) -> VideoInfo:
    """What is known before a frame is decoded and the file is hashed."""
    header = survey.header
    return VideoInfo(
        path=path,
        fps=fps_given or header.fps,
        is_fps_given=fps_given is not None,
        fps_header=header.fps,
        fps_codec=header.fps_codec,
        n_frames=survey.n_shown,
        n_frames_header=header.n_frames,
        width_px=0,
        height_px=0,
        codec=header.codec,
        container=survey.container.name,
        lost=(),
        faulty=(),
        n_hidden=survey.n_hidden,
        n_cut=survey.n_cut,
        sha256="",
        quality=NOT_LOOKED_AT,
    )


class _Inspection:
    """Takes a video's frames in order and measures them."""

    def __init__(self) -> None:
        self._meter, self._converter = QualityMeter(), Converter()
        self._lost: list[int] = []
        self._faulty: list[int] = []
        self._size_px = 0, 0

    def own(self, frame: DecodedFrame) -> DecodedFrame:
        """A frame that may be added in another thread."""
        return frame._replace(picture=frame.picture.by(self._converter))

    def add(self, frame: DecodedFrame) -> None:
        """Take the next frame."""
        if self._meter.n_frames == 0:
            self._size_px = frame.picture.size_px
        self._meter.add(frame.picture, frame.time_s, is_own=not frame.is_lost)
        self._lost += [frame.number] * frame.is_lost
        self._faulty += [frame.number] * frame.is_faulty

    def complete(self, video: VideoInfo) -> VideoInfo:
        """Put in what was found, after the last frame.

        Raises
        ------
        UnreadableVideoError
            When there was no frame, or no usable frame rate is known.
        """
        if self._meter.n_frames == 0:
            raise UnreadableVideoError(
                f"No frame of {video.path} can be decoded, though it looks like a video (codec {video.codec}). "
                "Does it play in a video player? If it does, re-encode it, for example as H.264 in an .mp4."
            )
        require_rate(video.path, video.fps)
        return replace(
            video,
            n_frames=self._meter.n_frames,
            width_px=self._size_px[0],
            height_px=self._size_px[1],
            lost=_runs(self._lost),
            faulty=_runs(self._faulty),
            quality=self._meter.quality(video.fps, container_named(video.container).has_times),
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
        log.warning("The index of videos %s is not readable (%s) and is made again.", index_path, error)
        return {}
    return entries if isinstance(entries, dict) else {}


def _remember(index_path: Path, key: dict[str, Any], video: VideoInfo) -> None:
    """Add one outcome to the index; several processes may do so at once."""
    try:
        index_path.parent.mkdir(parents=True, exist_ok=True)
        with lock_at(index_path.with_name(index_path.name + ".lock")):
            entries = _read_index(index_path)
            entries[key["path"]] = key | _VIDEO.dump_python(video, by_alias=True, exclude={"path", "awaited"})
            replace_bytes(index_path, json.dumps(entries, ensure_ascii=False).encode("utf-8"))
    except OSError as error:
        log.warning("The index of videos %s can't be written (%s).", index_path, error)
