"""Do video, poses and labels speak of the same frames? Nothing is trimmed or shifted unless the user says so."""

from common.errors import InputError
from pipeline.annotations.base import LabelSpan
from pipeline.config.frame_policy import STRICT, FrameAllowance


class FramesDisagreeError(InputError):
    """Files of one recording are of different frames: what was found, and the ways out."""

    def __init__(self, found: str, remedy: str) -> None:
        super().__init__(f"{found} {remedy}")
        self.found = found
        self.remedy = remedy


def check_frames_agree(
    recording: str,
    n_frames_video: int,
    n_pose_rows: int | None = None,
    label_span: LabelSpan | None = None,
    allowed: FrameAllowance = STRICT,
    has_video: bool = True,
) -> None:
    """Compare the decoded frames (not the header's word) with the pose rows and the labels' span, where there are such.

    Without a video, the poses' rows are its frames.

    Raises
    ------
    FramesDisagreeError
        Pose rows or a frame table's rows are not as many as frames, or a bout ends after the video, by more than is
        allowed.
    """
    poses_fit = n_pose_rows is None or allowed.length_fits(n_frames_video, n_pose_rows, allowed.shift_poses_frames)
    if poses_fit and (label_span is None or _labels_fit(label_span, n_frames_video, allowed)):
        return
    found = [f"the video has {n_frames_video} frames (decoded)"] if has_video else []
    found.append("no pose file is read" if n_pose_rows is None else f"the pose file has {n_pose_rows} rows")
    if label_span is None:
        found.append("no labels are read")
    elif label_span.complete:
        found.append(f"the labels have {label_span.n_frames} rows ({label_span.where})")
    else:
        found.append(f"the labels reach to frame {label_span.n_frames} ({label_span.where})")
    off = [] if n_pose_rows is None else [abs(n_pose_rows + allowed.shift_poses_frames - n_frames_video)]
    if label_span is not None:
        end = label_span.n_frames + allowed.shift_labels_frames
        off.append(abs(end - n_frames_video) if label_span.complete else max(0, end - n_frames_video))
    has = f" (it allows {allowed.tail_frames} now)" if allowed.tail_frames else ""
    files = f"{'Video, poses' if has_video else 'Poses'} and labels of recording {recording!r}"
    raise FramesDisagreeError(
        f"{files} must be of the same frames, but {', '.join(found)}.",
        "Check that they belong together, and that the video was not cut or converted after it was tracked or "
        "scored. If you know that only the end differs, "
        f"`frames: {{policy: trim_to_shortest, at_most_frames: {max(off)}}}` in the experiment's YAML{has} leaves out "
        "what one of them lacks; if labels or poses are early or late throughout, "
        f"`frames: {{policy: shift, by_frames: {{{recording}: n}}}}` moves them.",
    )


def _labels_fit(span: LabelSpan, n_frames_video: int, allowed: FrameAllowance) -> bool:
    shift = allowed.shift_labels_frames
    if span.complete:
        return allowed.length_fits(n_frames_video, span.n_frames, shift)
    return span.n_frames + shift <= n_frames_video + allowed.tail_frames + max(0, shift)


def do_frames_agree(
    recording: str, n_frames: int, n_pose_rows: int | None, label_span: LabelSpan | None, allowed: FrameAllowance
) -> bool:
    """Whether `check_frames_agree` finds nothing wrong."""
    try:
        check_frames_agree(recording, n_frames, n_pose_rows, label_span, allowed)
    except FramesDisagreeError:
        return False
    return True
