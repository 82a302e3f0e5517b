"""What a task costs, by who carries it out: `python -m benchmarks.scale [--recordings 10 100 1000] [--workers 1 2]`.

A task is that of a recording without its work: its job is sent, one of the size of a recording's features is written to
the shared folder in one step, its end is told, and the file is found. So the seconds are those of sending, telling and
the file system, which are the same whatever network embeds. Dask's workers are processes of this machine. Prints a
Markdown table: tasks a second, ms a task in all and of one worker, and seconds until the first task is done (starting).
"""

import argparse
import pickle
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from common.files import write_bytes
from pipeline.config.execution import ExecutionConfig
from pipeline.training.executors import EXECUTORS, open_executor
from pipeline.training.executors.base import Job, Needs, OnEvent
from pipeline.training.fits import CacheFile, EmbeddingSource

SHAPE = (256, 320)
"""Rows and features of each recording; `compact` has 320."""


@dataclass(frozen=True)
class Errand(Job):
    path: Path
    uses_networks = False

    @property
    def key(self) -> str:
        return self.path.name

    @property
    def words(self) -> str:
        return f"writing {self.path.name}"

    def absolute(self) -> "Errand":
        return replace(self, path=self.path.absolute())

    def carry_out(self, on_event: OnEvent | None = None) -> None:
        write_bytes(self.path, np.zeros(SHAPE, np.float32).tobytes())
        if on_event is not None:
            on_event({"done": 1})


def measure(backend: Any, n_workers: int, n_tasks: int) -> dict[str, float]:
    """Seconds until the first task is done, and of all others together."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        execution = ExecutionConfig(backend=backend, workers=n_workers)
        started = time.perf_counter()
        with open_executor(execution, n_workers, Needs((), (path,))) as executor:
            first = [Errand(path / f"first{i}") for i in range(n_workers)]
            for _ in executor.run(first, lambda job, event: None):
                pass
            ready = time.perf_counter()
            jobs = [Errand(path / str(i)) for i in range(n_tasks)]
            n_done = sum(job.path.stat().st_size > 0 for job in executor.run(jobs, lambda job, event: None))
            ended = time.perf_counter()
        assert n_done == n_tasks
    return {"starting_s": ready - started, "tasks_s": ended - ready}


def fit_bytes(n_recordings: int) -> int:
    """Size of what is sent of a fit's features: it names every recording's file."""
    cache = CacheFile(Path("/shared/cache/recording_0001__0123456789ab.h5"), "0" * 64, SHAPE[1])
    sources = [
        EmbeddingSource(f"r{i}", (replace(cache, path=cache.path.with_name(f"r{i}.h5"), fingerprint=f"{i:064d}"),))
        for i in range(n_recordings)
    ]
    return len(pickle.dumps(sources))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recordings", type=int, nargs="+", default=[10, 100, 1000])
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--backends", nargs="+", default=[*EXECUTORS], choices=[*EXECUTORS])
    options = parser.parse_args()
    print("| backend | workers | recordings | starting, s | tasks a second | ms a task | ms a task and worker |")
    print("|---|---|---|---|---|---|---|")
    for backend in options.backends:
        for n_workers in options.workers:
            for n_tasks in options.recordings:
                found = measure(backend, n_workers, n_tasks)
                each_ms = 1000 * found["tasks_s"] / n_tasks
                print(
                    f"| {backend} | {n_workers} | {n_tasks:,} | {found['starting_s']:.1f} | {1000 / each_ms:,.0f} "
                    f"| {each_ms:.1f} | {each_ms * n_workers:.1f} |",
                    flush=True,
                )
    print("\n| recordings | kB sent with a fit that needs them all |\n|---|---|")
    for n_tasks in options.recordings:
        print(f"| {n_tasks:,} | {fit_bytes(n_tasks) / 1000:,.0f} |")


if __name__ == "__main__":
    # So that workers find the class of the jobs by a name that holds there.
    from benchmarks import scale

    scale.main()
