"""The command line: arguments, logging, exit codes.

Heavy modules are imported only once it is known what to do, so that `--help` answers at once.
Exit codes: 0 done; 2 something the user gave is wrong (one paragraph, no traceback); 130 Ctrl-C.
"""

import argparse
import errno
import importlib
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

_EXAMPLES = """examples:
  python run_experiment.py experiments/exp1.yaml
        ResNet50V2 + LSTM on the built-in demo; the report is runs/exp1/report.html
  python run_experiment.py init my/videos
        pairs your videos, poses and annotations by name; writes recordings.csv and a first experiment
  python run_experiment.py experiments/exp1.yaml --set recordings=my/recordings.csv --output runs/mine
        the same on your own recordings
  python run_experiment.py experiments/*.yaml
        all experiments in turn, then one comparison: runs/comparison.html
  python run_experiment.py audit my/recordings.csv
        before a run: do videos, poses and labels fit together, and what is odd about them?
  python run_experiment.py compare runs/exp1 runs/exp2
        which is better, per behavior, and whether the difference is real
  python run_experiment.py evaluate predictions.csv --behavior grooming=human,model --fps 25 --output runs/other
        score any program's probabilities against labels
  python run_experiment.py predict runs/exp1 "new videos"
        a trained run on new videos: predictions, a summary table, a report
  python run_experiment.py export runs/exp1
        bouts for BORIS (a project to correct them in) and spreadsheets
  python run_experiment.py overlay runs/exp1
        a video with what human and model say on it, to look at or to show
  python run_experiment.py review runs/exp1 --serve
        look at the predictions in the videos, where the model is least sure, and correct them
  python run_experiment.py cache list
        what lies in the cache of embeddings (also: cache verify, cache prune)
"""


def main(arguments: Sequence[str]) -> int:
    """Run Rearview; returns the exit code."""
    _speak_utf8()
    try:
        if arguments and arguments[0] in _COMMANDS:
            return _run_command(arguments[0], arguments[1:])
        return _experiments(arguments)
    except KeyboardInterrupt:
        print("\nStopped. Finished work is kept: the same command goes on where it stopped.", file=sys.stderr)
        return 130
    except Exception as error:
        message = _plain_words(error)
        if message is None:
            raise
        logging.getLogger(__name__).debug("Where it happened:", exc_info=True)
        print(f"\nError: {message}", file=sys.stderr)
        return 2


def _speak_utf8() -> None:
    """Accents in file names must not end a run on a console with an older encoding."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")


def _plain_words(error: Exception) -> str | None:
    """One paragraph for errors that the user can mend; None for those that are our own."""
    import features.errors
    import models.errors

    if isinstance(error, features.errors.InputError | models.errors.InputError):
        return str(error)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return (
            f"The disk is full (writing {error.filename or 'a file'}). Free some space, or choose another disk with "
            "--output and `cache_dir:`, and start again: finished work is kept."
        )
    if isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return (
            f"{error.filename or 'A file'} may not be read or written ({error.strerror}). Choose a folder that you may "
            "write with --output and `cache_dir:`, or change its permissions."
        )
    return None


def _experiment_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="run_experiment.py",
        description="Turns videos of mice into behavior labels: crops every frame around the animal, runs a frozen "
        "network once, trains a head per behavior with leave-one-video-out cross-validation, and writes a report. "
        f"Commands beside that: {', '.join(sorted(_COMMANDS))} (each with a --help of its own).",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("configs", nargs="+", type=Path, metavar="CONFIG.yaml", help="experiments, run in turn")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="overrides",
        help="change one setting of the YAML, e.g. --set head.units=32 (may be given several times)",
    )
    parser.add_argument("--output", type=Path, metavar="DIR", help="folder of the run (default: runs/<name>)")
    parser.add_argument(
        "--stage",
        choices=("features", "heads", "report"),
        help="only this stage: compute embeddings; train on cached embeddings; write the report again",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace a run that lies in the folder already")
    parser.add_argument("--verbose", action="store_true", help="say more, for finding out what went wrong")
    return parser


def _require_no_misspelt_command(first: Path) -> None:
    if first.suffix or first.exists():
        return
    from features.errors import InputError
    from features.suggestions import did_you_mean

    hint = did_you_mean(first.name, _COMMANDS)
    if hint:
        raise InputError(
            f"{first} is neither a command nor an experiment's YAML.{hint} Commands: {', '.join(_COMMANDS)}."
        )


def _experiments(arguments: Sequence[str]) -> int:
    options = _experiment_parser().parse_args(arguments)
    _set_up_logging(options.verbose)
    from features.errors import InputError
    from pipeline.config import load_config
    from pipeline.experiment import RunOptions, run_experiment

    _require_no_misspelt_command(options.configs[0])
    configs = [load_config(path, options.overrides) for path in options.configs]
    if options.output is not None and len(configs) > 1:
        raise InputError(
            "--output names the folder of one run, but several experiments were given. Leave it out (each run then "
            "goes to runs/<name>), or use --set output_dir=FOLDER to put them all into one folder."
        )
    names = [config.name for config in configs]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise InputError(
            f"Several of the experiments have the name {doubled[0]!r}, so they would share a folder. Give each YAML "
            "a `name:` of its own."
        )
    run_options = RunOptions(options.output, options.stage, options.overwrite)
    runs, failed = [], []
    for config in configs:
        try:
            runs.append(run_experiment(config, run_options))
        except InputError as error:
            # A night's other experiments must not be lost to one.
            if len(configs) == 1:
                raise
            logging.getLogger(__name__).error("%s: %s", config.name, error)
            failed.append((config.name, error))
    finished = [run.path for run in runs if run.is_finished()]
    if len(configs) > 1 and finished:
        from pipeline.report.comparison import write_comparison
        from pipeline.report.terminal import print_comparison

        path = configs[0].output_dir / "comparison.html"
        print_comparison(write_comparison(finished, path))
        print(f"Comparison: {path}")
    for name, reason in failed:
        print(f"\nError: the experiment {name} was not finished: {reason}", file=sys.stderr)
    return 2 if failed else 0


# Each in a module of its own, imported only when it is asked for: its function takes the further arguments and
# returns the exit code.
_COMMANDS = {
    "audit": ("pipeline.commands.audit", "run_audit_command"),
    "cache": ("pipeline.commands.cache", "run_cache_command"),
    "compare": ("pipeline.commands.compare", "run_compare_command"),
    "evaluate": ("pipeline.commands.evaluate", "run_evaluate_command"),
    "init": ("pipeline.commands.init", "run_init_command"),
    "review": ("pipeline.commands.review", "run_review_command"),
    "export": ("pipeline.commands.export", "run_export_command"),
    "overlay": ("pipeline.commands.overlay", "run_overlay_command"),
    "predict": ("pipeline.commands.predict", "run_predict_command"),
}


def _run_command(name: str, arguments: Sequence[str]) -> int:
    module, function = _COMMANDS[name]
    _set_up_logging(verbose=False)
    command: Callable[[Sequence[str]], int] = getattr(importlib.import_module(module), function)
    return command(arguments)


def _set_up_logging(verbose: bool) -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from rich.logging import RichHandler

    from pipeline.progress import console

    handler = RichHandler(console=console, show_path=False, log_time_format="%H:%M:%S")
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    # Every head is a function of its own; that they are compiled one by one is no news to anybody.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    for package in ("pipeline", "features", "models"):
        logging.getLogger(package).setLevel(logging.DEBUG if verbose else logging.INFO)
