"""Everything that `audit` looks at, recording by recording; what is wrong with one never hides the others."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from common.errors import InputError
from common.notes import Doubt
from features.centers import track_center
from features.sources.base import Measured
from features.tracks import PoseTrack
from pipeline.annotations import LabelSpan, RawAnnotation
from pipeline.config.frame_policy import require_known_recordings
from pipeline.dataset.annotators import check_annotators
from pipeline.dataset.findings import Finding, Severity, video_findings
from pipeline.dataset.frame_fit import FittedPoses, fit_annotation, fit_poses
from pipeline.dataset.frames_agree import find_disagreement
from pipeline.dataset.label_findings import (
    LabelSummary,
    behavior_findings,
    label_findings,
    seconds_findings,
    summarise_labels,
)
from pipeline.dataset.pose_findings import low_likelihood_share, on_animal_share, pose_findings
from pipeline.dataset.reading import (
    ReadingSettings,
    measure,
    read_recording_labels,
    read_recording_poses,
    rows_to_agree,
    under_title,
)
from pipeline.dataset.table import Recording, nothing_to_learn_from, read_recordings
from pipeline.runtime.progress import Bar, progress_bars

log = logging.getLogger(__name__)

STOPS = "A run stops here."
_ANY_FPS = 30.0
"""Without a video it is only asked whether the keypoints are there, not how long gaps are."""
SAME_FPS, SAME_SIZE = 0.02, 0.05
"""Recordings of one table may differ by these shares in frame rate and in width."""


@dataclass
class AuditedRecording:
    """One recording's files, as far as they could be read.

    Attributes
    ----------
    recording : Recording
    measured : Measured or None
        None where the video can't be read.
    pose : PoseTrack or None
        As in the file; None where it can't be read or there is none.
    low_likelihood_share, unobserved_share, on_animal_share : float or None
        In [0, 1]. `on_animal_share`: of the sampled frames in which something stands out from the background, those
        in which the center is there; None also where that can't be told.
    annotations : list of RawAnnotation
        Brought to the frames of the video.
    labels : list of LabelSummary
    findings : list of Finding
    """

    recording: Recording
    measured: Measured | None = None
    pose: PoseTrack | None = None
    low_likelihood_share: float | None = None
    unobserved_share: float | None = None
    on_animal_share: float | None = None
    annotations: list[RawAnnotation] = field(default_factory=list)
    labels: list[LabelSummary] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    @property
    def id(self) -> str:
        """The recording's id."""
        return self.recording.id

    def fails(self, error: InputError) -> None:
        """Put down what would end a run."""
        self.findings.append(error_finding(self.id, error))

    def n_findings(self, severity: Severity) -> int:
        """How many findings there are of a severity."""
        return sum(finding.severity == severity for finding in self.findings)


@dataclass(frozen=True)
class Audit:
    """A whole table of recordings, looked at.

    Attributes
    ----------
    table_path : Path
    recordings : list of AuditedRecording
    general : list of Finding
        Rows that can't be read, and what is about several recordings.
    """

    table_path: Path
    recordings: list[AuditedRecording]
    general: list[Finding]

    @property
    def findings(self) -> list[Finding]:
        """All, the general ones first."""
        return [*self.general, *(finding for item in self.recordings for finding in item.findings)]

    def n_findings(self, severity: Severity) -> int:
        """How many findings there are of a severity."""
        return sum(finding.severity == severity for finding in self.findings)


def error_finding(recording: str, error: InputError) -> Finding:
    """An error of a reader, which says itself what was found and what to do, as a finding."""
    return Finding("error", recording, str(error), STOPS, "Do what it says, then audit again.")


def audit_table(table_path: Path, settings: ReadingSettings, is_experiment: bool) -> Audit:
    """Look at every recording of a table.

    Parameters
    ----------
    table_path : Path
    settings : ReadingSettings
    is_experiment : bool
        False without a YAML: then nothing is asked about behaviors, annotators and splits.

    Raises
    ------
    InputError
        When the table itself can't be read: no file, no header, unknown columns.
    """
    general: list[Finding] = []
    recordings = read_recordings(table_path, lambda name, error: general.append(error_finding(name, error)))
    audited: list[AuditedRecording] = []
    with progress_bars() as bars:
        bar, frames = bars.add("Auditing", total=len(recordings)), bars.add("")
        for done, recording in enumerate(recordings):
            bar.update(done, text=f"Auditing {recording.id}")
            item = AuditedRecording(recording)
            try:
                audit_recording(item, settings, frames, is_experiment)
            except Exception as error:  # The other recordings must be looked at even if this shows a bug of ours.
                log.debug("Where it happened:", exc_info=True)
                item.findings.append(_fault_of_ours(recording.id, error))
            audited.append(item)
    if is_experiment:
        general += _about_the_experiment(table_path, recordings, settings)
    annotations = {item.id: item.annotations for item in audited if item.annotations}
    for finding in behavior_findings(annotations, settings.behaviors):
        owner = next((item.findings for item in audited if item.id == finding.recording), general)
        owner.append(finding)
    return Audit(table_path, audited, general + _differences(audited))


def audit_recording(item: AuditedRecording, settings: ReadingSettings, bar: Bar, is_experiment: bool) -> None:
    """Look at one recording: each of its files that can be read is looked at, whatever is wrong with the others."""
    recording = item.recording
    if is_experiment:
        try:
            check_annotators(recording, settings.annotations)
        except InputError as error:
            item.fails(error)
    try:
        item.measured = measure(recording, settings, under_title(bar, f"Decoding {recording.id}"))
        if item.measured.video is not None:
            item.findings += video_findings(recording.id, item.measured.video)
    except InputError as error:
        item.fails(error)
    _audit_files(item, settings, bar)


def _fault_of_ours(recording: str, error: Exception) -> Finding:
    return Finding(
        "error",
        recording,
        f"Unexpected {type(error).__name__}: {error}.",
        "This is a fault of Rearview; the recording was not looked at to its end.",
        "Report it, with the file if you can.",
    )


def _audit_files(item: AuditedRecording, settings: ReadingSettings, bar: Bar) -> None:
    """Look at poses and labels, alone and together."""
    _read_poses(item, settings, bar)
    if item.measured is None:
        _audit_poses(item, None, None, settings)
        return
    raw = _read_labels(item, item.measured, settings)
    n_frames, allowed = item.measured.n_frames, settings.allowance(item.id)
    n_pose_rows = rows_to_agree(item.pose, n_frames)
    spans: list[LabelSpan | None] = [annotation.span for annotation in raw.values()]
    for number, span in enumerate(spans or [None]):
        # What is wrong with the poses is said once, not with every annotator.
        rows = n_pose_rows if number == 0 else None
        if (wrong := find_disagreement(item.id, n_frames, rows, span, allowed)) is not None:
            item.findings.append(Finding("error", item.id, wrong.found, STOPS, wrong.remedy))
    poses = None
    if item.pose is not None and find_disagreement(item.id, n_frames, n_pose_rows, allowed=allowed) is None:
        poses = fit_poses(item.pose, n_frames, allowed)
        item.findings += [_policy_note(item.id, note) for note in poses.notes]
    _audit_poses(item, poses, item.measured, settings)
    for annotator, annotation in raw.items():
        if find_disagreement(item.id, n_frames, label_span=annotation.span, allowed=allowed) is None:
            fitted, notes = fit_annotation(annotation, n_frames, allowed, poses.stop_frame if poses else None)
            item.findings += [_policy_note(item.id, note) for note in (*notes, *annotation.notes)]
            _audit_labels(item, annotator, fitted, item.measured)


def _read_poses(item: AuditedRecording, settings: ReadingSettings, bar: Bar) -> None:
    recording, video = item.recording, None if item.measured is None else item.measured.video
    if not settings.source.needs_poses or (recording.has_blob_poses and video is None):
        return
    tracking = under_title(bar, f"Tracking the animal in {recording.id}")
    try:
        item.pose = read_recording_poses(recording, settings, video, tracking)
    except InputError as error:
        item.fails(error)


def _read_labels(item: AuditedRecording, measured: Measured, settings: ReadingSettings) -> dict[str, RawAnnotation]:
    raw = {}
    for annotator in item.recording.annotation_paths:
        try:
            raw[annotator] = read_recording_labels(item.recording, annotator, measured, settings)
        except InputError as error:
            item.fails(error)
    return raw


def _audit_poses(
    item: AuditedRecording, poses: FittedPoses | None, measured: Measured | None, settings: ReadingSettings
) -> None:
    """Look at the keypoints, also where their rows are not those of the video or there is none."""
    pose = item.pose if poses is None else poses.pose
    if pose is None:
        return
    item.low_likelihood_share = low_likelihood_share(pose, settings.center)
    try:
        centers = track_center(pose, settings.center, measured.fps if measured else _ANY_FPS)
    except InputError as error:
        item.fails(error)
        return
    if poses is not None:
        item.unobserved_share = float((~(centers.observed & poses.covered)).mean())
    video = measured.video if measured else None
    if video is not None and poses is not None and not item.recording.has_blob_poses:
        item.on_animal_share = on_animal_share(centers, video)
    item.findings += pose_findings(item.id, pose, centers, settings.center, video)


def _audit_labels(item: AuditedRecording, annotator: str, annotation: RawAnnotation, measured: Measured) -> None:
    item.annotations.append(annotation)
    summary = summarise_labels(annotator, annotation, measured.n_frames)
    item.labels.append(summary)
    item.findings += [*seconds_findings(item.id, annotation, measured.video), *label_findings(item.id, summary)]


def _policy_note(recording: str, note: str) -> Finding:
    severity: Severity = "warning" if isinstance(note, Doubt) else "note"
    return Finding(
        severity, recording, note if note.endswith(".") else f"{note}.", "", "Check that this is what you want."
    )


def _about_the_experiment(
    table_path: Path, recordings: Sequence[Recording], settings: ReadingSettings
) -> list[Finding]:
    findings = []
    if not any(recording.split == "train" for recording in recordings):
        findings.append(error_finding("", InputError(nothing_to_learn_from(table_path))))
    try:
        require_known_recordings(settings.frames, [recording.id for recording in recordings])
    except InputError as error:
        findings.append(error_finding("", error))
    return findings


def _differences(audited: Sequence[AuditedRecording]) -> list[Finding]:
    """Frame rates and picture sizes that are not those of most recordings."""
    findings = []
    rates = {item.id: item.measured.fps for item in audited if item.measured is not None}
    widths_px = {item.id: item.measured.video.width_px for item in audited if item.measured and item.measured.video}
    if rates and max(rates.values()) > min(rates.values()) * (1 + SAME_FPS):
        findings.append(
            Finding(
                "warning",
                "",
                f"The recordings have different frame rates: {_grouped(rates, 'frames/s')}.",
                "A window of so many frames then lasts longer in some than in others, and behavior passes at another "
                "pace.",
                "Convert the videos to one rate before tracking and scoring.",
            )
        )
    if widths_px and max(widths_px.values()) > min(widths_px.values()) * (1 + SAME_SIZE):
        findings.append(
            Finding(
                "note",
                "",
                f"The pictures are of different widths: {_grouped(widths_px, 'px')}.",
                "If the animal is larger or smaller in pixels, the same crop shows more or less of it.",
                "Scale the videos so that the animal is of one size, or film from one height.",
            )
        )
    return findings


def _grouped(values: dict[str, float] | dict[str, int], unit: str) -> str:
    """`30 frames/s (m1, m2 and 3 more); 25 frames/s (m6)`."""
    groups: dict[str, list[str]] = {}
    for name, value in values.items():
        groups.setdefault(f"{value:g} {unit}", []).append(name)
    return "; ".join(
        f"{value} ({', '.join(names[:3])}{f' and {len(names) - 3} more' if len(names) > 3 else ''})"
        for value, names in groups.items()
    )
