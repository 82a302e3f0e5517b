"""Overlay videos: the recording as it is, with the crop's box on it and below it what human and model say.

Everything but the video itself is read from a run's folder.
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from features.video.reading import iter_bgr_frames
from pipeline.films.browser_video import BrowserVideoWriter
from pipeline.films.overlay.frame import FramePainter
from pipeline.films.overlay.layout import plan_layout
from pipeline.run_folder.frame_tables import read_squares
from pipeline.run_folder.reading import RecordingRow, Run, section
from pipeline.run_folder.run_dir import RunDir
from pipeline.scoring.postprocessing.postprocess import PostprocessConfig
from pipeline.scoring.timeline import FULL, Timeline

log = logging.getLogger(__name__)

WINDOW_S = 12.0
"""Seconds of the raster that are seen at a time."""
_REPORT_EVERY_FRAMES = 10


def make_overlay_video(
    run: Run,
    row: RecordingRow,
    video_path: Path,
    out_path: Path,
    progress: Callable[[int, int], None],
    *,
    start_s: float = 0.0,
    stop_s: float | None = None,
    scale: float | None = None,
    window_s: float = WINDOW_S,
) -> int:
    """Draw the overlay on a recording's video and write it as an .mp4 that plays in browsers.

    Parameters
    ----------
    run : Run
        With the timelines of the recording.
    row : RecordingRow
    video_path, out_path : Path
        Where the video lies now, and what appears when it is complete: never in the place of the video itself.
    progress : callable
        Called with frames written and frames to write.
    start_s, stop_s : float
        The stretch to show, in seconds of the recording; to its end by default.
    scale, window_s : float
        Of the picture (by default, small videos grow until text is readable); seconds of the raster in view.

    Returns
    -------
    int
        Number of frames written.

    Raises
    ------
    InputError
        When the recording was not predicted, its centers can't be read, the stretch or the video doesn't fit the
        recording, or a file can't be read or written.
    """
    timeline = _timeline(run, row)
    crop = _crop(run, row)
    frames = stretch_frames(timeline, start_s, stop_s)
    with BrowserVideoWriter(out_path, timeline.fps, video_path) as writer:
        painter: FramePainter | None = None
        pictures = iter_bgr_frames(video_path, first_frame=frames.start)
        # `frames` first: a `zip` that ends with the pictures would have decoded one too many.
        for frame, picture in zip(frames, pictures, strict=False):
            if painter is None:
                height_px, width_px = picture.shape[:2]
                _check_size(row, video_path, width_px, height_px)
                layout = plan_layout(width_px, height_px, len(run.behaviors), scale, run.is_exclusive)
                painter = FramePainter(timeline, layout, window_s, *crop, row.animal_name)
            writer.write(painter.paint(picture, frame))
            if writer.n_frames % _REPORT_EVERY_FRAMES == 0:
                progress(writer.n_frames, len(frames))
        _check_end(timeline, video_path, frames, writer.n_frames)
    progress(writer.n_frames, len(frames))
    return writer.n_frames


def _timeline(run: Run, row: RecordingRow) -> Timeline:
    """The recording's timeline with its settings."""
    timeline = run.timelines.get(row.recording)
    if timeline is None:
        raise InputError(
            f"{run.path} has no predictions of {row.recording}, so there is nothing "
            "to show on its video. Let the run finish, or choose another recording."
        )
    settings = (run.tables.settings(behavior, row.recording) or PostprocessConfig() for behavior in run.behaviors)
    return replace(timeline, settings=tuple({FULL: known} for known in settings))


def _crop(
    run: Run, row: RecordingRow
) -> tuple[NDArray[np.float64] | None, NDArray[np.bool_] | None, int | NDArray[np.int64]]:
    """Centers of the crop in pixels of the video, whether they were observed, and the crop's side; None = unknown."""
    squares = read_squares(RunDir(run.path), row, section(run.config, "crop"))
    if squares is None:
        log.warning("%s: the run doesn't say where the animal was, so its box is not drawn.", row.recording)
        return None, None, 0
    return squares.xy_px, squares.observed, squares.side_px


def stretch_frames(timeline: Timeline, start_s: float, stop_s: float | None) -> range:
    """Frames of a stretch given in seconds: from the one that shows `start_s` to the one before `stop_s`.

    Raises
    ------
    InputError
        When the stretch is empty or begins after the recording's end.
    """
    duration_s = timeline.n_frames / timeline.fps
    # Times are typed with a few decimals: 0.3 s at 10 frames per second must not become frame 2.
    start = int(np.floor(start_s * timeline.fps + 1e-6))
    stop = timeline.n_frames if stop_s is None else int(np.ceil(stop_s * timeline.fps - 1e-6))
    frames = range(max(0, start), min(stop, timeline.n_frames))
    if start_s < 0 or not frames:
        until = "its end" if stop_s is None else f"{stop_s:g} s"
        raise InputError(
            f"The stretch from {start_s:g} s to {until} holds no frame of {timeline.recording}, which lasts from 0 to "
            f"{duration_s:.2f} s. Choose --from and --to within it, --from the smaller."
        )
    return frames


def _check_size(row: RecordingRow, video_path: Path, width_px: int, height_px: int) -> None:
    expected = (row.width_px or width_px, row.height_px or height_px)
    if expected != (width_px, height_px):
        raise InputError(
            f"The video {video_path} has frames of {width_px} x {height_px} px, but the run was made from frames of "
            f"{expected[0]} x {expected[1]} px, so the animal's box would be at a wrong place. Give the folder of the "
            "original video with --videos."
        )


def _check_end(timeline: Timeline, video_path: Path, frames: range, n_written: int) -> None:
    """A video that ends before its predictions do is not the one that was predicted."""
    if n_written < len(frames):
        ends = f"ends after {frames.start + n_written} frames" if n_written else f"ends before frame {frames.start}"
        raise InputError(
            f"The video {video_path} {ends}, but the run has predictions for {timeline.n_frames} frames of "
            f"{timeline.recording}. Give the folder of the original video with --videos, or show a stretch that this "
            "one holds with --from and --to."
        )
