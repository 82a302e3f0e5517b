"""Rows of bout_scores.csv: one per behavior, subset, recording (or pooled) and variant of post-processing.

They stand beside the frame scores and have the same first columns, so that rows of both can be joined.
`iou10`, `iou25`, `iou50` = IoU at least 0.1, 0.25, 0.5; `true_to_predicted` = the mirror view (the rule is in
`pipeline.scoring.bouts.metrics`). Errors and shifts of onsets and offsets are medians in seconds. None = undefined
(`pipeline.scoring.undefined`).
"""

from collections.abc import Iterable, Sequence

from common.tables import Row
from pipeline.scoring.bouts.metrics import IOU_THRESHOLDS, BoutCounts, bout_counts
from pipeline.scoring.scores import groups_of
from pipeline.scoring.timeline import VARIANTS, BehaviorTimeline, Timeline

IOU_NAMES = {iou: f"iou{round(100 * iou)}" for iou in IOU_THRESHOLDS}


def bout_rows(timelines: Sequence[Timeline], behaviors: Sequence[str]) -> list[Row]:
    """Rows of all behaviors, in the order of `pipeline.scoring.scores.score_rows`."""
    return [
        {"behavior": behavior, "subset": subset, "recording": name, "postprocessed": variant}
        | bout_cells(pooled_bout_counts(member.behavior(column, variant) for member in group))
        for column, behavior in enumerate(behaviors)
        for subset, name, group in groups_of(timelines)
        for variant in VARIANTS
    ]


def pooled_bout_counts(recordings: Iterable[BehaviorTimeline]) -> BoutCounts:
    """Compare the bouts of one behavior in several recordings and add up; all 0 when there is none.

    Only frames that a human scored and the model predicted (a probability that is not NaN) count, as in
    the frame scores; the others cut bouts.
    """
    counted = (bout_counts(part.true, part.predicted, part.fps, part.used_frames()) for part in recordings)
    return sum(counted, BoutCounts())


def bout_cells(counts: BoutCounts) -> Row:
    """All cells of a row but its key (behavior, subset, recording, postprocessed); None where undefined."""
    cells: Row = {"n_true": counts.n_true, "n_predicted": counts.n_predicted}
    for iou, name in IOU_NAMES.items():
        matches = counts.predicted_to_true(iou)
        cells[f"bout_precision_{name}"] = matches.precision
        cells[f"bout_recall_{name}"] = matches.recall
        cells[f"bout_f1_{name}"] = matches.f1
        cells[f"bout_f1_{name}_true_to_predicted"] = counts.true_to_predicted(iou).f1
    names = (
        "missed", "invented", "split", "merged", "n_matched",
        "onset_error_s", "onset_shift_s", "offset_error_s", "offset_shift_s", "edit_score",
    )  # fmt: skip
    return cells | {name: getattr(counts, name) for name in names}
