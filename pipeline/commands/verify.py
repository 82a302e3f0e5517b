"""`python run_experiment.py verify RUN ...`: are the files of a run as they were written?"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from common.errors import InputError
from common.seals import SealState, accept_changed, seal_findings, seal_path
from common.suggestions import did_you_mean
from pipeline.commands.arguments import command_parser
from pipeline.run_folder.manifest import MANIFEST, NOT_READ, State, is_unread
from pipeline.run_folder.provenance import now
from pipeline.run_folder.run_dir import HEADS, RunDir

_DESCRIPTION = """Reads every file of finished runs (or of predictions) and compares it with manifest.json, which holds
size and SHA-256 of each as they were written; corrections are compared with their seals. What is missing, changed, or
not of the run is listed; the exit code is 2 then. predict needs the files that lie in the run's folder itself and its
folder heads; report, compare, review, export and overlay need the other tables as well. Nothing reads report.html,
log.txt, figures and fits."""
_EXAMPLES = """examples:
  python run_experiment.py verify runs/exp1 runs/exp2
  python run_experiment.py verify runs/exp1 --accept recordings.csv
        the file was edited (or deleted) on purpose; the report says so from now on
  python run_experiment.py verify runs/exp1 --accept corrections/m1.csv
        corrections were edited on purpose: they are learned from as they are now
  python run_experiment.py verify runs/exp1 --accept manifest.json
        every file is taken as it is now: for a damaged manifest, or a run of before there were any
"""
_WORDS: dict[State | SealState, str] = {
    "changed": "changed: damaged, or edited",
    "missing": "missing",
    "unknown": "not of this run",
    "stale": "missing, or older than what it is made from; review makes it again",
    "unsealed": "perhaps changed: its seal, the .seal.json beside it, is damaged",
}


def run_verify_command(arguments: Sequence[str]) -> int:
    """Carry out the command; returns the exit code: 0, or 2 where something is not as it was written."""
    options = _parser().parse_args(arguments)
    if options.accept and len(options.runs) > 1:
        raise InputError("--accept names files of one run, but several runs were given. Accept those of each in turn.")
    for path in options.runs:
        run = RunDir(path)
        others = _accept_corrections(run, options.accept)
        # Corrections may lie beside other videos than a run's.
        if not run.holds_anything() and (others or not options.accept):
            raise InputError(f"{path} is no folder of a run: it holds no config.yaml. Give one such as runs/exp1.")
        if others:
            _accept(run, others)
    # All of them are told of.
    are_whole = [_is_whole(run) for run in map(RunDir, options.runs) if run.holds_anything()]
    return 0 if all(are_whole) else 2


def _accept_corrections(run: RunDir, given: Sequence[str]) -> list[str]:
    """Take corrections as they are now; returns what of the names is none of them."""
    others = []
    for text in given:
        place = _place(run, text)
        findings = seal_findings(place if place.is_dir() else place.parent)
        found = [path for path in findings if place in (path, path.parent)]
        for path in found:
            accept_changed(path)
            print(f"{path}: accepted as it is")
        if not found and seal_path(place).is_file():
            raise InputError(f"{place} is as it was written: there is nothing to accept.")
        if not found:
            others.append(text)
    return others


def _accept(run: RunDir, given: Sequence[str]) -> None:
    """Take files as they are now, and put down when that was."""
    names = [run.manifest.name_of(_place(run, text)) for text in given]
    if MANIFEST in names and (run.manifest.exists or run.has_no_checksums()):
        run.manifest.accept_all(now())
        return
    run.require_finished()
    findings = run.manifest.findings()
    accepted: list[str] = []
    for name in names:
        found = [found for found in findings if found == name or found.startswith(f"{name}/")]
        accepted += found
        if not found:
            is_known = name in run.manifest.entries
            hint = " It is as it was written." if is_known else did_you_mean(name, findings)
            raise InputError(f"{run.path} has no file {name!r} to accept.{hint} Without --accept, verify lists them.")
    run.manifest.update(accepted, now())


def _place(run: RunDir, text: str) -> Path:
    """Where a file lies that was named by its name in the folder, or with the folder."""
    path = Path(text)
    return path if path.is_relative_to(run.path) else run.path / path


def _is_whole(run: RunDir) -> bool:
    """Tell what is not as it was written."""
    if not run.manifest.exists:
        run.require_finished()
        raise InputError(
            f"{run.path} was made before runs had checksums, so there is nothing to compare its files with. To take "
            f"them as they are now: python run_experiment.py verify {run.path} --accept {MANIFEST}"
        )
    findings = run.manifest.findings()
    entries = run.manifest.entries
    print(f"{run.path}: {len(entries)} files, {sum(entry.bytes for entry in entries.values()) / 1e6:.1f} MB")
    needed = {name: state for name, state in findings.items() if state != "missing" or not is_unread(name)}
    for name, state in needed.items():
        predict = "; predict does without it" if "/" in name and not name.startswith(f"{HEADS}/") else ""
        print(f"  {name}: {_WORDS[state]}{predict if state != 'unknown' else ''}")
    corrections = seal_findings(run.corrections_path)
    for path, sealed in corrections.items():
        print(f"  {run.manifest.name_of(path)}: {_WORDS[sealed]}")
    n_unread = len(findings) - len(needed)
    if n_unread:
        print(f"  {n_unread} files that nothing reads ({', '.join(NOT_READ)}) are missing")
    for name, entry in entries.items():
        if entry.accepted:
            print(f"  {name}: accepted as it is, {entry.accepted[:16].replace('T', ' ')}")
    if needed or corrections:
        print(f"If it was done on purpose: python run_experiment.py verify {run.path} --accept FILE ...")
    else:
        print("  all as written")
    return not (needed or corrections)


def _parser() -> argparse.ArgumentParser:
    parser = command_parser("verify", _DESCRIPTION, _EXAMPLES)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folders of runs, or of predictions")
    parser.add_argument(
        "--accept",
        nargs="+",
        default=[],
        metavar="FILE",
        help="files (or folders) of the run that are meant to be as they are now",
    )
    return parser
