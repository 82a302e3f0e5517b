"""Write the demo folder: videos, tracks, annotations and the table that pairs them."""

import itertools
import json
import multiprocessing
import signal
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from common.errors import InputError
from common.files import replacing, write_text
from common.locks import lock_at
from common.tables import write_lines, write_table
from pipeline.config.demo import DemoConfig
from pipeline.demo.behavior import LABELLED, label_frames
from pipeline.demo.body import KEYPOINTS
from pipeline.demo.recording import render_frames, simulate_recording
from pipeline.demo.tracking import track_keypoints, write_deeplabcut_csv
from pipeline.runtime.machine import usable_cores

SIMULATOR_VERSION = 4
"""Raise whenever the same settings would give other frames, tracks or labels."""

SPEC_NAME = "demo.json"
TABLE_NAME = "recordings.csv"
_WORTH_PROCESSES_FRAMES = 4000
"""Fewer frames are drawn sooner than other processes have started."""
_COLUMNS = ("recording", "video", "poses", "annotations", "individual", "group", "split")


def make_demo(
    folder: Path, config: DemoConfig | None = None, progress: Callable[[int, int], None] = lambda done, total: None
) -> Path:
    """Make the simulated open field, unless the folder already holds exactly this demo; its `recordings.csv`.

    The folder, which must not hold anything else, appears whole or not at all: files are written beside it and moved in
    one step. A demo of other settings, or of an older simulator, is replaced. `progress` is called with (frames done,
    frames in all).

    Raises
    ------
    common.errors.InputError
        When the folder exists and is not a demo.
    """
    config = config or DemoConfig()
    folder = Path(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with lock_at(folder.parent / f".{folder.name}.lock"):
        if _is_current(folder, config):
            return folder / TABLE_NAME
        _refuse_foreign(folder)
        with replacing(folder) as fresh:
            fresh.mkdir()
            _write_demo(fresh, config, progress)
    return folder / TABLE_NAME


def _spec(config: DemoConfig) -> dict[str, object]:
    return {"simulator_version": SIMULATOR_VERSION, **config.model_dump()}


def _is_current(folder: Path, config: DemoConfig) -> bool:
    try:
        written = json.loads((folder / SPEC_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    if not isinstance(written, dict) or written.get("settings") != _spec(config):
        return False
    # Files that were deleted or cut short since are noticed by their size.
    sizes = written.get("size_bytes", {})
    return (folder / TABLE_NAME).is_file() and all(
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


def _write_demo(folder: Path, config: DemoConfig, progress: Callable[[int, int], None]) -> None:
    n_recordings = config.n_train + config.n_test
    jobs = [(folder, f"{('HD', 'WT')[i % 2]}_sim_{i + 1:02d}", i, config) for i in range(n_recordings)]
    n_processes = min(usable_cores(), n_recordings)
    if n_processes == 1 or n_recordings * config.n_frames < _WORTH_PROCESSES_FRAMES:
        written = [_write_recording(*job, partial(_report, progress, job[2], config)) for job in jobs]
    else:
        written = _write_side_by_side(jobs, n_processes, progress)
    rows = []
    for i, row in enumerate(written):
        group, split = ("HD", "WT")[i % 2], "train" if i < config.n_train else "test"
        rows.append(row | {"individual": f"{group}_{i + 1:02d}", "group": group, "split": split})
    write_table(folder / TABLE_NAME, _COLUMNS, rows)
    sizes = {path.name: path.stat().st_size for path in sorted(folder.iterdir())}
    spec = json.dumps({"settings": _spec(config), "size_bytes": sizes}, indent=2)
    write_text(folder / SPEC_NAME, spec + "\n")


def _report(progress: Callable[[int, int], None], index: int, config: DemoConfig, done: int) -> None:
    progress(index * config.n_frames + done, (config.n_train + config.n_test) * config.n_frames)


def _write_side_by_side(
    jobs: list[tuple[Path, str, int, DemoConfig]], n_processes: int, progress: Callable[[int, int], None]
) -> list[dict[str, str]]:
    """Every recording has a random state of its own, so it comes out the same in whichever process it is drawn."""
    n_frames = jobs[0][3].n_frames
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(n_processes, context, _draw_with_one_thread) as pool:
        futures = [pool.submit(_write_recording, *job, _ignore_frames) for job in jobs]
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


def _write_recording(
    folder: Path, name: str, index: int, config: DemoConfig, progress: Callable[[int], None]
) -> dict[str, str]:
    rng = np.random.default_rng([config.seed, index])
    recording = simulate_recording(config.n_frames, config.fps, config.size_px, rng)
    video, poses, labels = f"{name}.mp4", f"{name}_dlc.csv", f"{name}_labels.csv"
    # One recording per demo comes as bouts, to show that annotation formats may be mixed.
    if index == 1:
        labels = f"{name}_bouts.csv"
        bouts = [(e.state, e.start, e.stop) for e in recording.episodes if e.state in LABELLED]
        write_lines(folder / labels, [("behavior", "start_frame", "stop_frame"), *bouts])
    else:
        columns = [label_frames(recording.episodes, behavior).astype(int) for behavior in LABELLED]
        write_lines(folder / labels, [["frame", *LABELLED], *zip(itertools.count(), *columns)])
    xy, likelihood = track_keypoints(recording.keypoints_px, KEYPOINTS, config.fps, config.size_px, rng)
    write_deeplabcut_csv(folder / poses, xy, likelihood, KEYPOINTS)
    writer = cv2.VideoWriter(
        str(folder / video), cv2.VideoWriter.fourcc(*"mp4v"), config.fps, (config.size_px, config.size_px)
    )
    if not writer.isOpened():
        raise OSError(f"OpenCV could not open {folder / video} to write an mp4 video.")
    try:
        for frame, image in enumerate(render_frames(recording, config.size_px, rng)):
            writer.write(image)
            if frame % 20 == 19 or frame + 1 == config.n_frames:
                progress(frame + 1)
    finally:
        writer.release()
    return {"recording": name, "video": video, "poses": poses, "annotations": labels}
