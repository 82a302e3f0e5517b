"""Read a run folder back: the report knows nothing that is not in these files."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from common.errors import InputError
from common.suggestions import did_you_mean
from common.tables import Row, number
from pipeline.config.yaml_tree import parse_yaml
from pipeline.dataset.labels import names_in_annotations
from pipeline.run_folder.contents import BASELINE_SCORES, RECORDINGS, SCORES, TRAINING
from pipeline.run_folder.frame_tables import LOGISTIC, read_baseline, read_timeline
from pipeline.run_folder.recordings import RecordingRow as RecordingRow
from pipeline.run_folder.recordings import read_recordings
from pipeline.run_folder.run_dir import RunDir
from pipeline.run_folder.tables import Tables, first_row, read_tables
from pipeline.run_folder.whole_files import read_optional, read_required
from pipeline.scoring.postprocessing.decisions import BINARY, EXCLUSIVE
from pipeline.scoring.postprocessing.tuning import NONE
from pipeline.scoring.scores import POOLED, ScoreRow
from pipeline.scoring.timeline import FULL, RAW, BehaviorTimeline, Timeline

CROSS_VALIDATION = "cross_validation"
TEST = "test"
PREDICT = "predict"
EVALUATION = "evaluation"
SUBSET_WORDS = {
    CROSS_VALIDATION: "cross-validation",
    TEST: "test",
    PREDICT: "prediction only",
    EVALUATION: "evaluation",
}


@dataclass(frozen=True)
class EpochRow:
    """One epoch of one head; `validation_average_precision` is None where nothing was held back."""

    behavior: str
    head: str
    fold: str
    epoch: int
    loss: float | None
    validation_average_precision: float | None
    best: bool

    @classmethod
    def of(cls, row: Row) -> "EpochRow":
        """An epoch from its row of training.csv."""
        return cls(**{name: row[name] for name in cls.__dataclass_fields__})  # type: ignore[arg-type]


@dataclass(frozen=True)
class Run:
    """All that a run folder says.

    `baselines` are timelines by baseline and recording; `accepted`: files that somebody edited on purpose, and when
    they were accepted.
    """

    path: Path
    config: Mapping[str, Any]
    config_text: str
    provenance: Mapping[str, Any]
    recordings: tuple[RecordingRow, ...]
    behaviors: tuple[str, ...]
    scores: tuple[ScoreRow, ...]
    baseline_scores: tuple[ScoreRow, ...]
    training: tuple[EpochRow, ...]
    timelines: Mapping[str, Timeline]
    baselines: Mapping[str, Mapping[str, Timeline]]
    tables: Tables
    accepted: Mapping[str, str] = field(default_factory=dict)

    @property
    def task(self) -> str:
        """Name of the task."""
        return _task(self.config)[0]

    @property
    def is_exclusive(self) -> bool:
        """Whether its behaviors are classes, of which a frame has one."""
        return self.task == EXCLUSIVE

    @property
    def name(self) -> str:
        """The run's name as configured, or its folder's."""
        return str(self.config.get("name") or self.path.name)

    @property
    def overrides(self) -> list[str]:
        """What was set beside the YAML, `key=value`, as it was typed."""
        words = [str(word) for word in self.provenance.get("arguments") or ()]
        given = [second for first, second in pairwise(words) if first == "--set"]
        return given + [word.removeprefix("--set=") for word in words if word.startswith("--set=")]

    @property
    def head_name(self) -> str:
        """Name of the head, e.g. `lstm`."""
        return str(section(self.config, "head").get("name", "head"))

    @property
    def their_names(self) -> dict[str, list[str]]:
        """For each behavior its names in the annotations; its own where another program's output was evaluated."""
        if "head" not in self.config:
            return {behavior: [behavior] for behavior in self.behaviors}
        named = section(self.config, "behaviors")
        return {ours: [names] if isinstance(names, str) else list(names) for ours, names in named.items()}

    @property
    def names_in_annotations(self) -> dict[str, str]:
        """For each behavior the name under which it leaves Rearview."""
        return names_in_annotations(self.their_names)

    @property
    def ethogram(self) -> tuple[str, ...]:
        """All behaviors that files for annotators name.

        Merged ones are all there: where a name is missing, its frames would be read back as unknown.
        """
        theirs, first = self.their_names, self.names_in_annotations
        return tuple(dict.fromkeys(name for ours in theirs for name in (first[ours], *theirs[ours])))

    @property
    def subsets(self) -> tuple[str, ...]:
        """Subsets that have scores, cross-validation first."""
        present = {row["subset"] for row in self.scores}
        return tuple(subset for subset in (CROSS_VALIDATION, TEST, EVALUATION) if subset in present)

    @property
    def baseline_names(self) -> tuple[str, ...]:
        """Baselines that have scores."""
        return tuple(dict.fromkeys(row["baseline"] for row in self.baseline_scores))

    def best_baseline(self, behavior: str, subset: str) -> str:
        """The baseline of the highest average precision, which the head must beat; "" where there is none."""
        found = {name: self.baseline_score(name, behavior, subset) for name in self.baseline_names}
        return max(found, key=lambda name: number(found[name], "average_precision") or 0.0, default="")

    def members(self, subset: str) -> tuple[RecordingRow, ...]:
        """Recordings of one subset."""
        return tuple(row for row in self.recordings if row.subset == subset)

    def score(
        self, behavior: str, subset: str, variant: str, recording: str = POOLED, baseline: bool = False
    ) -> ScoreRow | None:
        """One row of the table of scores (or of the best baseline's), None where there is none."""
        if baseline:
            return self.baseline_score(self.best_baseline(behavior, subset), behavior, subset, variant, recording)
        key = ("behavior", "subset", "recording", "postprocessed")
        return first_row(self.scores, key, (behavior, subset, recording, variant))

    def baseline_score(
        self, name: str, behavior: str, subset: str, variant: str = RAW, recording: str = POOLED
    ) -> ScoreRow | None:
        """One row of the table of baselines' scores, None where there is none."""
        key = ("baseline", "behavior", "subset", "recording", "postprocessed")
        return first_row(self.baseline_scores, key, (name, behavior, subset, recording, variant))

    def behavior(self, behavior: str, recording: str, baseline: bool = False) -> BehaviorTimeline | None:
        """One behavior of one recording as the head has it after all steps, or as the best baseline has it.

        None where the recording has no labels or no such prediction.
        """
        of_head = timeline = self.timelines.get(recording)
        if baseline and of_head is not None:
            best = self.best_baseline(behavior, of_head.subset)
            timeline = self.baselines.get(best, {}).get(recording)
        if timeline is None or not timeline.has_labels:
            return None
        return timeline.behavior(self.behaviors.index(behavior), RAW if baseline else FULL)


def section(tree: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """A part of a configuration or provenance; empty where it is absent or no mapping."""
    part = tree.get(key)
    return part if isinstance(part, Mapping) else {}


def read_run(run_dir: Path, only: Collection[str] | None = None, is_being_written: bool = False) -> Run:
    """Read everything that the report needs.

    Parameters
    ----------
    run_dir : Path
        Folder of one run.
    only : collection of str, optional
        Recordings whose timelines are read; None = all.
    is_being_written : bool
        Whether this process is at work on it, so that its manifest is still to come.

    Returns
    -------
    Run
        Files that a run may lack (baseline, labels, predictions, training) leave their part empty.

    Raises
    ------
    InputError
        When the folder is no run folder or its run never came to its end, or one of its files cannot be read or is
        not as it was written.
    """
    folder = RunDir(run_dir)
    _require_run(folder)
    if not is_being_written:
        folder.require_finished()
    config_text = read_required(folder, folder.config_path, lambda path: path.read_text(encoding="utf-8"))
    config = read_required(folder, folder.config_path, lambda _: _parse_yaml(config_text))
    behaviors = _behaviors(folder.config_path, config)
    recordings, tables = read_recordings(folder), read_tables(folder)
    task, background = _task(config)
    baseline_scores = [row | {"baseline": row["baseline"] or LOGISTIC} for row in BASELINE_SCORES.read_if_there(folder)]
    timelines: dict[str, Timeline] = {}
    baselines: dict[str, dict[str, Timeline]] = {str(row["baseline"]): {} for row in baseline_scores}
    for row in recordings:
        is_read = only is None or row.recording in only
        timeline = read_timeline(folder, row, behaviors, task, background) if is_read else None
        if timeline is None:
            continue
        timelines[row.recording] = timeline
        settings = [tables.settings(name, row.recording, RAW) or NONE for name in behaviors]
        for name, found in baselines.items():
            baseline = read_baseline(folder, row, timeline, settings, name)
            if baseline is not None:
                found[row.recording] = baseline
    return Run(
        path=run_dir,
        config=config,
        config_text=config_text,
        provenance=read_optional(folder, folder.provenance_path, _read_json) or {},
        recordings=recordings,
        behaviors=behaviors,
        scores=tuple(SCORES.read(folder)),
        baseline_scores=tuple(baseline_scores),
        training=tuple(EpochRow.of(row) for row in TRAINING.read_if_there(folder)),
        timelines=timelines,
        baselines=baselines,
        tables=tables,
        accepted={name: entry.accepted for name, entry in folder.manifest.entries.items() if entry.accepted},
    )


def _task(config: Mapping[str, Any]) -> tuple[str, str]:
    """Name of the task and of its background; runs of before there were others are binary."""
    task = section(config, "task")
    return str(task.get("name", BINARY)), str(task.get("other") or "")


def _require_run(folder: RunDir) -> None:
    """Raise where there is no folder, or where its run was never finished."""
    path = folder.path
    if not path.exists():
        beside = path.parent.iterdir() if path.parent.is_dir() else ()
        runs = {other.name: other for other in beside if RunDir(other).config_path.exists()}
        hint = did_you_mean(path.name, runs)
        meant = [run for name, run in runs.items() if hint == did_you_mean(name, [name])]
        hint = (
            f" Did you mean {meant[0]}?"
            if meant
            else " Give the folder of a run (it holds config.yaml), for example runs/exp1."
        )
        raise InputError(f"There is no folder {path}.{hint}")
    if folder.config_path.exists() and not RECORDINGS.path(folder).exists():
        raise InputError(
            f"{path} holds no {RECORDINGS.file}: this run never came to its end. Start the experiment "
            "again (the same command goes on where it stopped)."
        )


def _parse_yaml(text: str) -> Mapping[str, Any]:
    tree = parse_yaml(text)
    if not isinstance(tree, Mapping):
        raise ValueError("it holds no `key: value` lines")
    return tree


def _read_json(path: Path) -> Mapping[str, Any]:
    tree = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(tree, Mapping):
        raise ValueError("it holds no keys")
    return tree


def _behaviors(path: Path, config: Mapping[str, Any]) -> tuple[str, ...]:
    """The run's behaviors; raises unless every one has its name, or names, in the annotations."""
    behaviors = section(config, "behaviors")
    if not behaviors:
        raise InputError(
            f"{path} should name the behaviors under `behaviors:`, but it names none. "
            "Restore the file or run the experiment again."
        )
    # Where another program's output was evaluated, columns stand there.
    for name, theirs in behaviors.items() if "head" in config else ():
        words = theirs if isinstance(theirs, list) and theirs else [theirs]
        if not all(isinstance(word, str) and word for word in (name, *words)):
            raise InputError(
                f"{path} should give each behavior the name that it has in the annotations, or a list of such names "
                f"(`grooming: groom` or `grooming: [groom, wash]`), but under `behaviors:` it says `{name}: {theirs}`. "
                "Correct it (a name that looks like a number stands in quotes), or restore the file."
            )
    return tuple(str(name) for name in behaviors)
