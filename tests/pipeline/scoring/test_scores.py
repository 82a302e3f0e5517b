import numpy as np
import pytest

from pipeline.scoring.postprocessing.postprocess import PostprocessConfig, close_gaps, drop_short_bouts
from pipeline.scoring.scores import score_rows
from pipeline.scoring.timeline import Timeline, postprocess_variants
from pipeline.training.chosen_settings import fixed_variants

DEFAULT = PostprocessConfig()


def recording(name, subset, seed, n_frames=300, positive=0.3, settings=(DEFAULT, DEFAULT)):
    rng = np.random.default_rng(seed)
    active = rng.random((n_frames, 2)) < positive
    probability = np.clip(active * 0.4 + rng.random((n_frames, 2)) * 0.6, 0, 1).astype(np.float32)
    variants = tuple(map(fixed_variants, settings))
    return Timeline(
        name,
        10.0,
        ("rear", "groom"),
        probability,
        postprocess_variants(probability, variants, 10.0),
        active,
        np.ones_like(active),
        variants,
        subset,
    )


@pytest.fixture
def recordings():
    return [
        recording("m1", "cross_validation", 1),
        recording("m2", "cross_validation", 2),
        recording("t", "test", 3),
    ]


def find(rows, **keys):
    (row,) = [row for row in rows if all(row[key] == value for key, value in keys.items())]
    return row


def test_rows_cover_every_behavior_subset_recording_and_way(recordings):
    rows = score_rows(recordings, ["rear", "groom"])
    # per behavior: (pooled + 2 recordings) + (pooled + 1), each in three ways
    assert len(rows) == 2 * (3 + 2) * 3
    assert [row["recording"] for row in rows[:9:3]] == ["pooled", "m1", "m2"]
    assert {row["postprocessed"] for row in rows} == {"raw", "closed", "full"}


def test_pooled_counts_are_the_recordings_sums_and_ratios_follow_from_them(recordings):
    rows = score_rows(recordings, ["rear", "groom"])
    for variant in ("raw", "closed", "full"):
        keys = {"behavior": "rear", "subset": "cross_validation", "postprocessed": variant}
        pooled = find(rows, recording="pooled", **keys)
        parts = [find(rows, recording=name, **keys) for name in ("m1", "m2")]
        for count in ("tp", "fp", "fn", "tn", "n_frames", "n_positive"):
            assert pooled[count] == sum(part[count] for part in parts)
        assert pooled["precision"] == pooled["tp"] / (pooled["tp"] + pooled["fp"])


def test_raw_is_the_threshold_alone_closed_only_fills_gaps_and_average_precision_ignores_both():
    config = PostprocessConfig(threshold=0.6, max_gap_s=0.5, min_bout_s=0.5)
    rows = score_rows([recording("t", "test", 3, settings=(config, config))], ["rear", "groom"])
    raw, closed, full = (
        find(rows, behavior="groom", recording="t", postprocessed=variant) for variant in ("raw", "closed", "full")
    )
    material = recording("t", "test", 3)
    expected = material.probability[:, 1].astype(float) >= 0.6
    assert raw["tp"] + raw["fp"] == expected.sum()
    assert closed["tp"] + closed["fp"] == close_gaps(expected, 5).sum() > expected.sum()
    assert full["tp"] + full["fp"] == drop_short_bouts(close_gaps(expected, 5), 5).sum()
    assert raw["average_precision"] == closed["average_precision"] == full["average_precision"]
    assert raw["threshold"] == 0.6


def test_settings_belong_to_the_behavior_and_the_recording():
    strict, loose = PostprocessConfig(threshold=0.9), PostprocessConfig(threshold=0.2)
    members = [
        recording("m1", "test", 1, settings=(strict, DEFAULT)),
        recording("m2", "test", 2, settings=(loose, DEFAULT)),
    ]
    rows = score_rows(members, ["rear", "groom"], variants=["raw"])
    assert [row["threshold"] for row in rows if row["behavior"] == "groom"] == [0.5] * 3
    # Pooled over recordings with different thresholds there is none to name.
    assert [row["threshold"] for row in rows if row["behavior"] == "rear"] == [None, 0.9, 0.2]
    pooled, first, second = (row for row in rows if row["behavior"] == "rear")
    assert pooled["tp"] == first["tp"] + second["tp"]
    assert {row["postprocessed"] for row in rows} == {"raw"}


def test_a_timeline_whose_arrays_do_not_belong_together_is_refused():
    frames, longer = np.zeros((5, 1), bool), np.zeros((6, 1), bool)
    probability = np.zeros((5, 1), np.float32)
    with pytest.raises(ValueError, match="m1"):
        Timeline("m1", 10.0, ("rear",), probability, {"full": longer}, frames, frames)
    with pytest.raises(ValueError, match="m1"):
        Timeline("m1", 10.0, ("rear",), probability, {}, longer, longer)
    with pytest.raises(ValueError, match="in pairs"):
        Timeline("m1", 10.0, ("rear",), probability, {}, true=frames)
    with pytest.raises(ValueError, match="a column for each"):
        Timeline("m1", 10.0, ("rear", "groom"), probability, {})


def test_a_recording_without_labels_has_no_scored_frame_and_one_without_predictions_no_active_one():
    predicted = {"full": np.ones((5, 1), bool)}
    unlabelled = Timeline("m1", 10.0, ("rear",), np.ones((5, 1), np.float32), predicted)
    assert not unlabelled.behavior(0).scored.any() and unlabelled.behavior(0).predicted.all()
    frames = np.ones((5, 1), bool)
    unpredicted = Timeline("m2", 10.0, ("rear",), np.full((5, 1), np.nan, np.float32), {}, frames, frames)
    assert not unpredicted.behavior(0).predicted.any() and not unpredicted.behavior(0).used_frames().any()
    assert not unpredicted.is_predicted
