"""Several videos inspected beside each other: decoding keeps one core busy, and a lab has dozens of videos."""

import contextlib
from collections.abc import Callable, Iterable
from concurrent.futures import as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from common.errors import InputError
from common.processes import start_workers, stop_workers
from features.video.inspection import inspect_video, is_remembered
from features.video.survey import survey_video

# Fewer are decoded before processes have started.
_LEAST_FRAMES = 6000


def inspect_together(
    videos: Iterable[tuple[Path, float | None]],
    index_path: Path,
    n_workers: int,
    progress: Callable[[int, int], None],
) -> None:
    """Inspect videos, so that they are remembered when `inspect_video` is asked for each.

    What can't be inspected is passed over: the error comes when its turn comes. Nothing is done where it would not pay.

    Parameters
    ----------
    videos : iterable of (Path, float or None)
        With the frame rate that the user says instead of the header.
    index_path : Path
        As `inspect_video` takes it.
    n_workers : int
        Processes at most.
    progress : callable
        Called with videos done and videos in all.
    """
    different = dict.fromkeys(videos)
    if min(n_workers, len(different)) < 2:
        return
    waiting, n_frames = [], 0
    for path, fps in different:
        with contextlib.suppress(InputError):
            if not is_remembered(path, index_path, fps):
                n_frames += len(survey_video(path).stamps_s)
                waiting.append((path, fps))
    n_workers = min(n_workers, len(waiting))
    if n_workers < 2 or n_frames < _LEAST_FRAMES:
        return
    workers = start_workers(n_workers)
    try:
        inspected = [workers.submit(inspect_video, path, index_path, None, fps) for path, fps in waiting]
        progress(0, len(inspected))
        for done, one in enumerate(as_completed(inspected), start=1):
            if isinstance(one.exception(), BrokenProcessPool):
                # Memory ran out: they are inspected one after the other.
                return
            progress(done, len(inspected))
    finally:
        stop_workers(workers)
