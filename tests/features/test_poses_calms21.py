"""CalMS21's JSON as its readme describes it, made here with known numbers: poses, annotations, and a table's cells."""

import json
from pathlib import Path

import numpy as np
import pytest

from common.errors import InputError
from features.poses import read_poses, sha256_of_poses
from features.poses.calms21 import KEYPOINTS, sequence_names
from pipeline.annotations import AnnotationChoice, read_annotation
from pipeline.dataset.split_groups import split_groups
from pipeline.dataset.table import read_recordings

N_FRAMES = 6
VOCABULARY = {"attack": 0, "investigation": 1, "mount": 2, "other": 3}
FIRST, SECOND = "task1/train/mouse001_task1_annotator1", 'task1/train/mouse002 {"odd"}'


def sequence(seed: int, **changed: object) -> dict[str, object]:
    """One sequence; the intruder's last keypoint has no score in frame 2."""
    keypoints = np.random.default_rng(seed).uniform(1, 999, (N_FRAMES, 2, 2, 7))
    scores = np.full((N_FRAMES, 2, 7), 0.9)
    scores[2, 1, 6] = 0
    content = {"keypoints": keypoints.tolist(), "scores": scores.tolist(), "annotations": [3, 3, 0, 0, 1, 3]}
    return content | {"metadata": {"annotator-id": 0, "vocab": VOCABULARY}} | changed


def write(path: Path, groups: object, indent: int | None = None) -> Path:
    path.write_text(json.dumps(groups, indent=indent), encoding="utf-8")
    return path


def of(path: Path, sequence: str) -> Path:
    """The path of one sequence, as a table gives it."""
    return Path(f"{path}#sequence={sequence}") if sequence else path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write(tmp_path / "train.json", {"annotator-id_0": {FIRST: sequence(1)}, "other": {SECOND: sequence(2)}}, 1)


def test_one_mouse_of_one_sequence(path: Path):
    assert sequence_names(path) == [FIRST, SECOND]
    for name, seed in ((FIRST, 1), ("mouse001_task1_annotator1", 1), (SECOND, 2)):
        expected = np.array(sequence(seed)["keypoints"])
        for mouse, individual in enumerate(("resident", "intruder")):
            track = read_poses(of(path, name), individual)
            assert track.keypoints == KEYPOINTS and track.n_frames == N_FRAMES
            missing = np.zeros((N_FRAMES, 7), bool)
            missing[2, 6] = individual == "intruder"
            np.testing.assert_array_equal(np.isnan(track.xy_px).all(axis=2), missing)
            for axis in range(2):
                np.testing.assert_array_equal(track.xy_px[~missing][:, axis], expected[:, mouse, axis][~missing])
            assert (track.likelihood[~missing] == 0.9).all() and np.isnan(track.likelihood[missing]).all()


def test_sequences_are_told_apart_by_their_bytes(path: Path):
    hashes = [sha256_of_poses(of(path, name)) for name in (FIRST, "mouse001_task1_annotator1", SECOND)]
    assert hashes[0] == hashes[1] != hashes[2]
    assert sha256_of_poses(path) not in hashes


def test_the_classes_of_one_sequence(path: Path):
    found = read_annotation(path, N_FRAMES, 30.0, choice=AnnotationChoice(sequence=FIRST))
    assert found.format == "calms21" and found.behaviors == tuple(VOCABULARY)
    assert np.argmax(found.active, axis=1).tolist() == [3, 3, 0, 0, 1, 3] and found.scored.all()
    assert (found.active.sum(axis=1) == 1).all()
    assert found.frames_of("approach", N_FRAMES) is None, "nobody scored it"


def test_the_only_sequence_need_not_be_named_and_may_be_unscored_in_part(tmp_path: Path):
    one = write(tmp_path / "one.json", {"a": {FIRST: sequence(1, annotations=[0, None, -1, 2, 2, 2])}})
    assert read_poses(one, "resident").n_frames == N_FRAMES
    found = read_annotation(one, N_FRAMES, 30.0)
    assert found.scored.all(axis=1).tolist() == [True, False, False, True, True, True]
    assert found.active.any(axis=1).tolist() == found.scored.all(axis=1).tolist()


@pytest.mark.parametrize(
    ("content", "individual", "named", "says"),
    [
        (
            {"g": {"a/1": sequence(1), "a/2": sequence(2)}},
            "resident",
            "",
            r"holds 2 sequences \(a/1, a/2\).*none was c",
        ),
        ({"g": {"a/1": sequence(1), "b/1": sequence(2)}}, "resident", "1", "'1' is not clearly one of them"),
        ({"g": {"a/1": sequence(1)}}, "resident", "a/3", "Did you mean 'a/1'"),
        ({"g": {"a/1": sequence(1)}}, None, "", r"several individuals \(resident, intruder\)"),
        ({"g": {"a/1": sequence(1, keypoints=[[1, 2]])}}, "resident", "", r"\(n_frames, 2, 2, 7\).*shape \(1, 2\)"),
        ({"g": {"a/1": sequence(1, scores=[[[1.0] * 7] * 2])}}, "resident", "", r"scores of shape \(6, 2, 7\).*\(1, 2"),
        ({"g": {"a/1": sequence(1, keypoints=[[1], [1, 2]])}}, "resident", "", "no array of numbers"),
    ],
)
def test_what_is_no_pose_is_refused_in_one_paragraph(tmp_path, content, individual, named, says):
    with pytest.raises(InputError, match=says) as caught:
        read_poses(of(write(tmp_path / "a.json", content), named), individual)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"annotations": []}, "has sequences without annotations"),
        ({"metadata": {}}, "has sequences without annotations"),
        ({"annotations": [0, 1, 7, 0, 0, 0]}, r"frame 2: expected one of the classes 0 \(attack\).*found 7"),
        ({"annotations": [0, "mount", 7, 0, 0, 0]}, "frame 1.*found mount"),
    ],
)
def test_annotations_that_are_none_are_refused(tmp_path, changed, says):
    path = write(tmp_path / "a.json", {"g": {"a/1": sequence(1, **changed)}})
    with pytest.raises(InputError, match=says):
        read_annotation(path, N_FRAMES, 30.0)


def test_a_table_names_sequences_of_one_file(path: Path):
    table = path.with_name("recordings.csv")
    row = "r{0},r{0}.mp4,train.json#sequence={1},train.json#sequence={1},m{0},train"
    names = [FIRST, "mouse002"]
    for number in range(2):
        path.with_name(f"r{number}.mp4").write_bytes(b"0")
    rows = [row.format(number, name) for number, name in enumerate(names)]
    table.write_text("\n".join(["recording,video,poses,annotations,individual,split", *rows]), encoding="utf-8")
    read = read_recordings(table)
    assert [item.pose_path for item in read] == [of(path, name) for name in names]
    assert len(set(split_groups(read).values())) == 2, "sequences of one file are no recording of one video"
    assert [item.annotation_choices[""].sequence for item in read] == names
    table.write_text("\n".join([*table.read_text(encoding="utf-8").split("\n")[:2], rows[0].replace("r0", "r1")]))
    with pytest.raises(InputError, match=r"'train.json' already stands in row 2"):
        read_recordings(table)
    table.write_text(table.read_text(encoding="utf-8").partition("\nr1")[0].replace("#seq", "#sq", 1))
    with pytest.raises(InputError, match=r"column 'poses': expected #sequence=NAME .*'sequence'"):
        read_recordings(table)


def test_a_sequence_of_a_file_that_has_none_is_refused(tmp_path: Path):
    (tmp_path / "a.csv").write_text("frame,x,y\n0,1,2\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"of one recording .*#sequence=b is not in it"):
        read_poses(of(tmp_path / "a.csv", "b"))
