"""Rearview from Python: read what a run left, score timelines, embed a video.

Everything here reads files or calls what the commands call, so that numbers are the same.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from common.errors import InputError
from common.files import is_file
from common.suggestions import did_you_mean, listing
from pipeline.run_folder import reading as run_reading
from pipeline.run_folder.reading import Run
from pipeline.run_folder.run_dir import RunDir
from pipeline.run_folder.whole_files import read_required
from pipeline.runtime.version import REARVIEW_VERSION
from pipeline.scoring.timeline import BehaviorTimeline

__version__ = REARVIEW_VERSION
__all__ = ["Embeddings", "InputError", "__version__", "bouts", "embed", "read_run", "score", "table", "timeline"]


_NAMES = ("recording", "individual", "group", "animal", "partner", "subject", "behavior", "class", "subset", "video")


class Embeddings(NamedTuple):
    """Features of a video.

    Attributes
    ----------
    features : ndarray, shape (n_analysed, n_features), float32
    frames : ndarray, shape (n_analysed,), int64
        The video's frame of each.
    observed : ndarray, shape (n_analysed,), bool
        False where the animal's position was not known.
    """

    features: NDArray[np.float32]
    frames: NDArray[np.int64]
    observed: NDArray[np.bool_]


def read_run(folder: str | Path) -> Run:
    """Read a finished run, as the report does.

    Raises
    ------
    InputError
        The folder is no finished run, or a file of it is missing or damaged.
    """
    return run_reading.read_run(Path(folder))


def table(run: Run | str | Path, name: str) -> pd.DataFrame:
    """Read a table of a run, such as ``scores`` or ``summary``: a column per column of the file, empty numbers NaN.

    Parameters
    ----------
    run : Run, str or Path
        A run, or its folder.
    name : str
        The file's name, without ``.csv``.

    Raises
    ------
    InputError
        The run has no such table, or it is not as it was written.
    """
    folder = run.path if isinstance(run, Run) else Path(run)
    path = folder / f"{name.removesuffix('.csv')}.csv"
    if not is_file(path):
        known = sorted(each.stem for each in folder.glob("*.csv"))
        raise InputError(f"{folder} has no table {name!r}.{did_you_mean(name, known)} It has: {listing(known)}.")
    return read_required(RunDir(folder), path, _read_table)


def _read_table(path: Path) -> pd.DataFrame:
    found = pd.read_csv(path)
    # An id such as 001 or NA is a name, no number and not missing.
    names = [column for column in found.columns if column in _NAMES]
    found[names] = pd.read_csv(path, usecols=names, dtype=str, keep_default_na=False)[names]
    return found


def bouts(run: Run | str | Path) -> pd.DataFrame:
    """Read the predicted bouts of all recordings of a run: its table ``bouts``.

    Columns: `recording`, `individual`, `group`, `animal`, `behavior`, `start_frame`, `stop_frame` (the frame after the
    last), `start_s`, `stop_s`, `duration_s`, `mean_probability`.

    Raises
    ------
    InputError
        The run has no such table (older ones don't; write them again by running them).
    """
    return table(run, "bouts")


def timeline(run: Run, recording: str, behavior: str) -> BehaviorTimeline:
    """Give one behavior of one recording as arrays of shape (n_frames,).

    They are `true` and `scored` (where a human judged; unknown is not negative), `probability` (NaN where not
    predicted) and `predicted` (after post-processing). Without labels, `scored` is False everywhere.

    Raises
    ------
    InputError
        The run has no such recording or behavior.
    """
    for what, name, known in (("recording", recording, [*run.timelines]), ("behavior", behavior, [*run.behaviors])):
        if name not in known:
            raise InputError(f"{run.path} has no {what} {name!r}.{did_you_mean(name, known)} It has: {listing(known)}.")
    return run.timelines[recording].behavior(run.behaviors.index(behavior))


def score(
    true: ArrayLike, predicted: ArrayLike, fps: float, scored: ArrayLike | None = None
) -> Mapping[str, float | int | None]:
    """Compare two timelines of one behavior, frame by frame and bout by bout, as a run's tables do.

    Parameters
    ----------
    true, predicted : array_like of bool, shape (n_frames,)
    fps : float
        Frames per second.
    scored : array_like of bool, shape (n_frames,), optional
        False where nobody judged; such frames do not count. By default all frames count.

    Returns
    -------
    dict
        `n_frames`, `precision`, `recall`, `f1`, `cohen_kappa` of frames, and the columns of bout_scores.csv. None where
        a score can't be computed.

    Raises
    ------
    ValueError
        The arrays are not of one length.
    """
    from pipeline.scoring.bouts.metrics import bout_counts
    from pipeline.scoring.bouts.scores import bout_cells
    from pipeline.scoring.metrics import confusion_counts

    true, predicted = np.asarray(true, dtype=bool), np.asarray(predicted, dtype=bool)
    used = np.ones(true.shape, dtype=bool) if scored is None else np.asarray(scored, dtype=bool)
    if not true.shape == predicted.shape == used.shape or true.ndim != 1:
        raise ValueError(f"timelines must be of one length, got {true.shape}, {predicted.shape} and {used.shape}")
    frames = confusion_counts(true[used], predicted[used])
    cells = {name: getattr(frames, name) for name in ("n_frames", "precision", "recall", "f1", "cohen_kappa")}
    return cells | bout_cells(bout_counts(true, predicted, fps, used))


def embed(experiment: str | Path, video: str | Path, poses: str | Path | None = None, animal: str = "") -> Embeddings:
    """Make the features of a video as an experiment's YAML says, or take them from its cache.

    Parameters
    ----------
    experiment : str or Path
        Its crop, backbone and features are used; relative paths in it are as for a run.
    video : str or Path
    poses : str or Path, optional
        The pose file; by default a single animal is tracked in the video itself (`blob`).
    animal : str
        Which animal of a pose file that holds several.

    Raises
    ------
    InputError
        Files that can't be read or don't fit together.
    """
    from features.tracks import BLOB
    from pipeline.config.schema import load_config
    from pipeline.dataset.load import load_recordings
    from pipeline.dataset.recording import Recording
    from pipeline.training.embed import run_stage_one

    name, config = Path(video).stem, load_config(Path(experiment))
    pose_path, word = (Path(poses), "") if poses is not None else (None, BLOB)
    recording = Recording(name, Path(video), pose_path, {}, name, "", "", pose_word=word, animal=animal)
    checked = load_recordings(config, [recording], are_behaviors_known=True)
    (one,) = run_stage_one(config, checked, only_cached=False).recordings
    return Embeddings(np.asarray(one.source.load(), dtype=np.float32), one.frames, one.observed)
