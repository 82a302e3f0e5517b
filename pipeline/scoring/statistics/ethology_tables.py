"""Tables of publication statistics: per recording, in time bins, and predicted against human.

`statistics.csv` and `statistics_bins.csv` hold what the human and the model have, each on all frames
that it knows; column `source` tells them apart. `statistics_agreement.csv` compares both on the frames
that both know, so its means need not equal those of the other table where some frames are unscored.
An empty cell = undefined (for instance no latency where the behavior is never seen).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from common.tables import Row, read_rows, write_table
from pipeline.scoring.statistics.ethology import (
    DEFAULT_BIN_S,
    STATISTICS,
    BehaviorStatistics,
    behavior_statistics,
    statistic_agreement,
    time_bins,
)

HUMAN = "human"
PREDICTED = "predicted"

_KEY_COLUMNS = ("recording", "subset", "behavior", "source")
STATISTICS_COLUMNS = (*_KEY_COLUMNS, "known_s", *STATISTICS)
STATISTICS_BIN_COLUMNS = (
    *_KEY_COLUMNS,
    "bin",
    "start_s",
    "length_s",
    "known_s",
    "total_s",
    "fraction",
    "n_bouts_started",
)
_AGREEMENT_RATIOS = (
    "human_mean",
    "predicted_mean",
    "bias",
    "mean_absolute_error",
    "pearson_r",
    "limit_low",
    "limit_high",
)
STATISTICS_AGREEMENT_COLUMNS = (
    "behavior",
    "subset",
    "statistic",
    "n_recordings",
    "n_left_out",
    *_AGREEMENT_RATIOS,
    "reason",
)


@dataclass(frozen=True)
class BehaviorTimelines:
    """One behavior in one recording, as a human and as the model have it.

    Attributes
    ----------
    recording, subset, behavior : str
    fps : float
        Frames per second.
    true, scored : ndarray of bool, shape (n_frames,), or None
        Labels and where there are any; both None where nobody annotated the recording.
    predicted, has_prediction : ndarray of bool, shape (n_frames,), or None
        The model's frames after post-processing, and those with a probability (not NaN); both None where
        there is no model.
    """

    recording: str
    subset: str
    behavior: str
    fps: float
    true: NDArray[np.bool_] | None = None
    scored: NDArray[np.bool_] | None = None
    predicted: NDArray[np.bool_] | None = None
    has_prediction: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        """Refuse one half of a pair, and arrays that do not belong together."""
        pairs = ((self.true, self.scored), (self.predicted, self.has_prediction))
        lengths = {np.shape(array) for pair in pairs for array in pair if array is not None}
        if any((first is None) != (second is None) for first, second in pairs) or len(lengths) > 1:
            raise ValueError(
                f"Expected timelines of one length, in pairs, for {self.recording}. Received: "
                f"{[None if array is None else np.shape(array) for pair in pairs for array in pair]}"
            )

    def sources(self) -> Iterator[tuple[str, NDArray[np.bool_], NDArray[np.bool_]]]:
        """Yield (source, active, known) of those that are there."""
        if self.true is not None and self.scored is not None:
            yield HUMAN, self.true, self.scored
        if self.predicted is not None and self.has_prediction is not None:
            yield PREDICTED, self.predicted, self.has_prediction


def statistics_rows(timelines: Iterable[BehaviorTimelines]) -> list[Row]:
    """Rows of statistics.csv, human before predicted, in the order given; keys are `STATISTICS_COLUMNS`."""
    return [
        _key(item, source) | asdict(behavior_statistics(active, known, item.fps))
        for item in timelines
        for source, active, known in item.sources()
    ]


def statistics_bin_rows(timelines: Iterable[BehaviorTimelines], bin_s: float = DEFAULT_BIN_S) -> list[Row]:
    """Rows of statistics_bins.csv, bins counted from 0; keys are `STATISTICS_BIN_COLUMNS`."""
    return [
        _key(item, source) | {"bin": number} | asdict(piece)
        for item in timelines
        for source, active, known in item.sources()
        for number, piece in enumerate(time_bins(active, known, item.fps, bin_s))
    ]


def statistics_agreement_rows(timelines: Sequence[BehaviorTimelines]) -> list[Row]:
    """Rows of statistics_agreement.csv: predicted against human over recordings.

    Parameters
    ----------
    timelines : sequence of BehaviorTimelines
        Those that lack the human or the model are passed over.

    Returns
    -------
    list of dict
        Keys are `STATISTICS_AGREEMENT_COLUMNS`; by behavior and subset in order of appearance, then
        `STATISTICS`. Both sides are taken from the frames that are scored and predicted.
    """
    pairs: dict[tuple[str, str], list[tuple[BehaviorStatistics, BehaviorStatistics]]] = {}
    for item in timelines:
        if item.true is None or item.scored is None or item.predicted is None or item.has_prediction is None:
            continue
        both_know = item.scored & item.has_prediction
        human = behavior_statistics(item.true, both_know, item.fps)
        predicted = behavior_statistics(item.predicted, both_know, item.fps)
        pairs.setdefault((item.behavior, item.subset), []).append((human, predicted))
    rows: list[Row] = []
    for (behavior, subset), compared in pairs.items():
        for name in STATISTICS:
            agreement = statistic_agreement(
                [getattr(human, name) for human, _ in compared], [getattr(guess, name) for _, guess in compared]
            )
            cells = asdict(agreement)
            reason = "; ".join(cells.pop("reasons"))
            rows.append({"behavior": behavior, "subset": subset, "statistic": name} | cells | {"reason": reason})
    return rows


def _key(item: BehaviorTimelines, source: str) -> Row:
    return {"recording": item.recording, "subset": item.subset, "behavior": item.behavior, "source": source}


def write_statistics(path: Path, rows: Iterable[Row]) -> None:
    """Write statistics.csv; equal rows give equal bytes."""
    write_table(path, STATISTICS_COLUMNS, rows)


def read_statistics(path: Path) -> list[Row]:
    """Read statistics.csv back, see `read_rows`."""
    return read_rows(path, STATISTICS_COLUMNS, ("n_bouts",), ("known_s", *(s for s in STATISTICS if s != "n_bouts")))


def write_statistics_bins(path: Path, rows: Iterable[Row]) -> None:
    """Write statistics_bins.csv; equal rows give equal bytes."""
    write_table(path, STATISTICS_BIN_COLUMNS, rows)


def read_statistics_bins(path: Path) -> list[Row]:
    """Read statistics_bins.csv back, see `read_rows`."""
    ratios = ("start_s", "length_s", "known_s", "total_s", "fraction")
    return read_rows(path, STATISTICS_BIN_COLUMNS, ("bin", "n_bouts_started"), ratios)


def write_statistics_agreement(path: Path, rows: Iterable[Row]) -> None:
    """Write statistics_agreement.csv; equal rows give equal bytes."""
    write_table(path, STATISTICS_AGREEMENT_COLUMNS, rows)


def read_statistics_agreement(path: Path) -> list[Row]:
    """Read statistics_agreement.csv back, see `read_rows`."""
    return read_rows(path, STATISTICS_AGREEMENT_COLUMNS, ("n_recordings", "n_left_out"), _AGREEMENT_RATIOS)
