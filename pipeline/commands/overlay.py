"""`python run_experiment.py overlay runs/exp1 [RECORDING ...]`: a recording's video with what human and model say."""

import argparse
import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from common.errors import InputError
from common.suggestions import listing
from features.video.files import check_video_file
from pipeline.commands.arguments import add_run, clock_time, command_parser, require_recordings
from pipeline.films.originals import (
    files_by_name,
    find_original,
    has_content,
    require_made_here,
    require_no_original,
)
from pipeline.films.overlay.video import WINDOW_S, make_overlay_video
from pipeline.run_folder.reading import TEST, RecordingRow, Run, read_run
from pipeline.run_folder.run_dir import RunDir
from pipeline.runtime.progress import progress_bars

log = logging.getLogger(__name__)

_DESCRIPTION = """Writes a video of a recording with the animal's crop box on it and, below, the behaviors with their
probabilities and a moving raster of human and predicted bouts. It is an .mp4 that any browser plays.
Without RECORDING it shows the first test recording, which no head has learned from; where a run has
none, the first recording."""
_EXAMPLE = """examples:
  python run_experiment.py overlay runs/exp1
        the first test recording, from beginning to end: runs/exp1/overlays/<recording>_overlay.mp4
  python run_experiment.py overlay runs/exp1 HD_sim_07 WT_sim_08 --from 60 --to 90
        half a minute of two recordings
  python run_experiment.py overlay runs/exp1 --all --videos /media/disk/videos
        every recording, of videos that were moved
"""
_LARGEST_SCALE = 4.0
_MAX_WINDOW_S = 3600.0
_LONGEST_VIDEO_S = 1e7


def run_overlay_command(arguments: Sequence[str]) -> int:
    """Carry out the command; returns the exit code.

    Raises
    ------
    InputError
        When the run, a recording, its video or the stretch can't be used as they are.
    """
    options = _parser().parse_intermixed_args(arguments)
    _check(options)
    moved = files_by_name(options.videos) if options.videos else {}
    whole = read_run(options.run, only=())
    rows = _chosen(whole, options.recordings, options.all)
    videos = [_video_of(row, options.run, moved) for row in rows]
    folder: Path = options.output or RunDir(options.run).overlays_path
    stretch = _stretch_name(options.start_s, options.stop_s)
    paths = [folder / f"{row.recording}_overlay{stretch}.mp4" for row in rows]
    # All videos can be read, and nothing is lost by writing, before hours are spent on the first.
    originals = [*videos, *(row.video_path for row in whole.recordings if row.video_path)]
    for video in videos:
        check_video_file(video)
    for path in paths:
        require_no_original(path, originals)
        require_made_here(path)
    run = read_run(options.run, only=[row.recording for row in rows])
    for row, video_path, path in zip(rows, videos, paths, strict=True):
        _make(run, row, video_path, path, options)
        print(f"Overlay: {path}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = command_parser("overlay", _DESCRIPTION, _EXAMPLE)
    which = "recordings of the run (default: the first test recording)"
    add_run(parser, "such as", "folder of the videos (default: RUN/overlays)", which)
    parser.add_argument("--all", action="store_true", help="all recordings that have a video, one after the other")
    parser.add_argument(
        "--from", type=clock_time, default=0.0, dest="start_s", metavar="TIME", help="begin here: 90 or 1:30"
    )
    parser.add_argument("--to", type=clock_time, dest="stop_s", metavar="TIME", help="end here (default: at the end)")
    parser.add_argument(
        "--videos", type=Path, metavar="FOLDER", help="look for the videos here, by file name, if they were moved"
    )
    parser.add_argument(
        "--scale",
        type=float,
        metavar="FACTOR",
        help="size of the picture, 1 = as recorded (default: small videos grow up to twofold so that text is "
        "readable, those wider than 1920 px shrink to that)",
    )
    words = "seconds of the raster in view (default: 12)"
    parser.add_argument("--window", type=float, default=WINDOW_S, metavar="SECONDS", dest="window_s", help=words)
    return parser


def _check(options: argparse.Namespace) -> None:
    if options.scale is not None and not 0 < options.scale <= _LARGEST_SCALE:
        raise InputError(
            f"--scale should be more than 0 and at most {_LARGEST_SCALE:g}, but it is {options.scale:g}. 1 shows the "
            "picture as it was recorded, 2 twice as wide and high."
        )
    if not 0 < options.window_s <= _MAX_WINDOW_S:
        raise InputError(
            f"--window should be more than 0 and at most {_MAX_WINDOW_S:g} seconds, but it is {options.window_s:g}. "
            "It says how many seconds of the raster are seen at a time."
        )
    for name, seconds in (("--from", options.start_s), ("--to", options.stop_s)):
        if seconds is not None and not abs(seconds) <= _LONGEST_VIDEO_S:
            raise InputError(f"{name} should be a time in seconds of the recording, but it is {seconds}.")
    if options.all and options.recordings:
        raise InputError(
            f"Either name recordings ({listing(options.recordings)}) or give --all, not both: --all shows every "
            "recording of the run."
        )
    if options.videos is not None and not options.videos.is_dir():
        raise InputError(f"--videos should name the folder in which the videos lie, but {options.videos} is no folder.")


def _chosen(run: Run, names: Sequence[str], everything: bool) -> list[RecordingRow]:
    """The recordings to show: those named, all, or the one that tells most about the model."""
    by_name = {row.recording: row for row in run.recordings}
    require_recordings(str(run.path), names, by_name)
    if names:
        return [by_name[name] for name in dict.fromkeys(names)]
    filmed = [row for row in run.recordings if row.video]
    if not filmed:
        raise InputError(
            f"No recording of {run.path} has a video (column `video` of its recordings.csv): its features are "
            "of poses alone, or were computed elsewhere, so there is nothing to draw on."
        )
    if everything:
        return filmed
    return [next((row for row in filmed if row.subset == TEST), filmed[0])]


def _video_of(row: RecordingRow, run_path: Path, moved: Mapping[str, Sequence[Path]]) -> Path:
    """A recording's video, wherever it is now."""
    if not row.video:
        raise InputError(
            f"The recording {row.recording} of {run_path} has no video: its features are of poses alone, or were "
            "computed elsewhere, so there is nothing to draw on. Choose a recording that has one."
        )
    found = find_original(row.video_path or row.video, row.video_sha256, moved)
    if found is None:
        where = f"at {row.video_path or row.video}{', nor in the folder of --videos' if moved else ''}"
        raise InputError(
            f"The video of {row.recording} is not {where}. If it was moved, name the folder that holds it now: "
            "--videos FOLDER."
        )
    return found


def _make(run: Run, row: RecordingRow, video_path: Path, path: Path, options: argparse.Namespace) -> None:
    """Write one overlay video, with a bar that tells how far it is."""
    started = time.monotonic()
    with progress_bars() as bars:
        bar = bars.add(f"{row.recording}: comparing the video")
        if row.video_sha256 and not has_content(video_path, row.video_sha256):
            log.warning(
                "%s is not the file that the run was made from (its bytes differ). It is used all the same; if it was "
                "cut or has another frame rate, bouts and box are shown at wrong times.",
                video_path,
            )
        bar.update(0, None, f"{row.recording}: frames of the overlay")
        n_frames = make_overlay_video(
            run,
            row,
            video_path,
            path,
            bar,
            start_s=options.start_s,
            stop_s=options.stop_s,
            scale=options.scale,
            window_s=options.window_s,
        )
    log.info("%s: %d frames in %.0f s.", row.recording, n_frames, time.monotonic() - started)


def _stretch_name(start_s: float, stop_s: float | None) -> str:
    """What tells a part of a recording from the whole, in a file's name."""
    if not start_s and stop_s is None:
        return ""
    return f"_{start_s:g}-{'end' if stop_s is None else f'{stop_s:g}s'}"
