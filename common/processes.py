"""Worker processes, which end with the process that started them and leave Ctrl-C to it; and libraries kept quiet."""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def start_workers(
    n_workers: int, begin: Callable[..., None] | None = None, arguments: tuple[Any, ...] = ()
) -> ProcessPoolExecutor:
    """Make a pool of processes that are spawned (never forked: TensorFlow does not survive it).

    Parameters
    ----------
    n_workers : int
    begin : callable, optional
        Called with `arguments` in each process before anything else.
    arguments : tuple

    Returns
    -------
    ProcessPoolExecutor
        For `stop_workers`, whatever happens.
    """
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(n_workers, context, _begin, (begin, arguments))


def stop_workers(pool: ProcessPoolExecutor) -> None:
    """End the processes of a pool, whatever they are at."""
    processes = list((getattr(pool, "_processes", None) or {}).values())
    pool.shutdown(wait=False, cancel_futures=True)
    for process in processes:
        process.terminate()


def _begin(begin: Callable[..., None] | None, arguments: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if begin is not None:
        begin(*arguments)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        # The main process was killed: nobody waits for this work any more.
        os._exit(1)


@contextmanager
def quiet_native_output() -> Iterator[None]:
    """Drop what compiled code writes to the terminal for the time of a `with` block.

    TensorFlow greets with a dozen lines on instruction sets and missing GPU drivers, past Python's logging and past
    its own setting for it, which a biologist can only misread. Python's exceptions come through as ever.
    """
    try:
        sys.stderr.flush()
        kept = os.dup(2)
    except (OSError, ValueError, AttributeError):
        # No usable standard error (a service, some notebooks): nothing to keep quiet.
        yield
        return
    try:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
