from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import InputError
from features.cache.rows import cached_rows
from features.cache.store import fingerprint, verify_caches
from features.sources import open_sources
from features.sources.base import ExtractionSettings, RecordingFiles
from features.sources.precomputed import PrecomputedConfig, PrecomputedRows, count_precomputed_frames
from tests.damage import damaged, fuzzed, read_or_refused

N_FRAMES = 31


@pytest.fixture
def embeddings() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((N_FRAMES, 5))


def rows_of(path: Path, *arguments: Any, **more: Any) -> PrecomputedRows:
    return PrecomputedRows("m1", path, *arguments, **more)


def whole(rows: PrecomputedRows) -> np.ndarray:
    return np.concatenate(list(rows.batches(0)))


def save(folder: Path, suffix: str, **arrays: np.ndarray) -> Path:
    path = folder / f"Mäuse 1.{suffix}"
    if suffix == "npy":
        np.save(path, next(iter(arrays.values())))
    elif suffix == "npz":
        np.savez(path, **arrays)  # type: ignore[arg-type]
    else:
        with h5py.File(path, "w") as file:
            for name, array in arrays.items():
                file.create_dataset(f"group/{name}", data=array)
    return path


@pytest.mark.parametrize("suffix", ["npy", "npz", "h5"])
@pytest.mark.parametrize("step", [1, 4])
def test_one_row_per_frame_is_thinned(tmp_path: Path, embeddings: np.ndarray, suffix: str, step: int) -> None:
    rows = rows_of(save(tmp_path, suffix, a=embeddings), N_FRAMES, step)
    np.testing.assert_array_equal(whole(rows), embeddings[::step].astype(np.float32))
    frames = np.arange(0, N_FRAMES, step)
    np.testing.assert_array_equal(rows.spans, np.stack([frames, frames + 1], axis=1))
    assert rows.observed.all() and len(rows.observed) == len(frames)
    assert (rows.n_features, whole(rows).dtype) == (5, np.float32)


def test_one_row_per_analysed_frame_is_taken_as_it_is(tmp_path: Path, embeddings: np.ndarray) -> None:
    rows = rows_of(save(tmp_path, "npy", a=embeddings[::4]), N_FRAMES, 4)
    np.testing.assert_array_equal(whole(rows), embeddings[::4].astype(np.float32))


@pytest.mark.parametrize(("suffix", "key"), [("npz", "b"), ("h5", "group/b"), ("h5", "/group/b")])
def test_key_chooses_the_array(tmp_path: Path, embeddings: np.ndarray, suffix: str, key: str) -> None:
    path = save(tmp_path, suffix, a=embeddings, b=embeddings * 2)
    rows = rows_of(Path(f"{path}#{key}"), N_FRAMES, 1)
    np.testing.assert_array_equal(whole(rows), (embeddings * 2).astype(np.float32))


@pytest.mark.parametrize("suffix", ["npz", "h5"])
def test_several_arrays_without_a_key_are_listed(tmp_path: Path, embeddings: np.ndarray, suffix: str) -> None:
    path = save(tmp_path, suffix, first=embeddings, second=embeddings)
    with pytest.raises(InputError, match=r"2 arrays: .*first.*second.*#"):
        rows_of(path, N_FRAMES, 1)


@pytest.mark.parametrize("suffix", ["npz", "h5"])
def test_unknown_key_is_told_with_the_known_ones(tmp_path: Path, embeddings: np.ndarray, suffix: str) -> None:
    path = save(tmp_path, suffix, keypoints=embeddings)
    with pytest.raises(InputError, match=r"no array 'keypoint' in .*keypoints"):
        rows_of(Path(f"{path}#keypoint"), N_FRAMES, 1)


def test_file_name_with_a_number_sign_is_a_file(tmp_path: Path, embeddings: np.ndarray) -> None:
    path = tmp_path / "a.npy#1.npy"
    np.save(path, embeddings)
    assert rows_of(path, N_FRAMES, 1).n_features == 5


def test_clusters_become_one_hot(tmp_path: Path) -> None:
    clusters = np.arange(N_FRAMES) % 4
    rows = rows_of(save(tmp_path, "npy", a=clusters), N_FRAMES, 1, n_categories=6)
    assert whole(rows).shape == (N_FRAMES, 6)
    np.testing.assert_array_equal(whole(rows).argmax(axis=1), clusters)
    np.testing.assert_array_equal(whole(rows).sum(axis=1), 1)


@pytest.mark.parametrize(("n_categories", "told"), [(None, "n_categories"), (3, "from 0 to 3; expected 0 to 2")])
def test_clusters_need_their_number(tmp_path: Path, n_categories: int | None, told: str) -> None:
    path = save(tmp_path, "npy", a=np.arange(N_FRAMES) % 4)
    with pytest.raises(InputError, match=told):
        rows_of(path, N_FRAMES, 1, n_categories)


def test_negative_cluster_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="from -1"):
        rows_of(save(tmp_path, "npy", a=np.arange(N_FRAMES) - 1), N_FRAMES, 1, 50)


def test_vector_of_floats_is_one_feature(tmp_path: Path) -> None:
    rows = rows_of(save(tmp_path, "npy", a=np.linspace(0, 1, N_FRAMES)), N_FRAMES, 1)
    assert whole(rows).shape == (N_FRAMES, 1)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
def test_missing_value_is_told_by_row(tmp_path: Path, embeddings: np.ndarray, value: float) -> None:
    embeddings[[7, 9], 2] = value
    with pytest.raises(InputError, match=r"in 2 of 31 rows, the first in row 7, column 2"):
        rows_of(save(tmp_path, "npy", a=embeddings), N_FRAMES, 1)


@pytest.mark.parametrize("n", [0, 1, N_FRAMES - 1, N_FRAMES + 1])
def test_other_length_is_told(tmp_path: Path, n: int) -> None:
    with pytest.raises(InputError, match=f"has {n} rows, but the recording has 31 frames"):
        rows_of(save(tmp_path, "npy", a=np.zeros((n, 2))), N_FRAMES, 1)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((N_FRAMES, 3, 2)),
        np.zeros((N_FRAMES, 0)),
        np.float64(3),
        np.full(N_FRAMES, "a"),
        np.zeros((N_FRAMES, 2), complex),
    ],
)
def test_other_shapes_and_kinds_are_refused(tmp_path: Path, array: np.ndarray) -> None:
    with pytest.raises(InputError) as caught:
        rows_of(save(tmp_path, "npy", a=array), N_FRAMES, 1)
    assert "\n" not in str(caught.value)


def test_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no file of precomputed features at .*absent\.npz"):
        rows_of(tmp_path / "absent.npz", N_FRAMES, 1)


@pytest.mark.parametrize("suffix", ["npy", "npz", "h5", "csv"])
def test_damaged_file_is_one_paragraph(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x.{suffix}"
    path.write_bytes(b"1,2,3\n" * 50)
    with pytest.raises(InputError, match="can't be read") as caught:
        rows_of(path, N_FRAMES, 1)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", ["npy", "npz", "h5"])
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9])
def test_cut_off_file_is_one_paragraph(tmp_path: Path, embeddings: np.ndarray, suffix: str, kept: float) -> None:
    path = save(tmp_path, suffix, a=embeddings)
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(InputError, match="can't be read") as caught:
        rows_of(path, N_FRAMES, 1)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", ["npy", "npz", "h5"])
@fuzzed(60)
@given(data=st.data())
def test_whatever_is_damaged_it_is_rows_or_one_paragraph(tmp_path: Path, suffix: str, data: st.DataObject) -> None:
    path = save(tmp_path, f".{suffix}", features=np.linspace(0, 9, 12).reshape(4, 3))
    path.write_bytes(data.draw(damaged(path.read_bytes(), ())))
    rows = read_or_refused(lambda: PrecomputedRows("m1", path, 4, 1))
    assert rows is None or np.isfinite(whole(rows)).all()
    assert (read_or_refused(lambda: count_precomputed_frames(path)) or 0) >= 0


def test_a_declared_size_fills_no_memory(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset("features", (4, 10**12), dtype="f4", chunks=(1, 1000))
    with (tmp_path / "x.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": (4, 10**12)})
    for name in ("x.h5", "x.npy"):
        with pytest.raises(InputError, match="can't be read as"):
            PrecomputedRows("m1", tmp_path / name, 4, 1)


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple:
            return (Path.touch, (tmp_path / "sprung",))

    np.save(tmp_path / "trap.npy", np.array([Trap()] * N_FRAMES, dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match="objects"):
        rows_of(tmp_path / "trap.npy", N_FRAMES, 1)
    assert not (tmp_path / "sprung").exists()


def test_other_values_other_fingerprint(tmp_path: Path, embeddings: np.ndarray) -> None:
    first = rows_of(save(tmp_path, "npy", a=embeddings), N_FRAMES, 1)
    embeddings[0, 0] += 1
    second = rows_of(save(tmp_path, "npy", a=embeddings), N_FRAMES, 1)
    assert fingerprint(first.recipe) != fingerprint(second.recipe)


def test_rows_are_counted_where_no_video_tells(tmp_path: Path, embeddings: np.ndarray) -> None:
    path = save(tmp_path, "npz", a=embeddings, b=embeddings[:7])
    assert count_precomputed_frames(Path(f"{path}#a")) == N_FRAMES
    assert count_precomputed_frames(Path(f"{path}#b")) == 7


def test_counting_needs_a_file_with_rows(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no file"):
        count_precomputed_frames(tmp_path / "absent.npy")
    with pytest.raises(InputError, match="single number"):
        count_precomputed_frames(save(tmp_path, "npy", a=np.array(3.0)))


def test_imported_features_lie_in_the_cache_like_ours(tmp_path: Path, embeddings: np.ndarray) -> None:
    path, cache_dir = save(tmp_path, "npy", a=embeddings), tmp_path / "cache"
    first = cached_rows([rows_of(path, N_FRAMES, 2)], cache_dir)[0]
    written = first.path.stat().st_mtime_ns
    again = cached_rows([rows_of(path, N_FRAMES, 2)], cache_dir)[0]
    np.testing.assert_array_equal(again.embeddings, embeddings[::2].astype(np.float32))
    assert (again.path, again.path.stat().st_mtime_ns) == (first.path, written)
    assert [(row.recording, row.backbone, row.state) for row in verify_caches(cache_dir)] == [
        ("m1", "precomputed", "complete")
    ]


def test_import_into_a_folder_that_cannot_be_made_is_told(tmp_path: Path, embeddings: np.ndarray) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="can't be written"):
        cached_rows([rows_of(save(tmp_path, "npy", a=embeddings), N_FRAMES, 1)], tmp_path / "file" / "cache")


def test_where_the_table_names_videos_a_source_without_files_says_so(tmp_path: Path) -> None:
    source = open_sources([PrecomputedConfig()], ExtractionSettings())
    with pytest.raises(InputError, match="names videos, add `files:`"):
        source.measure(RecordingFiles("m1", tmp_path / "m1.avi", tmp_path), tmp_path)


@pytest.mark.shared
def test_real_cluster_ids_become_one_hot(shared_dir: Path) -> None:
    path = shared_dir / "data" / "open_field_raters" / "open_field_raters.npz"
    with np.load(path) as content:
        name = next(key for key in content.files if key.endswith("kmeans25"))
        clusters = content[name]
    rows = rows_of(Path(f"{path}#{name}"), len(clusters), 1, n_categories=26)
    np.testing.assert_array_equal(whole(rows).argmax(axis=1), clusters)
