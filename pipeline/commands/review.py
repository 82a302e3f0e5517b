"""`python run_experiment.py review runs/exp1`: look at a run's predictions in the videos, and correct them."""

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path

from common.errors import InputError
from pipeline.commands.arguments import add_run, command_parser
from pipeline.films.originals import files_by_name
from pipeline.review.pages import write_pages
from pipeline.review.preparation import Preparation, Prepare, Progress, by_source
from pipeline.review.run_reading import read_review_run
from pipeline.review.server import serve
from pipeline.review.videos import PENDING, UNKNOWN, PageVideo, clear_half_copies, page_video
from pipeline.run_folder.recordings import RecordingRow
from pipeline.run_folder.run_dir import RunDir
from pipeline.runtime.progress import progress_bars

log = logging.getLogger(__name__)

_DESCRIPTION = """Writes a page for each recording: the video, below it the bouts of human and model and the
probabilities, and a list of the places where a look is worth most. Bouts can be corrected there and saved as CSV and
as a BORIS project. The pages need no network; they open from the disk, or with --serve from this computer."""


def run_review_command(arguments: Sequence[str]) -> int:
    """Carry out the review command; returns the exit code."""
    options = _parser().parse_intermixed_args(arguments)
    if not 0 <= options.port <= 65535:
        raise InputError(f"--port expects a number from 0 (a free one) to 65535; found {options.port}.")
    if options.videos is not None and not options.videos.is_dir():
        raise InputError(f"There is no folder {options.videos}. Give the folder with the videos: --videos FOLDER.")
    run, reviews = read_review_run(options.run, options.recordings)
    originals = [row.video_path for row in run.recordings if row.video_path]
    folder: Path = options.output or RunDir(options.run).review_path
    moved = files_by_name(options.videos) if options.videos else {}
    clear_half_copies(folder)

    def prepare(row: RecordingRow, progress: Progress) -> PageVideo:
        return page_video(row, folder, moved, progress, originals)

    if options.serve:
        # The pages open at once; their videos follow.
        reviews = [review.with_video(PENDING if review.row.video_path else UNKNOWN) for review in reviews]
        preparation = Preparation([review.row for review in reviews if review.row.video_path], prepare)
    else:
        videos = _prepared([review.row for review in reviews], prepare)
        reviews = [review.with_video(videos[review.row.recording]) for review in reviews]
    print(f"Review: {write_pages(run, reviews, folder)}")
    if options.serve:
        serve(run, reviews, folder, options.port, not options.no_browser, preparation)
    return 0


def _prepared(rows: Sequence[RecordingRow], prepare: Prepare) -> dict[str, PageVideo]:
    """What the pages play, by recording, all of it ready."""
    videos: dict[str, PageVideo] = {}
    with progress_bars() as bars:
        bar = bars.add("Preparing videos", total=None)
        for row, *others in by_source(rows):
            bar.update(0, row.n_frames, f"Video of {row.recording}")
            video = prepare(row, bar)
            bar.update(row.n_frames, row.n_frames)
            if video.note:
                log.warning("%s: %s", row.recording, video.note)
            videos |= {each.recording: video for each in (row, *others)}
    return videos


def _parser() -> argparse.ArgumentParser:
    parser = command_parser("review", _DESCRIPTION)
    add_run(parser, "for example", "folder of the pages (default: RUN/review)")
    parser.add_argument("--videos", type=Path, metavar="FOLDER", help="where the videos lie now, if they were moved")
    parser.add_argument(
        "--serve", action="store_true", help="open the pages from this computer; corrections go to RUN/corrections"
    )
    parser.add_argument("--port", type=int, default=0, metavar="N", help="port for --serve (default: a free one)")
    parser.add_argument("--no-browser", action="store_true", help="with --serve: only print the address")
    return parser
