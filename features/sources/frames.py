"""Frames of a video: each analysed one is cropped around the animal and run through a frozen network.

A background thread decodes and crops while the network runs on the batches that are ready.
"""

import hashlib
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Self

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from features.backbones import BACKBONES
from features.backbones.base import BackboneConfig, ImageNetConfig, NetworkConfig
from features.backbones.compact import CompactConfig
from features.backbones.resolve import ResolvedBackbone, resolve_backbone
from features.cache.store import CACHE_VERSION
from features.crops import crop_square, resize_crop
from features.engines import DEFAULT_ENGINE, ENGINES, Engine
from features.prefetch import run_ahead
from features.sources.base import (
    ExtractionSettings,
    FeatureRows,
    FeatureSource,
    Measured,
    Progress,
    RecordingFiles,
    single_frames,
)
from features.tracks import CenterTrack
from features.video.inspection import VIDEO_INDEX, VideoInfo, inspect_video
from features.video.reading import iter_bgr_frames

QUEUED_BATCHES = 4


class FrameSource(FeatureSource[NetworkConfig]):
    """A video's frames, by one of ``BACKBONES``."""

    configs: ClassVar[Mapping[str, type[BackboneConfig]]] = BACKBONES
    needs_poses = True

    @cached_property
    def resolved(self) -> ResolvedBackbone:
        """The network and weights really used; found or downloaded at the first asking."""
        return resolve_backbone(self.config, self.settings.seed)

    @cached_property
    def _engine(self) -> Engine:
        self._before_engine()
        settings = self.settings
        return ENGINES[settings.engine](self.resolved, settings.precision, settings.batch_frames, settings.seed)

    def measure(self, files: RecordingFiles, cache_dir: Path, progress: Progress | None = None) -> Measured:
        """Decode the video once."""
        video = inspect_video(files.video_path, cache_dir / VIDEO_INDEX, progress, files.fps)
        return Measured(video.n_frames, video.fps, (video.sha256,), video)

    def rows_of(
        self, files: RecordingFiles, n_frames: int, video: VideoInfo | None, centers: CenterTrack | None
    ) -> "FrameRows":
        """An embedding per analysed frame."""
        assert video is not None and centers is not None
        return FrameRows(files.id, video, centers, self.resolved, self.settings, lambda: self._engine)

    def described(self) -> dict[str, Any]:
        """Network and weights, which need not be the ones asked for."""
        return {
            "requested": self.resolved.requested_name,
            "used": self.resolved.config.name,
            "weights": self.resolved.weights_label,
            "weights_sha256": self.resolved.weights_sha256,
            "input_px": self.resolved.config.network_input_px,
            "note": self.resolved.note,
        }

    def as_used(self, used: Mapping[str, Any]) -> Self:
        """A run that had to fall back to other weights or another network is followed."""
        config: NetworkConfig = self.config
        if isinstance(config, ImageNetConfig):
            if used["used"] == CompactConfig().name:
                config = CompactConfig()
            elif used["weights"] == "random":
                config = config.model_copy(update={"weights": "random"})
            else:
                # Predictions by another network than the heads know would be noise.
                config = config.model_copy(update={"weights_if_unavailable": "error"})
        return type(self)(config, self.settings, self._before_engine)

    def identity(self) -> dict[str, Any]:
        """Network, weights and arithmetic."""
        described = self.described() | {"precision": self.settings.precision}
        return {key: described[key] for key in ("used", "weights_sha256", "input_px", "precision")}


class FrameRows(FeatureRows):
    """An embedding of every analysed frame of one video; frames that were not observed are embedded all the same.

    `engine` gives what runs the network, the same each time. It is called only when something is to be computed, so
    a complete cache costs no TensorFlow.

    Raises
    ------
    InputError
        When center track and video differ in length.
    """

    def __init__(
        self,
        recording: str,
        video: VideoInfo,
        centers: CenterTrack,
        resolved: ResolvedBackbone,
        settings: ExtractionSettings,
        engine: Callable[[], Engine],
    ) -> None:
        if centers.n_frames != video.n_frames:
            raise InputError(
                f"Recording {recording}: its video {video.path.name} has {video.n_frames} frames, but its center "
                f"track has {centers.n_frames}. They must be equal: was the pose tracked in this very video?"
            )
        self.recording = recording
        self.recipe = recipe_for(video, centers, resolved, settings)
        self.n_features = resolved.config.n_features
        self.spans = single_frames(video.n_frames, settings.frame_step)
        self.observed = centers.observed[:: settings.frame_step]
        self.batch_rows = settings.batch_frames
        self.note = resolved.note
        self._video, self._settings = video, settings
        self._centers_xy_px = centers.xy_px[:: settings.frame_step]
        self._input_px = resolved.config.network_input_px
        self._engine = engine

    def made_by(self) -> str:
        """The engine, what crops and what decodes; builds the engine."""
        return f"{self._engine().description}, opencv {cv2.__version__}, av {av.__version__}"

    def batches(self, first_row: int) -> Generator[NDArray[np.float32], None, None]:
        """Embed from a given row on, a call of the network at a time.

        Raises
        ------
        InputError
            When the video can't be decoded as before.
        """
        n_done, n_rows = first_row, len(self.spans)
        with closing(run_ahead(self._crops(first_row), QUEUED_BATCHES)) as batches:
            for crops in batches:
                yield self._engine().embed(crops)
                n_done += len(crops)
        if n_done != n_rows:
            raise InputError(
                f"Recording {self.recording}: {n_done} frames of {self._video.path} could be decoded, "
                f"where {n_rows} were counted before. Was the file changed meanwhile? Run it again."
            )

    def _crops(self, first_row: int) -> Iterator[NDArray[np.uint8]]:
        """Decode and crop, a batch at a time; runs in the background thread."""
        step, px = self._settings.frame_step, self._input_px
        batch = np.empty((self.batch_rows, px, px, 3), dtype=np.uint8)
        filled = 0
        frames = iter_bgr_frames(self._video.path, step, first_row * step)
        for frame, center_xy_px in zip(frames, self._centers_xy_px[first_row:], strict=False):
            crop = resize_crop(crop_square(frame, center_xy_px, self._settings.crop_size_px), px)
            cv2.cvtColor(crop, cv2.COLOR_BGR2RGB, dst=batch[filled])
            filled += 1
            if filled == self.batch_rows:
                yield batch
                # The consumer still reads the last one.
                batch, filled = np.empty_like(batch), 0
        if filled:
            yield batch[:filled]


def recipe_for(
    video: VideoInfo, centers: CenterTrack, resolved: ResolvedBackbone, settings: ExtractionSettings
) -> dict[str, Any]:
    """Collect all that determines the embeddings of one recording, fit for JSON; its hash is the cache's fingerprint.

    The seed is in it through the hash of random weights, and not where the weights come from a file.
    """
    config = resolved.config
    recipe = {
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
    # Caches from before engines had names are TensorFlow's: unnamed it keeps their fingerprints.
    return recipe if settings.engine == DEFAULT_ENGINE else recipe | {"engine": settings.engine}


def _hash(array: NDArray[Any], dtype: str) -> str:
    return hashlib.sha256(np.ascontiguousarray(array, dtype=dtype).tobytes()).hexdigest()
