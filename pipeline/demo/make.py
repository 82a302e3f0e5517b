"""Write a demo's folder: videos, tracks, annotations and the table that pairs them."""

import json
import multiprocessing
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import cv2

from common.errors import InputError
from common.files import replacing, write_text
from common.locks import lock_at, take_turn
from pipeline.config.demo import DemoConfig
from pipeline.demo import open_field
from pipeline.demo.social import files as social
from pipeline.runtime.machine import usable_cores

Progress = Callable[[int], None]


class Simulator(NamedTuple):
    """What is simulated, and how its files are written.

    `versions` are written into the demo's folder: other ones, and it is made again. `write_recording` (folder, index,
    settings, progress in frames) writes the files of one recording, in any process; `write_tables` (folder, settings,
    what the recordings returned) writes what they share, the `table` of recordings among it.
    """

    title: str
    versions: dict[str, object]
    write_recording: Callable[[Path, int, DemoConfig, Progress], Any]
    write_tables: Callable[[Path, DemoConfig, Sequence[Any]], None]
    table: str = "recordings.csv"


SIMULATORS: dict[str, Simulator] = {
    "demo": Simulator(
        "the demo's open field",
        {"simulator_version": open_field.SIMULATOR_VERSION},
        open_field.write_recording,
        open_field.write_tables,
    ),
    "demo_social": Simulator(
        "the demo's pairs of mice",
        {"social_simulator_version": social.SIMULATOR_VERSION},
        social.write_recording,
        social.write_tables,
    ),
    "demo_vivarium": Simulator(
        "the demo's pairs of mice",
        {"social_simulator_version": social.SIMULATOR_VERSION},
        social.write_recording,
        social.write_tables,
        social.TRACKS_TABLE_NAME,
    ),
}
"""By what `recordings:` says; `pipeline.config.demo.DEMOS` has a line on each."""

SPEC_NAME = "demo.json"
_WORTH_PROCESSES_FRAMES = 4000
"""Fewer frames are drawn sooner than other processes have started."""


def make_demo(
    folder: Path,
    config: DemoConfig | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
    name: str = "demo",
) -> Path:
    """Make the demo of this name, unless the folder already holds exactly this one; its table of recordings.

    The folder, which must not hold anything else, appears whole or not at all: files are written beside it and moved in
    one step. A demo of other settings, or of an older simulator, is replaced. `progress` is called with (frames done,
    frames in all).

    Raises
    ------
    common.errors.InputError
        When the folder exists and is not a demo.
    """
    config = config or DemoConfig()
    simulator = SIMULATORS[name]
    folder = Path(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = lock_at(folder.parent / f".{folder.name}.lock")
    take_turn(lock, f"The demo {folder} is being made")
    with lock:
        if _is_current(folder, config, simulator):
            return folder / simulator.table
        _refuse_foreign(folder)
        with replacing(folder) as fresh:
            fresh.mkdir()
            _write_demo(fresh, config, progress, simulator)
    return folder / simulator.table


def _spec(config: DemoConfig, simulator: Simulator) -> dict[str, object]:
    return {**simulator.versions, **config.model_dump()}


def _is_current(folder: Path, config: DemoConfig, simulator: Simulator) -> bool:
    try:
        written = json.loads((folder / SPEC_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    if not isinstance(written, dict) or written.get("settings") != _spec(config, simulator):
        return False
    # Files that were deleted or cut short since are noticed by their size.
    sizes = written.get("size_bytes", {})
    return (folder / simulator.table).is_file() and all(
        (folder / name).is_file() and (folder / name).stat().st_size == size for name, size in sizes.items()
    )


def _refuse_foreign(folder: Path) -> None:
    if not folder.exists():
        return
    if not folder.is_dir() or (not (folder / SPEC_NAME).exists() and any(folder.iterdir())):
        raise InputError(
            f"The demo should be written to {folder}, but something else lies there (no {SPEC_NAME} inside). "
            "Move it away, or name another folder for the demo."
        )


def _write_demo(folder: Path, config: DemoConfig, progress: Callable[[int, int], None], simulator: Simulator) -> None:
    n_recordings = config.n_train + config.n_test
    jobs = [(folder, index, config) for index in range(n_recordings)]
    n_processes = min(usable_cores(), n_recordings)
    if n_processes == 1 or n_recordings * config.n_frames < _WORTH_PROCESSES_FRAMES:
        written = [simulator.write_recording(*job, partial(_report, progress, job[1], config)) for job in jobs]
    else:
        written = _write_side_by_side(simulator, jobs, n_processes, progress)
    simulator.write_tables(folder, config, written)
    sizes = {path.name: path.stat().st_size for path in sorted(folder.iterdir())}
    spec = json.dumps({"settings": _spec(config, simulator), "size_bytes": sizes}, indent=2)
    write_text(folder / SPEC_NAME, spec + "\n")


def _report(progress: Callable[[int, int], None], index: int, config: DemoConfig, done: int) -> None:
    progress(index * config.n_frames + done, (config.n_train + config.n_test) * config.n_frames)


def _write_side_by_side(
    simulator: Simulator,
    jobs: list[tuple[Path, int, DemoConfig]],
    n_processes: int,
    progress: Callable[[int, int], None],
) -> list[Any]:
    """Every recording has a random state of its own, so it comes out the same in whichever process it is drawn."""
    n_frames = jobs[0][2].n_frames
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(n_processes, context, _draw_with_one_thread) as pool:
        futures = [pool.submit(simulator.write_recording, *job, _ignore_frames) for job in jobs]
        try:
            for n_done, _ in enumerate(as_completed(futures), start=1):
                progress(n_done * n_frames, len(jobs) * n_frames)
            return [future.result() for future in futures]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _draw_with_one_thread() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)


def _ignore_frames(done: int) -> None:
    """Progress within a recording is not worth sending between processes."""
