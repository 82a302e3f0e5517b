"""How and where a run is carried out: the YAML's `execution:`."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, field_validator

from common.names import invisible_letters


class ExecutionConfig(BaseModel):
    """Settings that are no part of a run's identity: with others, its tables come out the same."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    workers: int = Field(
        default=0,
        ge=0,
        le=64,
        description="Heads trained at the same time, each in its own process. 0: chosen by cores.",
    )
    cache_dir: Path = Field(
        default=Path("cache"), description="Folder of the cached embeddings (shared by experiments)."
    )
    output_dir: Path = Field(default=Path("runs"), description="Folder in which the run's folder is made.")

    @field_validator("cache_dir", "output_dir")
    @classmethod
    def _are_names_of_folders(cls, folder: Path) -> Path:
        if invisible_letters(str(folder)):
            raise ValueError("should be the path of a folder, without characters that are not seen")
        return folder
