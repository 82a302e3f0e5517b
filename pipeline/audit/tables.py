"""What `audit` writes: `audit.csv`, `audit_findings.csv` and `audit_behaviors.csv`, for a spreadsheet or a program."""

from dataclasses import astuple
from pathlib import Path
from typing import Any

from common.tables import Row, write_table
from pipeline.annotations import AnnotationChoice
from pipeline.audit.recording import Audit, AuditedRecording

FINDING_COLUMNS = ("severity", "recording", "found", "consequence", "remedy")
BEHAVIOR_COLUMNS = (
    "recording", "annotator", "file", "format", "behavior", "n_bouts", "n_frames", "n_scored_frames", "share_of_scored",
)  # fmt: skip
# Where each column stands in what was measured.
_MEASURED = {
    "width_px": "video.width_px", "height_px": "video.height_px", "codec": "video.codec", "n_frames": "n_frames",
    "n_frames_header": "video.n_frames_header", "n_missing_frames": "video.n_missing_frames", "fps": "fps",
    "fps_measured": "video.quality.times.fps", "has_variable_rate": "video.quality.times.is_variable",
    "longest_step_s": "video.quality.times.longest_step_s",
    "max_offset_frames": "video.quality.times.max_offset_frames",
    "n_repeated_frames": "video.quality.repeats.n_frames", "n_lone_repeats": "video.quality.repeats.n_lone",
    "longest_still_frames": "video.quality.repeats.longest_frames",
    "longest_still_start_frame": "video.quality.repeats.longest_start_frame",
    "brightness_mean": "video.quality.brightness.mean", "brightness_darkest": "video.quality.brightness.darkest",
    "brightness_brightest": "video.quality.brightness.brightest",
    "n_black_frames": "video.quality.brightness.n_black",
    "saturated_share": "video.quality.brightness.saturated_share",
    "n_brightness_jumps": "video.quality.brightness.n_jumps",
}  # fmt: skip
RECORDING_COLUMNS = (
    "recording", "video", *_MEASURED, "poses", "n_pose_rows", "n_keypoints", "low_likelihood_share", "unobserved_share",
    "on_animal_share", "annotations", "first_labelled_frame", "last_labelled_frame", "frames_after_last_label",
    "unscored_share", "n_errors", "n_warnings", "n_notes",
)  # fmt: skip


def write_audit_tables(audit: Audit, folder: Path) -> None:
    """Write the three tables.

    Raises
    ------
    InputError
        If the folder cannot be written.
    """
    write_table(folder / "audit.csv", RECORDING_COLUMNS, [recording_row(item) for item in audit.recordings])
    write_table(
        folder / "audit_findings.csv",
        FINDING_COLUMNS,
        [{name: getattr(finding, name) for name in FINDING_COLUMNS} for finding in audit.findings],
    )
    write_table(
        folder / "audit_behaviors.csv",
        BEHAVIOR_COLUMNS,
        [row for item in audit.recordings for row in behavior_rows(item)],
    )


def recording_row(item: AuditedRecording) -> Row:
    """The line of audit.csv; what could not be read is empty."""
    recording, pose = item.loaded.recording, item.loaded.pose
    measured = {column: _measured(item.measured, place) for column, place in _MEASURED.items()}
    if not measured["longest_still_frames"]:
        measured["longest_still_start_frame"] = None
    n_frames = measured["n_frames"]
    firsts = [summary.first_frame for summary in item.labels if summary.first_frame is not None]
    stops = [summary.stop_frame for summary in item.labels if summary.stop_frame is not None]
    unscored = [summary.unscored_share for summary in item.labels]
    return {
        "recording": item.id,
        "video": recording.video_path.name,
        **measured,
        "poses": recording.pose_path.name if recording.pose_path else recording.pose_word,
        "n_pose_rows": None if pose is None else pose.n_frames,
        "n_keypoints": None if pose is None else len(pose.keypoints),
        "low_likelihood_share": item.low_likelihood_share,
        "unobserved_share": item.unobserved_share,
        "on_animal_share": item.on_animal_share,
        "annotations": "; ".join(
            path.name + recording.annotation_choices.get(annotator, AnnotationChoice()).part
            for annotator, path in recording.annotation_paths.items()
        ),
        "first_labelled_frame": min(firsts, default=None),
        "last_labelled_frame": max(stops) - 1 if stops else None,
        "frames_after_last_label": n_frames - max(stops) if stops and n_frames is not None else None,
        "unscored_share": sum(unscored) / len(unscored) if unscored else None,
        "n_errors": item.n_findings("error"),
        "n_warnings": item.n_findings("warning"),
        "n_notes": item.n_findings("note"),
    }


def behavior_rows(item: AuditedRecording) -> list[Row]:
    """The lines of audit_behaviors.csv: every behavior of every file, as the file names it."""
    return [
        dict(zip(BEHAVIOR_COLUMNS, (item.id, s.annotator, s.file, s.format, *astuple(b), b.share), strict=True))
        for s in item.labels
        for b in s.behaviors
    ]


def _measured(found: Any, place: str) -> Any:
    """What stands at a place; None where it, or what it is a part of, is missing."""
    for name in place.split("."):
        found = None if found is None else getattr(found, name)
    return found
