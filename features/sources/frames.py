"""Frames of a video: each analysed one is cropped around the animal and run through a frozen network.

A background thread decodes and crops while the network runs on the batches that are ready.
"""

import hashlib
import logging
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self, Union

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from common.errors import InputError
from features.backbones import BACKBONES
from features.backbones.base import ImageNetConfig, NetworkConfig
from features.backbones.compact import CompactConfig
from features.backbones.download import find_published
from features.backbones.resolve import ResolvedBackbone, resolve_backbone
from features.cache.store import CACHE_VERSION, cache_path, fingerprint
from features.centers import CenterConfig, gap_frames
from features.engines import AUTO, DEFAULT_ENGINE, ENGINES, Engine, chosen_engine
from features.places import around_boxes
from features.prefetch import run_ahead
from features.sources.base import (
    ExtractionSettings,
    FeatureRows,
    FeatureSource,
    Given,
    Measured,
    Progress,
    RecordingFiles,
    SourceConfig,
    single_frames,
)
from features.sources.crop_config import CropConfig
from features.sources.cropping import Cropping, Crops, crop_video, cropping_of, shown_animals
from features.sources.views import NetworkView
from features.tracks import Animals, CenterTrack, Whose
from features.video.inspection import VIDEO_INDEX, VideoInfo, expect_video, inspect_video

log = logging.getLogger(__name__)

QUEUED_BATCHES = 4

if TYPE_CHECKING:
    AnyBackbone = NetworkConfig
else:
    AnyBackbone = Annotated[Union[tuple(BACKBONES.values())], Field(discriminator="name")]  # noqa: UP007


class FrameSourceConfig(SourceConfig):
    """Crops of a video's frames, run through a frozen network."""

    source: Literal["frames"] = "frames"
    backbone: AnyBackbone | None = Field(
        default=None, description="The frozen network, if another than the experiment's `backbone`."
    )
    crop: CropConfig | None = Field(
        default=None, description="What differs from the experiment's `crop`, such as `{moments_s: [-0.2, 0, 0.2]}`."
    )


class FrameSource(FeatureSource[FrameSourceConfig]):
    """A video's frames, by one of ``BACKBONES``; `config` has a backbone and a crop."""

    config_class: ClassVar[type[SourceConfig]] = FrameSourceConfig
    needs_poses = True

    @property
    def backbone(self) -> NetworkConfig:
        """The network as asked for."""
        assert self.config.backbone is not None
        return self.config.backbone

    @property
    def crop(self) -> CropConfig:
        """What the network is shown."""
        assert self.config.crop is not None
        return self.config.crop

    @cached_property
    def resolved(self) -> ResolvedBackbone:
        """The network and weights really used; found or downloaded at the first asking."""
        return resolve_backbone(self.backbone, self.settings.seed)

    def _engine(self) -> Engine:
        settings = self.settings
        return self._engines.get(
            settings.engine, self.resolved, settings.precision, settings.batch_frames, settings.seed
        )

    @property
    def needs_keypoints(self) -> bool:
        """Boxes, an overlay and another animal are found by them."""
        return self.crop.needs_keypoints

    def animals(self, whose: Whose, where: str) -> tuple[str, ...]:
        """The recording's own, and its partner where crops show it."""
        return shown_animals(self.crop, whose, where)

    def center(self, animals: Animals, config: CenterConfig, fps: float) -> CenterTrack:
        """The middle of the animal's box where that is cropped."""
        if self.crop.around != "box":
            return super().center(animals, config, fps)
        max_gap_frames = gap_frames(config.max_gap_s, fps)
        places = around_boxes([animals.main], self.crop.margin_percent, config.min_likelihood, max_gap_frames)
        return CenterTrack(places.xy_px, places.observed)

    def measure(self, files: RecordingFiles, cache_dir: Path, progress: Progress | None = None) -> Measured:
        """Decode the video once."""
        files.require_video()
        return self._measured(files, inspect_video(files.video_path, cache_dir / VIDEO_INDEX, progress, files.fps))

    def expected(self, files: RecordingFiles, cache_dir: Path) -> Measured | None:
        """What the video's packets promise; it is decoded for its crops anyway."""
        files.require_video()
        video = expect_video(files.video_path, cache_dir / VIDEO_INDEX, files.fps)
        return None if video is None else self._measured(files, video)

    def _measured(self, files: RecordingFiles, video: VideoInfo) -> Measured:
        self.crop.offsets_frames(video.fps, files.id)
        return Measured(video.n_frames, video.fps, (video.sha256,), video)

    def _cropping(self, given: Given) -> Cropping:
        assert given.video is not None and given.centers is not None
        return cropping_of(self.crop, self.settings.center, given.video, given.centers, given.animals, given.files.id)

    def check(self, given: Given) -> NDArray[np.bool_] | None:
        """Find where crops would be cut."""
        places = self._cropping(given).places
        return places.observed if self.crop.needs_partner else None

    def rows_of(
        self,
        files: RecordingFiles,
        n_frames: int,
        video: VideoInfo | None,
        centers: CenterTrack | None,
        animals: Animals | None = None,
    ) -> "FrameRows":
        """An embedding per analysed frame."""
        cropping = self._cropping(Given(files, n_frames, video, centers, animals))
        assert video is not None and centers is not None
        return FrameRows(files.id, video, centers, cropping, self.resolved, self.settings, self._engine)

    def settled(self, recordings: Sequence[Given], cache_dir: Path) -> Self:
        """``engine: auto`` becomes the engine of the embeddings that are there, or the fastest one."""
        if self.settings.engine != AUTO:
            return self
        candidates = {name: self._run_by(name) for name in ENGINES}
        n_cached = {
            name: sum(_is_cached(source.rows_of(*given), cache_dir) for given in recordings)
            for name, source in candidates.items()
        }
        return candidates[chosen_engine(self.settings.precision, n_cached, len(recordings))]

    def _run_by(self, engine: str) -> Self:
        """The same network run by another engine."""
        other = type(self)(self.config, replace(self.settings, engine=engine), self._engines)
        # Looking for weights twice would ask the network, and warn, twice.
        other.resolved = self.resolved
        return other

    def described(self) -> dict[str, Any]:
        """Network and weights, which need not be the ones asked for, and what the network is shown."""
        return {
            "engine": self.settings.engine,
            "precision": self.settings.precision,
            "requested": self.resolved.requested_name,
            "used": self.resolved.config.name,
            "weights": self.resolved.weights_label,
            "weights_sha256": self.resolved.weights_sha256,
            "input_px": self.resolved.config.network_input_px,
            "note": self.resolved.note,
            "crop": self.crop.model_dump(mode="json"),
        }

    def view(self) -> NetworkView:
        """The crop; no weights are looked for."""
        return NetworkView(self.backbone.name, self.crop, self.backbone.network_input_px, self.settings.center)

    def as_used(self, used: Mapping[str, Any]) -> Self:
        """A run that had to fall back to other weights or another network is followed."""
        backbone = self.backbone
        if isinstance(backbone, ImageNetConfig):
            if used["used"] == CompactConfig().name:
                backbone = CompactConfig()
            elif used["weights"] == "random":
                backbone = backbone.model_copy(update={"weights": "random"})
            else:
                # Predictions by another network than the heads know would be noise.
                backbone = backbone.model_copy(update={"weights_if_unavailable": "error"})
                published = find_published(backbone.published_weights()) if backbone.shipped_weights() else None
                if published is not None and published.name == used["weights"]:
                    # The run is older than the shipped weights, which are rounded.
                    backbone = backbone.model_copy(update={"weights": str(published)})
        settings = replace(self.settings, engine=self._engine_as_used(str(used.get("engine", DEFAULT_ENGINE))))
        return type(self)(self.config.model_copy(update={"backbone": backbone}), settings, self._engines)

    def _engine_as_used(self, engine: str) -> str:
        """The engine of another run, or the default one, which differs from it in the last digits only."""
        obstacle = ENGINES[engine].obstacle(self.settings.precision) if engine in ENGINES else "It is not known here."
        if obstacle:
            log.warning("Embeddings were made by %s; here %s makes them. %s", engine, DEFAULT_ENGINE, obstacle)
        return DEFAULT_ENGINE if obstacle else engine

    def identity(self) -> dict[str, Any]:
        """Network, weights and arithmetic."""
        described = self.described()
        return {key: described[key] for key in ("used", "weights_sha256", "input_px", "precision")}


class FrameRows(FeatureRows):
    """An embedding of every analysed frame of one video; frames that were not observed are embedded all the same.

    A row is observed where all its moments are. `engine` gives what runs the network, the same each time. It is called
    only when something is to be computed, so a complete cache costs no TensorFlow.
    """

    def __init__(
        self,
        recording: str,
        video: VideoInfo,
        centers: CenterTrack,
        cropping: Cropping,
        resolved: ResolvedBackbone,
        settings: ExtractionSettings,
        engine: Callable[[], Engine],
    ) -> None:
        self.recording = recording
        self.recipe = recipe_for(video, centers, cropping, resolved, settings)
        self.n_features = resolved.config.n_features
        self.spans = single_frames(video.n_frames, settings.frame_step)
        moments = self.spans[:, :1] + np.array(cropping.offsets_frames)
        observed = centers.observed & cropping.places.observed
        self.observed = observed[np.clip(moments, 0, video.n_frames - 1)].all(axis=1)
        self.batch_rows = settings.batch_frames
        self.note = resolved.note
        self._video, self._cropping = video, cropping
        self._input_px = resolved.config.network_input_px
        self._engine = engine

    def made_by(self) -> str:
        """The engine, what crops and what decodes; builds the engine."""
        return f"{self._engine().description}, opencv {cv2.__version__}, av {av.__version__}"

    def batches(self, first_row: int) -> Generator[NDArray[np.float32], None, None]:
        """Embed from a given row on, a call of the network at a time; errors as in `batches_together`."""
        with closing(self.batches_together([self], [first_row])) as batches:
            for _, batch in batches:
                yield batch

    @classmethod
    def batches_together(
        cls, members: Sequence[Self], first_rows: Sequence[int]
    ) -> Generator[tuple[int, NDArray[np.float32]], None, None]:
        """Decode the video once for all.

        Raises
        ------
        InputError
            When the video can't be decoded as before.
        """
        n_done = list(first_rows)
        crops = [member._crops(first_row) for member, first_row in zip(members, first_rows, strict=True)]
        video = members[0]._video
        with closing(run_ahead(crop_video(video.frames(), crops), QUEUED_BATCHES)) as batches:
            for which, batch in batches:
                yield which, members[which]._engine().embed(batch)
                n_done[which] += len(batch)
        for member, n_rows in zip(members, n_done, strict=True):
            if n_rows != len(member.spans):
                raise InputError(
                    f"Recording {member.recording}: {n_rows} frames of {video.path} could be decoded, where "
                    f"{len(member.spans)} were counted before. Was the file changed meanwhile? Run it again."
                )

    def _crops(self, first_row: int) -> Crops:
        return Crops(self._cropping, self.spans[first_row:, 0], self._input_px, self.batch_rows)


def _is_cached(rows: FeatureRows, cache_dir: Path) -> bool:
    """Whether there is a finished cache; that it is whole is checked when it is read."""
    return cache_path(cache_dir, rows.recording, fingerprint(rows.recipe)).is_file()


def recipe_for(
    video: VideoInfo,
    centers: CenterTrack,
    cropping: Cropping,
    resolved: ResolvedBackbone,
    settings: ExtractionSettings,
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
        "crop": {"border": "edge", "resize": "area or linear", **_square(cropping), **_moments(cropping)},
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


def _square(cropping: Cropping) -> dict[str, Any]:
    """What a recipe says of where the square lies; of the own center no more than before there were other places."""
    crop, places = cropping.crop, cropping.places
    if not crop.needs_keypoints:
        return {"size_px": crop.size_px}
    arrays = ((places.xy_px, "<f8"), (places.side_px, "<i8"), (places.observed, "?"))
    said = {"square": {"around": crop.around, "animal": crop.animal, "places": [_hash(*each) for each in arrays]}}
    return said if cropping.overlay is None else said | {"overlay": cropping.overlay.recipe()}


def _moments(cropping: Cropping) -> dict[str, Any]:
    """What a recipe says of moments: nothing where there are none, as before there were any."""
    if not cropping.crop.moments_s:
        return {}
    around = "own center" if cropping.crop.follow else "center now"
    return {"moments_frames": list(cropping.offsets_frames), "around": around, "gray": "luminance"}


def _hash(array: NDArray[Any], dtype: str) -> str:
    return hashlib.sha256(np.ascontiguousarray(array, dtype=dtype).tobytes()).hexdigest()
