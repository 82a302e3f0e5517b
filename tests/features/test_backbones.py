import hashlib
import logging
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from common.errors import InputError
from features.backbones import BACKBONES, NetworkConfig, ResolvedBackbone, download, resolve_backbone
from features.backbones.base import ImageNetConfig, PublishedWeights
from features.backbones.build import build_model, randomize
from features.backbones.compact import CompactConfig
from features.backbones.inception_resnet_v2 import InceptionResNetV2Config
from features.backbones.mobilenet_v2 import MobileNetV2Config
from features.backbones.resnet50v2 import ResNet50V2Config
from features.backbones.resnet101 import ResNet101Config
from features.engines import openvino
from features.sources.base import RecordingFiles
from features.sources.precomputed import PrecomputedConfig

NETWORKS: dict[str, Any] = dict(BACKBONES)
IMAGENET: dict[str, Any] = {name: config for name, config in NETWORKS.items() if issubclass(config, ImageNetConfig)}
# They take half a minute to build; they are built where it is asked which weights are theirs.
LARGE = ("inception_resnet_v2", "resnet101")
REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No connection and an empty Keras cache, whose folder this is."""

    def refuse(*arguments: Any, **settings: Any) -> None:
        raise OSError("Network is unreachable")

    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras home"))
    monkeypatch.setattr(download.tempfile, "gettempdir", lambda: str(tmp_path / "temporary"))
    return tmp_path / "keras home" / "models"


def small(name: str, **settings: Any) -> NetworkConfig:
    """The network of a name, random, at its smallest input."""
    config = NETWORKS[name]
    return config(name=name, weights="random", input_px=max(32, config.min_input_px), **settings)


# --- settings -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NETWORKS)
def test_table_names_are_the_configs_own(name: str) -> None:
    assert NETWORKS[name].model_fields["name"].default == name


@pytest.mark.parametrize("name", NETWORKS)
def test_every_setting_is_described(name: str) -> None:
    for key, field in NETWORKS[name].model_fields.items():
        assert key == "name" or field.description, key


@pytest.mark.parametrize("name", NETWORKS)
def test_unknown_setting_is_refused_and_configs_are_frozen(name: str) -> None:
    config: NetworkConfig = NETWORKS[name]()
    with pytest.raises(ValidationError, match="extra_forbidden"):
        NETWORKS[name](wieghts="random")
    with pytest.raises(ValidationError, match="frozen"):
        config.name = "other"


@pytest.mark.parametrize("name", NETWORKS)
def test_input_size_is_the_trained_one_unless_said(name: str) -> None:
    assert NETWORKS[name]().network_input_px == NETWORKS[name].default_input_px
    assert NETWORKS[name](input_px=128).network_input_px == 128


@pytest.mark.parametrize(("name", "px"), [("resnet50v2", 31), ("inception_resnet_v2", 74), ("mobilenet_v2", 0)])
def test_input_below_what_the_network_can_take_is_refused(name: str, px: int) -> None:
    with pytest.raises(ValidationError, match=r"at least|greater than or equal to"):
        NETWORKS[name](input_px=px)


def test_alpha_without_published_weights_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"alpha is 0\.4"):
        MobileNetV2Config(alpha=0.4)


@pytest.mark.parametrize(("alpha", "n_features"), [(0.35, 1280), (1.0, 1280), (1.3, 1664), (1.4, 1792)])
def test_mobilenet_features_grow_with_alpha_above_one(alpha: float, n_features: int) -> None:
    assert MobileNetV2Config(alpha=alpha).n_features == n_features


def test_precomputed_needs_the_recording_in_its_path() -> None:
    with pytest.raises(ValidationError, match=r"\{recording\}"):
        PrecomputedConfig(files="features.npz")
    config = PrecomputedConfig(files="f/{recording}.npz#key")
    files = RecordingFiles("m1", Path("lab/m1.mp4"), Path("lab"))
    assert config.file_of(files) == Path("lab/f/m1.npz#key")
    assert PrecomputedConfig().file_of(files) == files.video_path


# --- networks and their preprocessing -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "module"),
    [
        (ResNet50V2Config(), "resnet_v2"),
        (InceptionResNetV2Config(), "inception_resnet_v2"),
        (MobileNetV2Config(), "mobilenet_v2"),
        (ResNet101Config(), "resnet"),
    ],
)
def test_preprocessing_is_that_of_keras(config: ImageNetConfig, module: str) -> None:
    import keras

    images = np.random.default_rng(0).integers(0, 256, (2, 5, 5, 3)).astype(np.float32)
    # Keras' function overwrites what it is given.
    expected = getattr(keras.applications, module).preprocess_input(images.copy())
    np.testing.assert_allclose(np.asarray(config.preprocess(images)), expected, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in NETWORKS if name not in LARGE])
def test_model_takes_bytes_and_gives_as_many_features_as_it_says_by_each_engine(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = small(name)
    model = build_model(resolve_backbone(config, 0), "float32", 0)
    px = config.network_input_px
    crops = np.random.default_rng(0).integers(0, 256, (2, px, px, 3), dtype=np.uint8)
    assert model.input_shape == (None, px, px, 3)
    embeddings = np.asarray(model(crops))
    assert embeddings.shape == (2, config.n_features)
    assert np.isfinite(embeddings).all()
    assert not np.array_equal(embeddings[0], embeddings[1])
    if not openvino.openvino_obstacle("float32"):
        # A precision that nobody asked for would show: bfloat16 differs by 1e-2.
        monkeypatch.setattr(openvino, "build_model", lambda *of: model)
        monkeypatch.setattr(openvino, "_converted", lambda _, *of: openvino.convert_network(*of[:2]))
        by_openvino = openvino.OpenVINOEngine(resolve_backbone(config, 0), "float32", 2, 0).embed(crops)
        assert np.abs(by_openvino - embeddings).max() < 1e-5 * np.abs(embeddings).max()


def test_preprocessing_is_inside_the_model() -> None:
    import keras

    config = small("mobilenet_v2", alpha=0.35)
    model = build_model(resolve_backbone(config, 3), "float32", 3)
    bare = config.build_network()
    randomize(bare, 3)
    crops = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    expected = bare(keras.applications.mobilenet_v2.preprocess_input(crops.astype(np.float32)))
    np.testing.assert_allclose(np.asarray(model(crops)), np.asarray(expected), rtol=1e-4)


@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_gives_float32_and_leaves_keras_as_it_was(precision: str) -> None:
    import keras

    before = keras.config.dtype_policy().name
    model = build_model(resolve_backbone(small("mobilenet_v2", alpha=0.35), 0), precision, 0)
    assert model.output.dtype == "float32"
    network = next(layer for layer in model.layers if hasattr(layer, "layers"))
    assert network.get_layer("Conv1").compute_dtype == precision.removeprefix("mixed_")
    assert keras.config.dtype_policy().name == before


# --- random weights -------------------------------------------------------------------------------------------


def kernels(seed: int) -> list[np.ndarray]:
    import keras

    keras.utils.set_random_seed(int(np.random.default_rng().integers(2**31)))  # must not matter
    network = small("mobilenet_v2", alpha=0.35).build_network()
    randomize(network, seed)
    return [weight.numpy() for weight in network.weights]


def test_random_weights_depend_on_the_seed_alone() -> None:
    first, again, other = kernels(1), kernels(1), kernels(2)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0])


def test_random_kernels_have_the_glorot_spread() -> None:
    import keras

    dense = keras.Sequential([keras.layers.Input((300,)), keras.layers.Dense(500)])
    randomize(dense, 0)
    kernel = dense.layers[0].kernel.numpy()
    assert abs(kernel).max() == pytest.approx(np.sqrt(6 / 800), rel=1e-3)
    assert kernel.std() == pytest.approx(np.sqrt(2 / 800), rel=0.01)


def test_hash_of_random_weights_tells_network_width_and_seed() -> None:
    hashes = [
        resolve_backbone(MobileNetV2Config(weights="random"), 0).weights_sha256,
        resolve_backbone(MobileNetV2Config(weights="random"), 1).weights_sha256,
        resolve_backbone(MobileNetV2Config(weights="random", alpha=0.5), 0).weights_sha256,
        resolve_backbone(ResNet50V2Config(weights="random"), 0).weights_sha256,
    ]
    assert len(set(hashes)) == 4
    assert resolve_backbone(MobileNetV2Config(weights="random"), 0).weights_sha256 == hashes[0]


# --- weights from files ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def weights_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of MobileNetV2 0.35 with a seed that nothing else uses."""
    network = small("mobilenet_v2", alpha=0.35).build_network()
    randomize(network, 77)
    path = tmp_path_factory.mktemp("weights é") / "mine.weights.h5"
    network.save_weights(path)
    return path


def test_weights_file_is_loaded_and_hashed(weights_file: Path) -> None:
    config = MobileNetV2Config(alpha=0.35, weights=str(weights_file), input_px=32)
    resolved = resolve_backbone(config, 0)
    assert resolved.weights_path == weights_file
    assert resolved.weights_sha256 == hashlib.sha256(weights_file.read_bytes()).hexdigest()
    assert (resolved.note, resolved.requested_name) == ("", "mobilenet_v2")
    crops = np.random.default_rng(0).integers(0, 256, (1, 32, 32, 3), dtype=np.uint8)
    loaded = build_model(resolved, "float32", 0)(crops)
    made = build_model(resolve_backbone(small("mobilenet_v2", alpha=0.35), 77), "float32", 77)(crops)
    np.testing.assert_array_equal(np.asarray(loaded), np.asarray(made))


def test_missing_weights_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no weights file at .*absent\.weights\.h5.*random, imagenet"):
        resolve_backbone(ResNet50V2Config(weights=str(tmp_path / "absent.weights.h5")), 0)


def damaged_copy(weights_file: Path, folder: Path, kind: str) -> Path:
    path = folder / "damaged.weights.h5"
    content = weights_file.read_bytes()
    path.write_bytes({"cut": content[: len(content) // 2], "text": b"hello" * 100, "empty": b""}[kind])
    return path


@pytest.mark.parametrize("kind", ["cut", "text", "empty", "other alpha", "other network", "missing values"])
def test_file_that_does_not_fit_is_one_paragraph(weights_file: Path, tmp_path: Path, kind: str) -> None:
    config: NetworkConfig = MobileNetV2Config(alpha=0.35, weights=str(weights_file), input_px=32)
    if kind == "other alpha":
        config = MobileNetV2Config(alpha=0.5, weights=str(weights_file), input_px=32)
    elif kind == "other network":
        config = CompactConfig(weights=str(weights_file), input_px=32)
    elif kind == "missing values":
        network = config.build_network()
        randomize(network, 0)
        network.layers[-4].weights[0].assign(np.full(network.layers[-4].weights[0].shape, np.nan))
        network.save_weights(tmp_path / "nan.weights.h5")
        config = config.model_copy(update={"weights": str(tmp_path / "nan.weights.h5")})
    else:
        config = config.model_copy(update={"weights": str(damaged_copy(weights_file, tmp_path, kind))})
    with pytest.raises(InputError, match="does not fit the backbone") as caught:
        build_model(resolve_backbone(config, 0), "float32", 0)
    assert config.weights in str(caught.value)
    assert "\n" not in str(caught.value)


# --- ImageNet weights: found, downloaded, or replaced ---------------------------------------------------------


def put_in_keras_cache(folder: Path, published: PublishedWeights, content: bytes) -> Path:
    folder.mkdir(parents=True)
    path = folder / published.file_name
    path.write_bytes(content)
    return path


def test_whole_file_in_the_keras_cache_is_used(offline: Path) -> None:
    published = PublishedWeights("a/b_notop.h5", hashlib.md5(b"weights").hexdigest())
    path = put_in_keras_cache(offline, published, b"weights")
    assert download.find_published(published) == path


def test_file_of_unknown_checksum_is_taken_as_it_is(offline: Path) -> None:
    published = MobileNetV2Config().published_weights()
    path = put_in_keras_cache(offline, published, b"weights")
    resolved = resolve_backbone(MobileNetV2Config(), 0)
    assert (resolved.weights_path, resolved.note) == (path, "")
    assert resolved.weights_sha256 == hashlib.sha256(b"weights").hexdigest()


def test_damaged_file_in_the_keras_cache_is_not_used(offline: Path, caplog: pytest.LogCaptureFixture) -> None:
    put_in_keras_cache(offline, ResNet50V2Config().published_weights(), b"half a down")
    with pytest.raises(InputError, match="can't be downloaded"):
        resolve_backbone(ResNet50V2Config(), 0)
    assert "checksum differs" in caplog.text


@pytest.mark.parametrize("name", IMAGENET)
def test_without_weights_the_error_says_how_to_get_them(offline: Path, name: str) -> None:
    config = IMAGENET[name]()
    with pytest.raises(InputError) as caught:
        resolve_backbone(config, 0)
    text = str(caught.value)
    assert "\n" not in text
    for part in (name, config.published_weights().url, str(offline), "compact", "Network is unreachable"):
        assert part in text


def test_compact_takes_over_and_says_so(
    offline: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shipped = tmp_path / "compact.weights.h5"
    shipped.write_bytes(b"shipped")
    monkeypatch.setattr(CompactConfig, "shipped_weights", lambda self: shipped)
    with caplog.at_level(logging.WARNING):
        resolved = resolve_backbone(ResNet50V2Config(weights_if_unavailable="compact", input_px=64), 0)
    assert resolved.config == CompactConfig()
    assert resolved.requested_name == "resnet50v2"
    assert resolved.weights_path == shipped
    assert "compact backbone that comes with Rearview was used, not resnet50v2" in resolved.note
    assert resolved.note in caplog.text


def test_random_takes_over_and_says_so(offline: Path) -> None:
    asked = MobileNetV2Config(weights_if_unavailable="random", alpha=0.5, input_px=64)
    resolved = resolve_backbone(asked, 5)
    assert resolved.config == asked.model_copy(update={"weights": "random"})
    assert resolved.weights_path is None
    assert "random weights, which have learned nothing" in resolved.note
    explicit = MobileNetV2Config(weights="random", alpha=0.5, input_px=64)
    assert resolved.weights_sha256 == resolve_backbone(explicit, 5).weights_sha256


def test_failed_download_counts_as_unavailable(offline: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import keras

    def fail(*arguments: Any, **settings: Any) -> None:
        raise Exception("URL fetch failure: 403")

    monkeypatch.setattr(download, "unreachable_reason", lambda url: "")
    monkeypatch.setattr(keras.utils, "get_file", fail)
    with pytest.raises(InputError, match="403"):
        resolve_backbone(ResNet50V2Config(), 0)
    assert socket.getdefaulttimeout() is None, "the time limit of the download must not stay"


def test_downloaded_file_is_used(offline: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import keras

    asked: dict[str, Any] = {}

    def fetch(name: str, url: str, **settings: Any) -> str:
        asked.update(settings, name=name, url=url, limit=socket.getdefaulttimeout())
        (tmp_path / name).write_bytes(b"fresh")
        return str(tmp_path / name)

    monkeypatch.setattr(download, "unreachable_reason", lambda url: "")
    monkeypatch.setattr(keras.utils, "get_file", fetch)
    resolved = resolve_backbone(ResNet101Config(), 0)
    assert resolved.weights_path == tmp_path / "resnet101_weights_tf_dim_ordering_tf_kernels_notop.h5"
    assert asked["file_hash"] == ResNet101Config().published_weights().md5
    assert asked["limit"] == download.STALL_LIMIT_S


def test_silent_server_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = threading.Event()

    def keep_silent(*arguments: Any, **settings: Any) -> None:
        answer.wait(30)
        raise TimeoutError

    monkeypatch.setattr(socket, "create_connection", keep_silent)
    reason = download.unreachable_reason("https://storage.example.org/x.h5", limit_s=0.05)
    answer.set()
    assert reason == "no connection to storage.example.org (no answer within 0.05 s)"


def test_answering_server_is_reachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert download.unreachable_reason(f"http://127.0.0.1:{server.getsockname()[1]}/x.h5") == ""


@pytest.mark.parametrize("proxy", ["http://proxy.lab:3128", "proxy.lab:3128"])
def test_behind_a_proxy_the_proxy_is_tried(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setattr(download.urllib.request, "getproxies", lambda: {"https": proxy})
    monkeypatch.setattr(download.urllib.request, "proxy_bypass", lambda host: False)
    assert download._first_hop("https://storage.example.org/x.h5") == ("proxy.lab", 3128)


@pytest.mark.parametrize(
    "config",
    [
        ResNet50V2Config(input_px=32),
        InceptionResNetV2Config(input_px=75),
        ResNet101Config(input_px=32),
        MobileNetV2Config(alpha=0.5, input_px=224),
    ],
)
def test_published_files_are_those_of_keras(config: ImageNetConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Our copy of Keras' addresses and checksums must be what the installed Keras would fetch."""
    from keras.src.utils import file_utils

    asked: dict[str, Any] = {}

    def note(name: str, url: str, **settings: Any) -> str:
        asked.update(settings, name=name, url=url)
        return name

    import keras

    monkeypatch.setattr(file_utils, "get_file", note)
    monkeypatch.setattr(keras.Model, "load_weights", lambda network, path: None)
    build = getattr(keras.applications, config.application)
    monkeypatch.setattr(
        keras.applications, config.application, lambda **settings: build(**settings | {"weights": "imagenet"})
    )
    network = config.build_network()
    assert network.input_shape == (None, config.input_px, config.input_px, 3)
    assert network.output_shape == (None, config.n_features)
    published = config.published_weights()
    assert (published.url, published.file_name) == (asked["url"], asked["name"])
    assert published.md5 == asked.get("file_hash")


@pytest.mark.parametrize(("px", "published_px"), [(96, 96), (160, 160), (100, 224), (None, 224)])
def test_mobilenet_weights_are_those_of_the_input_size(px: int | None, published_px: int) -> None:
    url = MobileNetV2Config(input_px=px).published_weights().url
    assert url.endswith(f"_1.0_{published_px}_no_top.h5")


def test_deciding_imports_no_tensorflow() -> None:
    code = (
        "import sys; from features.backbones import BACKBONES, resolve_backbone; "
        "import features.sources.frames, features.engines.tensorflow; "
        "resolve_backbone(BACKBONES['resnet50v2'](weights='random'), 0); "
        "sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, check=False).returncode == 0


def test_label_of_weights_is_short(weights_file: Path) -> None:
    resolved = ResolvedBackbone(MobileNetV2Config(weights=str(weights_file)), "mobilenet_v2", weights_file, "0" * 64)
    assert resolved.weights_label == "mine.weights.h5"
    assert resolve_backbone(MobileNetV2Config(weights="random"), 0).weights_label == "random"
