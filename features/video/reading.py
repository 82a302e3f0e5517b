"""Frames of video files in order, numbered as their packets are.

Frames are decoded from the first to the last and counted; the header's frame count is only compared, and nothing ever
seeks, since both are inexact. A rotation that the file asks for (phones write one) is applied: sizes and coordinates
are those of the frames as a player, or DeepLabCut, shows them.

Of a damaged video the lost frames keep their numbers, so that those behind stay with their poses and labels, and show
the picture before.

PyAV decodes, and its pictures are those that OpenCV gives, to the last bit. But OpenCV ends or miscounts where a packet
is damaged, reads a cover picture as the film, has no AV1, and leaves half the lines of interlaced pictures empty.
"""

import math
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
from numpy.typing import NDArray

from features.video.damage import Plan, decode_packets, place_frames
from features.video.files import UnreadableVideoError, unopenable
from features.video.opening import opened_container
from features.video.pictures import Converter, Picture
from features.video.survey import Survey, VideoHeader, film_of, header_of, survey_video

MIN_FPS, MAX_FPS = 0.01, 2000.0
READING_VERSION = 1
"""Raised when the same video has other frames."""


class DecodedFrame(NamedTuple):
    """One frame: its number, its time stamp in seconds, and its picture, which is made when it is asked for.

    `picture` may be called until the next frame is taken. `is_lost`: the picture is another frame's. `is_faulty`: it
    was decoded from spoiled data.
    """

    number: int
    time_s: float
    picture: Picture
    is_lost: bool = False
    is_faulty: bool = False


def iter_bgr_frames(path: Path, frame_step: int = 1, first_frame: int = 0) -> Iterator[NDArray[np.uint8]]:
    """Pictures of frames ``first_frame``, ``first_frame + frame_step``, ...; those between are only decoded.

    They are (height, width, 3) uint8, blue, green, red.

    Raises
    ------
    UnreadableVideoError
        When the video can't be opened, a frame of it can't be decoded, or pictures change their size.
    """
    for frame in iter_frames(path):
        if frame.number >= first_frame and (frame.number - first_frame) % frame_step == 0:
            yield frame.picture()


def iter_frames(path: Path) -> Iterator[DecodedFrame]:
    """All frames of a video in order: every reading of one goes through here. Errors as in `iter_bgr_frames`.

    They are numbered as they come, as long as nothing is damaged; else by plan, from the first that was not given yet.
    """
    survey = survey_video(path)
    n_done = 0
    if not (survey.is_suspect and place_frames(path).is_damaged):
        for frame in _as_they_come(path, survey):
            yield frame
            n_done += 1
        if n_done >= survey.n_shown or not place_frames(path).is_damaged:
            return
    for frame in _by_plan(path, survey, place_frames(path)):
        if frame.number >= n_done:
            yield frame


def _require_one_size(path: Path, number: int, picture: av.VideoFrame, first_size_px: tuple[int, int]) -> None:
    if (picture.width, picture.height) != first_size_px:
        raise UnreadableVideoError(
            f"The frames of {path} change their size: they are {first_size_px[0]} x {first_size_px[1]} px first and "
            f"{picture.width} x {picture.height} px at frame {number:,}, so that no position holds for all of it. Was "
            "it joined of several recordings? Cut it into one video for each size, with poses and annotations of its "
            "own."
        )


def _as_they_come(path: Path, survey: Survey) -> Iterator[DecodedFrame]:
    """Frames numbered as the decoder gives them; ends before the first that is missed or faulty."""
    converter, number, before_s = Converter(), 0, -math.inf
    # Times at which frames are due; in files without times of their own, they may begin later than the first.
    stamps_s = survey.stamps_s.tolist()
    tolerance_s = float(np.median(np.diff(stamps_s))) / 4 if len(stamps_s) > 1 else 0.0
    due = 0 if survey.container.has_times else 1
    with opened_container(path) as container:
        stream = film_of(container, survey)
        stream.thread_type = "AUTO"
        start, unit_s = stream.start_time or 0, float(stream.time_base or 0)
        pictures = container.decode(stream)
        while (picture := _next_picture(pictures)) is not None:
            if number == 0:
                size_px = picture.width, picture.height
            time_s = 0.0 if picture.pts is None else (picture.pts - start) * unit_s
            while due < len(stamps_s) and stamps_s[due] <= before_s + tolerance_s:
                due += 1
            if due < len(stamps_s) and before_s < stamps_s[due] < time_s - tolerance_s:
                if place_frames(path).is_damaged:
                    return
                stamps_s = []  # It is no damage: nothing more is to be learned from them.
            if picture.is_corrupt and place_frames(path).is_damaged:
                return
            _require_one_size(path, number, picture, size_px)
            yield DecodedFrame(number, time_s, Picture(picture, converter))
            number, before_s = number + 1, time_s


def _next_picture(pictures: Iterator[Any]) -> av.VideoFrame | None:
    """None at the end, and where decoding fails."""
    try:
        return next(pictures, None)
    except av.FFmpegError:
        return None


def _by_plan(path: Path, survey: Survey, plan: Plan) -> Iterator[DecodedFrame]:
    """Frames of a damaged video; a lost one has the picture of the one before, or of the first that there is."""
    converter = Converter()
    number, before, size_px = 0, None, None

    def lost(stop: int, picture: av.VideoFrame) -> Iterator[DecodedFrame]:
        for absent in range(number, stop):
            yield DecodedFrame(absent, plan.times_s[absent], Picture(picture, converter), is_lost=True)

    with opened_container(path) as container:
        for place, picture in decode_packets(container, survey):
            if picture is None or plan.numbers.get(place, -1) < number:
                continue
            own = plan.numbers[place]
            size_px = size_px or (picture.width, picture.height)
            _require_one_size(path, own, picture, size_px)
            yield from lost(own, before or picture)
            shown = Picture(picture, converter)
            yield DecodedFrame(own, plan.times_s[own], shown, is_faulty=bool(plan.is_faulty[own]))
            number, before = own + 1, picture
        if before is not None:
            yield from lost(plan.n_frames, before)


def require_rate(path: Path, fps: float) -> None:
    """Raise `UnreadableVideoError` unless a header's frame rate is one that times can be told by."""
    if not MIN_FPS <= fps <= MAX_FPS:
        raise UnreadableVideoError(
            f"The header of {path} gives {fps:g} frames per second; expected from {MIN_FPS:g} to "
            f"{MAX_FPS:g}. Times can't be told from frames without it: re-encode the video with its true "
            "frame rate, or write it into the column `fps` of the recordings table."
        )


def glance(path: Path) -> Generator[tuple[VideoHeader, Picture], None, None]:
    """The header and one picture after the other, for a first look: nothing is read ahead, no damage is noticed.

    Raises
    ------
    UnreadableVideoError
        When the video can't be opened.
    """
    converter = Converter()
    with opened_container(path) as container:
        streams = container.streams.video
        if not streams:
            raise unopenable(path)
        stream = streams[0] if len(streams) == 1 else film_of(container, survey_video(path))
        header = header_of(container, stream)
        stream.thread_type = "AUTO"
        try:
            for picture in container.decode(stream):
                yield header, Picture(picture, converter)
        except av.FFmpegError:
            return
