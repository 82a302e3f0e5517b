"""Encoder blocks against plain NumPy, and what a transformer's settings refuse."""

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from common.errors import InputError
from models.heads.transformer import TransformerConfig, encoder_block_class
from tests.models.conftest import BINARY

WIDTH, HEADS, N_FRAMES, LIMIT = 8, 2, 15, 3
LAYOUTS = [("rotary", 0), ("rotary", 4), ("rotary", 6), ("relative", 0), ("relative", 4)]


def fresh_block(positions: str, attention_frames: int) -> Any:
    """With random weights throughout, also where learning starts from zeros and ones."""
    settings = {"n_heads": HEADS, "feed_forward": 2, "relative_frames": LIMIT, "dropout": 0.5}
    block = encoder_block_class()(positions=positions, attention_frames=attention_frames, **settings)
    block.build((None, N_FRAMES, WIDTH))
    rng = np.random.default_rng(1)
    for weight in block.trainable_variables:
        weight.assign(rng.normal(0, 0.6, weight.shape))
    return block


def numpy_block(block: Any, hidden: np.ndarray, real: np.ndarray) -> np.ndarray:
    """The same by definition, pair by pair; hidden (n_frames, width), real (n_frames,)."""

    def norm(layer: Any, x: np.ndarray) -> np.ndarray:
        centered = x - x.mean(-1, keepdims=True)
        deviation = np.sqrt((centered**2).mean(-1, keepdims=True) + 1e-3)
        return centered / deviation * np.array(layer.gamma) + np.array(layer.beta)

    def dense(layer: Any, x: np.ndarray) -> np.ndarray:
        return x @ np.array(layer.kernel) + np.array(layer.bias)

    normal, share = norm(block.norms[0], hidden), WIDTH // HEADS
    query, key, value = (dense(layer, normal) for layer in (block.query, block.key, block.value))
    attended = np.zeros_like(hidden)
    reach = block.settings["attention_frames"] or N_FRAMES
    for i in np.flatnonzero(real):
        seen = [j for j in np.flatnonzero(real) if abs(j - i) <= reach]
        for head in range(HEADS):
            own = slice(head * share, (head + 1) * share)
            scores = []
            for j in seen:
                q, k = query[i, own], key[j, own]
                score = q @ k
                if block.by_distance is not None:
                    score += np.sqrt(share) * np.array(block.by_distance)[np.clip(j - i, -LIMIT, LIMIT) + LIMIT, head]
                else:  # pairs as complex numbers: turning both by their frames is turning one by the distance
                    angle = (i - j) * 10_000.0 ** (-np.arange(share // 2) / (share // 2))
                    q, k = (v[: share // 2] + 1j * v[share // 2 :] for v in (q, k))
                    score = (q * np.exp(1j * angle) * k.conj()).real.sum()
                scores.append(score / np.sqrt(share))
            weights = np.exp(scores - np.max(scores))
            attended[i, own] = weights @ value[seen, own] / weights.sum()
    hidden = hidden + real[:, None] * dense(block.joined, attended)
    inner = np.maximum(0, dense(block.first, norm(block.norms[1], hidden)))
    return hidden + real[:, None] * dense(block.second, inner)


@pytest.mark.parametrize(("positions", "attention_frames"), LAYOUTS)
def test_a_block_is_what_its_definition_says(positions: str, attention_frames: int) -> None:
    block = fresh_block(positions, attention_frames)
    hidden = np.random.default_rng(2).normal(size=(3, N_FRAMES, WIDTH)).astype(np.float32)
    real = np.arange(N_FRAMES) < np.array([[N_FRAMES], [11], [0]])
    real[0, 5] = False
    found = np.array(block(hidden, mask=real))
    for window in range(3):
        expected = numpy_block(block, hidden[window].astype(np.float64), real[window])
        np.testing.assert_allclose(found[window], expected, atol=2e-5)


@pytest.mark.parametrize(("positions", "attention_frames"), LAYOUTS)
def test_only_distances_count_wherever_a_window_starts(positions: str, attention_frames: int) -> None:
    block = fresh_block(positions, attention_frames)
    hidden = np.random.default_rng(3).normal(size=(1, N_FRAMES, WIDTH)).astype(np.float32)
    frames = np.arange(N_FRAMES)[None]
    early = np.array(block(hidden, mask=frames < 9))[:, :9]
    late = np.array(block(np.roll(hidden, 5, axis=1), mask=(frames >= 5) & (frames < 14)))[:, 5:14]
    np.testing.assert_allclose(late, early, atol=1e-5)


def test_settings_that_do_not_fit_are_told() -> None:
    with pytest.raises(ValidationError, match=r"width \(64\) must be a multiple of heads \(6\).*set width to 66"):
        TransformerConfig(heads=6)
    with pytest.raises(ValidationError, match=r"even share of the width; 12 / 4 is 3\. Set width to 16"):
        TransformerConfig(width=12)
    TransformerConfig(width=12, positions="relative")
    with pytest.raises(InputError, match=r"looks at 5,000, needs too much memory.*at most 2,048"):
        TransformerConfig(attention_frames=0).build(4, 5000, BINARY, ())
