import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from pipeline.scoring.bouts.bouts import runs_of_true
from pipeline.scoring.metrics import (
    Counts,
    FrameScores,
    average_precision,
    confusion_counts,
    pooled_counts,
    pooled_frame_scores,
    precision_recall_curve,
    roc_auc,
)
from pipeline.scoring.postprocessing.postprocess import PostprocessConfig, postprocess
from pipeline.scoring.scores import score_cells
from pipeline.scoring.undefined import (
    NO_FRAMES,
    NO_NEGATIVES,
    NO_POSITIVES,
    NOTHING_PREDICTED,
    ONE_CLASS_PREDICTED,
    SAME_SINGLE_CLASS,
    reasons_undefined,
)
from tests.pipeline.scoring.lines import frame_scores, line

frames = st.lists(
    st.tuples(st.booleans(), st.sampled_from([0.0, 0.1, 0.2, 0.5, 0.5, 0.7, 1.0])), min_size=1, max_size=80
)


def undefined(scores: FrameScores) -> dict[str, str]:
    return reasons_undefined(score_cells(scores, 0.5))


def test_a_hand_made_timeline():
    scores = frame_scores(
        true=[1, 1, 1, 0, 0, 0, 0, 1],
        predicted=[1, 1, 0, 1, 0, 0, 0, 1],
        probability=[0.9, 0.8, 0.3, 0.6, 0.2, 0.1, 0.1, 0.9],
        scored=[1, 1, 1, 1, 1, 1, 1, 0],
    )
    assert scores.counts == Counts(tp=2, fp=1, fn=1, tn=3)
    assert scores.counts.n_frames == 7
    assert scores.counts.accuracy == pytest.approx(5 / 7)
    assert scores.counts.precision == pytest.approx(2 / 3)
    assert scores.counts.recall == pytest.approx(2 / 3)
    assert scores.counts.f1 == pytest.approx(2 / 3)
    # ranks of the positives: 1, 2, 4
    assert scores.average_precision == pytest.approx((1 + 1 + 3 / 4) / 3)
    # 3 x 4 pairs of a positive and a negative; only (0.3, 0.6) is in the wrong order
    assert scores.roc_auc == pytest.approx(11 / 12)
    assert scores.counts.specificity == pytest.approx(3 / 4)
    assert scores.counts.balanced_accuracy == pytest.approx((2 / 3 + 3 / 4) / 2)
    # observed 5/7, expected by chance (3 * 3 + 4 * 4) / 49
    assert scores.counts.cohen_kappa == pytest.approx((5 / 7 - 25 / 49) / (1 - 25 / 49))
    assert scores.counts.matthews == pytest.approx((2 * 3 - 1 * 1) / (3 * 3 * 4 * 4) ** 0.5)
    assert undefined(scores) == {}


@given(frames)
def test_ratios_equal_scikit_learn(rows):
    true, probability = (np.array(column) for column in zip(*rows, strict=True))
    predicted = probability >= 0.5
    counts = frame_scores(true, predicted, probability).counts
    assert counts.accuracy == pytest.approx(sklearn_metrics.accuracy_score(true, predicted))
    if predicted.any():
        assert counts.precision == pytest.approx(sklearn_metrics.precision_score(true, predicted))
    if true.any():
        assert counts.recall == pytest.approx(sklearn_metrics.recall_score(true, predicted))
        assert counts.f1 == pytest.approx(sklearn_metrics.f1_score(true, predicted, zero_division=0))
        assert average_precision(true, probability) == pytest.approx(
            sklearn_metrics.average_precision_score(true, probability)
        )


@given(frames)
@example([(True, 0.5), (False, 0.5), (False, 0.0), (True, 1.0)])
def test_balanced_and_chance_corrected_ratios_equal_scikit_learn(rows):
    true, probability = (np.array(column) for column in zip(*rows, strict=True))
    predicted = probability >= 0.5
    counts = frame_scores(true, predicted, probability).counts
    if not true.all():
        assert counts.specificity == pytest.approx(
            sklearn_metrics.recall_score(true, predicted, pos_label=False, zero_division=0)
        )
    if true.any() and not true.all():
        assert counts.balanced_accuracy == pytest.approx(sklearn_metrics.balanced_accuracy_score(true, predicted))
        assert roc_auc(true, probability) == pytest.approx(sklearn_metrics.roc_auc_score(true, probability))
        if predicted.any() and not predicted.all():
            assert counts.matthews == pytest.approx(sklearn_metrics.matthews_corrcoef(true, predicted))
    if len(set(true) | set(predicted)) == 2:
        assert counts.cohen_kappa == pytest.approx(sklearn_metrics.cohen_kappa_score(true, predicted))


@given(frames)
def test_ratios_are_undefined_exactly_where_a_class_is_missing(rows):
    true, probability = (np.array(column) for column in zip(*rows, strict=True))
    predicted = probability >= 0.5
    scores = frame_scores(true, predicted, probability)
    both_true, both_predicted = len(set(true)) == 2, len(set(predicted)) == 2
    assert (scores.counts.specificity is None) == bool(true.all())
    assert (scores.counts.balanced_accuracy is None) == (not both_true)
    assert (scores.roc_auc is None) == (not both_true)
    assert (scores.counts.matthews is None) == (not (both_true and both_predicted))
    assert (scores.counts.cohen_kappa is None) == (len(set(true) | set(predicted)) == 1)
    assert set(undefined(scores)) == {name for name, value in score_cells(scores, 0.5).items() if value is None}


@given(frames)
def test_the_curve_passes_through_scikit_learns_points(rows):
    true, probability = (np.array(column) for column in zip(*rows, strict=True))
    curve = precision_recall_curve(true, probability)
    if not true.any():
        assert curve is None
        return
    precision, recall, threshold = sklearn_metrics.precision_recall_curve(true, probability)
    assert curve is not None
    np.testing.assert_allclose(curve.precision, precision[:-1][::-1])
    np.testing.assert_allclose(curve.recall, recall[:-1][::-1])
    np.testing.assert_allclose(curve.threshold, threshold[::-1])


def test_a_guess_of_equal_probabilities_scores_the_prevalence():
    guessed = np.array([1, 0, 0, 0, 1, 0, 0, 0], dtype=bool)
    assert average_precision(guessed, np.full(8, 0.3)) == pytest.approx(0.25)
    assert roc_auc(guessed, np.full(8, 0.3)) == 0.5


def test_a_behavior_that_never_occurs_has_reasons_instead_of_scores():
    scores = frame_scores([0, 0, 0], [1, 0, 0], [0.9, 0.1, 0.1])
    assert (scores.counts.recall, scores.counts.f1, scores.average_precision) == (None, None, None)
    assert scores.counts.precision == 0.0
    assert (scores.counts.matthews, scores.counts.balanced_accuracy, scores.roc_auc) == (None, None, None)
    assert scores.counts.cohen_kappa == 0.0
    assert undefined(scores) == dict.fromkeys(
        ("recall", "f1", "average_precision", "balanced_accuracy", "roc_auc", "mcc"), NO_POSITIVES
    )


def test_a_behavior_that_never_stops_has_reasons_instead_of_scores():
    scores = frame_scores([1, 1, 1], [1, 0, 0], [0.9, 0.1, 0.1])
    assert scores.counts.recall == pytest.approx(1 / 3)
    assert undefined(scores) == dict.fromkeys(("balanced_accuracy", "roc_auc", "mcc"), NO_NEGATIVES)


def test_nothing_predicted_has_no_precision_but_an_f1_of_zero():
    scores = frame_scores([1, 0], [0, 0], [0.2, 0.1])
    assert scores.counts.precision is None
    assert scores.counts.f1 == 0.0
    assert (scores.counts.cohen_kappa, scores.counts.balanced_accuracy, scores.roc_auc) == (0.0, 0.5, 1.0)
    assert undefined(scores) == {"precision": NOTHING_PREDICTED, "mcc": ONE_CLASS_PREDICTED}


@pytest.mark.parametrize("value", [0, 1])
def test_agreement_on_a_single_class_has_no_kappa(value):
    scores = frame_scores([value] * 3, [value] * 3, [0.5] * 3)
    assert scores.counts.accuracy == 1.0
    assert scores.counts.cohen_kappa is None
    assert undefined(scores)["cohen_kappa"] == SAME_SINGLE_CLASS


def test_disagreement_everywhere_is_a_kappa_and_an_mcc_of_minus_one():
    counts = confusion_counts([1, 0, 1, 0], [0, 1, 0, 1])
    assert (counts.cohen_kappa, counts.matthews, counts.balanced_accuracy) == (-1.0, -1.0, 0.0)


def test_no_scored_frame_leaves_everything_undefined():
    scores = frame_scores([1, 0], [1, 0], [0.9, 0.1], [0, 0])
    assert scores.counts == Counts(0, 0, 0, 0)
    frame_ratios = ("accuracy", "precision", "recall", "f1", "balanced_accuracy", "cohen_kappa", "mcc")
    assert undefined(scores) == dict.fromkeys((*frame_ratios, "average_precision", "roc_auc"), NO_FRAMES)


def test_unscored_and_unpredicted_frames_do_not_count_whatever_they_hold():
    rng = np.random.default_rng(3)
    true, probability = rng.random(50) < 0.4, rng.random(50)
    scored = rng.random(50) < 0.7
    probability[5:9], scored[5:9] = np.nan, True
    reference = frame_scores(true, probability >= 0.5, probability, scored)
    used = scored & ~np.isnan(probability)
    alone = frame_scores(true[used], probability[used] >= 0.5, probability[used])
    assert reference.counts == alone.counts
    assert reference.average_precision == alone.average_precision
    assert reference.roc_auc == alone.roc_auc
    flipped = np.where(used, true, ~true)
    assert frame_scores(flipped, probability >= 0.5, probability, scored) == reference


@given(st.lists(frames, min_size=1, max_size=4))
def test_pooled_counts_are_sums_and_pooled_rankings_are_over_all_frames(parts):
    recordings = []
    for rows in parts:
        true, probability = (np.array(column) for column in zip(*rows, strict=True))
        recordings.append(line(true, probability))
    pooled = pooled_frame_scores(recordings)
    total = Counts(0, 0, 0, 0)
    for recording in recordings:
        total = total + pooled_counts([recording])
    assert pooled.counts == total
    true = np.concatenate([recording.true for recording in recordings])
    probability = np.concatenate([recording.probability for recording in recordings])
    if true.any():
        assert pooled.average_precision == pytest.approx(sklearn_metrics.average_precision_score(true, probability))
    else:
        assert pooled.average_precision is None
    if true.any() and not true.all():
        assert pooled.roc_auc == pytest.approx(sklearn_metrics.roc_auc_score(true, probability))
    else:
        assert pooled.roc_auc is None


def test_no_recording_at_all_is_undefined_not_an_error():
    scores = pooled_frame_scores([])
    assert scores.counts.n_frames == 0
    assert (scores.average_precision, scores.roc_auc) == (None, None)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("label", "probability", "raw_f1", "closed_f1"),
    [
        ("grooming", "g_prediction", 0.938, 0.936),
        ("rearing_mig", "mr_prediction", 0.667, 0.651),
        ("rearing_paret", "wr_prediction", 0.802, 0.765),
    ],
)
def test_the_published_predictions_give_the_known_f1(shared_dir, label, probability, raw_f1, closed_f1):
    table = pd.read_csv(shared_dir / "data/thesis_predictions/HD_ChR2_510A_resnet_lstm.csv")
    true, value = table[label].to_numpy() == 1, table[probability].to_numpy()
    raw = postprocess(value, PostprocessConfig(threshold=0.5, max_gap_s=0, min_bout_s=0), fps=10)
    closed = postprocess(value, PostprocessConfig(threshold=0.5, max_gap_s=1, min_bout_s=0), fps=10)
    assert frame_scores(true, raw, value).counts.f1 == pytest.approx(raw_f1, abs=5e-4)
    assert frame_scores(true, closed, value).counts.f1 == pytest.approx(closed_f1, abs=5e-4)


@pytest.mark.shared
def test_closing_and_a_minimum_bout_cut_the_surplus_grooming_bouts(shared_dir):
    table = pd.read_csv(shared_dir / "data/thesis_predictions/HD_ChR2_510A_resnet_lstm.csv")
    value = table["g_prediction"].to_numpy()
    tuned = postprocess(value, PostprocessConfig(threshold=0.5, max_gap_s=1, min_bout_s=1), fps=10)
    assert len(runs_of_true(table["grooming"] == 1)) == 5
    assert len(runs_of_true(value >= 0.5)) == 22
    assert len(runs_of_true(tuned)) == 7
    assert frame_scores(table["grooming"] == 1, tuned, value).counts.f1 == pytest.approx(0.956, abs=5e-4)


@pytest.mark.shared
def test_three_raters_of_real_videos_agree_as_published_with_them(shared_dir):
    published = {
        (0, 1): [(0.880, 0.856), (0.707, 0.674), (0.653, 0.644)],
        (0, 2): [(0.907, 0.887), (0.776, 0.750), (0.704, 0.697)],
        (1, 2): [(0.879, 0.854), (0.741, 0.711), (0.690, 0.682)],
    }
    with np.load(shared_dir / "data/open_field_raters/open_field_raters.npz") as arrays:
        labels = np.concatenate([arrays[name] for name in arrays.files if name.endswith("/labels")]) == 1
    assert len(labels) == 219_547
    for (one, other), expected in published.items():
        for behavior, (f1, kappa) in enumerate(expected):
            counts = confusion_counts(labels[:, one, behavior], labels[:, other, behavior])
            assert counts.f1 == pytest.approx(f1, abs=6e-4)
            assert counts.cohen_kappa == pytest.approx(kappa, abs=6e-4)
