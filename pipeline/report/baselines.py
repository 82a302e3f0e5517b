"""What the report says of baselines: what they are, each beside the head, and what a leak would make of them."""

from common.tables import Row
from pipeline.run_folder.reading import CROSS_VALIDATION, SUBSET_WORDS, Run
from pipeline.run_folder.tables import first_row
from pipeline.scoring.scores import POOLED, RAW

BASELINE_WORDS = {
    "logistic": "a model without memory: one weighted sum of the same features in each frame",
    "boosting": (
        "boosted trees (scikit-learn’s HistGradientBoostingClassifier, classes weighted to count the same) on each "
        "frame’s features and their means over .5, 2 and 6 s around it; more than 600 features are first reduced to 64 "
        "principal components"
    ),
}


def baseline_words(run: Run) -> list[str]:
    """What each baseline of a run is."""
    return [f"{name.capitalize()}: {BASELINE_WORDS.get(name, name)}" for name in run.baseline_names]


def baseline_lines(run: Run) -> list[Row]:
    """A line per behavior and subset: rows of scores of the `head`, of each of the `baselines`, and of the `leak`.

    The leak is boosting on frames that were split at random, None where there is none.
    """
    key = ("behavior", "subset", "recording")
    return [
        {
            "behavior": behavior,
            "subset": SUBSET_WORDS[subset],
            "head": run.score(behavior, subset, RAW),
            "baselines": {name: run.baseline_score(name, behavior, subset) for name in run.baseline_names},
            "leak": first_row(run.tables.random_frame_scores, key, (behavior, subset, POOLED)),
        }
        for behavior in run.behaviors
        for subset in run.subsets
        if run.baseline_names
    ]


def leaks(run: Run) -> bool:
    """Whether frames were split at random too, for comparison."""
    return CROSS_VALIDATION in run.subsets and bool(run.tables.random_frame_scores)
