"""Labels and poses brought to the frames of their video, as far as the frame policy allows.

Arrays keep the video's length: what is not covered becomes unscored or unobserved, never negative and never
repeated. Each change is told in a note.
"""

from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from features.tracks import PoseTrack
from pipeline.annotations import EventList, FrameTable, LabelSpan, RawAnnotation
from pipeline.annotations.base import overlaps
from pipeline.config.frame_policy import FrameAllowance
from pipeline.scoring.bouts.bouts import Bout

_Scalar = TypeVar("_Scalar", bound=np.generic)


@dataclass(frozen=True)
class FittedPoses:
    """Poses with a row per frame of the video, NaN in frames that the file does not cover.

    `covered`, shape (n_frames,): False where the policy, not the tracker, left a frame without a pose. From
    `stop_frame` on frames are left out by `trim_to_shortest`, of labels too; it is the video's length where none is.
    `notes`: what was moved, added or dropped.
    """

    pose: PoseTrack
    covered: NDArray[np.bool_]
    stop_frame: int
    notes: tuple[str, ...]


def place_rows(rows: NDArray[_Scalar], n_frames: int, shift_frames: int, fill: object) -> NDArray[_Scalar]:
    """Move rows, shape (n_rows, ...), by `shift_frames` (positive = later) onto a timeline: shape (n_frames, ...).

    Row i is of frame i + `shift_frames`. Rows outside are dropped; frames without a row are `fill`.
    """
    placed = np.full((n_frames, *rows.shape[1:]), fill, dtype=rows.dtype)
    first, stop = max(0, shift_frames), min(n_frames, len(rows) + shift_frames)
    if stop > first:
        placed[first:stop] = rows[first - shift_frames : stop - shift_frames]
    return placed


def fit_poses(pose: PoseTrack, n_frames: int, allowed: FrameAllowance) -> FittedPoses:
    """Give each frame of the video a row of poses, which `check_frames_agree` found to be within the allowance."""
    shift, name = allowed.shift_poses_frames, pose.source_path.name
    notes: list[str] = []
    n_absent = n_frames - pose.n_frames
    if pose.ends_with_last_seen and n_absent > 0:
        notes.append(
            f"{name} ends {n_absent} frames before the video, as its format does where the animal is not seen any "
            "more; these frames count as frames without a pose. Check that it is of this video."
        )
        pose = _placed(pose, n_frames, 0)
    if pose.n_frames == n_frames and shift == 0:
        return FittedPoses(pose, np.ones(n_frames, dtype=bool), n_frames, tuple(notes))
    covered = place_rows(np.ones(pose.n_frames, dtype=bool), n_frames, shift, False)
    notes.append(f"poses ({name}): {'; '.join(_changes(pose.n_frames, n_frames, shift, 'unobserved'))}.")
    stop_frame = n_frames if shift else min(n_frames, pose.n_frames)
    return FittedPoses(_placed(pose, n_frames, shift), covered, stop_frame, tuple(notes))


def fit_annotation(
    annotation: RawAnnotation, n_frames: int, allowed: FrameAllowance, pose_stop_frame: int | None = None
) -> tuple[RawAnnotation, tuple[str, ...]]:
    """Bring labels, which were found to be within the allowance, to the frames of the video; what changed is told.

    Frames from `pose_stop_frame` on have no pose by policy: their labels are left unscored. A frame table then has
    `n_frames` rows; an event list ends with the video and says which frames were watched.
    """
    stop = n_frames if pose_stop_frame is None else min(n_frames, pose_stop_frame)
    shift = allowed.shift_labels_frames
    n_rows = annotation.span.n_frames
    if shift == 0 and stop == n_frames and annotation.span.fits(n_frames):
        return annotation, ()
    n_labelled = n_rows if isinstance(annotation, FrameTable) else _n_watched(annotation, n_frames)
    changes = _changes(n_labelled, n_frames, shift, "unscored")
    if stop < n_frames:
        changes.append(f"the last {n_frames - stop} frames are unscored, since the pose file lacks them")
    notes = [f"labels ({annotation.path.name}): {'; '.join(changes)}."]
    if isinstance(annotation, FrameTable):
        return _fit_table(annotation, n_frames, shift, stop), tuple(notes)
    return _fit_events(annotation, n_frames, shift, stop), tuple(notes)


def _fit_table(table: FrameTable, n_frames: int, shift: int, stop: int) -> FrameTable:
    active = place_rows(table.active, n_frames, shift, False)
    scored = place_rows(table.scored, n_frames, shift, False)
    active[stop:] = scored[stop:] = False
    return replace(table, active=active, scored=scored)


def _fit_events(events: EventList, n_frames: int, shift: int, stop: int) -> EventList:
    moved = ((bout.behavior, bout.start_frame + shift, bout.stop_frame + shift) for bout in events.bouts)
    clipped = ((name, max(0, first), min(stop, last)) for name, first, last in moved)
    bouts = tuple(Bout(name, first, last) for name, first, last in clipped if first < last)
    spans = [(0, _n_watched(events, n_frames))] if events.watched is None else events.watched
    moved_spans = [part for first, last in spans for part in overlaps((first + shift, last + shift), [(0, stop)])]
    watched = None if moved_spans == [(0, n_frames)] else tuple(moved_spans)
    span = LabelSpan(max((bout.stop_frame for bout in bouts), default=0), False, events.span.where)
    return replace(events, bouts=bouts, span=span, watched=watched)


def _n_watched(events: EventList, n_frames: int) -> int:
    """Frames of the video that was scored: this one's, or more where bouts reach beyond it."""
    return max(n_frames, events.span.n_frames)


def _placed(pose: PoseTrack, n_frames: int, shift: int) -> PoseTrack:
    xy_px = place_rows(pose.xy_px, n_frames, shift, np.nan)
    likelihood = place_rows(pose.likelihood, n_frames, shift, np.nan)
    box_px = None if pose.box_px is None else place_rows(pose.box_px, n_frames, shift, np.nan)
    return replace(pose, xy_px=xy_px, likelihood=likelihood, box_px=box_px)


def _changes(n_rows: int, n_frames: int, shift: int, becomes: str) -> list[str]:
    """What moving rows onto the video's frames did, in words."""
    changes = []
    if shift:
        changes.append(f"moved {abs(shift)} frames {'later' if shift > 0 else 'earlier'}")
    if shift > 0:
        changes.append(f"the first {min(shift, n_frames)} frames are {becomes}")
    if shift < 0:
        changes.append(f"{min(-shift, n_rows)} frames before the video's beginning are dropped")
    n_dropped = n_rows + shift - n_frames
    if n_dropped > 0:
        changes.append(f"{n_dropped} frames after the video's end are dropped")
    if n_dropped < 0:
        changes.append(f"the last {min(-n_dropped, n_frames)} frames are {becomes}")
    return changes
