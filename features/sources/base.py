"""What every source of features offers, for an experiment as a whole and for one recording of it."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Generic, NamedTuple, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from common.errors import InputError
from features.centers import CenterConfig, track_center
from features.engines import DEFAULT_ENGINE, Engines
from features.kinematics.distances import AxisSettings
from features.sources.views import NetworkView
from features.tracks import Animals, CenterTrack, Whose
from features.video.inspection import VideoInfo

Progress = Callable[[int, int], None]


class SourceConfig(BaseModel):
    """One source of features, as it stands below `features:` in the YAML; the key ``source`` chooses the class."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str

    def filled(self, common: Mapping[str, Any]) -> Self:
        """With the experiment's settings where its own of the same name are left out."""
        own = type(self).model_fields
        left_out = {key: value for key, value in common.items() if key in own and getattr(self, key) is None}
        return self.model_copy(update=left_out)


Config = TypeVar("Config", bound=SourceConfig)


@dataclass(frozen=True)
class ExtractionSettings:
    """Settings of stage one that hold for all sources.

    Frames 0, `frame_step`, 2 * `frame_step`, ... are analysed; `precision` is ``float32``, ``mixed_float16`` or
    ``mixed_bfloat16``; `batch_frames` are the crops per call of the network; the seed determines random weights;
    the engine is one of ``features.engines.ENGINES``, or ``auto``, which must be settled before rows are made;
    `center`: how an animal's center is found, and what counts as seen.
    """

    frame_step: int = 1
    precision: str = "float32"
    batch_frames: int = 32
    seed: int = 0
    engine: str = DEFAULT_ENGINE
    center: CenterConfig = field(default_factory=CenterConfig)


@dataclass(frozen=True)
class RecordingFiles:
    """A recording's id, what the column `video` of its table names, and that table's folder.

    `fps`: frames per second where the user says so; the video's header is not believed then. `has_video`: False where
    that column is empty. `n_pose_frames`: rows of the pose file, where they are known.
    """

    id: str
    video_path: Path
    table_folder: Path
    fps: float | None = None
    has_video: bool = True
    n_pose_frames: int | None = None

    def require_video(self) -> None:
        """Raise `InputError` where the table names none."""
        if not self.has_video:
            raise InputError(
                f"Recording {self.id} has no video, but features are made of its pictures. Name it in the column "
                "`video` of the recordings table, or set `features: poses`, which need none."
            )


@dataclass(frozen=True)
class Measured:
    """Length and frame rate of a recording, SHA-256 of each file that features are made of, and the video if any."""

    n_frames: int
    fps: float
    file_hashes: tuple[str, ...]
    video: VideoInfo | None = None


class Given(NamedTuple):
    """What the rows of one recording are made of, as ``FeatureSource.rows_of`` takes it."""

    files: RecordingFiles
    n_frames: int
    video: VideoInfo | None
    centers: CenterTrack | None
    animals: Animals | None = None


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

    has_missing: ClassVar[bool] = False
    """Whether rows may hold NaN where something can't be told; it becomes the mean of training."""
    is_one_unit: ClassVar[bool] = True
    """Whether all features are of one unit, so that one that hardly varies tells little."""

    def made_by(self) -> str:
        """Libraries and device that make the rows, in words; the same in an extraction that is resumed."""
        return ""

    @abstractmethod
    def batches(self, first_row: int) -> Generator[NDArray[np.float32], None, None]:
        """Make the rows from a given one on, (batch_rows or what is left, n_features) at a time."""

    @classmethod
    def batches_together(
        cls, members: Sequence[Self], first_rows: Sequence[int]
    ) -> Generator[tuple[int, NDArray[np.float32]], None, None]:
        """Make rows of several of this class, of one video, each from a given one on; yields (which, batch)."""
        for which, (member, first_row) in enumerate(zip(members, first_rows, strict=True)):
            with closing(member.batches(first_row)) as batches:
                for batch in batches:
                    yield which, batch


class FeatureSource(ABC, Generic[Config]):
    """Where features of an experiment's recordings come from.

    Making one costs nothing; weights are looked for, and networks built, when they are first needed.
    `config` is an entry of `features:` in the YAML, with what it takes from the experiment filled in.
    """

    config_class: ClassVar[type[SourceConfig]]
    """The keys that an entry may have."""
    needs_poses: ClassVar[bool]
    """Whether features are made around the animal, so that its position must be known."""
    needs_own_files: ClassVar[bool] = False
    """Whether there must be files besides video and poses, which the demo hasn't."""

    def __init__(self, config: Config, settings: ExtractionSettings, engines: Engines | None = None) -> None:
        self.config = config
        self.settings = settings
        self._engines = Engines() if engines is None else engines

    @property
    def needs_keypoints(self) -> bool:
        """Whether more must be known than one animal's center: boxes, keypoints, perhaps of several animals."""
        return False

    @abstractmethod
    def measure(self, files: RecordingFiles, cache_dir: Path, progress: Progress | None = None) -> Measured:
        """Find out how long a recording is; a video is decoded once.

        Raises
        ------
        InputError
            Its files can't be read, or nothing tells the frame rate.
        """

    def expected(self, files: RecordingFiles, cache_dir: Path) -> Measured | None:
        """What ``measure`` will most likely find, where making the rows tells whether it holds; None elsewhere.

        Rows of such a video (``VideoInfo.awaited``) may end in a ``NotAsPromisedError``: then it must be measured.
        """
        return None

    def animals(self, whose: Whose, where: str) -> tuple[str, ...]:
        """Whose keypoints are needed, of those that are present in a pose file.

        Raises
        ------
        InputError
            One that is asked for is not there; `where` names the file.
        """
        return (whose.own,)

    def center(self, animals: Animals, config: CenterConfig, fps: float) -> CenterTrack:
        """The one point that stands for the animal, and where it is observed; raises as ``track_center``."""
        return track_center(animals.main, config, fps)

    def axis_settings(self, config: CenterConfig) -> AxisSettings:
        """How the bodies of two animals are found among their keypoints, where distances between them are measured."""
        return AxisSettings(None, config.min_likelihood)

    def check(self, given: Given) -> NDArray[np.bool_] | None:
        """Look whether rows can be made of a recording, as far as its poses tell: nothing is loaded or decoded.

        Returned is where all animals are observed, shape (n_frames,); None where features are of one.

        Raises
        ------
        InputError
            As ``rows_of``.
        """
        return None

    @abstractmethod
    def rows_of(
        self,
        files: RecordingFiles,
        n_frames: int,
        video: VideoInfo | None,
        centers: CenterTrack | None,
        animals: Animals | None = None,
    ) -> FeatureRows:
        """The rows of one recording, not yet made; `video` as ``measure`` found it, centers where poses are needed.

        `animals`: where keypoints themselves are needed; those that ``animals`` names are among them.

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

    def settled(self, recordings: Sequence[Given], cache_dir: Path) -> Self:
        """The same source with what was left open decided, by what is cached of these recordings.

        Raises
        ------
        InputError
            As ``rows_of``.
        """
        return self

    def view(self) -> NetworkView | None:
        """What a network is shown of a video, as asked for; None where no network looks at one."""
        return None

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
