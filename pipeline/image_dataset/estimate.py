"""How long a data set will take and how large it will be, reckoned from a few pictures that are really made."""

import shutil
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from common.errors import InputError
from features.video.reading import DecodedFrame, iter_frames
from pipeline.image_dataset.formats import Format
from pipeline.image_dataset.pictures import shown
from pipeline.image_dataset.plan import Plan, VideoPlan

N_SAMPLED_FRAMES = 48
_BYTES_PER_ROW = 200
"""Of images.csv."""
_MARGIN = 1.1


@dataclass(frozen=True)
class Estimate:
    """What is still to be made, and what it will take.

    Attributes
    ----------
    n_images : int
    seconds : float
    n_bytes : int
        On the disk.
    picture_bytes : float
        Mean of the sample.
    sample : str
        What was measured, in words.
    """

    n_images: int
    seconds: float
    n_bytes: int
    picture_bytes: float
    sample: str

    def in_words(self) -> str:
        """A sentence for people."""
        return (
            f"{self.n_images:,} images are to be made: about {duration(self.seconds)} and {size(self.n_bytes)} on the "
            f"disk (by {self.sample}, {size(self.picture_bytes)} each)."
        )


class _Timed:
    """Passes frames on and takes the time of the decoder, without what it takes to open the video."""

    def __init__(self, frames: Iterator[DecodedFrame]) -> None:
        self._frames = frames
        self.seconds, self.n_frames = 0.0, 0

    def __iter__(self) -> Iterator[DecodedFrame]:
        while True:
            began = time.perf_counter()
            frame = next(self._frames, None)
            if self.n_frames:
                self.seconds += time.perf_counter() - began
            if frame is None:
                return
            self.n_frames += 1
            yield frame


def estimate(plan: Plan, layout: Format, done: Collection[int]) -> Estimate:
    """Make the first pictures of the first video that is not done, whatever is known of them, and measure that.

    `done` are the numbers of finished units. Nothing is written.

    Raises
    ------
    InputError
        The video can't be decoded.
    """
    todo = [video for video in plan.videos if any(unit.number not in done for unit in video.units)]
    n_images = sum(unit.n_images for unit in plan.units if unit.number not in done)
    if not todo:
        return Estimate(0, 0.0, plan.n_images * _BYTES_PER_ROW, 0.0, "no picture")
    recordings, encode = todo[0].recordings, plan.settings.encoder()
    video = recordings[0].video
    wanted = np.arange(min(N_SAMPLED_FRAMES, video.n_frames), dtype=np.int64)
    frames, sizes, began = _Timed(iter_frames(video.path)), [], 0.0
    pictures = shown(iter(frames), recordings, [wanted] * len(recordings), plan.size_px)
    for _, picture in pictures:
        began = began or time.perf_counter()
        sizes.append(len(encode(picture)))
        if len(sizes) == len(wanted) * len(recordings):
            break
    n_sampled = max(1, len(sizes))
    picture_s = max(0.0, time.perf_counter() - began - frames.seconds) / n_sampled if began else 0.0
    frame_s = frames.seconds / max(1, frames.n_frames - 1)
    n_frames = sum(frames_to_decode(each, done) for each in todo)
    picture_bytes = float(np.mean(sizes)) if sizes else 0.0
    n_bytes = n_images * layout.disk_bytes(picture_bytes) + plan.n_images * _BYTES_PER_ROW
    sample = f"{n_sampled} pictures of {video.path.name}"
    return Estimate(n_images, n_frames * frame_s + n_images * picture_s, int(n_bytes), picture_bytes, sample)


def frames_to_decode(video: VideoPlan, done: Collection[int]) -> int:
    """How many frames of a video have to be decoded, which begins with the first."""
    if video.recordings[0].video.awaited is not None:
        return video.recordings[0].video.n_frames
    return max((unit.stop for unit in video.units if unit.number not in done), default=0)


def require_room(folder: Path, n_bytes: int) -> None:
    """Raise `InputError` where the disk of a folder, which need not be there yet, has less free."""
    place = folder.absolute()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if free < _MARGIN * n_bytes:
        raise InputError(
            f"The data set needs about {size(n_bytes)}, but the disk of {folder} has {size(free)} free. Free some "
            "space, choose another disk with --output, or make fewer or smaller images (--every 10, --size 96)."
        )


def duration(seconds: float) -> str:
    """Such as `2 h 10 min`."""
    if seconds < 120:
        return f"{max(1, round(seconds))} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def size(n_bytes: float) -> str:
    """Such as `7.3 GB`."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if n_bytes >= factor:
            return f"{n_bytes / factor:.1f} {unit}"
    return f"{n_bytes:.0f} bytes"
