"""The work itself: units of a video are made one after the other, videos beside each other where that pays."""

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from common.errors import InputError, WorkerEndedError
from common.processes import start_workers, stop_workers
from pipeline.image_dataset.estimate import duration
from pipeline.image_dataset.folder import DatasetDir
from pipeline.image_dataset.formats import FORMATS
from pipeline.image_dataset.pictures import encoded
from pipeline.image_dataset.plan import Plan, Unit
from pipeline.runtime.progress import Bar

log = logging.getLogger(__name__)

Told = Callable[[int], None]
"""Called with the number of a unit when it is done."""
_LOOKED_EVERY_S = 0.5


@dataclass(frozen=True)
class VideoJob:
    """Units of one video, which are still to be made.

    Attributes
    ----------
    plan : Plan
        Of this video alone.
    units : tuple of Unit
    identity : str
        Of the data set; it stands in the records of units.
    folder : Path
        Of the data set.
    """

    plan: Plan
    units: tuple[Unit, ...]
    identity: str
    folder: Path

    @property
    def video_path(self) -> Path:
        """The video that is decoded."""
        return self.plan.recordings[0].video.path

    @property
    def n_images(self) -> int:
        """Still to be made."""
        return sum(unit.n_images for unit in self.units)


def jobs_of(plan: Plan, todo: Sequence[Unit], identity: str, folder: Path) -> list[VideoJob]:
    """A job for each video that has units to be made."""
    numbers = {unit.number for unit in todo}
    jobs = []
    for video in plan.videos:
        own = tuple(unit for unit in video.units if unit.number in numbers)
        if own:
            jobs.append(VideoJob(replace(plan, videos=(video,)), own, identity, folder))
    return jobs


def make_video(job: VideoJob, told: Told = lambda number: None) -> None:
    """Decode a video once and make units of it, each of which is written when its last picture is there.

    Raises
    ------
    InputError
        The video can't be decoded as before.
    OSError
        The folder can't be written or the disk is full.
    """
    plan, folder = job.plan, DatasetDir(job.folder)
    layout, recordings = FORMATS[plan.settings.format](plan), plan.recordings
    slices = [[unit.rows[place] for unit in job.units] for place in range(len(recordings))]
    wanted = [np.concatenate([each.frames[rows] for rows in own]) for each, own in zip(recordings, slices, strict=True)]
    owners = [np.repeat(np.arange(len(own)), [rows.stop - rows.start for rows in own]).tolist() for own in slices]
    n_done = [0] * len(recordings)
    waiting: dict[int, list[list[bytes]]] = {}
    n_left, is_awaited = len(job.units), recordings[0].video.awaited is not None
    settings = (plan.size_px, plan.settings.encoder())
    with closing(encoded(recordings[0].video, recordings, wanted, *settings)) as contents:
        for which, content in contents:
            place = owners[which][n_done[which]]
            n_done[which] += 1
            pictures = waiting.setdefault(place, [[] for _ in recordings])
            pictures[which].append(content)
            unit = job.units[place]
            if sum(map(len, pictures)) == unit.n_images:
                files = layout.files(unit, recordings)
                folder.write_unit(unit.number, job.identity, files, layout.contents(unit, recordings, pictures))
                del waiting[place]
                n_left -= 1
                told(unit.number)
            # What is awaited is decoded to its end, which tells whether it is what it promises.
            if not n_left and not is_awaited:
                break
    if n_left:
        raise InputError(
            f"{sum(n_done):,} pictures of {job.video_path} could be made, where {job.n_images:,} were expected. Was "
            "the file changed meanwhile? Give the same command again."
        )


def make_videos(jobs: Sequence[VideoJob], n_workers: int, bar: Bar, n_before: int) -> None:
    """Carry out jobs, and tell how far it is; `n_before` images are there already.

    Raises
    ------
    InputError, OSError
        As `make_video`.
    WorkerEndedError
        A process ended, perhaps for want of memory.
    """
    follow = _Following(jobs, bar, n_before)
    if n_workers < 2:
        for job in jobs:
            make_video(job, follow.unit_done)
            follow.video_done(job)
        return
    workers = start_workers(n_workers)
    try:
        waiting: dict[Future[None], VideoJob] = {workers.submit(make_video, job): job for job in jobs}
        while waiting:
            finished, _ = wait(waiting, _LOOKED_EVERY_S, FIRST_COMPLETED)
            for future in finished:
                future.result()
                follow.video_done(waiting.pop(future))
            follow.look()
    except BrokenProcessPool:
        raise WorkerEndedError(
            "A process that made images ended, perhaps because memory ran out. The same command goes on where it "
            "stopped; --set execution.workers=1 takes less memory."
        ) from None
    finally:
        stop_workers(workers)


class _Following:
    """How far the work is, told on a bar and, video by video, in the log."""

    def __init__(self, jobs: Sequence[VideoJob], bar: Bar, n_before: int) -> None:
        self._left = {unit.number: unit.n_images for job in jobs for unit in job.units}
        self._bar, self._n_made, self._n_before = bar, 0, n_before
        self._n_all = sum(self._left.values())
        self._n_videos, self._n_videos_done = len(jobs), 0
        self._began = time.monotonic()
        self._folder = DatasetDir(jobs[0].folder) if jobs else None
        self._tell()

    def unit_done(self, number: int) -> None:
        self._n_made += self._left.pop(number, 0)
        self._tell()

    def look(self) -> None:
        """See what other processes have done."""
        for number in [number for number in self._left if self._folder and self._folder.has_record(number)]:
            self.unit_done(number)

    def video_done(self, job: VideoJob) -> None:
        for unit in job.units:
            self.unit_done(unit.number)
        self._n_videos_done += 1
        rate = self._n_made / max(1e-9, time.monotonic() - self._began)
        n_left = self._n_all - self._n_made
        log.info(
            "%s: %d images; %d of %d videos, %.0f images a second%s",
            job.video_path.name, job.n_images, self._n_videos_done, self._n_videos, rate,
            f", about {duration(n_left / rate)} left" if n_left else "",
        )  # fmt: skip

    def _tell(self) -> None:
        self._bar(self._n_before + self._n_made, self._n_before + self._n_all)
