from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.errors import InputError
from pipeline.annotations import AnnotationChoice
from pipeline.dataset.split_groups import split_groups
from pipeline.dataset.table import COLUMNS, read_recordings

HEADER = ",".join(COLUMNS)
ROW = "m1,videos/m1.mp4,m1.csv,A=m1_A.csv;B=m1_B.csv,mouse 1,wild type,train"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "videos").mkdir()
    for i in (1, 2):
        for name in (f"videos/m{i}.mp4", f"m{i}.csv", f"m{i}_A.csv", f"m{i}_B.csv", f"m{i}.h5"):
            (tmp_path / name).touch()
    return tmp_path


def read(folder: Path, *rows: str, header: str = HEADER, encoding: str = "utf-8"):
    path = folder / "recordings.csv"
    path.write_bytes("\n".join([header, *rows, ""]).encode(encoding))
    return read_recordings(path)


def test_a_full_row(folder):
    (recording,) = read(folder, ROW)
    assert recording.id == "m1"
    assert recording.video_path == folder / "videos" / "m1.mp4"
    assert recording.pose_path == folder / "m1.csv"
    assert recording.annotation_paths == {"A": folder / "m1_A.csv", "B": folder / "m1_B.csv"}
    assert (recording.individual, recording.group, recording.split) == ("mouse 1", "wild type", "train")


def test_the_order_is_the_tables_and_paths_are_relative_to_it(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    ids = [r.id for r in read(folder, "m2,videos/m2.mp4,,,,,", "m1,videos/m1.mp4,,,,,")]
    assert ids == ["m2", "m1"]


def test_only_two_columns_are_needed(folder):
    (recording,) = read(folder, "videos/m1.mp4,m1", header="video,recording")
    assert recording.pose_path is None and recording.annotation_paths == {} and recording.split == ""
    assert recording.individual == "m1"


def test_without_splits_all_that_is_annotated_is_for_training(folder):
    found = read(folder, "m1,videos/m1.mp4,m1_A.csv", "m2,videos/m2.mp4,", header="recording,video,annotations")
    assert [recording.split for recording in found] == ["train", ""]


def test_one_annotator_needs_no_name(folder):
    (recording,) = read(folder, "m1,videos/m1.mp4,,m1_A.csv,,,Test")
    assert recording.annotation_paths == {"": folder / "m1_A.csv"} and recording.split == "test"


def test_labels_may_stand_in_the_pose_file(folder):
    (recording,) = read(folder, "m1,videos/m1.mp4,m1.csv,m1.csv,,,train")
    assert recording.annotation_paths[""] == recording.pose_path


def test_a_file_name_with_an_equals_sign(folder):
    (folder / "a=b.csv").touch()
    (recording,) = read(folder, "m1,videos/m1.mp4,,a=b.csv,,,train")
    assert recording.annotation_paths == {"": folder / "a=b.csv"}


def test_a_format_before_and_a_part_after_the_path(folder):
    cell = "A=bout_csv:m1_A.csv#subject=black mouse; B = m1_B.csv#observation=day #2#media=v 1.mp4"
    (recording,) = read(folder, f"m1,videos/m1.mp4,,{cell},,,train")
    assert recording.annotation_paths == {"A": folder / "m1_A.csv", "B": folder / "m1_B.csv"}
    assert recording.annotation_choices == {
        "A": AnnotationChoice(format="bout_csv", subject="black mouse"),
        "B": AnnotationChoice(observation="day #2", media="v 1.mp4"),
    }
    (recording,) = read(folder, "m1,videos/m1.mp4,,caltech:m1_A.csv#subject=Ch1,,,train")
    assert recording.annotation_paths == {"": folder / "m1_A.csv"}
    assert recording.annotation_choices == {"": AnnotationChoice(format="caltech", subject="Ch1")}
    assert read(folder, ROW)[0].annotation_choices == {"A": AnnotationChoice(), "B": AnnotationChoice()}


def test_from_where_to_where_it_was_scored(folder):
    (recording,) = read(folder, 'm1,videos/m1.mp4,,"m1_A.csv#scored=0-300s,600-900s#subject=Ch1",,,train')
    assert recording.annotation_choices == {"": AnnotationChoice(subject="Ch1", scored="0-300s,600-900s")}
    with pytest.raises(InputError, match=r"row 2, column 'annotations': expected #scored=FROM-TO.*'5h-6h' in '5h-6h'"):
        read(folder, "m1,videos/m1.mp4,,m1_A.csv#scored=5h-6h,,,train")
    with pytest.raises(InputError, match=r"'m1_A.csv' already stands in row 2"):  # a span makes no part of its own
        read(folder, *(f"m{i},videos/m{i}.mp4,,m1_A.csv#scored={i}-9s,,,train" for i in (1, 2)))


@pytest.mark.parametrize("name", ["frame_csv:x.csv", "x#subject=y.csv", "a=frame_csv:x#subject=y.csv"])
def test_a_file_that_is_called_so_is_taken_as_it_is(folder, name):
    (folder / name).touch()
    (recording,) = read(folder, f"m1,videos/m1.mp4,,{name},,,train")
    assert recording.annotation_paths == {"": folder / name}
    assert recording.annotation_choices == {"": AnnotationChoice()}


def test_one_file_may_serve_several_recordings_each_with_its_part(folder):
    rows = [f"m{i},videos/m{i}.mp4,,m1_A.csv#observation=day {i},,,train" for i in (1, 2)]
    assert [r.annotation_choices[""].observation for r in read(folder, *rows)] == ["day 1", "day 2"]
    with pytest.raises(InputError, match=r"'m1_A.csv' already stands in row 2"):
        read(folder, rows[0], rows[1].replace("day 2", "day 1"))
    (folder / "p.boris").write_text('{"observations": {}}', encoding="utf-8")  # its observations name their videos
    rows = [f"m{i},videos/m{i}.mp4,,p.boris,,,train" for i in (1, 2)]
    assert len(read(folder, *rows)) == 2


def test_a_table_of_many_recordings_serves_them_all(folder):
    lines = ["video,rater,behavior,start_s,stop_s", *(f"m{i},{who},groom,0,1" for i in (1, 2) for who in "AB")]
    (folder / "all.csv").write_text("\n".join(lines), encoding="utf-8")
    for part in ("all.csv", "all.csv#observation=A", "A=all.csv#observation=A;B=all.csv#observation=B"):
        assert len(read(folder, *(f"m{i},videos/m{i}.mp4,,{part},,,train" for i in (1, 2)))) == 2
    for part in ("all.csv#observation=m1 A", "all.csv#media=m1"):
        with pytest.raises(InputError, match=r"'all.csv' already stands in row 2"):
            read(folder, *(f"m{i},videos/m{i}.mp4,,{part},,,train" for i in (1, 2)))


def test_a_part_of_a_file_after_a_hash(folder):
    first, second = read(folder, "m1,m1.h5#a/b,,,,,", "m2,m1.h5#c,,,,,")
    assert first.video_path == folder / "m1.h5#a/b" and second.video_path == folder / "m1.h5#c"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_as_excel_saves_it(folder, encoding, delimiter):
    cells = [" m1 ", "videos\\m1.mp4", "m1.csv", '"A=m1_A.csv; B = m1_B.csv"', "Mäuschen", "", "TRAIN", "", ""]
    header = delimiter.join([*(name.capitalize() + " " for name in COLUMNS), "", ""])
    (recording,) = read(folder, delimiter.join(cells), delimiter * 8, "", header=header, encoding=encoding)
    assert recording.id == "m1" and recording.individual == "Mäuschen" and recording.split == "train"
    assert recording.video_path.is_file()
    assert set(recording.annotation_paths) == {"A", "B"}


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([ROW, ROW.replace("m1", "m2").replace("m2,", "M1,", 1)], "row 3, column 'recording': 'M1' already .* row 2"),
        ([ROW, ROW.replace("m1,", "m2,", 1)], "row 3, column 'video': 'm1.mp4' already stands in row 2"),
        ([ROW, "m2,videos/m2.mp4,m1.csv,,,,"], "row 3, column 'poses': 'm1.csv' already stands in row 2"),
        ([ROW, "m2,videos/m2.mp4,,B=m1_A.csv,,,"], "row 3, column 'annotations': 'm1_A.csv' already stands in row 2"),
        (["m1,videos/m1.avi,,,,,"], "row 2, column 'video': no file 'videos/m1.avi'.*Did you mean 'm1.mp4'"),
        (["m1,films/m1.mp4,,,,,"], "row 2, column 'video'.*does not exist"),
        (["m1,videos/m1.mp4,no.csv,,,,"], "row 2, column 'poses'"),
        (["m1,videos/m1.mp4,,A=no.csv,,,"], "row 2, column 'annotations'"),
        (["m1,videos/m1.mp4,,m1_A.csv;m1_B.csv,,,"], "the annotator without a name has two files"),
        (["m1,videos/m1.mp4,,A=m1_A.csv;A=m1_B.csv,,,"], "annotator 'A' has two files"),
        (["m1,videos/m1.mp4,,A=,,,"], "expected annotator=path, found 'A='"),
        (["m1,videos/m1.mp4,,bout_cvs:m1_A.csv,,,"], "'annotations': Unknown annotation format 'bout_cvs'.*'bout_csv'"),
        (["m1,videos/m1.mp4,,m1_A.csv#subjet=a,,,"], "#scored=FROM-TO after the path.*Did you mean 'subject'"),
        (["m1,videos/m1.mp4,,m1_A.csv#subject=,,,"], "#scored=FROM-TO after the path, each once, found"),
        (
            ["m1,videos/m1.mp4,,m1_A.csv#media=a#media=b,,,"],
            "#subject=NAME, #scored=FROM-TO after the path, each",
        ),
        (["m1,videos/m1.mp4,,bout_csv:no.csv#media=a,,,"], "no file 'no.csv'"),
        (["m1,videos/m1.mp4,,,,,trian"], "column 'split'.*'trian'. Did you mean 'train'"),
        (["m1,videos/m1.mp4,,,,,train"], "column 'annotations'.*needs annotations"),
        (["m1,,,,,,"], "row 2, column 'video': recording 'm1' has no video"),
        ([",videos/m1.mp4,,,,,"], "row 2, column 'recording': the id is empty"),
        (["m1,videos/m1.mp4,,,,,,more"], "row 2, has 'more' in column 8"),
        ([], "header but no recordings"),
    ],
)
def test_bad_rows(folder, rows, says):
    with pytest.raises(InputError, match=says) as caught:
        read(folder, *rows)
    assert "recordings.csv" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "name", ["a/b", "a\\b", "a:b", "..", ".hidden", "end.", "con", "COM1", "aux.x", "a?", "a*", "pooled", "x" * 121]
)
def test_ids_that_are_no_file_names(folder, name):
    with pytest.raises(InputError, match="row 2, column 'recording'"):
        read(folder, f"{name},videos/m1.mp4,,,,,")


@pytest.mark.parametrize("name", ["m1.day2", "Mäuschen 7 (b)", "HD_ChR2_510A", "contra"])
def test_ids_that_are_file_names(folder, name):
    assert read(folder, f"{name},videos/m1.mp4,,,,,")[0].id == name


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ("recording,video,pose", "unknown column 'pose'. Did you mean 'poses'"),
        ("recording,annotations", "no column 'video'"),
        ("recording,video,video", "'video' stands there twice"),
        ("m1,videos/m1.mp4", "unknown column 'm1'"),
    ],
)
def test_bad_headers(folder, header, says):
    with pytest.raises(InputError, match=says):
        read(folder, "m1,videos/m1.mp4,", header=header)


def test_missing_empty_and_blank_tables(folder):
    with pytest.raises(InputError, match="table of recordings"):
        read_recordings(folder / "no.csv")
    (folder / "empty.csv").touch()
    with pytest.raises(InputError, match="0 bytes"):
        read_recordings(folder / "empty.csv")
    (folder / "blank.csv").write_text("\n,,\n", encoding="utf-8")
    with pytest.raises(InputError, match="holds no rows"):
        read_recordings(folder / "blank.csv")


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edits=st.lists(st.tuples(st.integers(0, 200), st.integers(0, 3), st.binary(max_size=4)), min_size=1, max_size=5))
def test_damaged_tables_read_or_are_refused(folder, edits):
    content = bytearray(f"{HEADER}\n{ROW}\n".encode())
    for position, n_removed, patch in edits:
        position %= len(content) + 1
        content[position : position + n_removed] = patch
    path = folder / "recordings.csv"
    path.write_bytes(bytes(content))
    try:
        recordings = read_recordings(path)
    except InputError as error:
        assert "\n" not in str(error)
    else:
        assert recordings


@pytest.mark.shared
def test_real_table(shared_dir):
    recordings = read_recordings(shared_dir / "data" / "mouse_arena" / "recordings.csv")
    assert [r.id for r in recordings] == ["arena_1", "arena_2", "arena_3", "arena_4"]
    assert all(set(r.annotation_paths) == {"A", "B"} and r.split == "train" for r in recordings)
    assert len({r.individual for r in recordings}) == 4


def test_a_word_stands_for_a_pose_file_in_any_number_of_rows(tmp_path: Path):
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / name).write_bytes(b"x")
    table = tmp_path / "recordings.csv"
    table.write_text("recording,video,poses\na,a.mp4,middle\nb,b.mp4,Blob\n", encoding="utf-8")
    words = [(r.pose_path, r.pose_word, r.has_blob_poses) for r in read_recordings(table)]
    assert words == [(None, "middle", False), (None, "blob", True)]


def test_a_pose_file_that_is_called_blob_is_taken_for_a_file(tmp_path: Path):
    for name in ("a.mp4", "blob"):
        (tmp_path / name).write_bytes(b"x")
    table = tmp_path / "recordings.csv"
    table.write_text("recording,video,poses\na,a.mp4,blob\n", encoding="utf-8")
    (recording,) = read_recordings(table)
    assert recording.pose_path == tmp_path / "blob" and not recording.has_blob_poses


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (["a,a.mp4,a.csv,480A,train", "b,b.mp4,b.csv,480A,test"], "recordings for train and for test"),
        (["a,a.mp4,a.csv,480A,train", "b,b.mp4,b.csv,480a,train"], "upper and lower case"),
    ],
)
def test_one_animal_stays_on_one_side(tmp_path: Path, rows: list[str], said: str):
    for name in ("a.mp4", "b.mp4", "a.csv", "b.csv"):
        (tmp_path / name).write_bytes(b"x")
    table = tmp_path / "recordings.csv"
    table.write_text("\n".join(["recording,video,annotations,individual,split", *rows]) + "\n", encoding="utf-8")
    with pytest.raises(InputError, match=said):
        read_recordings(table)


def test_the_rate_of_a_video_that_does_not_tell_it(folder):
    header = f"{HEADER},fps"
    first, second = read(folder, "m1,videos/m1.mp4,,,,,,59.94", "m2,videos/m2.mp4,,,,,,", header=header)
    assert (first.fps, second.fps) == (59.94, None)
    (first,) = read(folder, "m1;videos/m1.mp4;;;;;;59,94", header=header.replace(",", ";"))
    assert first.fps == 59.94


@pytest.mark.parametrize("cell", ["0", "-25", "nan", "inf", "1e9", "1e-9", "fast", "25 fps", "9" * 5000])
def test_a_rate_that_is_none_is_refused(folder, cell):
    with pytest.raises(InputError, match="row 2, column 'fps': expected frames per second") as caught:
        read(folder, f"m1,videos/m1.mp4,,,,,,{cell}", header=f"{HEADER},fps")
    assert len(str(caught.value)) < 400


def test_a_video_has_one_rate(folder):
    header = f"{HEADER},animal,fps"
    rows = ["m1,videos/m1.mp4,m1.csv,,,,,black,30", "m2,videos/m1.mp4,m1.csv,,,,,white,60"]
    with pytest.raises(InputError, match=r"row 3, column .fps.: row 2 gives m1\.mp4 another rate"):
        read(folder, *rows, header=header)


def test_poses_alone_make_a_recording(folder):
    (folder / "both.csv").write_text("poses", encoding="utf-8")
    table = folder / "poses_alone.csv"
    lines = ["recording,poses,annotations,split,animal,fps", "m1,both.csv,,,dark,25", "m2,both.csv,,,light,25"]
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    for recording in read_recordings(table):
        assert recording.pose_path == recording.video_path == folder / "both.csv" and not recording.has_video
    assert len(set(split_groups(read_recordings(table)).values())) == 1
    for row, says in (
        ("m2,both.csv,,,,25", "'both.csv' already stands in row 2"),
        ("m2,both.csv,,,light,30", "row 2 gives both.csv another rate"),
        ("m2,,,,,25", "column 'video': recording 'm2' has no video, nor a pose file"),
        ("m2,blob,,,,25", "column 'video': recording 'm2' has no video, nor a pose file"),
    ):
        table.write_text("\n".join([*lines[:2], row]) + "\n", encoding="utf-8")
        with pytest.raises(InputError, match=says):
            read_recordings(table)
