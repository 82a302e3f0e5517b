"""Reads everything the user gave and checks that it fits together, before anything long begins."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from features.backbones.precomputed import PrecomputedConfig
from features.centers import track_center
from features.errors import InputError
from features.poses import read_poses
from features.poses.blob_cache import cached_blob_track
from features.precomputed import count_precomputed_frames
from features.tracks import CenterTrack, PoseTrack
from features.video import VideoInfo, inspect_video
from pipeline.annotations import RawAnnotation, read_annotation
from pipeline.annotators import ChosenLabels, check_annotators, choose_labels
from pipeline.audit import check_frames_agree
from pipeline.config import ExperimentConfig
from pipeline.demo import make_demo
from pipeline.labels import LabelTrack, label_tracks
from pipeline.progress import Bars, progress_bars
from pipeline.recordings import Recording, read_recordings

log = logging.getLogger(__name__)

CROSS_VALIDATION = "cross_validation"
TEST = "test"
PREDICT = "predict"


@dataclass(frozen=True)
class GatheredRecording:
    """One recording with everything that is known of it before stage one.

    Attributes
    ----------
    recording : Recording
    video : VideoInfo or None
        None where embeddings were computed elsewhere.
    centers : CenterTrack or None
        None where there is no video to crop.
    labels : LabelTrack or None
        Those that heads learn from and are scored against; None where nobody annotated it.
    embeddings_path : Path or None
        Embeddings computed elsewhere; None where the video is embedded here.
    n_frames : int
    fps : float
    notes : tuple of str
        What a reader of the report should know of its files.
    disagreement : ndarray, shape (n_frames, n_behaviors), bool, or None
        Frames that several annotators scored differently; None without labels.
    annotators : dict of str to LabelTrack
        Everyone's labels, of which `labels` is one or a consensus.
    """

    recording: Recording
    video: VideoInfo | None
    centers: CenterTrack | None
    labels: LabelTrack | None
    embeddings_path: Path | None
    n_frames: int
    fps: float
    notes: tuple[str, ...] = ()
    disagreement: NDArray[np.bool_] | None = None
    annotators: dict[str, LabelTrack] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The recording's id."""
        return self.recording.id

    @property
    def subset(self) -> str:
        """`cross_validation`, `test` or `predict` (nothing to score it against)."""
        if self.recording.split == "train":
            return CROSS_VALIDATION
        return TEST if self.recording.split == "test" and self.labels is not None else PREDICT

    @property
    def observed(self) -> NDArray[np.bool_]:
        """Whether the animal was seen, per frame; all True for embeddings computed elsewhere."""
        return np.ones(self.n_frames, dtype=bool) if self.centers is None else self.centers.observed

    def analysed_frames(self, frame_step: int) -> NDArray[np.int64]:
        """Numbers of the frames that are embedded, shape (n_analysed,)."""
        return np.arange(0, self.n_frames, frame_step, dtype=np.int64)


def gather(config: ExperimentConfig) -> list[GatheredRecording]:
    """Read recordings, videos' frame counts, poses and annotations, and check that they agree.

    Raises
    ------
    InputError
        At the first thing that is wrong, by file, row and key.
    """
    recordings = read_recordings(recordings_csv(config))
    if not any(r.split == "train" for r in recordings):
        raise InputError(
            f"{recordings_csv(config)} has no recording with split `train`, so there is nothing to learn from. Write "
            "train into the column `split` of the recordings whose annotations the heads may learn from."
        )
    return gather_recordings(config, recordings)


def gather_recordings(config: ExperimentConfig, recordings: Sequence[Recording]) -> list[GatheredRecording]:
    """The same for recordings that need not be of the experiment's own table.

    Raises
    ------
    InputError
        At the first thing that is wrong, by file, row and key.
    """
    for recording in recordings:
        check_annotators(recording, config.annotations)
    measured: dict[str, _Measured] = {}
    annotations: dict[_Source, RawAnnotation] = {}
    with progress_bars() as bars:
        bar = bars.add("Checking recordings", total=len(recordings))
        for done, recording in enumerate(recordings):
            bar.update(done, text=f"Checking {recording.id}")
            found = measured[recording.id] = _measure(recording, config, bars)
            if not recording.annotation_paths:
                check_frames_agree(recording.id, found.n_frames, found.n_pose_rows, None)
            for annotator, path in recording.annotation_paths.items():
                source = _Source(recording.id, annotator)
                annotations[source] = read_annotation(
                    path,
                    found.n_frames,
                    found.fps,
                    choice=recording.annotation_choices.get(annotator),
                    video_name=recording.video_path.name,
                    behaviors=[name for names in config.their_names().values() for name in names],
                )
                check_frames_agree(recording.id, found.n_frames, found.n_pose_rows, annotations[source].span)
    labels = _labels(annotations, measured, config)
    notes: dict[str, list[str]] = {}
    for source, annotation in annotations.items():
        notes.setdefault(source.recording, []).extend(f"{source}: {note}" for note in annotation.notes)
    return [_gathered(r, measured[r.id], labels.get(r.id), tuple(notes.get(r.id, ())), config) for r in recordings]


class _Source(NamedTuple):
    """Who annotated what; "" = the table names nobody."""

    recording: str
    annotator: str

    def __str__(self) -> str:
        return f"{self.recording} (annotator {self.annotator})" if self.annotator else self.recording


def _labels(
    annotations: Mapping[_Source, RawAnnotation], measured: Mapping[str, "_Measured"], config: ExperimentConfig
) -> dict[str, ChosenLabels]:
    """Labels of every annotated recording, whoever's the experiment wants."""
    tracks = label_tracks(
        {str(source): annotation for source, annotation in annotations.items()},
        config.their_names(),
        {str(source): measured[source.recording].n_frames for source in annotations},
    )
    by_recording: dict[str, dict[str, LabelTrack]] = {}
    for source in annotations:
        by_recording.setdefault(source.recording, {})[source.annotator] = tracks[str(source)]
    return {recording: choose_labels(found, config.annotations) for recording, found in by_recording.items()}


@dataclass(frozen=True)
class _Measured:
    """Length and frame rate of a recording, and what told them."""

    n_frames: int
    fps: float
    video: VideoInfo | None = None
    pose: PoseTrack | None = None
    embeddings_path: Path | None = None

    @property
    def n_pose_rows(self) -> int | None:
        return None if self.pose is None else self.pose.n_frames


def _gathered(
    recording: Recording,
    found: _Measured,
    chosen: ChosenLabels | None,
    notes: tuple[str, ...],
    config: ExperimentConfig,
) -> GatheredRecording:
    centers = None if found.pose is None else track_center(found.pose, config.center, found.fps)
    return GatheredRecording(
        recording,
        found.video,
        centers,
        chosen.labels if chosen else None,
        found.embeddings_path,
        found.n_frames,
        found.fps,
        notes,
        chosen.disagreement if chosen else None,
        chosen.annotators if chosen else {},
    )


def recordings_csv(config: ExperimentConfig) -> Path:
    """The table of recordings; the demo's is made on first use."""
    if config.recordings != "demo":
        return Path(config.recordings)
    with progress_bars() as bars:
        return make_demo(Path("demo"), config.demo, bars.add("Simulating the demo's open field"))


def _measure(recording: Recording, config: ExperimentConfig, bars: Bars) -> _Measured:
    if isinstance(config.backbone, PrecomputedConfig):
        return _measure_precomputed(recording, config.backbone, config)
    video = inspect_video(recording.video_path, config.cache_dir / "videos.json")
    if recording.has_blob_poses:
        pose = cached_blob_track(video, config.cache_dir, bars.add(f"Tracking the animal in {recording.id}"))
        return _Measured(video.n_frames, video.fps, video, pose)
    if recording.pose_path is None:
        raise InputError(
            f"Recording {recording.id} has no file in the column `poses` of the recordings table, but its frames are "
            "cropped around the animal. Name the video's pose file there, or write `blob` to have a single animal "
            "tracked by how it differs from the background."
        )
    pose = read_poses(recording.pose_path, config.center.individual)
    return _Measured(video.n_frames, video.fps, video, pose)


def _measure_precomputed(recording: Recording, backbone: PrecomputedConfig, config: ExperimentConfig) -> _Measured:
    if backbone.files is None:
        path = recording.video_path
        if backbone.fps is None:
            raise InputError(
                "backbone.name: precomputed takes the embeddings from the files in the column `video` of the "
                "recordings table, which do not tell the frame rate. Add `fps:` below `backbone:`."
            )
        return _Measured(count_precomputed_frames(path), backbone.fps, embeddings_path=path)
    path = backbone.path_for(recording.id, Path(config.recordings).parent)
    video = inspect_video(recording.video_path, config.cache_dir / "videos.json")
    return _Measured(video.n_frames, backbone.fps or video.fps, video, embeddings_path=path)


def summarise(recordings: Sequence[GatheredRecording], behaviors: Sequence[str]) -> None:
    """Log what was found: one line a recording."""
    for item in recordings:
        positives = ""
        if item.labels is not None:
            shares = item.labels.active.sum(axis=0) / max(1, item.n_frames)
            positives = ", ".join(f"{b} {share:.1%}" for b, share in zip(behaviors, shares, strict=True))
        unobserved = int((~item.observed).sum())
        log.info(
            "%s: %s, %d frames at %g fps, %d unobserved%s",
            item.id, item.subset, item.n_frames, item.fps, unobserved, f"; {positives}" if positives else "",
        )  # fmt: skip
