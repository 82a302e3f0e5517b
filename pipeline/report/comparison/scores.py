"""The scores of every run as its own tables have them, and which run is best."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from common.tables import number
from pipeline.report.class_tables import CLASS_SCORE_WORDS
from pipeline.report.comparison.pairs import rivals_in, scored_arrays, shared_recordings
from pipeline.run_folder.evidence import AVERAGE_PRECISION, BOUT_F1, FRAME_F1, estimate_of
from pipeline.run_folder.reading import CROSS_VALIDATION, EVALUATION, TEST, Run
from pipeline.run_folder.tables import first_row
from pipeline.scoring.classes import ALL
from pipeline.scoring.metrics import pooled_frame_scores
from pipeline.scoring.scores import FULL, POOLED, RAW
from pipeline.scoring.undefined import reasons_undefined

BASELINE_AVERAGE_PRECISION = "baseline_average_precision"
CHANCE_AVERAGE_PRECISION = "chance_average_precision"
# Where the best is looked for: the first of these in which two runs have a score.
RANKED_SUBSETS = (CROSS_VALIDATION, TEST, EVALUATION)

NO_BASELINE = "the run has no baseline"
NOT_SCORED = "the run's table of scores lacks it"
NOT_EXCLUSIVE = "the run's behaviors are not exclusive: a frame may have several, so it has no one class"
UNDEFINED = "no class was seen, or chance alone agrees fully"


class ScoreValue(NamedTuple):
    """One pooled score of one run, over all its own recordings.

    Attributes
    ----------
    value, low, high : float or None
        As in the run's scores.csv, bout_scores.csv and intervals.csv; None = undefined or not there.
    reason : str
        Why there is no value; "" where there is one.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    reason: str = ""


def score_values(run: Run, behavior: str, subset: str) -> Iterator[tuple[str, ScoreValue]]:
    """Yield the scores of one behavior of one run by name, with the baseline's and chance; none where it has none."""
    raw, full = (run.score(behavior, subset, variant) for variant in (RAW, FULL))
    if raw is None:
        return
    bouts, baseline = run.tables.bout_score(behavior, subset, FULL), run.score(behavior, subset, RAW, baseline=True)
    n_frames, n_positive = raw["n_frames"], raw["n_positive"]
    frame_reasons = dict.fromkeys((AVERAGE_PRECISION, FRAME_F1), "") | reasons_undefined(raw)
    no_precision, no_f1 = frame_reasons[AVERAGE_PRECISION], frame_reasons[FRAME_F1]
    no_bout_f1 = NOT_SCORED if bouts is None else reasons_undefined(bouts).get(BOUT_F1, NOT_SCORED)
    reasons = {AVERAGE_PRECISION: no_precision, FRAME_F1: no_f1 if full else NOT_SCORED, BOUT_F1: no_bout_f1}
    for score, reason in reasons.items():
        found = estimate_of(run, behavior, subset, score)
        yield score, ScoreValue(found.value, found.low, found.high, "" if found.value is not None else reason)
    others = {
        BASELINE_AVERAGE_PRECISION: (number(baseline, AVERAGE_PRECISION), no_precision if baseline else NO_BASELINE),
        CHANCE_AVERAGE_PRECISION: (n_positive / n_frames if n_frames else None, no_precision),
    }
    for score, (value, reason) in others.items():
        yield score, ScoreValue(value, reason="" if value is not None else reason)


def class_values(run: Run, subset: str) -> Iterator[tuple[str, ScoreValue]]:
    """Yield the scores of all classes of one run by name, after all steps; none where it has no scores there."""
    if subset not in run.subsets:
        return
    key = ("head", "subset", "recording", "postprocessed", "class", "score")
    for score in CLASS_SCORE_WORDS:
        row = first_row(run.tables.class_scores, key, (run.head_name, subset, POOLED, FULL, ALL, score))
        value = number(row, "value")
        reason = UNDEFINED if run.is_exclusive else NOT_EXCLUSIVE
        yield score, ScoreValue(value, number(row, "low"), number(row, "high"), "" if value is not None else reason)


@dataclass(frozen=True)
class Standing:
    """Which run is best in one behavior.

    Attributes
    ----------
    subset : str
        Where the best was looked for; "" where no run has a score.
    values : mapping of str to (float or None)
        Average precision of every run that has the behavior, pooled over `recordings`.
    recordings : tuple of str
        Those that all these runs scored against the same labels; () = none, and `values` are each run's own.
    best : str or None
        The highest; the first given of equals. None for fewer than two runs with a value, or where they share no
        recording: numbers about different labels have no best.
    """

    subset: str = ""
    values: Mapping[str, float | None] = field(default_factory=dict)
    recordings: tuple[str, ...] = ()
    best: str | None = None

    @property
    def known(self) -> dict[str, float]:
        """The runs that have a value."""
        return {name: value for name, value in self.values.items() if value is not None}


def find_standing(runs: Mapping[str, Run], behavior: str) -> Standing:
    """Rank the runs by average precision: cross-validated, else (where that can't be compared) that of tests."""
    unranked: list[Standing] = []
    for subset in RANKED_SUBSETS:
        rivals = rivals_in(runs, behavior, subset)
        recordings = shared_recordings(rivals, behavior, subset)
        values = {name: _average_precision(run, behavior, subset, recordings) for name, run in rivals.items()}
        known = {name: value for name, value in values.items() if value is not None}
        if len(known) > 1 and recordings:
            return Standing(subset, values, recordings, max(known, key=lambda name: known[name]))
        if known:
            unranked.append(Standing(subset, values, recordings))
    # What could have been ranked tells more than what one run alone has.
    return max(unranked, key=lambda standing: len(standing.known) > 1, default=Standing())


def _average_precision(run: Run, behavior: str, subset: str, recordings: Sequence[str]) -> float | None:
    scored = scored_arrays(run, behavior, subset)
    if not recordings or set(recordings) == set(scored):
        return number(run.score(behavior, subset, RAW), AVERAGE_PRECISION)
    return pooled_frame_scores(scored[name] for name in recordings).average_precision
