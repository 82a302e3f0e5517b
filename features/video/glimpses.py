"""A few frames out of a long video, for people to look at.

Here alone it is sought, since decoding minutes for a few pictures is dear. Which frame it is that comes is told by its
time stamp among those of all packets, so that a frame is never taken for another one; where the file has no such
stamps, or is damaged, it is decoded from its beginning.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray

from features.video.opening import opened_container
from features.video.pictures import Converter, Picture
from features.video.reading import DecodedFrame, iter_frames
from features.video.survey import Survey, film_of, survey_video

_READ_ON_FRAMES = 60
"""To a frame that is no farther it is decoded on."""
_FIRST_BACK_S = 1.0
MOST_UNSOUGHT = 20_000
"""So many frames are decoded at most where it can't be sought; later ones are left out."""


def frames_at(path: Path, numbers: Sequence[int]) -> Iterator[DecodedFrame]:
    """The frames of these rising numbers; one that isn't found is left out. Pictures hold until the next is taken.

    Raises
    ------
    UnreadableVideoError
        When the video can't be opened.
    """
    survey = survey_video(path)
    wanted = [number for number in numbers if number < survey.n_shown]
    if _tells_frames(survey):
        yield from _sought(path, survey, wanted)
        return
    wanted = [number for number in wanted if number < MOST_UNSOUGHT]
    for frame in iter_frames(path) if wanted else ():
        if frame.number in wanted:
            yield frame
        if frame.number >= wanted[-1]:
            return


def can_be_sought(path: Path) -> bool:
    """Whether a late frame costs no more than an early one. Raises as `frames_at`."""
    return _tells_frames(survey_video(path))


def _tells_frames(survey: Survey) -> bool:
    """Whether every frame has a time stamp of its own, and nothing is damaged or hidden."""
    stamps_s = survey.stamps_s
    is_whole = not survey.is_suspect and not survey.n_hidden and len(stamps_s) == survey.n_shown
    return is_whole and survey.container.has_times and bool((np.diff(stamps_s) > 0).all())


def _sought(path: Path, survey: Survey, wanted: Sequence[int]) -> Iterator[DecodedFrame]:
    converter = Converter()
    with opened_container(path) as container:
        stream = film_of(container, survey)
        decoded = _Decoded(container, stream, survey.stamps_s)
        for number in wanted:
            picture = decoded.at(number)
            if picture is not None:
                yield DecodedFrame(number, float(survey.stamps_s[number]), Picture(picture, converter))


class _Decoded:
    """Pictures of an opened file, one after the other, from wherever it is sought to."""

    def __init__(self, container: InputContainer, stream: VideoStream, stamps_s: NDArray[np.float64]) -> None:
        self._container, self._stream, self._stamps_s = container, stream, stamps_s
        self._half_s = float(np.diff(stamps_s).min()) / 2 if len(stamps_s) > 1 else 0.0
        self._pictures: Iterator[av.VideoFrame] = iter(container.decode(stream))
        self._next = 0

    def at(self, number: int) -> av.VideoFrame | None:
        """The picture of a frame; sought from ever earlier places until one comes that is no later."""
        back_s = 0.0
        is_near = self._next <= number <= self._next + _READ_ON_FRAMES
        while True:
            if not is_near:
                self._seek(float(self._stamps_s[number]) - back_s)
            picture = self._read_to(number)
            if picture is not None or (not is_near and back_s > self._stamps_s[number]):
                return picture
            is_near, back_s = False, max(_FIRST_BACK_S, 4 * back_s)

    def _seek(self, time_s: float) -> None:
        unit_s = float(self._stream.time_base or 1)
        self._container.seek((self._stream.start_time or 0) + round(max(0.0, time_s) / unit_s), stream=self._stream)
        self._pictures = iter(self._container.decode(self._stream))

    def _read_to(self, number: int) -> av.VideoFrame | None:
        try:
            for picture in self._pictures:
                found = self._number_of(picture)
                if found is not None:
                    self._next = found + 1
                    if found >= number:
                        return picture if found == number else None
        except av.FFmpegError:
            pass
        return None

    def _number_of(self, picture: av.VideoFrame) -> int | None:
        """By its time stamp; None where no packet has it."""
        if picture.pts is None:
            return None
        time_s = (picture.pts - (self._stream.start_time or 0)) * float(self._stream.time_base or 0)
        place = int(np.searchsorted(self._stamps_s, time_s - self._half_s))
        is_there = place < len(self._stamps_s) and abs(self._stamps_s[place] - time_s) <= self._half_s
        return place if is_there else None
