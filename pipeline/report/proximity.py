"""What the report says of proximity: how far two animals are apart by behavior, and whether that alone tells it."""

from typing import Any

from common.colors import MUTED, behavior_colors
from common.tables import Row
from common.wording import decimal, percent, ratio
from features.kinematics.distances import CENTERS, NOSE_TO_NOSE, NOSE_TO_TAIL_BASE
from pipeline.run_folder.reading import SUBSET_WORDS, Run
from pipeline.scoring.proximity import BODY_LENGTHS, FARTHER
from pipeline.scoring.scores import POOLED
from pipeline.scoring.statistics.verdict import CHANCE, NO_VALUE, REAL

MEASURE_WORDS = {CENTERS: "centers", NOSE_TO_NOSE: "nose to nose", NOSE_TO_TAIL_BASE: "nose to tail base"}
# Where so many frames of a behavior have no distance, what is left may be others than those that matter.
_MANY_UNKNOWN = 0.2


def proximity_lines(run: Run, pooled: bool = True) -> list[dict[str, Any]]:
    """A line per row of proximity.csv as the page's tables show it, pooled ones or those of single recordings."""
    colors = behavior_colors(run.behaviors)
    return [
        {
            "row": row,
            "color": colors.get(row["behavior"], MUTED),
            "subset": SUBSET_WORDS.get(row["subset"], row["subset"]),
            "measure": MEASURE_WORDS.get(row["measure"], row["measure"]),
            "unknown_shown": _unknown(row, "shown"),
            "unknown_not_shown": _unknown(row, "not_shown"),
            "auc": _with_interval(row, "auc"),
            "spearman": _with_interval(row, "spearman"),
            "average_precision": _with_interval(row, "average_precision"),
        }
        for row in run.tables.proximity
        if (row["recording"] == POOLED) == pooled
    ]


def _with_interval(row: Row, name: str) -> Row:
    return {"value": row[name], "low": row[f"{name}_low"], "high": row[f"{name}_high"]}


def _unknown(row: Row, when: str) -> float | None:
    """Share of scored frames in which the distance isn't known; None without frames."""
    n_unknown = row[f"n_unknown_{when}"]
    n_all = n_unknown + row[f"n_{when}"]
    return n_unknown / n_all if n_all else None


def compared_rows(run: Run) -> list[Row]:
    """Pooled rows in which distance alone is set beside the head: one per behavior and subset."""
    return [row for row in run.tables.proximity if row["verdict"]]


def is_as_good(row: Row) -> bool:
    """Whether distance alone does as well as the head, as far as a compared row can tell."""
    difference = row["head_minus_distance"]
    if difference is None or row["verdict"] == REAL:
        return difference is not None and difference < 0
    return difference <= 0 or row["verdict"] == CHANCE


def proximity_sentences(run: Run) -> list[dict[str, Any]]:
    """For each behavior and subset what its compared row says, in plain words; `is_first`: of the first with scores."""
    colors = behavior_colors(run.behaviors)
    rows = compared_rows(run)
    scored = {row["subset"] for row in rows if row["verdict"] != NO_VALUE} or {row["subset"] for row in rows}
    first = next((name for name in SUBSET_WORDS if name in scored), "")
    return [
        {
            "behavior": row["behavior"],
            "color": colors.get(row["behavior"], MUTED),
            "subset": SUBSET_WORDS.get(row["subset"], row["subset"]),
            "words": " ".join(filter(None, (_apart(row), _ranks(row)))),
            "verdict": verdict_words(row),
            "caution": _caution(row),
            "is_first": row["subset"] == first,
        }
        for row in rows
    ]


def _apart(row: Row) -> str:
    if row["shown_median_px"] is None or row["not_shown_median_px"] is None:
        return ""
    suffix, n_decimals = ("", 2) if row["unit"] == BODY_LENGTHS else ("_px", 0)

    def of(when: str, name: str) -> str:
        return decimal(row[f"{when}_{name}{suffix}"], n_decimals)

    shown, other = (
        f"{of(when, 'median')} {{}}({of(when, 'q25')} to {of(when, 'q75')}{{}})" for when in ("shown", "not_shown")
    )
    measure = "Between their centers" if row["measure"] == CENTERS else MEASURE_WORDS[row["measure"]].capitalize()
    return (
        f"{measure}, the animals are {shown.format(row['unit'] + ' ', ' in the middle half of the frames')} apart "
        f"while it is shown, {other.format('', '')} while it is not."
    )


def _ranks(row: Row) -> str:
    if row["auc"] is None:
        return ""
    is_farther = row["positive"] == FARTHER
    share, which = (1 - row["auc"], "farther") if is_farther else (row["auc"], "nearer")
    interval = "" if row["auc_low"] is None else f", 95 % interval {ratio(row['auc_low'])} to {ratio(row['auc_high'])}"
    return (
        f"Of a frame with it and one without, the first is the {which} one in {percent(share)} of all pairs "
        f"(AUC {ratio(row['auc'])}{interval})."
    )


def verdict_words(row: Row) -> str:
    """Whether the head tells more than distance alone, by a compared row."""
    difference, verdict, reason = row["head_minus_distance"], row["verdict"], row["verdict_reason"]
    if difference is None or verdict == NO_VALUE:
        return f"Distance alone can’t be compared with the head: {reason}."
    order = "farthest" if row["positive"] == FARTHER else "nearest"
    scores = (
        f"Distance alone, {order} first, reaches an average precision of {ratio(row['average_precision'])}, the head "
        f"{ratio(row['head_average_precision'])}, guessing {ratio(row['chance'])}."
    )
    low, high = row["difference_low"], row["difference_high"]
    numbers = f"{difference:+.3f}" + ("" if low is None else f", 95 % interval {low:+.3f} to {high:+.3f}")
    why = f"; {reason}" if reason else ""
    if verdict == REAL:
        which = "The head tells more than distance alone" if difference > 0 else "Distance alone does better"
        return f"{scores} {which} (difference {numbers})."
    if difference <= 0:
        said = "Distance alone does at least as well as the head"
    elif is_as_good(row):
        said = "Distance alone does as well as the head in these recordings: the head’s lead may be chance"
    elif low is None or low <= 0:
        said = "The head is ahead here, with too few individuals to tell the two apart"
    else:
        said = "The head is ahead, with too few individuals for a test"
    return f"{scores} {said} (difference {numbers}{why})."


def _caution(row: Row) -> str:
    shown, other = _unknown(row, "shown"), _unknown(row, "not_shown")
    if shown is None or shown < _MANY_UNKNOWN:
        return ""
    return (
        f"In {percent(shown)} of the frames that show it the distance is not known (in {percent(other)} of the "
        "others), so this holds for the rest only."
    )


def pair_words(run: Run) -> list[str]:
    """Between what was measured, a sentence for each kind of recording."""
    words: dict[str, int] = {}
    for row in run.tables.proximity_pairs:
        center = (
            f"The center is the mean of {row['center']}" if "," in row["center"] else f"The center is {row['center']}"
        )
        ends = f"; the nose is {row['nose']}, the tail base {row['tail_base']}" if row["nose"] else ""
        way = ""
        if row["nose"]:
            way = (
                "; nose to tail base is the less of both ways, because neither animal is the recording’s own"
                if row["is_swappable"]
                else "; nose to tail base is from the recording’s own animal to the other"
            )
        why = f". In pixels and by centers only: {row['reason']}" if row["reason"] else ""
        text = f"{center}{ends}{way}{why}."
        words[text] = words.get(text, 0) + 1
    n_all = len(run.tables.proximity_pairs)
    return [text if n == n_all else f"{text} ({n} of {n_all} recordings)" for text, n in words.items()]


def body_length_words(run: Run) -> str:
    """How long a body is, in pixels."""
    known = [row["body_length_px"] for row in run.tables.proximity_pairs if row["body_length_px"] is not None]
    if not known:
        return ""
    least, most = decimal(min(known), 0), decimal(max(known), 0)
    return f"A body length is {least} px." if least == most else f"A body length is {least} to {most} px by recording."
