"""The video of a recording as a page can play it: found, checked, and copied where browsers need that."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from features.video.files import UnreadableVideoError, check_video_file
from pipeline.films.browser_video import make_browser_video, plays_in_browsers
from pipeline.films.originals import find_original, has_content, metadata_of, require_made_here, require_no_original
from pipeline.run_folder.recordings import RecordingRow

_DEAD_AFTER_S = 600.0


class PageVideo(NamedTuple):
    """What a page plays, a file that browsers play or None, and what the expert should know about it.

    `is_pending`: it is made ready while the page is open (`pipeline.review.preparation`).
    """

    path: Path | None
    note: str = ""
    is_pending: bool = False


NO_VIDEO = PageVideo(None)
UNKNOWN = PageVideo(None, "This run knows no video of the recording, so only the timelines are shown.")
PENDING = PageVideo(None, is_pending=True)


def has_video(video: PageVideo) -> bool:
    """Whether the page plays one, now or once it is ready."""
    return video.path is not None or video.is_pending


def page_video(
    row: RecordingRow,
    folder: Path,
    moved: Mapping[str, Sequence[Path]],
    progress: Callable[[int, int], None],
    originals: Sequence[Path] = (),
) -> PageVideo:
    """Find a recording's video, and copy it into a form that browsers play where they don't.

    Parameters
    ----------
    row : RecordingRow
    folder : Path
        Where a copy is put, as `<recording>.mp4`. One that was made from the same video is used again.
    moved : mapping of str to sequence of Path
        Where to look for the video first (`pipeline.films.originals.files_by_name`).
    progress : callable
        Called with frames done and all frames, where a copy is made.
    originals : sequence of Path
        Videos of the run: none of them is written over.

    Returns
    -------
    PageVideo
        Without a video, and with a note that says why, where it is gone or can't be read.

    Raises
    ------
    InputError
        When the copy cannot be written, or a file stands in its place that was not made here.
    """
    video = row.video_path
    if video is None:
        return UNKNOWN
    copy = folder / f"{row.recording}.mp4"
    source = find_original(video, row.video_sha256, moved)
    made_from = _made_from(row, source)
    try:
        if source is None:
            raise UnreadableVideoError(
                f"The video {video.name} is not where the run found it. Say where it is now: --videos FOLDER."
            )
        check_video_file(source)
        note = _note(source, video, row.video_sha256)
        if plays_in_browsers(source, row.fps):
            return PageVideo(source, note)
        require_no_original(copy, [source, *originals])
        require_made_here(copy)
        if metadata_of(copy).get("description") != made_from:
            make_browser_video(source, copy, progress, row.fps, row.n_frames, made_from)
    except UnreadableVideoError as error:
        # A copy of the same video will do.
        known = metadata_of(copy).get("description", "").split(" of ")[0]
        if row.video_sha256 and known == made_from.split(" of ")[0]:
            return PageVideo(copy)
        return PageVideo(None, f"{error} So only the timelines are shown.")
    return PageVideo(copy, note)


def clear_half_copies(folder: Path) -> None:
    """Delete what a killed conversion left; one that goes on is written to all the time, and stays."""
    for left in folder.glob(".*.mp4.*.tmp"):
        # Another process may be quicker.
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > _DEAD_AFTER_S:
                left.unlink()


def _made_from(row: RecordingRow, source: Path | None) -> str:
    """What a copy says of its video: the run's hash and rate, and by size and time whether it was replaced since."""
    known = f"{row.video_sha256} at {row.fps:.6f} fps"
    if source is None:
        return known
    status = source.stat()
    return f"{known} of {status.st_size} bytes, {status.st_mtime_ns}"


def _note(source: Path, video: Path, sha256: str) -> str:
    """A word about a file that only has the name of the run's video."""
    if source == video or not sha256 or has_content(source, sha256):
        return ""
    return (
        f"{source} is not the same file as the video of the run, though it has its name. "
        "If it was converted or cut, frames may not fit."
    )


def relative_url(path: Path, folder: Path) -> str:
    """The address of a file for a page in a folder, escaped; absolute where no relative one exists (other drives)."""
    try:
        return quote(Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix())
    except ValueError:
        return path.resolve().as_uri()
