"""What every source of features offers, for an experiment as a whole and for one recording of it."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from features.backbones.base import BackboneConfig
from features.engines import DEFAULT_ENGINE
from features.tracks import CenterTrack
from features.video.inspection import VideoInfo

Config = TypeVar("Config", bound=BackboneConfig)
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class ExtractionSettings:
    """Settings of stage one that are not the backbone's.

    Frames 0, `frame_step`, 2 * `frame_step`, ... are analysed; `precision` is ``float32``, ``mixed_float16`` or
    ``mixed_bfloat16``; `batch_frames` are the crops per call of the network; the seed determines random weights;
    the engine is one of ``features.engines.ENGINES``.
    """

    crop_size_px: int
    frame_step: int = 1
    precision: str = "float32"
    batch_frames: int = 32
    seed: int = 0
    engine: str = DEFAULT_ENGINE


@dataclass(frozen=True)
class RecordingFiles:
    """A recording's id, what the column `video` of its table names, and that table's folder.

    `fps`: frames per second where the user says so; the video's header is not believed then.
    """

    id: str
    video_path: Path
    table_folder: Path
    fps: float | None = None


@dataclass(frozen=True)
class Measured:
    """Length and frame rate of a recording, SHA-256 of each file that features are made of, and the video if any."""

    n_frames: int
    fps: float
    file_hashes: tuple[str, ...]
    video: VideoInfo | None = None


class FeatureRows(ABC):
    """The rows of features of one recording: what determines them, and how they are made."""

    recording: str
    """Its id, which names the cache file."""
    recipe: dict[str, Any]
    """All that determines the rows, fit for JSON; its hash is the cache's fingerprint. ``recipe["backbone"]["name"]``
    is what `cache list` shows."""
    n_features: int
    spans: NDArray[np.int64]
    """Shape (n_rows, 2): the frames [start, stop) that each row stands for; starts increase."""
    observed: NDArray[np.bool_]
    """Shape (n_rows,): False where the animal's position was not known."""
    batch_rows: int
    note: str = ""
    """Plain words when something else than what was asked for is used."""
    is_slow: ClassVar[bool] = True
    """False where rows are merely read, so that nobody need be warned before they are made."""

    def made_by(self) -> str:
        """Libraries and device that make the rows, in words; the same in an extraction that is resumed."""
        return ""

    @abstractmethod
    def batches(self, first_row: int) -> Generator[NDArray[np.float32], None, None]:
        """Make the rows from a given one on, (batch_rows or what is left, n_features) at a time."""


class FeatureSource(ABC, Generic[Config]):
    """Where the features of an experiment's recordings come from.

    Making one costs nothing; weights are looked for, and networks built, when they are first needed.
    `config` is what stands below `backbone:` in the YAML, one of ``configs``; `before_engine` is called before an
    engine is built, which takes seconds.
    """

    configs: ClassVar[Mapping[str, type[BackboneConfig]]]
    """Names that choose this source below `backbone:`, and the keys that go with each."""
    needs_poses: ClassVar[bool]
    """Whether features are made around the animal, so that its position must be known."""
    needs_own_files: ClassVar[bool] = False
    """Whether there must be files besides video and poses, which the demo hasn't."""

    def __init__(
        self, config: Config, settings: ExtractionSettings, before_engine: Callable[[], None] = lambda: None
    ) -> None:
        self.config = config
        self.settings = settings
        self._before_engine = before_engine

    @abstractmethod
    def measure(self, files: RecordingFiles, cache_dir: Path, progress: Progress | None = None) -> Measured:
        """Find out how long a recording is; a video is decoded once.

        Raises
        ------
        InputError
            Its files can't be read, or nothing tells the frame rate.
        """

    @abstractmethod
    def rows_of(
        self, files: RecordingFiles, n_frames: int, video: VideoInfo | None, centers: CenterTrack | None
    ) -> FeatureRows:
        """The rows of one recording, not yet made; `video` as ``measure`` found it, centers where poses are needed.

        Raises
        ------
        InputError
            When weights can't be had, or files don't fit the recording.
        """

    @abstractmethod
    def described(self) -> dict[str, Any]:
        """What is really used, for provenance: `requested`, `used`, `weights`, `note` and more.

        Raises
        ------
        InputError
            When weights can't be had.
        """

    def as_used(self, used: Mapping[str, Any]) -> Self:
        """The same source with what another run really used, as its ``described`` says."""
        return self

    def identity(self) -> dict[str, Any]:
        """What must be equal, by name, where trained heads meet new recordings."""
        return {}


def single_frames(n_frames: int, frame_step: int) -> NDArray[np.int64]:
    """Spans (n_rows, 2) of rows that stand for one analysed frame each."""
    frames = np.arange(0, n_frames, frame_step, dtype=np.int64)
    return np.stack([frames, frames + 1], axis=1)
