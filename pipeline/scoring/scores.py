"""Rows of scores.csv: one per behavior, subset, recording (or pooled) and variant of post-processing.

Average precision and ROC-AUC are properties of the probabilities, which no variant touches: they stand in every
row, with the same value. None = undefined (`pipeline.scoring.undefined`); a pooled threshold is None where tuning
chose several.
"""

from collections.abc import Iterator, Sequence

from common.tables import Row
from pipeline.scoring.metrics import FrameScores, pooled_counts, pooled_frame_scores
from pipeline.scoring.timeline import CLOSED as CLOSED
from pipeline.scoring.timeline import FULL as FULL
from pipeline.scoring.timeline import RAW as RAW
from pipeline.scoring.timeline import VARIANTS as VARIANTS
from pipeline.scoring.timeline import Timeline

POOLED = "pooled"
ScoreRow = Row


def score_rows(
    timelines: Sequence[Timeline], behaviors: Sequence[str], variants: Sequence[str] = VARIANTS
) -> list[ScoreRow]:
    """Score all behaviors, pooled and per recording.

    Parameters
    ----------
    timelines : sequence of Timeline
        Labelled and predicted recordings, with their settings. Subsets may be mixed; the order is kept.
    behaviors, variants : sequence of str
        Names of their columns; some of `VARIANTS` (the baseline's table holds raw rows alone).

    Returns
    -------
    list of dict
        By behavior, then subset in order of appearance, then pooled before the recordings, then `variants`.
    """
    rows: list[ScoreRow] = []
    for column, behavior in enumerate(behaviors):
        for subset, name, group in groups_of(timelines):
            ranked = pooled_frame_scores(member.behavior(column, variants[0]) for member in group)
            for variant in variants:
                counts = pooled_counts(member.behavior(column, variant) for member in group)
                scores = FrameScores(counts, ranked.average_precision, ranked.roc_auc)
                thresholds = {member.threshold(column, variant) for member in group}
                key = {"behavior": behavior, "subset": subset, "recording": name, "postprocessed": variant}
                rows.append(key | score_cells(scores, thresholds.pop() if len(thresholds) == 1 else None))
    return rows


def groups_of(timelines: Sequence[Timeline]) -> Iterator[tuple[str, str, list[Timeline]]]:
    """Yield (subset, name, members): for each subset all together under `pooled`, then one by one."""
    for subset in dict.fromkeys(timeline.subset for timeline in timelines):
        members = [timeline for timeline in timelines if timeline.subset == subset]
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
