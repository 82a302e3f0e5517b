"""Work that runs ahead in a thread of its own."""

import queue
import threading
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

_WAKE_S = 0.2
"""How often a waiting side looks whether the other still is there (and Ctrl-C was pressed)."""


@dataclass(frozen=True)
class _End:
    error: BaseException | None


def run_ahead(items: Iterator[T], depth: int) -> Generator[T, None, None]:
    """Draw items in a background thread, at most ``depth`` ahead of whoever consumes them.

    The thread ends with the generator: when the items are used up, when drawing one raises
    (the error is raised here, in its turn), or when the consumer stops early.

    Parameters
    ----------
    items : iterator
        Used from the thread alone once this is started.
    depth : int
        Items that may wait; bounds the memory.
    """
    waiting: queue.Queue[T | _End] = queue.Queue(maxsize=depth)
    stopped = threading.Event()

    def put(item: T | _End) -> bool:
        while not stopped.is_set():
            try:
                waiting.put(item, timeout=_WAKE_S)
                return True
            except queue.Full:
                continue
        return False

    def draw() -> None:
        try:
            for item in items:
                if not put(item):
                    return
            put(_End(None))
        except BaseException as error:  # whatever it is, it belongs to the consumer's thread
            put(_End(error))
        finally:
            # A generator holds a video file open; it must be closed in the thread that runs it.
            if isinstance(items, Generator):
                items.close()

    thread = threading.Thread(target=draw, daemon=True, name="run-ahead")
    thread.start()
    try:
        while True:
            try:
                item = waiting.get(timeout=_WAKE_S)
            except queue.Empty:
                continue
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item
    finally:
        stopped.set()
        thread.join()
