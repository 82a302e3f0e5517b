"""The video of a recording as a page can play it: found, checked, and copied where browsers need that."""

import json
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from common.errors import InputError
from common.files import sha256_of, write_text
from features.video.reading import UnreadableVideoError, check_video_file, is_there
from pipeline.films.browser_video import make_browser_video, plays_in_browsers
from pipeline.films.output_guard import require_no_original
from pipeline.review.run_reading import ReviewRecording

log = logging.getLogger(__name__)

_STATE_SUFFIX = ".source.json"


@dataclass(frozen=True)
class PageVideo:
    """What a page plays.

    Attributes
    ----------
    path : Path or None
        A file that browsers play; None where there is no video to show.
    note : str
        What the expert should know about it; "" = nothing.
    """

    path: Path | None
    note: str = ""


def find_videos(folder: Path) -> dict[str, list[Path]]:
    """All files below a folder by their name, case-folded, in order of path.

    Parameters
    ----------
    folder : Path
        Where videos lie that were moved.

    Returns
    -------
    dict of str to list of Path
    """
    found: dict[str, list[Path]] = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        found.setdefault(path.name.casefold(), []).append(path)
    return found


def page_video(
    recording: ReviewRecording,
    folder: Path,
    moved: Mapping[str, Sequence[Path]],
    progress: Callable[[int, int], None],
    originals: Sequence[Path] = (),
) -> PageVideo:
    """Find a recording's video, and copy it into a form that browsers play where they don't.

    Parameters
    ----------
    recording : ReviewRecording
    folder : Path
        Where a copy is put, as `<recording>.mp4`. One that was made from the same video is used again.
    moved : mapping of str to sequence of Path
        Videos by case-folded name (`find_videos`), looked at where the run's own path leads nowhere.
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
        When the copy cannot be written, or a file stands in its place that is not such a copy.
    """
    if recording.video_path is None:
        return PageVideo(None, "This run knows no video of the recording, so only the timelines are shown.")
    # A run of another system writes its paths in its own way.
    name = str(recording.video_path).replace("\\", "/").rsplit("/", 1)[-1]
    source, note = recording.video_path, ""
    if not is_there(source) and name.casefold() in moved:
        source, note = _moved(recording, moved[name.casefold()])
    copy = folder / f"{recording.recording}.mp4"
    try:
        check_video_file(source)
        if plays_in_browsers(source):
            return PageVideo(source, note)
        _make_copy(recording, source, copy, progress, originals)
    except UnreadableVideoError as error:
        if copy.is_file() and recording.video_sha256 and _state(copy).get("video_sha256") == recording.video_sha256:
            return PageVideo(copy)
        return PageVideo(None, f"{error if is_there(source) else _is_gone(name)} So only the timelines are shown.")
    return PageVideo(copy, note)


def _is_gone(name: str) -> str:
    return f"The video {name} is not where the run found it. Say where it is now: --videos FOLDER."


def _make_copy(
    recording: ReviewRecording,
    source: Path,
    copy: Path,
    progress: Callable[[int, int], None],
    originals: Sequence[Path],
) -> None:
    """Bring the copy up to date; its state beside it tells that it is one."""
    require_no_original(copy, [source, *originals])
    if copy.exists() and not _state_path(copy).exists():
        raise InputError(
            f"A copy of {source.name} that browsers play would be written to {copy}, but a file that is no such copy "
            "is there; it is left as it is. Move it away or choose another folder for the pages with --output."
        )
    state = _state_of(recording, source)
    if copy.is_file() and _state(copy) == state | {"copy_bytes": copy.stat().st_size}:
        return
    if not copy.exists():
        # Said before the copy appears: one that nothing is known of could never be replaced.
        write_text(_state_path(copy), json.dumps(state, indent=1) + "\n")
    make_browser_video(source, copy, progress, fps=recording.fps, n_frames=recording.n_frames)
    write_text(_state_path(copy), json.dumps(state | {"copy_bytes": copy.stat().st_size}, indent=1) + "\n")


def _moved(recording: ReviewRecording, candidates: Sequence[Path]) -> tuple[Path, str]:
    """The one that is the run's video to the byte, else the first with a word about it."""
    if not recording.video_sha256:
        return candidates[0], ""
    for path in candidates:
        try:
            if sha256_of(path) == recording.video_sha256:
                return path, ""
        except OSError:
            continue  # Another one may be readable.
    return candidates[0], (
        f"{candidates[0]} is not the same file as the video of the run, though it has its name. "
        "If it was converted or cut, frames may not fit."
    )


def relative_url(path: Path, folder: Path) -> str:
    """The address of a file for a page in a folder, escaped; absolute where no relative one exists (other drives)."""
    try:
        return quote(Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix())
    except ValueError:
        return path.resolve().as_uri()


def _state_of(recording: ReviewRecording, source: Path) -> dict[str, object]:
    """What must be equal for a copy to be of this video."""
    status = source.stat()
    state: dict[str, object] = {"video_sha256": recording.video_sha256, "fps": f"{recording.fps:.6f}"}
    # The run's hash is of the video as it was; size and time tell whether it was replaced since.
    return state | {"size_bytes": status.st_size, "modified_ns": status.st_mtime_ns}


def _state(copy: Path) -> dict[str, object]:
    try:
        found = json.loads(_state_path(copy).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _state_path(copy: Path) -> Path:
    return copy.with_name(copy.name + _STATE_SUFFIX)
