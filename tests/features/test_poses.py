"""DeepLabCut's CSV in its many shapes."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.errors import InputError
from features.poses import READERS, read_poses

SINGLE = [
    "scorer,DLC,DLC,DLC,DLC,DLC,DLC",
    "bodyparts,midbody,midbody,midbody,tail base,tail base,tail base",
    "coords,x,y,likelihood,x,y,likelihood",
    "0,10.5,20,0.9,1,2,0.1",
    "1,11.5,21,0.8,,,",
    "2,12.5,22,0.7,3,4,0.3",
]


def write(path: Path, lines: list[str], encoding: str = "utf-8") -> Path:
    path.write_text("\n".join(lines) + "\n", encoding=encoding)
    return path


def expect_single(track) -> None:
    assert track.keypoints == ("midbody", "tail base")
    np.testing.assert_array_equal(track.xy_px[:, 0], [[10.5, 20], [11.5, 21], [12.5, 22]])
    np.testing.assert_array_equal(track.xy_px[:, 1], [[1, 2], [np.nan, np.nan], [3, 4]])
    np.testing.assert_array_equal(track.likelihood, [[0.9, 0.1], [0.8, np.nan], [0.7, 0.3]])


def test_as_deeplabcut_writes_it(tmp_path):
    expect_single(read_poses(write(tmp_path / "poses with spaces é.csv", SINGLE)))


def test_the_name_of_the_file_does_not_matter(tmp_path):
    expect_single(read_poses(write(tmp_path / "poses.h5", SINGLE)))


def test_saved_again_by_pandas_with_an_extra_index(tmp_path):
    lines = [f"{extra},{line}" for extra, line in zip(["", "", "", "0", "1", "2"], SINGLE, strict=True)]
    expect_single(read_poses(write(tmp_path / "poses.csv", lines)))


def test_saved_again_by_pandas_with_one_header_row_only(tmp_path):
    scorers = "scorer,DLC,DLC.1,DLC.2,DLC.3,DLC.4,DLC.5"
    lines = [",".join([extra, line]) for extra, line in zip(["", *"01234"], [scorers, *SINGLE[1:]], strict=True)]
    expect_single(read_poses(write(tmp_path / "poses.csv", lines)))


def test_saved_again_by_pandas_with_a_named_index(tmp_path):
    expect_single(read_poses(write(tmp_path / "poses.csv", [*SINGLE[:3], "frame,,,,,,", *SINGLE[3:]])))


def test_saved_again_by_a_german_excel(tmp_path):
    lines = [line.replace(",", ";").replace(".", ",") for line in SINGLE]
    expect_single(read_poses(write(tmp_path / "poses.csv", lines, "utf-8-sig")))


def test_flattened_header(tmp_path):
    header = "frame,midbody_x,midbody_y,midbody_likelihood,tail base x,tail base y,tail base likelihood"
    expect_single(read_poses(write(tmp_path / "poses.csv", [header, *SINGLE[3:]])))
    no_index = [header.removeprefix("frame,"), *(line.partition(",")[2] for line in SINGLE[3:])]
    expect_single(read_poses(write(tmp_path / "poses.csv", no_index)))


def test_label_columns_beside_the_keypoints_are_left_out(tmp_path):
    lines = [*(line + tail for line, tail in zip(SINGLE, [",Grooming", ",", ",", ",1", ",0", ","], strict=True))]
    expect_single(read_poses(write(tmp_path / "poses.csv", lines)))


def test_without_likelihood_it_is_one_where_there_is_a_point(tmp_path):
    lines = ["scorer,D,D", "bodyparts,nose,nose", "coords,x,y", "0,1,2", "1,,5"]
    track = read_poses(write(tmp_path / "poses.csv", lines))
    np.testing.assert_array_equal(track.xy_px[:, 0], [[1, 2], [np.nan, np.nan]])
    np.testing.assert_array_equal(track.likelihood, [[1.0], [np.nan]])


MULTI = [
    "scorer,D,D,D,D",
    "individuals,adult,adult,juvenile,juvenile",
    "bodyparts,nose,nose,nose,nose",
    "coords,x,y,x,y",
    "0,1,2,3,4",
    "1,5,6,7,8",
]


def test_individual_by_name(tmp_path):
    path = write(tmp_path / "poses.csv", MULTI)
    np.testing.assert_array_equal(read_poses(path, "juvenile").xy_px[:, 0], [[3, 4], [7, 8]])
    np.testing.assert_array_equal(read_poses(path, "adult").xy_px[:, 0], [[1, 2], [5, 6]])


@pytest.mark.parametrize(
    ("individual", "says"),
    [(None, "several individuals .adult, juvenile."), ("Juvenil", "Did you mean 'juvenile'")],
)
def test_individual_must_be_named_and_known(tmp_path, individual, says):
    with pytest.raises(InputError, match=says):
        read_poses(write(tmp_path / "poses.csv", MULTI), individual)


def test_individual_asked_of_a_file_without_names(tmp_path):
    with pytest.raises(InputError, match="single-animal"):
        read_poses(write(tmp_path / "poses.csv", SINGLE), "adult")


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (SINGLE[:3], "no frames"),
        (SINGLE[3:], "no format that is known"),
        ([*SINGLE[:3], SINGLE[3], SINGLE[5]], "found 2 instead of 1 .row 5."),
        ([*SINGLE[:3], *SINGLE[4:]], "found 1 instead of 0 .row 4."),
        ([*SINGLE[:4], SINGLE[4].replace("21", "abc"), SINGLE[5]], "row 5, column 3, found 'abc'"),
        ([*SINGLE[:4], SINGLE[4].replace("0.8", "20")], "between 0 and 1.*found 20.*'midbody' in frame 1"),
        (
            [line + tail for line, tail in zip(SINGLE, [",DLC", ",midbody", ",x", ",1", ",1", ",1"], strict=True)],
            "twice",
        ),
        (["scorer,D", "bodyparts,nose", "coords,x", "0,1"], "no column y"),
        (["scorer,D,D", "bodyparts,,", "coords,x,y", "0,1,2"], "without a keypoint's name"),
        (["labels,D,D", "a,nose,nose", "b,x,y", "0,1,2"], "no format that is known"),
    ],
)
def test_bad_files_are_refused_in_one_paragraph(tmp_path, lines, says):
    with pytest.raises(InputError, match=says) as caught:
        read_poses(write(tmp_path / "poses.csv", lines))
    assert "\n" not in str(caught.value)


def test_missing_and_empty(tmp_path):
    with pytest.raises(InputError, match="pose file"):
        read_poses(tmp_path / "no.csv")
    (tmp_path / "empty.csv").touch()
    with pytest.raises(InputError, match="0 bytes"):
        read_poses(tmp_path / "empty.csv")


def test_every_reader_says_what_it_reads():
    assert all(reader.DESCRIPTION for reader in READERS.values())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    edits=st.lists(st.tuples(st.integers(0, 400), st.binary(max_size=4)), min_size=1, max_size=6),
    lines=st.sampled_from([SINGLE, MULTI]),
)
def test_damaged_files_read_or_are_refused(tmp_path, edits, lines):
    content = bytearray("\n".join(lines).encode())
    for position, patch in edits:
        position %= len(content)
        content[position : position + len(patch)] = patch or b""
    path = tmp_path / "poses.csv"
    path.write_bytes(bytes(content))
    try:
        track = read_poses(path, "adult" if lines is MULTI else None)
    except InputError as error:
        assert "\n" not in str(error)
    else:
        assert track.xy_px.shape == (track.n_frames, len(track.keypoints), 2)


@pytest.mark.shared
def test_real_files(shared_dir):
    folder = shared_dir / "data" / "openfield_dlc"
    plain = read_poses(folder / "m3v1mp4_dlc.csv")
    gaps = read_poses(folder / "m3v1mp4_dlc_missingdata.csv")
    assert plain.keypoints == ("snout", "leftear", "rightear", "tailbase")
    assert plain.n_frames == gaps.n_frames == 2330
    np.testing.assert_allclose(plain.xy_px[0, 0], [76.67398834228516, 88.24728393554688])
    assert not np.isnan(plain.xy_px).any()
    assert np.isnan(gaps.xy_px).any(axis=2).sum(axis=0).tolist() == [2, 0, 0, 0]
    for name in ("ind1", "ind2", "ind3"):
        same = read_poses(folder / "m3v1mp4_dlc_three_individuals.csv", name)
        np.testing.assert_allclose(same.xy_px, plain.xy_px, atol=1e-9)
    pair = shared_dir / "data" / "social_pair" / "e3v813a-20210610T122332-122642_dlc_multi_animal.csv"
    juvenile = read_poses(pair, "juvenile")
    assert juvenile.n_frames == 5700 and len(juvenile.keypoints) == 7
    with pytest.raises(InputError, match="adult, juvenile"):
        read_poses(pair)
    for i in range(1, 5):
        track = read_poses(shared_dir / "data" / "mouse_arena" / f"arena_{i}_dlc.csv")
        assert track.keypoints == ("midbody",) and track.n_frames == 2000
