"""What the command lines of several commands have in common."""

import argparse
import json
from collections.abc import Collection, Iterable
from pathlib import Path

from common.errors import InputError
from common.names import canonical, is_reserved
from common.suggestions import did_you_mean, listing
from common.wording import program


def command_parser(name: str, description: str, examples: str = "") -> argparse.ArgumentParser:
    """A parser for `run_experiment.py NAME`; with examples, lines are broken as they stand here."""
    return argparse.ArgumentParser(
        prog=f"{program().removeprefix('python ')} {name}".strip(),
        description=description,
        epilog=examples.replace("python run_experiment.py", program()),
        formatter_class=argparse.RawDescriptionHelpFormatter if examples else argparse.HelpFormatter,
    )


def clock_time(text: str) -> float:
    """Seconds, of a number of them or of minutes and hours with colons: `90`, `1:30`, `0:01:30`."""
    try:
        seconds = 0.0
        for part in text.split(":"):
            seconds = 60 * seconds + float(part)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected seconds, or minutes:seconds such as 1:30, found {text!r}") from None
    return seconds


def output_path(text: str) -> Path:
    """Where something is to be written; no name that Windows takes for a device."""
    reserved = next((part for part in Path(text).parts if is_reserved(part)), None)
    if reserved is not None:
        raise argparse.ArgumentTypeError(
            f"{reserved!r} is the name of a device on Windows, where nothing can be written to it; choose another name"
        )
    return Path(text)


def add_overrides(parser: argparse.ArgumentParser, words: str) -> None:
    """`--set KEY=VALUE`, as often as one likes."""
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides", help=words)


def add_run(
    parser: argparse.ArgumentParser, such_as: str, output: str, recordings: str = "only these (default: all)"
) -> None:
    """`RUN [RECORDING ...] [--output DIR]`."""
    parser.add_argument("run", type=Path, metavar="RUN", help=f"folder of a run, {such_as} runs/exp1")
    parser.add_argument("recordings", nargs="*", type=canonical, metavar="RECORDING", help=recordings)
    parser.add_argument("--output", type=output_path, metavar="DIR", help=output)


def require_recordings(run: str, names: Iterable[str], known: Collection[str]) -> None:
    """Raise where a run, named as a sentence begins with it, lacks one of these recordings."""
    unknown = next((name for name in names if name not in known), None)
    if unknown is not None:
        raise InputError(f"{run} has no recording {unknown!r}.{did_you_mean(unknown, known)} It has: {listing(known)}.")


def add_dask(parser: argparse.ArgumentParser) -> None:
    """`--dask ADDRESS`; `dask_overrides` says what it means."""
    parser.add_argument(
        "--dask",
        metavar="ADDRESS",
        help="have the work done by a Dask cluster: a scheduler's address, such as tcp://host:8786, or `local` "
        "(processes of this machine)",
    )


def dask_overrides(options: argparse.Namespace) -> list[str]:
    """`--dask` as settings, in the form of `--set`."""
    if options.dask is None:
        return []
    address = "" if options.dask == "local" else options.dask
    return ["execution.backend=dask", f"execution.scheduler={json.dumps(address)}", "execution.slurm=null"]
