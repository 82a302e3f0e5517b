"""How fast this computer is, from about a second of work: decoding one of the lab's videos, and multiplying.

Processor time is measured, so that what else runs for the moment does not make a night of an hour.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import psutil
from threadpoolctl import threadpool_limits

from common.errors import InputError
from features.engines import ENGINES, chosen_engine
from features.video.reading import glance
from pipeline.runtime.machine import usable_cores
from pipeline.starter.proposal import Speed

_DECODING_S, _MULTIPLYING_S = 0.5, 0.3
_SIDE = 1024
_PRODUCT_GFLOP = 2 * _SIDE**3 / 1e9
Clock = Callable[[], float]


def measure_speed(video: Path | None, clock: Clock = time.process_time) -> Speed:
    """Decode the beginning of a video, if there is one, and multiply matrices; no network is loaded."""
    engine = chosen_engine("float32", dict.fromkeys(ENGINES, 0), 0)
    # Two threads of one core do hardly more than one.
    n_cores = min(usable_cores(), psutil.cpu_count(logical=False) or usable_cores())
    decoded_px = 0.0 if video is None else _decoded_px(video, clock)
    return Speed(n_cores * decoded_px, n_cores * _gflop(clock), engine, n_cores)


def _decoded_px(video: Path, clock: Clock) -> float:
    """Pixels that are decoded in a second of a core; 0 where a video has too few frames to tell, or can't be read."""
    try:
        with closing(glance(video)) as glances:
            return px_per_s((picture.size_px for _, picture in glances), clock)
    except InputError:
        return 0.0


def px_per_s(sizes_px: Iterator[tuple[int, int]], clock: Clock) -> float:
    """Pixels of pictures that come in a second; the first one, with which everything is opened, is not counted."""
    if next(sizes_px, None) is None:
        return 0.0
    started_s, n_px, elapsed_s = clock(), 0, 0.0
    for width_px, height_px in sizes_px:
        n_px += width_px * height_px
        elapsed_s = clock() - started_s
        if elapsed_s >= _DECODING_S:
            break
    return n_px / elapsed_s if elapsed_s > 0 else 0.0


def _gflop(clock: Clock) -> float:
    """Of matrix products in a second of a core; the first product is not counted."""
    matrix = np.full((_SIDE, _SIDE), 0.5, dtype=np.float32)
    # Several threads wait for each other, busily.
    with threadpool_limits(1, user_api="blas"):
        matrix @ matrix
        started_s, n_products, elapsed_s = clock(), 0, 0.0
        while elapsed_s < _MULTIPLYING_S:
            matrix @ matrix
            n_products, elapsed_s = n_products + 1, clock() - started_s
    return n_products * _PRODUCT_GFLOP / elapsed_s
