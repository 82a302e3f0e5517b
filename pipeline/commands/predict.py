"""`python run_experiment.py predict RUN VIDEO ...`: a trained run on new videos."""

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from common.errors import InputError
from common.notes import Doubt
from pipeline.commands.arguments import add_dask, command_parser, dask_overrides, output_path
from pipeline.dataset.load import notes_on
from pipeline.dataset.recording import Recording
from pipeline.dataset.table import read_recordings
from pipeline.prediction.new_videos import POSES_BESIDE, is_by_animal, recordings_of_videos
from pipeline.run_folder.recordings import read_recordings as read_run_recordings
from pipeline.run_folder.run_dir import RunDir

if TYPE_CHECKING:
    from pipeline.prediction.predict import Failure

log = logging.getLogger(__name__)

_DESCRIPTION = """Predicts new videos by the heads of a finished run: frames are cropped and embedded exactly as those
that the heads were trained on, and probabilities are post-processed by the settings that the run chose. Out come the
tables of a run, a report, and summary.csv with a row for each video and behavior. A bad video is reported at the end
and does not stop the others (the exit code is 2 then)."""
_EXAMPLES = """examples:
  python run_experiment.py predict runs/exp1 "new videos" --output runs/new
        every video of a folder; the pose file of each lies beside it and begins with the video's name; where it
        holds several animals, each is predicted as a recording of its own
  python run_experiment.py predict runs/exp1 m1.mp4 m2.mp4 --poses m1DLC.h5 m2DLC.h5
        two videos, and their pose files in the same order
  python run_experiment.py predict runs/exp1 m1.mp4 --poses blob
        no pose file: a single animal is tracked by how it differs from the background
  python run_experiment.py predict runs/exp1 --recordings new.csv
        a table as for an experiment, with individuals and groups
"""


def run_predict_command(arguments: Sequence[str]) -> int:
    """Carry out the command; returns the exit code: 0, or 2 when some recordings could not be predicted."""
    options = _parser().parse_intermixed_args(arguments)
    from pipeline.config.schema import load_config
    from pipeline.prediction.ensembles import open_trained
    from pipeline.prediction.predict import PredictOptions, predict_recordings

    trained = open_trained(options.run)
    frames = execution = None
    (one, *_) = trained.runs().values()
    config_path = RunDir(one.path).config_path
    if options.frames is not None:
        frames = load_config(config_path, [f"frames={options.frames}"]).frames
    if options.dask is not None:
        execution = load_config(config_path, dask_overrides(options)).execution
    bad_rows: list[tuple[str, str]] = []
    notes: list[str] = []
    by_animal = bool(options.videos) and is_by_animal(one.config, read_run_recordings(RunDir(trained.path)))
    recordings = _recordings(options, by_animal, bad_rows, notes)
    output = options.output or options.run.resolve().with_name(f"{options.run.resolve().name}_predicted")
    outcome = predict_recordings(
        trained,
        recordings,
        PredictOptions(output, options.overwrite, options.recordings, frames, execution),
        bad_rows,
        notes,
    )
    doubts = [note for note in notes_on([item.checked for item in outcome.embedded]) if isinstance(note, Doubt)]
    _show(outcome.run.path, [item.id for item in outcome.embedded], outcome.failures, doubts)
    return 2 if outcome.failures else 0


def _parser() -> argparse.ArgumentParser:
    parser = command_parser("predict", _DESCRIPTION, _EXAMPLES)
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of a finished run, such as runs/exp1")
    parser.add_argument("videos", nargs="*", type=Path, metavar="VIDEO", help="videos, or folders of videos")
    parser.add_argument(
        "--poses",
        nargs="+",
        default=[POSES_BESIDE],
        metavar="POSES",
        help="a pose file for each video, in the same order; or one folder in which they lie; or `blob` or `middle`. "
        "Without it, they are looked for beside the videos",
    )
    parser.add_argument("--recordings", type=Path, metavar="CSV", help="a table of recordings in place of videos")
    parser.add_argument(
        "--output",
        type=output_path,
        metavar="DIR",
        help="folder of the results (default: beside the run, RUN_predicted)",
    )
    parser.add_argument(
        "--frames",
        metavar="POLICY",
        help="what to do where a video, its poses and labels are not of the same frames, in the form of the YAML's "
        '`frames:`, e.g. "{policy: trim_to_shortest, at_most_frames: 3}" (default: as in training, but nothing is '
        "shifted)",
    )
    add_dask(parser)
    parser.add_argument("--overwrite", action="store_true", help="replace predictions that lie in the folder already")
    return parser


def _recordings(
    options: argparse.Namespace, by_animal: bool, bad_rows: list[tuple[str, str]], notes: list[str]
) -> list[Recording]:
    if bool(options.videos) == bool(options.recordings):
        raise InputError(
            "predict expects either videos (or folders of videos) or a table with --recordings, and one of them only. "
            "For example: predict runs/exp1 new.mp4, or predict runs/exp1 --recordings new.csv."
        )
    if options.recordings:
        if options.poses != [POSES_BESIDE]:
            raise InputError("--poses goes with videos; a table of recordings names the poses in its column `poses`.")
        return read_recordings(options.recordings, lambda name, error: bad_rows.append((name, str(error))))
    recordings, found = recordings_of_videos(options.videos, options.poses, by_animal)
    for note in found:
        log.warning("%s", note)
    notes += found
    return recordings


def _show(folder: Path, predicted: Sequence[str], failures: Sequence["Failure"], doubts: Sequence[str]) -> None:
    console = Console()
    if failures:
        table = Table(title=f"{len(failures)} of {len(failures) + len(predicted)} recordings were not predicted")
        table.add_column("recording", overflow="fold")
        table.add_column("why", overflow="fold")
        for failure in failures:
            table.add_row(escape(failure.recording), escape(failure.reason))
        console.print(table)
        if any("`frames:`" in failure.reason for failure in failures):
            print("A policy for `frames:` is given to predict as --frames, for example")
            print('  --frames "{policy: trim_to_shortest, at_most_frames: 3}"')
    for doubt in doubts:
        console.print(f"[yellow]Look at this first:[/] {escape(doubt)}", soft_wrap=True, highlight=False)
    print(
        f"{len(predicted)} recording{'' if len(predicted) == 1 else 's'} predicted. Summary: {folder / 'summary.csv'}"
    )
    print(f"Report: {folder / 'report.html'}")
