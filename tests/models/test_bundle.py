import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import models
from common.errors import InputError
from common.files import sha256_of
from models import bundle
from models.bundle import is_bundle_of, load_bundle, read_metadata, save_bundle, update_metadata
from models.heads import HeadConfig
from models.network import shared_network
from models.training import TrainedHead, TrainingConfig, train_head
from tests.models.conftest import BINARY, SMALL_HEADS, MakeRecording

SETTINGS = TrainingConfig(window_frames=20, batch_windows=3, epochs=1, min_steps_per_epoch=2)
METADATA = {"behavior": "grooming", "recipe": {"backbone": "compact"}, "postprocess": {"threshold": 0.5}}


def trained(head: HeadConfig, make_recording: MakeRecording, seed: int = 1) -> TrainedHead:
    return train_head(BINARY, head, SETTINGS, [make_recording(50)], None, seed=seed, n_epochs=1)[0]


@pytest.fixture
def saved(tmp_path: Path, make_recording: MakeRecording) -> Path:
    return save_bundle(tmp_path / "heads" / "grooming", trained(SMALL_HEADS["logistic"], make_recording), METADATA)


def test_a_bundle_of_fewer_features_takes_all_of_them(make_recording: MakeRecording, tmp_path: Path) -> None:
    settings = SETTINGS.model_copy(update={"reduce_features": 2})
    head, _ = train_head(BINARY, SMALL_HEADS["lstm"], settings, [make_recording(50)], None, seed=1, n_epochs=1)
    embeddings = make_recording(75, seed=9).embeddings
    loaded, _ = load_bundle(save_bundle(tmp_path / "b", head, {}))
    assert (loaded.n_features, loaded.network.n_features, loaded.training.reduce_features) == (5, 2, 2)
    assert np.array_equal(loaded.predict(embeddings), head.predict(embeddings))


def test_a_bundle_works_in_a_process_that_trained_nothing(make_recording: MakeRecording, tmp_path: Path) -> None:
    head = trained(SMALL_HEADS["tcn-batch"], make_recording)
    embeddings = make_recording(33).embeddings
    save_bundle(tmp_path / "b", head, {})
    np.save(tmp_path / "x.npy", embeddings)
    program = (
        "import sys, numpy as np; from pathlib import Path; from models.bundle import load_bundle\n"
        "f = Path(sys.argv[1]); np.save(f / 'p.npy', load_bundle(f / 'b')[0].predict(np.load(f / 'x.npy')))"
    )
    root = Path(models.__file__).parents[1]
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], cwd=root, check=True, capture_output=True)
    np.testing.assert_allclose(np.load(tmp_path / "p.npy"), head.predict(embeddings), atol=1e-6)


def test_the_header_tells_versions_and_shapes(saved: Path) -> None:
    header = json.loads((saved / "head.json").read_text(encoding="utf-8"))
    assert set(header["versions"]) == {"python", "tensorflow", "keras", "keras-tcn", "numpy"}
    assert (header["n_features"], header["window_frames"]) == (5, 20)
    assert header["head"]["name"] == "logistic"


def test_saving_again_replaces_the_bundle_and_leaves_nothing_beside_it(
    saved: Path, make_recording: MakeRecording
) -> None:
    other = trained(SMALL_HEADS["logistic"], make_recording, seed=2)
    save_bundle(saved, other, {"behavior": "other"})
    loaded, metadata = load_bundle(saved)
    assert metadata == {"behavior": "other"}
    assert all(np.array_equal(a, b) for a, b in zip(loaded.weights, other.weights, strict=True))
    assert [path.name for path in saved.parent.iterdir()] == ["grooming"]


@pytest.mark.parametrize("existing", [True, False])
def test_a_failed_save_leaves_what_was_there(
    existing: bool, saved: Path, make_recording: MakeRecording, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = saved if existing else saved.with_name("rearing")
    head = trained(SMALL_HEADS["logistic"], make_recording, seed=2)

    def full_disk(*args: Any, **kwargs: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(bundle.np, "savez", full_disk)
    with pytest.raises(InputError, match="No space left"):
        save_bundle(target, head, {})
    assert [path.name for path in saved.parent.iterdir()] == ["grooming"]
    assert load_bundle(saved)[1] == METADATA


def test_a_place_that_cannot_be_written_is_told(saved: Path, make_recording: MakeRecording) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        save_bundle(saved / "head.json" / "x", trained(SMALL_HEADS["logistic"], make_recording), {})


@pytest.mark.parametrize("name", ["model.keras", "scaler.npz"])
def test_a_flipped_byte_or_a_missing_file_is_noticed(name: str, saved: Path) -> None:
    path = saved / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"damaged: {name} differs"):
        load_bundle(saved)
    path.unlink()
    with pytest.raises(InputError, match=f"damaged: {name} is missing"):
        load_bundle(saved)


def test_no_flipped_byte_of_the_header_is_used(saved: Path) -> None:
    """Every byte of it in turn: refused, or another spelling of the very same header."""
    path = saved / "head.json"
    whole = path.read_bytes()
    before = read_metadata(saved)
    n_refused = 0
    for position in range(0, len(whole), 3):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 1 << position % 8]) + whole[position + 1 :])
        try:
            assert read_metadata(saved) == before
        except InputError:
            n_refused += 1
    assert n_refused > 0.5 * len(whole) / 3


def test_a_bundle_predicts_bit_for_bit_what_was_saved_and_equal_heads_are_equal_bytes(
    trainable_head: HeadConfig, make_recording: MakeRecording, tmp_path: Path
) -> None:
    """Whatever the process built before: after a kill it starts somewhere else."""
    first, again = tmp_path / "à côté 3" / "mid rearing", tmp_path / "again"
    head, embeddings = trained(trainable_head, make_recording), make_recording(75, seed=9).embeddings
    before = head.predict(embeddings)
    save_bundle(first, head, METADATA)
    for other in ("lstm", "tcn-batch"):
        SMALL_HEADS[other].build(3, 8, BINARY, ())
    shared_network.cache_clear()
    save_bundle(again, trained(trainable_head, make_recording), METADATA)
    for path in first.iterdir():
        assert path.read_bytes() == (again / path.name).read_bytes(), path.name
    loaded, metadata = load_bundle(first)
    assert np.array_equal(loaded.predict(embeddings), before)
    assert (loaded.config, loaded.training, metadata) == (head.config, head.training, METADATA)


def test_a_bundle_is_known_by_what_it_was_made_from(saved: Path) -> None:
    update_metadata(saved, {"fit": "abc"})
    assert is_bundle_of(saved, {"fit": "abc"}) and not is_bundle_of(saved, {"fit": "abd"})
    (saved / "scaler.npz").write_bytes((saved / "scaler.npz").read_bytes()[:-1])
    assert not is_bundle_of(saved, {"fit": "abc"})
    assert not is_bundle_of(saved.with_name("none"), {})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "cannot be read"),
        ("[1]", "lacks format_version"),
        ('{"format_version": 1}', "lacks head, metadata, sha256, training"),
        ('{"format_version": 1, "head": {}, "training": {}, "sha256": {}, "metadata": {}}', "lacks a checksum"),
    ],
)
def test_a_damaged_header_is_told(text: str, told: str, saved: Path) -> None:
    (saved / "head.json").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=told):
        load_bundle(saved)


def rewrite_header(saved: Path, **changes: Any) -> None:
    path = saved / "head.json"
    header = {**json.loads(path.read_text(encoding="utf-8")), **changes}
    # As it was before it guarded itself.
    header.pop("header_sha256", None)
    path.write_text(json.dumps(header), encoding="utf-8")


def test_a_bundle_of_another_time_is_told(saved: Path) -> None:
    rewrite_header(saved, head={"name": "of_another_time"})
    with pytest.raises(InputError, match=r"cannot be read.*written with python"):
        load_bundle(saved)
    rewrite_header(saved, format_version=99)
    with pytest.raises(InputError, match="format version 99"):
        load_bundle(saved)


def test_a_bundle_of_before_there_were_tasks_is_binary(saved: Path, make_recording: MakeRecording) -> None:
    header = json.loads((saved / "head.json").read_text(encoding="utf-8"))
    assert header.pop("task")["name"] == "binary" and header.pop("header_sha256")
    expected = load_bundle(saved)[0].predict(make_recording().embeddings)
    (saved / "head.json").write_text(json.dumps(header), encoding="utf-8")
    head, _ = load_bundle(saved)
    assert head.task == BINARY
    assert np.array_equal(head.predict(make_recording().embeddings), expected)


def test_a_folder_without_a_bundle_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"head\.json is missing"):
        load_bundle(tmp_path)


def test_a_network_that_carries_code_is_refused(saved: Path) -> None:
    """A stranger's file may not run code: Keras would store a lambda as marshalled bytes."""
    import keras

    embeddings = keras.Input((20, 5), name="embeddings")
    mask = keras.Input((20,), dtype="bool", name="mask")
    hidden = keras.layers.Lambda(lambda x: x[..., 0])(embeddings)
    keras.Model([embeddings, mask], hidden).save(saved / "model.keras")
    assert zipfile.is_zipfile(saved / "model.keras")
    checksums = json.loads((saved / "head.json").read_text(encoding="utf-8"))["sha256"]
    rewrite_header(saved, sha256={**checksums, "model.keras": sha256_of(saved / "model.keras")})
    with pytest.raises(InputError, match="cannot be read"):
        load_bundle(saved)
