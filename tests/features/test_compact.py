"""What the compact backbone's weights have learned, and the pieces of its training."""

import numpy as np
import pytest

from benchmarks.compact.samples import ACTIVITIES, MEASURES, draw_batch
from benchmarks.compact.train import turn_quarter
from features.backbones.build import build_model
from features.backbones.compact import CompactConfig
from features.backbones.resolve import resolve_backbone


def test_shipped_weights_load_and_see_the_posture():
    model = build_model(resolve_backbone(CompactConfig(), seed=0), "float32", seed=0)
    assert model.output_shape == (None, CompactConfig().n_features)
    samples = draw_batch(96, CompactConfig().network_input_px, [77, 1])
    features = model(samples["image"]).numpy()
    assert np.isfinite(features).all()
    fitted, rest = slice(0, 72), slice(72, None)
    wanted = [MEASURES.index(name) for name in ("snout_x", "snout_y", "heading_cos", "heading_sin")]
    truth = samples["measures"][:, wanted]
    # A ridge on so few samples: what random weights can't give and a trained network can.
    centered = features - features[fitted].mean(axis=0)
    x = centered[fitted]
    weights = np.linalg.solve(x.T @ x + 0.3 * np.eye(x.shape[1]), x.T @ truth[fitted])
    errors = truth[rest] - centered[rest] @ weights
    assert 1.0 - errors.var() / truth[rest].var() > 0.7


def test_samples_are_decided_by_their_seed():
    first, again, other = (draw_batch(4, 96, [0, i]) for i in (1, 1, 2))
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not np.array_equal(first["image"], other["image"])
    assert first["measures"].shape == (4, len(MEASURES))
    assert first["activity"].max() < len(ACTIVITIES)


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_what_is_true_turns_with_the_image(quarters):
    images = np.zeros((1, 96, 96, 3), np.uint8)
    images[0, 10, 70] = 255
    measures = np.zeros((1, len(MEASURES)), np.float32)
    measures[0, :2] = (np.array([70, 10]) - 47.5) / 48
    measures[0, MEASURES.index("heading_cos") : MEASURES.index("heading_sin") + 1] = measures[0, :2]
    measures[0, MEASURES.index("pitch")] = 0.4
    turned, true = turn_quarter(images, measures, quarters)
    y, x = np.argwhere(turned[0, ..., 0])[0]
    assert np.allclose(true[0, :2] * 48 + 47.5, (x, y))
    assert np.allclose(true[0, MEASURES.index("heading_cos") : MEASURES.index("heading_sin") + 1], true[0, :2])
    assert true[0, MEASURES.index("pitch")] == np.float32(0.4)
