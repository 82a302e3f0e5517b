"""Videos that a browser plays, and whose frames can be told from the time that it shows.

A page that marks bouts on a video needs more than a picture that moves: frame i must be shown from
i/fps to (i+1)/fps, with i as `features.video.reading` counts, or every mark is off. So videos are encoded with
a constant rate that is an exact fraction, from time 0, with a key frame at least every second, without
frames that are stored out of order, and with their index in front.

A page that jumps to a frame asks for its middle, (i + 0.5) / fps, and waits for
`requestVideoFrameCallback`: the event `seeked` may come before the new picture is there.
"""

from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

import av
import cv2
import numpy as np
from av.error import FFmpegError
from av.video.stream import VideoStream
from numpy.typing import NDArray

from common.errors import InputError
from common.files import replacing
from features.video.files import UnreadableVideoError, check_video_file
from features.video.opening import opened_container
from features.video.reading import MAX_FPS, iter_bgr_frames
from pipeline.films.originals import MADE_BY, require_no_original

ENCODERS: dict[str, dict[str, str]] = {
    "libx264": {"preset": "veryfast", "crf": "22", "bf": "0"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "6", "crf": "30", "b": "0", "lag-in-frames": "0"},
    "libsvtav1": {"preset": "10", "crf": "32"},
}
"""Encoders with their settings, the one that most browsers play first; builds of FFmpeg differ in what they have."""

MAX_KEY_FRAME_DISTANCE_FRAMES = 50
"""Between two key frames of what is written: a browser decodes that many for one jump."""
MAX_TOLERATED_KEY_FRAME_DISTANCE_FRAMES = 600
"""Between two key frames of a video that is played as it is."""
_TOLERATED_SHIFT_FRAMES = 0.25
"""A frame that comes this early or late still shows at its middle, where pages ask for it."""
_PLAYED = {".mp4": ("h264", "vp9", "av1"), ".m4v": ("h264",), ".webm": ("vp8", "vp9", "av1")}
_PIXEL_FORMATS = ("yuv420p", "yuvj420p")
_TABLE_PRECISION = 1e-6
_REPORT_EVERY_FRAMES = 20
_BT601 = 6
_LIMITED_RANGE = 1
_CHROMA_OF_BGR = np.array([[112.0, -74.203, -37.797], [-18.214, -93.786, 112.0]]) / 255
"""Blue and red difference (ITU-R BT.601, limited range), less their middle of 128."""


def exact_rate(fps: float) -> Fraction:
    """The fraction that a frame rate stands for, such as 30000/1001 for 29.97003 in a header or a table.

    Frame i of millions is at i / fps by either number.

    Raises
    ------
    InputError
        When it is no usable frame rate.
    """
    if not 0 < fps <= MAX_FPS:
        raise InputError(
            f"Expected more than 0 and at most {MAX_FPS:g} frames per second, found {fps:g}. Re-encode the video with "
            "its true frame rate."
        )
    simple = Fraction(fps).limit_denominator(1001)
    # Tables have six decimals. Denominators beyond a million would not fit the file's fields.
    is_meant = abs(simple - fps) <= _TABLE_PRECISION * min(1, fps)
    return simple if is_meant else Fraction(fps).limit_denominator(1_000_000)


class BrowserVideoWriter:
    """Writes frames into a video that plays in a browser; use it in a `with` block.

    The file appears under its name when the block ends well, and not at all when it doesn't.

    Parameters
    ----------
    out_path : Path
        Ends in .mp4; its folder is made when missing, an old file is replaced.
    fps : float
        Frames per second; frame i is shown from i/fps on.
    source : Path, optional
        The video that frames are taken from. It is never written over: `InputError`.
    description : str
        Stands in the file.
    """

    def __init__(self, out_path: Path, fps: float, source: Path | None = None, description: str = "") -> None:
        require_no_original(out_path, [] if source is None else [source])
        self.out_path = out_path
        self.rate = exact_rate(fps)
        self.n_frames = 0
        self.description = description
        self._until_whole = ExitStack()
        self._container: Any = None
        self._stream: VideoStream | None = None

    def __enter__(self) -> Self:
        try:
            with ExitStack() as stack:
                temporary = stack.enter_context(replacing(self.out_path))
                self._container = av.open(str(temporary), "w", format="mp4", options={"movflags": "+faststart"})
                stack.callback(self._close)
                self._container.metadata.update({"comment": MADE_BY, "description": self.description})
                self._until_whole = stack.pop_all()
        except OSError as error:
            raise self._not_writable(error) from None
        return self

    def write(self, frame: NDArray[np.uint8]) -> None:
        """Add a frame of shape (height, width, 3), uint8, blue, green, red; all are of one size.

        An odd width or height grows by a pixel, to the right or at the bottom, so that coordinates stay.

        Raises
        ------
        InputError
            When the file can't be written.
        """
        height_px, width_px = frame.shape[:2]
        if height_px % 2 or width_px % 2:
            frame = cv2.copyMakeBorder(frame, 0, height_px % 2, 0, width_px % 2, cv2.BORDER_REPLICATE).astype(np.uint8)
        try:
            if self._stream is None:
                self._stream = self._open_stream(frame.shape[1], frame.shape[0])
            picture = av.VideoFrame.from_ndarray(_yuv420p(frame), format="yuv420p")
            picture.pts = self.n_frames
            picture.time_base = 1 / self.rate
            self._mux(self._stream.encode(picture))
        except OSError as error:
            raise self._not_writable(error) from None
        self.n_frames += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._until_whole.__exit__(kind, error, trace)
            return
        try:
            with self._until_whole:
                # Without a frame there is no stream, and a container without one can't be finished.
                if self._stream is None:
                    raise UnreadableVideoError(
                        f"There was no frame to write to {self.out_path}. Does the video play in a video player?"
                    )
                self._mux(self._stream.encode(None))
                self._container.close()
        except OSError as failure:
            raise self._not_writable(failure) from None

    def _close(self) -> None:
        """Let go of the file; one that is not whole is deleted next, so it needs no proper end."""
        with suppress(OSError, ValueError, RuntimeError, FFmpegError):
            self._container.close()

    def _open_stream(self, width_px: int, height_px: int) -> VideoStream:
        encoder = next((name for name in ENCODERS if name in av.codecs_available), None)
        if encoder is None:
            raise InputError(
                f"The installed PyAV ({av.__version__}) has none of the video encoders {', '.join(ENCODERS)}, so no "
                "video for browsers can be written. Install the package from PyPI: python -m pip install "
                '--force-reinstall "av>=17,<19".'
            )
        stream = cast(VideoStream, self._container.add_stream(encoder, rate=self.rate, options=ENCODERS[encoder]))
        stream.width, stream.height, stream.pix_fmt = width_px, height_px, "yuv420p"
        context = stream.codec_context
        context.time_base = 1 / self.rate
        context.gop_size = max(1, min(round(self.rate), MAX_KEY_FRAME_DISTANCE_FRAMES))
        # What `_yuv420p` makes; untagged, browsers guess it from the size of the picture.
        context.colorspace, context.color_range = _BT601, _LIMITED_RANGE
        return stream

    def _mux(self, packets: Iterable[Any]) -> None:
        for packet in packets:
            # Otherwise the last frame's duration is guessed, and that of a single frame is 0.
            packet.duration = packet.duration or round(1 / (self.rate * packet.time_base))
            self._container.mux(packet)

    def _not_writable(self, error: OSError) -> InputError:
        return InputError(
            f"Cannot write the video {self.out_path}: {error.strerror or error}. Check that the folder may be written "
            "and that the disk is not full, or choose another place, then start again."
        )


def make_browser_video(
    video_path: Path,
    out_path: Path,
    progress: Callable[[int, int], None],
    fps: float,
    n_frames: int = 0,
    description: str = "",
) -> None:
    """Encode any video that OpenCV decodes once more, so that a browser plays it.

    Frame i of the result is frame i of `features.video.reading.iter_bgr_frames`.

    Parameters
    ----------
    video_path, out_path : Path
        The .mp4 to write is another file than the video, and appears when it is complete.
    progress : callable
        Called with frames written and frames to write (`n_frames`, where they are known).
    fps : float
        Frames per second.
    description : str
        Stands in the file.

    Raises
    ------
    InputError
        When the video can't be read, or the result can't be written.
    """
    with BrowserVideoWriter(out_path, fps, video_path, description) as writer:
        for frame in iter_bgr_frames(video_path):
            writer.write(frame)
            if writer.n_frames % _REPORT_EVERY_FRAMES == 0:
                progress(writer.n_frames, max(n_frames, writer.n_frames))
    progress(writer.n_frames, writer.n_frames)


def plays_in_browsers(video_path: Path, fps: float | None = None) -> bool:
    """Tell whether a video plays in today's browsers as it is, with frame i shown from i/fps on.

    `fps` are frames per second; by default, those that its header gives.

    Its container, codec and pixels must be such as browsers decode (H.264 with 8 bits and halved colors in an
    mp4, VP8, VP9, AV1 in a webm), its pixels square, its frame rate constant from time 0, and its key frames
    close enough for jumping. The file is read through, but not decoded. What is no video does not play.

    Raises
    ------
    InputError
        When there is no such file, or it is empty or may not be read.
    """
    check_video_file(video_path)
    codecs = _PLAYED.get(video_path.suffix.lower(), ())
    try:
        with opened_container(video_path) as container:
            streams = container.streams.video
            return (
                len(streams) == 1
                and _is_played(streams[0], codecs)
                and _is_steady(list(container.demux(streams[0])), fps or float(streams[0].average_rate or 0))
            )
    except (UnreadableVideoError, OSError, ValueError, FFmpegError):
        return False


def _is_played(stream: VideoStream, codecs: tuple[str, ...]) -> bool:
    """Whether browsers decode this stream, and show the same pixels at the same places as OpenCV."""
    context = stream.codec_context
    # OpenCV ignores that pixels may be wider than high, browsers do not: coordinates would differ.
    aspect = stream.sample_aspect_ratio
    return context.name.removeprefix("lib") in codecs and context.pix_fmt in _PIXEL_FORMATS and aspect in (None, 0, 1)


def _is_steady(packets: list[Any], fps: float) -> bool:
    """Whether frames come at a constant rate from time 0 on, and key frames often enough."""
    frames = [packet for packet in packets if packet.size and packet.pts is not None]
    if not frames or not fps or any(packet.is_corrupt or packet.is_discard for packet in frames):
        return False
    seconds = np.sort([float(packet.pts * packet.time_base) for packet in frames])
    shift_frames = seconds * fps - np.arange(len(frames))
    keys = [number for number, packet in enumerate(frames) if packet.is_keyframe]
    distances = [later - earlier for earlier, later in pairwise([*keys, len(frames)])]
    return (
        bool((np.abs(shift_frames) < _TOLERATED_SHIFT_FRAMES).all())
        and keys[:1] == [0]
        and max(distances) <= MAX_TOLERATED_KEY_FRAME_DISTANCE_FRAMES
    )


def _yuv420p(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Brightness of every pixel and color of every four, one plane below the other, as encoders take them.

    OpenCV takes the color of one pixel for four, which frays colored edges, and FFmpeg's quick way makes
    every picture two levels darker: hence the mean color here.
    """
    height_px, width_px = frame.shape[:2]
    planes = cv2.cvtColor(frame, cv2.COLOR_BGR2YUV_I420).astype(np.uint8, copy=False)
    mean = cv2.resize(frame, (width_px // 2, height_px // 2), interpolation=cv2.INTER_AREA)
    chroma = cv2.transform(mean, np.column_stack([_CHROMA_OF_BGR, [128, 128]]))
    planes[height_px:] = chroma.transpose(2, 0, 1).reshape(-1, width_px)
    return planes
