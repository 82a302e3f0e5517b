"""Rows of publication statistics: per recording, in time bins, and predicted against human.

`statistics.csv` and `statistics_bins.csv` hold what the human and the model have, each on all frames
that it knows; column `source` tells them apart. `statistics_agreement.csv` compares both on the frames
that both know, so its means need not equal those of the other table where some frames are unscored.
None = undefined (for instance no latency where the behavior is never seen).
"""

from collections.abc import Iterable, Iterator, Sequence

from common.tables import Row
from pipeline.scoring.statistics.ethology import STATISTICS, behavior_statistics, statistic_agreement, time_bins
from pipeline.scoring.timeline import Timeline, Track

HUMAN = "human"
PREDICTED = "predicted"


def statistics_rows(timelines: Iterable[Timeline]) -> list[Row]:
    """Rows of statistics.csv: by recording and behavior in the order given, human before predicted."""
    return [key | behavior_statistics(*track, fps) for key, track, fps in _tracks(timelines)]


def statistics_bin_rows(timelines: Iterable[Timeline]) -> list[Row]:
    """Rows of statistics_bins.csv, bins counted from 0; in the order of `statistics_rows`."""
    return [
        key | {"bin": number} | piece
        for key, track, fps in _tracks(timelines)
        for number, piece in enumerate(time_bins(*track, fps))
    ]


def _tracks(timelines: Iterable[Timeline]) -> Iterator[tuple[Row, Track, float]]:
    """Yield key, track and frames per second of every behavior, as those have it that are there."""
    for timeline in timelines:
        for column, behavior in enumerate(timeline.behaviors):
            key: Row = {"recording": timeline.recording, "subset": timeline.subset, "behavior": behavior}
            line = timeline.behavior(column)
            if timeline.has_labels:
                yield key | {"source": HUMAN}, line.human, timeline.fps
            if timeline.is_predicted:
                yield key | {"source": PREDICTED}, line.model, timeline.fps


def statistics_agreement_rows(timelines: Sequence[Timeline]) -> list[Row]:
    """Rows of statistics_agreement.csv: predicted against human over recordings.

    By behavior and subset in order of appearance, then `STATISTICS`. Both sides are taken from the frames that are
    scored and predicted; timelines that lack labels or predictions are passed over.
    """
    pairs: dict[tuple[str, str], list[tuple[Row, Row]]] = {}
    for timeline in timelines:
        for column, behavior in enumerate(timeline.behaviors):
            if timeline.has_labels and timeline.is_predicted:
                line = timeline.behavior(column)
                both_know = line.used_frames()
                human = behavior_statistics(line.true, both_know, line.fps)
                predicted = behavior_statistics(line.predicted, both_know, line.fps)
                pairs.setdefault((behavior, timeline.subset), []).append((human, predicted))
    return [
        {"behavior": behavior, "subset": subset, "statistic": name}
        | statistic_agreement([human[name] for human, _ in compared], [guess[name] for _, guess in compared])
        for (behavior, subset), compared in pairs.items()
        for name in STATISTICS
    ]
