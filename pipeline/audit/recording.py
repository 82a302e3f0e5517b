"""Everything that `audit` looks at, recording by recording; what is wrong with one never hides the others."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from common.errors import InputError
from common.notes import Doubt
from features.sources.base import Measured
from pipeline.config.frame_policy import require_known_recordings
from pipeline.dataset.annotators import check_annotators
from pipeline.dataset.corrections.taken import with_corrections
from pipeline.dataset.equal_findings import FindingKind, finding_kinds
from pipeline.dataset.findings import Finding, Severity, change_finding, error_finding
from pipeline.dataset.label_findings import (
    LabelSummary,
    behavior_findings,
    label_findings,
    silence_findings,
    summarise_labels,
)
from pipeline.dataset.pose_findings import low_likelihood_share, on_animal_share
from pipeline.dataset.reading import LoadedRecording, ReadingSettings, inspect_ahead, load_recording
from pipeline.dataset.recording import Recording
from pipeline.dataset.table import nothing_to_learn_from, read_recordings
from pipeline.runtime.progress import Bar, progress_bars

log = logging.getLogger(__name__)

SAME_FPS, SAME_SIZE = 0.02, 0.05
"""Recordings of one table may differ by these shares in frame rate and in width."""


@dataclass
class AuditedRecording:
    """One recording's files, as far as they could be read, and what is odd about them.

    Shares are in [0, 1]. `on_animal_share`: of the sampled frames in which something stands out from the background,
    those in which the center is there; None also where that can't be told.
    """

    loaded: LoadedRecording
    low_likelihood_share: float | None = None
    unobserved_share: float | None = None
    on_animal_share: float | None = None
    labels: list[LabelSummary] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    @property
    def id(self) -> str:
        """The recording's id."""
        return self.loaded.id

    @property
    def measured(self) -> Measured | None:
        """Length and frame rate; None where the video can't be read."""
        return self.loaded.measured

    def n_findings(self, severity: Severity) -> int:
        """How many findings there are of a severity."""
        return sum(finding.severity == severity for finding in self.findings)


@dataclass(frozen=True)
class Audit:
    """A whole table of recordings; `general` is about rows that can't be read, and about several recordings."""

    table_path: Path
    recordings: list[AuditedRecording]
    general: list[Finding]

    @property
    def findings(self) -> list[Finding]:
        """All, the general ones first."""
        return [*self.general, *(finding for item in self.recordings for finding in item.findings)]

    @property
    def finding_kinds(self) -> list[FindingKind]:
        """The same, each kind once."""
        return finding_kinds(self.findings, [item.loaded.recording for item in self.recordings])

    def n_findings(self, severity: Severity) -> int:
        """How many findings there are of a severity."""
        return sum(finding.severity == severity for finding in self.findings)


def audit_table(table_path: Path, settings: ReadingSettings, is_experiment: bool) -> Audit:
    """Look at every recording of a table.

    Without a YAML (`is_experiment` false) nothing is asked about behaviors, annotators and splits.

    Raises
    ------
    InputError
        When the table itself can't be read: no file, no header, unknown columns.
    """
    general: list[Finding] = []
    recordings = read_recordings(table_path, lambda name, error: general.append(error_finding(name, error)))
    try:
        recordings = with_corrections(recordings, settings.corrections)
    except InputError as error:
        general.append(error_finding("", error))
    unread = [finding.recording for finding in general if finding.recording]
    settings = settings.among(recordings)
    audited: list[AuditedRecording] = []
    with progress_bars() as bars:
        bar, frames = bars.add("Auditing", total=len(recordings)), bars.add("")
        inspect_ahead(recordings, settings, frames)
        for done, recording in enumerate(recordings):
            bar.update(done, text=f"Auditing {recording.id}")
            try:
                audited.append(audit_recording(recording, settings, frames, is_experiment))
            except Exception as error:  # The other recordings must be looked at even if this shows a bug of ours.
                log.debug("Where it happened:", exc_info=True)
                found = f"Unexpected {type(error).__name__}: {error}."
                fault = "This is a fault of Rearview; the recording was not audited to its end."
                finding = Finding("error", recording.id, found, fault, "Report it, with the file if you can.")
                audited.append(AuditedRecording(LoadedRecording(recording), findings=[finding]))
    if is_experiment:
        # What only follows from rows that can't be read is not said.
        if not any(recording.split == "train" for recording in recordings) and not unread:
            general.append(error_finding("", InputError(nothing_to_learn_from(table_path))))
        try:
            require_known_recordings(settings.frames, [*(recording.id for recording in recordings), *unread])
        except InputError as error:
            general.append(error_finding("", error))
    _look_at_labels(audited, general, settings, len(unread))
    return Audit(table_path, audited, [*general, *_differences(audited)])


def _look_at_labels(
    audited: Sequence[AuditedRecording], general: list[Finding], settings: ReadingSettings, n_unread: int
) -> None:
    """Add what labels lack of the experiment's behaviors, which only all files together tell."""
    by_recording = {item.id: [found.annotation for found in item.loaded.labels.values()] for item in audited}
    n_unread += sum(len(item.loaded.recording.annotation_paths) - len(item.loaded.labels) for item in audited)
    general.extend(behavior_findings(by_recording, settings.behaviors, n_unread))
    known = {name for found in by_recording.values() for annotation in found for name in annotation.behaviors}
    behaviors = {ours: [name for name in theirs if name in known] for ours, theirs in settings.behaviors.items()}
    annotations = {
        (item.id, annotator): found.annotation for item in audited for annotator, found in item.loaded.labels.items()
    }
    n_frames = {item.id: item.measured.n_frames for item in audited if item.measured is not None}
    findings = {item.id: item.findings for item in audited}
    for finding in label_findings(annotations, behaviors, n_frames):
        findings[finding.recording].append(finding)


def audit_recording(recording: Recording, settings: ReadingSettings, bar: Bar, is_experiment: bool) -> AuditedRecording:
    """Look at one recording: each of its files that can be read is looked at, whatever is wrong with the others."""
    findings = []
    if is_experiment:
        try:
            check_annotators(recording, settings.annotations)
        except InputError as error:
            findings.append(error_finding(recording.id, error))
    loaded = load_recording(recording, settings, bar, lists_errors=True)
    item = AuditedRecording(loaded, findings=[*findings, *loaded.findings])
    _measure_poses(item, settings)
    for annotator, found in loaded.labels.items():
        assert loaded.measured is not None
        summary = summarise_labels(annotator, found.annotation, loaded.measured.n_frames)
        item.labels.append(summary)
        item.findings += found.findings
        for note in found.annotation.notes:  # of how the file was read
            told = change_finding(recording.id, note if note.endswith(".") else f"{note}.")
            item.findings.append(replace(told, severity="warning") if isinstance(note, Doubt) else told)
        item.findings += silence_findings(recording.id, summary)
    return item


def _measure_poses(item: AuditedRecording, settings: ReadingSettings) -> None:
    """How sure the keypoints are, also where their rows are not those of the video or there is none."""
    loaded = item.loaded
    pose = loaded.pose if loaded.poses is None else loaded.poses.pose
    if pose is not None:
        item.low_likelihood_share = low_likelihood_share(pose, settings.center)
    if loaded.poses is None or loaded.centers is None:
        return
    item.unobserved_share = float((~loaded.centers.observed).mean())
    if loaded.video is not None and not loaded.recording.has_blob_poses:
        item.on_animal_share = on_animal_share(loaded.centers, loaded.video)


def _differences(audited: Sequence[AuditedRecording]) -> Iterator[Finding]:
    """Yield frame rates and picture sizes that are not those of most recordings."""
    rates = {item.id: item.measured.fps for item in audited if item.measured is not None}
    widths_px = {item.id: item.loaded.video.width_px for item in audited if item.loaded.video}
    if rates and max(rates.values()) > min(rates.values()) * (1 + SAME_FPS):
        yield Finding(
            "warning",
            "",
            f"The recordings have different frame rates: {_grouped(rates, 'frames/s')}.",
            "A window of so many frames then lasts longer in some than in others, and behavior looks faster or slower.",
            "Convert the videos to one rate before tracking and scoring.",
        )
    if widths_px and max(widths_px.values()) > min(widths_px.values()) * (1 + SAME_SIZE):
        yield Finding(
            "note",
            "",
            f"The pictures are of different widths: {_grouped(widths_px, 'px')}.",
            "If the animal is larger or smaller in pixels, the same crop shows more or less of it.",
            "Scale the videos so that the animal is of one size, or film from one height.",
        )


def _grouped(values: dict[str, float] | dict[str, int], unit: str) -> str:
    """`30 frames/s (m1, m2 and 3 more); 25 frames/s (m6)`."""
    groups: dict[str, list[str]] = {}
    for name, value in values.items():
        groups.setdefault(f"{value:g} {unit}", []).append(name)
    return "; ".join(
        f"{value} ({', '.join(names[:3])}{f' and {len(names) - 3} more' if len(names) > 3 else ''})"
        for value, names in groups.items()
    )
