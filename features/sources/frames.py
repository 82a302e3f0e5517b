"""Stage one: a video and its center track become embeddings, computed once and cached.

A background thread decodes and crops while the network runs on the batches that are ready.
Finished chunks are committed as they come, so that an interrupted extraction goes on where it
stopped, with the very result of an uninterrupted one.
"""

import contextlib
import hashlib
import json
import logging
import shutil
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from filelock import BaseFileLock, Timeout
from numpy.typing import NDArray

from common.errors import InputError
from features.backbones.resolve import ResolvedBackbone
from features.cache.parts import PartFolder, parts_folder, remove_parts
from features.cache.store import (
    CACHE_VERSION,
    FeatureCache,
    cache_path,
    fingerprint,
    lock_of,
    read_cache,
    write_cache,
    writing_to,
)
from features.crops import crop_square, resize_crop
from features.prefetch import run_ahead
from features.tracks import CenterTrack
from features.video.reading import VideoInfo, iter_bgr_frames

log = logging.getLogger(__name__)

COMMIT_FRAMES = 256
"""About this many frames are lost at most when an extraction is killed."""
QUEUED_BATCHES = 4


class Engine(Protocol):
    """What runs the network; ``features.engines`` has the real ones."""

    batch_frames: int
    n_features: int
    description: str

    def embed(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Turn at most ``batch_frames`` crops into (n, n_features) embeddings."""


@dataclass(frozen=True)
class ExtractionSettings:
    """Settings of stage one that are not the backbone's.

    Attributes
    ----------
    crop_size_px : int
        Side of the crop, in pixels of the video frame.
    frame_step : int
        Frames 0, frame_step, 2 * frame_step, ... are analysed.
    precision : str
        ``float32``, ``mixed_float16`` or ``mixed_bfloat16``.
    batch_frames : int
        Crops per call of the network.
    seed : int
        Determines random weights.
    """

    crop_size_px: int
    frame_step: int = 1
    precision: str = "float32"
    batch_frames: int = 32
    seed: int = 0


def recipe_for(
    video: VideoInfo, centers: CenterTrack, resolved: ResolvedBackbone, settings: ExtractionSettings
) -> dict[str, Any]:
    """Collect all that determines the embeddings of one recording.

    Returns
    -------
    dict
        Fit for JSON; its hash is the cache's fingerprint. The seed is in it through the hash of
        random weights, and not where the weights come from a file.
    """
    config = resolved.config
    return {
        "cache_version": CACHE_VERSION,
        "video": {
            "sha256": video.sha256,
            "n_frames": video.n_frames,
            "width_px": video.width_px,
            "height_px": video.height_px,
        },
        "centers": {"xy_px": _hash(centers.xy_px, "<f8"), "observed": _hash(centers.observed, "?")},
        "crop": {"size_px": settings.crop_size_px, "border": "edge", "resize": "area or linear"},
        "frame_step": settings.frame_step,
        "backbone": {
            "name": config.name,
            **config.architecture,
            "input_px": config.network_input_px,
            "n_features": config.n_features,
            "preprocessing": config.preprocessing,
            "pooling": "global average",
            "weights_sha256": resolved.weights_sha256,
        },
        "precision": settings.precision,
        # The last bits of a sum can depend on the shape of the batch.
        "batch_frames": settings.batch_frames,
    }


def extract_features(
    recording: str,
    video: VideoInfo,
    centers: CenterTrack,
    resolved: ResolvedBackbone,
    settings: ExtractionSettings,
    cache_dir: Path,
    engine: Callable[[], Engine],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> FeatureCache:
    """Embed the analysed frames of one recording, or take them from the cache.

    Parameters
    ----------
    recording : str
        Its id, which names the cache file.
    video : VideoInfo
        As ``inspect_video`` found it.
    centers : CenterTrack
        One center per video frame; frames that were not observed are embedded all the same.
    resolved : ResolvedBackbone
        Network and weights.
    settings : ExtractionSettings
        Crop, frame step, precision, batches.
    cache_dir : Path
        Folder of the caches; made when absent.
    engine : callable without arguments
        Builds what runs the network. Called only when something is to be computed, so a complete
        cache costs no TensorFlow; return the same engine each time to share it.
    progress : callable
        Called with (frames done, frames in all), also once before the first batch.

    Returns
    -------
    FeatureCache

    Raises
    ------
    InputError
        When center track and video differ in length, the video can't be decoded as before, or
        the folder can't be written (read-only, disk full).
    """
    if centers.n_frames != video.n_frames:
        raise InputError(
            f"Recording {recording}: its video {video.path.name} has {video.n_frames} frames, but its center "
            f"track has {centers.n_frames}. They must be equal: was the pose tracked in this very video?"
        )
    recipe = recipe_for(video, centers, resolved, settings)
    path = cache_path(cache_dir, recording, fingerprint(recipe))
    cached = read_cache(path, fingerprint(recipe))
    if cached is None:
        with writing_to(cache_dir):
            cache_dir.mkdir(parents=True, exist_ok=True)
            lock = _take_turn(path, recording)
        try:
            # Another process may have finished it while this one waited.
            cached = read_cache(path, fingerprint(recipe))
            if cached is None:
                job = _Job(recording, video, centers, resolved, settings, recipe, path)
                cached = job.run(engine(), progress)
        finally:
            lock.release()
    elif parts_folder(path).exists():
        _clear_away(path)
    progress(len(cached.frames), len(cached.frames))
    return cached


@dataclass(frozen=True)
class _Job:
    """One extraction that is really computed."""

    recording: str
    video: VideoInfo
    centers: CenterTrack
    resolved: ResolvedBackbone
    settings: ExtractionSettings
    recipe: dict[str, Any]
    path: Path

    def run(self, engine: Engine, progress: Callable[[int, int], None]) -> FeatureCache:
        """Compute what is missing, chunk by chunk, and put the whole together."""
        frames = np.arange(0, self.video.n_frames, self.settings.frame_step, dtype=np.int64)
        chunk_frames = engine.batch_frames * max(1, COMMIT_FRAMES // engine.batch_frames)
        attributes = {
            "recording": self.recording,
            "recipe": json.dumps(self.recipe, sort_keys=True),
            "fingerprint": fingerprint(self.recipe),
            "note": self.resolved.note,
        }
        made_by = f"{engine.description}, opencv {cv2.__version__}"
        with writing_to(self.path.parent):
            plan = attributes | {"made_by": made_by}
            parts = PartFolder(self.path, plan, len(frames), chunk_frames, engine.n_features)
        n_done = parts.n_committed
        self._check_disk(len(frames), n_done, engine.n_features)
        if n_done:
            log.info("%s: %d of %d frames were done; going on.", self.recording, n_done, len(frames))
        progress(n_done, len(frames))
        with closing(self._chunks(engine, n_done, len(frames), chunk_frames, progress)) as chunks:
            for chunk in chunks:
                with writing_to(self.path.parent):
                    parts.commit(chunk)
        observed = self.centers.observed[frames]
        attributes["made_by"] = made_by
        with writing_to(self.path.parent):
            write_cache(self.path, parts.chunks(), frames, observed, engine.n_features, attributes)
            remove_parts(parts.folder)
            written = read_cache(self.path, fingerprint(self.recipe))
            if written is None:
                raise OSError(f"{self.path.name} can't be read back; is the disk sound?")
        return written

    def _chunks(
        self,
        engine: Engine,
        n_done: int,
        n_analysed: int,
        chunk_frames: int,
        progress: Callable[[int, int], None],
    ) -> Generator[NDArray[np.float32], None, None]:
        """Yield the embeddings that are missing, a chunk at a time."""
        if n_done == n_analysed:
            return
        chunk = np.empty((chunk_frames, engine.n_features), dtype=np.float32)
        filled = 0
        with closing(run_ahead(self._batches(engine.batch_frames, n_done), QUEUED_BATCHES)) as batches:
            for crops in batches:
                chunk[filled : filled + len(crops)] = engine.embed(crops)
                filled += len(crops)
                n_done += len(crops)
                progress(n_done, n_analysed)
                if filled == chunk_frames or n_done == n_analysed:
                    yield chunk[:filled]
                    filled = 0
        if n_done != n_analysed:
            raise InputError(
                f"Recording {self.recording}: {n_done} frames of {self.video.path} could be decoded, "
                f"where {n_analysed} were counted before. Was the file changed meanwhile? Run it again."
            )

    def _batches(self, batch_frames: int, n_done: int) -> Iterator[NDArray[np.uint8]]:
        """Decode and crop, from a given analysed frame on; runs in the background thread."""
        step, size_px = self.settings.frame_step, self.settings.crop_size_px
        px = self.resolved.config.network_input_px
        first_frame = n_done * step
        batch = np.empty((batch_frames, px, px, 3), dtype=np.uint8)
        filled = 0
        centers_xy_px = self.centers.xy_px[first_frame::step]
        frames = iter_bgr_frames(self.video.path, step, first_frame)
        for frame, center_xy_px in zip(frames, centers_xy_px, strict=False):
            crop = resize_crop(crop_square(frame, center_xy_px, size_px), px)
            cv2.cvtColor(crop, cv2.COLOR_BGR2RGB, dst=batch[filled])
            filled += 1
            if filled == batch_frames:
                yield batch
                # The consumer still reads the last one.
                batch, filled = np.empty_like(batch), 0
        if filled:
            yield batch[:filled]

    def _check_disk(self, n_analysed: int, n_committed: int, n_features: int) -> None:
        """Say at once, not after hours, that the disk has no room for chunks and finished file together."""
        needed = (2 * n_analysed - n_committed) * n_features * 4
        free = shutil.disk_usage(self.path.parent).free
        if free < needed:
            raise InputError(
                f"The disk of the cache folder {self.path.parent} has {free / 1e9:.2f} GB free, but the "
                f"embeddings of {self.recording} need {needed / 1e9:.2f} GB while they are written. Free "
                "some space (see `cache prune`) or set cache_dir to another disk."
            )


def _take_turn(path: Path, recording: str) -> BaseFileLock:
    """Take the cache's lock; when another process has it, say so and wait for its result."""
    lock = lock_of(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        log.info("%s is being extracted by another process; waiting for it.", recording)
        lock.acquire(poll_interval=0.2)
    return lock


def _clear_away(path: Path) -> None:
    """Remove the chunks of a finished cache; a process killed just after finishing it leaves some."""
    # A shared cache may be read-only, and another process may be at it: both do no harm.
    with contextlib.suppress(OSError, Timeout), lock_of(path).acquire(timeout=0):
        remove_parts(parts_folder(path))


def _hash(array: NDArray[Any], dtype: str) -> str:
    return hashlib.sha256(np.ascontiguousarray(array, dtype=dtype).tobytes()).hexdigest()
