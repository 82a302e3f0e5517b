"""Pose files as the field has them: SLEAP's CSV, SuperAnimal, raw scores, positions in space, labeled frames."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from common.errors import InputError
from features.centers import CenterConfig, track_center
from features.poses import read_poses
from features.poses.deeplabcut import read_header
from tests.features.test_poses_h5 import write_table_layout

SLEAP = [
    "track,frame_idx,instance.score,nose.x,nose.y,nose.score,tail.x,tail.y,tail.score",
    "b,4,1.1,5,6,0.5,7,8,1.01",
    "a,0,1.1,10,20,0.9,30,40,",
    "a,2,1.1,11,21,0.8,,,",
    "b,2,1.1,1,2,0.7,3,4,0.6",
]


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def told(track) -> str:
    return " ".join(odd.found for odd in track.oddities)


def test_sleap_rows_are_placed_by_frame_and_track(tmp_path):
    path = write(tmp_path / "x.csv", *SLEAP)
    a, b = read_poses(path, "a"), read_poses(path, "b")
    assert a.keypoints == b.keypoints == ("nose", "tail") and a.n_frames == b.n_frames == 5
    assert a.ends_with_last_seen and b.ends_with_last_seen
    nan = np.nan
    np.testing.assert_array_equal(a.xy_px[:, 0], [[10, 20], [nan, nan], [11, 21], [nan, nan], [nan, nan]])
    np.testing.assert_array_equal(b.xy_px[:, 1], [[nan, nan], [nan, nan], [3, 4], [nan, nan], [7, 8]])
    np.testing.assert_array_equal(a.likelihood, [[0.9, 1], [nan, nan], [0.8, nan], [nan, nan], [nan, nan]])
    np.testing.assert_array_equal(b.likelihood[[2, 4]], [[0.7, 0.6], [0.5, 1]])
    with pytest.raises(InputError, match=r"several individuals .b, a."):
        read_poses(path)
    with pytest.raises(InputError, match="'c' is not in"):
        read_poses(path, "c")


def test_a_sleap_file_of_one_track_needs_no_name_and_may_have_none(tmp_path):
    named = read_poses(write(tmp_path / "x.csv", SLEAP[0], *SLEAP[2:4]))
    unnamed = read_poses(write(tmp_path / "y.csv", SLEAP[0], *(line[1:] for line in SLEAP[2:4])))
    np.testing.assert_array_equal(named.xy_px, unnamed.xy_px)
    empty_frames = read_poses(write(tmp_path / "z.csv", SLEAP[0], *SLEAP[2:4], ",7,,,,,,,", ",1,,,,,,,"))
    assert empty_frames.n_frames == 8 and not empty_frames.oddities
    by_instance = "video_path,frame_idx,track,instance_idx,instance_score,nose.x,nose.y,nose.score"
    track = read_poses(write(tmp_path / "i.csv", by_instance, "v.mp4,1,m,0,0.9,5,6,0.5"))
    np.testing.assert_array_equal(track.xy_px[1, 0], [5, 6])


def test_what_sleap_could_not_track_is_left_out_and_told(tmp_path):
    track = read_poses(write(tmp_path / "x.csv", SLEAP[0], *SLEAP[2:4], ",1,1,1,2,1,3,4,1", ",1,1,5,6,1,7,8,1"))
    assert np.isnan(track.xy_px[1]).all() and "2 rows of x.csv belong to no track" in told(track)


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ((*SLEAP, "a,2,1,1,1,1,1,1,1"), r"track 'a' in frame 2 twice \(rows 4 and 6\)"),
        ((SLEAP[0], ",0,1,1,2,1,3,4,1", ",0,1,5,6,1,7,8,1"), r"several animals without tracks.*rows 2 and 3.*tracking"),
        ((SLEAP[0], "a,0.5,1,1,2,1,3,4,1"), "row 2, column frame_idx, found 0.5"),
        ((SLEAP[0], "a,,1,1,2,1,3,4,1"), "row 2, column frame_idx, found nan"),
        ((SLEAP[0], "a,0,1,left,2,1,3,4,1"), "row 2, column 4, found 'left'. Use the file as SLEAP"),
        ((SLEAP[0], "a,0,1,2,3", "a,1,1,1,2,1,3,4,1"), "has no column 6|columns expected but not found"),
        ((SLEAP[0], "a,90000000,1,1,2,1,3,4,1"), "at most 20,000,000 frames"),
        ((SLEAP[0],), "no frames"),
        (("track,frame_idx,nose.x,nose.y,nose.z", "a,0,1,2,3"), "3-D.*'nose.z'"),
    ],
)
def test_bad_sleap_csvs_are_refused(tmp_path, lines, says):
    with pytest.raises(InputError, match=says) as caught:
        read_poses(write(tmp_path / "x.csv", *lines), "a" if "'a'" in says else None)
    assert "\n" not in str(caught.value)


def rows(*coords: str) -> list[str]:
    n = len(coords)
    return [",".join(["scorer", *"D" * n]), ",".join(["bodyparts", *["nose"] * n]), ",".join(["coords", *coords])]


@pytest.mark.parametrize(
    "lines",
    [
        (*rows("x", "y", "z"), "0,1,2,3"),
        (*rows("X", "Y", "Z", "likelihood"), "0,1,2,3,1"),
        ("frame,nose_x,nose_y,nose_Z", "0,1,2,3"),
        ("frame,x,y,z", "0,1,2,3"),
    ],
)
def test_positions_in_space_are_said_to_be_3_d(tmp_path, lines):
    with pytest.raises(InputError, match=r"x\.csv is 3-D.*two-dimensional file \(x, y, likelihood\) of the camera"):
        read_poses(write(tmp_path / "x.csv", *lines))


def test_positions_in_space_in_arrays_and_h5(tmp_path):
    names = [("D", part, axis) for part in ("nose", "tail") for axis in ("x", "y", "z")]
    with pytest.raises(InputError, match=r"3-D.*'nose z'"):
        read_poses(write_table_layout(tmp_path / "x.h5", names))
    np.save(tmp_path / "x.npy", np.full((5, 2, 3), 2.5))
    with pytest.raises(InputError, match="positions in space"):
        read_poses(tmp_path / "x.npy")


@pytest.mark.parametrize("word", ["likelihood", "confidence", "score", "p", "Prob"])
def test_likelihoods_by_their_other_names(tmp_path, word):
    for lines in [(*rows("x", "y", word), "0,1,2,0.4"), (f"frame,nose_x,nose_y,nose_{word}", "0,1,2,0.4")]:
        path = write(tmp_path / "x.csv", *lines)
        assert read_poses(path).likelihood == [[0.4]]
        assert not read_header(path).label_positions


def test_other_columns_of_a_keypoint_are_no_labels(tmp_path):
    path = write(tmp_path / "x.csv", *rows("x", "y", "likelihood", "x_ens_var"), "0,1,2,0.4,9")
    assert read_poses(path).keypoints == ("nose",) and not read_header(path).label_positions
    names = [("D", "nose", axis) for axis in ("x", "y", "likelihood", "x_ens_var")]
    track = read_poses(write_table_layout(tmp_path / "x.h5", names, np.array([[1, 2, 0.4, 9]])))
    np.testing.assert_array_equal(track.xy_px, [[[1, 2]]])


def test_scores_of_another_scale_become_relative_and_are_told(tmp_path):
    scores = [2.0, 3.0, *[4.0] * 38]
    path = write(tmp_path / "x.csv", *rows("x", "y", "likelihood"), *(f"{i},1,2,{s}" for i, s in enumerate(scores)))
    track = read_poses(path)
    np.testing.assert_allclose(track.likelihood[:3, 0], [0.5, 0.75, 1])
    assert "reach 4, not 1" in told(track) and not track.oddities[0].is_change


def test_a_few_high_scores_do_not_make_the_others_unlikely(tmp_path):
    scores = [12.5, *[0.9] * 60]
    path = write(tmp_path / "x.csv", *rows("x", "y", "likelihood"), *(f"{i},1,2,{s}" for i, s in enumerate(scores)))
    track = read_poses(path)
    np.testing.assert_allclose(track.likelihood[:, 0], [1, *[0.9] * 60])
    assert "reach 12.5" in told(track)


def test_scores_just_above_1_are_told_as_they_are(tmp_path):
    path = write(tmp_path / "x.csv", *rows("x", "y", "likelihood"), "0,1,2,1.0001", "1,1,2,0.5")
    assert "reach 1.0001, not 1" in told(read_poses(path))


@pytest.mark.parametrize("score", ["-0.5", "300", "inf", "-inf"])
def test_numbers_that_are_no_scores_are_refused(tmp_path, score):
    with pytest.raises(InputError, match="between 0 and 1"):
        read_poses(write(tmp_path / "x.csv", *rows("x", "y", "likelihood"), f"0,1,2,{score}", f"1,1,2,{score}"))


@pytest.mark.parametrize(
    ("cells", "is_told"),
    [
        (("0,0,0", "90,80,0.9"), False),
        (("0,0,1", "90,80,0.9"), True),
        (("0,0,", "90,80,0.9"), True),
        (("-1,-1,-1", "90,80,0.9"), False),
        (("-1,-1,0.9", "90,80,0.9"), True),
        (("0,0,0.9",), True),
    ],
)
def test_points_at_zero_or_minus_one_are_missing(tmp_path, cells, is_told):
    lines = [f"{i},{cell}" for i, cell in enumerate(cells)]
    track = read_poses(write(tmp_path / "x.csv", *rows("x", "y", "likelihood"), *lines))
    assert np.isnan(track.xy_px[0]).all() and np.isnan(track.likelihood[0]).all()
    assert np.isfinite(track.xy_px[1:]).all()
    assert ("1 of" in told(track) and track.oddities[0].is_change) if is_told else not track.oddities


def test_an_animal_in_the_very_corner_is_there(tmp_path):
    track = read_poses(write(tmp_path / "x.csv", "frame,x,y", "0,2,1", "1,0,0", "2,3,0", "3,-1,-1", "4,0,80"))
    assert np.isfinite(track.xy_px).all() and not track.oddities


SLOTS = [
    "scorer,{0},{0},{0},{0},{0},{0}",
    "individuals,{1},{1},{1},{2},{2},{2}",
    "bodyparts,nose,nose,nose,nose,nose,nose",
    "coords,x,y,likelihood,x,y,likelihood",
    "0,100,50,0.9,-1,-1,-1",
    "1,-1,-1,-1,100,50,0.9",
]


@pytest.mark.parametrize(
    ("words", "is_told"),
    [
        (("superanimal_topviewmouse_x", "animal0", "animal1"), True),
        (("DLC", "animal0", "animal1"), True),
        (("SuperAnimal_quadruped", "a", "b"), True),
        (("DLC", "animal1", "animal2"), False),
        (("DLC", "black", "white"), False),
    ],
)
def test_slots_of_superanimal_are_not_ordered(tmp_path, words, is_told):
    path = write(tmp_path / "x.csv", *(line.format(*words) for line in SLOTS))
    track = read_poses(path, words[1])
    assert np.isnan(track.xy_px[1]).all() and np.isnan(track.likelihood[1]).all()
    assert ("not ordered" in told(track)) == is_told
    with pytest.raises(InputError, match="not ordered" if is_told else "Set center.individual"):
        read_poses(path)
    names = [(words[0], who, "nose", axis) for who in words[1:] for axis in ("x", "y", "likelihood")]
    values = np.array([[100, 50, 0.9, -1, -1, -1], [-1, -1, -1, 100, 50, 0.9]])
    assert read_poses(write_table_layout(tmp_path / "x.h5", names, values), words[1]).oddities == tuple(
        type(odd)(odd.found.replace("x.csv", "x.h5"), odd.consequence, odd.remedy) for odd in track.oddities
    )


@pytest.mark.parametrize(
    "lines",
    [
        (*rows("x", "y"), "labeled-data/m1/img001.png,1,2"),
        (*rows("x", "y"), r"labeled-data\m1\img001.png,1,2"),
        (*rows("x", "y"), "img001.jpg,1,2"),
        ("scorer,,,D,D", "bodyparts,,,nose,nose", "coords,,,x,y", "labeled-data,m1,img001.png,1,2"),
    ],
)
def test_labeled_frames_are_known_in_a_csv_as_in_an_h5(tmp_path, lines):
    with h5py.File(write_table_layout(tmp_path / "x.h5"), "a") as file:
        table = file["df_with_missing/table"][...]
        kept = dict(file["df_with_missing/table"].attrs)
        del file["df_with_missing/table"]
        dtype = [("index", "S8"), ("values_block_0", "<f8", (6,))]
        new = np.array([(b"img1.png", row["values_block_0"]) for row in table], dtype=dtype)
        file["df_with_missing"].create_dataset("table", data=new).attrs.update(kept)
    said = []
    for path in (write(tmp_path / "x.csv", *lines), tmp_path / "x.h5"):
        with pytest.raises(InputError, match="labeled data set, not the analysis of a video") as caught:
            read_poses(path)
        said.append(str(caught.value).replace(path.name, ""))
    assert said[0] == said[1]


@pytest.mark.shared
def test_every_pose_file_of_the_field_has_its_outcome(shared_dir):
    field = shared_dir / "data" / "field"
    absent = read_poses(field / "poses" / "sa.csv", "animal0")
    assert np.isnan(absent.likelihood[:, 0]).sum() == 5 and "not ordered" in told(absent)
    assert np.isnan(read_poses(field / "poses" / "sa.csv", "animal2").xy_px).all()
    raw = read_poses(field / "poses" / "rtm.csv")
    assert 0 < raw.likelihood.min() < raw.likelihood.max() == 1 and "reach 3.99" in told(raw)
    gaps = read_poses(field / "poses" / "sleap1.csv")
    assert np.flatnonzero(np.isnan(gaps.likelihood[:, 1])).tolist() == [7, 8]
    assert (np.unique(gaps.likelihood[:7, 0]), np.unique(gaps.likelihood[:7, 1])) == ([0.9], [1.0])
    assert track_center(gaps, CenterConfig(), 25.0).observed.all() and gaps.n_frames == 50
    first, second = (read_poses(field / "poses" / "sleap2.csv", f"track_{i}") for i in range(2))
    assert first.n_frames == second.n_frames == 50 and not np.isnan(first.xy_px).any()
    refused = {
        "poses/sleap2.csv": "track_0, track_1",
        "poses/sa.csv": "animal0, animal1, animal2.*not ordered",
        "poses/dlc3d.csv": "is 3-D",
        "labeled-data-csv/CollectedData.csv": "labeled data set",
    }
    for name, says in refused.items():
        with pytest.raises(InputError, match=says):
            read_poses(field / name)
