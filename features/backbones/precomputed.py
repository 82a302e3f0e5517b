"""Embeddings that were made elsewhere: pose features, a foundation model's, per-frame clusters."""

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from features.backbones.base import BackboneConfig


class PrecomputedConfig(BackboneConfig):
    """One file of embeddings per recording takes the place of the video's crops and network.

    Attributes
    ----------
    files : str or None
        Path of a recording's file, with ``{recording}`` where its id stands, such as
        ``features/{recording}.npz#keypoints``. What follows ``#`` names the array inside an
        .npz or .h5; it may be left out where there is only one. None: the table of recordings
        names the file in place of the video.
    fps : float or None
        Frame rate, where there is no video to tell it.
    n_categories : int or None
        For files with one whole number per frame, 0 ... n_categories - 1, which become one-hot rows.
    """

    name: Literal["precomputed"] = "precomputed"
    files: str | None = Field(
        default=None,
        description="Path of one recording's file (.npz, .npy, .h5), with `{recording}` where the "
        "recording's id stands, such as `features/{recording}.npz#keypoints`; `#` names the array inside. "
        "Relative paths start at the folder of recordings.csv. Nothing: the column `video` of recordings.csv "
        "names these files instead of videos (and `fps` is needed).",
    )
    fps: float | None = Field(
        default=None, gt=0, le=2000, description="Frames per second, where there is no video to tell it."
    )

    n_categories: int | None = Field(
        default=None,
        ge=2,
        le=4096,
        description="For files with one whole number per frame (a cluster, a state): how many there are, so "
        "that each becomes a column of its own.",
    )

    @field_validator("files")
    @classmethod
    def _names_each_recording(cls, files: str | None) -> str | None:
        if files is not None and "{recording}" not in files:
            raise ValueError(
                f"'{files}' is the same file for every recording; "
                "write {recording} where the recording's id stands, as in features/{recording}.npz"
            )
        return files

    def path_for(self, recording: str, folder: Path) -> Path:
        """Path of a recording's file; relative ones start from ``folder``."""
        if self.files is None:
            raise ValueError("backbone.files is not set: the table of recordings names the files")
        return folder / self.files.replace("{recording}", recording)
