"""`python run_experiment.py init FOLDER`: a lab's folder becomes `recordings.csv` and a starter experiment."""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from common.errors import InputError
from common.files import replacing, write_text
from common.names import unsafe_name_reason
from common.tables import write_table
from features.engines.tensorflow import sees_gpu
from pipeline.commands.arguments import command_parser, output_path
from pipeline.config.schema import load_config
from pipeline.dataset.pairing.table_cells import safe_name
from pipeline.dataset.table import read_recordings
from pipeline.runtime.logs import only_errors
from pipeline.starter.findings import Findings, find_recordings, with_proposal
from pipeline.starter.lab_folder import LabFolder, scan_folder
from pipeline.starter.passed_over import left_aside, passed_over
from pipeline.starter.printing import print_findings
from pipeline.starter.proposal import Speed
from pipeline.starter.speed import measure_speed
from pipeline.starter.starter_yaml import starter_yaml

_DESCRIPTION = """Looks through a folder for videos, pose files and annotation files (told by what is in them), pairs
them by name, and writes recordings.csv and a starter experiment. What is not clear is left out and said. Nothing
that is there is changed."""


def run_init_command(arguments: Sequence[str]) -> int:
    """Carry out `init`; returns the exit code."""
    options = _parser().parse_args(arguments)
    folder: Path = options.folder
    lab = scan_folder(folder)
    output: Path = (options.output or folder).resolve()
    name = options.name or safe_name(folder.resolve().name, "experiment")
    if reason := unsafe_name_reason(name):
        raise InputError(f"--name {name!r} can't be used, because files and a folder get that name and {reason}.")
    table_path, experiment_path = output / "recordings.csv", output / f"{name}.yaml"
    if not options.overwrite:
        _require_new(table_path, experiment_path)
    if not any((lab.videos, lab.sequences, lab.poses, lab.features)):
        raise InputError(_nothing_found(lab))
    # What the readers remark on a file is printed with it, if it is used.
    with only_errors("pipeline.annotations"):
        findings = find_recordings(lab, table_path, experiment_path, name, options.blob)
    findings = with_proposal(findings, _speed(findings))
    findings = replace(findings, facts=replace(findings.facts, passed_over=passed_over(findings)))
    write_findings(findings)
    print_findings(findings)
    return 0


def _speed(findings: Findings) -> Speed | None:
    """Of this computer; None with a GPU, where nothing need be thinned."""
    if sees_gpu():
        return None
    headers = {r.files.video: r.header for r in findings.recordings if r.header.width_px}
    largest = max(headers, key=lambda video: headers[video].width_px * headers[video].n_frames, default=None)
    return measure_speed(largest)


def write_findings(findings: Findings) -> None:
    """Write table and experiment, both or none, after reading them back.

    Raises
    ------
    InputError
        They can't be written, or what was found does not fit into one table (naming the row).
    """
    try:
        with replacing(findings.table_path) as table, replacing(findings.experiment_path) as experiment:
            columns = dict.fromkeys(name for recording in findings.recordings for name in recording.cells)
            write_table(table, tuple(columns), [recording.cells for recording in findings.recordings])
            write_text(experiment, starter_yaml(findings.facts))
            read_recordings(table)
            load_config(experiment)
    except OSError as error:
        raise InputError(
            f"Cannot write into {findings.table_path.parent}: {error.strerror or error}. Name a folder that you may "
            "write with --output."
        ) from None


def _parser() -> argparse.ArgumentParser:
    parser = command_parser("init", _DESCRIPTION)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="with everything, or with folders of it")
    parser.add_argument("--output", type=output_path, metavar="DIR", help="where to write (default: into FOLDER)")
    parser.add_argument("--name", metavar="NAME", help="of the experiment and its YAML (default: the folder's name)")
    parser.add_argument("--blob", action="store_true", help="track the animal in videos that have no pose file")
    parser.add_argument("--overwrite", action="store_true", help="replace a recordings.csv and a YAML that are there")
    return parser


def _require_new(*paths: Path) -> None:
    there = [path for path in paths if path.exists()]
    if there:
        raise InputError(
            f"{there[0].parent} has {' and '.join(path.name for path in there)} already; nothing is "
            "overwritten. Name another folder with --output, or give --overwrite to replace it."
        )


def _nothing_found(lab: LabFolder) -> str:
    aside = left_aside(lab.skipped, lab.root)
    labels = " There are labels, but nothing that they are of." if lab.annotations else ""
    skipped = f" Left aside: {'; '.join(aside[:3])}{'; …' if len(aside) > 3 else ''}." if aside else ""
    return (
        f"Expected videos (.mp4, .avi, .mov, .mkv, …), poses or features of videos in {lab.root} and the folders in "
        f"it, found none among {lab.n_files} files.{labels}{skipped} Name the folder that holds your videos."
    )
