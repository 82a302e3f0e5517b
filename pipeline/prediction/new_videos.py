"""Videos named on the command line, or by their folder, as recordings to predict."""

from collections.abc import Sequence
from pathlib import Path

from common.errors import InputError
from pipeline.dataset.pairing.names import VIDEO_SUFFIXES, is_derived_video
from pipeline.dataset.pairing.pairing import find_poses
from pipeline.dataset.pairing.table_cells import guess_individuals, recording_ids
from pipeline.dataset.recording import Recording
from pipeline.dataset.table import POSE_WORDS

POSES_BESIDE = "beside the video"
_POSE_SUFFIXES = (".csv", ".h5", ".hdf5", ".npy", ".npz", ".slp", ".nwb", ".nc")


def recordings_of_videos(videos: Sequence[Path], poses: Sequence[str]) -> tuple[list[Recording], list[str]]:
    """Make recordings of videos, to predict only, and find their pose files; notes tell which was taken of several.

    Of a folder every video is taken (not those of folders within). `poses` is a pose file for each video, in order; or
    one folder; or `blob` or `middle`; or `POSES_BESIDE`, to look for each video's pose file in the video's own folder.
    Ids and individuals are as `init` makes them of the videos' names.

    Raises
    ------
    InputError
        If a video, a folder or a pose file does not exist, or there are not as many pose files as videos.
    """
    notes: list[str] = []
    # A folder and a video of it name the video once.
    paths = list({path.resolve(): path for given in videos for path in _videos_in(given, notes)}.values())
    word = poses[0] if len(poses) == 1 and poses[0] in POSE_WORDS and not Path(poses[0]).is_file() else ""
    pose_paths = [None] * len(paths) if word else _poses_of(paths, poses, notes)
    ids = recording_ids(paths)
    individuals = guess_individuals(ids)
    if any(individuals[video] != ids[video] for video in paths):
        notes.append("Individuals are guessed from the videos' names; a table with --recordings says them for sure.")
    recordings = [
        Recording(ids[video], video, pose, {}, individuals[video], "", "", pose_word=word)
        for video, pose in zip(paths, pose_paths, strict=True)
    ]
    return recordings, notes


def _videos_in(path: Path, notes: list[str]) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise InputError(f"There is no video {path}. Name videos, or folders of videos, that exist (in {Path.cwd()}).")
    found = sorted(file for file in path.iterdir() if file.is_file() and file.suffix.casefold() in VIDEO_SUFFIXES)
    found = [file for file in found if not file.name.startswith(".")]
    stems = [file.stem for file in found]
    derived = [file for file in found if is_derived_video(file.stem, [stem for stem in stems if stem != file.stem])]
    notes += [f"{file.name} is left out: it was drawn from another video (name it to predict it)." for file in derived]
    found = [file for file in found if file not in derived]
    if not found:
        raise InputError(
            f"The folder {path} holds no video: no file ends in {', '.join(VIDEO_SUFFIXES)}. Name another folder, "
            "or the videos themselves."
        )
    return found


def _poses_of(videos: Sequence[Path], poses: Sequence[str], notes: list[str]) -> list[Path | None]:
    is_beside = list(poses) == [POSES_BESIDE]
    if is_beside or (len(poses) == 1 and Path(poses[0]).is_dir()):
        return _found_poses(videos, None if is_beside else Path(poses[0]), notes)
    if len(poses) != len(videos):
        raise InputError(
            f"--poses expects a pose file for each of the {len(videos)} videos, in the same order, or one folder in "
            f"which they lie, or `blob` or `middle`; found {len(poses)}."
        )
    for text in poses:
        if not Path(text).is_file():
            raise InputError(f"--poses: there is no file {text} (in {Path.cwd()}).")
    for video, text in zip(videos, poses, strict=True):
        if not find_poses(video, [Path(text)]):
            notes.append(
                f"{video.name} is read with {Path(text).name}, whose name does not fit: are they of one video?"
            )
    return [Path(text) for text in poses]


def _found_poses(videos: Sequence[Path], folder: Path | None, notes: list[str]) -> list[Path | None]:
    """The pose file of each video by its name; None where there is none, which is that recording's own error."""
    found: list[Path | None] = []
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
    for path in {path for path in found if path is not None and found.count(path) > 1}:
        sharing = [video.name for video, pose in zip(videos, found, strict=True) if pose == path]
        notes.append(
            f"{path.name} fits {', '.join(sharing)} alike, so it is given to none of them: name the video that was "
            "tracked, with --poses."
        )
    return [path if found.count(path) == 1 else None for path in found]
