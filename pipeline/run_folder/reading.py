"""Read a run folder back: the report knows nothing that is not in these files."""

import json
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from ruamel.yaml import YAML

from common.errors import InputError
from common.suggestions import did_you_mean
from common.tables import read_table
from features.video.reading import MAX_FPS
from pipeline.dataset.labels import names_in_annotations
from pipeline.run_folder.run_dir import RunDir
from pipeline.run_folder.tables import Tables, read_tables
from pipeline.run_folder.whole_files import read_optional, read_required
from pipeline.scoring.metrics import FrameArrays
from pipeline.scoring.scores import POOLED, ScoreRow, read_scores

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
class RecordingRow:
    """One line of the run's recordings.csv; None (and no video path) where the file says nothing."""

    recording: str
    subset: str
    individual: str
    group: str
    video: str
    fps: float
    n_frames: int
    n_unobserved: int | None
    width_px: int | None = None
    height_px: int | None = None
    video_path: Path | None = None
    video_sha256: str = ""


@dataclass(frozen=True)
class Timelines:
    """Labels and predictions of one recording, frame by frame.

    Attributes
    ----------
    active, scored : ndarray of bool, shape (n_frames, n_behaviors), or None
        Human labels; None where the recording has no label file.
    probability : ndarray of float32, shape (n_frames, n_behaviors)
        In [0, 1]; NaN = not predicted.
    predicted : ndarray of bool, shape (n_frames, n_behaviors)
        After post-processing.
    baseline_probability : ndarray of float32, shape (n_frames, n_behaviors), or None
    """

    active: NDArray[np.bool_] | None
    scored: NDArray[np.bool_] | None
    probability: NDArray[np.float32]
    predicted: NDArray[np.bool_]
    baseline_probability: NDArray[np.float32] | None


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


@dataclass(frozen=True)
class Run:
    """All that a run folder says."""

    path: Path
    config: Mapping[str, Any]
    config_text: str
    provenance: Mapping[str, Any]
    recordings: tuple[RecordingRow, ...]
    behaviors: tuple[str, ...]
    scores: tuple[ScoreRow, ...]
    baseline_scores: tuple[ScoreRow, ...]
    training: tuple[EpochRow, ...]
    timelines: Mapping[str, Timelines]
    tables: Tables

    @property
    def name(self) -> str:
        """The run's name as configured, or its folder's."""
        return str(self.config.get("name") or self.path.name)

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

    def members(self, subset: str) -> tuple[RecordingRow, ...]:
        """Recordings of one subset."""
        return tuple(row for row in self.recordings if row.subset == subset)

    def score(
        self, behavior: str, subset: str, variant: str, recording: str = POOLED, baseline: bool = False
    ) -> ScoreRow | None:
        """One row of the table of scores (or of the baseline's), None where there is none."""
        for row in self.baseline_scores if baseline else self.scores:
            if (row["behavior"], row["subset"], row["recording"], row["postprocessed"]) == (
                behavior,
                subset,
                recording,
                variant,
            ):
                return row
        return None

    def frame_arrays(self, behavior: str, recording: str, baseline: bool = False) -> FrameArrays | None:
        """Timelines of one behavior in one labelled and predicted recording, else None."""
        lines = self.timelines.get(recording)
        if lines is None or lines.active is None or lines.scored is None:
            return None
        probability = lines.baseline_probability if baseline else lines.probability
        if probability is None:
            return None
        column = self.behaviors.index(behavior)
        return FrameArrays(
            lines.active[:, column],
            lines.predicted[:, column],
            probability[:, column],
            lines.scored[:, column],
        )


def section(tree: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """A part of a configuration or provenance; empty where it is absent or no mapping."""
    part = tree.get(key)
    return part if isinstance(part, Mapping) else {}


def read_run(run_dir: Path, only: Collection[str] | None = None) -> Run:
    """Read everything that the report needs.

    Parameters
    ----------
    run_dir : Path
        Folder of one run.
    only : collection of str, optional
        Recordings whose timelines are read; None = all.

    Returns
    -------
    Run
        Files that a run may lack (baseline, labels, predictions, training) leave their part empty.

    Raises
    ------
    InputError
        When the folder is no run folder or its run never came to its end, or one of its files cannot be read.
    """
    folder = RunDir(run_dir)
    _require_run(folder)
    config_text = read_required(folder.config_path, lambda path: path.read_text(encoding="utf-8"))
    config = read_required(folder.config_path, lambda _: _parse_yaml(config_text))
    behaviors = _behaviors(folder.config_path, config)
    recordings = read_required(folder.recordings_path, _read_recordings)
    timelines: dict[str, Timelines] = {}
    for row in recordings:
        if only is not None and row.recording not in only:
            continue
        lines = _read_timelines(folder, row, behaviors)
        if lines is not None:
            timelines[row.recording] = lines
    return Run(
        path=run_dir,
        config=config,
        config_text=config_text,
        provenance=read_required(folder.provenance_path, _read_json) if folder.provenance_path.exists() else {},
        recordings=recordings,
        behaviors=behaviors,
        scores=tuple(read_required(folder.scores_path, read_scores)),
        baseline_scores=tuple(read_optional(folder.baseline_scores_path, read_scores) or ()),
        training=tuple(read_optional(folder.training_path, _read_training) or ()),
        timelines=timelines,
        tables=read_tables(folder),
    )


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
    if folder.config_path.exists() and not folder.recordings_path.exists():
        raise InputError(
            f"{path} holds no {folder.recordings_path.name}: this run never came to its end. Start the experiment "
            "again (the same command goes on where it stopped)."
        )


def _parse_yaml(text: str) -> Mapping[str, Any]:
    tree = YAML(typ="safe", pure=True).load(text)
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


def _read_recordings(path: Path) -> tuple[RecordingRow, ...]:
    rows = []
    for number, cells in enumerate(read_table(path), start=2):
        fps = _number(path, number, cells, "fps")
        n_frames = _number(path, number, cells, "n_frames")
        if not 0 < fps <= MAX_FPS:
            raise _no_number(path, number, cells, "fps", f"more than 0 and at most {MAX_FPS:g}")
        if n_frames < 1 or n_frames != int(n_frames):
            raise _no_number(path, number, cells, "n_frames", "a whole number, at least 1")
        rows.append(
            RecordingRow(
                recording=cells["recording"],
                subset=cells["subset"],
                individual=cells.get("individual", ""),
                group=cells.get("group", ""),
                video=cells.get("video", ""),
                fps=fps,
                n_frames=int(n_frames),
                n_unobserved=_whole(cells.get("n_unobserved", "")),
                width_px=_whole(cells.get("width_px", "")),
                height_px=_whole(cells.get("height_px", "")),
                video_path=Path(cells["video_path"]) if cells.get("video_path") else None,
                video_sha256=cells.get("video_sha256", ""),
            )
        )
    if not rows:
        raise InputError(
            f"{path} should have a row for each recording of the run, but it has none. Restore the file or run the "
            "experiment again with --overwrite."
        )
    return tuple(rows)


def _number(path: Path, row: int, cells: Mapping[str, str], column: str) -> float:
    """A finite number of a row that must have one."""
    try:
        value = float(cells[column])
    except (TypeError, ValueError):
        value = math.nan
    if not math.isfinite(value):
        raise _no_number(path, row, cells, column, "a number")
    return value


def _no_number(path: Path, row: int, cells: Mapping[str, str], column: str, expected: str) -> InputError:
    return InputError(
        f"{path}, row {row} (recording {cells['recording']}): `{column}` should be {expected}, but it is "
        f"{cells[column]!r}. Was the file edited by hand? Restore it or run the experiment again with --overwrite."
    )


def _whole(text: str) -> int | None:
    return int(text) if text else None


def _read_training(path: Path) -> list[EpochRow]:
    def number(text: str) -> float | None:
        return float(text) if text else None

    return [
        EpochRow(
            behavior=cells["behavior"],
            head=cells["head"],
            fold=cells["fold"],
            epoch=int(cells["epoch"]),
            loss=number(cells["loss"]),
            validation_average_precision=number(cells["validation_average_precision"]),
            best=cells["best"].strip().lower() in {"1", "true"},
        )
        for cells in read_table(path)
    ]


def _read_timelines(folder: RunDir, row: RecordingRow, behaviors: tuple[str, ...]) -> Timelines | None:
    """Labels and predictions of one recording, or None when it was not predicted."""
    predictions = read_optional(folder.predictions_path(row.recording), _read_numbers)
    if predictions is None:
        return None
    path = folder.predictions_path(row.recording)
    probability = _columns(predictions, [f"{name}_probability" for name in behaviors], row, path)
    predicted = _columns(predictions, list(behaviors), row, path)
    path = folder.labels_path(row.recording)
    table = read_optional(path, _read_numbers)
    labels = None if table is None else _columns(table, list(behaviors), row, path)
    path = folder.baseline_predictions_path(row.recording)
    table = read_optional(path, _read_numbers)
    baseline = None if table is None else _columns(table, [f"{name}_probability" for name in behaviors], row, path)
    return Timelines(
        active=None if labels is None else labels == 1,
        scored=None if labels is None else ~np.isnan(labels),
        probability=probability.astype(np.float32),
        predicted=predicted == 1,
        baseline_probability=None if baseline is None else baseline.astype(np.float32),
    )


def _read_numbers(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, encoding="utf-8-sig")


def _columns(table: pd.DataFrame, names: list[str], row: RecordingRow, path: Path) -> NDArray[np.float64]:
    """Columns as numbers, shape (n_frames, n_behaviors), NaN where empty."""
    missing = [name for name in names if name not in table.columns]
    if missing or len(table) != row.n_frames:
        found = f"it lacks {', '.join(missing)}" if missing else f"it has {len(table)} rows"
        raise InputError(
            f"{path} should have one row for each of the {row.n_frames} frames of {row.recording} and the columns "
            f"{', '.join(names)}, but {found}. Restore the file or run the experiment again with --overwrite."
        )
    try:
        return table[names].to_numpy(dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(
            f"{path} should hold numbers or empty cells in {', '.join(names)}, but it holds text. "
            "Restore the file or run the experiment again with --overwrite."
        ) from None
