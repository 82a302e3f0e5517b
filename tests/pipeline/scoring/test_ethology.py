import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from pipeline.scoring.statistics.ethology import (
    NO_RECORDINGS,
    NO_VARIANCE,
    STATISTICS,
    TOO_FEW_FOR_LIMITS,
    TOO_FEW_FOR_R,
    behavior_statistics,
    statistic_agreement,
    time_bins,
)
from pipeline.scoring.statistics.ethology_tables import statistics_agreement_rows, statistics_rows
from pipeline.scoring.timeline import Timeline
from tests.pipeline.scoring.lines import bits

frames = st.lists(st.tuples(st.booleans(), st.booleans()), max_size=120)


def everything(text):
    return np.ones(len(text), dtype=bool)


def walk(active, known):
    """Bouts as (start, length), found frame by frame."""
    bouts, inside = [], False
    for frame, (on, seen) in enumerate(zip(active, known, strict=True)):
        if on and seen and inside:
            bouts[-1][1] += 1
        elif on and seen:
            bouts.append([frame, 1])
        inside = on and seen
    return bouts


def test_a_hand_made_timeline():
    text = "0011100001000000110000"
    found = behavior_statistics(bits(text), everything(text), fps=2)
    expected = {"known_s": 11, "total_s": 3, "fraction": 6 / 22, "n_bouts": 3}
    assert found == expected | {"mean_bout_s": 1, "median_bout_s": 1, "latency_s": 1}


def test_unknown_frames_cut_bouts_and_are_no_part_of_any_duration():
    active, known = bits("0111110001"), bits("1110111100")
    found = behavior_statistics(active, known, fps=1)
    # frames 1-2 and 4-5 are seen; frame 3 cuts them, frame 9 is not known
    assert (found["known_s"], found["total_s"], found["n_bouts"]) == (7, 4, 2)
    assert found["fraction"] == pytest.approx(4 / 7)
    assert (found["mean_bout_s"], found["latency_s"]) == (2, 1)


def test_latency_counts_from_the_start_of_the_recording():
    found = behavior_statistics(bits("1110001100"), bits("0000011111"), fps=2)
    assert found["latency_s"] == 3.0
    assert behavior_statistics(bits("100"), bits("111"), fps=2)["latency_s"] == 0.0


def test_a_behavior_that_is_not_seen_has_a_duration_of_zero_and_no_latency():
    found = behavior_statistics(bits("000"), bits("110"), fps=1)
    assert (found["total_s"], found["fraction"], found["n_bouts"]) == (0, 0, 0)
    assert (found["mean_bout_s"], found["median_bout_s"], found["latency_s"]) == (None, None, None)


def test_nothing_known_is_not_zero():
    found = behavior_statistics(bits("110"), bits("000"), fps=1)
    assert {found[name] for name in STATISTICS} == {None}
    (piece,) = time_bins(bits("110"), bits("000"), fps=1)
    assert (piece["known_s"], piece["total_s"], piece["fraction"], piece["n_bouts_started"]) == (0, None, None, None)


@settings(max_examples=60)
@given(frames, st.sampled_from([1.0, 10.0, 25.0, 29.97]))
def test_statistics_equal_a_walk_over_the_frames(rows, fps):
    active, known = [row[0] for row in rows], [row[1] for row in rows]
    found = behavior_statistics(active, known, fps)
    bouts = walk(active, known)
    if not any(known):
        assert found["n_bouts"] is None
        return
    assert found["n_bouts"] == len(bouts)
    assert found["total_s"] == pytest.approx(sum(length for _, length in bouts) / fps)
    assert found["fraction"] == pytest.approx(found["total_s"] / found["known_s"])
    if bouts:
        assert found["mean_bout_s"] == pytest.approx(found["total_s"] / len(bouts))
        assert found["median_bout_s"] == pytest.approx(np.median([length for _, length in bouts]) / fps)
        assert found["latency_s"] == pytest.approx(bouts[0][0] / fps)


def test_bins_of_a_hand_made_timeline():
    #       bin 0  bin 1  bin 2 (shorter)
    active, known = bits("0110111110"), bits("1111110011")
    first, second, last = time_bins(active, known, fps=2, bin_s=2)
    assert (first["start_s"], first["length_s"], first["total_s"]) == (0, 2, 1)
    assert (first["fraction"], first["n_bouts_started"]) == (0.5, 1)
    assert (second["start_s"], second["length_s"], second["known_s"], second["total_s"]) == (2, 2, 1, 1)
    assert (second["fraction"], second["n_bouts_started"]) == (1, 1)
    assert (last["start_s"], last["length_s"], last["total_s"], last["n_bouts_started"]) == (4, 1, 0.5, 1)


def test_a_bout_over_the_edge_of_a_bin_starts_once_and_its_time_is_shared():
    first, second = time_bins(bits("00111100"), everything("00111100"), fps=1, bin_s=4)
    assert (first["n_bouts_started"], second["n_bouts_started"]) == (1, 0)
    assert (first["total_s"], second["total_s"]) == (2, 2)


def test_a_frame_belongs_to_the_bin_in_which_it_begins():
    # At 29.97 fps frame 1798 begins at 59.993 s, 1799 at 60.027 s, 3596 at 119.987 s and 3597 at 120.02 s.
    active = np.zeros(3600, dtype=bool)
    active[[1798, 3596]] = True
    pieces = time_bins(active, np.ones(3600, dtype=bool), fps=29.97, bin_s=60)
    assert [piece["n_bouts_started"] for piece in pieces] == [1, 1, 0]
    assert [piece["start_s"] for piece in pieces] == pytest.approx([0, 1799 / 29.97, 3597 / 29.97])


@settings(max_examples=60)
@given(frames, st.sampled_from([1.0, 10.0, 29.97]), st.sampled_from([1.0, 1.7, 60.0]))
def test_bins_add_up_to_the_recording(rows, fps, bin_s):
    active, known = [row[0] for row in rows], [row[1] for row in rows]
    pieces = time_bins(active, known, fps, bin_s)
    whole = behavior_statistics(active, known, fps)
    assert sum(piece["length_s"] for piece in pieces) == pytest.approx(len(rows) / fps)
    assert sum(piece["known_s"] for piece in pieces) == pytest.approx(whole["known_s"])
    assert sum(piece["total_s"] or 0 for piece in pieces) == pytest.approx(whole["total_s"] or 0)
    assert sum(piece["n_bouts_started"] or 0 for piece in pieces) == (whole["n_bouts"] or 0)
    assert all(abs(piece["length_s"] - bin_s) < 1 / fps + 1e-9 for piece in pieces[:-1])


def test_agreement_of_hand_made_values():
    # Differences 2, -1, 2, 1, 1: mean 1, sum of squares about it 6.
    found = statistic_agreement([10, 20, 30, 40, 50], [12, 19, 32, 41, 51])
    sd = np.sqrt(6 / 4)
    assert (found["n_recordings"], found["n_left_out"], found["reason"]) == (5, 0, "")
    assert found["bias"] == pytest.approx(1)
    assert found["mean_absolute_error"] == pytest.approx(7 / 5)
    assert (found["human_mean"], found["predicted_mean"]) == (30, 31)
    assert (found["limit_low"], found["limit_high"]) == (pytest.approx(1 - 1.96 * sd), pytest.approx(1 + 1.96 * sd))
    expected = stats.pearsonr([10, 20, 30, 40, 50], [12, 19, 32, 41, 51]).statistic
    assert found["pearson_r"] == pytest.approx(expected)


def test_recordings_without_a_value_on_one_side_are_left_out_and_counted():
    found = statistic_agreement([1.0, None, 3.0, 4.0], [2.0, 5.0, None, 4.0])
    assert (found["n_recordings"], found["n_left_out"]) == (2, 2)
    assert found["bias"] == pytest.approx(0.5)
    assert (found["pearson_r"], found["limit_low"], found["limit_high"]) == (None, None, None)
    assert found["reason"] == f"{TOO_FEW_FOR_R}; {TOO_FEW_FOR_LIMITS}"


def test_few_or_equal_values_have_reasons_instead_of_numbers():
    one = statistic_agreement([1.0], [3.0])
    assert (one["bias"], one["limit_low"], one["pearson_r"]) == (2, None, None)
    assert one["reason"] == f"{TOO_FEW_FOR_R}; {TOO_FEW_FOR_LIMITS}"
    flat = statistic_agreement([0.1 + 0.2, 0.3, 0.3], [1, 2, 3])
    assert (flat["pearson_r"], flat["reason"]) == (None, NO_VARIANCE)
    assert flat["limit_low"] is not None
    none = statistic_agreement([None], [2.0])
    assert (none["n_recordings"], none["n_left_out"], none["bias"], none["reason"]) == (0, 1, None, NO_RECORDINGS)


def rearing(recording, predicted, known, true=None, scored=None, fps=2.0, subset="test"):
    """A timeline of one behavior."""
    labels = None if true is None else (bits(true)[:, None], bits(scored)[:, None])
    probability = np.where(bits(known), 0.5, np.nan)[:, None]
    calls = {"full": bits(predicted)[:, None]}
    return Timeline(recording, fps, ("rear",), probability, calls, *(labels or ()), subset=subset)


@pytest.fixture
def timelines():
    return [
        rearing("m1", "0111001000", "1111111111", "0110001000", "1111111111"),
        rearing("m2", "0110111111", "1111111111", "0110001111", "1111110000"),
        rearing("m3", "0000000000", "1111111111", "0000000000", "1111111111"),
        rearing("m4", "0110", "1110", subset="predict"),
    ]


def test_rows_hold_what_each_source_knows(timelines):
    rows = statistics_rows(timelines)
    keys = [(row["recording"], row["source"]) for row in rows]
    assert keys == [(m, s) for m in ("m1", "m2", "m3") for s in ("human", "predicted")] + [("m4", "predicted")]
    by_key = dict(zip(keys, rows, strict=True))
    assert (by_key["m2", "human"]["n_bouts"], by_key["m2", "human"]["known_s"]) == (1, 3)
    assert (by_key["m2", "predicted"]["n_bouts"], by_key["m2", "predicted"]["known_s"]) == (2, 5)
    assert by_key["m4", "predicted"]["total_s"] == 1


def test_agreement_is_on_the_frames_that_both_know(timelines):
    rows = {row["statistic"]: row for row in statistics_agreement_rows(timelines)}
    assert {row["subset"] for row in rows.values()} == {"test"}
    # m1: 1.5 and 2 s; m2, first six frames: 1 and 2 s; m3: nothing
    total = rows["total_s"]
    assert (total["n_recordings"], total["n_left_out"]) == (3, 0)
    assert total["human_mean"] == pytest.approx(2.5 / 3)
    assert total["predicted_mean"] == pytest.approx(4 / 3)
    assert total["bias"] == pytest.approx(1.5 / 3)
    assert rows["n_bouts"]["bias"] == pytest.approx(1 / 3)
    assert rows["latency_s"]["n_left_out"] == 1
    assert rows["latency_s"]["reason"]


def test_a_bout_where_nothing_was_predicted_is_no_error_of_the_model():
    item = rearing("m1", "011000000", "111111000", "011000110", "111111111", fps=1.0)
    rows = {row["statistic"]: row for row in statistics_agreement_rows([item])}
    assert (rows["total_s"]["human_mean"], rows["total_s"]["bias"]) == (2, 0)
    assert rows["fraction"]["human_mean"] == pytest.approx(2 / 6)
    assert rows["n_bouts"]["bias"] == 0
