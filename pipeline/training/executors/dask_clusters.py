"""Where Dask's workers come from: a scheduler that runs already, SLURM, or processes of this machine."""

import logging
import shlex
from typing import Any

from common.errors import InputError
from pipeline.config.execution import ExecutionConfig, SlurmConfig
from pipeline.runtime.machine import usable_cores
from pipeline.training.executors.local import choose_n_workers
from pipeline.training.executors.reach import ROOT

log = logging.getLogger(__name__)

GPU = "GPU"
"""Name of the resource by which workers say that they have one."""
_CONNECT_S = "30s"


def require_dask(with_slurm: bool = False) -> None:
    """Raise `InputError` where a package is missing."""
    try:
        import distributed  # noqa: F401

        if with_slurm:
            import dask_jobqueue  # noqa: F401
    except ImportError as error:
        raise InputError(
            f"Work by a cluster needs Dask, which is not installed here ({error}). Install it with: python -m pip "
            "install -r requirements-cluster.txt, here and wherever workers run; or leave out --dask and set "
            "execution.backend: local."
        ) from None
    # What it logs of workers and connections is said by us, in words; it gives many of its modules levels of their own.
    for name in [*logging.root.manager.loggerDict]:
        if name.partition(".")[0] in ("distributed", "dask_jobqueue"):
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)


def open_cluster(execution: ExecutionConfig, n_jobs: int) -> tuple[Any, Any]:
    """A connected client, and the cluster that was started for it; None where it was running already.

    Raises
    ------
    InputError
        The scheduler doesn't answer, or SLURM is not there.
    """
    require_dask(execution.slurm is not None)
    if execution.scheduler:
        return _connected(execution.scheduler), None
    cluster = _local(execution, n_jobs) if execution.slurm is None else _submitted(execution.slurm)
    from distributed import Client

    return Client(cluster, set_as_default=False), cluster


def _connected(address: str) -> Any:
    from distributed import Client

    try:
        return Client(address, timeout=_CONNECT_S, set_as_default=False)
    except (OSError, TimeoutError, ValueError, ImportError) as error:
        raise InputError(
            f"No Dask scheduler answers at {address} ({str(error) or type(error).__name__}). Start one with `dask "
            "scheduler`, and workers with `dask worker`, as docs/clusters.md shows; then start the same command again: "
            "it goes on where it stopped."
        ) from None


def _local(execution: ExecutionConfig, n_jobs: int) -> Any:
    from distributed import LocalCluster

    n_workers = choose_n_workers(execution.workers, n_jobs)
    return LocalCluster(
        n_workers=n_workers,
        threads_per_worker=max(1, usable_cores() // n_workers),
        processes=True,
        host="127.0.0.1",
        # A worker that is paused because memory runs short would never go on: what a job holds stays until its end.
        memory_limit=0,
        dashboard_address="127.0.0.1:0",
        silence_logs=logging.CRITICAL,
    )


def _submitted(slurm: SlurmConfig) -> Any:
    cluster = slurm_cluster(slurm)
    log.info("%d jobs are submitted to SLURM, each like this:\n%s", slurm.jobs, cluster.job_script())
    try:
        cluster.scale(jobs=slurm.jobs)
    except (OSError, RuntimeError) as error:
        cluster.close()
        raise InputError(
            f"The jobs can't be submitted to SLURM ({error}). Start the command on a machine of the cluster that has "
            "`sbatch`, or give the address of a running scheduler with --dask."
        ) from None
    return cluster


def slurm_cluster(slurm: SlurmConfig, **others: Any) -> Any:
    """A cluster whose workers are jobs of SLURM, of which none is submitted yet; `others` go to `SLURMCluster`."""
    from dask_jobqueue.slurm import SLURMCluster

    return SLURMCluster(
        cores=slurm.cores,
        processes=1,
        memory=slurm.memory,
        walltime=slurm.walltime,
        queue=slurm.queue or None,
        account=slurm.account or None,
        interface=slurm.interface or None,
        job_name="rearview",
        job_extra_directives=[*(["--gres=gpu:1"] if slurm.gpu else []), *slurm.directives],
        worker_extra_args=["--resources", f"{GPU}=1"] if slurm.gpu else [],
        # Workers find Rearview whatever folder SLURM starts them in.
        job_script_prologue=[*slurm.before, f"export PYTHONPATH={shlex.quote(str(ROOT))}:$PYTHONPATH"],
        n_workers=0,
        silence_logs=logging.CRITICAL,
        **others,
    )
