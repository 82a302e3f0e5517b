"""Calibration and reliability on simulated heads whose distortion is known, and against scikit-learn."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, log_loss

from pipeline.scoring.postprocessing.calibration import (
    IsotonicCalibration,
    NoCalibration,
    TemperatureCalibration,
    calibration_from_json,
    fit_calibration,
)
from pipeline.scoring.reliability import reliability_rows
from pipeline.scoring.timeline import joined_frames
from pipeline.scoring.undefined import NO_FRAMES, NO_NEGATIVES, NO_POSITIVES
from tests.pipeline.scoring.lines import line

CURVES = [
    TemperatureCalibration(temperature=1.7, shift=-2.0),
    TemperatureCalibration(temperature=0.05, shift=3.0),
    IsotonicCalibration(raw=(0.1, 0.4, 0.400000001, 0.9), calibrated=(0.0, 0.3, 0.5, 1.0)),
    IsotonicCalibration(raw=(0.3,), calibrated=(0.2,)),
    NoCalibration("because"),
]
anything = st.lists(st.one_of(st.floats(0, 1), st.just(np.nan)), max_size=40).map(np.array)


def logistic(log_odds: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-log_odds))


def simulated_head(n_frames: int, temperature: float, shift: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities distorted so that (log-odds / temperature + shift) is the chance of being true."""
    rng = np.random.default_rng(seed)
    log_odds = rng.normal(-1, 2, n_frames)
    true = rng.random(n_frames) < logistic(log_odds)
    return logistic((log_odds - shift) * temperature).astype(np.float32), true


def fit(choice, probability, true):
    """A calibration fitted on frames that all count."""
    return fit_calibration(choice, [line(true, probability)])


# Temperature


@pytest.mark.parametrize(("temperature", "shift"), [(1.0, 0.0), (2.5, 0.0), (0.5, 1.0), (1.5, -2.0)])
def test_a_known_temperature_and_shift_are_recovered(temperature, shift):
    fitted = fit("temperature", *simulated_head(60_000, temperature, shift))
    assert fitted.temperature == pytest.approx(temperature, rel=0.04)
    assert fitted.shift == pytest.approx(shift, abs=0.06)


def test_class_weights_are_undone_by_the_shift():
    """A positive frame that weighs as much as 20 multiplies the odds that a perfect head learns by 20."""
    rng = np.random.default_rng(1)
    log_odds = rng.normal(-3, 1.5, 60_000)
    true = rng.random(log_odds.size) < logistic(log_odds)
    weighted = logistic(log_odds + np.log(20))
    assert weighted.mean() > 2 * true.mean()
    fitted = fit("temperature", weighted, true)
    assert fitted.shift == pytest.approx(-np.log(20), abs=0.1)
    assert fitted.apply(weighted).mean() == pytest.approx(true.mean(), abs=1e-4)


def test_the_fit_is_the_unregularised_logistic_regression_on_log_odds():
    probability, true = simulated_head(3_000, 2.0, 0.7)
    inside = np.clip(probability.astype(float), 1e-6, 1 - 1e-6)
    log_odds = np.log(inside / (1 - inside))
    reference = LogisticRegression(C=1e12, tol=1e-10, max_iter=1000).fit(log_odds[:, None], true)
    fitted = fit("temperature", probability, true)
    assert 1 / fitted.temperature == pytest.approx(reference.coef_.item(), rel=1e-4)
    assert fitted.shift == pytest.approx(reference.intercept_.item(), rel=1e-4, abs=1e-5)
    np.testing.assert_allclose(
        fitted.apply(probability), reference.predict_proba(log_odds[:, None])[:, 1], atol=1e-4, rtol=0
    )


def test_a_temperature_stays_within_its_limits_where_the_frames_ask_for_more():
    separated = fit("temperature", [0.45, 0.48, 0.52, 0.55], [0, 0, 1, 1])
    assert separated.temperature == pytest.approx(0.05)
    backwards = fit("temperature", [0.1, 0.2, 0.8, 0.9, 0.9], [1, 1, 0, 0, 1])
    assert backwards.temperature == pytest.approx(20)
    assert np.diff(backwards.apply([0.1, 0.5, 0.9])).min() > 0


def test_certain_probabilities_are_no_infinite_log_odds():
    probability = np.array([0.0, 0.0, 0.0, 1.0, 1.0, 1.0])
    fitted = fit("temperature", probability, [0, 0, 1, 1, 1, 0])
    assert np.isfinite([fitted.temperature, fitted.shift]).all()
    np.testing.assert_allclose(fitted.apply([0.0, 1.0]), [1 / 3, 2 / 3], atol=1e-3)


@pytest.mark.parametrize("values", [{"temperature": 0.0}, {"temperature": -1.0}, {"shift": float("nan")}])
def test_a_curve_that_does_not_rise_is_refused(values):
    with pytest.raises(ValueError, match="positive temperature"):
        TemperatureCalibration(**({"temperature": 1.0, "shift": 0.0} | values))


# Isotonic


def test_isotonic_regression_equals_scikit_learn():
    probability, true = simulated_head(2_000, 3.0, 1.0)
    reference = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(probability.astype(float), true)
    fitted = fit("isotonic", probability, true)
    asked = np.concatenate([[0, 1], probability, np.random.default_rng(2).random(500)])
    np.testing.assert_allclose(fitted.apply(asked), reference.predict(asked), atol=1e-7)


@pytest.mark.parametrize(
    ("raw", "calibrated"),
    [((), ()), ((0.1, 0.2), (0.1,)), ((0.2, 0.1), (0.1, 0.2)), ((0.1, 0.2), (0.3, 0.2)), ((0.1,), (1.2,))],
)
def test_knots_that_make_no_rising_curve_are_refused(raw, calibrated):
    with pytest.raises(ValueError, match="Received"):
        IsotonicCalibration(raw, calibrated)


# Every kind


@pytest.mark.parametrize("curve", CURVES, ids=lambda curve: curve.kind)
@given(values=anything)
def test_every_curve_rises_stays_in_range_and_keeps_unpredicted_frames(curve, values):
    calibrated = curve.apply(values)
    assert calibrated.dtype == np.float32
    assert calibrated.shape == values.shape
    np.testing.assert_array_equal(np.isnan(calibrated), np.isnan(values))
    known = np.sort(values[~np.isnan(values)])
    assert np.all(np.diff(curve.apply(known)) >= 0)
    assert np.all((curve.apply(known) >= 0) & (curve.apply(known) <= 1))


@pytest.mark.parametrize("choice", ["temperature", "isotonic"])
def test_what_is_written_as_json_calibrates_the_same(choice):
    probability, true = simulated_head(1_000, 2.0, -1.0)
    fitted = fit(choice, probability, true)
    assert fitted is not None and fitted.kind == choice
    again = calibration_from_json(json.loads(json.dumps(fitted.to_json())))
    assert again == fitted
    np.testing.assert_array_equal(again.apply(probability), fitted.apply(probability))


def test_no_calibration_is_kept_with_its_reason():
    written = NoCalibration("no scored frames").to_json()
    assert written == {"kind": "none", "reason": "no scored frames"}
    assert calibration_from_json(written) == NoCalibration("no scored frames")


@pytest.mark.parametrize(
    "values",
    [{}, {"kind": "spline"}, {"kind": "temperature", "temperature": 1.0}, {"kind": "isotonic", "raw": [0.1], "x": 1}],
)
def test_json_of_something_else_is_refused(values):
    with pytest.raises(ValueError, match="calibration of kind"):
        calibration_from_json(values)


@pytest.mark.parametrize("choice", ["temperature", "isotonic"])
def test_frames_that_are_not_scored_or_not_predicted_change_nothing(choice):
    probability, true = simulated_head(500, 2.0, 0.0)
    scored = np.random.default_rng(3).random(500) < 0.8
    gappy = probability.copy()
    gappy[100:150] = np.nan
    used = scored & ~np.isnan(gappy)
    alone = fit(choice, probability[used], true[used])
    assert fit_calibration(choice, [line(true, gappy, scored)]) == alone
    assert fit_calibration(choice, [line(np.where(used, true, ~true), gappy, scored)]) == alone
    parts = [line(true[cut], gappy[cut], scored[cut]) for cut in (slice(200), slice(200, None))]
    assert fit_calibration(choice, parts) == alone


@pytest.mark.parametrize("choice", ["temperature", "isotonic"])
@pytest.mark.parametrize(
    ("recordings", "reason"),
    [
        ([], NO_FRAMES),
        ([([0.2, np.nan], [0, 1], [0, 1])], NO_FRAMES),
        ([([0.2, 0.8], [0, 0], [1, 1])], NO_POSITIVES),
        ([([0.2, 0.8], [1, 1], [1, 1]), ([0.5], [0], [0])], NO_NEGATIVES),
    ],
)
def test_frames_of_one_kind_only_leave_probabilities_alone_with_the_reason(choice, recordings, reason):
    fitted = fit_calibration(choice, [line(true, value, scored) for value, true, scored in recordings])
    assert fitted == NoCalibration(reason)
    np.testing.assert_array_equal(fitted.apply([0.25, np.nan]), np.array([0.25, np.nan], dtype=np.float32))


def test_the_choice_none_calibrates_nothing():
    assert fit("none", [0.2, 0.8], [0, 1]) is None


# Reliability


def test_a_hand_made_reliability_diagram():
    frames = line([0, 1, 0, 1, 1, 1, 1, 0], [0.1, 0.3, 0.5, 0.7, 0.9, 1.0, np.nan, 0.9], [1] * 7 + [0])
    low, high = reliability_rows(*joined_frames([frames]), n_bins=2)
    assert (low["lower"], low["upper"], high["lower"], high["upper"]) == (0, 0.5, 0.5, 1)
    # .5 itself belongs to the upper bin, 1 to the last one; the unpredicted and the unscored frame to none.
    assert (low["n_frames"], low["n_positive"], high["n_frames"], high["n_positive"]) == (2, 1, 4, 3)
    assert low["mean_probability"] == pytest.approx(0.2)
    assert high["mean_probability"] == pytest.approx(3.1 / 4)
    assert (low["observed"], high["observed"]) == (0.5, 0.75)
    assert low["calibration_error"] == high["calibration_error"] == pytest.approx((2 * 0.3 + 4 * 0.025) / 6)
    assert low["brier"] == pytest.approx((0.01 + 0.49 + 0.25 + 0.09 + 0.01 + 0) / 6)


def test_reliability_equals_scikit_learn():
    probability, true = simulated_head(5_000, 2.0, 0.5)
    value = probability.astype(float)
    rows = reliability_rows(true, value, n_bins=12)
    observed, said = calibration_curve(true, value, n_bins=12)
    filled = [row for row in rows if row["n_frames"]]
    np.testing.assert_allclose([row["observed"] for row in filled], observed)
    np.testing.assert_allclose([row["mean_probability"] for row in filled], said)
    assert rows[0]["brier"] == pytest.approx(brier_score_loss(true, value))
    assert rows[0]["log_loss"] == pytest.approx(log_loss(true, value))
    assert sum(row["n_frames"] for row in rows) == 5_000


def test_a_bin_holds_exactly_the_values_between_its_edges():
    value = np.linspace(0, 1, 101)
    for row in reliability_rows(np.zeros(101, bool), value):
        assert row["n_frames"] == np.sum((value >= row["lower"]) & ((value < row["upper"]) | (row["upper"] == 1)))


def test_an_empty_bin_and_no_frames_have_no_numbers():
    empty, _ = reliability_rows(np.array([True]), np.array([0.9]), n_bins=2)
    assert (empty["mean_probability"], empty["observed"]) == (None, None)
    nothing = reliability_rows(*joined_frames([line([1, 1], [0.9, np.nan], [0, 1])]))
    assert len(nothing) == 10
    assert {row[name] for row in nothing for name in ("calibration_error", "brier", "log_loss")} == {None}


def test_a_certain_error_costs_much_and_not_infinitely_much():
    rows = reliability_rows(np.array([True, False]), np.array([0.0, 1.0]))
    assert rows[0]["log_loss"] == pytest.approx(-np.log(1e-6))


def test_one_kind_of_frames_still_has_a_reliability():
    row = reliability_rows(np.zeros(2, bool), np.array([0.2, 0.4]))[0]
    assert row["brier"] == pytest.approx((0.04 + 0.16) / 2)
    assert row["calibration_error"] == pytest.approx(0.3)


@pytest.mark.parametrize("choice", ["temperature", "isotonic"])
def test_on_held_out_frames_a_distorted_head_is_mended_and_a_good_one_hardly_moved(choice):
    held_out, true = simulated_head(20_000, 3.0, -1.5, seed=1)
    mended = fit(choice, *simulated_head(20_000, 3.0, -1.5, seed=2)).apply(held_out)
    before, after = (reliability_rows(true, value.astype(float))[0] for value in (held_out, mended))
    assert after["calibration_error"] < 0.02 < 0.1 < before["calibration_error"]
    assert after["log_loss"] < before["log_loss"] and after["brier"] < before["brier"]
    good, true = simulated_head(20_000, 1.0, 0.0, seed=1)
    moved = fit(choice, *simulated_head(20_000, 1.0, 0.0, seed=2)).apply(good)
    assert np.abs(moved - good).mean() < 0.02
