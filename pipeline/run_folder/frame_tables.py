"""Tables with a row per frame (or bout) in a run's folder, one file per recording: written and read."""

import glob
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from common.errors import InputError
from common.tables import Row, write_table
from features.kinematics.distances import MEASURES, PairDistances
from features.tracks import CenterTrack
from pipeline.dataset.labels import LabelTrack
from pipeline.run_folder.recordings import RecordingRow
from pipeline.run_folder.run_dir import BASELINE_PREDICTIONS, RunDir
from pipeline.run_folder.whole_files import read_optional
from pipeline.scoring.bouts.bouts import bouts_from_frames
from pipeline.scoring.postprocessing.decisions import BINARY, DECISIONS
from pipeline.scoring.postprocessing.postprocess import PostprocessConfig
from pipeline.scoring.timeline import FULL, RAW, Timeline

BOUT_COLUMNS = (
    "behavior", "start_frame", "stop_frame", "start_s", "stop_s", "duration_s", "mean_probability",
)  # fmt: skip
LOGISTIC = "logistic"
CENTER_COLUMNS = ("frame", "x_px", "y_px", "observed")
DISTANCE_COLUMNS = tuple(f"{name}_{unit}" for unit in ("px", "body_lengths") for name in MEASURES)
BOX_COLUMNS = ("left_px", "top_px", "right_px", "bottom_px")


def write_labels(path: Path, labels: LabelTrack) -> None:
    """Write human labels, frame by frame; empty = not scored."""
    cells = labels.active.astype(object)
    cells[~labels.scored] = None
    rows = (
        {"frame": frame} | dict(zip(labels.behaviors, row, strict=True)) for frame, row in enumerate(cells.tolist())
    )
    write_table(path, ("frame", *labels.behaviors), rows)


def write_predictions(run: RunDir, timeline: Timeline) -> None:
    """Write probabilities and cleaned labels of every frame, and the bouts they make."""
    active = timeline.predicted[FULL]
    rows = (
        row | dict(zip(timeline.behaviors, active[frame], strict=True))
        for frame, row in enumerate(_probability_rows(timeline))
    )
    columns = (*_probability_columns(timeline.behaviors), *timeline.behaviors)
    write_table(run.predictions_path(timeline.recording), columns, rows)
    write_table(run.bouts_path(timeline.recording), BOUT_COLUMNS, bouts_of(timeline))


def bouts_of(timeline: Timeline) -> list[Row]:
    """All predicted bouts of a recording in order of time, by `BOUT_COLUMNS`."""
    found = (bout for column, behavior in enumerate(timeline.behaviors) for bout in _bouts(timeline, column, behavior))
    return sorted(found, key=lambda row: (row["start_frame"], row["behavior"]))


def write_probabilities(path: Path, timeline: Timeline) -> None:
    """Write probabilities alone, of every frame: the baseline's, or those before calibration."""
    write_table(path, _probability_columns(timeline.behaviors), _probability_rows(timeline))


def write_spread(path: Path, timeline: Timeline) -> None:
    """Write how far the members of an ensemble lie apart, of every frame."""
    assert timeline.spread is not None
    columns = ("frame", "time_s", *_spread_columns(timeline.behaviors))
    rows = (
        dict(zip(columns, (frame, frame / timeline.fps, *values), strict=True))
        for frame, values in enumerate(timeline.spread)
    )
    write_table(path, columns, rows)


def _spread_columns(behaviors: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"{behavior}_spread" for behavior in behaviors)


def baseline_folder(name: str) -> str:
    """Folder of a baseline's probabilities; those of the first that there was lie where they always did."""
    return BASELINE_PREDICTIONS if name == LOGISTIC else f"{BASELINE_PREDICTIONS}/{name}"


def _probability_columns(behaviors: Sequence[str]) -> tuple[str, ...]:
    return ("frame", "time_s", *(f"{behavior}_probability" for behavior in behaviors))


def _probability_rows(timeline: Timeline) -> list[Row]:
    columns = _probability_columns(timeline.behaviors)
    return [
        dict(zip(columns, (frame, frame / timeline.fps, *values), strict=True))
        for frame, values in enumerate(timeline.probability)
    ]


def _bouts(timeline: Timeline, column: int, behavior: str) -> list[Row]:
    line = timeline.behavior(column)
    return [
        {
            "behavior": behavior,
            "start_frame": bout.start_frame,
            "stop_frame": bout.stop_frame,
            "start_s": bout.start_frame / line.fps,
            "stop_s": bout.stop_frame / line.fps,
            "duration_s": bout.n_frames / line.fps,
            "mean_probability": float(line.probability[bout.start_frame : bout.stop_frame].mean(dtype=np.float64)),
        }
        for bout in bouts_from_frames(line.predicted, behavior)
    ]


def read_timeline(
    run: RunDir, row: RecordingRow, behaviors: tuple[str, ...], task: str = BINARY, background: str = ""
) -> Timeline | None:
    """Labels and predictions (after all steps) of one recording; None when it was not predicted.

    Raises
    ------
    InputError
        When a file has other rows or columns than it should, or text in place of numbers.
    """
    path = run.predictions_path(row.recording)
    table = read_optional(run, path, _read_numbers)
    if table is None:
        return None
    labels = read_labels(run, row, behaviors)
    spread_path = run.spread_path(row.recording)
    spread = read_optional(run, spread_path, _read_numbers)
    return Timeline(
        recording=row.recording,
        fps=row.fps,
        behaviors=behaviors,
        probability=_columns(table, _probability_columns(behaviors)[2:], row, path).astype(np.float32),
        predicted={FULL: _columns(table, behaviors, row, path) == 1},
        true=None if labels is None else labels.active,
        scored=None if labels is None else labels.scored,
        subset=row.subset,
        individual=row.split_group or row.individual,
        task=task,
        background=background,
        spread=None
        if spread is None
        else _columns(spread, _spread_columns(behaviors), row, spread_path).astype(np.float32),
    )


def read_labels(run: RunDir, row: RecordingRow, behaviors: tuple[str, ...]) -> LabelTrack | None:
    """Human labels of a recording; None where nobody annotated it. Raises as `read_timeline`."""
    return _read_label_file(run, row, behaviors, run.labels_path(row.recording))


def _read_label_file(run: RunDir, row: RecordingRow, behaviors: tuple[str, ...], path: Path) -> LabelTrack | None:
    table = read_optional(run, path, _read_numbers)
    if table is None:
        return None
    labels = _columns(table, behaviors, row, path)
    return LabelTrack(behaviors, labels == 1, ~np.isnan(labels))


def read_annotators(run: RunDir, row: RecordingRow, behaviors: tuple[str, ...]) -> dict[str, LabelTrack]:
    """Labels of everybody who annotated a recording, where several did; raises as `read_timeline`."""
    found = {}
    folder = run.annotator_labels_path("", "").parent
    for path in sorted(folder.glob(f"*/{glob.escape(row.recording)}.csv")) if folder.is_dir() else ():
        labels = _read_label_file(run, row, behaviors, path)
        if labels is not None:
            found[path.parent.name] = labels
    return found


def read_baseline(
    run: RunDir, row: RecordingRow, timeline: Timeline, settings: Sequence[PostprocessConfig], name: str
) -> Timeline | None:
    """The same recording as a baseline has it, without post-processing; None where there are no such predictions.

    Parameters
    ----------
    run : RunDir
    row : RecordingRow
    timeline : Timeline
        As the head has it.
    settings : sequence of PostprocessConfig
        The bare ones of each behavior.
    name : str
        Of the baseline.

    Raises
    ------
    InputError
        As `read_timeline`.
    """
    path = run.predictions_path(row.recording, baseline_folder(name))
    table = read_optional(run, path, _read_numbers)
    if table is None:
        return None
    probability = _columns(table, _probability_columns(timeline.behaviors)[2:], row, path).astype(np.float32)
    predicted = DECISIONS[timeline.task](probability, settings, timeline.fps)
    return replace(timeline, probability=probability, predicted={RAW: predicted})


def _read_numbers(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, encoding="utf-8-sig")


def _columns(table: pd.DataFrame, names: Sequence[str], row: RecordingRow, path: Path) -> NDArray[np.float64]:
    """Columns as numbers, shape (n_frames, n_columns), NaN where empty."""
    missing = [name for name in names if name not in table.columns]
    if missing or len(table) != row.n_frames:
        found = f"it lacks {', '.join(missing)}" if missing else f"it has {len(table)} rows"
        raise InputError(
            f"{path} should have one row for each of the {row.n_frames} frames of {row.recording} and the columns "
            f"{', '.join(names)}, but {found}. Restore the file or run the experiment again with --overwrite."
        )
    try:
        return table[list(names)].to_numpy(dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(
            f"{path} should hold numbers or empty cells in {', '.join(names)}, but it holds text. "
            "Restore the file or run the experiment again with --overwrite."
        ) from None


def write_centers(path: Path, centers: CenterTrack, box_px: NDArray[np.float64] | None = None) -> None:
    """Write the animal's center, frame by frame, and its box where it is known, in pixels of the full frame.

    `box_px` is left, top, right and bottom, shape (n_frames, 4), NaN where missing.
    """
    columns = CENTER_COLUMNS if box_px is None else (*CENTER_COLUMNS, *BOX_COLUMNS)
    boxes = np.empty((centers.n_frames, 0)) if box_px is None else box_px
    rows = (
        dict(zip(columns, (frame, *xy_px, bool(observed), *box), strict=True))
        for frame, (xy_px, observed, box) in enumerate(zip(centers.xy_px, centers.observed, boxes, strict=True))
    )
    write_table(path, columns, rows)


def read_centers(run: RunDir, row: RecordingRow) -> CenterTrack | None:
    """Read them back; None where the run has no such file.

    Raises
    ------
    InputError
        When the file has other rows or columns than it should, or text in place of numbers.
    """
    path = run.centers_path(row.recording)
    table = read_optional(run, path, _read_numbers)
    if table is None:
        return None
    values = _columns(table, CENTER_COLUMNS[1:], row, path)
    return CenterTrack(values[:, :2], values[:, 2] == 1)


def read_boxes(run: RunDir, row: RecordingRow) -> NDArray[np.float64] | None:
    """Left, top, right and bottom of the animal's box, shape (n_frames, 4), in pixels of the full frame.

    NaN where it is missing; None where the run knows no boxes. Raises as `read_centers`.
    """
    path = run.centers_path(row.recording)
    table = read_optional(run, path, _read_numbers)
    if table is None or not set(BOX_COLUMNS) <= set(table.columns):
        return None
    return _columns(table, BOX_COLUMNS, row, path)


class Squares(NamedTuple):
    """Squares by frame, in pixels of the video: middles (n_frames, 2), NaN where unknown, and sides (n_frames,).

    `observed`, shape (n_frames,), bool: where the animal was seen, and its place not filled in.
    """

    xy_px: NDArray[np.float64]
    side_px: NDArray[np.int64]
    observed: NDArray[np.bool_]


def read_squares(run: RunDir, row: RecordingRow, crop: Mapping[str, Any]) -> Squares | None:
    """Where a run's crops lay of a recording's own animal, by its settings under `crop`; None where it doesn't say.

    Where crops are cut around boxes (`crop.around`), they are around the animal's own, also of those of pairs.

    Raises
    ------
    InputError
        When the recording's centers can't be read.
    """
    centers, size_px = read_centers(run, row), crop.get("size_px")
    if centers is None or not isinstance(size_px, int):
        return None
    boxes = read_boxes(run, row) if crop.get("around", "center") != "center" else None
    if boxes is None:
        return Squares(centers.xy_px, np.full(row.n_frames, size_px, dtype=np.int64), centers.observed)
    longer_px = (boxes[:, 2:] - boxes[:, :2]).max(axis=1) * (1 + float(crop.get("margin_percent", 0)) / 50)
    side_px = np.ceil(np.nan_to_num(longer_px) - 1e-9).astype(np.int64)
    return Squares((boxes[:, :2] + boxes[:, 2:]) / 2, side_px, centers.observed)


def write_distances(path: Path, distances: PairDistances) -> None:
    """Write how far two animals were apart, frame by frame; empty = not known."""
    n_frames = len(next(iter(distances.px.values())))
    unknown = np.full(n_frames, np.nan)
    found = {f"{name}_px": values for name, values in distances.px.items()}
    found |= {f"{name}_body_lengths": values for name, values in distances.body_lengths.items()}
    columns = [found.get(name, unknown).tolist() for name in DISTANCE_COLUMNS]
    rows = (
        {"frame": frame} | dict(zip(DISTANCE_COLUMNS, cells, strict=True))
        for frame, cells in enumerate(zip(*columns, strict=True))
    )
    write_table(path, ("frame", *DISTANCE_COLUMNS), rows)


def read_distances(run: RunDir, row: RecordingRow) -> Mapping[str, NDArray[np.float64]]:
    """Read them back by `DISTANCE_COLUMNS`, shape (n_frames,) each; {} where the run has no such file.

    Raises
    ------
    InputError
        As `read_centers`.
    """
    path = run.proximity_path(row.recording)
    table = read_optional(run, path, _read_numbers)
    if table is None:
        return {}
    return dict(zip(DISTANCE_COLUMNS, _columns(table, DISTANCE_COLUMNS, row, path).T, strict=True))
