"""How the files of one recording are read: shared by a run (`gather.py`) and by `audit`, so that both see the same."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common.errors import InputError
from features.centers import CenterConfig
from features.poses import read_poses
from features.poses.blob_cache import cached_blob_track
from features.sources import default_source
from features.sources.base import FeatureSource, Measured, RecordingFiles
from features.tracks import PoseTrack
from features.video.inspection import VideoInfo
from pipeline.annotations import RawAnnotation, read_annotation
from pipeline.config.frame_policy import FrameAllowance, FramesSetting, allowance
from pipeline.config.schema import ExperimentConfig
from pipeline.dataset.table import Recording
from pipeline.runtime.progress import Bar

Progress = Callable[[int, int], None]


def under_title(bar: Bar, title: str) -> Progress:
    """A bar that shows one piece of work after another, now this one."""
    return lambda done, total: bar.update(done, total, title)


@dataclass(frozen=True)
class ReadingSettings:
    """What an experiment says of how files are read; the defaults are those of an experiment.

    Attributes
    ----------
    center : CenterConfig
    cache_dir : Path
    frames : FramesConfig or str
    behaviors : dict of str to list of str
        Our name of each behavior and its names in the annotations; empty where no experiment is given.
    annotations : str or None
        Whose labels are used.
    source : FeatureSource
        Where features come from; by default the frames of videos.
    table_folder : Path
        Folder of the table of recordings.
    """

    center: CenterConfig = field(default_factory=CenterConfig)
    cache_dir: Path = Path("cache")
    frames: FramesSetting = "strict"
    behaviors: dict[str, list[str]] = field(default_factory=dict)
    annotations: str | None = None
    source: FeatureSource[Any] = field(default_factory=default_source)
    table_folder: Path = Path()

    @classmethod
    def of(cls, config: ExperimentConfig) -> "ReadingSettings":
        """Those of an experiment."""
        return cls(
            config.center,
            config.cache_dir,
            config.frames,
            config.their_names(),
            config.annotations,
            config.feature_source(),
            Path(config.recordings).parent,
        )

    def allowance(self, recording: str) -> FrameAllowance:
        """What the frame policy means for a recording."""
        return allowance(self.frames, recording)


def measure(recording: Recording, settings: ReadingSettings, progress: Progress | None = None) -> Measured:
    """Find out how long a recording is: its video, if it has one, is decoded once.

    Raises
    ------
    InputError
        Its files can't be read, or nothing tells the frame rate.
    """
    files = RecordingFiles(recording.id, recording.video_path, settings.table_folder)
    return settings.source.measure(files, settings.cache_dir, progress)


def read_recording_poses(
    recording: Recording, settings: ReadingSettings, video: VideoInfo | None, progress: Progress | None = None
) -> PoseTrack:
    """Poses as they stand in the file, or as the animal is tracked in the video.

    Raises
    ------
    InputError
        No pose file, or one that can't be read.
    """
    if recording.has_blob_poses and video is not None:
        return cached_blob_track(video, settings.cache_dir, progress)
    if recording.pose_path is None:
        raise InputError(
            f"Recording {recording.id} has no pose file, but its frames are cropped around the animal. Name the file "
            "in the column `poses` of the recordings table (to `predict`, with --poses), or write `blob` there to have "
            "a single animal tracked by how it differs from the background."
        )
    return read_poses(recording.pose_path, settings.center.individual)


def rows_to_agree(pose: PoseTrack | None, n_frames: int) -> int | None:
    """Rows of the pose file that must agree with the video; None without a file.

    A format that ends with the last frame in which the animal was seen may end before the video.
    """
    if pose is None:
        return None
    return n_frames if pose.ends_with_last_seen and pose.n_frames < n_frames else pose.n_frames


def read_recording_labels(
    recording: Recording, annotator: str, measured: Measured, settings: ReadingSettings
) -> RawAnnotation:
    """One annotator's labels as they stand in the file.

    Raises
    ------
    InputError
        As `pipeline.annotations.read_annotation`.
    """
    allowed = settings.allowance(recording.id)
    return read_annotation(
        recording.annotation_paths[annotator],
        measured.n_frames,
        measured.fps,
        choice=recording.annotation_choices.get(annotator),
        video_name=recording.video_path.name,
        behaviors=[name for names in settings.behaviors.values() for name in names],
        tolerance_frames=allowed.tail_frames + abs(allowed.shift_labels_frames),
    )
