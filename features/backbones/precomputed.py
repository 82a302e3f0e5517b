"""Embeddings that were made elsewhere: pose features, a foundation model's, per-frame clusters."""

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from features.backbones.base import BackboneConfig


class PrecomputedConfig(BackboneConfig):
    """One file of embeddings per recording takes the place of the video's crops and network.

    Attributes
    ----------
    files : str
        Path of a recording's file, with ``{recording}`` where its id stands, such as
        ``features/{recording}.npz#keypoints``. What follows ``#`` names the array inside an
        .npz or .h5; it may be left out where there is only one.
    """

    name: Literal["precomputed"] = "precomputed"
    files: str = Field(
        description="Path of one recording's file (.npz, .npy, .h5), with `{recording}` where the "
        "recording's id stands, such as `features/{recording}.npz#keypoints`; `#` names the array inside. "
        "Relative paths start at the folder of recordings.csv."
    )

    @field_validator("files")
    @classmethod
    def _names_each_recording(cls, files: str) -> str:
        if "{recording}" not in files:
            raise ValueError(
                f"'{files}' is the same file for every recording; "
                "write {recording} where the recording's id stands, as in features/{recording}.npz"
            )
        return files

    def path_for(self, recording: str, folder: Path) -> Path:
        """Path of a recording's file; relative ones start from ``folder``."""
        return folder / self.files.replace("{recording}", recording)
