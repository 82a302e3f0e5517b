import csv

import numpy as np
import pytest

from pipeline.scoring.bouts.metrics import (
    NO_END_SEEN,
    NO_MATCHED_BOUT,
    NO_PREDICTED_BOUT,
    NO_TRUE_BOUT,
    BoutCounts,
    bout_counts,
)
from pipeline.scoring.bouts.scores import (
    BOUT_SCORE_COLUMNS,
    bout_score_row_cells,
    pooled_bout_counts,
    read_bout_scores,
    reasons_undefined,
    write_bout_scores,
)
from pipeline.scoring.metrics import NO_FRAMES, FrameArrays

CONTRACT = (
    "behavior,subset,recording,postprocessed,n_true,n_predicted,"
    "bout_precision_iou10,bout_recall_iou10,bout_f1_iou10,bout_f1_iou10_true_to_predicted,"
    "bout_precision_iou25,bout_recall_iou25,bout_f1_iou25,bout_f1_iou25_true_to_predicted,"
    "bout_precision_iou50,bout_recall_iou50,bout_f1_iou50,bout_f1_iou50_true_to_predicted,"
    "missed,invented,split,merged,n_matched,"
    "onset_error_s,onset_shift_s,offset_error_s,offset_shift_s,edit_score"
)
KEY = {"behavior": "rear", "subset": "test", "recording": "m1", "postprocessed": "full"}


def arrays(seed, n_frames=400):
    """A recording with unscored and unpredicted frames in it."""
    rng = np.random.default_rng(seed)
    true = np.cumsum(rng.random(n_frames) < 0.1) % 2 == 1
    probability = np.clip(0.5 * true + 0.6 * rng.random(n_frames), 0, 1)
    scored = np.ones(n_frames, dtype=bool)
    scored[100:130] = False
    probability[200:210] = np.nan
    return FrameArrays(true, probability >= 0.5, probability, scored)


def row(counts, **key):
    return {**KEY, **key, **bout_score_row_cells(counts)}


def counts_of(true, predicted, **options):
    return bout_counts(np.array(list(true)) == "#", np.array(list(predicted)) == "#", fps=10, **options)


def test_header_is_the_contract(tmp_path):
    path = tmp_path / "bout_scores.csv"
    write_bout_scores(path, [row(BoutCounts())])
    assert path.read_text(encoding="utf-8").splitlines()[0] == CONTRACT
    assert ",".join(BOUT_SCORE_COLUMNS) == CONTRACT
    assert ",".join(bout_score_row_cells(BoutCounts())) == CONTRACT.split(",", 4)[4]


def test_cells_of_a_hand_made_timeline():
    cells = bout_score_row_cells(
        counts_of(
            ".####.......##########......##.",
            "..###..##...###....###.........",
        )
    )
    # Found: the first bout (3/4), the second one in two parts of IoU 0.3, not the third; one invented.
    assert (cells["n_true"], cells["n_predicted"], cells["n_matched"]) == (3, 4, 2)
    assert (cells["missed"], cells["invented"], cells["split"], cells["merged"]) == (1, 1, 1, 0)
    assert (cells["bout_precision_iou25"], cells["bout_recall_iou25"]) == (pytest.approx(2 / 4), pytest.approx(2 / 3))
    assert cells["bout_f1_iou10"] == cells["bout_f1_iou25"] == pytest.approx(4 / 7)
    assert (cells["bout_precision_iou50"], cells["bout_recall_iou50"]) == (pytest.approx(1 / 4), pytest.approx(1 / 3))
    assert cells["bout_f1_iou50"] == cells["bout_f1_iou50_true_to_predicted"] == pytest.approx(2 / 7)
    # Onsets 0.1 s late and exact; offsets exact and 0.7 s early.
    assert (cells["onset_error_s"], cells["onset_shift_s"]) == (pytest.approx(0.05), pytest.approx(0.05))
    assert (cells["offset_error_s"], cells["offset_shift_s"]) == (pytest.approx(0.35), pytest.approx(-0.35))
    assert cells["edit_score"] == pytest.approx(1 - 2 / 9)


def test_each_view_has_its_own_cells():
    true, predicted = np.zeros((2, 50), dtype=bool)
    true[0:30] = true[32:37] = predicted[0:14] = predicted[15:35] = True
    cells = bout_score_row_cells(bout_counts(true, predicted, fps=10))
    assert (cells["bout_f1_iou10"], cells["bout_f1_iou10_true_to_predicted"]) == (0.5, 1.0)


def test_pooled_counts_are_sums_over_frames_that_are_scored_and_predicted():
    parts, fps = [arrays(1), arrays(2), arrays(3, n_frames=250)], [25, 10, 30]
    expected = BoutCounts()
    for part, recording_fps in zip(parts, fps, strict=True):
        used = part.scored & ~np.isnan(part.probability)
        assert 0 < used.sum() < part.scored.sum() < len(used)
        expected = expected + bout_counts(part.true, part.predicted, recording_fps, used)
    assert pooled_bout_counts(parts, fps) == expected
    assert expected.n_matched > 10
    assert pooled_bout_counts([], []) == BoutCounts()


def test_recordings_without_their_fps_and_unequal_timelines_are_refused():
    with pytest.raises(ValueError, match="zip"):
        pooled_bout_counts([arrays(1), arrays(2)], [25])
    with pytest.raises(ValueError, match="four timelines"):
        pooled_bout_counts([arrays(1)._replace(probability=np.zeros(1))], [25])


def test_a_table_is_read_back_with_its_types(tmp_path):
    path = tmp_path / "bout_scores.csv"
    rows = [row(pooled_bout_counts([arrays(1)], [25])), row(counts_of("..#..", "....."), recording="pooled")]
    write_bout_scores(path, rows)
    back = read_bout_scores(path)
    assert [list(cells) for cells in back] == [list(BOUT_SCORE_COLUMNS)] * 2
    for written, read in zip(rows, back, strict=True):
        for column, value in written.items():
            assert type(read[column]) is type(value), column
            assert read[column] == (pytest.approx(value, abs=1e-6) if isinstance(value, float) else value)


def test_undefined_scores_are_empty_cells_with_a_reason(tmp_path):
    ends = ("onset_error_s", "onset_shift_s", "offset_error_s", "offset_shift_s")
    precisions = [f"bout_precision_iou{k}" for k in (10, 25, 50)]
    of_true = [f"bout_{name}" for k in (10, 25, 50) for name in (f"recall_iou{k}", f"f1_iou{k}")]
    of_true += [f"bout_f1_iou{k}_true_to_predicted" for k in (10, 25, 50)]
    no_match = dict.fromkeys(ends, NO_MATCHED_BOUT)
    cases = [
        (counts_of("..#..", "....."), {**dict.fromkeys(precisions, NO_PREDICTED_BOUT), **no_match}),
        (counts_of(".....", "..#.."), {**dict.fromkeys(of_true, NO_TRUE_BOUT), **no_match}),
        (counts_of("#####", "#####"), dict.fromkeys(ends, NO_END_SEEN)),
        (BoutCounts(), dict.fromkeys([*precisions, *of_true, *ends, "edit_score"], NO_FRAMES)),
        (counts_of(".###.", ".###."), {}),
    ]
    path = tmp_path / "bout_scores.csv"
    write_bout_scores(path, [row(counts) for counts, _ in cases])
    with path.open(encoding="utf-8", newline="") as stream:
        written = list(csv.DictReader(stream))
    for (counts, reasons), cells, back in zip(cases, written, read_bout_scores(path), strict=True):
        assert reasons_undefined(row(counts)) == reasons_undefined(back) == reasons
        assert {column for column, text in cells.items() if text == ""} == set(reasons)


def test_equal_scores_give_equal_bytes(tmp_path):
    for name in ("a.csv", "b.csv"):
        write_bout_scores(tmp_path / name, [row(pooled_bout_counts([arrays(1), arrays(2)], [25, 25]))])
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


def test_a_row_without_its_key_and_a_table_of_another_kind_are_refused(tmp_path):
    path = tmp_path / "bout_scores.csv"
    with pytest.raises(ValueError, match="behavior"):
        write_bout_scores(path, [bout_score_row_cells(BoutCounts())])
    path.write_text("behavior,subset\nrear,test\n", encoding="utf-8")
    with pytest.raises(ValueError, match="edit_score"):
        read_bout_scores(path)
