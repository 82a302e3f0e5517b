"""`python run_experiment.py audit recordings.csv`: can these recordings be analysed, and what is odd about them?"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from common.errors import InputError
from common.files import write_text
from common.wording import counted
from features.sources.views import NetworkView
from models.tasks import Exclusive
from pipeline.audit.identity import SeenChange, seen_changes
from pipeline.audit.pictures import SeenRecording, seen_recordings
from pipeline.audit.recording import Audit, audit_table
from pipeline.audit.tables import behavior_rows, recording_row, write_audit_tables
from pipeline.commands.arguments import add_overrides, command_parser, output_path
from pipeline.config.schema import ExperimentConfig, load_config
from pipeline.dataset.equal_findings import FindingKind
from pipeline.dataset.findings import Finding, error_finding
from pipeline.dataset.load import CheckedRecording, check_recordings, recordings_csv
from pipeline.dataset.pose_findings import FEW_ON_ANIMAL
from pipeline.dataset.reading import ReadingSettings
from pipeline.runtime.logs import only_errors
from pipeline.training.forecast import forecast
from pipeline.training.plan import head_outputs, plan_head_folds

_DESCRIPTION = """Looks at every video, pose file and annotation file of a table, whatever is wrong with some of them,
and says what was found, what it does to the results, and what to do about it. Nothing is changed. Videos are decoded
once; a run after the audit does not decode them again."""
_EPILOG = """exit code: 0 = nothing that would stop a run (there may be warnings); 2 = something would.

examples:
  python run_experiment.py audit my/recordings.csv
        before anything else: do video, poses and labels fit together?
  python run_experiment.py audit my/recordings.csv --config experiments/exp1.yaml
        with the keypoints, behaviors and frame policy of an experiment
"""
_COLUMNS = ("frames", "frames\n/s", "pose\nrows", "not ob-\nserved", "labelled", "not\nscored", "errors", "warn-\nings")
_MOST_ERRORS = 12
"""Of one kind, on the terminal; the page and audit_findings.csv have all."""
_STYLES = {"error": "bold red", "warning": "yellow", "note": "dim"}


def run_audit_command(arguments: Sequence[str]) -> int:
    """Audit a table of recordings; returns the exit code (2 when something would stop a run)."""
    options = _parser().parse_args(arguments)
    if options.config is None and options.table is not None and options.table.suffix.casefold() in (".yaml", ".yml"):
        options.config, options.table = options.table, None
    table_path, settings, config = _what_to_audit(options)
    audit = audit_table(table_path, settings, is_experiment=config is not None)
    checked: list[CheckedRecording] = []
    if config is not None and not audit.n_findings("error"):
        found, checked = learning_findings(config, audit)
        audit.general.extend(found)
    write_audit_tables(audit, options.output)
    views = settings.source.views()
    seen = seen_recordings(audit, views)
    changes = seen_changes(audit)
    experiment = str(options.config or "defaults")
    page = write_audit_page(audit, options.output / "audit.html", experiment, views, seen, changes)
    console = Console()
    print_audit(audit, console)
    if config is not None and not audit.n_findings("error"):
        console.print(forecast_words(config, checked), soft_wrap=True, highlight=False)
    console.print(f"{verdict(audit)} All of it: {page}", soft_wrap=True, highlight=False)
    return 2 if audit.n_findings("error") else 0


def learning_findings(config: ExperimentConfig, audit: Audit) -> tuple[list[Finding], list[CheckedRecording]]:
    """Errors that end a run although every file can be read, such as too few animals; how balanced classes are.

    And the recordings as a run has them, where their labels can be used.
    """
    errors: dict[str, None] = {}
    # What is odd about the recordings has been said.
    with only_errors("pipeline"):
        try:
            recordings = check_recordings([item.loaded for item in audit.recordings], config)
        except InputError as error:
            return list(_label_errors(config, audit)) or [error_finding("", error)], []
        for name in head_outputs(config):
            try:
                plan_head_folds(config, recordings, name)
            except InputError as error:
                errors[str(error)] = None
    return [*(error_finding("", InputError(error)) for error in errors), *_balance(config, recordings)], recordings


def forecast_words(config: ExperimentConfig, checked: Sequence[CheckedRecording]) -> str:
    """How long a run takes on this machine, and on which device; or why that can't be told."""
    try:
        with only_errors("pipeline"), only_errors("features"):
            return forecast(config, checked).words()
    except InputError as error:
        return f"How long a run takes can't be told: {error}"


def _label_errors(config: ExperimentConfig, audit: Audit) -> Iterator[Finding]:
    """Yield for each recording why its labels can't be used, whatever is wrong with those of others."""
    for item in audit.recordings:
        try:
            check_recordings([item.loaded], config, are_behaviors_known=True)
        except InputError as error:
            yield error_finding(item.id, error)


def _balance(config: ExperimentConfig, recordings: Sequence[CheckedRecording]) -> Iterator[Finding]:
    """Yield how many of the scored frames each class has, where classes are exclusive."""
    task, labels = config.task, [item.labels for item in recordings if item.labels is not None]
    if not isinstance(task, Exclusive) or not labels:
        return
    counts = np.sum([task.n_examples(task.target(own.active), own.scored[:, 0]) for own in labels], axis=0).tolist()
    names = task.kinds(config.behavior_names())
    shares = (f"{name} {n:,} ({n / max(1, sum(counts)):.1%})" for name, n in zip(names, counts, strict=True))
    yield Finding("note", "", f"Scored frames of each class, in all recordings: {', '.join(shares)}.", "", "")


def _parser() -> argparse.ArgumentParser:
    parser = command_parser("audit", _DESCRIPTION, _EPILOG)
    parser.add_argument("table", nargs="?", type=Path, metavar="recordings.csv", help="or the YAML of an experiment")
    parser.add_argument(
        "--config", type=Path, metavar="CONFIG.yaml", help="experiment whose keypoints, behaviors and policies are used"
    )
    add_overrides(parser, "change a key of the YAML")
    parser.add_argument(
        "--output",
        type=output_path,
        default=Path("audit"),
        metavar="DIR",
        help="folder of the results (default: audit)",
    )
    return parser


def _what_to_audit(options: argparse.Namespace) -> tuple[Path, ReadingSettings, ExperimentConfig | None]:
    """The table, how its files are read, and the experiment, where one is named, on that table."""
    table: Path | None = options.table
    if options.config is None:
        if options.overrides:
            raise InputError(
                f"--set {options.overrides[0]} changes a key of an experiment, but none is named. Add --config "
                "CONFIG.yaml."
            )
        if table is None:
            raise InputError("Name what to audit: a table of recordings, or an experiment with --config CONFIG.yaml.")
        return table, replace(ReadingSettings(), table_folder=table.parent), None
    config = load_config(options.config, options.overrides)
    if table is None:
        return recordings_csv(config), ReadingSettings.of(config), config
    config = config.model_copy(update={"recordings": str(table)})
    return table, replace(ReadingSettings.of(config), table_folder=table.parent), config


def write_audit_page(
    audit: Audit,
    path: Path,
    experiment: str,
    views: Sequence[NetworkView],
    seen: Sequence[SeenRecording],
    changes: Sequence[SeenChange] = (),
) -> Path:
    """Write the page that a person reads; `experiment` names the settings it was made with."""
    from pipeline.report.network_views import change_table, colors_in_words, view_table
    from pipeline.report.pages import render

    measured = [item.measured for item in audit.recordings if item.measured is not None]
    context = {
        "audit": audit,
        "verdict": verdict(audit),
        "rows": [recording_row(item) for item in audit.recordings],
        "behaviors": [row for item in audit.recordings for row in behavior_rows(item)],
        "n_frames": sum(found.n_frames for found in measured),
        "seconds": sum(found.n_frames / found.fps for found in measured),
        "experiment": experiment,
        "few_on_animal": FEW_ON_ANIMAL,
        "colors": colors_in_words(views),
        "seen": [
            {"recording": item.recording, "table": view_table(_heads(item), views, item.pictures)}
            for item in seen
            if not item.is_one
        ],
        "seen_once": [
            {"recording": item.recording, "table": view_table(_heads(item), views, item.pictures)}
            for item in seen
            if item.is_one
        ],
        "changes": [
            {"recording": name, "table": change_table([change for change in changes if change.recording == name])}
            for name in dict.fromkeys(change.recording for change in changes)
        ],
    }
    write_text(path, render("data_audit.html.j2", context))
    return path


def _heads(item: SeenRecording) -> list[list[str]]:
    return [
        [f"{time_s:.1f} s"] + ([] if observed else ["not observed"])
        for time_s, observed in zip(item.times_s, item.observed, strict=True)
    ]


def verdict(audit: Audit) -> str:
    """The outcome in a sentence or two."""
    n_errors, n_warnings = audit.n_findings("error"), audit.n_findings("warning")
    stops = f"{counted(n_errors, 'error')} would stop a run." if n_errors else "Nothing would stop a run."
    if n_warnings:
        n_kinds = sum(kind.first.severity == "warning" for kind in audit.finding_kinds)
        kinds = f" of {counted(n_kinds, 'kind')}" if n_kinds < n_warnings else ""
        return f"{stops} {counted(n_warnings, 'warning')}{kinds}: look at {'it' if n_warnings == 1 else 'them'} first."
    return stops


def print_audit(audit: Audit, console: Console) -> None:
    """Show the recordings and what was found on the terminal."""
    table = Table(title=f"Audit of {audit.table_path}", box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("recording", overflow="fold", min_width=12)
    for name in _COLUMNS:
        table.add_column(name, justify="right", no_wrap=True)
    for item in audit.recordings:
        row = recording_row(item)
        first, last = row["first_labelled_frame"], row["last_labelled_frame"]
        cells = (row["n_frames"], _rate(row["fps"]), row["n_pose_rows"], _percent(row["unobserved_share"]),
                 "" if first is None else f"{first}–{last}", _percent(row["unscored_share"]),
                 row["n_errors"] or "", row["n_warnings"] or "")  # fmt: skip
        table.add_row(escape(item.id), *("" if cell is None else str(cell) for cell in cells))
    console.print(table)
    kinds = audit.finding_kinds
    for severity, style in _STYLES.items():
        for kind in kinds:
            if kind.first.severity == severity:
                console.print(_words(kind, style), soft_wrap=True, highlight=False)


def _words(kind: FindingKind, style: str) -> str:
    """One kind of finding; each error, because it must be mended, of the others the first."""
    finding = kind.first
    lead = f"[{style}]{finding.severity}[/] [bold]{escape(kind.where)}[/]: {escape(kind.found)}"
    if finding.severity == "note":
        return lead
    if finding.severity == "error" and kind.has_other_numbers:
        shown = [f"\n  {escape(f'{equal.where}: {equal.found}')}" for equal in kind.members[1:_MOST_ERRORS]]
        left = len(kind.members) - _MOST_ERRORS
        lead += "".join(shown) + (f"\n  and {left} more" if left > 0 else "")
    return f"{lead} {escape(finding.consequence)}\n    [cyan]{escape(finding.remedy)}[/]"


def _rate(value: object) -> str:
    return f"{value:.5g}" if isinstance(value, float) else ""


def _percent(value: object) -> str:
    return f"{value:.1%}" if isinstance(value, float) else ""
