"""Runs fits one after the other in this process, or several at a time in worker processes.

A recurrent head on a CPU is bound by the overhead of its time steps, which one core does alone; so
folds are trained side by side. Workers are spawned (never forked: TensorFlow does not survive it),
end themselves when the main process is killed, and leave Ctrl-C to the main process.
"""

import ctypes.util
import multiprocessing
import os
import queue
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from typing import Any

from common.errors import InputError
from common.quiet import quiet_native_output
from models.threads import limit_threads, load_tensorflow
from pipeline.runtime.machine import usable_cores
from pipeline.training.executors.base import Executor, Job, OnFitEpoch, carry_out


class LocalExecutor(Executor):
    """Carries out jobs on this machine; with one worker in this process."""

    def __init__(self, workers: int, n_jobs: int, on_epoch: OnFitEpoch) -> None:
        self.n_workers = _choose_n_workers(workers, n_jobs)
        self._on_epoch = on_epoch
        self._pool: ProcessPoolExecutor | None = None
        self._events: Any = None

    def __exit__(self, *_: object) -> None:
        """End the worker processes."""
        if self._pool is not None:
            _stop(self._pool)

    def run(self, jobs: Sequence[Job]) -> Iterator[Job]:
        """See `Executor`."""
        if self.n_workers > 1:
            yield from self._run_in_processes(jobs)
            return
        load_tensorflow()
        for job in jobs:
            carry_out(job, partial(self._on_epoch, job.fit))
            yield job

    def _run_in_processes(self, jobs: Sequence[Job]) -> Iterator[Job]:
        pool = self._pool or self._start_pool()
        fit_by_key = {job.fit.key: job.fit for job in jobs}
        futures: dict[Future[None], Job] = {pool.submit(_run_in_worker, job): job for job in jobs}
        pending = set(futures)
        while pending:
            done, pending = wait(pending, timeout=0.2, return_when=FIRST_COMPLETED)
            for key, row in _drain(self._events):
                if key in fit_by_key:
                    self._on_epoch(fit_by_key[key], row)
            for future in done:
                _require_done(future, futures[future])
                yield futures[future]

    def _start_pool(self) -> ProcessPoolExecutor:
        context = multiprocessing.get_context("spawn")
        self._events = context.Queue()
        n_threads = max(1, usable_cores() // self.n_workers)
        self._pool = ProcessPoolExecutor(self.n_workers, context, _start_worker, (self._events, n_threads))
        return self._pool


def _choose_n_workers(requested: int, n_jobs: int) -> int:
    """Processes to train in: as asked, else one per core, but one on a machine with an NVIDIA driver.

    A GPU is shared badly by several TensorFlow processes, each of which claims its whole memory.
    """
    if requested:
        return max(1, min(requested, n_jobs))
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


def _stop(pool: ProcessPoolExecutor) -> None:
    processes = list((getattr(pool, "_processes", None) or {}).values())
    pool.shutdown(wait=False, cancel_futures=True)
    for process in processes:
        process.terminate()


# In a worker process: where it tells of its epochs.
_events: Any = None


def _start_worker(events: Any, n_threads: int) -> None:
    global _events
    _events = events
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with quiet_native_output():
        limit_threads(n_threads)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        # The main process was killed: nobody waits for this fit any more.
        os._exit(1)


def _run_in_worker(job: Job) -> None:
    carry_out(job, lambda row: _events.put((job.fit.key, row)))
