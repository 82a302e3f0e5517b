"""Do video, poses and labels speak of the same frames? Nothing is trimmed or shifted to make them agree."""

from features.errors import InputError
from pipeline.annotations.base import LabelSpan


def check_frames_agree(
    recording: str, n_frames_video: int, n_pose_rows: int | None = None, label_span: LabelSpan | None = None
) -> None:
    """Compare the decoded frames with the pose rows and the labels' span.

    Parameters
    ----------
    recording : str
        Id, for the error.
    n_frames_video : int
        Frames that were decoded (not the header's word).
    n_pose_rows : int, optional
        Rows of the pose file; None where there is none.
    label_span : LabelSpan, optional
        Of the annotation file (`RawAnnotation.span`); None where there is none.

    Raises
    ------
    InputError
        Pose rows or a frame table's rows are not as many as frames, or a bout ends after the video.
    """
    poses_fit = n_pose_rows is None or n_pose_rows == n_frames_video
    if poses_fit and (label_span is None or label_span.fits(n_frames_video)):
        return
    found = [f"the video has {n_frames_video} frames (decoded)"]
    found.append("no pose file is read" if n_pose_rows is None else f"the pose file has {n_pose_rows} rows")
    if label_span is None:
        found.append("no labels are read")
    elif label_span.complete:
        found.append(f"the labels have {label_span.n_frames} rows ({label_span.where})")
    else:
        found.append(f"the labels reach to frame {label_span.n_frames} ({label_span.where})")
    raise InputError(
        f"Video, poses and labels of recording {recording!r} must be of the same frames, but "
        f"{', '.join(found)}. Check that the three belong together, and that the video was not cut or "
        "converted after it was tracked or scored."
    )
