"""summary.csv: what the model found, one row per recording and behavior, ready for a statistics program."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from common.notes import Doubt
from common.tables import Row, read_rows, write_table
from pipeline.dataset.load import CheckedRecording
from pipeline.scoring.statistics.ethology import STATISTICS
from pipeline.scoring.statistics.ethology_tables import PREDICTED

# Between these a probability says neither yes nor no.
UNSURE = (0.25, 0.75)
SUMMARY_COLUMNS = (
    "recording", "individual", "group", "subset", "video", "behavior", "duration_s", "unobserved_fraction", "known_s",
    *STATISTICS, "bouts_per_min", "mean_probability", "unsure_fraction",
)  # fmt: skip
# Last, and not read back: what to look at before the row is used.
_DOUBTS = "doubts"


def write_summary(
    path: Path,
    checked: Sequence[CheckedRecording],
    statistics: Sequence[Row],
    probabilities: Mapping[str, Mapping[str, NDArray[np.float32]]],
) -> None:
    """Write summary.csv.

    Parameters
    ----------
    path : Path
    checked : sequence of CheckedRecording
    statistics : sequence of dict
        Rows of statistics.csv; those of the model are taken.
    probabilities : mapping of recording to mapping of behavior to ndarray, shape (n_frames,), float32
        NaN = not predicted.
    """
    items = {item.id: item for item in checked}
    rows = [
        _row(items[str(row["recording"])], row, probabilities[str(row["recording"])][str(row["behavior"])])
        for row in statistics
        if row["source"] == PREDICTED
    ]
    write_table(path, (*SUMMARY_COLUMNS, _DOUBTS), rows)


def read_summary(path: Path) -> list[Row]:
    """Read summary.csv back, see `read_rows`."""
    texts = {"recording", "individual", "group", "subset", "video", "behavior", "n_bouts"}
    return read_rows(path, SUMMARY_COLUMNS, ("n_bouts",), [name for name in SUMMARY_COLUMNS if name not in texts])


def _row(item: CheckedRecording, statistics: Row, probability: NDArray[np.float32]) -> Row:
    known = probability[~np.isnan(probability)].astype(np.float64)
    known_s, n_bouts = statistics["known_s"], statistics["n_bouts"]
    assert isinstance(known_s, float) and isinstance(n_bouts, int | None)
    return {
        "recording": item.id,
        "individual": item.recording.individual,
        "group": item.recording.group,
        "subset": item.subset,
        "video": item.video.path.name if item.video else "",
        "behavior": statistics["behavior"],
        "duration_s": item.n_frames / item.fps,
        "unobserved_fraction": float((~item.observed).mean()) if item.n_frames else None,
        "known_s": known_s,
        **{name: statistics[name] for name in STATISTICS},
        "bouts_per_min": None if n_bouts is None else 60 * n_bouts / known_s,
        "mean_probability": float(known.mean()) if known.size else None,
        "unsure_fraction": float(((known > UNSURE[0]) & (known < UNSURE[1])).mean()) if known.size else None,
        _DOUBTS: " ".join(note for note in item.notes if isinstance(note, Doubt)),
    }
