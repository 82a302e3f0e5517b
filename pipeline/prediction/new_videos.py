"""Videos named on the command line, or by their folder, as recordings to predict."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from common.errors import InputError
from common.suggestions import listing
from pipeline.config.schema import ExperimentConfig
from pipeline.dataset.pairing.names import VIDEO_SUFFIXES, is_derived_video
from pipeline.dataset.pairing.pairing import find_poses
from pipeline.dataset.pairing.table_cells import animals_id, guess_individuals, recording_ids
from pipeline.dataset.recording import Recording
from pipeline.dataset.table import POSE_WORDS
from pipeline.run_folder.recordings import RecordingRow
from pipeline.starter.animals import animals_in

POSES_BESIDE = "beside the video"
_POSE_SUFFIXES = (".csv", ".h5", ".hdf5", ".npy", ".npz", ".slp", ".nwb", ".nc")


def is_by_animal(config: ExperimentConfig, rows: Iterable[RecordingRow]) -> bool:
    """Whether a run has recordings of one animal each: none of a pair, nor of the animal that its settings name."""
    if any(row.animal for row in rows):
        return True
    crops = [getattr(source, "crop", None) or config.crop for source in config.features]
    is_of_pairs = any(getattr(source, "pair", None) for source in config.features)
    return not (config.center.individual or is_of_pairs or any(crop.around == "pair" for crop in crops))


def recordings_of_videos(
    videos: Sequence[Path], poses: Sequence[str], by_animal: bool = True
) -> tuple[list[Recording], list[str]]:
    """Make recordings of videos, to predict only, and find their pose files; notes tell which was taken of several.

    Of a folder every video is taken (not those of folders within). `poses` is a pose file for each video, in order; or
    one folder; or `blob` or `middle`; or `POSES_BESIDE`, to look for each video's pose file in the video's own folder.
    Ids and individuals are as `init` makes them of the videos' names. With `by_animal`, a video has a row for each
    animal of its pose file; of two, each is the other's partner.

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
    return _each_animal(recordings, notes) if by_animal else recordings, notes


def _each_animal(recordings: Sequence[Recording], notes: list[str]) -> list[Recording]:
    """A row for each animal, where a pose file holds several; what can't be read stays one row, and fails later."""
    animals_of: dict[str, tuple[str, ...]] = {}
    for recording in recordings:
        animals, doubts = animals_in(recording.pose_path) if recording.pose_path is not None else ((), ())
        notes += doubts
        animals_of[recording.id] = animals
        if animals and recording.pose_path is not None:
            said = ", with the other as its partner" if len(animals) == 2 else ""
            which = "a row for each" if len(animals) > 1 else "a row of it"
            notes.append(f"{recording.pose_path.name} holds {listing(animals)}: {which}{said}.")
    taken = {recording.id.casefold() for recording in recordings}
    rows = []
    for recording in recordings:
        animals = animals_of[recording.id]
        for animal in animals:
            own_id = animals_id(recording.id, animal, taken)
            is_guessed = recording.individual != recording.id
            individual = f"{recording.individual}_{animal}" if is_guessed else own_id
            partner = next((other for other in animals if other != animal), "") if len(animals) == 2 else ""
            rows.append(replace(recording, id=own_id, individual=individual, animal=animal, partner=partner))
        rows += [] if animals else [recording]
    return rows


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
