"""Videos named on the command line, or by their folder, as recordings to predict."""

import re
from collections.abc import Sequence
from pathlib import Path

from features.errors import InputError
from pipeline.init.pairing import find_poses
from pipeline.names import unsafe_name_reason
from pipeline.recordings import BLOB, Recording

POSES_BESIDE = "beside the video"
VIDEO_SUFFIXES = (".mp4", ".avi", ".mov", ".mkv", ".m4v", ".wmv", ".mpg", ".mpeg", ".webm", ".mjpeg")
_POSE_SUFFIXES = (".csv", ".h5", ".hdf5", ".npy", ".npz", ".slp", ".nwb", ".nc")
_UNSAFE = re.compile(r'[<>:"/\\|?*\x00-\x1f]+')
_LONGEST_ID_BYTES = 100


def recordings_of_videos(videos: Sequence[Path], poses: Sequence[str]) -> tuple[list[Recording], list[str]]:
    """Make recordings of videos and find their pose files.

    Parameters
    ----------
    videos : sequence of Path
        Videos, or folders, of which every video is taken (not those of folders within).
    poses : sequence of str
        A pose file for each video, in order; or one folder; or `blob`; or `POSES_BESIDE`, to look for each video's
        pose file in the video's own folder.

    Returns
    -------
    recordings : list of Recording
        To predict only; their ids are the videos' names.
    notes : list of str
        Which pose file was taken where there were several.

    Raises
    ------
    InputError
        If a video, a folder or a pose file does not exist, or there are not as many pose files as videos.
    """
    paths = [path for given in videos for path in _videos_in(given)]
    pose_paths, notes = _poses_of(paths, poses)
    is_blob = list(poses) == [BLOB] and not Path(BLOB).is_file()
    recordings = [
        Recording(name, video, pose, {}, name, "", "", has_blob_poses=is_blob)
        for name, video, pose in zip(_ids(paths), paths, pose_paths, strict=True)
    ]
    return recordings, notes


def _videos_in(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise InputError(f"There is no video {path}. Name videos, or folders of videos, that exist (in {Path.cwd()}).")
    found = sorted(file for file in path.iterdir() if file.is_file() and file.suffix.casefold() in VIDEO_SUFFIXES)
    found = [file for file in found if not file.name.startswith(".")]
    if not found:
        raise InputError(
            f"The folder {path} holds no video: no file ends in {', '.join(VIDEO_SUFFIXES)}. Name another folder, "
            "or the videos themselves."
        )
    return found


def _poses_of(videos: Sequence[Path], poses: Sequence[str]) -> tuple[list[Path | None], list[str]]:
    if list(poses) == [BLOB] and not Path(BLOB).is_file():
        return [None] * len(videos), []
    if list(poses) == [POSES_BESIDE] or (len(poses) == 1 and Path(poses[0]).is_dir()):
        folder = None if list(poses) == [POSES_BESIDE] else Path(poses[0])
        return _found_poses(videos, folder)
    if len(poses) != len(videos):
        raise InputError(
            f"--poses expects a pose file for each of the {len(videos)} videos, in the same order, or one folder in "
            f"which they lie, or `blob`; found {len(poses)}."
        )
    for text in poses:
        if not Path(text).is_file():
            raise InputError(f"--poses: there is no file {text} (in {Path.cwd()}).")
    return [Path(text) for text in poses], []


def _found_poses(videos: Sequence[Path], folder: Path | None) -> tuple[list[Path | None], list[str]]:
    """The pose file of each video by its name; None where there is none, which is that recording's own error."""
    found: list[Path | None] = []
    notes = []
    candidates: dict[Path, list[Path]] = {}
    for video in videos:
        place = folder or video.parent
        if place not in candidates:
            candidates[place] = sorted(
                file for file in place.iterdir() if file.is_file() and file.suffix.casefold() in _POSE_SUFFIXES
            )
        fitting = find_poses(video, candidates[place])
        found.append(fitting[0] if fitting else None)
        if len(fitting) > 1:
            others = ", ".join(path.name for path in fitting[1:])
            notes.append(f"{video.name}: poses are read from {fitting[0].name} (there are also {others}).")
    return found, notes


def _ids(videos: Sequence[Path]) -> list[str]:
    """Names of the videos, made safe as file names and told apart by folder or number."""
    ids: list[str] = []
    seen: set[str] = set()
    for video in videos:
        plain = _safe(video.stem)
        choices = [plain, _safe(f"{video.resolve().parent.name} {video.stem}")]
        choices += [f"{plain} {number}" for number in range(2, len(videos) + 2)]
        name = next(choice for choice in choices if choice.casefold() not in seen)
        seen.add(name.casefold())
        ids.append(name)
    return ids


def _safe(stem: str) -> str:
    name = _UNSAFE.sub("_", stem).strip(" .")
    while len(name.encode("utf-8")) > _LONGEST_ID_BYTES:
        name = name[:-1].rstrip(" .")
    return name if not unsafe_name_reason(name) and name.casefold() != "pooled" else f"video {name}".strip()
