"""Rows of summary.csv: what the model found, a row per recording and behavior, ready for a statistics program."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from common.notes import Doubt
from common.tables import Row
from pipeline.dataset.load import CheckedRecording
from pipeline.run_folder.recordings import RecordingRow
from pipeline.scoring.statistics.ethology import STATISTICS
from pipeline.scoring.statistics.ethology_tables import PREDICTED
from pipeline.scoring.timeline import Timeline

# Between these a probability says neither yes nor no.
UNSURE = (0.25, 0.75)


def summary_rows(
    checked: Sequence[CheckedRecording],
    rows: Sequence[RecordingRow],
    statistics: Sequence[Row],
    timelines: Sequence[Timeline],
) -> list[Row]:
    """Rows of all recordings that were predicted.

    Parameters
    ----------
    checked : sequence of CheckedRecording
    rows : sequence of RecordingRow
        Of the same recordings.
    statistics : sequence of dict
        Rows of statistics.csv; those of the model are taken.
    timelines : sequence of Timeline
        Of the same recordings.
    """
    items = {item.id: (item, row) for item, row in zip(checked, rows, strict=True)}
    probabilities = {
        (timeline.recording, behavior): timeline.probability[:, column]
        for timeline in timelines
        for column, behavior in enumerate(timeline.behaviors)
    }
    return [
        _row(*items[str(row["recording"])], row, probabilities[str(row["recording"]), str(row["behavior"])])
        for row in statistics
        if row["source"] == PREDICTED
    ]


def _row(item: CheckedRecording, written: RecordingRow, statistics: Row, probability: NDArray[np.floating]) -> Row:
    known = probability[~np.isnan(probability)].astype(np.float64)
    known_s, n_bouts = statistics["known_s"], statistics["n_bouts"]
    assert isinstance(known_s, float) and isinstance(n_bouts, int | None)
    return {
        "recording": item.id,
        "individual": written.individual,
        "group": written.group,
        "subset": written.subset,
        "video": written.video,
        "behavior": statistics["behavior"],
        "duration_s": item.n_frames / item.fps,
        "unobserved_fraction": None if written.n_unobserved is None else written.n_unobserved / item.n_frames,
        "known_s": known_s,
        **{name: statistics[name] for name in STATISTICS},
        "bouts_per_min": None if n_bouts is None else 60 * n_bouts / known_s,
        "mean_probability": float(known.mean()) if known.size else None,
        "unsure_fraction": float(((known > UNSURE[0]) & (known < UNSURE[1])).mean()) if known.size else None,
        # What to look at before the row is used.
        "doubts": " ".join(note for note in item.notes if isinstance(note, Doubt)),
    }
