"""`python run_experiment.py evaluate FILE.csv ...`: score any model's probabilities against labels.

The file has a row per frame, with a column of labels and one of probabilities for each behavior, from
whatever program. Out come the same tables and the same report as of an experiment.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from common.files import write_text
from common.names import canonical, unreadable_name_reason, unsafe_name_reason
from common.yaml_text import dump_yaml
from features.video.reading import MAX_FPS, MIN_FPS
from pipeline.commands.arguments import command_parser, output_path
from pipeline.commands.evaluation.classes import ClassColumns, class_columns, read_classes
from pipeline.commands.evaluation.columns import FrameColumns
from pipeline.dataset.labels import LabelTrack
from pipeline.run_folder.contents import CHOICES, SCORES
from pipeline.run_folder.frame_tables import write_labels, write_predictions
from pipeline.run_folder.provenance import begin_evaluation, now
from pipeline.run_folder.reading import EVALUATION
from pipeline.run_folder.recordings import RecordingRow, write_recordings
from pipeline.run_folder.results import write_all_bouts, write_class_scores, write_scores, write_statistics
from pipeline.run_folder.run_dir import RunDir
from pipeline.scoring.classes import class_score_rows
from pipeline.scoring.postprocessing.decisions import BINARY, EXCLUSIVE
from pipeline.scoring.postprocessing.postprocess import LONGEST_S, PostprocessConfig
from pipeline.scoring.timeline import Timeline, postprocess_variants
from pipeline.training.chosen_settings import Choice, Choices, choice_rows, fixed_variants

_DESCRIPTION = """Scores probabilities that any program wrote against a human's labels: per frame and per bout, before
and after post-processing, with the report of an experiment. Each FILE.csv is one recording with a row
per frame; labels are 1 or 0 (empty or -1 = not scored), probabilities lie between 0 and 1 (empty = not
predicted). With --exclusive a frame has one class, which a column names. An array, FILE.npy, shape (n_frames,
n_columns), has the columns 0, 1, ...: np.column_stack([labels, probabilities])."""
_EXAMPLE = """examples:
  python run_experiment.py evaluate predictions.csv --behavior grooming=groom_human,groom_model \\
         --behavior rearing=rear_human,rear_model --fps 25 --output runs/other_model
  python run_experiment.py evaluate predictions.csv --exclusive human --predicted model --fps 25 --output runs/other
        two columns of class names
  python run_experiment.py evaluate predictions.csv --exclusive human --behavior grooming=p_groom \\
         --behavior rearing=p_rear --other nothing --fps 25 --output runs/other
        a column of class names and one of probabilities for each; those of "nothing" are what is left
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
    named = [canonical(text) for text in options.behavior or ()]
    columns = [] if options.exclusive else [_behavior_columns(text) for text in named]
    classes = [(name.strip(), column.strip()) for text in named for name, _, column in [text.partition("=")]]
    _require_distinct([name for name, _ in classes], "--behavior names")
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
    tables = [FrameColumns.read(path) for path in options.files]
    if options.frame is not None:
        for table in tables:
            table.check_frames(options.frame)
    found = (
        class_columns(options.exclusive, options.predicted, classes, options.other, tables)
        if options.exclusive
        else columns
    )
    timelines = [
        _timeline(table, individual, found, options.fps, settings)
        for table, individual in zip(tables, individuals, strict=True)
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
        _write(run, options, settings, found, timelines)
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
        metavar="NAME=LABEL_COLUMN,PROBABILITY_COLUMN",
        help="a behavior and the two columns it stands in (given once for each behavior); with --exclusive "
        "NAME=PROBABILITY_COLUMN, or NAME alone where classes are numbers, in their order from 0 on",
    )
    parser.add_argument(
        "--exclusive",
        type=canonical,
        default="",
        metavar="LABEL_COLUMN",
        help="a frame has one class, which this names",
    )
    parser.add_argument(
        "--predicted", type=canonical, default="", metavar="COLUMN", help="with --exclusive: the predicted class"
    )
    words = "with --exclusive: class of frames with none of the behaviors (default: `other`, if a label is so called)"
    parser.add_argument("--other", type=canonical, metavar="NAME", help=words)
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
        words = f"{words} (default: {default:g}, as in an experiment; 0 = off, as with --predicted)"
        parser.add_argument(flag, type=float, metavar="SECONDS", help=words)
    parser.add_argument("--output", type=output_path, required=True, metavar="DIR", help="folder for tables and report")
    parser.add_argument("--overwrite", action="store_true", help="replace what lies in the folder already")
    return parser


def _settings(options: argparse.Namespace) -> PostprocessConfig:
    if options.predicted and not options.exclusive:
        raise InputError("--predicted names a column of classes: add --exclusive with the column of labels.")
    if not options.exclusive and not options.behavior:
        raise InputError("Name what is scored: --behavior for each behavior, or --exclusive for classes.")
    if options.exclusive and options.threshold != PostprocessConfig().threshold:
        raise InputError("--threshold plays no part with --exclusive: the most probable class counts. Leave it out.")
    if not 0 <= options.threshold <= 1:
        raise InputError(f"--threshold expects a probability between 0 and 1; found {options.threshold:g}.")
    # What was predicted as a class has been through all steps of its program.
    usual = PostprocessConfig(max_gap_s=0.0, min_bout_s=0.0) if options.predicted else PostprocessConfig()
    max_gap_s = usual.max_gap_s if options.max_gap_s is None else options.max_gap_s
    min_bout_s = usual.min_bout_s if options.min_bout_s is None else options.min_bout_s
    for flag, seconds in (("--max-gap-s", max_gap_s), ("--min-bout-s", min_bout_s)):
        if not 0 <= seconds <= LONGEST_S:
            raise InputError(f"{flag} expects a number of seconds from 0 to {LONGEST_S:g}; found {seconds:g}.")
    return PostprocessConfig(
        # Probabilities are kept as float32: .7 must reach a threshold of .7 there too.
        threshold=min(1.0, float(np.float32(options.threshold))),
        max_gap_s=max_gap_s,
        min_bout_s=min_bout_s,
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


def _timeline(
    table: FrameColumns,
    individual: str,
    columns: Sequence[BehaviorColumns] | ClassColumns,
    fps: float,
    config: PostprocessConfig,
) -> Timeline:
    read = _read_classes(table, columns) if isinstance(columns, ClassColumns) else _read_behaviors(table, columns)
    settings = (fixed_variants(config),) * len(read.behaviors)
    return Timeline(
        recording=table.path.stem,
        fps=fps,
        predicted=postprocess_variants(read.probability, settings, fps, task=read.task),
        settings=settings,
        subset=EVALUATION,
        individual=individual,
        **read._asdict(),
    )


class _Read(NamedTuple):
    """A table as a `Timeline` has it."""

    behaviors: tuple[str, ...]
    probability: NDArray[np.float32]
    true: NDArray[np.bool_]
    scored: NDArray[np.bool_]
    task: str = BINARY
    background: str = ""


def _read_classes(table: FrameColumns, columns: ClassColumns) -> _Read:
    label, probability = read_classes(table, columns)
    true = label[:, None] == np.arange(len(columns.behaviors))
    scored = np.repeat(label[:, None] >= 0, true.shape[1], axis=1)
    return _Read(columns.behaviors, probability, true, scored, EXCLUSIVE, columns.background)


def _read_behaviors(table: FrameColumns, columns: Sequence[BehaviorColumns]) -> _Read:
    labels = [table.numbers(c.label, "a label (1, 0, or -1 or empty = not scored)", (-1, 0, 1)) for c in columns]
    probabilities = [table.numbers(c.probability, "a probability between 0 and 1, or empty", None) for c in columns]
    label, probability = np.stack(labels, axis=1), np.stack(probabilities, axis=1).astype(np.float32)
    return _Read(tuple(c.behavior for c in columns), probability, label == 1, (label == 0) | (label == 1))


def _write(
    run: RunDir,
    options: argparse.Namespace,
    settings: PostprocessConfig,
    columns: Sequence[BehaviorColumns] | ClassColumns,
    timelines: Sequence[Timeline],
) -> None:
    behaviors = list(timelines[0].behaviors)
    tree = {
        "name": run.path.name,
        "description": "Classes that another program predicted, scored; each counts as certain"
        if options.predicted
        else "Probabilities that another program wrote, scored",
        "files": [path.name for path in options.files],
        **_columns_in_yaml(columns),
        "fps": options.fps,
        "postprocess": settings.model_dump(mode="json"),
    }
    write_text(run.config_path, dump_yaml(tree))
    provenance = begin_evaluation()
    run.write_provenance(provenance)
    rows = [RecordingRow(t.recording, t.subset, t.individual, "", "", t.fps, t.n_frames, None) for t in timelines]
    write_recordings(run, rows)
    choices = Choices(final={b: Choice(fixed_variants(settings)) for b in behaviors})
    CHOICES.write(run, choice_rows(choices, behaviors, [t.recording for t in timelines]))
    for timeline in timelines:
        assert timeline.true is not None and timeline.scored is not None
        labels = LabelTrack(timeline.behaviors, timeline.true, timeline.scored)
        write_labels(run.labels_path(timeline.recording), labels)
        write_predictions(run, timeline)
    write_all_bouts(run, rows, timelines)
    write_statistics(run, timelines)
    if timelines[0].is_exclusive:
        write_class_scores(run, class_score_rows(timelines, "head"), timelines)
    write_scores(run, timelines, behaviors)
    provenance["finished"] = now()
    run.write_provenance(provenance)


def _columns_in_yaml(columns: Sequence[BehaviorColumns] | ClassColumns) -> dict[str, Any]:
    if not isinstance(columns, ClassColumns):
        return {"behaviors": {c.behavior: [c.label, c.probability] for c in columns}}
    return {
        "task": {"name": EXCLUSIVE, "other": columns.background or None},
        "behaviors": {
            name: [columns.label, columns.predicted or columns.probability[name]] for name in columns.behaviors
        },
    }
