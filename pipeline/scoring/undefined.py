"""Why a score has no value, in words, from the counts that stand beside it in its row."""

from collections.abc import Mapping

from pipeline.scoring.bouts.metrics import MATCHED_IOU

NO_FRAMES = "no scored frames"
NO_POSITIVES = "the behavior never occurs in the scored frames"
NO_NEGATIVES = "every scored frame shows the behavior"
NOTHING_PREDICTED = "no frame was predicted as the behavior"
ONE_CLASS_PREDICTED = "the model puts all scored frames in one class"
SAME_SINGLE_CLASS = "human and model put all scored frames in one and the same class"

NO_TRUE_BOUT = "no bout of the behavior in the scored frames"
NO_PREDICTED_BOUT = "no bout was predicted in the scored frames"
NO_MATCHED_BOUT = f"no predicted bout matches a true one (IoU at least {MATCHED_IOU})"
NO_END_SEEN = "every matched bout is cut off there by the edge of what was scored"

# A threshold is a setting: none can be named where recordings have several.
_NO_SCORES = ("threshold",)


def reasons_undefined(row: Mapping[str, object]) -> dict[str, str]:
    """Reason for each score of a row of scores.csv or bout_scores.csv that is None, by column."""
    reason = _frame_reason if "n_frames" in row else _bout_reason
    return {name: reason(name, row) for name, value in row.items() if value is None and name not in _NO_SCORES}


def _frame_reason(name: str, row: Mapping[str, object]) -> str:
    n_frames, n_positive = row["n_frames"], row["n_positive"]
    if n_frames == 0:
        return NO_FRAMES
    if name == "precision":
        return NOTHING_PREDICTED
    if name == "cohen_kappa":
        return SAME_SINGLE_CLASS
    if n_positive == 0:
        return NO_POSITIVES
    return NO_NEGATIVES if n_positive == n_frames else ONE_CLASS_PREDICTED


def _bout_reason(name: str, row: Mapping[str, object]) -> str:
    if row["edit_score"] is None:
        return NO_FRAMES
    if "precision" in name:
        return NO_PREDICTED_BOUT
    if name.startswith(("onset", "offset")):
        return NO_END_SEEN if row["n_matched"] else NO_MATCHED_BOUT
    return NO_TRUE_BOUT
