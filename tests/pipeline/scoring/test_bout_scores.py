import numpy as np
import pytest

from pipeline.scoring.bouts.metrics import BoutCounts, bout_counts
from pipeline.scoring.bouts.scores import bout_cells, pooled_bout_counts
from tests.pipeline.scoring.lines import line


def recording(seed, fps=25, n_frames=400):
    """A recording with unscored and unpredicted frames in it."""
    rng = np.random.default_rng(seed)
    true = np.cumsum(rng.random(n_frames) < 0.1) % 2 == 1
    probability = np.clip(0.5 * true + 0.6 * rng.random(n_frames), 0, 1)
    scored = np.ones(n_frames, dtype=bool)
    scored[100:130] = False
    probability[200:210] = np.nan
    return line(true, probability, scored, fps=fps)


def counts_of(true, predicted, **options):
    return bout_counts(np.array(list(true)) == "#", np.array(list(predicted)) == "#", fps=10, **options)


def test_cells_of_a_hand_made_timeline():
    cells = bout_cells(
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
    cells = bout_cells(bout_counts(true, predicted, fps=10))
    assert (cells["bout_f1_iou10"], cells["bout_f1_iou10_true_to_predicted"]) == (0.5, 1.0)


def test_pooled_counts_are_sums_over_frames_that_are_scored_and_predicted():
    parts = [recording(1), recording(2, fps=10), recording(3, fps=30, n_frames=250)]
    expected = BoutCounts()
    for part in parts:
        used = part.scored & ~np.isnan(part.probability)
        assert 0 < used.sum() < part.scored.sum() < len(used)
        expected = expected + bout_counts(part.true, part.predicted, part.fps, used)
    assert pooled_bout_counts(parts) == expected
    assert expected.n_matched > 10
    assert pooled_bout_counts([]) == BoutCounts()
