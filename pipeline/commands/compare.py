"""`python run_experiment.py compare runs/a runs/b ...`: which run is best, and whether that is real.

Everything is read from the runs' folders, so that runs can be compared whenever they are finished, also
those of other machines. The comparison is computed anew each time.
"""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from common.errors import InputError
from common.suggestions import listing
from common.tables import Row
from pipeline.commands.arguments import command_parser, output_path
from pipeline.run_folder.contents import SCORES
from pipeline.run_folder.run_dir import RunDir

_DESCRIPTION = """Compares finished runs: per behavior, which one is best, paired over the recordings that both
scored, with intervals and whether the difference is real; beside the thesis' tables. Writes one page
(comparison.html), tables (CSV and LaTeX) and figures."""
_EXAMPLE = """examples:
  python run_experiment.py compare runs/exp1 runs/exp3
  python run_experiment.py compare runs
        all finished runs that lie in one folder
  python run_experiment.py compare runs --reference exp1 --output paper/comparison
        also against exp1; give a reference that you chose before you saw the numbers
"""


def run_compare_command(arguments: Sequence[str]) -> int:
    """Carry out the command; returns the exit code.

    Raises
    ------
    InputError
        When a folder is no run, a run is not finished, or fewer than two runs or nothing comparable is given.
    """
    options = _parser().parse_args(arguments)
    run_dirs, left_out = _find_runs(options.runs)
    for path in left_out:
        why = "holds predictions without scores" if RunDir(path).is_prediction() else "has no scores"
        print(f"Left out: {path} {why if _is_finished(path) else 'is not finished'}.")
    if len(run_dirs) < 2:
        raise InputError(
            f"compare needs at least two finished runs; found {listing([str(path) for path in run_dirs]) or 'none'} in "
            f"{listing([str(path) for path in options.runs])}. Give several run folders, or a folder that holds them."
        )
    for path in run_dirs:
        _require_scores(path)
    folder = options.output or _common_parent(run_dirs) / "comparison"
    if folder.exists() and not folder.is_dir():
        raise InputError(f"--output names a folder for the comparison, but {folder} is a file. Choose another place.")
    if _is_run(folder):
        raise InputError(
            f"{folder} is itself the folder of a run. Choose another folder for the comparison with --output."
        )
    _compare(run_dirs, folder, options.reference)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = command_parser("compare", _DESCRIPTION, _EXAMPLE)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="run folders, or folders that hold runs")
    parser.add_argument(
        "--output",
        type=output_path,
        metavar="DIR",
        help="folder for page, tables and figures (default: comparison, beside the runs)",
    )
    parser.add_argument(
        "--reference",
        metavar="RUN",
        help="compare every run with this one, too (its name or folder; default: the best)",
    )
    return parser


def _compare(run_dirs: Sequence[Path], folder: Path, reference: str | None) -> None:
    # Drawing takes a second to import: errors in the arguments come before it.
    from pipeline.report.comparison.page import write_comparison
    from pipeline.report.comparison.pairs import name_runs
    from pipeline.report.comparison.runs import compare_runs, share_anything
    from pipeline.report.terminal import print_comparison
    from pipeline.run_folder.reading import read_run

    runs = [read_run(path) for path in run_dirs]
    if reference is not None:
        # A folder is as good as a name.
        by_folder = {run.path.resolve(): name for name, run in name_runs(runs).items()}
        reference = by_folder.get(Path(reference).resolve(), reference)
    comparison = compare_runs(runs, reference)
    names = listing(comparison.runs)
    if not any(sum(behavior in run.behaviors for run in runs) > 1 for behavior in comparison.behaviors):
        raise InputError(
            f"The runs {names} have no behavior in common, so that there is nothing to compare. Behaviors are the same "
            "when their names under `behaviors:` are."
        )
    if not share_anything(comparison):
        raise InputError(
            f"The runs {names} have no recording in common that two of them scored against the same human labels, so "
            "that there is nothing to compare. Recordings are the same when their ids, their subset (cross-validation "
            "or test) and their labels are; run the experiments on one recordings table."
        )
    page = folder / "comparison.html"
    write_comparison(comparison, page, folder)
    print_comparison(comparison)
    print(f"Comparison: {page}")


def _find_runs(given: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Run folders, each once, in the order given; and those inside of a folder of runs that have no scores (yet)."""
    found: dict[Path, Path] = {}
    left_out = []
    for path in given:
        if _is_run(path):
            if not _is_finished(path):
                raise InputError(
                    f"{path} is not a finished run: its scores are not complete. Run its experiment again (what is "
                    "done is kept), or leave it out."
                )
            found.setdefault(path.resolve(), path)
            continue
        children = sorted(child for child in path.iterdir() if _is_run(child)) if path.is_dir() else []
        # A finished run that is being replaced is kept beside the new one under this name.
        children = [child for child in children if child.suffix != ".previous"]
        if not children:
            what = "it does not exist" if not path.exists() else "it has no config.yaml, nor has a folder in it"
            raise InputError(
                f"{path} should be the folder of a run (for example runs/exp1) or hold such folders, but {what}."
            )
        for child in children:
            if _is_finished(child) and _scores(child):
                found.setdefault(child.resolve(), child)
            else:
                left_out.append(child)
    return list(found.values()), left_out


def _is_run(path: Path) -> bool:
    return RunDir(path).config_path.is_file()


def _is_finished(path: Path) -> bool:
    """Whether all scores are there; the report of a run may be missing."""
    run = RunDir(path)
    return run.has_all_results() and SCORES.path(run).is_file()


def _scores(path: Path) -> list[Row]:
    return SCORES.read(RunDir(path))


def _require_scores(path: Path) -> None:
    if not _scores(path):
        what = "predictions of videos" if RunDir(path).is_prediction() else "a run"
        raise InputError(
            f"{path} cannot be compared: it holds {what} without human labels, so there are no scores. Give folders of "
            "runs whose recordings have labels (for example runs/exp1), or predict recordings that have some."
        )


def _common_parent(run_dirs: Sequence[Path]) -> Path:
    """The deepest folder that holds all runs, written as the user wrote it where they lie side by side."""
    parents = {path.resolve().parent for path in run_dirs}
    if parents == {run_dirs[0].parent.resolve()}:
        return run_dirs[0].parent
    try:
        return Path(os.path.commonpath(parents))
    except ValueError:
        raise InputError(
            "The runs lie on different drives. Say with --output where the comparison should go."
        ) from None
