"""SLEAP's analysis HDF5 and NumPy tracks."""

import json
import pickle
from pathlib import Path

import h5py
import numpy as np
import pytest

from common.errors import InputError
from features.poses import read_poses

DATA = Path(__file__).resolve().parents[1] / "data"
RNG = np.random.default_rng(3)


def write_sleap(path: Path, **changes) -> Path:
    """Two tracks, three nodes, five frames; a change of None leaves the item out."""
    items = {
        "tracks": RNG.uniform(1, 90, (2, 2, 3, 5)),
        "track_occupancy": np.ones((5, 2), np.uint8),
        "node_names": np.array([b"nose", b"ear", "schwanz ä".encode()]),
        "track_names": np.array([b"a", b"b"]),
        "point_scores": RNG.uniform(0, 1, (2, 3, 5)),
    }
    with h5py.File(path, "w") as file:
        for name, value in (items | changes).items():
            if value is not None:
                file[name] = value
    return path


@pytest.mark.parametrize("name", ["sleap_analysis.h5", "sleap_analysis_standard.h5"])
def test_files_of_sleap_io_in_both_axis_orders(name):
    truth = np.load(DATA / "sleap_truth.npz")
    for place, individual in enumerate(("a", "b")):
        track = read_poses(DATA / name, individual)
        absent = [2] if individual == "a" else [2, 4]
        there = np.setdiff1d(np.arange(6), absent)
        assert track.keypoints == ("nose", "tail") and track.n_frames == 6
        np.testing.assert_array_equal(track.xy_px[there], truth["P"][there, place])
        np.testing.assert_array_equal(track.likelihood[there], truth["S"][there, place])
        assert np.isnan(track.xy_px[absent]).all() and np.isnan(track.likelihood[absent]).all()
    with pytest.raises(InputError, match=r"several individuals .a, b."):
        read_poses(DATA / name)


def test_sleap_scores_beyond_one_are_cut_and_points_of_a_human_are_certain(tmp_path):
    scores = np.full((2, 3, 5), 0.5)
    scores[1, 0], scores[1, 1] = 1.07, np.nan
    track = read_poses(write_sleap(tmp_path / "x.h5", point_scores=scores), "b")
    np.testing.assert_array_equal(track.likelihood, np.tile([1.0, 1.0, 0.5], (5, 1)))


def test_sleap_without_scores_and_without_names_of_its_one_track(tmp_path):
    tracks = RNG.uniform(1, 90, (1, 2, 3, 5))
    path = write_sleap(tmp_path / "x.h5", tracks=tracks, track_names=np.array([], "S1"), point_scores=None)
    track = read_poses(path)
    assert track.keypoints == ("nose", "ear", "schwanz ä") and (track.likelihood == 1).all()
    np.testing.assert_array_equal(track.xy_px, tracks[0].transpose(2, 1, 0))


def test_sleap_axes_as_the_file_names_them_even_where_lengths_are_alike(tmp_path):
    tracks = RNG.uniform(1, 90, (2, 2, 2, 2))
    path = write_sleap(tmp_path / "x.h5", tracks=tracks, node_names=np.array([b"n", b"t"]), point_scores=None)
    np.testing.assert_array_equal(read_poses(path, "b").xy_px, tracks[1].transpose(2, 1, 0))
    with h5py.File(path, "a") as file:
        file["tracks"].attrs["dims"] = json.dumps(["xy", "frame", "track", "node"])
    np.testing.assert_array_equal(read_poses(path, "b").xy_px, tracks[:, :, 1].transpose(1, 2, 0))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"tracks": np.zeros((2, 2, 4, 5))}, r"shape \(2, 2, 4, 5\) for 3 nodes"),
        ({"tracks": np.zeros((2, 3, 5))}, "expected 4 axes"),
        ({"tracks": np.zeros((2, 2, 3, 0)), "point_scores": None}, "no frames"),
        ({"tracks": np.zeros((0, 2, 3, 5)), "track_names": np.array([], "S1")}, "no track"),
        ({"track_names": np.array([b"a", b"a"])}, "1 names for 2 tracks"),
        ({"track_names": None}, "0 names for 2 tracks"),
        ({"point_scores": np.zeros((2, 3, 4))}, "point_scores of shape"),
        ({"node_names": np.array([b"nose", b"nose", b"tail"])}, "'nose' twice"),
        ({"node_names": np.array([b"nose", b"", b"tail"])}, "without a name"),
        ({"tracks": np.array([b"x"] * 60).reshape(2, 2, 3, 5)}, "no SLEAP analysis HDF5"),
    ],
)
def test_bad_sleap_files_are_refused(tmp_path, changes, says):
    with pytest.raises(InputError, match=says) as caught:
        read_poses(write_sleap(tmp_path / "x.h5", **changes), "a" if "names for" not in says else None)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("n_frames", "says"), [(60_000_000, "at most 20,000,000"), (19_000_000, "declares 418,000,000")]
)
def test_a_size_that_no_recording_has_is_refused_before_it_is_allocated(tmp_path, n_frames, says):
    nodes = np.array([f"n{k}".encode() for k in range(11)])
    path = write_sleap(tmp_path / "x.h5", tracks=None, node_names=nodes, track_names=np.array([b"a"]))
    with h5py.File(path, "a") as file:
        file.create_dataset("tracks", shape=(1, 2, 11, n_frames), dtype="f8", chunks=(1, 1, 1, 1024))
    with pytest.raises(InputError, match=says):
        read_poses(path, "a")


KEYPOINTS = RNG.uniform(1, 90, (6, 2, 3, 2))


def write_npy(folder: Path, beginning: str = "", **arrays) -> Path:
    for role, array in arrays.items():
        np.save(folder / f"{beginning}{role}.npy", array)
    return folder / f"{beginning}{next(iter(arrays))}.npy"


def test_npy_ids_follow_the_animal_from_place_to_place(tmp_path):
    ids = np.array([[7, 9], [9, 7], [7, -1], [-1, 7], [9, -1], [9, 7]])
    boxes = np.concatenate([KEYPOINTS.min(axis=2), KEYPOINTS.max(axis=2)], axis=2)
    path = write_npy(tmp_path, "cage1_", keypoints=KEYPOINTS, ids=ids, boxes=boxes)
    for named in (path, tmp_path / "cage1_ids.npy", tmp_path / "cage1_boxes.npy"):
        track = read_poses(named, "7")
        assert track.keypoints == ("keypoint_0", "keypoint_1", "keypoint_2", "box")
        for frame, place in enumerate([0, 1, 0, 1, None, 1]):
            if place is None:
                assert np.isnan(track.xy_px[frame]).all() and np.isnan(track.likelihood[frame]).all()
            else:
                np.testing.assert_array_equal(track.xy_px[frame, :3], KEYPOINTS[frame, place])
                np.testing.assert_allclose(track.xy_px[frame, 3], boxes[frame, place].reshape(2, 2).mean(axis=0))
    with pytest.raises(InputError, match=r"several individuals .7, 9."):
        read_poses(path)
    with pytest.raises(InputError, match="'8' is not in"):
        read_poses(path, "8")


def test_npy_of_one_animal_with_likelihood_and_its_ways_to_say_missing(tmp_path):
    keypoints = np.concatenate([KEYPOINTS[:, 0], np.full((6, 3, 1), 0.8)], axis=2)
    keypoints[1, 0, :2], keypoints[2, 1, 0] = 0, np.nan
    np.save(tmp_path / "poses of m1.npy", keypoints)
    track = read_poses(tmp_path / "poses of m1.npy")
    missing = np.zeros((6, 3), bool)
    missing[1, 0] = missing[2, 1] = True
    np.testing.assert_array_equal(np.isnan(track.xy_px).all(axis=2), missing)
    np.testing.assert_array_equal(track.xy_px[~missing], KEYPOINTS[:, 0][~missing])
    assert (track.likelihood[~missing] == 0.8).all()


def test_npy_boxes_alone(tmp_path):
    path = write_npy(tmp_path, boxes=np.array([[10, 20, 30, 60], [0, 0, 0, 0]]))
    track = read_poses(path)
    assert track.keypoints == ("box",)
    np.testing.assert_array_equal(track.xy_px[:, 0], [[20, 40], [np.nan, np.nan]])


def test_npz_with_names(tmp_path):
    np.savez_compressed(tmp_path / "x.npz", keypoints=KEYPOINTS, names=np.array(["nose", "ear", "tail"]))
    track = read_poses(tmp_path / "x.npz", "1")
    assert track.keypoints == ("nose", "ear", "tail")
    np.testing.assert_array_equal(track.xy_px, KEYPOINTS[:, 1])


def test_a_pickle_in_an_npy_is_not_opened(tmp_path):
    trace = tmp_path / "trace"

    class Attack:
        def __reduce__(self):
            return Path.touch, (trace,)

    np.save(tmp_path / "ids.npy", np.array([Attack()], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match=r"Python objects.*np.save"):
        read_poses(tmp_path / "ids.npy")
    np.savez(tmp_path / "x.npz", keypoints=np.array([Attack()], dtype=object))
    with pytest.raises(InputError, match="Python objects"):
        read_poses(tmp_path / "x.npz")
    (tmp_path / "pickle.npy").write_bytes(pickle.dumps(Attack()))
    with pytest.raises(InputError, match=r"no format that is known|binary file"):
        read_poses(tmp_path / "pickle.npy")
    assert not trace.exists()


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({"ids": np.zeros((6, 2))}, "found neither"),
        ({"keypoints": np.zeros((6, 2))}, r"shape .n_frames, n_animals.*found \(6, 2\)"),
        ({"keypoints": np.zeros((6, 2, 3, 4))}, "2 or 3"),
        ({"keypoints": np.array(["a", "b"])}, "an array of numbers"),
        ({"keypoints": np.zeros((0, 3, 2))}, "no frames"),
        ({"keypoints": np.zeros((6, 0, 3, 2))}, "no animal"),
        ({"keypoints": KEYPOINTS, "ids": np.zeros((6, 3))}, r"ids .*\(6, 2\), found \(6, 3\)"),
        ({"keypoints": KEYPOINTS, "ids": np.zeros((6, 2))}, "animal 0 twice in frame 0"),
        ({"keypoints": KEYPOINTS, "ids": np.full((6, 2), -1)}, "no animal in any frame"),
        ({"keypoints": KEYPOINTS, "boxes": np.ones((5, 2, 4))}, "6 frames × 2 animals and 5 frames × 2 animals"),
        ({"boxes": np.tile([100.0, 50, 40, 20], (6, 1))}, "x, y, width, height"),
        ({"keypoints": np.full((6, 3, 3), 2.0)}, "between 0 and 1"),
    ],
)
def test_bad_arrays_are_refused(tmp_path, arrays, says):
    with pytest.raises(InputError, match=says) as caught:
        read_poses(write_npy(tmp_path, **arrays))
    assert "\n" not in str(caught.value)
