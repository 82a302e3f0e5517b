"""Videos are made ready while their pages are open: found, looked at, and converted where browsers need that.

One thread goes through all of them in order. Another one takes those whose pages are open, so that who looks at a
recording does not wait for those before it.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from common.errors import InputError
from common.wording import count
from pipeline.review.videos import PageVideo
from pipeline.run_folder.recordings import RecordingRow

log = logging.getLogger(__name__)

Progress = Callable[[int, int], None]
Prepare = Callable[[RecordingRow, Progress], PageVideo]
Settled = Callable[[Sequence[str], PageVideo], None]

_END_AFTER_S = 20.0


class _EndedError(Exception):
    """The command ends: what is half converted is given up."""


@dataclass
class _Work:
    """One video, and the recordings that are of it (several where it shows several animals)."""

    rows: list[RecordingRow]
    has_begun: bool = False
    is_wanted: bool = False
    n_done: int = 0
    n_frames: int = 0
    n_first: int = 0
    first_s: float = 0.0

    def report(self, n_done: int, n_frames: int) -> None:
        """Take frames done and all frames."""
        if not self.n_frames:
            self.n_first, self.first_s = n_done, time.monotonic()
        self.n_done, self.n_frames = n_done, n_frames

    def left_s(self) -> float | None:
        """How long the conversion still takes, as fast as it was since it was first heard of; None before."""
        n_since = self.n_done - self.n_first
        return (self.n_frames - self.n_done) * (time.monotonic() - self.first_s) / n_since if n_since > 0 else None


def by_source(rows: Sequence[RecordingRow]) -> list[list[RecordingRow]]:
    """Recordings of one video together, which need one copy of it."""
    found: dict[Any, list[RecordingRow]] = {}
    for row in rows:
        found.setdefault((row.video_path, row.fps, row.n_frames), []).append(row)
    return list(found.values())


class Preparation:
    """The videos of some recordings, on their way.

    Parameters
    ----------
    rows : sequence of RecordingRow
        In the order in which they are made ready.
    prepare : callable
        Makes what a page plays of a row (`pipeline.review.videos.page_video`), and reports frames done and all frames
        while it converts.
    """

    def __init__(self, rows: Sequence[RecordingRow], prepare: Prepare) -> None:
        self._prepare = prepare
        self._works = [_Work(own) for own in by_source(rows)]
        self._of = {row.recording: work for work in self._works for row in work.rows}
        self._changed = threading.Condition()
        self._has_ended = False
        self._n_settled = self._n_ready = 0

    def stage(self, recording: str) -> dict[str, Any]:
        """How far a recording's video is, for its page, which comes first from now on."""
        work = self._of[recording]
        with self._changed:
            if not work.is_wanted:
                work.is_wanted = True
                self._changed.notify_all()
            if not work.has_begun:
                return {"stage": "waiting"}
            if not work.n_frames:
                return {"stage": "looking"}
            return {"stage": "converting", "done": work.n_done, "total": work.n_frames, "left_s": work.left_s()}

    @contextmanager
    def running(self, settled: Settled) -> Iterator[None]:
        """Work during a `with` block; at its end, what is half converted is given up and deleted.

        `settled` is called with the recordings of a video and what their pages play, from another thread.
        """
        threads = [
            threading.Thread(target=self._work, args=(settled, only_wanted), daemon=True)
            for only_wanted in (False, True)
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            with self._changed:
                self._has_ended = True
                self._changed.notify_all()
            for thread in threads:
                thread.join(_END_AFTER_S)

    def _work(self, settled: Settled, only_wanted: bool) -> None:
        while (work := self._next(only_wanted)) is not None:
            names = [row.recording for row in work.rows]
            try:
                video = self._made(work)
            except _EndedError:
                return
            if video.note:
                log.warning("%s: %s", names[0], video.note)
            try:
                settled(names, video)
            except InputError as error:
                log.error("%s", error)
            except Exception:
                log.exception("The pages of %s could not be written anew.", names[0])
            self._count(video)

    def _count(self, video: PageVideo) -> None:
        with self._changed:
            self._n_settled += 1
            self._n_ready += video.path is not None
            is_last, any_converted = self._n_settled == len(self._works), any(work.n_done for work in self._works)
        if is_last and any_converted:
            log.info("%s of %s videos are ready.", count(self._n_ready), count(self._n_settled))

    def _next(self, only_wanted: bool) -> _Work | None:
        """The next one to begin with, of those whose pages are open first; None when there will be none."""
        with self._changed:
            while not self._has_ended:
                waiting = [work for work in self._works if not work.has_begun]
                if not waiting:
                    return None
                ready = [work for work in waiting if work.is_wanted] or ([] if only_wanted else waiting)
                if ready:
                    ready[0].has_begun = True
                    return ready[0]
                self._changed.wait()
        return None

    def _made(self, work: _Work) -> PageVideo:
        """What the pages play; whatever goes wrong is said there and does not end the command."""

        def progress(n_done: int, n_frames: int) -> None:
            if self._has_ended:
                raise _EndedError
            if not work.n_frames:
                name = work.rows[0].recording
                log.info("Converting the video of %s for the browser (%s frames).", name, count(n_frames))
            work.report(n_done, n_frames)

        try:
            return self._prepare(work.rows[0], progress)
        except InputError as error:
            return _failed(str(error))
        except _EndedError:
            raise
        except Exception as error:
            log.exception("The video of %s could not be made ready.", work.rows[0].recording)
            return _failed(f"{type(error).__name__}: {error}")


def _failed(why: str) -> PageVideo:
    return PageVideo(None, f"The video could not be converted for the browser. {why} So only the timelines are shown.")
