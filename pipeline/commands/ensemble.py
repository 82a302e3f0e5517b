"""`python run_experiment.py ensemble RUN RUN ... --output DIR`: several finished runs as one."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from pipeline.commands.arguments import command_parser, output_path

_DESCRIPTION = """Averages the probabilities of finished runs, recording by recording, and writes what comes of it as a
run of its own: tables, report, and all that `predict` needs. Held-out recordings are scored by heads that never saw
them: the runs must have the same recordings, labels and folds. Where the runs tune their
post-processing, it is chosen again for the mean."""
_EXAMPLE = """examples:
  python run_experiment.py ensemble runs/exp1 runs/exp2 runs/exp3 runs/exp4 --output runs/all
        the mean of four runs; the report says what it adds over the best of them
  python run_experiment.py ensemble runs/a runs/b --output runs/ab --weights fitted
        weights per behavior, fitted where no member saw anything (needs runs with postprocess: tune or calibration)
  python run_experiment.py predict runs/all "new videos"
        new videos by all members together
"""


def run_ensemble_command(arguments: Sequence[str]) -> int:
    """Carry out the command; returns the exit code."""
    options = _parser().parse_args(arguments)
    from pipeline.ensemble.make import make_ensemble
    from pipeline.report.terminal import print_ensemble
    from pipeline.run_folder.contents import ENSEMBLE_SCORES

    run = make_ensemble(options.runs, options.output, options.weights, options.overwrite)
    print_ensemble(ENSEMBLE_SCORES.read(run))
    print(f"Report: {run.report_path}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = command_parser("ensemble", _DESCRIPTION, _EXAMPLE)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folders of finished runs, two or more")
    parser.add_argument("--output", type=output_path, required=True, metavar="DIR", help="folder of the ensemble")
    parser.add_argument(
        "--weights",
        choices=("mean", "fitted"),
        default="mean",
        help="mean: all members count the same (default); fitted: weights that sum to 1, per behavior",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an ensemble that lies in the folder already")
    return parser
