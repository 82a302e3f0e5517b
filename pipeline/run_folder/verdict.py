"""A verdict per behavior in plain words, from its numbers, by the rules stated in `RULES`.

A verdict says what the numbers say and no more: without a second human there is no "good enough", only
closeness to the one human; with few frames, few individuals or a wide interval it says "not firm".
"""

from dataclasses import dataclass
from typing import Literal

from common.wording import percent, ratio
from pipeline.scoring.agreement import HumanCeiling
from pipeline.scoring.statistics.intervals import MIN_CLUSTERS

Level = Literal["good", "fair", "poor", "unknown"]

# Below this, one wrong bout moves the score.
FEW_POSITIVE_FRAMES = 200
FEW_BOUTS = 20
FEW_INDIVIDUALS = MIN_CLUSTERS
WIDE_INTERVAL = 0.3
CLOSE_FRAME_F1 = 0.8
CLOSE_BOUT_F1 = 0.7
POOR_F1 = 0.5
FOUND_RECALL = 0.7
TOO_MANY_BOUTS = 1.5
TOO_FEW_BOUTS = 1 / TOO_MANY_BOUTS
FAR_BELOW = 0.15
_BESIDE_BASELINE = ("Below the baseline: do not use", "No better than the baseline: do not use")

RULES = (
    "It is judged by the first subset that has scores: cross-validation, else test. The first rule that applies "
    "gives the headline.",
    "The behavior occurs in no scored frame, or in every one: cannot be judged.",
    "Average precision at or below chance (the share of positive frames): no better than guessing.",
    "Average precision at or below that of the (best) baseline: the head adds nothing, do not use it.",
    "Several annotators: the mean frame F1 of the model with each human is compared with the mean over pairs of "
    "humans. At or above it: as good as a second human (if the same holds for bout F1, else in frames only); below "
    "it but not below the least agreeing pair: within the range of human pairs; else below a second human.",
    f"One annotator: a frame F1 below {POOR_F1} is often wrong. At {TOO_MANY_BOUTS} or more predicted bouts per human "
    f"bout (2/3 or fewer), the headline says what the bouts are: broken up, invented, missed or run together. Frame F1 "
    f"of {CLOSE_FRAME_F1} and bout F1 of {CLOSE_BOUT_F1} or more: close to the human in frames and bouts; the first "
    "alone: in frames, less so in bouts; neither: partly right.",
    f"Not firm: fewer than {FEW_POSITIVE_FRAMES} positive frames or {FEW_BOUTS} human bouts, fewer than "
    f"{FEW_INDIVIDUALS} individuals that show the behavior, a 95 % interval of F1 wider than {WIDE_INTERVAL}, or a "
    f"further subset (test) whose frame F1 lies {FAR_BELOW} or more below. "
    f"What is not firm is never called good, nor useless for lying less than {FAR_BELOW} below the baseline.",
)


@dataclass(frozen=True)
class Estimate:
    """A pooled score with its interval; None = undefined or not given."""

    value: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def width(self) -> float | None:
        """Width of the interval; None without one."""
        return None if self.low is None or self.high is None else self.high - self.low


@dataclass(frozen=True)
class Bouts:
    """Counts of bouts of one behavior after post-processing, as in bout_scores.csv."""

    n_true: int
    n_predicted: int
    missed: int
    invented: int
    split: int
    merged: int

    @property
    def per_true(self) -> float | None:
        """Predicted bouts per human bout; None without a human bout."""
        return self.n_predicted / self.n_true if self.n_true else None


@dataclass(frozen=True)
class Evidence:
    """What a verdict is made of: one behavior in one subset, pooled.

    Attributes
    ----------
    n_frames, n_positive : int
        Scored frames, and those in which a human saw the behavior.
    n_individuals : int
        Individuals in which a human saw it.
    average_precision, f1, bout_f1 : Estimate
        F1 after post-processing; of bouts at IoU 0.5.
    baseline : float or None
        Average precision of the baseline, the best if there are several.
    baseline_name : str
        Which one.
    recall : float or None
        Of frames, after post-processing.
    bouts : Bouts or None
    human_f1, human_bout_f1 : HumanCeiling or None
        Agreement of human pairs; None with a single annotator.
    model_f1, model_bout_f1 : float or None
        Mean of the model's agreement with each human.
    elsewhere : tuple of (str, float)
        Frame F1 of further subsets, by their words.
    """

    n_frames: int
    n_positive: int
    n_individuals: int
    average_precision: Estimate = Estimate()
    f1: Estimate = Estimate()
    bout_f1: Estimate = Estimate()
    baseline: float | None = None
    baseline_name: str = "logistic"
    recall: float | None = None
    bouts: Bouts | None = None
    human_f1: HumanCeiling | None = None
    human_bout_f1: HumanCeiling | None = None
    model_f1: float | None = None
    model_bout_f1: float | None = None
    elsewhere: tuple[tuple[str, float], ...] = ()

    @property
    def chance(self) -> float | None:
        """Average precision of a guess: the share of positive frames."""
        return self.n_positive / self.n_frames if self.n_frames else None


@dataclass(frozen=True)
class Verdict:
    """What to make of the numbers.

    Attributes
    ----------
    level : {"good", "fair", "poor", "unknown"}
    headline : str
        A few words.
    reason : str
        The numbers that it rests on, in a sentence; "" where the headline says it all.
    cautions : tuple of str
        Why it is not firm, and what else to mind.
    """

    level: Level
    headline: str
    reason: str = ""
    cautions: tuple[str, ...] = ()


def judge(evidence: Evidence) -> Verdict:
    """Turn numbers into a verdict by `RULES`."""
    verdict = _headline(evidence)
    if verdict.level == "unknown":
        return verdict
    doubts = tuple(_doubts(evidence))
    cautions = doubts + tuple(_warnings(evidence))
    if verdict.level == "good" and doubts:
        return Verdict("fair", f"{verdict.headline}, but not firm", verdict.reason, cautions)
    if verdict.headline in _BESIDE_BASELINE and doubts and not _is_far_below(evidence):
        return Verdict("fair", "Not better than the baseline, but too little to tell", verdict.reason, cautions)
    return Verdict(verdict.level, verdict.headline, verdict.reason, cautions)


def _is_far_below(evidence: Evidence) -> bool:
    value, baseline = evidence.average_precision.value, evidence.baseline
    return value is not None and baseline is not None and baseline - value >= FAR_BELOW


def _headline(evidence: Evidence) -> Verdict:
    value, chance = evidence.average_precision.value, evidence.chance
    if not evidence.n_positive:
        return Verdict("unknown", "Cannot be judged", "The behavior occurs in no scored frame.")
    if evidence.n_positive == evidence.n_frames:
        return Verdict("unknown", "Cannot be judged", "Every scored frame shows the behavior.")
    if value is None or chance is None:
        return Verdict("unknown", "Cannot be judged", "There is no average precision.")
    if value <= chance:
        reason = f"Average precision {ratio(value)}; guessing reaches {ratio(chance)}."
        return Verdict("poor", "No better than guessing: do not use", reason)
    if evidence.baseline is not None and value <= evidence.baseline:
        below, equal = _BESIDE_BASELINE
        headline = below if value < evidence.baseline else equal
        rival = f"the {evidence.baseline_name} baseline reaches {ratio(evidence.baseline)}"
        reason = f"Average precision {ratio(value)}; {rival}."
        return Verdict("poor", headline, reason)
    if evidence.human_f1 is not None and evidence.model_f1 is not None:
        return _beside_humans(evidence, evidence.human_f1, evidence.model_f1)
    return _beside_one_human(evidence)


def _beside_humans(evidence: Evidence, human: HumanCeiling, model: float) -> Verdict:
    reason = f"Frame F1 with a human: model {ratio(model)}, another human {ratio(human.mean)}."
    bouts, model_bouts = evidence.human_bout_f1, evidence.model_bout_f1
    has_bouts = bouts is not None and model_bouts is not None
    if bouts is not None and model_bouts is not None:
        reason += f" Bout F1: {ratio(model_bouts)} and {ratio(bouts.mean)}."
    if model >= human.mean:
        if not has_bouts:
            return Verdict("good", "As good as a second human, in frames", reason)
        if bouts is not None and model_bouts is not None and model_bouts >= bouts.mean:
            return Verdict("good", "As good as a second human", reason)
        return Verdict("fair", "As good as a second human in frames, not in bouts", reason)
    if human.n_pairs > 1 and model >= human.low:
        if bouts is not None and model_bouts is not None and model_bouts < bouts.low:
            return Verdict("fair", "Within the range of human pairs in frames, not in bouts", reason)
        return Verdict("fair", "Within the range of human pairs", reason)
    level: Level = "poor" if model < POOR_F1 else "fair"
    return Verdict(level, "Below a second human", reason)


def _beside_one_human(evidence: Evidence) -> Verdict:
    f1, bout_f1, bouts = evidence.f1.value, evidence.bout_f1.value, evidence.bouts
    if f1 is None or f1 < POOR_F1:
        return Verdict("poor", "Often wrong: do not use without checking each bout")
    per_true = bouts.per_true if bouts is not None else None
    if bouts is not None and per_true is not None and not TOO_FEW_BOUTS < per_true < TOO_MANY_BOUTS:
        return Verdict("fair", _bout_words(bouts, per_true, evidence.recall))
    if f1 < CLOSE_FRAME_F1:
        return Verdict("fair", "Partly right: check before use")
    if bout_f1 is not None and bout_f1 >= CLOSE_BOUT_F1:
        return Verdict("good", "Close to the human, in frames and in bouts")
    return Verdict("fair", "Close to the human in frames, less so in bouts")


def _bout_words(bouts: Bouts, per_true: float, recall: float | None) -> str:
    """What is wrong with the number of bouts; the commoner cause is named."""
    finds = "Finds the frames but" if recall is not None and recall >= FOUND_RECALL else "Misses frames and"
    if per_true > 1:
        # Predicted bouts that touch human ones, beyond one for each human bout that is touched.
        pieces = (bouts.n_predicted - bouts.invented) - (bouts.n_true - bouts.missed)
        what = "breaks bouts in pieces" if pieces >= bouts.invented else "invents bouts"
        return f"{finds} {what}: {per_true:.1f} times as many bouts as the human"
    what = "misses whole bouts" if bouts.missed >= (bouts.n_true - bouts.n_predicted) / 2 else "runs bouts together"
    return f"{finds} {what}: {bouts.n_predicted} bouts for the human’s {bouts.n_true}"


def _doubts(evidence: Evidence) -> list[str]:
    """Reasons why the numbers are not firm, in one sentence; empty where they are."""
    doubts = []
    if evidence.n_positive < FEW_POSITIVE_FRAMES:
        doubts.append(f"only {evidence.n_positive} positive frames")
    if evidence.n_individuals < FEW_INDIVIDUALS:
        one = evidence.n_individuals == 1
        doubts.append(f"only {evidence.n_individuals} individual{' shows' if one else 's show'} the behavior")
    if evidence.bouts is not None and evidence.bouts.n_true < FEW_BOUTS:
        doubts.append(f"only {evidence.bouts.n_true} human bouts")
    width = evidence.f1.width
    if width is not None and width > WIDE_INTERVAL:
        doubts.append(f"frame F1 may be anything from {ratio(evidence.f1.low)} to {ratio(evidence.f1.high)}")
    doubts += [
        f"in {words} frame F1 is {ratio(f1)} only"
        for words, f1 in evidence.elsewhere
        if evidence.f1.value is not None and evidence.f1.value - f1 >= FAR_BELOW
    ]
    return [f"Not firm: {'; '.join(doubts)}."] if doubts else []


def _warnings(evidence: Evidence) -> list[str]:
    warnings = []
    precision, baseline = evidence.average_precision, evidence.baseline
    if (
        baseline is not None
        and precision.value is not None
        and precision.low is not None
        and precision.high is not None
    ):
        better = precision.value > baseline
        if precision.low <= baseline <= precision.high:
            side = "Close to the baseline" if better else "Not far below the baseline"
            warnings.append(f"{side}: its {ratio(baseline)} lies within the interval of the average precision.")
    bouts = evidence.bouts
    if bouts is not None and bouts.n_true and bouts.invented >= bouts.n_true / 3:
        share = percent(bouts.invented / bouts.n_predicted) if bouts.n_predicted else ""
        warnings.append(f"{bouts.invented} of {bouts.n_predicted} predicted bouts ({share}) touch no human bout.")
    return warnings
