"""Where a look is worth most: hand-made timelines with known answers."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from pipeline.review.disagreements import LOOK_S, disagreements
from pipeline.review.ranking import MOST_PLACES, chance_wrong, gain_s, rank
from pipeline.scoring.bouts.metrics import bout_counts
from pipeline.scoring.postprocessing.postprocess import PostprocessConfig
from pipeline.scoring.timeline import FULL, BehaviorTimeline, Timeline
from tests.pipeline.review.review_runs import frames_of

FPS = 10.0


def timeline(probability, predicted=None, human=None, behaviors=("grooming",), **settings) -> Timeline:
    """Arrays have a column for each of several behaviors, or none for one."""
    columns = (-1, len(behaviors))
    probability = np.asarray(probability, dtype=np.float32).reshape(columns)
    config = PostprocessConfig(**{"min_bout_s": 0.0} | settings)
    predicted = probability >= config.threshold if predicted is None else predicted.reshape(columns)
    true = None if human is None else human.reshape(columns)
    scored = None if true is None else np.ones(true.shape, dtype=bool)
    of = ({FULL: config},) * len(behaviors)
    return Timeline("m1", FPS, behaviors, probability, {FULL: predicted}, true, scored, of)


def places(line):
    return [(c.kind, c.start_frame, c.stop_frame) for c in rank(line)]


def opposed(human, model, judged=None, n_frames=300):
    judged = np.ones(n_frames, dtype=bool) if judged is None else judged
    human, model = frames_of(human, n_frames), frames_of(model, n_frames)
    line = BehaviorTimeline(human, model, np.full(n_frames, 0.7), judged, FPS)
    found = disagreements(line, PostprocessConfig())
    return [(d.kind, d.start_frame, d.stop_frame) for d in found]


def test_the_chance_to_be_wrong_is_one_half_at_the_threshold_and_none_at_the_ends():
    for threshold in (0.2, 0.5, 0.9):
        wrong = chance_wrong([0.0, threshold, 1.0], [False, True, True], threshold)
        assert wrong == pytest.approx([0.0, 0.5, 0.0])
    # Post-processing turned the call over: now it is more likely wrong than right.
    assert chance_wrong([0.0, 1.0, 0.25], [True, False, True], 0.5) == pytest.approx([1.0, 1.0, 0.75])


@pytest.mark.parametrize("threshold", [0.0, 1.0])
def test_a_threshold_at_the_end_of_the_scale_divides_nothing_by_zero(threshold):
    wrong = chance_wrong([0.0, 0.5, 1.0, np.nan], [True] * 4, threshold)
    assert np.isfinite(wrong[:3]).all()
    assert np.isnan(wrong[3])


def test_a_bout_that_the_model_found_and_dropped_is_no_bout_that_it_never_saw():
    probability = np.full(300, 0.02)
    probability[60:63] = 0.99
    human, nothing = frames_of([(50, 70)]), np.zeros(300, dtype=bool)
    (missed,) = rank(timeline(probability, nothing, human, min_bout_s=0.5))
    assert missed.reason == (
        "The human saw 2.0 s; the model's probability reaches 0.99, "
        "but what it found there is too short (under 0.5 s) and was dropped."
    )
    (missed,) = rank(timeline(probability, nothing, human, min_bout_s=0.1))
    assert "reaches 0.99, but what it found there was dropped" in missed.reason
    (missed,) = rank(timeline(probability, nothing, human, threshold=0.995))
    assert missed.reason == "The human saw 2.0 s, the model none (probability at most 0.99)."


def test_a_sure_model_is_not_asked_about():
    probability = np.where(frames_of([(50, 90)]), 0.97, 0.02)
    assert places(timeline(probability)) == []


def test_an_unsure_bout_a_near_bout_and_a_dropped_one():
    probability = np.full(300, 0.02)
    probability[50:80] = 0.6
    probability[120:150] = 0.45
    probability[200:203] = 0.9
    predicted = frames_of([(50, 80)])
    found = {c.kind + str(c.start_frame): c for c in rank(timeline(probability, predicted))}
    assert set(found) == {"unsure50", "near120", "near200"}
    assert "mean probability 0.60 (threshold 0.50)" in found["unsure50"].reason
    assert "up to 0.45" in found["near120"].reason
    assert "too short" in found["near200"].reason
    # Expected: doubt (0.45) x (3 s + the bout's 1 s) / (3 s + 3 s).
    assert found["near120"].score == pytest.approx(0.45 * 4 / 6, abs=1e-3)
    assert found["near120"].cost_s == pytest.approx(3 + LOOK_S)


def test_a_bout_that_is_mostly_doubtful_is_in_doubt_as_a_whole():
    probability = np.where(frames_of([(50, 90)]), 0.95, 0.02)
    probability[60:90] = 0.6
    assert places(timeline(probability)) == [("unsure", 50, 90)]


def test_a_dip_an_unclear_end_and_a_gap_between_two_bouts():
    probability = np.full(300, 0.01)
    probability[20:100] = 0.98
    probability[50:55] = 0.1  # filled by post-processing
    probability[100:120] = 0.4  # a slow end
    probability[150:180] = 0.98
    probability[180:190] = 0.45
    probability[190:220] = 0.98
    predicted = frames_of([(20, 100), (150, 180), (190, 220)])
    assert sorted(places(timeline(probability, predicted))) == [
        ("dip", 50, 55),
        ("edge", 100, 120),
        ("gap", 180, 190),
    ]


def test_a_class_is_as_sure_as_it_is_ahead_of_the_strongest_other():
    probability = np.full((300, 2), 0.01)
    probability[50:80] = (0.9, 0.05)
    probability[150:180] = (0.44, 0.43)
    probability[220:250] = (0.1, 0.46)  # and the background .44
    behaviors = ("grooming", "rearing")
    lines = timeline(probability, (probability > 0.43) & (probability < 1), behaviors=behaviors)
    found = rank(replace(lines, task="exclusive", background="other"))
    assert {(p.behavior, p.kind, p.start_frame, p.stop_frame) for p in found} == {
        ("grooming", "unsure", 150, 180),
        ("rearing", "near", 150, 180),
        ("rearing", "unsure", 220, 250),
    }
    assert all("strongest other class 0.4" in place.reason for place in found)
    (sure,) = [place for place in found if place.start_frame == 220]
    assert sure.doubt == pytest.approx(1 - (1 - (1 - 0.46) / (2 - 0.9)), abs=1e-3)


def test_a_quick_rise_at_an_end_is_no_doubt_and_flicker_is_said():
    probability = np.full(300, 0.01)
    probability[50:90] = 0.99
    probability[49], probability[90] = 0.4, 0.4
    assert places(timeline(probability, frames_of([(50, 90)]))) == []
    probability[90:110:2] = 0.6
    probability[91:110:2] = 0.3
    (edge,) = rank(timeline(probability, frames_of([(50, 90)])))
    assert (edge.kind, edge.start_frame) == ("edge", 90)
    assert "crosses the threshold 19 times" in edge.reason


def test_a_bout_that_is_only_just_long_enough():
    probability = np.where(frames_of([(50, 56), (100, 140)]), 0.97, 0.01)
    (short,) = rank(timeline(probability, min_bout_s=0.5))
    assert (short.kind, short.start_frame, short.stop_frame) == ("short", 50, 56)
    assert short.reason == "Only 0.6 s long; below 0.5 s it would have been dropped."


def test_where_nothing_was_predicted_nothing_ranks():
    probability = np.full(300, 0.5)
    probability[100:200] = np.nan
    human = frames_of([(120, 180)])
    found = rank(timeline(probability, probability >= 0.5, human))
    assert all(c.stop_frame <= 100 or c.start_frame >= 200 for c in found)
    assert places(timeline(np.full(50, np.nan), np.zeros(50, dtype=bool))) == []


def test_kinds_of_disagreement():
    assert opposed([(10, 30)], []) == [("missed", 10, 30)]
    assert opposed([], [(10, 30)]) == [("invented", 10, 30)]
    assert opposed([(10, 60)], [(10, 25), (40, 60)]) == [("split", 25, 40)]
    assert opposed([(10, 25), (40, 60)], [(10, 60)]) == [("merged", 25, 40)]
    assert opposed([(10, 30)], [(20, 45)]) == [("start", 10, 20), ("stop", 30, 45)]
    # Small differences at the ends of the group are not where to look, large ones are places of their own.
    assert opposed([(12, 60)], [(10, 25), (40, 60)]) == [("split", 25, 40)]
    assert opposed([(20, 60)], [(10, 25), (40, 60)]) == [("start", 10, 20), ("split", 25, 40)]
    # One of the model's covers two of the human's, whose second is met by two of the model's.
    assert opposed([(10, 25), (40, 60)], [(10, 45), (50, 60)]) == [("merged", 25, 40), ("split", 45, 50)]
    # 0.3 s apart is what humans differ by.
    assert opposed([(10, 30)], [(13, 27)]) == []
    assert opposed([(10, 30)], [(14, 30)]) == [("start", 10, 14)]
    # Bouts that touch without overlapping have nothing to do with each other.
    assert opposed([(10, 30)], [(30, 50)]) == [("missed", 10, 30), ("invented", 30, 50)]


def test_merged_and_split_bouts_are_among_the_places_in_plain_words():
    """One predicted bout over three human ones, and three predicted ones in one of the human's."""
    human = frames_of([(20, 40), (46, 60), (70, 90), (150, 220)])
    probability = np.where(frames_of([(20, 90), (150, 170), (174, 190), (200, 220)]), 0.9, 0.1)
    found = {place.kind: place for place in rank(timeline(probability, None, human))}
    assert {kind: (place.start_frame, place.stop_frame) for kind, place in found.items()} == {
        "merged": (40, 70),
        "split": (170, 200),
    }
    assert found["merged"].reason == (
        "The model has one bout where the human has 3: it runs on through 2 pauses, 1.6 s in all (mean probability "
        "there 0.90)."
    )
    assert found["split"].reason == (
        "The model has 3 bouts where the human has one: it breaks off 2 times, for 1.4 s in all (mean probability "
        "there 0.10)."
    )
    # 1.6 s and two bouts are wrong; it takes 1.6 s and 3 s to see it.
    assert found["merged"].score == pytest.approx((1.6 + 2) / (1.6 + 3))
    assert (found["merged"].n_bouts, found["split"].n_bouts) == (2, 2)


def test_there_are_as_many_merged_and_split_bouts_as_the_scores_count():
    rng = np.random.default_rng(3)
    for _ in range(40):
        human, model = (np.repeat(rng.random(60) > 0.4, rng.integers(1, 9, 60)) for _ in range(2))
        n_frames = min(len(human), len(model))
        human, model = human[:n_frames], model[:n_frames]
        line = BehaviorTimeline(human, model, np.full(n_frames, 0.7), np.ones(n_frames, dtype=bool), FPS)
        found = disagreements(line, PostprocessConfig())
        kinds = [place.kind for place in found]
        scores = bout_counts(human, model, FPS)
        assert (kinds.count("split"), kinds.count("merged")) == (scores.split, scores.merged)
        assert (kinds.count("missed"), kinds.count("invented")) == (scores.missed, scores.invented)
        # No frame is in two places, and in none are the two alike all through.
        assert all(first.stop_frame <= second.start_frame for first, second in pairwise(found))
        assert all((human != model)[place.start_frame : place.stop_frame].any() for place in found)


def test_unscored_frames_are_never_a_disagreement():
    judged = np.ones(300, dtype=bool)
    judged[100:200] = False
    assert opposed([(110, 150)], [(160, 190)], judged) == []
    # A bout of both that runs into the unscored part ends where the human stopped looking.
    assert opposed([(50, 100)], [(50, 180)], judged) == []
    assert opposed([], [(90, 180)], judged) == [("invented", 90, 100)]


def test_a_disagreement_comes_before_a_doubt_and_replaces_it():
    probability = np.full(300, 0.02)
    probability[50:80] = 0.6
    probability[150:180] = 0.6
    human = frames_of([(150, 180)])
    found = rank(timeline(probability, None, human))
    assert [(c.kind, c.start_frame) for c in found] == [("invented", 50), ("unsure", 150)]
    assert found[1].reason.endswith("The human agrees with the model.")
    alone = rank(timeline(probability))
    assert found[1].score == pytest.approx(alone[0].score / 4)


def test_a_confusion_is_said():
    rearing = np.where(frames_of([(50, 80)]), 0.95, 0.02)
    nothing = np.full(300, 0.02)
    seen = frames_of([(45, 75)])
    probability, human = np.stack([rearing, nothing], axis=1), np.stack([frames_of([]), seen], axis=1)
    reasons = [place.reason for place in rank(timeline(probability, None, human, ("grooming", "climbing")))]
    assert reasons[0].endswith("The model has grooming there.")
    assert reasons[1].endswith("The human has climbing there.")


def test_scores_fall_and_stay_within_zero_and_one():
    rng = np.random.default_rng(1)
    probability = np.clip(np.repeat(rng.random(500), 7) + rng.normal(size=3500) * 0.05, 0, 1)
    human = np.repeat(rng.random(500) > 0.6, 7)
    both = np.stack([probability, probability[::-1]], axis=1)
    found = rank(timeline(both, None, np.stack([human, human], axis=1), ("grooming", "rearing")))
    assert len(found) == MOST_PLACES
    assert all(0 < c.score <= 1 and c.start_frame < c.stop_frame for c in found)
    assert all(first.score >= second.score - 1e-6 for first, second in pairwise(found))


def test_what_ten_minutes_gain():
    assert gain_s([]) == 0
    probability = np.full(300, 0.02)
    probability[50:80] = 0.5
    found = rank(timeline(probability, frames_of([(50, 80)])))
    assert gain_s(found) == pytest.approx(0.5 * 4)
    assert gain_s(found, budget_s=5) == 0
