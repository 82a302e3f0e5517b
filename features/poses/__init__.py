"""Pose files: one reader per format, each a module with `matches` and `read`.

A new format is a new file here and one line in `READERS`.
"""

from pathlib import Path
from typing import Protocol

from common.delimited import require_file
from common.errors import InputError
from common.suggestions import listing
from features.poses import deeplabcut, deeplabcut_h5, npy_tracks, sleap_h5, through_movement, xy_csv
from features.tracks import PoseTrack


class PoseReader(Protocol):
    """What each module in `READERS` offers."""

    DESCRIPTION: str

    def matches(self, path: Path) -> bool:
        """True where the file's content (never its name) is of this format."""
        ...

    def read(self, path: Path, individual: str | None) -> PoseTrack:
        """Read the keypoints of one individual."""
        ...


READERS: dict[str, PoseReader] = {
    "deeplabcut_csv": deeplabcut,
    "deeplabcut_h5": deeplabcut_h5,
    "sleap_h5": sleap_h5,
    "npy_tracks": npy_tracks,
    "xy_csv": xy_csv,
    "movement": through_movement,
}


def read_poses(path: Path, individual: str | None = None) -> PoseTrack:
    """Read a pose file; the format is recognised by its content.

    Parameters
    ----------
    path : Path
        A file in one of the formats in `READERS`.
    individual : str, optional
        Whose keypoints; needed where the file holds several animals.

    Returns
    -------
    PoseTrack
        One row per video frame, from frame 0.

    Raises
    ------
    InputError
        Missing, empty or damaged file, unknown format, unknown individual.
    """
    require_file(path, "pose file")
    for reader in READERS.values():
        if reader.matches(path):
            return reader.read(path, individual)
    known = listing(reader.DESCRIPTION for reader in READERS.values())
    raise InputError(
        f"The pose file {path.name} is in no format that is known here. Known: {known}. "
        "A DeepLabCut CSV begins with the rows scorer, bodyparts and coords, a plain one with frame,x,y: was the "
        "header cut off?"
    )
