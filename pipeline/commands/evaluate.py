"""`python run_experiment.py evaluate FILE.csv ...`: score any model's probabilities against labels.

The file has a row per frame, with a column of labels and one of probabilities for each behavior, from
whatever program. Out come the same tables and the same report as of an experiment.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from common.delimited import find_dialect, iter_rows, require_file
from common.errors import InputError
from common.files import write_text
from common.names import canonical, unreadable_name_reason, unsafe_name_reason
from common.suggestions import did_you_mean, listing
from common.yaml_text import dump_yaml
from features.video.reading import MAX_FPS, MIN_FPS
from pipeline.commands.arguments import command_parser
from pipeline.dataset.labels import LabelTrack
from pipeline.run_folder.contents import CHOICES, SCORES
from pipeline.run_folder.frame_tables import write_labels, write_predictions
from pipeline.run_folder.provenance import begin_evaluation, now
from pipeline.run_folder.reading import EVALUATION
from pipeline.run_folder.recordings import RecordingRow, write_recordings
from pipeline.run_folder.results import write_scores, write_statistics
from pipeline.run_folder.run_dir import RunDir
from pipeline.scoring.postprocessing.postprocess import LONGEST_S, PostprocessConfig
from pipeline.scoring.timeline import Timeline, Variants, postprocess_variants
from pipeline.training.chosen_settings import Choice, Choices, choice_rows, fixed_variants

_DESCRIPTION = """Scores probabilities that any program wrote against a human's labels: per frame and per bout, before
and after post-processing, with the report of an experiment. Each FILE.csv is one recording with a row
per frame; labels are 1 or 0 (empty or -1 = not scored), probabilities lie between 0 and 1 (empty = not
predicted)."""
_EXAMPLE = """example:
  python run_experiment.py evaluate predictions.csv --behavior grooming=groom_human,groom_model \\
         --behavior rearing=rear_human,rear_model --fps 25 --output runs/other_model
"""


@dataclass(frozen=True)
class BehaviorColumns:
    """In which columns one behavior's labels and probabilities stand."""

    behavior: str
    label: str
    probability: str


def run_evaluate_command(arguments: Sequence[str]) -> int:
    """Carry out the command; returns the exit code."""
    from pipeline.report.html import write_report

    options = _parser().parse_args(arguments)
    if not MIN_FPS <= options.fps <= MAX_FPS:
        raise InputError(
            f"--fps expects the frames per second of the video, from {MIN_FPS:g} to {MAX_FPS:g}; found {options.fps:g}."
        )
    settings = _settings(options)
    columns = [_behavior_columns(canonical(text)) for text in options.behavior]
    _require_distinct([c.behavior for c in columns], "--behavior names")
    _require_distinct([path.stem for path in options.files], "The files have the names")
    for name in (path.stem for path in options.files):
        if reason := unsafe_name_reason(name):
            raise InputError(f"Results of {name!r} can't be kept in files of that name: {reason}. Rename its table.")
    for name in options.individual or ():
        if reason := unreadable_name_reason(name):
            raise InputError(f"--individual {name!r:.200} can't be used: {reason}.")
    individuals = options.individual or [path.stem for path in options.files]
    if len(individuals) != len(options.files):
        raise InputError(
            f"--individual is given once for each file, in their order: expected {len(options.files)}, found "
            f"{len(individuals)}. Leave it out where every file shows an animal of its own."
        )
    timelines = [
        _read(path, individual, columns, options, (fixed_variants(settings),) * len(columns))
        for path, individual in zip(options.files, individuals, strict=True)
    ]
    run = RunDir(options.output)
    run.see_from(*(path.parent for path in options.files))
    with run.claimed():
        if run.holds_anything():
            if not options.overwrite:
                raise InputError(
                    f"{run.path} already holds results. Choose another folder with --output, or add --overwrite to "
                    "replace them."
                )
            run.set_aside()
        _write(run, options, settings, columns, timelines)
        write_report(run.path, is_being_written=True)
        run.manifest.write()
        run.drop_set_aside()
    print(f"Scores: {SCORES.path(run)}\nReport: {run.report_path}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = command_parser("evaluate", _DESCRIPTION, _EXAMPLE)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE.csv", help="one recording each")
    parser.add_argument(
        "--behavior",
        action="append",
        required=True,
        metavar="NAME=LABEL_COLUMN,PROBABILITY_COLUMN",
        help="a behavior and the two columns it stands in (given once for each behavior)",
    )
    parser.add_argument("--fps", type=float, required=True, help="frames per second of the video")
    parser.add_argument(
        "--frame", type=canonical, metavar="COLUMN", help="column of frame numbers, to check that none is missing"
    )
    parser.add_argument(
        "--individual",
        action="append",
        metavar="NAME",
        help="whose recording a file is, once for each file in their order: intervals are over individuals "
        "(default: every file is one of its own)",
    )
    usual = PostprocessConfig()
    parser.add_argument(
        "--threshold",
        type=float,
        default=usual.threshold,
        help=f"active from this probability on (default: {usual.threshold:g})",
    )
    seconds = (
        ("--max-gap-s", "fill gaps up to this long", usual.max_gap_s),
        ("--min-bout-s", "drop shorter bouts", usual.min_bout_s),
    )
    for flag, words, default in seconds:
        words = f"{words} (default: {default:g}, as in an experiment; 0 = off)"
        parser.add_argument(flag, type=float, default=default, metavar="SECONDS", help=words)
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder for tables and report")
    parser.add_argument("--overwrite", action="store_true", help="replace what lies in the folder already")
    return parser


def _settings(options: argparse.Namespace) -> PostprocessConfig:
    if not 0 <= options.threshold <= 1:
        raise InputError(f"--threshold expects a probability between 0 and 1; found {options.threshold:g}.")
    for flag, seconds in (("--max-gap-s", options.max_gap_s), ("--min-bout-s", options.min_bout_s)):
        if not 0 <= seconds <= LONGEST_S:
            raise InputError(f"{flag} expects a number of seconds from 0 to {LONGEST_S:g}; found {seconds:g}.")
    return PostprocessConfig(
        # Probabilities are kept as float32: .7 must reach a threshold of .7 there too.
        threshold=min(1.0, float(np.float32(options.threshold))),
        max_gap_s=options.max_gap_s,
        min_bout_s=options.min_bout_s,
    )


def _behavior_columns(text: str) -> BehaviorColumns:
    name, equals, columns = text.partition("=")
    label, comma, probability = (part.strip() for part in columns.partition(","))
    name = name.strip()
    if not (equals and comma and name and label and probability):
        raise InputError(
            f"--behavior expects NAME=LABEL_COLUMN,PROBABILITY_COLUMN (for example grooming=human,model); "
            f"found {text!r}."
        )
    reason = unsafe_name_reason(name)
    if reason:
        raise InputError(f"--behavior {text!r}: the name {name!r} cannot be used in file names: {reason}.")
    return BehaviorColumns(name, label, probability)


def _require_distinct(names: Sequence[str], what: str) -> None:
    folded = [name.casefold() for name in names]
    doubled = [name for name in names if folded.count(name.casefold()) > 1]
    if doubled:
        raise InputError(f"{what} {doubled[0]!r} twice. Each needs a name of its own.")


def _read(
    path: Path,
    individual: str,
    columns: Sequence[BehaviorColumns],
    options: argparse.Namespace,
    settings: tuple[Variants, ...],
) -> Timeline:
    table = _Table.read(path)
    if options.frame is not None:
        table.check_frames(options.frame)
    labels = [table.numbers(c.label, "a label (1, 0, or -1 or empty = not scored)", (-1, 0, 1)) for c in columns]
    probabilities = [table.numbers(c.probability, "a probability between 0 and 1, or empty", None) for c in columns]
    label, probability = np.stack(labels, axis=1), np.stack(probabilities, axis=1).astype(np.float32)
    return Timeline(
        recording=path.stem,
        fps=options.fps,
        behaviors=tuple(c.behavior for c in columns),
        probability=probability,
        predicted=postprocess_variants(probability, settings, options.fps),
        true=label == 1,
        scored=(label == 0) | (label == 1),
        settings=settings,
        subset=EVALUATION,
        individual=individual,
    )


@dataclass(frozen=True)
class _Table:
    """A table of text with a header, and the number of each row as a spreadsheet shows it."""

    path: Path
    header: list[str]
    rows: list[tuple[int, list[str]]]
    may_have_decimal_commas: bool

    @classmethod
    def read(cls, path: Path) -> "_Table":
        require_file(path, "table of labels and probabilities")
        # A row of empty cells is a frame that nobody scored or predicted; only blank lines are none.
        dialect = find_dialect(path)
        rows = [(row, cells) for row, cells in iter_rows(path, dialect) if any(cells) or len(cells) > 1]
        while rows and not any(rows[-1][1]):
            rows.pop()
        while rows and not any(rows[0][1]):
            rows.pop(0)
        if len(rows) < 2:
            raise InputError(f"{path.name} should have a header and a row per frame; found {len(rows)} row(s).")
        return cls(path, rows[0][1], rows[1:], dialect.delimiter != ",")

    def _cells(self, column: str) -> list[tuple[int, str]]:
        if self.header.count(column) != 1:
            found = "twice" if column in self.header else "not at all"
            raise InputError(
                f"{self.path.name} should have the column {column!r} once; it is there {found}."
                f"{did_you_mean(column, self.header)} Its columns: {listing([name for name in self.header if name])}."
            )
        place = self.header.index(column)
        return [(row, cells[place] if place < len(cells) else "") for row, cells in self.rows]

    def numbers(self, column: str, wanted: str, allowed: tuple[int, ...] | None) -> NDArray[np.float64]:
        """Cells as numbers, NaN where empty; refuses what is neither allowed nor (None) within [0, 1]."""
        values = np.full(len(self.rows), np.nan)
        for i, (row, text) in enumerate(self._cells(column)):
            if text.casefold() in ("", "nan", "na", "n/a"):
                continue
            try:
                # Excel in half of Europe writes 0,5 and separates cells by semicolons.
                value = float(text.replace(",", ".") if self.may_have_decimal_commas else text)
            except ValueError:
                value = np.nan
            if not (value in allowed if allowed is not None else 0 <= value <= 1):
                raise InputError(f"{self.path.name}, row {row}, column {column!r}: expected {wanted}, found {text!r}.")
            values[i] = value
        return values

    def check_frames(self, column: str) -> None:
        """Refuse a table in which a frame is missing or out of order."""
        cells = self._cells(column)
        first = _whole_number(cells[0][1])
        for i, (row, text) in enumerate(cells):
            expected = (first or 0) + i
            if _whole_number(text) != expected:
                raise InputError(
                    f"{self.path.name}, row {row}, column {column!r}: expected frame {expected} (one row per frame, in "
                    f"order), found {text!r}."
                )


def _whole_number(text: str) -> int | None:
    """A frame number, also as pandas writes it (`7.0`); None for anything else."""
    try:
        value = float(text)
    except ValueError:
        return None
    return int(value) if np.isfinite(value) and value == int(value) and value >= 0 else None


def _write(
    run: RunDir,
    options: argparse.Namespace,
    settings: PostprocessConfig,
    columns: Sequence[BehaviorColumns],
    timelines: Sequence[Timeline],
) -> None:
    behaviors = [c.behavior for c in columns]
    tree = {
        "name": run.path.name,
        "description": "Probabilities that another program wrote, scored",
        "files": [path.name for path in options.files],
        "behaviors": {c.behavior: [c.label, c.probability] for c in columns},
        "fps": options.fps,
        "postprocess": settings.model_dump(mode="json"),
    }
    write_text(run.config_path, dump_yaml(tree))
    provenance = begin_evaluation()
    run.write_provenance(provenance)
    write_recordings(
        run, (RecordingRow(t.recording, t.subset, t.individual, "", "", t.fps, t.n_frames, None) for t in timelines)
    )
    choices = Choices(final={b: Choice(fixed_variants(settings)) for b in behaviors})
    CHOICES.write(run, choice_rows(choices, behaviors, [t.recording for t in timelines]))
    for timeline in timelines:
        assert timeline.true is not None and timeline.scored is not None
        labels = LabelTrack(timeline.behaviors, timeline.true, timeline.scored)
        write_labels(run.labels_path(timeline.recording), labels)
        write_predictions(run, timeline)
    write_statistics(run, timelines)
    write_scores(run, timelines, behaviors)
    provenance["finished"] = now()
    run.write_provenance(provenance)
