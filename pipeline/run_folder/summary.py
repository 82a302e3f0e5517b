"""Rows of summary.csv: what the model found, a row per recording and behavior, ready for a statistics program."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from common.notes import Doubt
from common.tables import Row
from pipeline.dataset.load import CheckedRecording
from pipeline.scoring.statistics.ethology import STATISTICS
from pipeline.scoring.statistics.ethology_tables import PREDICTED
from pipeline.scoring.timeline import Timeline

# Between these a probability says neither yes nor no.
UNSURE = (0.25, 0.75)


def summary_rows(
    checked: Sequence[CheckedRecording], statistics: Sequence[Row], timelines: Sequence[Timeline]
) -> list[Row]:
    """Rows of all recordings that were predicted.

    Parameters
    ----------
    checked : sequence of CheckedRecording
    statistics : sequence of dict
        Rows of statistics.csv; those of the model are taken.
    timelines : sequence of Timeline
        Of the same recordings.
    """
    items = {item.id: item for item in checked}
    probabilities = {
        (timeline.recording, behavior): timeline.probability[:, column]
        for timeline in timelines
        for column, behavior in enumerate(timeline.behaviors)
    }
    return [
        _row(items[str(row["recording"])], row, probabilities[str(row["recording"]), str(row["behavior"])])
        for row in statistics
        if row["source"] == PREDICTED
    ]


def _row(item: CheckedRecording, statistics: Row, probability: NDArray[np.floating]) -> Row:
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
        # What to look at before the row is used.
        "doubts": " ".join(note for note in item.notes if isinstance(note, Doubt)),
    }
