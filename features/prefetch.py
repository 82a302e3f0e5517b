"""Work that runs ahead in a thread of its own."""

from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")


def run_ahead(items: Iterator[T], depth: int) -> Generator[T, None, None]:
    """Draw items in a background thread, at most ``depth`` ahead of whoever consumes them.

    The thread ends with the generator: when the items are used up, when drawing one raises
    (the error is raised here, in its turn), or when the consumer stops early. Once this is
    started, the items are used from the thread alone; ``depth`` bounds the memory.
    """
    end: Any = object()
    with ThreadPoolExecutor(1, "run-ahead") as thread:
        waiting = deque(thread.submit(next, items, end) for _ in range(depth))
        try:
            while (item := waiting.popleft().result()) is not end:
                waiting.append(thread.submit(next, items, end))
                yield item
        finally:
            for future in waiting:
                future.cancel()
            # A generator holds a video file open; it must be closed in the thread that runs it.
            if isinstance(items, Generator):
                thread.submit(items.close)
