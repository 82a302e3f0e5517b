"""Pose files: one reader per format. A new format is a new file here and one line in `READERS`."""

import hashlib
from pathlib import Path
from types import ModuleType

from common.delimited import require_file
from common.errors import InputError
from common.files import is_file, sha256_of
from common.suggestions import listing
from features.poses import (
    calms21,
    deeplabcut,
    deeplabcut_h5,
    jabs_h5,
    npy_tracks,
    sleap_csv,
    sleap_h5,
    through_movement,
    xy_csv,
)
from features.poses.assembly import SeveralIndividualsError
from features.tracks import PoseTrack

SEQUENCE = "#sequence="

READERS: dict[str, ModuleType] = {
    "calms21": calms21,
    "sleap_csv": sleap_csv,
    "deeplabcut_csv": deeplabcut,
    "deeplabcut_h5": deeplabcut_h5,
    "sleap_h5": sleap_h5,
    "jabs_h5": jabs_h5,
    "npy_tracks": npy_tracks,
    "xy_csv": xy_csv,
    "movement": through_movement,
}
"""Each has a `DESCRIPTION`, `matches(path)`, which looks at the content and never at the name, and
`read(path, individual)`, which gives the `PoseTrack` of one. The first that matches reads the file: SLEAP's CSV looks
like DeepLabCut's with a flat header. One whose files hold several recordings has `sequence_names(path)` and
`sequence_bytes(path, name)`, and its `read` takes such a name as well."""


def split_sequence(path: Path) -> tuple[Path, str]:
    """A pose file, and the name of the recording in it that `file#sequence=NAME` means; "" where none is named."""
    file, _, sequence = path.as_posix().partition(SEQUENCE)
    return (Path(file), sequence) if sequence and not is_file(path) else (path, "")


def individuals_in(path: Path) -> tuple[tuple[str, ...], PoseTrack | None]:
    """Names of the animals in a pose file; of one that holds a single one, `("",)` and its track.

    Raises
    ------
    InputError
        As `read_poses`.
    """
    try:
        return ("",), read_poses(path)
    except SeveralIndividualsError as error:
        return error.names, None


def read_poses(path: Path, individual: str | None = None) -> PoseTrack:
    """Read a pose file, whose format is recognised by its content; one row per video frame, from frame 0.

    The individual, whose keypoints are read, is needed where the file holds several animals. Which of several
    recordings is meant stands behind the path: ``train.json#sequence=NAME``.

    Raises
    ------
    InputError
        Missing, empty or damaged file, unknown format, unknown individual or sequence.
    """
    path, sequence = split_sequence(path)
    reader = _reader_of(path, sequence)
    track: PoseTrack = reader.read(path, individual, *[sequence] * bool(sequence))
    return track


def sequences_in(path: Path) -> list[Path]:
    """The recordings in a file of several, as `file#sequence=NAME`; empty for any other file.

    Raises
    ------
    InputError
        A damaged file.
    """
    readers = [reader for reader in READERS.values() if hasattr(reader, "sequence_names") and reader.matches(path)]
    return [Path(f"{path}{SEQUENCE}{name}") for reader in readers for name in reader.sequence_names(path)]


def sha256_of_poses(path: Path) -> str:
    """Hash of a pose file, or of what it says of the recording that is meant: two of one file are no copies.

    Raises
    ------
    InputError
        As `read_poses`.
    """
    file, sequence = split_sequence(path)
    if not sequence:
        return sha256_of(file)
    return hashlib.sha256(_reader_of(file, sequence).sequence_bytes(file, sequence)).hexdigest()


def _reader_of(path: Path, sequence: str) -> ModuleType:
    """The reader of a file, which must know sequences where one is named."""
    require_file(path, "pose file")
    for reader in READERS.values():
        if reader.matches(path):
            if sequence and not hasattr(reader, "sequence_bytes"):
                raise InputError(
                    f"{path.name} is of one recording ({reader.DESCRIPTION}), so #sequence={sequence} is not in it. "
                    "Leave it out."
                )
            return reader
    known = listing(reader.DESCRIPTION for reader in READERS.values())
    raise InputError(
        f"The pose file {path.name} is in no format that is known here. Known: {known}. "
        "A DeepLabCut CSV begins with the rows scorer, bodyparts and coords, a plain one with frame,x,y: was the "
        "header cut off?"
    )
