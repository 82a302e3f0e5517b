"""What a lab's folder holds: videos, pose files, annotation files, told by what is in them.

Only beginnings are read. Left aside are hidden files, what Rearview itself wrote (runs, caches), what DeepLabCut
keeps beside its analyses (training images, networks), and videos that were drawn from other videos.
"""

import os
import re
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from common.errors import InputError
from common.suggestions import listing
from features.poses import READERS, sequences_in
from features.poses.deeplabcut import read_header, require_video_poses
from pipeline.annotations import FORMATS, media_by_observation
from pipeline.annotations.frame_table import index_position, parse_cell
from pipeline.annotations.opening import AnnotationFile, cell, open_annotation_file
from pipeline.dataset.pairing.names import VIDEO_SUFFIXES, is_derived_video
from pipeline.dataset.pairing.pairing import AnnotationSource
from pipeline.dataset.table import COLUMNS
from pipeline.starter.feature_files import FeatureFile, features_in

MOST_FILES = 50_000
MOST_LEVELS = 12
_MOST_TEXT_BYTES = 1_000_000_000
_UNPRINTABLE = "its name has a line break or another sign that a table can't hold; rename it"
_TABLES = (
    ".csv", ".tsv", ".txt", ".xlsx", ".ods", ".xls", ".html", ".htm", ".annot", ".boris", ".boris_gz", ".json", ".mat",
)  # fmt: skip
_NO_TEXT = (".xlsx", ".ods", ".xls", ".mat", ".boris", ".boris_gz")
_ARRAYS = (".h5", ".hdf5", ".npy", ".npz", ".slp", ".nwb", ".nc")
_BORIS_NAMES = (".boris", ".boris_gz", ".json")
_DEEPLABCUT_FOLDERS = {
    "labeled-data", "training-datasets", "dlc-models", "dlc-models-pytorch", "evaluation-results",
    "evaluation-results-pytorch", "unaugmented-data-set",
}  # fmt: skip
_POSES_ALONE = ("sleap_csv", "xy_csv", "movement")
_DEEPLABCUT_TRAINING = "collecteddata_"
_CACHED = re.compile(r".+__[0-9a-f]{12}\.h5")
"""How `features.cache.store.cache_path` names a file."""
_OTHER_FOLDERS = {"__pycache__", "node_modules", "site-packages", "$recycle.bin", "system volume information"}


UNKNOWN = "no labels, poses or features in a format that Rearview knows"
OWN_TABLE = "a table of recordings of Rearview"
OTHER_KIND = "another kind of file"
"""It was not opened: nothing that an experiment needs has such an ending."""


class Skipped(NamedTuple):
    """A file or folder that was not looked at or not taken, and why."""

    path: Path
    reason: str


@dataclass(frozen=True)
class LabFolder:
    """What was found in `root` (absolute), in the order of paths.

    A file with several observations stands among the annotations once for each; `skipped` is what looks like one of
    these and was not taken, and what is nothing of these (`OTHER_KIND`); `n_files` counts what was seen, whatever it
    holds. `sequences` are recordings in pose files of several, as `file#sequence=NAME`. `features` were made elsewhere.
    """

    root: Path
    videos: tuple[Path, ...]
    poses: tuple[Path, ...]
    annotations: tuple[AnnotationSource, ...]
    skipped: tuple[Skipped, ...]
    n_files: int
    sequences: tuple[Path, ...] = ()
    features: tuple[FeatureFile, ...] = ()


def scan_folder(folder: Path) -> LabFolder:
    """Look through a folder and all folders in it, at most `MOST_FILES` files and `MOST_LEVELS` levels deep.

    Raises
    ------
    InputError
        No such folder, or too many files in it.
    """
    if not folder.is_dir():
        found = "a file" if folder.is_file() else "nothing"
        raise InputError(
            f"Expected a folder with videos at {folder}, found {found}. Check the spelling (in {Path.cwd()})."
        )
    root = folder.resolve()
    skipped: list[Skipped] = []
    files = list(_files(root, skipped))
    videos = _videos([path for path in files if path.suffix.casefold() in VIDEO_SUFFIXES], skipped)
    others = _Others(skipped)
    for path in (path for path in files if path.suffix.casefold() not in VIDEO_SUFFIXES):
        others.add(path)
    return LabFolder(
        root,
        tuple(videos),
        tuple(others.poses),
        tuple(others.annotations),
        tuple(skipped),
        len(files),
        tuple(others.sequences),
        tuple(others.features),
    )


@dataclass
class _Others:
    """Files that are no videos, by what they hold."""

    skipped: list[Skipped]
    poses: list[Path] = field(default_factory=list)
    annotations: list[AnnotationSource] = field(default_factory=list)
    sequences: list[Path] = field(default_factory=list)
    features: list[FeatureFile] = field(default_factory=list)

    def add(self, path: Path) -> None:
        if path.suffix.casefold() not in _TABLES + _ARRAYS:
            self.skipped.append(Skipped(path, OTHER_KIND))
            return
        try:
            of_several = sequences_in(path)
            self.sequences += of_several
            kinds = recognise(path)
            self.poses += [path] * ("poses" in kinds)
            self.annotations += sources_of(path) if "annotations" in kinds else []
            if not kinds and not of_several:
                own = features_in(path)
                self.features += [] if own is None else [own]
                self.skipped += [Skipped(path, _why_unknown(path))] if own is None else []
        except (InputError, OSError) as error:
            self.skipped.append(Skipped(path, str(error)))


def _why_unknown(path: Path) -> str:
    if not path.stat().st_size:
        return "it is empty (0 bytes)"
    if path.name.casefold().startswith(_DEEPLABCUT_TRAINING):
        return "DeepLabCut's own training images or networks"
    if path.suffix.casefold() in (".csv", ".tsv", ".txt", ".xlsx"):
        with suppress(InputError):
            if set(open_annotation_file(path).folded) >= set(COLUMNS[:2]):
                return OWN_TABLE
    return UNKNOWN


def recognise(path: Path) -> frozenset[str]:
    """What a file holds by its content: `poses`, `annotations`, both (the thesis' form), or neither.

    Raises
    ------
    InputError
        The file looks like one of these but can't be opened.
    """
    status = path.stat()
    if not status.st_size or path.name.casefold().startswith(_DEEPLABCUT_TRAINING):
        return frozenset()
    if status.st_size > _MOST_TEXT_BYTES and path.suffix.casefold() in _TABLES:
        raise InputError("it is larger than 1 GB, which no table of one video is")
    is_table = path.suffix.casefold() in _TABLES
    pose_format = "" if path.suffix.casefold() in (*_NO_TEXT, *_BORIS_NAMES) else _pose_format(path)
    has_labels = is_table and pose_format not in _POSES_ALONE and _holds_labels(path, pose_format)
    return frozenset(["poses"] * bool(pose_format) + ["annotations"] * has_labels)


def sources_of(path: Path) -> list[AnnotationSource]:
    """One source per observation of a file that names videos, named where there are several; one for any other file.

    BORIS' files do, FERAL's, and bout tables of several recordings. Empty for JSON of no known program, or a project
    without observations of videos.

    Raises
    ------
    InputError
        The file can't be opened.
    """
    file = open_annotation_file(path)
    media: dict[str, list[str]] = {}
    try:
        media = media_by_observation(file)
    except InputError:
        if not file.is_project or path.suffix.casefold().startswith(".boris"):
            raise
    found = [
        AnnotationSource(path, name if len(media) > 1 else "", tuple(dict.fromkeys(names)))
        for name, names in media.items()
        if names or not file.is_project  # live observations have no video
    ]
    return found if found or file.is_project else [AnnotationSource(path)]


def _pose_format(path: Path) -> str:
    try:
        found = next((name for name, reader in READERS.items() if reader.matches(path)), "")
        return "" if found == "npy_tracks" and not _are_tracks(path) else found
    except Exception:  # neither text nor a known array; damaged arrays raise whatever their bytes lead to
        return ""


def _are_tracks(path: Path) -> bool:
    """Arrays of anything are stored as .npy and .npz; embeddings, for one, have two axes."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            return bool({"keypoints.npy", "boxes.npy"} & set(archive.namelist()))
    return path.stem.endswith(("boxes", "ids", "keypoints")) or np.load(path, mmap_mode="r").ndim >= 3


def _holds_labels(path: Path, pose_format: str) -> bool:
    """Whether labels are in a text table; raises `InputError` where its points are not of a video."""
    try:
        file = open_annotation_file(path)
    except InputError:
        if path.suffix.casefold() in _NO_TEXT:
            raise
        return False  # some other program's text
    header = read_header(path, file.dialect) if pose_format == "deeplabcut_csv" else None
    if header is not None:
        require_video_poses(path, header)
    if file.is_project:
        return bool(sources_of(path))
    if set(file.folded) >= set(COLUMNS[:2]):
        return False  # a table of recordings
    fitting = [name for name, reader in FORMATS.items() if reader.matches(file)]
    if "deeplabcut_columns" in fitting and len(fitting) == 1:
        return header is not None and bool(header.label_positions)
    if pose_format and fitting and "simba" not in fitting:
        return "deeplabcut_columns" in fitting
    return _has_label_column(file) if fitting == ["frame_csv"] else bool(fitting)


def _has_label_column(file: AnnotationFile) -> bool:
    """True where a column's beginning is nothing but 1, 0 and not scored: any table of numbers can be a frame CSV."""
    index = index_position(file.names)
    columns = (
        {parse_cell(cell(cells, i)) for _, cells in file.rows[1:]}
        for i, name in enumerate(file.names)
        if i != index and name
    )
    return any(None not in values and values != {-1} for values in columns)


def _videos(candidates: list[Path], skipped: list[Skipped]) -> list[Path]:
    videos = []
    for path in candidates:
        beside = [other.stem for other in candidates if other != path]
        if not path.stat().st_size:
            skipped.append(Skipped(path, "the video is empty (0 bytes)"))
        elif is_derived_video(path.stem, beside):
            skipped.append(Skipped(path, "a video drawn from another one, with labels in the picture"))
        else:
            videos.append(path)
    return videos


def _files(root: Path, skipped: list[Skipped]) -> Iterator[Path]:
    """Every file that may be of interest, in the order of paths; links to folders aren't followed."""
    n_files = 0
    for place, folders, names in os.walk(root):
        here = Path(place)
        folders[:] = sorted(name for name in folders if not _is_none_of_a_lab(here / name))
        for name in list(folders):
            reason = _not_entered(here / name)
            if not reason and len((here / name).relative_to(root).parts) > MOST_LEVELS:
                reason = f"more than {MOST_LEVELS} folders deep"
            if reason:
                skipped.append(Skipped(here / name, reason))
                folders.remove(name)
        for path in (here / name for name in sorted(names) if not name.startswith((".", "~$"))):
            if not path.name.isprintable():
                skipped.append(Skipped(path, _UNPRINTABLE))
            elif path.is_file():
                n_files += 1
                if n_files > MOST_FILES:
                    here_are = listing(sorted(path.name for path in root.iterdir() if path.is_dir()), 8)
                    raise InputError(
                        f"{root} holds more than {MOST_FILES:,} files, which is more than a study's videos. Name the "
                        f"folder that holds them (here are {here_are})."
                    )
                yield path


def _is_none_of_a_lab(folder: Path) -> bool:
    name = folder.name.casefold()
    return name.startswith(".") or name in _OTHER_FOLDERS or (folder / "pyvenv.cfg").is_file()


def _not_entered(folder: Path) -> str:
    """Why a folder is left aside; "" = it isn't."""
    if not folder.name.isprintable():
        return _UNPRINTABLE
    if folder.name.casefold() in _DEEPLABCUT_FOLDERS:
        return "DeepLabCut's own training images or networks"
    if (folder / "provenance.json").is_file() or ((folder / "config.yaml").is_file() and (folder / "fits").is_dir()):
        return "a run of Rearview"
    if (folder / "audit.html").is_file() and (folder / "audit_findings.csv").is_file():
        return "an audit of Rearview"
    is_cache = (folder / "videos.json").is_file() or any(_CACHED.fullmatch(file.name) for file in folder.glob("*.h5"))
    return "a cache of Rearview" if is_cache else ""
