"""Runs fits one after the other in this process, or several at a time in worker processes.

A recurrent head on a CPU is bound by the overhead of its time steps, which one core does alone; so
folds are trained side by side.
"""

import ctypes.util
import multiprocessing
import os
import queue
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from typing import Any

from common.errors import InputError
from common.processes import quiet_native_output, start_workers, stop_workers
from models.threads import limit_threads, load_tensorflow
from pipeline.runtime.machine import usable_cores
from pipeline.training.executors.base import Executor, Job, OnFitEpoch, carry_out

# Windows waits for no more processes at once.
_MOST_WORKERS = 61


class LocalExecutor(Executor):
    """Carries out jobs on this machine; with one worker in this process."""

    def __init__(self, workers: int, n_jobs: int) -> None:
        self.n_workers = _choose_n_workers(workers, n_jobs)
        self._pool: ProcessPoolExecutor | None = None
        self._events: Any = None

    def __exit__(self, *_: object) -> None:
        """End the worker processes."""
        if self._pool is not None:
            stop_workers(self._pool)

    def run(self, jobs: Sequence[Job], on_epoch: OnFitEpoch) -> Iterator[Job]:
        """See `Executor`."""
        if self.n_workers > 1:
            yield from self._run_in_processes(jobs, on_epoch)
            return
        load_tensorflow()
        for job in jobs:
            carry_out(job, partial(on_epoch, job.fit))
            yield job

    def _run_in_processes(self, jobs: Sequence[Job], on_epoch: OnFitEpoch) -> Iterator[Job]:
        pool = self._pool = self._pool or self._start_pool()
        fit_by_key = {job.fit.key: job.fit for job in jobs}
        futures: dict[Future[None], Job] = {pool.submit(_run_in_worker, job): job for job in jobs}
        pending = set(futures)
        while pending:
            done, pending = wait(pending, timeout=0.2, return_when=FIRST_COMPLETED)
            for key, row in _drain(self._events):
                if key in fit_by_key:
                    on_epoch(fit_by_key[key], row)
            for future in done:
                _require_done(future, futures[future])
                yield futures[future]

    def _start_pool(self) -> ProcessPoolExecutor:
        self._events = multiprocessing.get_context("spawn").Queue()
        n_threads = max(1, usable_cores() // self.n_workers)
        return start_workers(self.n_workers, _start_worker, (self._events, n_threads))


def _choose_n_workers(requested: int, n_jobs: int) -> int:
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
        raise InputError(
            f"A worker process ended while training {job.fit.name} ({job.fit.fold_words}), most likely because the "
            "machine ran out of memory. Start again with --set workers=1 (finished folds are kept), and close other "
            "programs."
        ) from None


def _drain(events: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    while True:
        try:
            yield events.get_nowait()
        except queue.Empty:
            return


# In a worker process: where it tells of its epochs.
_events: Any = None


def _start_worker(events: Any, n_threads: int) -> None:
    global _events
    _events = events
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with quiet_native_output():
        limit_threads(n_threads)


def _run_in_worker(job: Job) -> None:
    carry_out(job, lambda row: _events.put((job.fit.key, row)))
