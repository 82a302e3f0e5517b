"""DeepLabCut's h5: both pandas layouts, and nothing unpickled."""

import contextlib
import pickle
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.errors import InputError
from features.poses import read_poses
from features.poses.pickled_names import RefusedPickleError, plain_objects

NAMES = [("D", part, coord) for part in ("nose", "tail") for coord in ("x", "y", "likelihood")]
VALUES = np.arange(18, dtype=np.float64).reshape(3, 6) / 100


def write_table_layout(path: Path, names=NAMES, values=VALUES, index=None, kind=None) -> Path:
    """What pandas' `to_hdf(format="table")` leaves in the file."""
    rows = np.empty(len(values), dtype=[("index", "<i8"), ("values_block_0", "<f8", (values.shape[1],))])
    rows["index"] = np.arange(len(values)) if index is None else index
    rows["values_block_0"] = values
    with h5py.File(path, "w") as file:
        group = file.create_group("df_with_missing")
        group.attrs["pandas_type"] = np.bytes_(b"frame_table")
        table = group.create_dataset("table", data=rows)
        table.attrs["values_block_0_kind"] = np.bytes_(pickle.dumps(names, 0) if kind is None else kind)
    return path


def write_fixed_layout(path: Path, names=NAMES, values=VALUES, index=None) -> Path:
    """What pandas' `to_hdf(format="fixed")` leaves in the file."""
    with h5py.File(path, "w") as file:
        group = file.create_group("keypoints")
        group.attrs["pandas_type"] = np.bytes_(b"frame")
        group.attrs["nblocks"] = 1
        group["axis1"] = np.arange(len(values)) if index is None else index
        for level, words in enumerate(zip(*names, strict=True)):
            unique = sorted(set(words))
            group[f"block0_items_level{level}"] = np.array(unique, dtype="S")
            group[f"block0_items_label{level}"] = np.array([unique.index(word) for word in words], dtype=np.int8)
        group["block0_values"] = values
        group["block0_values"].attrs["transposed"] = True
    return path


@pytest.mark.parametrize("write", [write_table_layout, write_fixed_layout])
def test_both_layouts(tmp_path, write):
    track = read_poses(write(tmp_path / "poses.h5"))
    assert track.keypoints == ("nose", "tail")
    np.testing.assert_array_equal(track.xy_px[:, 1], VALUES[:, 3:5])
    np.testing.assert_array_equal(track.likelihood, VALUES[:, [2, 5]])


@pytest.mark.parametrize("write", [write_table_layout, write_fixed_layout])
def test_several_animals_without_likelihood(tmp_path, write):
    names = [("D", who, "nose", coord) for who in ("adult", "juvenile") for coord in ("x", "y")]
    path = write(tmp_path / "poses.h5", names, VALUES[:, :4])
    np.testing.assert_array_equal(read_poses(path, "juvenile").xy_px[:, 0], VALUES[:, 2:4])
    assert (read_poses(path, "juvenile").likelihood == 1).all()
    with pytest.raises(InputError, match="several individuals"):
        read_poses(path)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_names_of_every_pickle_protocol(protocol):
    assert plain_objects(pickle.dumps(NAMES, protocol)) == NAMES
    assert plain_objects(pickle.dumps([[], (), ("é", 1, None, 2.5)], protocol)) == [[], (), ("é", 1, None, 2.5)]


def test_a_pickle_that_runs_code_is_refused_and_not_run(tmp_path):
    trace = tmp_path / "trace"

    class Attack:
        def __reduce__(self):
            return Path.touch, (trace,)

    with pytest.raises(RefusedPickleError):
        plain_objects(pickle.dumps([Attack()], 0))
    with pytest.raises(InputError, match="can't be read safely"):
        read_poses(write_table_layout(tmp_path / "poses.h5", kind=pickle.dumps([Attack()], 0)))
    assert not trace.exists()


@given(st.binary(max_size=60))
def test_damaged_pickles_are_refused(content):
    with contextlib.suppress(RefusedPickleError):
        plain_objects(content)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda path: write_table_layout(path, index=[0, 2, 3]), "found 2 instead of 1"),
        (lambda path: write_table_layout(path, names=NAMES[:5]), "5 names for 6 columns"),
        (lambda path: write_table_layout(path, names=[("a", "b")] * 6), "named by scorer, bodypart"),
        (lambda path: write_fixed_layout(path, index=np.array([b"img0.png"] * 3)), "labeled data set"),
    ],
)
def test_bad_tables_are_refused(tmp_path, make, says):
    with pytest.raises(InputError, match=says) as caught:
        read_poses(make(tmp_path / "poses.h5"))
    assert "\n" not in str(caught.value)


def test_another_hdf5_file_is_of_unknown_format(tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["tracks"] = np.zeros(3)
    with pytest.raises(InputError, match="no format that is known"):
        read_poses(tmp_path / "other.h5")


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0.01, 0.99))
def test_truncated_files_are_refused(tmp_path, share):
    path = write_table_layout(tmp_path / "poses.h5")
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(InputError):
        read_poses(path)


@pytest.mark.shared
def test_real_file(shared_dir):
    track = read_poses(shared_dir / "data" / "openfield_dlc" / "m3v1mp4_dlc_aug20.h5")
    assert track.keypoints == ("snout", "leftear", "rightear", "tailbase")
    assert track.n_frames == 2330
    np.testing.assert_allclose(track.xy_px[0, 0], [77.29780579, 88.87557983])
    np.testing.assert_allclose(track.likelihood[2, 3], 0.99956328)
    # Another network on the same video must see the animal in the same place.
    other = read_poses(shared_dir / "data" / "openfield_dlc" / "m3v1mp4_dlc.csv")
    apart_px = np.linalg.norm(track.xy_px[:, 3] - other.xy_px[:, 3], axis=1)
    assert np.median(apart_px) < 5
