"""How and where a run is carried out: the YAML's `execution:`."""

import re
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from common.names import invisible_letters

_ADDRESS = re.compile(r"(tcp|tls|ws|wss|ucx)://\S+:\d{1,5}")
_MEMORY = re.compile(r"\d+(\.\d+)? ?([KMGT]i?B?|B)", re.IGNORECASE)
_WALLTIME = re.compile(r"(\d+-)?\d{1,3}(:\d{2}){1,2}")


class SlurmConfig(BaseModel):
    """What each job that is submitted to SLURM asks for; a job is one worker, which does one task at a time."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cores: int = Field(default=4, ge=1, le=1024, description="Cores of each job. A task uses all of them.")
    memory: str = Field(default="16GB", description="Memory of each job, such as `16GB`.")
    walltime: str = Field(default="04:00:00", description="How long each job may run, in SLURM's form (hh:mm:ss).")
    queue: str = Field(default="", description="Partition; empty: the cluster's default.")
    account: str = Field(default="", description="Account that is charged; empty: the cluster's default.")
    jobs: int = Field(default=1, ge=1, le=10_000, description="Jobs that are submitted, and so tasks at a time.")
    gpu: bool = Field(
        default=False, description="Whether each job asks for one GPU (`--gres=gpu:1`); a task then has it alone."
    )
    directives: tuple[str, ...] = Field(
        default=(), description="Further lines of the job's script, without `#SBATCH`: `[--constraint=skylake]`."
    )
    before: tuple[str, ...] = Field(
        default=(), description="Shell lines that are run before the worker is started: `[module load cuda]`."
    )
    interface: str = Field(
        default="", description="Network interface by which the workers are reached, such as `ib0`. Empty: any."
    )

    @field_validator("memory", "walltime")
    @classmethod
    def _is_in_form(cls, text: str, info: object) -> str:
        form, such_as = {"memory": (_MEMORY, "16GB"), "walltime": (_WALLTIME, "04:00:00")}[info.field_name]  # type: ignore[attr-defined]
        if not form.fullmatch(text):
            raise ValueError(f'should be written as in "{such_as}"')
        return text

    @field_validator("directives", "before", "queue", "account", "interface")
    @classmethod
    def _are_single_lines(cls, given: str | tuple[str, ...]) -> str | tuple[str, ...]:
        if any(invisible_letters(line) for line in ((given,) if isinstance(given, str) else given)):
            raise ValueError("should be text in one line each")
        return given


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
    backend: Literal["local", "dask"] = Field(
        default="local",
        description="Who carries out the work: `local` (this machine), or `dask` (docs/clusters.md): recordings are "
        "embedded and heads trained by the workers of a cluster. Without `scheduler` and `slurm`, that is `workers` "
        "processes on this machine.",
    )
    scheduler: str = Field(
        default="", description="Address of a running Dask scheduler, such as `tcp://host:8786` (`--dask` sets it)."
    )
    slurm: SlurmConfig | None = Field(
        default=None, description="Have SLURM start the workers: what each of its jobs asks for."
    )

    @field_validator("cache_dir", "output_dir")
    @classmethod
    def _are_names_of_folders(cls, folder: Path) -> Path:
        if invisible_letters(str(folder)):
            raise ValueError("should be the path of a folder, without characters that are not seen")
        return folder

    @field_validator("scheduler")
    @classmethod
    def _is_an_address(cls, address: str) -> str:
        if address and not _ADDRESS.fullmatch(address):
            raise ValueError("should be the address that the scheduler prints, such as tcp://host:8786")
        return address

    @model_validator(mode="after")
    def _says_one_place(self) -> "ExecutionConfig":
        if self.scheduler and self.slurm is not None:
            raise ValueError("has both scheduler and slurm; keep the one that gives you workers")
        if "backend" not in self.model_fields_set and (self.scheduler or self.slurm is not None):
            raise ValueError("names workers of a cluster, which need `backend: dask` (or `local`, to do without them)")
        return self
