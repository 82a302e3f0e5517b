"""What a Dask worker does for Rearview: it is looked at, admitted, and carries out one job at a time.

Jobs are done in a process of their own. In the worker's own, Dask draws random numbers between those that set a
network's first weights, and training keeps Dask's heartbeats waiting.

This module needs Dask, and is imported only where a cluster is used.
"""

import contextlib
import logging
import multiprocessing
import threading
from typing import Any

from distributed import WorkerPlugin, get_worker

from common.errors import LostWorkError, WorkerEndedError
from pipeline.training.executors.base import Job
from pipeline.training.executors.local import WorkerProcesses
from pipeline.training.executors.reach import Wanted, look, trust_no_system_locks

log = logging.getLogger(__name__)

REFUSED, TOLD = "refused", "told"
"""Kinds of what a worker tells the command."""
# Two commands may use a worker.
_turn = threading.Lock()
_process: WorkerProcesses | None = None


class Admission(WorkerPlugin):
    """Lets a worker have a command's jobs once it is seen to be fit for them, also one that comes later.

    Parameters
    ----------
    wanted : Wanted
    place : str
        Name of the resource that each job of the command takes all of, so that a worker has one at a time.
    topic : str
        Under which the command hears.
    """

    def __init__(self, wanted: Wanted, place: str, topic: str) -> None:
        self.name = place
        self._wanted, self._place, self._topic = wanted, place, topic

    async def setup(self, worker: Any) -> None:
        """See `distributed.WorkerPlugin`."""
        found = look(self._wanted)
        if found.problems:
            event = {"kind": REFUSED, "worker": worker.address, "problems": list(found.problems)}
            worker.log_event(self._topic, event)
        else:
            trust_no_system_locks(found.folders_without_locks)
            await worker.set_resources(**{self._place: 1})

    def teardown(self, worker: Any) -> None:
        """End the process of the jobs, unless it is at a job of another command and the worker goes on."""
        is_free = _turn.acquire(blocking=False)
        if _process is not None and (is_free or worker.status.name != "running"):
            _process.stop()
        if is_free:
            _turn.release()


def carry_out_here(job: Job, topic: str) -> None:
    """Do a job by a worker; what it tells goes to the command."""
    worker = get_worker()

    def tell(job: Job, event: dict[str, Any]) -> None:
        # What isn't heard costs a line of progress.
        with contextlib.suppress(Exception):
            worker.log_event(topic, {"kind": TOLD, "key": job.key, "event": _plain(event)})

    with _turn:
        processes = _started(worker.state.nthreads)
        try:
            _do(processes, job, tell)
        except WorkerEndedError:
            # Perhaps somebody else took the memory.
            processes.stop()
            try:
                _do(processes, job, tell)
            except WorkerEndedError:
                processes.stop()
                raise WorkerEndedError(
                    f"On the Dask worker {worker.address} a process ended twice while {job.words}, most likely because "
                    "memory ran out. Give workers more of it, or start fewer on a machine; then start the same command "
                    "again: finished work is kept."
                ) from None
        except OSError as error:
            raise LostWorkError(
                f"The Dask worker {worker.address} failed while {job.words}: {error.strerror or error} "
                f"({error.filename or 'no file is named'})."
            ) from None


def _do(processes: WorkerProcesses, job: Job, tell: Any) -> None:
    for _ in processes.run([job], tell):
        pass


def _started(n_threads: int) -> WorkerProcesses:
    global _process
    if _process is None:
        # Workers may have no children, so that none outlives them; ours end by themselves with their parent.
        multiprocessing.current_process()._config["daemon"] = False  # type: ignore[attr-defined]
        _process = WorkerProcesses(1, n_threads)
    return _process


def _plain(event: dict[str, Any]) -> dict[str, Any]:
    """The same in Python's own numbers, which Dask can send."""
    return {key: value.item() if hasattr(value, "item") else value for key, value in event.items()}
