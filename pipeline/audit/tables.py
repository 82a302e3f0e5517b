"""What `audit` writes: `audit.csv`, `audit_findings.csv` and `audit_behaviors.csv`, for a spreadsheet or a program."""

from pathlib import Path

from common.tables import Row, write_table
from pipeline.audit.recording import Audit, AuditedRecording

FINDING_COLUMNS = ("severity", "recording", "found", "consequence", "remedy")
BEHAVIOR_COLUMNS = (
    "recording", "annotator", "file", "format", "behavior", "n_bouts", "n_frames", "n_scored_frames", "share_of_scored",
)  # fmt: skip
VIDEO_COLUMNS = (
    "video", "width_px", "height_px", "codec", "n_frames", "n_frames_header", "n_missing_frames", "fps",
    "fps_measured", "has_variable_rate", "longest_step_s", "max_offset_frames", "n_repeated_frames", "n_lone_repeats",
    "longest_still_frames", "longest_still_start_frame", "brightness_mean", "brightness_darkest",
    "brightness_brightest", "n_black_frames", "saturated_share", "n_brightness_jumps",
)  # fmt: skip
RECORDING_COLUMNS = (
    "recording", *VIDEO_COLUMNS, "poses", "n_pose_rows", "n_keypoints", "low_likelihood_share", "unobserved_share",
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
    n_frames = None if item.measured is None else item.measured.n_frames
    firsts = [summary.first_frame for summary in item.labels if summary.first_frame is not None]
    stops = [summary.stop_frame for summary in item.labels if summary.stop_frame is not None]
    unscored = [summary.unscored_share for summary in item.labels]
    return {
        "recording": item.id,
        **_video_cells(item),
        "poses": "blob" if recording.has_blob_poses else _name(recording.pose_path),
        "n_pose_rows": None if pose is None else pose.n_frames,
        "n_keypoints": None if pose is None else len(pose.keypoints),
        "low_likelihood_share": item.low_likelihood_share,
        "unobserved_share": item.unobserved_share,
        "on_animal_share": item.on_animal_share,
        "annotations": "; ".join(path.name for path in recording.annotation_paths.values()),
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
        {
            "recording": item.id,
            "annotator": summary.annotator,
            "file": summary.file,
            "format": summary.format,
            "behavior": share.behavior,
            "n_bouts": share.n_bouts,
            "n_frames": share.n_frames,
            "n_scored_frames": share.n_scored,
            "share_of_scored": share.share,
        }
        for summary in item.labels
        for share in summary.behaviors
    ]


def _video_cells(item: AuditedRecording) -> Row:
    cells: Row = dict.fromkeys(VIDEO_COLUMNS)
    cells["video"] = item.loaded.recording.video_path.name
    if item.measured is None:
        return cells
    cells |= {"n_frames": item.measured.n_frames, "fps": item.measured.fps}
    video = item.measured.video
    if video is None:
        return cells
    times, repeats, brightness = video.quality.times, video.quality.repeats, video.quality.brightness
    cells |= {
        "width_px": video.width_px,
        "height_px": video.height_px,
        "codec": video.codec,
        "n_frames_header": video.n_frames_header,
        "n_missing_frames": video.n_missing_frames,
        "n_repeated_frames": repeats.n_frames,
        "n_lone_repeats": repeats.n_lone,
        "longest_still_frames": repeats.longest_frames,
        "longest_still_start_frame": repeats.longest_start_frame if repeats.longest_frames else None,
        "brightness_mean": brightness.mean,
        "brightness_darkest": brightness.darkest,
        "brightness_brightest": brightness.brightest,
        "n_black_frames": brightness.n_black,
        "saturated_share": brightness.saturated_share,
        "n_brightness_jumps": brightness.n_jumps,
    }
    if times is not None:
        cells |= {
            "fps_measured": times.fps,
            "has_variable_rate": times.is_variable,
            "longest_step_s": times.longest_step_s,
            "max_offset_frames": times.max_offset_frames,
        }
    return cells


def _name(path: Path | None) -> str:
    return "" if path is None else path.name
