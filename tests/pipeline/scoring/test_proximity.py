"""Distance and behavior: known answers, and scikit-learn and SciPy as independent libraries."""

from typing import Any

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import average_precision_score, roc_auc_score

from common.tables import Row
from pipeline.scoring.proximity import FARTHER, NEARER, NOT_PREDICTED, UNKNOWN_DISTANCE, Apart, proximity_rows
from pipeline.scoring.statistics.nearness import (
    AUC,
    FARTHEST_FIRST,
    NEAREST_FIRST,
    NOT_SHOWN_MEDIAN,
    SHOWN_MEDIAN,
    SPEARMAN,
    Nearness,
)
from pipeline.scoring.statistics.verdict import NO_VALUE, REAL, TOO_FEW
from pipeline.scoring.timeline import RAW, Timeline
from pipeline.scoring.undefined import NO_POSITIVES


def line(true: Any, name: str = "r", probability: Any = None, **more: Any) -> Timeline:
    """A recording of one behavior; -1 in `true` = nobody scored the frame."""
    labels = np.atleast_2d(np.asarray(true).T).T
    values = np.full(labels.shape, np.nan) if probability is None else np.atleast_2d(np.asarray(probability).T).T
    facts = {"subset": "cross_validation", "behaviors": ("sniff",), "predicted": {RAW: labels == 1}} | more
    return Timeline(recording=name, fps=30.0, probability=values, true=labels == 1, scored=labels >= 0, **facts)


def apart(timeline: Timeline, distance: Any, cluster: str = "", body_length_px: float = 10.0) -> Apart:
    px = np.asarray(distance, dtype=float)
    return Apart(timeline, {"centers": px}, {"centers": px / body_length_px}, cluster or timeline.recording)


def row_of(rows: list[Row], **wanted: str) -> Row:
    (row,) = (row for row in rows if all(row[key] == value for key, value in wanted.items()))
    return row


def test_any_weights_of_clusters_give_what_libraries_give_on_repeated_frames():
    rng = np.random.default_rng(0)
    clusters = [(rng.uniform(size=n) < 0.3, rng.integers(0, 12, n) / 4) for n in (30, 7, 55, 1)]
    nearness = Nearness(clusters)
    weights = np.array([[1, 1, 1, 1], [0, 3, 1, 0], [2, 0, 1, 5], [0, 0, 0, 4]])
    found = {name: nearness.statistic(name)(weights) for name in (AUC, NEAREST_FIRST, FARTHEST_FIRST, SPEARMAN)}
    medians = {name: nearness.statistic(name)(weights) for name in (SHOWN_MEDIAN, NOT_SHOWN_MEDIAN)}
    for i, row in enumerate(weights[:-1]):
        true, distance = (
            np.concatenate([np.repeat(cluster[part], w) for cluster, w in zip(clusters, row, strict=True)])
            for part in (0, 1)
        )
        assert found[AUC][i] == pytest.approx(roc_auc_score(true, -distance))
        assert found[NEAREST_FIRST][i] == pytest.approx(average_precision_score(true, -distance))
        assert found[FARTHEST_FIRST][i] == pytest.approx(average_precision_score(true, distance))
        assert found[SPEARMAN][i] == pytest.approx(spearmanr(distance, true).statistic)
        for name, counted in ((SHOWN_MEDIAN, true), (NOT_SHOWN_MEDIAN, ~true)):
            assert medians[name][i] == np.quantile(distance[counted], 0.5, method="inverted_cdf")
    assert np.isnan(found[AUC][-1]) and np.isnan(found[SPEARMAN][-1])
    for is_shown in (True, False):
        values = np.concatenate([d[t == is_shown] for t, d in clusters])
        expected = np.quantile(values, [0.05, 0.25, 0.5, 0.75, 0.95], method="inverted_cdf")
        assert nearness.quantiles(is_shown) == expected.tolist()


def test_a_hand_made_timeline_with_unknown_frames():
    # Two frames nobody scored, and two without a distance, are left out; the latter are counted.
    true = [1, 1, 1, 0, 0, 0, 0, -1, -1, 1, 0]
    distance = [10, 20, 40, 30, 50, 60, 60, 5, 500, np.nan, np.nan]
    probability = [0.9, 0.2, 0.8, 0.1, 0.1, 0.3, 0.1, 0.5, 0.5, 0.5, 0.5]
    rows = proximity_rows([apart(line(true, probability=probability), distance)])
    pooled, alone = rows
    assert (pooled["recording"], alone["recording"]) == ("pooled", "r")
    for row in rows:
        counts = [row[f"n_{name}"] for name in ("shown", "not_shown", "unknown_shown", "unknown_not_shown")]
        assert counts == [3, 4, 1, 1] and row["unit"] == "body lengths" and row["positive"] == NEARER
        assert (row["shown_median"], row["not_shown_median"]) == (2.0, 5.0)
        assert (row["shown_median_px"], row["shown_q95_px"], row["not_shown_q05_px"]) == (20.0, 40.0, 30.0)
        # Of 12 pairs one is the wrong way round: 40 and 30.
        assert row["auc"] == pytest.approx(11 / 12) and row["chance"] == pytest.approx(3 / 7)
        assert row["average_precision"] == pytest.approx((1 + 1 + 3 / 4) / 3)
        assert row["head_average_precision"] == pytest.approx((1 + 1 + 3 / 4) / 3)
        assert row["spearman"] == pytest.approx(spearmanr(distance[:7], true[:7]).statistic)
    assert (pooled["verdict"], pooled["head_minus_distance"]) == (TOO_FEW, 0.0)
    assert pooled["auc_low"] is None and "needs 4" in pooled["reason"] and alone["verdict"] == ""


def test_a_behavior_shown_when_far_is_called_from_the_farthest_on():
    true, distance = [1, 1, 0, 0], [40, 30, 35, 10]
    row = proximity_rows([apart(line(true), distance)])[0]
    assert row["positive"] == FARTHER and row["auc"] == 0.25
    assert row["average_precision"] == pytest.approx(average_precision_score(true, distance))
    assert (row["verdict"], row["verdict_reason"]) == (NO_VALUE, NOT_PREDICTED)


def test_the_background_of_exclusive_classes_is_a_behavior_too():
    classes = [[1, 0], [1, 0], [0, 1], [0, 0], [0, 0]]
    probability = [[0.8, 0.1], [0.6, 0.1], [0.1, 0.8], [0.2, 0.1], [0.1, 0.1]]
    behaviors = {"behaviors": ("sniff", "fight"), "task": "exclusive", "background": "other"}
    rows = proximity_rows([apart(line(classes, probability=probability, **behaviors), [1, 2, 3, 8, 9])])
    other = row_of(rows, behavior="other", recording="pooled")
    assert (other["n_shown"], other["auc"], other["positive"]) == (2, 0.0, FARTHER)
    assert other["average_precision"] == other["head_average_precision"] == 1.0
    assert row_of(rows, behavior="sniff", recording="pooled")["auc"] == 1.0


def test_direction_and_measure_come_from_training_recordings_and_reasons_are_told():
    true = [1, 1, 0, 0]
    training = apart(line(true, "train"), [1, 2, 3, 4])
    test = apart(line(true, "test", subset="test"), [3, 4, 1, 2])
    rows = proximity_rows([test, training])  # the table names the test recording first
    found = row_of(rows, subset="test", recording="pooled")
    assert found["positive"] == NEARER and found["auc"] == 0.0
    never = proximity_rows([apart(line([0, 0, -1]), [1, 2, 3])])[0]
    assert (never["auc"], never["reason"], never["verdict_reason"]) == (None, NO_POSITIVES, NO_POSITIVES)
    unknown = proximity_rows([apart(line(true), [np.nan] * 4)])[0]
    assert (unknown["reason"], unknown["shown_median"], unknown["n_unknown_shown"]) == (UNKNOWN_DISTANCE, None, 2)
    # Where one recording has no body axis, all are ranked in pixels.
    mixed = proximity_rows([training, Apart(line(true, "b"), {"centers": np.array([5.0, 6, 7, 8])}, {}, "b")])
    pooled, of_training, of_other = mixed
    assert [row["unit"] for row in mixed] == ["px", "body lengths", "px"] and pooled["shown_median"] is None
    assert (of_training["shown_median"], of_other["shown_median_px"], pooled["not_shown_q95_px"]) == (0.1, 5.0, 8.0)


def test_intervals_resample_individuals_and_a_better_head_is_told():
    rng = np.random.default_rng(1)
    recordings = []
    for i in range(9):
        true = rng.uniform(size=60) < 0.3
        distance = np.round(rng.normal(np.where(true, 20, 30), 8), 1)
        probability = np.clip(true * 0.6 + rng.uniform(size=60) * 0.4, 0, 1)
        # The first two recordings are of one individual.
        recordings.append(apart(line(true, f"r{i}", probability), distance, cluster=f"m{max(i, 1)}"))
    rows = proximity_rows(recordings)
    row = row_of(rows, recording="pooled")
    assert row["n_individuals"] == 8 and row["verdict"] == REAL and row["reason"] == ""
    assert row["auc_low"] < row["auc"] < row["auc_high"] and row["difference_low"] > 0
    difference = row["head_average_precision"] - row["average_precision"]
    assert row["head_minus_distance"] == pytest.approx(difference)
    assert rows == proximity_rows(recordings)
    # Four individuals have an interval, three have none, however many recordings there are.
    few = proximity_rows([*recordings[:2], *recordings[:2], *recordings[2:4]])[0]
    assert (few["n_individuals"], few["auc_low"]) == (3, None)
