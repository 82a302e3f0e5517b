import csv

import numpy as np
import pytest

from pipeline.scoring.postprocessing.postprocess import PostprocessConfig, close_gaps, drop_short_bouts
from pipeline.scoring.scores import SCORE_COLUMNS, PredictedRecording, read_scores, score_rows, write_scores
from pipeline.training.chosen_settings import fixed_variants

CONTRACT = (
    "behavior,subset,recording,postprocessed,n_frames,n_positive,threshold,"
    "accuracy,precision,recall,f1,average_precision,tp,fp,fn,tn"
)


DEFAULT = PostprocessConfig()


def recording(name, subset, seed, n_frames=300, positive=0.3, settings=(DEFAULT, DEFAULT)):
    rng = np.random.default_rng(seed)
    active = rng.random((n_frames, 2)) < positive
    probability = np.clip(active * 0.4 + rng.random((n_frames, 2)) * 0.6, 0, 1).astype(np.float32)
    return PredictedRecording(
        name, subset, active, np.ones_like(active), probability, 10, tuple(map(fixed_variants, settings))
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


def test_header_is_the_contract(tmp_path, recordings):
    path = tmp_path / "scores.csv"
    write_scores(path, score_rows(recordings, ["rear", "groom"]))
    assert path.read_text(encoding="utf-8").splitlines()[0].startswith(CONTRACT + ",")
    assert ",".join(SCORE_COLUMNS) == CONTRACT + ",balanced_accuracy,cohen_kappa,mcc,roc_auc"


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


def test_undefined_scores_are_empty_cells_and_read_back_as_none(tmp_path):
    never = recording("m1", "test", 1, positive=0.0)
    path = tmp_path / "scores.csv"
    rows = score_rows([never], ["rear", "groom"])
    write_scores(path, rows)
    with path.open(encoding="utf-8", newline="") as stream:
        cells = next(csv.DictReader(stream))
    assert (cells["recall"], cells["f1"], cells["average_precision"]) == ("", "", "")
    assert cells["n_positive"] == "0"
    back = read_scores(path)
    assert back[0]["recall"] is None
    assert back[0]["accuracy"] == pytest.approx(rows[0]["accuracy"], abs=1e-6)
    assert back[0]["tn"] == rows[0]["tn"]


def test_equal_scores_give_equal_bytes(tmp_path, recordings):
    for name in ("a.csv", "b.csv"):
        write_scores(tmp_path / name, score_rows(recordings, ["rear", "groom"]))
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "b.csv"]


def test_arrays_of_different_shape_are_refused():
    with pytest.raises(ValueError, match="m1"):
        PredictedRecording("m1", "test", np.zeros((5, 2), bool), np.ones((5, 2), bool), np.zeros((4, 2)), 10, ())


def test_a_table_of_another_kind_is_refused(tmp_path):
    path = tmp_path / "scores.csv"
    path.write_text("behavior,subset\nrear,test\n", encoding="utf-8")
    with pytest.raises(ValueError, match="recording"):
        read_scores(path)
