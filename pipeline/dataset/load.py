"""Reads everything the user gave and checks that it fits together, before anything long begins."""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from features.centers import track_center
from features.sources.precomputed import hash_precomputed
from features.tracks import CenterTrack
from features.video.reading import VideoInfo
from pipeline.annotations import LabelSpan, RawAnnotation
from pipeline.config.frame_policy import require_known_recordings
from pipeline.config.schema import ExperimentConfig
from pipeline.dataset.annotators import ChosenLabels, check_annotators, choose_labels
from pipeline.dataset.findings import Finding, video_findings
from pipeline.dataset.frame_fit import fit_annotation, fit_poses
from pipeline.dataset.frames_agree import check_frames_agree
from pipeline.dataset.label_findings import seconds_findings
from pipeline.dataset.labels import LabelTrack, label_tracks
from pipeline.dataset.pose_findings import pose_findings
from pipeline.dataset.reading import (
    Measured,
    ReadingSettings,
    measure,
    read_recording_labels,
    read_recording_poses,
    rows_to_agree,
    under_title,
)
from pipeline.dataset.table import Recording, nothing_to_learn_from, read_recordings
from pipeline.demo.make import make_demo
from pipeline.runtime.progress import Bar, progress_bars

log = logging.getLogger(__name__)

CROSS_VALIDATION = "cross_validation"
TEST = "test"
PREDICT = "predict"


@dataclass(frozen=True)
class CheckedRecording:
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


def load_dataset(config: ExperimentConfig) -> list[CheckedRecording]:
    """Read recordings, videos' frame counts, poses and annotations, and check that they agree.

    Raises
    ------
    InputError
        At the first thing that is wrong, by file, row and key.
    """
    recordings = read_recordings(recordings_csv(config))
    if not any(r.split == "train" for r in recordings):
        raise InputError(nothing_to_learn_from(recordings_csv(config)))
    require_known_recordings(config.frames, [r.id for r in recordings])
    return load_recordings(config, recordings)


def load_recordings(
    config: ExperimentConfig, recordings: Sequence[Recording], are_behaviors_known: bool = False
) -> list[CheckedRecording]:
    """The same for recordings that need not be of the experiment's own table.

    Parameters
    ----------
    config : ExperimentConfig
    recordings : sequence of Recording
    are_behaviors_known : bool
        The behaviors' names are known from elsewhere, so that one may be in none of these annotations.

    Returns
    -------
    list of GatheredRecording

    Raises
    ------
    InputError
        At the first thing that is wrong, by file, row and key.
    """
    for recording in recordings:
        check_annotators(recording, config.annotations)
    settings = ReadingSettings.of(config)
    read: dict[str, _Read] = {}
    with progress_bars() as bars:
        bar = bars.add("Checking recordings", total=len(recordings))
        frames = bars.add("")
        for done, recording in enumerate(recordings):
            bar.update(done, text=f"Checking {recording.id}")
            read[recording.id] = _read(recording, settings, frames)
    labels = _labels(read, config, are_behaviors_known)
    return [_checked(recording, read[recording.id], labels.get(recording.id)) for recording in recordings]


@dataclass(frozen=True)
class _Read:
    """What was read of one recording, brought to the frames of its video."""

    measured: Measured
    centers: CenterTrack | None
    annotations: dict[str, RawAnnotation]
    notes: tuple[str, ...]


def _read(recording: Recording, settings: ReadingSettings, bar: Bar) -> _Read:
    """Read one recording's files; what the frame policy did, and what is odd, becomes notes."""
    measured = measure(recording, settings, under_title(bar, f"Decoding {recording.id}"))
    n_frames, video = measured.n_frames, measured.video
    pose = None
    if measured.embeddings_path is None:
        tracking = under_title(bar, f"Tracking the animal in {recording.id}")
        pose = read_recording_poses(recording, settings, video, tracking)
    n_pose_rows, allowed = rows_to_agree(pose, n_frames), settings.allowance(recording.id)
    raw = {name: read_recording_labels(recording, name, measured, settings) for name in recording.annotation_paths}
    spans: list[LabelSpan | None] = [annotation.span for annotation in raw.values()]
    for span in spans or [None]:
        check_frames_agree(recording.id, n_frames, n_pose_rows, span, allowed)
    odd = [] if video is None else video_findings(recording.id, video)
    notes: list[str] = []
    poses = centers = None
    if pose is not None:
        poses = fit_poses(pose, n_frames, allowed)
        notes += poses.notes
        centers = track_center(poses.pose, settings.center, measured.fps)
        centers = CenterTrack(centers.xy_px, centers.observed & poses.covered)
        odd += pose_findings(recording.id, poses.pose, centers, settings.center, video)
    fitted = {}
    for name, annotation in raw.items():
        fitted[name], told = fit_annotation(annotation, n_frames, allowed, poses.stop_frame if poses else None)
        notes += told
        odd += seconds_findings(recording.id, annotation, video)
    told_notes = _told(recording.id, notes, odd)
    # What makes labels doubtful stays marked as such.
    said = (type(note)(f"{_Source(recording.id, name)}: {note}") for name, found in raw.items() for note in found.notes)
    return _Read(measured, centers, fitted, (*told_notes, *said))


def _told(recording: str, notes: Sequence[str], odd: Sequence[Finding]) -> list[str]:
    """What a reader of the report must know, logged as well: nothing is moved, left out or doubtful in silence."""
    told = [f"{recording}: {note}" for note in notes]
    told += [finding.note for finding in odd if finding.severity == "warning"]
    for note in told:
        log.warning("%s", note)
    return told


class _Source(NamedTuple):
    """Who annotated what; "" = the table names nobody."""

    recording: str
    annotator: str

    def __str__(self) -> str:
        return f"{self.recording} (annotator {self.annotator})" if self.annotator else self.recording


def _labels(read: Mapping[str, _Read], config: ExperimentConfig, are_behaviors_known: bool) -> dict[str, ChosenLabels]:
    """Labels of every annotated recording, whoever's the experiment wants."""
    sources = [_Source(recording, name) for recording, found in read.items() for name in found.annotations]
    tracks = label_tracks(
        {str(source): read[source.recording].annotations[source.annotator] for source in sources},
        config.their_names(),
        {str(source): read[source.recording].measured.n_frames for source in sources},
        are_behaviors_known,
    )
    by_recording: dict[str, dict[str, LabelTrack]] = {}
    for source in sources:
        by_recording.setdefault(source.recording, {})[source.annotator] = tracks[str(source)]
    return {recording: choose_labels(found, config.annotations) for recording, found in by_recording.items()}


def _checked(recording: Recording, found: _Read, chosen: ChosenLabels | None) -> CheckedRecording:
    return CheckedRecording(
        recording,
        found.measured.video,
        found.centers,
        chosen.labels if chosen else None,
        found.measured.embeddings_path,
        found.measured.n_frames,
        found.measured.fps,
        found.notes,
        chosen.disagreement if chosen else None,
        chosen.annotators if chosen else {},
    )


def recordings_csv(config: ExperimentConfig) -> Path:
    """The table of recordings; the demo's is made on first use."""
    if config.recordings != "demo":
        return Path(config.recordings)
    with progress_bars() as bars:
        return make_demo(Path("demo"), config.demo, bars.add("Simulating the demo's open field"))


def summarise(recordings: Sequence[CheckedRecording], behaviors: Sequence[str]) -> None:
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


def input_fingerprints(recordings: Sequence[CheckedRecording]) -> dict[str, str]:
    """Hash of all that was read of each recording, by its id: two runs are of the same inputs when these are equal."""
    return {item.id: _input_fingerprint(item) for item in recordings}


def _input_fingerprint(item: CheckedRecording) -> str:
    row = item.recording
    digest = hashlib.sha256(repr((row.individual, row.group, row.split, item.n_frames, item.fps)).encode("utf-8"))
    if item.video is not None:
        digest.update(item.video.sha256.encode("utf-8"))
    if item.embeddings_path is not None:
        digest.update(hash_precomputed(item.embeddings_path).encode("utf-8"))
    if item.centers is not None:
        digest.update(item.centers.xy_px.tobytes() + item.centers.observed.tobytes())
    for name, labels in sorted({"": item.labels, **item.annotators}.items()):
        if labels is not None:
            digest.update(repr((name, labels.behaviors)).encode("utf-8"))
            digest.update(labels.active.tobytes() + labels.scored.tobytes())
    return digest.hexdigest()
