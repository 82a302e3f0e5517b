"""A plain CSV of one point, flat headers that count their frames, and what only `movement` reads."""

import sys
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest

from common.errors import InputError
from features.centers import CenterConfig, track_center
from features.poses import read_poses
from features.poses.through_movement import _track

DATA = Path(__file__).resolve().parents[1] / "data"


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_frames_without_a_row_are_missing(tmp_path):
    track = read_poses(write(tmp_path / "x.csv", "frame,x,y", "1,10,20", "4,12.5,22", "2,,"))
    assert track.keypoints == ("center",)
    nan = np.nan
    np.testing.assert_array_equal(track.xy_px[:, 0], [[nan, nan], [10, 20], [nan, nan], [nan, nan], [12.5, 22]])
    np.testing.assert_array_equal(track.likelihood[:, 0], [nan, 1, nan, nan, 1])


@pytest.mark.parametrize(
    "lines",
    [
        ("frame,x,y,likelihood", "0,1,2,0.5", "1,3,4,1"),
        (",Frame,Y,X,Confidence", "0,0,2,1,0.5", "1,1,4,3,1"),
        ("frame_index;x_px;y_px;likelihood;id", "0;1,0;2;0,5;7", "1;3;4;1;7"),
        ("Frame Number\tspeed\tx (px)\ty (px)\tlikelihood", "1\t9\t3\t4\t1.0", "0\tfast\t1\t2\t.5"),
        ("frame,x,y,likelihood", "", "0.0, 1 ,2,0.5", ",,,", "1,3,4,1"),
    ],
)
def test_spellings_of_the_header(tmp_path, lines):
    track = read_poses(write(tmp_path / "x.csv", *lines))
    np.testing.assert_array_equal(track.xy_px[:, 0], [[1, 2], [3, 4]])
    np.testing.assert_array_equal(track.likelihood[:, 0], [0.5, 1])


def test_the_one_point_is_the_center_whatever_keypoint_is_asked_for(tmp_path):
    track = read_poses(write(tmp_path / "x.csv", "frame,x,y", "0,1,2", "1,3,4"))
    for keypoints in ("midbody", ["leftear", "rightear"]):
        center = track_center(track, CenterConfig(keypoints=keypoints), 10.0)
        np.testing.assert_array_equal(center.xy_px, [[1, 2], [3, 4]])


@pytest.mark.parametrize(
    ("lines", "individual", "says"),
    [
        (("frame,x,y",), None, "no frames"),
        (("frame,x,y", "0,1,2", "0,1,2"), None, r"frame 0 twice \(rows 2 and 3\)"),
        (("frame,x,y", "-1,1,2"), None, "row 2, column 1, found -1"),
        (("frame,x,y", "0.5,1,2"), None, "found 0.5"),
        (("frame,x,y", ",1,2"), None, "found nan"),
        (("frame,x,y", "inf,1,2"), None, "found inf"),
        (("frame,x,y", "0,1,two"), None, r"row 2, column 3 \(y\), found 'two'"),
        (("frame,x,y", "1699999999,1,2"), None, "at most 20,000,000 frames"),
        (("frame,x,y,likelihood", "0,1,2,30"), None, "between 0 and 1"),
        (("frame,x,y,id", "0,1,2,a", "0,3,4,b"), None, r"several animals \(a and b; row 3\)"),
        (("frame,x,X,y", "0,1,1,2"), None, "2 columns are named x"),
        (("frame,x,y", "0,1,2"), "adult", "Leave center.individual out"),
        (("time,x,y", "0,1,2"), None, "a plain one with frame,x,y"),
    ],
)
def test_bad_plain_files_are_refused(tmp_path, lines, individual, says):
    with pytest.raises(InputError, match=says) as caught:
        read_poses(write(tmp_path / "x.csv", *lines), individual)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "lines",
    [
        ("frame,nose_x,nose_y", "1,1,2", "2,3,4"),
        ("frame,pos_x,pos_y,id", "0,1,2,0", "0,3,4,1", "1,1,2,0"),
    ],
)
def test_flat_files_that_skip_or_repeat_frames_are_never_shifted(tmp_path, lines):
    with pytest.raises(InputError, match="Expected the frame numbers 0, 1, 2"):
        read_poses(write(tmp_path / "x.csv", *lines))


def test_the_frame_column_of_a_flat_file_may_stand_anywhere(tmp_path):
    track = read_poses(write(tmp_path / "x.csv", "track,nose.x,nose.y,frame_idx", "m,1,2,0", "m,3,4,1"))
    np.testing.assert_array_equal(track.xy_px[:, 0], [[1, 2], [3, 4]])


def test_positions_in_space_are_refused(tmp_path):
    path = write(tmp_path / "x.csv", "nose_x,nose_y,nose_z,nose_error,fnum", "1,2,3,0,0", "1,2,3,0,1")
    with pytest.raises(InputError, match=r"positions in space .column 'nose_z'"):
        read_poses(path)


@pytest.fixture
def no_movement(monkeypatch):
    monkeypatch.setitem(sys.modules, "movement", None)
    monkeypatch.setitem(sys.modules, "movement.io", None)
    monkeypatch.setitem(sys.modules, "xarray", None)


def nwb(path: Path) -> Path:
    with h5py.File(path, "w") as file:
        file.attrs["nwb_version"] = "2.6.0"
    return path


def netcdf(path: Path) -> Path:
    with h5py.File(path, "w") as file:
        for name in ("position", "confidence", "space"):
            file[name] = np.zeros(2)
    return path


def via(path: Path) -> Path:
    header = "filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes"
    return write(path, header, "00.png,0,{},0,0,{},{}")


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda folder: DATA / "sleap_project.slp", "SLEAP project .or export Analysis HDF5"),
        (lambda folder: nwb(folder / "x.nwb"), "an NWB file"),
        (lambda folder: netcdf(folder / "x.nc"), "netCDF"),
        (lambda folder: via(folder / "x.csv"), "VIA tracks"),
    ],
)
def test_without_movement_the_error_names_the_format_and_the_package(tmp_path, no_movement, make, what):
    with pytest.raises(InputError, match=f"{what}.*package movement.*pip install .movement") as caught:
        read_poses(make(tmp_path))
    assert "\n" not in str(caught.value)


class Array(SimpleNamespace):
    """The little of an xarray array that is used."""

    def transpose(self, *dims):
        return Array(dims=dims, values=self.values.transpose([self.dims.index(dim) for dim in dims]))


class Dataset(SimpleNamespace):
    """The little of an xarray dataset that is used."""

    def __getitem__(self, name):
        return self.arrays[name]

    def isel(self, where):
        ((dim, index),) = where.items()
        arrays = {
            name: Array(
                dims=tuple(d for d in array.dims if d != dim),
                values=np.take(array.values, index, axis=array.dims.index(dim)),
            )
            for name, array in self.arrays.items()
        }
        return Dataset(arrays=arrays, coords=self.coords)


def dataset(space=("x", "y"), plural="s") -> Dataset:
    dims = ("time", "space", f"keypoint{plural}", f"individual{plural}")
    position = np.arange(4 * len(space) * 3 * 2, dtype=float).reshape(4, len(space), 3, 2)
    confidence = np.full((4, 3, 2), 0.5)
    confidence[0], confidence[1] = np.nan, 1.2
    names = {"space": space, dims[2]: ("nose", "ear", "tail"), dims[3]: ("a", "b")}
    return Dataset(
        arrays={
            "position": Array(dims=dims, values=position),
            "confidence": Array(dims=(dims[0], *dims[2:]), values=confidence),
        },
        coords={name: SimpleNamespace(values=np.array(values)) for name, values in names.items()},
    )


@pytest.mark.parametrize("plural", ["", "s"])
def test_what_movement_gives_becomes_a_track(plural):
    track = _track(Path("x.slp"), dataset(plural=plural), "b", is_sleap=True)
    position = dataset().arrays["position"].values
    assert track.keypoints == ("nose", "ear", "tail")
    np.testing.assert_array_equal(track.xy_px, position[..., 1].transpose(0, 2, 1))
    np.testing.assert_array_equal(track.likelihood[:, 0], [1, 1, 0.5, 0.5])
    with pytest.raises(InputError, match=r"several individuals .a, b."):
        _track(Path("x.slp"), dataset(), None, is_sleap=True)
    with pytest.raises(InputError, match="positions in x, y, z"):
        _track(Path("x.slp"), dataset(space=("x", "y", "z")), "a", is_sleap=True)


def test_what_movement_refuses_is_told_in_one_paragraph(monkeypatch, tmp_path):
    def refuse(path, source_software):
        raise ValueError(f"no poses\nin {source_software}")

    monkeypatch.setitem(sys.modules, "movement", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "movement.io", SimpleNamespace(load_dataset=refuse))
    with pytest.raises(InputError, match=r"movement can't read it .no poses in NWB.") as caught:
        read_poses(nwb(tmp_path / "x.nwb"))
    assert "\n" not in str(caught.value)


def test_a_sleap_project_through_movement_itself():
    pytest.importorskip("movement", reason="the optional package movement is not installed")
    truth = np.load(DATA / "sleap_truth.npz")
    track = read_poses(DATA / "sleap_project.slp", "b")
    there = [0, 1, 3, 5]
    assert track.keypoints == ("nose", "tail") and np.isnan(track.xy_px[[2, 4]]).all()
    np.testing.assert_allclose(track.xy_px[there], truth["P"][there, 1], atol=1e-4)
    np.testing.assert_allclose(track.likelihood[there], truth["S"][there, 1], atol=1e-6)
