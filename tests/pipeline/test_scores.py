import csv

import numpy as np
import pytest

from pipeline.postprocess import PostprocessConfig
from pipeline.scores import SCORE_COLUMNS, PredictedRecording, read_scores, score_rows, write_scores

CONTRACT = (
    "behavior,subset,recording,postprocessed,n_frames,n_positive,threshold,"
    "accuracy,precision,recall,f1,average_precision,tp,fp,fn,tn"
)


def recording(name, subset, seed, n_frames=300, positive=0.3):
    rng = np.random.default_rng(seed)
    active = rng.random((n_frames, 2)) < positive
    probability = np.clip(active * 0.4 + rng.random((n_frames, 2)) * 0.6, 0, 1).astype(np.float32)
    return PredictedRecording(name, subset, active, np.ones_like(active), probability, fps=10)


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
    write_scores(path, score_rows(recordings, ["rear", "groom"], PostprocessConfig()))
    assert path.read_text(encoding="utf-8").splitlines()[0] == CONTRACT
    assert ",".join(SCORE_COLUMNS) == CONTRACT


def test_rows_cover_every_behavior_subset_recording_and_way(recordings):
    rows = score_rows(recordings, ["rear", "groom"], PostprocessConfig())
    # per behavior: (pooled + 2 recordings) + (pooled + 1), each raw and closed
    assert len(rows) == 2 * (3 + 2) * 2
    assert [row["recording"] for row in rows[:6:2]] == ["pooled", "m1", "m2"]
    assert {row["postprocessed"] for row in rows} == {"raw", "closed"}


def test_pooled_counts_are_the_recordings_sums_and_ratios_follow_from_them(recordings):
    rows = score_rows(recordings, ["rear", "groom"], PostprocessConfig())
    for way in ("raw", "closed"):
        keys = {"behavior": "rear", "subset": "cross_validation", "postprocessed": way}
        pooled = find(rows, recording="pooled", **keys)
        parts = [find(rows, recording=name, **keys) for name in ("m1", "m2")]
        for count in ("tp", "fp", "fn", "tn", "n_frames", "n_positive"):
            assert pooled[count] == sum(part[count] for part in parts)
        assert pooled["precision"] == pooled["tp"] / (pooled["tp"] + pooled["fp"])


def test_raw_is_the_threshold_alone_and_average_precision_ignores_postprocessing(recordings):
    config = PostprocessConfig(threshold=0.6, max_gap_s=0.5, min_bout_s=0.5)
    rows = score_rows(recordings, ["rear", "groom"], config)
    raw = find(rows, behavior="groom", recording="t", postprocessed="raw")
    closed = find(rows, behavior="groom", recording="t", postprocessed="closed")
    expected = recordings[2].probability[:, 1].astype(float) >= 0.6
    assert raw["tp"] + raw["fp"] == expected.sum()
    assert closed["tp"] + closed["fp"] != expected.sum()
    assert raw["average_precision"] == closed["average_precision"]
    assert raw["threshold"] == 0.6


def test_each_behavior_may_have_its_own_postprocessing(recordings):
    off = PostprocessConfig(threshold=0.5, max_gap_s=0, min_bout_s=0)
    configs = {"rear": off, "groom": PostprocessConfig(threshold=0.9)}
    rows = score_rows(recordings, ["rear", "groom"], configs, ways=["raw"])
    assert {row["threshold"] for row in rows if row["behavior"] == "rear"} == {0.5}
    assert {row["threshold"] for row in rows if row["behavior"] == "groom"} == {0.9}
    assert {row["postprocessed"] for row in rows} == {"raw"}


def test_undefined_scores_are_empty_cells_and_read_back_as_none(tmp_path):
    never = recording("m1", "test", 1, positive=0.0)
    path = tmp_path / "scores.csv"
    rows = score_rows([never], ["rear", "groom"], PostprocessConfig())
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
        write_scores(tmp_path / name, score_rows(recordings, ["rear", "groom"], PostprocessConfig()))
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "b.csv"]


def test_arrays_of_different_shape_are_refused():
    with pytest.raises(ValueError, match="m1"):
        PredictedRecording("m1", "test", np.zeros((5, 2), bool), np.ones((5, 2), bool), np.zeros((4, 2)), 10)


def test_a_table_of_another_kind_is_refused(tmp_path):
    path = tmp_path / "scores.csv"
    path.write_text("behavior,subset\nrear,test\n", encoding="utf-8")
    with pytest.raises(ValueError, match="recording"):
        read_scores(path)
