"""Verdicts follow from the numbers by the stated rules, and claim no more."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.run_folder.verdict import RULES, Bouts, Estimate, Evidence, judge
from pipeline.scoring.agreement import HumanCeiling

# 1,000 positive of 10,000 frames in six individuals: firm, and chance is 0.1.
FIRM = Evidence(
    n_frames=10_000,
    n_positive=1000,
    n_individuals=6,
    average_precision=Estimate(0.9, 0.85, 0.95),
    f1=Estimate(0.85, 0.8, 0.9),
    bout_f1=Estimate(0.8, 0.7, 0.9),
    baseline=0.6,
    recall=0.9,
    bouts=Bouts(n_true=50, n_predicted=52, missed=3, invented=4, split=1, merged=0),
)
CEILING = HumanCeiling(mean=0.8, low=0.7, high=0.9, n_pairs=3)


def test_close_to_the_human_in_frames_and_bouts_is_good():
    verdict = judge(FIRM)
    assert (verdict.level, verdict.headline) == ("good", "Close to the human, in frames and in bouts")
    assert verdict.cautions == ()


@pytest.mark.parametrize(
    ("change", "level", "headline"),
    [
        ({"n_positive": 0}, "unknown", "Cannot be judged"),
        ({"n_positive": 10_000}, "unknown", "Cannot be judged"),
        ({"n_frames": 0, "n_positive": 0}, "unknown", "Cannot be judged"),
        ({"average_precision": Estimate(0.1)}, "poor", "No better than guessing: do not use"),
        ({"average_precision": Estimate(0.59)}, "poor", "Below the baseline: do not use"),
        ({"average_precision": Estimate(0.6)}, "poor", "No better than the baseline: do not use"),
        ({"f1": Estimate(0.49)}, "poor", "Often wrong: do not use without checking each bout"),
        ({"f1": Estimate(0.79)}, "fair", "Partly right: check before use"),
        ({"bout_f1": Estimate(0.69)}, "fair", "Close to the human in frames, less so in bouts"),
        ({"bout_f1": Estimate(), "bouts": None}, "fair", "Close to the human in frames, less so in bouts"),
    ],
)
def test_each_rule_gives_its_headline(change, level, headline):
    verdict = judge(replace(FIRM, **change))
    assert (verdict.level, verdict.headline) == (level, headline)


@pytest.mark.parametrize(
    ("bouts", "words"),
    [
        (Bouts(10, 40, 0, 3, 9, 0), "breaks bouts in pieces: 4.0 times as many bouts as the human"),
        (Bouts(10, 40, 0, 29, 1, 0), "invents bouts: 4.0 times as many bouts as the human"),
        (Bouts(30, 20, 10, 0, 0, 0), "misses whole bouts: 20 bouts for the human’s 30"),
        (Bouts(30, 15, 0, 0, 0, 15), "runs bouts together: 15 bouts for the human’s 30"),
    ],
)
def test_a_wrong_number_of_bouts_is_named_with_its_commoner_cause(bouts, words):
    assert judge(replace(FIRM, bouts=bouts)).headline == f"Finds the frames but {words}"
    assert judge(replace(FIRM, bouts=bouts, recall=0.6)).headline == f"Misses frames and {words}"


@pytest.mark.parametrize(
    ("model", "model_bouts", "level", "headline"),
    [
        (0.8, 0.8, "good", "As good as a second human"),
        (0.8, 0.79, "fair", "As good as a second human in frames, not in bouts"),
        (0.79, 0.7, "fair", "Within the range of human pairs"),
        (0.7, 0.69, "fair", "Within the range of human pairs in frames, not in bouts"),
        (0.69, 0.9, "fair", "Below a second human"),
        (0.49, 0.9, "poor", "Below a second human"),
    ],
)
def test_with_several_annotators_the_human_ceiling_decides(model, model_bouts, level, headline):
    evidence = replace(
        FIRM, human_f1=CEILING, human_bout_f1=CEILING, model_f1=model, model_bout_f1=model_bouts, f1=Estimate(0.4)
    )
    verdict = judge(evidence)
    assert (verdict.level, verdict.headline) == (level, headline)
    assert f"model {model:.3f}, another human 0.800" in verdict.reason


def test_a_single_pair_of_humans_has_no_range():
    one_pair = HumanCeiling(0.8, 0.8, 0.8, 1)
    assert judge(replace(FIRM, human_f1=one_pair, model_f1=0.79)).headline == "Below a second human"
    assert judge(replace(FIRM, human_f1=one_pair, model_f1=0.81)).headline == "As good as a second human, in frames"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"n_positive": 199}, "only 199 positive frames"),
        ({"n_individuals": 3}, "only 3 individuals show the behavior"),
        ({"n_individuals": 1}, "only 1 individual shows the behavior"),
        ({"f1": Estimate(0.85, 0.6, 0.95)}, "frame F1 may be anything from 0.600 to 0.950"),
    ],
)
def test_what_is_not_firm_is_never_called_good(change, words):
    verdict = judge(replace(FIRM, **change))
    assert verdict.level == "fair"
    assert verdict.headline.endswith("but not firm")
    assert verdict.cautions[0] == f"Not firm: {words}."


def test_a_little_below_the_baseline_is_no_verdict_where_nothing_is_firm():
    few = replace(FIRM, n_individuals=3, average_precision=Estimate(0.9), baseline=0.932)
    verdict = judge(few)
    assert (verdict.level, verdict.headline) == ("fair", "Not better than the baseline, but too little to tell")
    assert judge(replace(few, n_individuals=6)).level == "poor"
    assert judge(replace(few, average_precision=Estimate(0.7))).level == "poor"


def test_a_further_subset_that_falls_far_below_takes_the_firmness_away():
    below = judge(replace(FIRM, elsewhere=(("test", 0.6),)))
    assert (below.level, below.headline) == ("fair", "Close to the human, in frames and in bouts, but not firm")
    assert "in test frame F1 is 0.600 only" in below.cautions[0]
    assert judge(replace(FIRM, elsewhere=(("test", 0.75),))).level == "good"


def test_a_baseline_within_the_interval_and_many_invented_bouts_are_warned_of():
    warned = judge(replace(FIRM, baseline=0.87, bouts=Bouts(30, 40, 0, 10, 0, 0)))
    assert warned.cautions == (
        "Close to the baseline: its 0.870 lies within the interval of the average precision.",
        "10 of 40 predicted bouts (25 %) touch no human bout.".replace("25 %", "25\u00a0%"),
    )


def test_below_the_baseline_but_within_the_interval_says_that_it_may_be_chance():
    verdict = judge(replace(FIRM, baseline=0.93))
    assert verdict.headline == "Below the baseline: do not use"
    assert verdict.cautions == (
        "Not far below the baseline: its 0.930 lies within the interval of the average precision.",
    )
    assert judge(replace(FIRM, baseline=0.96)).cautions == ()


share = st.one_of(st.none(), st.floats(0, 1))
ceilings = st.builds(
    lambda low, n_pairs: HumanCeiling((1 + low) / 2, low, 1.0, n_pairs), st.floats(0, 1), st.integers(1, 3)
)


@settings(max_examples=200)
@given(
    n_positive=st.integers(0, 500),
    n_individuals=st.integers(0, 8),
    ap=share,
    f1=share,
    bout_f1=share,
    baseline=share,
    n_true=st.integers(0, 9),
    n_predicted=st.integers(0, 9),
    human=st.one_of(st.none(), ceilings),
    model=share,
)
def test_any_numbers_get_a_verdict_that_is_good_only_above_chance_baseline_and_doubt(
    n_positive, n_individuals, ap, f1, bout_f1, baseline, n_true, n_predicted, human, model
):
    evidence = Evidence(
        n_frames=500, n_positive=n_positive, n_individuals=n_individuals, average_precision=Estimate(ap),
        f1=Estimate(f1), bout_f1=Estimate(bout_f1), baseline=baseline, human_f1=human, model_f1=model,
        bouts=Bouts(n_true, n_predicted, min(1, n_true), min(1, n_predicted), 0, 0),
    )  # fmt: skip
    verdict = judge(evidence)
    assert verdict.headline
    if verdict.level == "good":
        assert ap > n_positive / 500
        assert baseline is None or ap > baseline
        assert n_positive >= 200
        assert n_individuals >= 4


def test_the_rules_are_stated_with_their_limits():
    text = " ".join(RULES)
    for limit in ("200 positive frames", "4 individuals", "wider than 0.3", "frame F1 below 0.5"):
        assert limit in text
