import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from common.errors import InputError
from features.backbones import resolve_backbone
from features.backbones.mobilenet_v2 import MobileNetV2Config
from features.engines import ENGINES, Engine, EngineKind, chosen_engine, openvino, tensorflow
from features.engines.kept_networks import KeptNetwork, keep_network, list_networks, prune_networks, read_network

BATCH = 6
PX = 32
REPOSITORY = Path(__file__).resolve().parents[2]


def new_engine(name: str, precision: str = "float32", network_dir: Path | None = None) -> Engine:
    config = MobileNetV2Config(weights="random", alpha=0.35, input_px=PX)
    return ENGINES[name].build(resolve_backbone(config, 4), precision, BATCH, 4, network_dir)


def require_engine(name: str, precision: str = "float32") -> None:
    if ENGINES[name].obstacle(precision):
        pytest.skip(ENGINES[name].obstacle(precision))


@pytest.fixture(scope="module")
def network_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the networks of this module's engines are kept."""
    return tmp_path_factory.mktemp("networks é")


@pytest.fixture(scope="module", params=ENGINES)
def engine(request: pytest.FixtureRequest, network_dir: Path) -> Engine:
    require_engine(request.param)
    return new_engine(request.param, network_dir=network_dir)


def name_of(engine: Engine) -> str:
    return engine.description.split()[0]


@pytest.fixture(scope="module")
def crops() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (4 * BATCH, PX, PX, 3), dtype=np.uint8)


def embed_all(engine: Engine, crops: np.ndarray, cut: Callable[[int], int]) -> np.ndarray:
    """Embed in batches whose sizes ``cut`` chooses by the position reached."""
    done: list[np.ndarray] = []
    start = 0
    while start < len(crops):
        size = cut(start)
        done.append(engine.embed(crops[start : start + size]))
        start += size
    return np.concatenate(done)


def test_embeddings_are_float32_rows(engine: Engine, crops: np.ndarray) -> None:
    embeddings = engine.embed(crops[:BATCH])
    assert embeddings.dtype == np.float32
    assert embeddings.shape == (BATCH, engine.n_features) == (BATCH, 1280)
    assert len(np.unique(embeddings, axis=0)) == BATCH


@pytest.mark.parametrize("size", [1, 2, BATCH - 1])
def test_a_frame_does_not_feel_its_batch(engine: Engine, crops: np.ndarray, size: int) -> None:
    whole = embed_all(engine, crops, lambda start: BATCH)
    np.testing.assert_array_equal(embed_all(engine, crops, lambda start: size), whole)


def test_a_frame_does_not_feel_its_place(engine: Engine, crops: np.ndarray) -> None:
    whole = embed_all(engine, crops, lambda start: BATCH)
    order = np.random.default_rng(1).permutation(len(crops))
    np.testing.assert_array_equal(embed_all(engine, crops[order], lambda start: BATCH), whole[order])


def test_a_second_engine_gives_the_same_bits(
    engine: Engine, crops: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenVINO's is converted anew, not read from where the first one kept it."""
    monkeypatch.setattr(openvino, "_converted", lambda _, *of: openvino.convert_network(*of[:2]))
    again = new_engine(name_of(engine))
    np.testing.assert_array_equal(again.embed(crops[:BATCH]), engine.embed(crops[:BATCH]))


@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_is_near_and_deterministic(
    engine: Engine, crops: np.ndarray, network_dir: Path, precision: str
) -> None:
    require_engine(name_of(engine), precision)
    mixed = new_engine(name_of(engine), precision, network_dir=network_dir)
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
def test_other_shapes_and_types_are_refused(engine: Engine, wrong: np.ndarray) -> None:
    with pytest.raises(ValueError, match="expected 1 to 6 crops"):
        engine.embed(wrong)


def test_engine_says_on_what_it_runs(engine: Engine) -> None:
    name, version, device = engine.description.split(maxsplit=2)
    assert name in ENGINES and version[0].isdigit() and device


@pytest.mark.gpu
def test_gpu_is_used_when_there_is_one() -> None:
    if not tensorflow.sees_gpu():
        pytest.skip("TensorFlow sees no GPU here")
    assert not new_engine("tensorflow").description.endswith("CPU")
    assert chosen_engine("float32", dict.fromkeys(ENGINES, 0), 3) == "tensorflow"


# --- the engine that `auto` stands for ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n_cached", "is_able", "is_faster", "expected"),
    [
        ((0, 0), True, True, "openvino"),
        ((0, 0), True, False, "tensorflow"),
        ((0, 0), False, True, "tensorflow"),
        ((2, 1), True, True, "tensorflow"),
        ((1, 2), True, False, "openvino"),
        ((1, 2), False, True, "tensorflow"),
        ((1, 3), False, True, "openvino"),
        ((3, 3), True, True, "tensorflow"),
    ],
    ids=["fastest", "GPU", "absent", "begun", "begun, GPU", "begun, absent", "complete, absent", "both complete"],
)
def test_auto_stays_with_what_is_cached(
    n_cached: tuple[int, int], is_able: bool, is_faster: bool, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = EngineKind(ENGINES["openvino"].build, lambda precision: "" if is_able else "absent", lambda: is_faster)
    monkeypatch.setitem(ENGINES, "openvino", other)
    assert chosen_engine("float32", dict(zip(("tensorflow", "openvino"), n_cached, strict=True)), 3) == expected


def test_absent_openvino_is_one_paragraph(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    assert chosen_engine("float32", dict.fromkeys(ENGINES, 0), 3) == "tensorflow"
    with pytest.raises(InputError, match=r"needs the package openvino.*engine: tensorflow") as caught:
        new_engine("openvino")
    assert "\n" not in str(caught.value)


def test_precision_that_openvino_or_the_processor_has_not_is_one_paragraph(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "openvino has no precision mixed_float16" in openvino.openvino_obstacle("mixed_float16")
    require_engine("openvino")
    monkeypatch.setattr(openvino._load_openvino().Core, "get_property", lambda *of: ["FP32"])
    assert "bfloat16" in openvino.openvino_obstacle("mixed_bfloat16")
    assert not openvino.openvino_obstacle("float32")


# --- networks in OpenVINO's own form --------------------------------------------------------------------------

_WARM = """
import json, socket, sys
asked = []
def refuse(*of, **settings):
    asked.append(str(of))
    raise OSError("no connection")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
import numpy as np
from pathlib import Path
from tests.features.test_engine import new_engine
folder, crops = Path(sys.argv[1]), np.load(sys.argv[2])
found = new_engine("openvino", network_dir=folder).embed(crops)
print(json.dumps({"asked": asked, "telemetry": sys.modules.get("openvino_telemetry") is not None,
    "tensorflow": "tensorflow" in sys.modules, "bits": found.tobytes().hex()}))
"""


def test_a_kept_network_needs_no_tensorflow_and_nothing_is_sent(
    network_dir: Path, tmp_path: Path, crops: np.ndarray
) -> None:
    require_engine("openvino")
    expected = new_engine("openvino", network_dir=network_dir).embed(crops[:BATCH])
    np.save(tmp_path / "crops.npy", crops[:BATCH])
    command = [sys.executable, "-c", _WARM, str(network_dir), str(tmp_path / "crops.npy")]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    assert (found["asked"], found["telemetry"], found["tensorflow"]) == ([], False, False)
    assert found["bits"] == expected.tobytes().hex()


@pytest.mark.parametrize("damage", ["cut", "empty", "flipped bit", "another network's"])
def test_damaged_network_is_made_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: str) -> None:
    path = tmp_path / "networks" / "compact__0123.network"
    weights = np.arange(1000, dtype=np.uint8)
    keep_network(path, "ab" * 32, KeptNetwork(b"<net/>", weights))
    kept = read_network(path, "ab" * 32)
    assert kept is not None and kept.structure.strip() == b"<net/>"
    np.testing.assert_array_equal(kept.weights, weights)
    del kept
    content = bytearray(path.read_bytes())
    content[-500] ^= damage == "flipped bit"
    path.write_bytes({"cut": content[:700], "empty": b""}.get(damage, content))
    assert read_network(path, ("cd" if damage == "another network's" else "ab") * 32) is None
    assert "made again" in caplog.text
    keep_network(path, "ab" * 32, KeptNetwork(b"<net/>", weights))
    assert read_network(path, "ab" * 32) is not None


def test_networks_are_listed_and_pruned_by_age(tmp_path: Path) -> None:
    path = tmp_path / "networks" / "compact__0123.network"
    keep_network(path, "ab" * 32, KeptNetwork(b"<net/>", np.zeros(10, np.uint8)))
    assert prune_networks(tmp_path, 1) == [] and list_networks(tmp_path) == [path]
    assert prune_networks(tmp_path, 0) == [path] and list_networks(tmp_path) == []


def test_a_folder_that_cannot_be_written_costs_time_only(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    keep_network(tmp_path / "file" / "x.network", "ab" * 32, KeptNetwork(b"<net/>", np.zeros(10, np.uint8)))
