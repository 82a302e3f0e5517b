"""No file makes a pose reader fail with anything but `InputError`: it reads, or is refused in one paragraph."""

import io
import json
import pickle
from functools import cache
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays, boolean_dtypes, floating_dtypes, integer_dtypes

from features.poses import READERS, read_poses
from tests.damage import CELLS, damaged, fuzzed, read_or_refused
from tests.features.test_poses import MULTI, SINGLE
from tests.features.test_poses_h5 import write_fixed_layout, write_table_layout

DATA = Path(__file__).resolve().parents[1] / "data"
INDIVIDUALS = st.sampled_from([None, "adult", "a", "0", "center", "resident"])


def expect_track_or_refusal(path: Path, individual: str | None) -> None:
    track = read_or_refused(lambda: read_poses(path, individual))
    if track is None:
        return
    assert track.xy_px.dtype == track.likelihood.dtype == np.float64
    assert track.xy_px.shape == (track.n_frames, len(track.keypoints), 2) and track.n_frames > 0
    assert track.likelihood.shape == track.xy_px.shape[:2]
    assert len(set(track.keypoints)) == len(track.keypoints) > 0
    missing = np.isnan(track.xy_px)
    assert (missing[..., 0] == missing[..., 1]).all() and np.isfinite(track.xy_px[~missing]).all()
    assert np.isnan(track.likelihood[missing[..., 0]]).all()
    known = track.likelihood[~np.isnan(track.likelihood)]
    assert (known >= -1e-6).all() and (known <= 1 + 1e-6).all()


@cache
def seeds() -> dict[str, bytes]:
    """A small sound file of each format."""
    folder = DATA
    buffer, archive = io.BytesIO(), io.BytesIO()
    jabs = io.BytesIO()
    with h5py.File(jabs, "w") as file:
        file["poseest/points"], file["poseest/confidence"] = np.ones((3, 2, 12, 2), np.uint16), np.ones((3, 2, 12))
        file["poseest/instance_count"], file["poseest/instance_track_id"] = np.full(3, 2), np.array([[0, 1]] * 3)
    two = np.arange(84).reshape(3, 2, 2, 7).tolist()
    np.save(buffer, np.linspace(0, 9, 36).reshape(3, 2, 3, 2))
    np.savez(archive, keypoints=np.ones((3, 2, 2, 3)), ids=np.array([[0, 1]] * 3), boxes=np.ones((3, 2, 4)))
    return {
        "single.csv": "\n".join(SINGLE).encode(),
        "multi.csv": "\n".join(MULTI).encode("utf-16"),
        "flat.csv": b"frame;nose_x;nose_y;nose_likelihood\n0;1,5;2;0,5\n1;2;3;1\n",
        "plain.csv": b"frame,x,y,likelihood,id\n0,1,2,0.5,0\n3,4,5,1.0,0\n2,,,,0\n",
        "sleap.csv": b"track,frame_idx,instance.score,nose.x,nose.y,nose.score\na,0,1.0,1,2,0.9\na,3,1.0,2,3,1.01\n",
        "via.csv": b"filename,region_shape_attributes,region_attributes\n00.png,{},{}\n",
        "calms21.json": json.dumps({"g": {"s": {"keypoints": two, "scores": np.ones((3, 2, 7)).tolist()}}}).encode(),
        "sleap.h5": (folder / "sleap_analysis.h5").read_bytes(),
        "jabs.h5": jabs.getvalue(),
        "project.slp": (folder / "sleap_project.slp").read_bytes(),
        "keypoints.npy": buffer.getvalue(),
        "tracks.npz": archive.getvalue(),
    }


SEEDS = sorted(seeds())
TEXT = ("utf-16", "utf-8-sig", "latin-1")


@pytest.mark.parametrize("name", SEEDS)
@given(content=st.data(), individual=INDIVIDUALS)
@fuzzed(40)
def test_damaged_files(tmp_path, name, content, individual):
    (tmp_path / name).write_bytes(content.draw(damaged(seeds()[name], TEXT if name.endswith(("csv", "json")) else ())))
    expect_track_or_refusal(tmp_path / name, individual)


@pytest.mark.parametrize("write", [write_table_layout, write_fixed_layout])
@given(data=st.data(), individual=INDIVIDUALS)
@fuzzed(40)
def test_damaged_deeplabcut_h5(tmp_path, write, data, individual):
    path = write(tmp_path / "x.h5")
    path.write_bytes(data.draw(damaged(path.read_bytes(), ())))
    expect_track_or_refusal(path, individual)


STARTS = [b"", b"\x89HDF\r\n\x1a\n", b"\x93NUMPY\x01\x00", b"PK\x03\x04", b"\xff\xfe", b"\xef\xbb\xbf", b"frame,x,y\n"]


@fuzzed(80)
@given(start=st.sampled_from(STARTS), rest=st.binary(max_size=300), individual=INDIVIDUALS)
def test_bytes(tmp_path, start, rest, individual):
    (tmp_path / "x").write_bytes(start + rest + b"x")
    expect_track_or_refusal(tmp_path / "x", individual)


@fuzzed(80)
@given(text=st.text(max_size=300), codec=st.sampled_from(["utf-8", "utf-16", "utf-8-sig"]), individual=INDIVIDUALS)
def test_texts(tmp_path, text, codec, individual):
    (tmp_path / "x").write_bytes((text + "x").encode(codec))
    expect_track_or_refusal(tmp_path / "x", individual)


HEADER_CELLS = st.sampled_from(
    ["scorer", "individuals", "bodyparts", "coords", "x", "y", "likelihood", "frame", "nose", "nose_x", "nose_y",
     "nose_z", "nose_likelihood", "frame_idx", "id", "a", "", "DLC.1", "Unnamed: 0", "0", "filename", "sep=;"]
)  # fmt: skip
LIKELY = st.sampled_from(["0", "1", "2", "0.5", "1e8", " 3 "]) | CELLS


@fuzzed(250)
@given(
    header=st.lists(st.lists(HEADER_CELLS, max_size=7), min_size=1, max_size=5),
    body=st.lists(st.lists(LIKELY, max_size=7), max_size=6),
    delimiter=st.sampled_from(",;\t"),
    individual=INDIVIDUALS,
)
def test_tables_of_likely_words(tmp_path, header, body, delimiter, individual):
    lines = [delimiter.join(cells) for cells in [*header, *body]]
    (tmp_path / "x.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    expect_track_or_refusal(tmp_path / "x.csv", individual)


NUMBERS = boolean_dtypes() | integer_dtypes() | floating_dtypes()
ARRAYS = arrays(NUMBERS, array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=4)) | st.sampled_from(
    [
        np.array(b"x"),
        np.array([b"nose", b"tail"]),
        np.array([b"a", b"\xff\n"]),
        np.array([1j, 2]),
        np.zeros((1, 2, 2, 3)),
    ]
)


@fuzzed(200)
@given(
    items=st.fixed_dictionaries(
        {"tracks": ARRAYS, "node_names": ARRAYS, "track_occupancy": ARRAYS},
        optional={"track_names": ARRAYS, "point_scores": ARRAYS},
    ),
    dims=st.sampled_from([None, "", "5", '["track"]', '["track", "xy", "node", "frame"]', '["xy", "xy", "a", "b"]']),
    individual=INDIVIDUALS,
)
def test_sleap_files_of_odd_shapes(tmp_path, items, dims, individual):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        for name, array in items.items():
            file[name] = array
        if dims is not None:
            file["tracks"].attrs["dims"] = dims
    expect_track_or_refusal(tmp_path / "x.h5", individual)


NAMES = st.recursive(
    st.sampled_from(["D", "nose", "x", "y", "likelihood", "", "a\nb", 1, None]),
    lambda parts: st.lists(parts, max_size=4).map(tuple) | st.lists(parts, max_size=4),
    max_leaves=12,
)


@fuzzed(150)
@given(
    names=NAMES | st.just([("D", "nose", "x"), ("D", "nose", "y")]),
    values=ARRAYS,
    index=ARRAYS | st.just(np.arange(2)),
    layout=st.sampled_from(["frame_table", "frame"]),
    individual=INDIVIDUALS,
)
def test_deeplabcut_h5_of_odd_shapes(tmp_path, names, values, index, layout, individual):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        group = file.create_group("df")
        group.attrs["pandas_type"] = layout
        group.attrs["nblocks"] = 1
        group["axis1"] = index
        group["block0_values"] = values
        for level in range(3):
            group[f"block0_items_level{level}"] = np.array([b"D", b"nose", b"x", b"y"])
            group[f"block0_items_label{level}"] = values.ravel() if level == 1 else np.arange(2) + level
        if values.size:  # HDF5 has no fields of size 0
            group["table"] = np.zeros(2, dtype=[("index", "i8"), ("values_block_0", values.dtype, values.shape)])
            group["table"].attrs["values_block_0_kind"] = np.void(pickle.dumps(names, 2))
    expect_track_or_refusal(tmp_path / "x.h5", individual)


@fuzzed(150)
@given(
    items=st.dictionaries(st.sampled_from(["keypoints", "boxes", "ids", "names"]), ARRAYS, min_size=1),
    packed=st.booleans(),
    individual=INDIVIDUALS,
)
def test_numpy_files_of_odd_shapes(tmp_path, items, packed, individual):
    for old in tmp_path.glob("*.np?"):
        old.unlink()
    if packed:
        np.savez(tmp_path / "x.npz", **items)
        expect_track_or_refusal(tmp_path / "x.npz", individual)
        return
    for name, array in items.items():
        np.save(tmp_path / f"{name}.npy", array)
    expect_track_or_refusal(tmp_path / f"{next(iter(items))}.npy", individual)


def test_each_reader_is_among_the_fuzzed(tmp_path):
    write_table_layout(tmp_path / "deeplabcut.h5")
    for name, content in seeds().items():
        (tmp_path / name).write_bytes(content)
    paths = list(tmp_path.iterdir())
    assert [name for name, reader in READERS.items() if not any(reader.matches(path) for path in paths)] == []
