"""The table of scores: one row per behavior, subset, recording (or pooled) and way of post-processing.

Column `postprocessed` tells three ways apart: `raw` = the threshold alone, `closed` = threshold and gaps
closed, `full` = all steps of post-processing, fixed or tuned. Average precision and ROC-AUC are
properties of the probabilities, which no way touches: they stand in every row, with the same value.
An empty cell = undefined (for instance no recall where the behavior never occurs); a pooled threshold is
empty where tuning chose several.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from common.tables import Row, read_rows, write_table
from pipeline.scoring.metrics import FrameArrays, FrameScores, pooled_frame_scores
from pipeline.scoring.postprocessing.postprocess import PostprocessConfig, postprocess

SCORE_COLUMNS = (
    "behavior",
    "subset",
    "recording",
    "postprocessed",
    "n_frames",
    "n_positive",
    "threshold",
    "accuracy",
    "precision",
    "recall",
    "f1",
    "average_precision",
    "tp",
    "fp",
    "fn",
    "tn",
    "balanced_accuracy",
    "cohen_kappa",
    "mcc",
    "roc_auc",
)
POOLED = "pooled"
RAW = "raw"
CLOSED = "closed"
FULL = "full"
VARIANTS = (RAW, CLOSED, FULL)

# Settings of each way, for one behavior in one recording.
Variants = Mapping[str, PostprocessConfig]

_COUNT_COLUMNS = ("n_frames", "n_positive", "tp", "fp", "fn", "tn")
_RATIO_COLUMNS = (
    "threshold", "accuracy", "precision", "recall", "f1", "average_precision",
    "balanced_accuracy", "cohen_kappa", "mcc", "roc_auc",
)  # fmt: skip

ScoreRow = Row


@dataclass(frozen=True)
class PredictedRecording:
    """What a human saw and what the heads say, for one recording.

    Attributes
    ----------
    recording : str
        Its id.
    subset : str
        `cross_validation` (each probability from a head that never saw the recording) or `test`.
    active, scored : ndarray of bool, shape (n_frames, n_behaviors)
        Labels; unscored is not negative.
    probability : ndarray of float, shape (n_frames, n_behaviors)
        In [0, 1]; NaN = not predicted.
    fps : float
        Frames per second of the video.
    ways : tuple of mapping of str to PostprocessConfig
        For each behavior, how its probabilities become frames.
    individual : str
        Whose video it is; "" = its own.
    """

    recording: str
    subset: str
    active: NDArray[np.bool_]
    scored: NDArray[np.bool_]
    probability: NDArray[np.floating]
    fps: float
    variants: tuple[Variants, ...]
    individual: str = ""

    def __post_init__(self) -> None:
        """Refuse arrays that do not belong together: nothing is cut to fit."""
        if not self.active.shape == self.scored.shape == self.probability.shape:
            raise ValueError(
                f"Expected labels and probabilities of one shape for {self.recording}. Received: "
                f"active {self.active.shape}, scored {self.scored.shape}, "
                f"probability {self.probability.shape}"
            )

    def arrays(self, column: int, variant: str) -> FrameArrays:
        """Timelines of one behavior, its probabilities turned into frames in one way."""
        probability = self.probability[:, column]
        predicted = postprocess(probability, self.variants[column][variant], self.fps)
        return FrameArrays(self.active[:, column], predicted, probability, self.scored[:, column])


def score_rows(
    recordings: Sequence[PredictedRecording],
    behaviors: Sequence[str],
    variants: Sequence[str] = VARIANTS,
) -> list[ScoreRow]:
    """Score all behaviors, pooled and per recording.

    Parameters
    ----------
    recordings : sequence of PredictedRecording
        Subsets may be mixed; the order is kept.
    behaviors : sequence of str
        Names of the arrays' columns.
    ways : sequence of str
        Some of `WAYS`; the baseline's table holds raw rows alone.

    Returns
    -------
    list of dict
        Keys are `SCORE_COLUMNS`. By behavior, then subset in order of appearance, then pooled before
        the recordings, then `ways`.
    """
    rows: list[ScoreRow] = []
    for column, behavior in enumerate(behaviors):
        for subset, name, group in groups_of(recordings):
            for variant in variants:
                scores = pooled_frame_scores(member.arrays(column, variant) for member in group)
                thresholds = {member.variants[column][variant].threshold for member in group}
                key = {"behavior": behavior, "subset": subset, "recording": name, "postprocessed": variant}
                rows.append({**key, **score_cells(scores, thresholds.pop() if len(thresholds) == 1 else None)})
    return rows


def groups_of(recordings: Sequence[PredictedRecording]) -> Iterator[tuple[str, str, list[PredictedRecording]]]:
    """Yield (subset, name, members): for each subset all together under `pooled`, then one by one."""
    for subset in dict.fromkeys(recording.subset for recording in recordings):
        members = [recording for recording in recordings if recording.subset == subset]
        yield subset, POOLED, members
        for member in members:
            yield subset, member.recording, [member]


def score_cells(scores: FrameScores, threshold: float | None) -> ScoreRow:
    """The counts and ratios of a row of scores."""
    counts = scores.counts
    return {
        "n_frames": counts.n_frames,
        "n_positive": counts.n_positive,
        "threshold": threshold,
        "accuracy": counts.accuracy,
        "precision": counts.precision,
        "recall": counts.recall,
        "f1": counts.f1,
        "average_precision": scores.average_precision,
        "tp": counts.tp,
        "fp": counts.fp,
        "fn": counts.fn,
        "tn": counts.tn,
        "balanced_accuracy": counts.balanced_accuracy,
        "cohen_kappa": counts.cohen_kappa,
        "mcc": counts.matthews,
        "roc_auc": scores.roc_auc,
    }


def write_scores(path: Path, rows: Iterable[ScoreRow]) -> None:
    """Write the table; equal scores give equal bytes."""
    write_table(path, SCORE_COLUMNS, rows)


def read_scores(path: Path) -> list[ScoreRow]:
    """Read a table of scores back: counts as int, ratios as float, None where undefined.

    Raises
    ------
    FileNotFoundError
        When the file is missing.
    ValueError
        When a column is missing or a number cannot be read.
    """
    return read_rows(path, SCORE_COLUMNS, ratios=_RATIO_COLUMNS, required_counts=_COUNT_COLUMNS)
