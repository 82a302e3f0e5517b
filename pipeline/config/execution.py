"""How and where a run is carried out: settings that change no result."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


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
