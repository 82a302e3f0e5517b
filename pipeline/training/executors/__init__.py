"""Who carries out a list of jobs, by name. A new executor is a new file and a new line here."""

from pipeline.training.executors.base import Executor
from pipeline.training.executors.local import LocalExecutor

EXECUTORS: dict[str, type[Executor]] = {
    "local": LocalExecutor,
}
