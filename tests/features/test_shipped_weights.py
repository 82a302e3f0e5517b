"""Weights that come with Rearview: chosen without a network, whole, and as good as those they were made from."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from common.errors import InputError
from common.files import sha256_of
from features.backbones import compact, mobilenet_v2, resolve, resolve_backbone
from features.backbones.base import NetworkConfig, PublishedWeights
from features.backbones.build import build_model
from features.backbones.compact import CompactConfig
from features.backbones.download import WeightsUnavailableError
from features.backbones.mobilenet_v2 import MobileNetV2Config
from features.centers import CenterConfig, track_center
from features.crops import crop_square, resize_crop
from features.poses import read_poses
from features.sources import open_sources
from features.sources.base import ExtractionSettings
from features.sources.crop_config import CropConfig
from features.sources.frames import FrameSourceConfig
from features.video.reading import iter_bgr_frames

CROP_PX, STEP_FRAMES = 110, 200


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the published files that were looked for; none of them can be had."""
    names: list[str] = []

    def refuse(published: PublishedWeights) -> None:
        names.append(published.file_name)
        raise WeightsUnavailableError("no connection")

    monkeypatch.setattr(resolve, "find_published", refuse)
    return names


@pytest.mark.parametrize("px", [None, 224, 32, 100])
def test_narrowest_mobilenet_needs_no_network(asked: list[str], px: int | None) -> None:
    resolved = resolve_backbone(MobileNetV2Config(alpha=0.35, input_px=px), 0)
    assert resolved.weights_path == mobilenet_v2.WEIGHTS_PATH
    assert (resolved.weights_sha256, resolved.note) == (mobilenet_v2.WEIGHTS_SHA256, "")
    assert asked == []


@pytest.mark.parametrize(("alpha", "px"), [(0.35, 96), (0.35, 192), (0.5, 224), (1.0, 224)])
def test_weights_that_keras_has_for_another_width_or_size_are_asked_for(
    asked: list[str], alpha: float, px: int
) -> None:
    with pytest.raises(InputError, match=r"mobilenet_v2 with alpha 0\.35 at 224 px"):
        resolve_backbone(MobileNetV2Config(alpha=alpha, input_px=px), 0)
    assert asked == [f"mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{alpha}_{px}_no_top.h5"]


@pytest.mark.parametrize("config", [CompactConfig(), MobileNetV2Config(alpha=0.35)], ids=lambda config: config.name)
def test_shipped_file_is_small_and_used_only_when_asked_for(config: NetworkConfig) -> None:
    path = config.shipped_weights()
    assert path is not None and path.stat().st_size <= 3_000_000
    assert config.model_copy(update={"weights": "random"}).shipped_weights() is None
    assert config.model_copy(update={"weights": str(path)}).shipped_weights() is None


def test_a_run_that_is_older_than_the_shipped_weights_is_followed(tmp_path, monkeypatch) -> None:
    config = MobileNetV2Config(alpha=0.35)
    (path := tmp_path / "models" / config.published_weights().file_name).parent.mkdir()
    path.write_bytes(b"as Keras publishes them")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    source = open_sources([FrameSourceConfig(backbone=config, crop=CropConfig())], ExtractionSettings())
    older = {"used": "mobilenet_v2", "weights": path.name, "weights_sha256": sha256_of(path)}
    for used in (older, source.described()[0]):
        (followed,) = source.as_used([used]).described()
        assert {key: followed[key] for key in older} == {key: used[key] for key in older}


@pytest.mark.parametrize("damage", ["flipped bit", "missing"])
@pytest.mark.parametrize(
    ("module", "config"), [(compact, CompactConfig()), (mobilenet_v2, MobileNetV2Config(alpha=0.35))]
)
def test_damaged_shipped_weights_are_noticed(tmp_path, monkeypatch, module, config, damage) -> None:
    content = bytearray(module.WEIGHTS_PATH.read_bytes())
    content[len(content) // 2] ^= 1
    path = tmp_path / "damaged.weights.h5"
    if damage == "flipped bit":
        path.write_bytes(content)
    monkeypatch.setattr(module, "WEIGHTS_PATH", path)
    with pytest.raises(InputError, match="should lie in"):
        resolve_backbone(config, seed=0)


@pytest.mark.parametrize("precision", ["float32", "mixed_float16"])
def test_shipped_imagenet_weights_load_and_see(precision: str) -> None:
    model = build_model(resolve_backbone(MobileNetV2Config(alpha=0.35, input_px=100), 0), precision, 0)
    assert {weight.dtype for weight in model.weights} == {"float32"}
    noise = np.random.default_rng(0).integers(0, 256, (100, 100, 3), dtype=np.uint8)
    flat, noisy = np.asarray(model(np.stack([np.full_like(noise, 128), noise])))
    assert flat.min() >= 0 and flat.max() <= 6, "the last layer is a ReLU6"
    assert np.abs(flat - noisy).mean() > 0.1


def arena_crops(arena: Path) -> np.ndarray:
    """Crops around the mouse (n, 224, 224, 3), RGB."""
    centers = track_center(read_poses(arena / "arena_2_dlc.csv"), CenterConfig(), 30.0).xy_px[::STEP_FRAMES]
    frames = iter_bgr_frames(arena / "arena_2.mp4", STEP_FRAMES)
    crops = [resize_crop(crop_square(frame, at, CROP_PX), 224) for frame, at in zip(frames, centers, strict=True)]
    return np.stack([cv2.cvtColor(crop, cv2.COLOR_BGR2RGB) for crop in crops])


@pytest.mark.shared
def test_shipped_imagenet_weights_see_what_the_unrounded_ones_see(shared_dir: Path) -> None:
    """On 160 such crops: deviation at most 0.021, median 0.00016, of features with a standard deviation of 0.53."""
    exact_path = shared_dir / "weights" / "mobilenet_v2_0.35_224_imagenet_notop.weights.h5"
    crops = arena_crops(shared_dir / "data" / "mouse_arena")
    shipped, exact = (
        build_model(resolve_backbone(MobileNetV2Config(alpha=0.35, weights=weights), 0), "float32", 0)
        for weights in ("imagenet", str(exact_path))
    )
    for ours, theirs in zip(shipped.weights, exact.weights, strict=True):
        # What NOTICE says was changed, and float16 numbers arrive in float32 variables as they are.
        expected = theirs.numpy().astype(np.float16) if theirs.numpy().size > 1000 else theirs.numpy()
        np.testing.assert_array_equal(ours.numpy(), expected.astype(np.float32), err_msg=ours.path)
    expected_features = np.asarray(exact(crops))
    assert len(crops) == 10 and expected_features.std() > 0.4
    deviation = np.abs(np.asarray(shipped(crops)) - expected_features)
    assert deviation.max() < 0.04
    assert np.median(deviation) < 0.0005
