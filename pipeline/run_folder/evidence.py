"""The evidence for a verdict: what a run's tables say of one behavior in one subset."""

from statistics import mean

from common.tables import Row, number
from pipeline.run_folder.reading import SUBSET_WORDS, Run
from pipeline.run_folder.verdict import Bouts, Estimate, Evidence
from pipeline.scoring.agreement import MODEL_HUMAN, human_ceiling
from pipeline.scoring.scores import FULL, POOLED, RAW
from pipeline.scoring.statistics.by_individual import AVERAGE_PRECISION as AVERAGE_PRECISION
from pipeline.scoring.statistics.by_individual import BOUT_F1 as BOUT_F1
from pipeline.scoring.statistics.by_individual import FRAME_F1 as FRAME_F1

# Scores that a verdict rests on, and after which post-processing: that of probabilities needs none.
VARIANT_OF = {AVERAGE_PRECISION: RAW, FRAME_F1: FULL, BOUT_F1: FULL}


def score_value(
    run: Run, behavior: str, subset: str, score: str, variant: str = "", recording: str = POOLED
) -> float | None:
    """One score of one behavior, from the table of frame scores or of bout scores.

    `variant` is that of `VARIANT_OF` where it isn't given.
    """
    rows = run.tables.bout_score if score == BOUT_F1 else run.score
    return number(rows(behavior, subset, variant or VARIANT_OF[score], recording), score)


def estimate_of(run: Run, behavior: str, subset: str, score: str) -> Estimate:
    """A pooled score with its interval, after the post-processing of `VARIANT_OF`."""
    row = run.tables.interval(behavior, subset, VARIANT_OF[score], score)
    return Estimate(score_value(run, behavior, subset, score), number(row, "low"), number(row, "high"))


def pooled_agreement(run: Run, behavior: str, subset: str) -> list[Row]:
    """Rows of agreement.csv of one behavior in one subset, pooled over recordings."""
    wanted = (behavior, subset, POOLED)
    return [row for row in run.tables.agreement if (row["behavior"], row["subset"], row["recording"]) == wanted]


def model_among_humans(run: Run, behavior: str, subset: str, measure: str) -> float | None:
    """Mean over humans of the model's agreement with each; None with a single annotator."""
    rows = pooled_agreement(run, behavior, subset)
    values = [row[measure] for row in rows if row["kind"] == MODEL_HUMAN and row[measure] is not None]
    return mean(values) if values else None


def evidence_of(run: Run, behavior: str, subset: str) -> Evidence:
    """Collect what a verdict on one behavior is made of, from the run's tables."""
    row = run.score(behavior, subset, FULL) or run.score(behavior, subset, RAW)
    bouts = run.tables.bout_score(behavior, subset, FULL)
    names = ("n_true", "n_predicted", "missed", "invented", "split", "merged")
    seen_in = {
        member.individual or member.recording
        for member in run.members(subset)
        if number(run.score(behavior, subset, RAW, member.recording), "n_positive")
    }
    elsewhere = ((SUBSET_WORDS[other], score_value(run, behavior, other, FRAME_F1)) for other in run.subsets)
    return Evidence(
        n_frames=number(row, "n_frames") or 0,
        n_positive=number(row, "n_positive") or 0,
        n_individuals=len(seen_in),
        average_precision=estimate_of(run, behavior, subset, AVERAGE_PRECISION),
        f1=estimate_of(run, behavior, subset, FRAME_F1),
        bout_f1=estimate_of(run, behavior, subset, BOUT_F1),
        baseline=number(run.score(behavior, subset, RAW, baseline=True), AVERAGE_PRECISION),
        baseline_name=run.best_baseline(behavior, subset),
        recall=number(row, "recall"),
        bouts=None if bouts is None else Bouts(**{name: bouts[name] for name in names}),
        human_f1=human_ceiling(run.tables.agreement, behavior, subset, FRAME_F1),
        human_bout_f1=human_ceiling(run.tables.agreement, behavior, subset, BOUT_F1),
        model_f1=model_among_humans(run, behavior, subset, FRAME_F1),
        model_bout_f1=model_among_humans(run, behavior, subset, BOUT_F1),
        elsewhere=tuple((words, f1) for words, f1 in elsewhere if words != SUBSET_WORDS[subset] and f1 is not None),
    )
