"""Reads everything the user gave and checks that it fits together, before anything long begins."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from features.backbones.precomputed import PrecomputedConfig
from features.centers import track_center
from features.errors import InputError
from features.poses import read_poses
from features.precomputed import count_precomputed_frames
from features.tracks import CenterTrack, PoseTrack
from features.video import VideoInfo, inspect_video
from pipeline.annotations import RawAnnotation, read_annotation
from pipeline.audit import check_frames_agree
from pipeline.config import ExperimentConfig
from pipeline.demo import make_demo
from pipeline.labels import LabelTrack, label_tracks
from pipeline.progress import progress_bars
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
        None where nobody annotated it.
    embeddings_path : Path or None
        Embeddings computed elsewhere; None where the video is embedded here.
    n_frames : int
    fps : float
    notes : tuple of str
        What a reader of the report should know of its files.
    """

    recording: Recording
    video: VideoInfo | None
    centers: CenterTrack | None
    labels: LabelTrack | None
    embeddings_path: Path | None
    n_frames: int
    fps: float
    notes: tuple[str, ...] = ()

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
    chosen = {r.id: _annotation_path(r, config.annotations) for r in recordings}
    measured: dict[str, _Measured] = {}
    annotations: dict[str, RawAnnotation] = {}
    with progress_bars() as bars:
        bar = bars.add("Checking recordings", total=len(recordings))
        for done, recording in enumerate(recordings):
            bar.update(done, text=f"Checking {recording.id}")
            found = measured[recording.id] = _measure(recording, config)
            path = chosen[recording.id]
            if path is not None:
                annotations[recording.id] = read_annotation(path, found.n_frames, found.fps)
            span = annotations[recording.id].span if path is not None else None
            check_frames_agree(recording.id, found.n_frames, found.n_pose_rows, span)
    labels = label_tracks(annotations, config.their_names(), {r: measured[r].n_frames for r in annotations})
    return [_gathered(r, measured[r.id], labels.get(r.id), annotations.get(r.id), config) for r in recordings]


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
    labels: LabelTrack | None,
    annotation: RawAnnotation | None,
    config: ExperimentConfig,
) -> GatheredRecording:
    notes = () if annotation is None else tuple(f"{recording.id}: {note}" for note in annotation.notes)
    centers = None if found.pose is None else track_center(found.pose, config.center, found.fps)
    return GatheredRecording(
        recording, found.video, centers, labels, found.embeddings_path, found.n_frames, found.fps, notes
    )


def recordings_csv(config: ExperimentConfig) -> Path:
    """The table of recordings; the demo's is made on first use."""
    if config.recordings != "demo":
        return Path(config.recordings)
    with progress_bars() as bars:
        return make_demo(Path("demo"), config.demo, bars.add("Simulating the demo's open field"))


def _measure(recording: Recording, config: ExperimentConfig) -> _Measured:
    if isinstance(config.backbone, PrecomputedConfig):
        return _measure_precomputed(recording, config.backbone, config)
    video = inspect_video(recording.video_path, config.cache_dir / "videos.json")
    if recording.pose_path is None:
        raise InputError(
            f"Recording {recording.id} has no file in the column `poses` of the recordings table, but its frames are "
            "cropped around the animal. Name the DeepLabCut file of the video there."
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


def _annotation_path(recording: Recording, annotator: str | None) -> Path | None:
    paths = recording.annotation_paths
    if not paths:
        if recording.split == "train":
            raise InputError(
                f"Recording {recording.id} has split `train` but no file in the column `annotations`. Name its "
                "annotation file there, or leave its split empty to have it predicted only."
            )
        return None
    if annotator is None and len(paths) == 1:
        return next(iter(paths.values()))
    if annotator in paths:
        return paths[annotator]
    if len(paths) == 1 and "" in paths:
        return paths[""]
    names = ", ".join(name or "(unnamed)" for name in paths)
    wanted = (
        f"`annotations: {annotator}` is not among them" if annotator else "the experiment does not say which to use"
    )
    raise InputError(
        f"Recording {recording.id} has annotations by {names}, and {wanted}. Set `annotations:` in the experiment's "
        "YAML to one of these names."
    )


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
