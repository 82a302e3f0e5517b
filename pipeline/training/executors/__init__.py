"""Who carries out a list of jobs, by name. A new executor is a new file and a new line here."""

from pipeline.config.execution import ExecutionConfig
from pipeline.training.executors.base import Executor, Needs
from pipeline.training.executors.dask_executor import DaskExecutor
from pipeline.training.executors.local import LocalExecutor

EXECUTORS: dict[str, type[Executor]] = {
    "local": LocalExecutor,
    "dask": DaskExecutor,
}


def open_executor(execution: ExecutionConfig, n_jobs: int, needs: Needs | None = None) -> Executor:
    """Who carries out jobs, as the settings say: for a `with` block.

    Parameters
    ----------
    execution : ExecutionConfig
    n_jobs : int
        How many jobs will come together at most.
    needs : Needs, optional
        Files and folders that jobs need, which are then looked for where they are carried out.

    Raises
    ------
    InputError
        Who is to do the work can't be reached, or can't reach what it needs.
    """
    return EXECUTORS[execution.backend](execution, n_jobs, needs or Needs())
