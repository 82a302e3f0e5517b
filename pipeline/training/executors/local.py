"""Runs fits one after the other in this process, or several at a time in worker processes.

A recurrent head on a CPU is bound by the overhead of its time steps, which one core does alone; so
folds are trained side by side.
"""

import ctypes.util
import functools
import multiprocessing
import os
import queue
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from common.errors import WorkerEndedError
from common.processes import quiet_native_output, start_workers, stop_workers
from models.threads import limit_threads, load_tensorflow
from pipeline.config.execution import ExecutionConfig
from pipeline.runtime.machine import usable_cores
from pipeline.training.executors.base import AnyJob, Executor, Job, Needs

# Windows waits for no more processes at once.
_MOST_WORKERS = 61
_LAST_WORDS_S = 2.0


class LocalExecutor(Executor):
    """Carries out jobs on this machine; with one worker in this process."""

    def __init__(self, execution: ExecutionConfig, n_jobs: int, needs: Needs) -> None:
        self.n_workers = choose_n_workers(execution.workers, n_jobs)
        self._processes = WorkerProcesses(self.n_workers, max(1, usable_cores() // self.n_workers))

    def __exit__(self, *_: object) -> None:
        """End the worker processes."""
        self._processes.stop()

    def run(self, jobs: Sequence[AnyJob], on_event: Callable[[AnyJob, dict[str, Any]], None]) -> Iterator[AnyJob]:
        """See `Executor`."""
        if self.n_workers > 1:
            yield from self._processes.run(jobs, on_event)
            return
        if any(job.uses_networks for job in jobs):
            load_tensorflow()
        for job in jobs:
            job.carry_out(functools.partial(on_event, job))
            yield job


class WorkerProcesses:
    """Processes that carry out jobs side by side, each on some cores; they are started with the first job."""

    def __init__(self, n_workers: int, n_threads: int) -> None:
        self._n_workers, self._n_threads = n_workers, n_threads
        self._pool: ProcessPoolExecutor | None = None
        self._events: Any = None

    def run(self, jobs: Sequence[AnyJob], on_event: Callable[[AnyJob, dict[str, Any]], None]) -> Iterator[AnyJob]:
        """See `Executor.run`.

        Raises
        ------
        WorkerEndedError
            The processes must be stopped then.
        InputError
            Of a job.
        """
        pool = self._pool = self._pool or self._start()
        job_by_key = {job.key: job for job in jobs}
        futures: dict[Future[None], AnyJob] = {pool.submit(_run_in_worker, job): job for job in jobs}
        pending, ended = set(futures), set[str]()
        while pending:
            done, pending = wait(pending, timeout=0.2, return_when=FIRST_COMPLETED)
            awaited = {futures[future].key for future in done if future.exception() is None}
            for key, row in self._told(awaited, ended):
                if key in job_by_key:
                    on_event(job_by_key[key], row)
            for future in done:
                _require_done(future, futures[future])
                yield futures[future]

    def _told(self, awaited: set[str], ended: set[str]) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield what jobs told, of those that are done up to their end, which comes by another way than the result."""
        deadline = time.monotonic() + _LAST_WORDS_S
        while True:
            is_late = awaited <= ended or time.monotonic() > deadline
            try:
                key, row = self._events.get(timeout=0.0 if is_late else 0.05)
            except queue.Empty:
                if is_late:
                    return
                continue
            if row is None:
                ended.add(key)
            else:
                yield key, row

    def stop(self) -> None:
        """End the processes, whatever they are at; the next job starts new ones."""
        pool, self._pool = self._pool, None
        if pool is not None:
            stop_workers(pool)

    def _start(self) -> ProcessPoolExecutor:
        self._events = multiprocessing.get_context("spawn").Queue()
        return start_workers(self._n_workers, _start_worker, (self._events, self._n_threads))


def choose_n_workers(requested: int, n_jobs: int) -> int:
    """Processes to train in: as asked, else one per core, but one on a machine with an NVIDIA driver.

    A GPU is shared badly by several TensorFlow processes, each of which claims its whole memory.
    """
    if requested:
        return max(1, min(requested, n_jobs, _MOST_WORKERS))
    has_gpu = bool(ctypes.util.find_library("cuda") or ctypes.util.find_library("nvcuda"))
    return 1 if has_gpu else max(1, min(usable_cores(), n_jobs, 8))


def _require_done(future: "Future[None]", job: Job) -> None:
    try:
        future.result()
    except BrokenProcessPool:
        raise WorkerEndedError(
            f"A worker process ended while {job.words}, most likely because the "
            "machine ran out of memory. Start again with --set workers=1 (finished folds are kept), and close other "
            "programs."
        ) from None


# In a worker process: where it tells of its epochs, and how many cores it may use.
_events: Any = None
_n_threads = 0


def _start_worker(events: Any, n_threads: int) -> None:
    global _events, _n_threads
    _events, _n_threads = events, n_threads
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


@functools.cache
def _load_networks() -> None:
    with quiet_native_output():
        limit_threads(_n_threads)


def _run_in_worker(job: Job) -> None:
    if job.uses_networks:
        _load_networks()
    job.carry_out(lambda row: _events.put((job.key, row)))
    _events.put((job.key, None))
