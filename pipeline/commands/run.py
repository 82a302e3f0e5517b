"""`python run_experiment.py CONFIG.yaml ...`: carry out experiments in turn, then compare them."""

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from common.errors import InputError
from common.suggestions import did_you_mean
from pipeline.commands import COMMANDS
from pipeline.commands.arguments import add_dask, add_overrides, command_parser, dask_overrides, output_path
from pipeline.runtime.logs import set_level

if TYPE_CHECKING:
    from pipeline.config.schema import ExperimentConfig
    from pipeline.run_folder.run_dir import RunDir

log = logging.getLogger(__name__)

_START = ("run", "train", "start", "fit")
"""What other programs call what is done here without a command."""

_EXAMPLES = """examples:
  python run_experiment.py experiments/exp1.yaml
        ResNet50V2 + LSTM on the built-in demo; the report is runs/exp1/report.html
  python run_experiment.py experiments/exp1.yaml --quick
        a first look in a minute, once the embeddings are cached, and how long the experiment itself will take
  python run_experiment.py init my/videos
        pairs your videos, poses and annotations by name; writes recordings.csv and a first experiment
  python run_experiment.py experiments/exp1.yaml --set recordings=my/recordings.csv --output runs/mine
        the same on your own recordings
  python run_experiment.py experiments/*.yaml
        all experiments in turn, then one comparison: runs/comparison.html
  python run_experiment.py search experiments/search_exp1.yaml
        which settings are best, and whether they really are better than the defaults
  python run_experiment.py audit my/recordings.csv
        before a run: do videos, poses and labels fit together, and what is odd about them?
  python run_experiment.py compare runs/exp1 runs/exp2
        which is better, per behavior, and whether the difference is real
  python run_experiment.py ensemble runs/exp1 runs/exp2 runs/exp3 --output runs/all
        the mean of several runs as a run of its own, and what it adds over the best of them
  python run_experiment.py evaluate predictions.csv --behavior grooming=human,model --fps 25 --output runs/other
        score any program's probabilities against labels
  python run_experiment.py predict runs/exp1 "new videos"
        a trained run on new videos: predictions, a summary table, a report
  python run_experiment.py export runs/exp1
        bouts for BORIS (a project to correct them in) and spreadsheets
  python run_experiment.py dataset my/my.yaml --output my/images
        the crops that the network is shown as image files with their labels, for other programs
  python run_experiment.py overlay runs/exp1
        a video with what human and model say on it, to look at or to show
  python run_experiment.py review runs/exp1 --serve
        look at the predictions in the videos, where the model is least sure, and correct them
  python run_experiment.py verify runs/exp1
        are the files of a run as they were written, and all there?
  python run_experiment.py cache list
        what lies in the cache of embeddings (also: cache verify, cache prune)
"""


def run_experiments_command(arguments: Sequence[str]) -> int:
    """Run experiments in turn; returns the exit code."""
    options = _experiment_parser().parse_args(arguments)
    if options.verbose:
        set_level(logging.DEBUG)
    from pipeline.config.schema import load_config
    from pipeline.training.first_look import first_look_of

    _require_no_misspelt_command(options.configs[0])
    options.configs = _without_searches(options.configs)
    overrides = [*options.overrides, *dask_overrides(options)]
    whole = [load_config(path, overrides) for path in options.configs]
    configs = [first_look_of(config) for config in whole] if options.quick else whole
    if options.output is not None and len(configs) > 1:
        raise InputError(
            "--output names the folder of one run, but several experiments were given. Leave it out (each run then "
            "goes to runs/<name>), or use --set output_dir=FOLDER to put them all into one folder."
        )
    # Where upper and lower case are one, as on Windows, so are the folders.
    names = [config.name.casefold() for config in configs]
    doubled = [config.name for config in configs if names.count(config.name.casefold()) > 1]
    if doubled:
        raise InputError(
            f"Several of the experiments have the name {doubled[0]!r}, so they would share a folder. Give each YAML "
            "a `name:` of its own."
        )
    runs, failed = [], []
    for path, config, full in zip(options.configs, configs, whole, strict=True):
        try:
            runs.append(_run(config, path, options, full if options.quick else None))
        except InputError as error:
            # A night's other experiments must not be lost to one.
            if len(configs) == 1:
                raise
            log.error("%s: %s", config.name, error)
            failed.append((config.name, error))
    finished = [run.path for run in runs if run.is_finished()]
    if len(configs) > 1 and finished:
        from pipeline.report.comparison.page import write_comparison
        from pipeline.report.comparison.runs import compare_runs
        from pipeline.report.terminal import print_comparison
        from pipeline.run_folder.reading import read_run

        path = configs[0].execution.output_dir / "comparison.html"
        comparison = compare_runs([read_run(path) for path in finished])
        write_comparison(comparison, path, path.with_suffix(""))
        print_comparison(comparison)
        print(f"Comparison: {path}")
    for name, reason in failed:
        print(f"\nError: the experiment {name} was not finished: {reason}", file=sys.stderr)
    return 2 if failed else 0


def _without_searches(paths: Sequence[Path]) -> Sequence[Path]:
    """The experiments among several YAMLs (`experiments/*.yaml`): a search is a command of its own."""
    from pipeline.config.search import is_search

    searches = [path for path in paths if len(paths) > 1 and is_search(path)]
    for path in searches:
        log.info("%s is a search and is left out. Type: python run_experiment.py search %s", path, path)
    return [path for path in paths if path not in searches] or paths


def _run(
    config: "ExperimentConfig", config_path: Path, options: argparse.Namespace, whole: "ExperimentConfig | None"
) -> "RunDir":
    from pipeline.experiment import run_experiment
    from pipeline.report.run_terminal import print_result
    from pipeline.run_folder.reading import read_run
    from pipeline.run_folder.run_dir import RunDir

    run = RunDir(options.output or config.execution.output_dir / config.name)
    run.see_from(config_path.parent)
    if options.stage == "report":
        _report_again(run)
    else:
        run_experiment(config, run, options.stage, options.overwrite, whole)
        if run.is_finished():
            print_result(read_run(run.path, only=()))
    return run


def _report_again(run: "RunDir") -> None:
    from pipeline.report.html import write_report
    from pipeline.run_folder.contents import SCORES

    if not SCORES.path(run).is_file():
        raise InputError(
            f"{run.path} holds no finished scores to report on. Run the experiment without --stage report first."
        )
    write_report(run.path)
    log.info("Report: %s", run.report_path)


def _experiment_parser() -> argparse.ArgumentParser:
    description = (
        "Turns videos of mice into behavior labels: crops every frame around the animal, runs a frozen "
        "network once, trains a head per behavior with leave-one-video-out cross-validation, and writes a report. "
        f"Commands beside that: {', '.join(sorted(COMMANDS))} (each with a --help of its own)."
    )
    parser = command_parser("", description, _EXAMPLES)
    parser.add_argument("configs", nargs="+", type=Path, metavar="CONFIG.yaml", help="experiments, run in turn")
    add_overrides(parser, "change one setting of the YAML, e.g. --set head.units=32 (may be given several times)")
    parser.add_argument("--output", type=output_path, metavar="DIR", help="folder of the run (default: runs/<name>)")
    parser.add_argument(
        "--stage",
        choices=("features", "heads", "report"),
        help="only this stage: compute embeddings; train on cached embeddings; write the report again",
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="a first look: small heads, two folds, into runs/<name>_quick, and how long the experiment would take",
    )
    add_dask(parser)
    parser.add_argument("--overwrite", action="store_true", help="replace a run that lies in the folder already")
    parser.add_argument("--verbose", action="store_true", help="say more, for finding out what went wrong")
    return parser


def _require_no_misspelt_command(first: Path) -> None:
    if first.suffix or first.exists():
        return
    if first.name.casefold() in _START:
        raise InputError(f"There is no command {first}: name the YAML alone, as in python run_experiment.py my/my.yaml")
    hint = did_you_mean(first.name, COMMANDS)
    if hint:
        raise InputError(
            f"{first} is neither a command nor an experiment's YAML.{hint} Commands: {', '.join(COMMANDS)}."
        )
