"""The scores of every run as its own tables have them, and which run is best."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from pipeline.report.comparison.differences import AVERAGE_PRECISION, BOUT_F1, F1
from pipeline.report.comparison.pairs import Contender, scored_arrays, shared_recordings
from pipeline.run_folder.reading import CROSS_VALIDATION, EVALUATION, TEST, Run
from pipeline.scoring.metrics import pooled_frame_scores
from pipeline.scoring.scores import FULL, RAW
from pipeline.scoring.undefined import reasons_undefined

BASELINE_AVERAGE_PRECISION = "baseline_average_precision"
CHANCE_AVERAGE_PRECISION = "chance_average_precision"
# Where the best is looked for: the first of these in which two runs have a score.
RANKED_SUBSETS = (CROSS_VALIDATION, TEST, EVALUATION)

NO_BASELINE = "the run has no baseline"
NOT_SCORED = "the run's table of scores lacks it"


@dataclass(frozen=True)
class ScoreValue:
    """One pooled score of one run, over all its own recordings.

    Attributes
    ----------
    behavior, subset, run, score : str
        `score` is one of `comparison_differences.SCORES`, or the average precision of the baseline or
        of chance (the share of positive frames).
    value, low, high : float or None
        As in the run's scores.csv, bout_scores.csv and intervals.csv; None = undefined or not there.
    reason : str
        Why there is no value; "" where there is one.
    """

    behavior: str
    subset: str
    run: str
    score: str
    value: float | None
    low: float | None = None
    high: float | None = None
    reason: str = ""


def score_values(contender: Contender, behavior: str, subset: str) -> Iterator[ScoreValue]:
    """Yield the scores of one behavior of one run, none where it has no such scores."""
    run = contender.run
    raw, full = (run.score(behavior, subset, variant) for variant in (RAW, FULL))
    if raw is None:
        return
    bouts, baseline = run.tables.bout_score(behavior, subset, FULL), run.score(behavior, subset, RAW, baseline=True)
    n_frames, n_positive = cast(int, raw["n_frames"]), cast(int, raw["n_positive"])
    frame_reasons = dict.fromkeys((AVERAGE_PRECISION, F1), "") | reasons_undefined(raw)
    bout_reasons = {} if bouts is None else reasons_undefined(bouts)
    found = (
        (AVERAGE_PRECISION, RAW, _number(raw, AVERAGE_PRECISION), frame_reasons[AVERAGE_PRECISION]),
        (F1, FULL, _number(full, F1), frame_reasons[F1] if full else NOT_SCORED),
        (BOUT_F1, FULL, _number(bouts, BOUT_F1), bout_reasons.get(BOUT_F1, NOT_SCORED)),
    )
    for score, variant, value, reason in found:
        interval = run.tables.interval(behavior, subset, variant, score)
        low, high = _number(interval, "low"), _number(interval, "high")
        yield ScoreValue(behavior, subset, contender.name, score, value, low, high, "" if value is not None else reason)
    value = _number(baseline, AVERAGE_PRECISION)
    reason = "" if value is not None else frame_reasons[AVERAGE_PRECISION] if baseline else NO_BASELINE
    yield ScoreValue(behavior, subset, contender.name, BASELINE_AVERAGE_PRECISION, value, reason=reason)
    chance = n_positive / n_frames if n_frames else None
    reason = "" if n_frames else frame_reasons[AVERAGE_PRECISION]
    yield ScoreValue(behavior, subset, contender.name, CHANCE_AVERAGE_PRECISION, chance, reason=reason)


def _number(row: Mapping[str, object] | None, column: str) -> float | None:
    return None if row is None else cast("float | None", row[column])


@dataclass(frozen=True)
class Standing:
    """Which run is best in one behavior.

    Attributes
    ----------
    behavior : str
    subset : str
        Where the best was looked for; "" where no run has a score.
    values : mapping of str to (float or None)
        Average precision of every run that has the behavior, pooled over `recordings`.
    recordings : tuple of str
        Those that all these runs share; () = each run by all its own, for they share none.
    best : str or None
        The highest; the first given of equals. None for fewer than two runs with a value.
    """

    behavior: str
    subset: str
    values: Mapping[str, float | None]
    recordings: tuple[str, ...]
    best: str | None


def find_standing(contenders: Sequence[Contender], behavior: str) -> Standing:
    """Rank the runs by cross-validated average precision (that of tests where nothing is cross-validated)."""
    lonely = None
    for subset in RANKED_SUBSETS:
        rivals = [c for c in contenders if behavior in c.run.behaviors and subset in c.run.subsets]
        recordings = shared_recordings(rivals, behavior, subset)
        values = {c.name: _average_precision(c.run, behavior, subset, recordings) for c in rivals}
        known = {name: value for name, value in values.items() if value is not None}
        if len(known) > 1:
            return Standing(behavior, subset, values, recordings, max(known, key=lambda name: known[name]))
        if known and lonely is None:
            lonely = Standing(behavior, subset, values, recordings, None)
    return lonely or Standing(behavior, "", {}, (), None)


def _average_precision(run: Run, behavior: str, subset: str, recordings: Sequence[str]) -> float | None:
    scored = scored_arrays(run, behavior, subset)
    if not recordings or set(recordings) == set(scored):
        return _number(run.score(behavior, subset, RAW), AVERAGE_PRECISION)
    return pooled_frame_scores(scored[name] for name in recordings).average_precision
