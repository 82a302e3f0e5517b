from collections.abc import Callable

import numpy as np
import pytest

from features.backbones import resolve_backbone
from features.backbones.mobilenet_v2 import MobileNetV2Config
from features.engines.tensorflow import TensorFlowEngine

BATCH = 6
PX = 32


def new_engine(precision: str = "float32", batch_frames: int = BATCH) -> TensorFlowEngine:
    config = MobileNetV2Config(weights="random", alpha=0.35, input_px=PX)
    return TensorFlowEngine(resolve_backbone(config, 4), precision, batch_frames, 4)


@pytest.fixture(scope="module")
def engine() -> TensorFlowEngine:
    return new_engine()


@pytest.fixture(scope="module")
def crops() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (4 * BATCH, PX, PX, 3), dtype=np.uint8)


def embed_all(engine: TensorFlowEngine, crops: np.ndarray, cut: Callable[[int], int]) -> np.ndarray:
    """Embed in batches whose sizes ``cut`` chooses by the position reached."""
    done: list[np.ndarray] = []
    start = 0
    while start < len(crops):
        size = cut(start)
        done.append(engine.embed(crops[start : start + size]))
        start += size
    return np.concatenate(done)


def test_embeddings_are_float32_rows(engine: TensorFlowEngine, crops: np.ndarray) -> None:
    embeddings = engine.embed(crops[:BATCH])
    assert embeddings.dtype == np.float32
    assert embeddings.shape == (BATCH, engine.n_features) == (BATCH, 1280)
    assert len(np.unique(embeddings, axis=0)) == BATCH


@pytest.mark.parametrize("size", [1, 2, BATCH - 1])
def test_a_frame_does_not_feel_its_batch(engine: TensorFlowEngine, crops: np.ndarray, size: int) -> None:
    whole = embed_all(engine, crops, lambda start: BATCH)
    np.testing.assert_array_equal(embed_all(engine, crops, lambda start: size), whole)


def test_a_frame_does_not_feel_its_place(engine: TensorFlowEngine, crops: np.ndarray) -> None:
    whole = embed_all(engine, crops, lambda start: BATCH)
    order = np.random.default_rng(1).permutation(len(crops))
    np.testing.assert_array_equal(embed_all(engine, crops[order], lambda start: BATCH), whole[order])


def test_a_second_engine_gives_the_same_bits(engine: TensorFlowEngine, crops: np.ndarray) -> None:
    np.testing.assert_array_equal(new_engine().embed(crops[:BATCH]), engine.embed(crops[:BATCH]))


@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_is_near_and_deterministic(engine: TensorFlowEngine, crops: np.ndarray, precision: str) -> None:
    mixed = new_engine(precision)
    rough, exact = mixed.embed(crops[:BATCH]), engine.embed(crops[:BATCH])
    assert rough.dtype == np.float32
    assert not np.array_equal(rough, exact)
    assert np.corrcoef(rough.ravel(), exact.ravel())[0, 1] > 0.99
    np.testing.assert_array_equal(mixed.embed(crops[2:4]), rough[2:4])


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((0, PX, PX, 3), np.uint8),
        np.zeros((BATCH + 1, PX, PX, 3), np.uint8),
        np.zeros((1, PX, PX + 1, 3), np.uint8),
        np.zeros((1, PX, PX, 3), np.float32),
        np.zeros((PX, PX, 3), np.uint8),
    ],
)
def test_other_shapes_and_types_are_refused(engine: TensorFlowEngine, wrong: np.ndarray) -> None:
    with pytest.raises(ValueError, match="expected 1 to 6 crops"):
        engine.embed(wrong)


def test_engine_says_on_what_it_runs(engine: TensorFlowEngine) -> None:
    assert engine.description.startswith("tensorflow 2.")
    assert engine.device in engine.description


@pytest.mark.gpu
def test_gpu_is_used_when_there_is_one(engine: TensorFlowEngine) -> None:
    import tensorflow as tf

    if not tf.config.list_physical_devices("GPU"):
        pytest.skip("TensorFlow sees no GPU here")
    assert engine.device != "CPU"
