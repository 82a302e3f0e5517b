"""Jobs are sent to the workers of a Dask cluster; results come back as files in folders that all of them see."""

import logging
import queue
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from typing import Any, ClassVar

from common.errors import InputError, LostWorkError, WorkerEndedError
from pipeline.config.execution import ExecutionConfig
from pipeline.training.executors.base import AnyJob, Executor, Job, Needs
from pipeline.training.executors.dask_clusters import GPU, open_cluster
from pipeline.training.executors.reach import Found, Wanted, held_locks, look, trust_no_system_locks, wanted

log = logging.getLogger(__name__)

_LEAST_SENT = 64
"""So many jobs are with the scheduler at a time at least: it need not know all to keep the workers busy."""
_TICK_S = 0.5
_FIRST_WORKER_S = 60.0
_COUNTED_EVERY_S = 5.0
_WARNED_AFTER_S, _LOST_AFTER_S = 60.0, 600.0
"""For so long there may be no worker."""


class DaskExecutor(Executor):
    """Carries out jobs on a cluster: one that is running, SLURM's, or processes of this machine."""

    embeds: ClassVar[bool] = True

    def __init__(self, execution: ExecutionConfig, n_jobs: int, needs: Needs) -> None:
        self._ends = ExitStack()
        # Everything that belongs to this command, among others that use the same workers.
        self._name = f"rearview-{uuid.uuid4().hex[:8]}"
        self._execution = execution
        # What is heard: ("event", message) from workers, ("done", future).
        self._heard: queue.Queue[tuple[str, Any]] = queue.Queue()
        self._n_workers, self._counted_s = 0, -_COUNTED_EVERY_S
        self._had_workers_s, self._is_warned = time.monotonic(), False
        with ExitStack() as started:
            self._client, self._cluster = open_cluster(execution, n_jobs)
            started.callback(_close, self._client, self._cluster)
            self._address = execution.scheduler or self._client.scheduler.address
            if "dashboard" in self._client.scheduler_info().get("services", {}):
                log.info("Dask's dashboard: %s", self._client.dashboard_link)
            self._scheduler_id = self._client.scheduler_info()["id"]
            asked = started.enter_context(wanted(needs))
            # To the end, so that workers that come later can try them, too.
            started.enter_context(held_locks(asked))
            self._admit_workers(asked)
            started.callback(self._dismiss_workers)
            self._ends = started.pop_all()

    @property
    def n_workers(self) -> int:  # type: ignore[override]
        """Workers that are there, as of a few seconds ago; jobs at a time."""
        self._count()
        return max(1, self._n_workers)

    def _count(self) -> None:
        """Ask the scheduler how many workers it has, now and then."""
        if time.monotonic() - self._counted_s < _COUNTED_EVERY_S:
            return
        self._n_workers, self._counted_s = len(self._require_same_scheduler()["workers"]), time.monotonic()
        if self._n_workers:
            self._had_workers_s, self._is_warned = self._counted_s, False

    def _require_same_scheduler(self) -> dict[str, Any]:
        """What the scheduler says of itself; another one at its address knows nothing of this command."""
        try:
            found = dict(self._client.scheduler_info(n_workers=-1))
        except (OSError, TimeoutError, RuntimeError):
            raise self._lost() from None
        # Empty while the client tries to reach it again.
        if found.get("id") != self._scheduler_id:
            raise self._lost()
        return found

    def __exit__(self, *_: object) -> None:
        """Let the workers go."""
        self._ends.close()

    def run(self, jobs: Sequence[AnyJob], on_event: Callable[[AnyJob, dict[str, Any]], None]) -> Iterator[AnyJob]:
        """See `Executor`."""
        self._require_same_scheduler()
        self._had_workers_s = time.monotonic()
        job_by_key, waiting = {job.key: job for job in jobs}, list(reversed(jobs))
        sent: dict[Any, AnyJob] = {}
        resources = {self._name: 1} | ({GPU: 1} if self._have_gpus() else {})
        try:
            while waiting or sent:
                while waiting and len(sent) < max(_LEAST_SENT, 4 * self.n_workers):
                    job = waiting.pop()
                    sent[self._send(job, resources)] = job
                kind, what = self._next(sent)
                if kind == "done" and what in sent:
                    self._require_done(what, sent[what])
                    yield sent.pop(what)
                elif kind == "event":
                    self._hear(what, job_by_key, on_event)
        finally:
            if sent:
                # What workers are at now they finish, and its result is found by the next command.
                with suppress(Exception):
                    self._client.cancel(list(sent), force=True)

    def _send(self, job: AnyJob, resources: dict[str, int]) -> Any:
        from pipeline.training.executors.dask_worker import carry_out_here

        future = self._client.submit(
            carry_out_here,
            job.absolute(),
            self._name,
            key=f"{type(job).__name__}-{job.key}-{uuid.uuid4().hex[:8]}",
            pure=False,
            resources=resources,
        )
        future.add_done_callback(lambda done: self._heard.put(("done", done)))
        return future

    def _next(self, sent: dict[Any, AnyJob]) -> tuple[str, Any]:
        """The next thing that is heard, or ("nothing", None) after a while."""
        try:
            return self._heard.get(timeout=_TICK_S)
        except queue.Empty:
            if self._client.status not in ("running",):
                raise self._lost() from None
            self._count()
            self._require_workers()
            return "nothing", None

    def _require_workers(self) -> None:
        """Raise where all workers are gone for good."""
        if self._n_workers:
            return
        without_s = time.monotonic() - self._had_workers_s
        # SLURM's jobs may stand in the queue for hours; those that have ended are struck off the cluster's list.
        has_jobs = self._cluster is not None and self._execution.slurm is not None
        if not self._cluster.workers if has_jobs else without_s > _LOST_AFTER_S:
            raise LostWorkError(
                f"All workers of the Dask scheduler {self._address} are gone, so no worker is left; those "
                "of SLURM end with their jobs, whose time may be up (`walltime`). Finished work is kept: start workers "
                "where they are not started by the command, and start the same command again; it goes on where it "
                "stopped."
            )
        if without_s > _WARNED_AFTER_S and not self._is_warned:
            self._is_warned = True
            log.warning("The Dask scheduler %s has no workers at this moment; they are waited for.", self._address)

    def _hear(self, message: Any, jobs: dict[str, AnyJob], on_event: Callable[[AnyJob, dict[str, Any]], None]) -> None:
        from pipeline.training.executors.dask_worker import REFUSED

        if message["kind"] == REFUSED:
            log.warning("The worker %s gets no work: it %s.", message["worker"], "; it ".join(message["problems"]))
        elif message["key"] in jobs:
            on_event(jobs[message["key"]], message["event"])

    def _require_done(self, future: Any, job: Job) -> None:
        from distributed import KilledWorker

        if future.status == "finished":
            return
        if future.status in ("cancelled", "lost"):
            raise self._lost()
        error = future.exception()
        if isinstance(error, KilledWorker):
            raise WorkerEndedError(
                f"Several workers ended while {job.words}, most likely because memory ran out, or because their time "
                "was up. Give workers more of either (fewer on a machine; `memory` and `walltime` of SLURM's jobs), "
                "and start again: finished work is kept."
            )
        if isinstance(error, InputError):
            raise error
        raise LostWorkError(
            f"{type(error).__name__} while {job.words} by a Dask worker: {error}. Finished work is kept. See that the "
            "scheduler and all workers run in Rearview's folder with the same packages, and start the same command "
            "again; it goes on where it stopped."
        ) from error

    def _lost(self) -> LostWorkError:
        return LostWorkError(
            f"The connection to the Dask scheduler {self._address} was lost. Finished work is kept: see that the "
            "scheduler and its workers are running, and start the same command again; it goes on where it stopped."
        )

    def _workers(self) -> dict[str, Any]:
        return dict(self._client.scheduler_info(n_workers=-1)["workers"])

    def _have_gpus(self) -> bool:
        """Whether workers say that they have a GPU; then tasks are for those."""
        slurm = self._execution.slurm
        return (slurm is not None and slurm.gpu) or any(GPU in one["resources"] for one in self._workers().values())

    def _admit_workers(self, wanted: Wanted) -> None:
        """Look at all workers that are there, and have those that come later looked at."""
        self._await_first_worker()
        self._require_importing()
        found = self._look_at_all(wanted)
        unfit = {worker: one.problems for worker, one in found.items() if one.problems}
        if unfit:
            worker, problems = next(iter(unfit.items()))
            others = f" (So do {len(unfit) - 1} more of {len(found)} workers.)" if len(unfit) > 1 else ""
            raise InputError(
                f"The Dask worker {worker} can't do this command's work: it {'; it '.join(problems)}.{others} Workers "
                "need the same Rearview, the same packages, and the same folders at the same paths as this machine."
            )
        without = sorted({folder for one in found.values() for folder in one.folders_without_locks})
        if without:
            log.info("Locks of the system don't hold between machines in %s; files take their place.", without)
            trust_no_system_locks(without)
        from pipeline.training.executors.dask_worker import Admission

        self._client.subscribe_topic(self._name, lambda event: self._heard.put(("event", event[1])))
        self._client.register_plugin(Admission(wanted, self._name, self._name))

    def _dismiss_workers(self) -> None:
        """Workers that come later are none of this command's."""
        if self._client.status == "running":
            with suppress(Exception):
                self._client.unregister_worker_plugin(self._name)

    def _require_importing(self) -> None:
        """Raise where the scheduler can't read jobs."""
        from pipeline.training.executors.dask_worker import carry_out_here

        try:
            self._client.run_on_scheduler(callable, carry_out_here)
        except Exception as error:
            if self._client.status != "running":
                raise self._lost() from None
            raise InputError(
                f"The Dask scheduler {self._address} can't import Rearview ({type(error).__name__}: {error}), so it "
                "can't read what it is sent. Start the scheduler, like its workers, in Rearview's folder, or name that "
                "in PYTHONPATH; then start this command again."
            ) from None

    def _look_at_all(self, wanted: Wanted) -> dict[str, Found]:
        found: dict[str, Found] = {}
        for worker, outcome in self._client.run(look, wanted, on_error="return").items():
            if isinstance(outcome, ImportError):
                outcome = Found((f"can't import Rearview ({outcome}): start it in Rearview's folder, or name that in "
                                 "PYTHONPATH",))  # fmt: skip
            elif isinstance(outcome, Exception):
                outcome = Found((f"can't be asked ({type(outcome).__name__}: {outcome})",))
            found[worker] = outcome
        return found

    def _await_first_worker(self) -> None:
        began, is_told = time.monotonic(), False
        while not self._workers():
            if self._client.status != "running":
                raise self._lost()
            waited = time.monotonic() - began
            if self._cluster is None and waited > _FIRST_WORKER_S:
                raise InputError(
                    f"The Dask scheduler {self._address} has no workers. Start some with `dask worker "
                    f"{self._address} --nthreads 1`, as docs/clusters.md shows, and start this command again."
                )
            if waited > 2 * _TICK_S and not is_told:
                is_told = True
                log.info("Waiting for the first worker of %s.", self._address)
            time.sleep(_TICK_S)


def _close(client: Any, cluster: Any) -> None:
    """End what was started; what can't be reached any more has ended already."""
    for one in (client, cluster):
        if one is not None:
            with suppress(Exception):
                one.close()
