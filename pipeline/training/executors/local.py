"""Runs fits one after the other in this process, or several at a time in worker processes.

A recurrent head on a CPU is bound by the overhead of its time steps, which one core does alone; so
folds are trained side by side. Workers are spawned (never forked: TensorFlow does not survive it),
end themselves when the main process is killed, and leave Ctrl-C to the main process.
"""

import ctypes.util
import logging
import multiprocessing
import os
import queue
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from models.threads import limit_threads, load_tensorflow
from pipeline.runtime.machine import usable_cores
from pipeline.runtime.quiet import quiet_native_output
from pipeline.training.fits import EmbeddingSource, Fit, FitResult, Target, perform_fit, store_fit

log = logging.getLogger(__name__)

OnFitEpoch = Callable[[Fit, dict[str, Any]], None]


@dataclass
class Workbench:
    """What every fit of a run needs at hand; sent once to each worker."""

    sources: dict[str, EmbeddingSource]
    targets: dict[tuple[str, str], Target]
    bundle_metadata: dict[str, Any]
    _loaded: dict[str, NDArray[np.float32]] = field(default_factory=dict)

    def load(self, recording: str) -> NDArray[np.float32]:
        """Embeddings of a recording, read once per process."""
        if recording not in self._loaded:
            self._loaded[recording] = self.sources[recording].load()
        return self._loaded[recording]


@dataclass(frozen=True)
class Job:
    """A fit with the place and fingerprint of its result."""

    fit: Fit
    path: Path
    fingerprint: str


def choose_n_workers(requested: int, n_jobs: int) -> int:
    """Processes to train in: as asked, else one per core, but one on a machine with an NVIDIA driver.

    A GPU is shared badly by several TensorFlow processes, each of which claims its whole memory.
    """
    if requested:
        return max(1, min(requested, n_jobs))
    has_gpu = bool(ctypes.util.find_library("cuda") or ctypes.util.find_library("nvcuda"))
    return 1 if has_gpu else max(1, min(usable_cores(), n_jobs, 8))


class FitRunner:
    """Trains fits; a context manager, so that worker processes end with it whatever happens.

    Parameters
    ----------
    bench : Workbench
    n_workers : int
        1: everything in this process.
    on_epoch : callable
        Called in this process with the fit and each row of its history.
    """

    def __init__(self, bench: Workbench, n_workers: int, on_epoch: OnFitEpoch) -> None:
        self._bench = bench
        self._n_workers = n_workers
        self._on_epoch = on_epoch
        self._pool: ProcessPoolExecutor | None = None
        self._events: Any = None

    def __enter__(self) -> "FitRunner":
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            _stop(self._pool)

    def run(self, jobs: Sequence[Job]) -> Iterator[tuple[Job, FitResult]]:
        """Train every job and yield each with its result as it is finished and stored.

        Raises
        ------
        InputError
            Of a fit; jobs that are finished by then are kept.
        """
        if self._n_workers > 1:
            yield from self._run_in_processes(jobs)
            return
        with quiet_native_output():
            load_tensorflow()
        for job in jobs:
            yield job, _run_here(job, self._bench, partial(self._on_epoch, job.fit))

    def _run_in_processes(self, jobs: Sequence[Job]) -> Iterator[tuple[Job, FitResult]]:
        pool = self._pool or self._start_pool()
        fit_by_key = {job.fit.key: job.fit for job in jobs}
        futures: dict[Future[FitResult], Job] = {pool.submit(_run_in_worker, job): job for job in jobs}
        pending = set(futures)
        while pending:
            done, pending = wait(pending, timeout=0.2, return_when=FIRST_COMPLETED)
            for key, row in _drain(self._events):
                if key in fit_by_key:
                    self._on_epoch(fit_by_key[key], row)
            for future in done:
                yield futures[future], _result_of(future, futures[future])

    def _start_pool(self) -> ProcessPoolExecutor:
        context = multiprocessing.get_context("spawn")
        self._events = context.Queue()
        n_threads = max(1, usable_cores() // self._n_workers)
        arguments = (self._bench, self._events, n_threads)
        self._pool = ProcessPoolExecutor(self._n_workers, context, _start_worker, arguments)
        return self._pool


def _run_here(job: Job, bench: Workbench, on_epoch: Callable[[dict[str, Any]], None]) -> FitResult:
    result = perform_fit(job.fit, bench.load, bench.targets, bench.bundle_metadata, on_epoch)
    store_fit(job.path, job.fingerprint, result)
    return result


def _result_of(future: "Future[FitResult]", job: Job) -> FitResult:
    try:
        return future.result()
    except BrokenProcessPool:
        raise InputError(
            f"A worker process ended while training {job.fit.behavior} ({job.fit.fold}), most likely because the "
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


_worker: dict[str, Any] = {}


def _start_worker(bench: Workbench, events: Any, n_threads: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    _worker.update(bench=bench, events=events)
    with quiet_native_output():
        limit_threads(n_threads)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        # The main process was killed: nobody waits for this fit any more.
        os._exit(1)


def _run_in_worker(job: Job) -> FitResult:
    events, bench = _worker["events"], _worker["bench"]
    return _run_here(job, bench, lambda row: events.put((job.fit.key, row)))
