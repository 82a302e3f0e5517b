import json
import os
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import InputError
from features.cache.parts import PartFolder, parts_folder
from features.cache.store import (
    CHUNK_BYTES,
    CachedRows,
    FeatureCache,
    cache_path,
    fingerprint,
    list_caches,
    lock_of,
    prune_caches,
    read_cache,
    verify_caches,
    write_cache,
    writing_to,
)

N_FEATURES = 700
N_ANALYSED = 3 * (CHUNK_BYTES // (4 * N_FEATURES)) + 5  # four HDF5 chunks, the last one short
RECIPE = {"backbone": {"name": "compact"}, "frame_step": 3, "precision": "float32"}


def embeddings_of(seed: int, n: int = N_ANALYSED) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, N_FEATURES)).astype(np.float32)


def write(folder: Path, recording: str = "m1", recipe: dict | None = None, seed: int = 0) -> Path:
    recipe = RECIPE if recipe is None else recipe
    path = cache_path(folder, recording, fingerprint(recipe))
    embeddings = embeddings_of(seed)
    attributes = {
        "recording": recording, "recipe": json.dumps(recipe), "fingerprint": fingerprint(recipe), "note": "",
    }  # fmt: skip
    frames = np.arange(N_ANALYSED) * 3
    chunks = (embeddings[start : start + 100] for start in range(0, N_ANALYSED, 100))
    write_cache(path, chunks, frames, np.arange(N_ANALYSED) % 5 > 0, N_FEATURES, attributes)
    return path


def read(path: Path) -> FeatureCache | None:
    return read_cache(path, fingerprint(RECIPE))


# --- what is written is read ----------------------------------------------------------------------------------


def test_round_trip(tmp_path: Path) -> None:
    path = write(tmp_path, "Mäuse 1/2: a")
    assert path.parent == tmp_path
    cache = read(path)
    assert cache is not None
    np.testing.assert_array_equal(cache.embeddings, embeddings_of(0))
    np.testing.assert_array_equal(cache.frames, np.arange(N_ANALYSED) * 3)
    np.testing.assert_array_equal(cache.observed, np.arange(N_ANALYSED) % 5 > 0)
    assert cache.embeddings.dtype == np.float32
    assert (cache.recipe, cache.fingerprint, cache.n_features) == (RECIPE, fingerprint(RECIPE), N_FEATURES)
    assert list(tmp_path.iterdir()) == [path], "no temporary file is left"


def test_file_is_hdf5_with_checksums_and_several_chunks(tmp_path: Path) -> None:
    with h5py.File(write(tmp_path), "r") as file:
        assert all(file[name].fletcher32 for name in ("embeddings", "frames", "observed"))
        assert file["embeddings"].id.get_num_chunks() == 4
        assert file.attrs["n_committed"] == N_ANALYSED
        assert file.attrs["complete"]


@pytest.mark.parametrize("n_given", [0, N_ANALYSED - 1])
def test_too_few_embeddings_make_no_file(tmp_path: Path, n_given: int) -> None:
    path = tmp_path / "m1__x.h5"
    attributes = {"recording": "m1", "recipe": "{}", "fingerprint": "x", "note": ""}
    with pytest.raises(ValueError, match="were given for"):
        chunks = [embeddings_of(0, n_given)]
        write_cache(path, chunks, np.arange(N_ANALYSED), np.ones(N_ANALYSED, bool), N_FEATURES, attributes)
    assert not path.exists()


# --- fingerprints ---------------------------------------------------------------------------------------------

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
recipes = st.dictionaries(st.text(), json_values, min_size=1, max_size=5)


@settings(deadline=None)
@given(recipes)
def test_fingerprint_outlives_json_and_order(recipe: dict) -> None:
    backwards = dict(reversed(list(recipe.items())))
    assert fingerprint(recipe) == fingerprint(backwards) == fingerprint(json.loads(json.dumps(recipe)))


@settings(deadline=None)
@given(recipes, recipes)
def test_other_recipe_other_fingerprint(first: dict, second: dict) -> None:
    same = json.dumps(first, sort_keys=True) == json.dumps(second, sort_keys=True)
    assert (fingerprint(first) == fingerprint(second)) == same


def test_cache_of_another_recipe_is_never_used(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write(tmp_path, recipe=RECIPE | {"frame_step": 4})
    assert read(path) is None
    assert "another recipe" in caplog.text


def test_absent_file_is_no_cache_and_no_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert read(tmp_path / "absent.h5") is None
    assert not caplog.records


# --- damage ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("position", np.linspace(0, 0.999999, 40))
def test_flipped_bit_is_noticed_or_harmless(tmp_path: Path, position: float) -> None:
    path = write(tmp_path)
    content = bytearray(path.read_bytes())
    content[int(position * len(content))] ^= 0x10
    path.write_bytes(content)
    cache = read(path)
    if cache is not None:  # unused bytes between the parts of the file
        np.testing.assert_array_equal(cache.embeddings, embeddings_of(0))
        np.testing.assert_array_equal(cache.observed, np.arange(N_ANALYSED) % 5 > 0)
        np.testing.assert_array_equal(cache.frames, np.arange(N_ANALYSED) * 3)


def test_flipped_bit_in_any_chunk_is_noticed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write(tmp_path)
    whole = path.read_bytes()
    for row in (0, N_ANALYSED // 2, N_ANALYSED - 1):
        wanted = embeddings_of(0)[row, 3:9].tobytes()
        content = bytearray(whole)
        content[whole.index(wanted)] ^= 0x01
        path.write_bytes(content)
        caplog.clear()
        assert read(path) is None
        assert "is damaged" in caplog.text


@pytest.mark.parametrize("kept", [0.0, 0.001, 0.3, 0.9, 0.999])
def test_truncated_file_is_noticed(tmp_path: Path, kept: float, caplog: pytest.LogCaptureFixture) -> None:
    path = write(tmp_path)
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    assert read(path) is None
    assert "is damaged" in caplog.text


@pytest.mark.parametrize("change", ["complete", "n_committed", "recipe", "no observed", "no checksums", "short"])
def test_file_that_is_not_whole_in_itself_is_not_used(tmp_path: Path, change: str) -> None:
    path = write(tmp_path)
    with h5py.File(path, "r+") as file:
        if change in ("complete", "n_committed"):
            file.attrs[change] = 0
        elif change == "recipe":
            file.attrs["recipe"] = "{}"
        elif change == "no observed":
            del file["observed"]
        elif change == "no checksums":
            del file["embeddings"]
            file["embeddings"] = embeddings_of(0)
        else:
            del file["frames"]
            file["frames"] = np.arange(N_ANALYSED - 1)
    assert read(path) is None


# --- list, verify, prune --------------------------------------------------------------------------------------


def unfinished(folder: Path, recording: str = "m3") -> PartFolder:
    plan = {"recording": recording, "recipe": json.dumps(RECIPE), "fingerprint": fingerprint(RECIPE)}
    parts = PartFolder(cache_path(folder, recording, fingerprint(RECIPE)), plan, 10, 4, 5)
    parts.commit(np.zeros((4, 5), np.float32))
    return parts


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[path.read_bytes().index(embeddings_of(0)[9].tobytes())] ^= 0xFF
    path.write_bytes(content)


def test_list_tells_what_is_there(tmp_path: Path) -> None:
    write(tmp_path, "m1")
    flip(write(tmp_path, "m2"))
    unfinished(tmp_path, "m3")
    (tmp_path / "m4__0123.h5").write_bytes(b"no HDF5")
    (tmp_path / "videos.json").touch()
    rows = list_caches(tmp_path)
    assert [(row.recording, row.state) for row in rows] == [
        ("m1", "complete"), ("m2", "complete"), ("m3", "unfinished"), ("m4", "damaged"),
    ]  # fmt: skip
    assert (rows[0].backbone, rows[0].n_frames, rows[0].n_features) == ("compact", N_ANALYSED, N_FEATURES)
    assert rows[0].size_mb == pytest.approx(rows[0].path.stat().st_size / 1e6)
    assert (rows[2].n_frames, rows[2].n_features) == (4, 5)


def test_list_of_an_absent_folder_is_empty(tmp_path: Path) -> None:
    assert list_caches(tmp_path / "absent") == []


def test_verify_reads_and_finds_what_list_cannot_see(tmp_path: Path) -> None:
    write(tmp_path, "m1")
    flip(write(tmp_path, "m2"))
    assert [row.state for row in verify_caches(tmp_path)] == ["complete", "damaged"]


def test_prune_removes_only_damage_unless_told(tmp_path: Path) -> None:
    whole = write(tmp_path, "m1")
    flip(write(tmp_path, "m2"))
    parts = unfinished(tmp_path)
    left_over = tmp_path / "m9__0123.h5.unfinished"
    left_over.touch()
    assert [row.recording for row in prune_caches(tmp_path)] == ["m2"]
    assert whole.exists() and parts.folder.exists() and not left_over.exists()
    assert [row.state for row in verify_caches(tmp_path)] == ["complete", "unfinished"]


def test_prune_by_age(tmp_path: Path) -> None:
    old, new = write(tmp_path, "old"), write(tmp_path, "new")
    os.utime(old, (time.time() - 10 * 86400,) * 2)
    assert [row.path for row in prune_caches(tmp_path, older_than_days=9)] == [old]
    assert new.exists()


def test_prune_leaves_what_is_being_written(tmp_path: Path) -> None:
    parts = unfinished(tmp_path)
    with lock_of(cache_path(tmp_path, "m3", fingerprint(RECIPE))):
        assert prune_caches(tmp_path, older_than_days=0) == []
    assert parts.folder.exists()
    assert len(prune_caches(tmp_path, older_than_days=0)) == 1
    assert not parts.folder.exists()


# --- the chunks of an unfinished extraction -------------------------------------------------------------------

PLAN = {"fingerprint": "f"}


def part_folder(folder: Path, plan: dict = PLAN) -> PartFolder:
    return PartFolder(folder / "m1__f.h5", plan, n_analysed=10, chunk_frames=4, n_features=2)


def chunk(position: int, n: int = 4) -> np.ndarray:
    return np.full((n, 2), position, np.float32)


def test_committed_chunks_are_taken_over(tmp_path: Path) -> None:
    first = part_folder(tmp_path)
    assert first.n_committed == 0
    first.commit(chunk(0))
    first.commit(chunk(1))
    again = part_folder(tmp_path)
    assert again.n_committed == 8
    again.commit(chunk(2, 2))
    assert again.n_committed == 10
    np.testing.assert_array_equal(np.concatenate(list(again.chunks()))[:, 0], [0] * 4 + [1] * 4 + [2] * 2)


@pytest.mark.parametrize("plan", [{"fingerprint": "g"}, PLAN | {"made_by": "another version"}])
def test_chunks_of_another_plan_are_not(tmp_path: Path, plan: dict) -> None:
    part_folder(tmp_path).commit(chunk(0))
    assert part_folder(tmp_path, plan).n_committed == 0


@pytest.mark.parametrize("shape", [(3, 2), (5, 2), (4, 3)])
def test_chunk_of_another_shape_is_refused(tmp_path: Path, shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="expected a chunk"):
        part_folder(tmp_path).commit(np.zeros(shape, np.float32))


@pytest.mark.parametrize("damage", ["flip", "cut", "remove", "empty"])
def test_damaged_chunk_and_all_after_it_are_made_anew(tmp_path: Path, damage: str) -> None:
    parts = part_folder(tmp_path)
    for position in range(2):
        parts.commit(chunk(position))
    parts.commit(chunk(2, 2))
    path = sorted(parts.folder.glob("*.npy"))[1]
    content = path.read_bytes()
    if damage == "remove":
        path.unlink()
    else:
        flipped = content[:-1] + bytes([content[-1] ^ 1])
        path.write_bytes({"flip": flipped, "cut": content[:-3], "empty": b""}[damage])
    again = part_folder(tmp_path)
    assert again.n_committed == 4
    assert len(list(again.folder.glob("*.npy"))) == 1


def test_chunk_changed_after_it_was_taken_over_is_noticed(tmp_path: Path) -> None:
    parts = part_folder(tmp_path)
    parts.commit(chunk(0))
    next(parts.folder.glob("*.npy")).write_bytes(b"changed")
    with pytest.raises(ValueError, match="has changed"):
        list(parts.chunks())


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe"])
def test_damaged_plan_starts_over(tmp_path: Path, content: bytes) -> None:
    parts = part_folder(tmp_path)
    parts.commit(chunk(0))
    (parts.folder / "plan.json").write_bytes(content)
    assert part_folder(tmp_path).n_committed == 0


def test_unfinished_files_of_a_killed_process_are_removed(tmp_path: Path) -> None:
    part_folder(tmp_path).commit(chunk(0))
    stray = parts_folder(tmp_path / "m1__f.h5") / ("000001-" + "0" * 32 + ".npy.unfinished")
    stray.write_bytes(b"half")
    assert part_folder(tmp_path).n_committed == 4
    assert not stray.exists()


# --- on a shared drive ----------------------------------------------------------------------------------------


def refuse_to_open(monkeypatch: pytest.MonkeyPatch, error: OSError) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("features.hdf5_files.h5py.File", refuse)


def test_a_file_that_somebody_has_locked_is_read(tmp_path: Path) -> None:
    fcntl = pytest.importorskip("fcntl")
    path = write(tmp_path)
    with path.open("rb+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if "HDF5_USE_FILE_LOCKING" not in os.environ:
            with pytest.raises(OSError, match="unable to lock"):
                h5py.File(path, "r")
        assert read(path) is not None
        assert CachedRows(path, fingerprint(RECIPE)).shape[0] == N_ANALYSED


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            BlockingIOError(11, "Unable to open file (unable to lock file, errno = 11)"),
            "HDF5_USE_FILE_LOCKING to FALSE",
        ),
        (OSError(37, "unable to lock file, error message = 'No locks available'"), "HDF5_USE_FILE_LOCKING to FALSE"),
        (PermissionError(13, "Permission denied"), "may not be read"),
    ],
)
def test_a_refusal_is_no_damage(error: OSError, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path)
    refuse_to_open(monkeypatch, error)
    for use in (read, lambda path: CachedRows(path, fingerprint(RECIPE))):
        with pytest.raises(InputError, match=words) as caught:
            use(path)
        assert str(path) in str(caught.value)
    assert [row.state for row in verify_caches(tmp_path)] == ["unreadable"]
    assert prune_caches(tmp_path) == [] and path.exists()


def test_what_another_user_left_is_gone_on_with_or_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.chmod(0o2775)
    with lock_of(tmp_path / "m1__f.h5"):
        pass
    modes = [path.stat().st_mode & 0o020 for path in (tmp_path / "locks", part_folder(tmp_path).folder)]
    assert os.name == "nt" or modes == [0o020] * 2
    # A file that its owner alone may write is replaced, not written.
    left = tmp_path / f"{cache_path(tmp_path, 'm1', fingerprint(RECIPE)).name}.unfinished"
    left.write_bytes(b"another's")
    before = left.stat().st_ino
    kept = os.open(left, os.O_RDONLY)
    written = write(tmp_path)
    os.close(kept)
    assert os.name == "nt" or written.stat().st_ino != before
    words = r"you may not write .*m1__f\.parts, which belongs to .*let your group write"
    with pytest.raises(InputError, match=words if os.name != "nt" else "you may not write"), writing_to(tmp_path):
        raise PermissionError(13, "Permission denied", str(tmp_path / "m1__f.parts"))

    def refuse(path: Path, **options: bool) -> None:
        if path.suffix == ".h5":
            raise PermissionError(13, "Permission denied")
        remove(path, **options)

    remove = Path.unlink
    monkeypatch.setattr(Path, "unlink", refuse)
    assert [row.path.suffix for row in prune_caches(tmp_path, older_than_days=0)] == [".parts"] and written.exists()
