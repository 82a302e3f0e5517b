"""Frame CSV, label columns inside DeepLabCut files, bout CSV, and how formats are told apart."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.errors import InputError
from pipeline.annotations import FORMATS, AnnotationChoice, EventList, FrameTable, needs_file, read_annotation
from pipeline.scoring.bouts.bouts import Bout, bouts_from_frames

FPS = 10.0
TABULAR = [
    "Observation id,Time offset (s),Media duration (s),FPS,Subject,Behavior,Behavior type,Time,Media file name,"
    "Image index",
    "o,0.0,2.0,10.0,,groom,START,0.5,v.mp4,5",
    "o,0.0,2.0,10.0,,groom,STOP,0.9,v.mp4,9",
]
AGGREGATED = [
    "Observation id,Subject,Behavior,Behavior type,Start (s),Stop (s),FPS (frame/s),Media duration (s)",
    "o,,groom,STATE,0.5,0.9,10.0,2.0",
]
FRAMES = ["frame,groom,rear", "0,1,0", "1,1,-1", "2,0,"]
BOUTS = ["behavior,start_frame,stop_frame", "groom,5,9"]
DEEPLABCUT = ["scorer,D,D,groom", "bodyparts,nose,nose,", "coords,x,y,", "0,1,2,1", "1,3,4,0"]
PROJECT = [
    '{"observations": {"o": {"type": "MEDIA", "file": {"1": ["v.mp4"]}, "time offset": 0.0,',
    '"media_info": {"length": {"v.mp4": 2.0}, "fps": {"v.mp4": 10.0}},',
    '"events": [[0.5, "", "groom", "", "", 5], [0.9, "", "groom", "", "", 9]]}},',
    '"behaviors_conf": {"0": {"type": "State event", "code": "groom"}}}',
]
EXAMPLES = {
    "frame_csv": FRAMES,
    "class_csv": ["Frame,Action", "0,groom", "1,groom", "2,rest"],
    "deepethogram": [",background,groom", "0,0,1", "1,1,0", "2,-1,-1"],
    "simba": [",nose_x,nose_y,nose_p,speed,groom", "0,1.5,2,0.9,3.5,1", "1,1.5,2,0.9,3.5,0"],
    "deeplabcut_columns": DEEPLABCUT,
    "boris_tabular": TABULAR,
    "boris_aggregated": AGGREGATED,
    "boris_binary": ["time,groom", "0.0,0", "0.1,1", "0.2,0"],
    "feral": ['{"class_names": {"0": "other", "1": "groom"}, "labels": {"v.mp4": [1, 0, 1, 0]}}'],
    "calms21": ['{"a": {"b": {"annotations": [1, 0, null, 0], "metadata": {"vocab": {"other": 0, "groom": 1}}}}}'],
    "jabs": [
        '{"file": "v.mp4", "num_frames": 20, "labels": {"0": {"groom": [{"start": 3, "end": 8, "present": true},',
        '{"start": 9, "end": 12, "present": false}]}, "1": {}}}',
    ],
    "boris_project": PROJECT,
    "bout_csv": BOUTS,
    "bout_csv_seconds": ["behavior,start_s,stop_s", "groom,0.5,0.9"],
    "caltech": ["Bento annotation file", "Annotation start frame: 1", "", "Ch1----------", ">groom", "6 9 4"],
}
NO_TABLES = ("feral", "calms21", "jabs", "boris_project", "caltech")
# Special forms of a table with a row per frame: read as another one they may well give the same labels.
FRAME_TABLES = {"frame_csv", "class_csv", "deepethogram", "simba", "deeplabcut_columns", "boris_binary"}


def write(path: Path, lines: list[str], encoding: str = "utf-8") -> Path:
    path.write_text("\n".join(lines) + "\n", encoding=encoding)
    return path


def read_frames(tmp_path: Path, lines: list[str], n_frames: int = 3) -> FrameTable:
    annotation = read_annotation(write(tmp_path / "labels.csv", lines), n_frames, FPS)
    assert isinstance(annotation, FrameTable)
    return annotation


def read_bouts(tmp_path: Path, lines: list[str], n_frames: int = 20) -> EventList:
    annotation = read_annotation(write(tmp_path / "labels.csv", lines), n_frames, FPS)
    assert isinstance(annotation, EventList)
    return annotation


def test_every_format_has_an_example():
    assert set(EXAMPLES) == {name for name in FORMATS if needs_file(name)}


@pytest.mark.parametrize("name", list(EXAMPLES))
def test_formats_are_known_by_content_and_can_be_named(tmp_path, name):
    path = write(tmp_path / "any.ending", EXAMPLES[name])
    recognised = read_annotation(path, 20, FPS)
    assert recognised.format == name
    assert "groom" in recognised.behaviors
    assert read_annotation(path, 20, FPS, choice=AnnotationChoice(name)).behaviors == recognised.behaviors


@pytest.mark.parametrize("delimiter", [";", "\t"])
@pytest.mark.parametrize("name", [name for name in EXAMPLES if name not in NO_TABLES])
def test_other_delimiters(tmp_path, name, delimiter):
    lines = [line.replace(",", delimiter) for line in EXAMPLES[name]]
    path = write(tmp_path / "labels.csv", lines, "utf-16")
    plain = read_annotation(write(tmp_path / "plain.csv", EXAMPLES[name]), 20, FPS)
    again = read_annotation(path, 20, FPS)
    for behavior in plain.behaviors:
        np.testing.assert_array_equal(again.frames_of(behavior, 20), plain.frames_of(behavior, 20))


# ---- frame CSV


def test_frame_csv(tmp_path):
    table = read_frames(tmp_path, FRAMES)
    assert table.behaviors == ("groom", "rear")
    assert table.active.tolist() == [[True, False], [True, False], [False, False]]
    assert table.scored.tolist() == [[True, True], [True, False], [True, False]]
    assert (table.span.n_frames, table.span.complete) == (3, True)


@pytest.mark.parametrize(
    "lines",
    [
        ["groom,rear", "1,0", "1,-1", "0,"],
        [",groom,rear", "0,1,0", "1,1,-1", "2,0,", ",,", ",,"],
        ["groom,Frame,rear", "1.0,0,0.0", "1,1,-1.0", "0,2,nan"],
    ],
)
def test_frame_csv_in_other_dress(tmp_path, lines):
    table = read_frames(tmp_path, lines)
    expected = read_frames(tmp_path, FRAMES)
    np.testing.assert_array_equal(table.active, expected.active)
    np.testing.assert_array_equal(table.scored, expected.scored)


def test_one_column_alone_with_blank_lines_as_not_scored(tmp_path):
    table = read_frames(tmp_path, ["groom", "1", "", "0", "", ""])
    assert table.scored[:, 0].tolist() == [True, False, True]


def test_nothing_scored_yet_is_no_error(tmp_path):
    table = read_frames(tmp_path, ["frame,groom", "0,", "1,", "2,"])
    assert not table.scored.any() and not table.active.any()


def test_columns_of_something_else_are_faults_only_under_their_name(tmp_path):
    table = read_frames(tmp_path, ["groom,probability", "1,0.7", "0,0.1", "0,0.2"])
    assert table.behaviors == ("groom",)
    assert "row 2" in table.faults["probability"] and "'0.7'" in table.faults["probability"]


def test_one_and_empty_without_zero_is_ambiguous(tmp_path):
    table = read_frames(tmp_path, ["frame,groom,rear", "0,1,0", "1,,1", "2,,0"])
    assert "no 0" in table.faults["groom"]
    assert "groom" in read_frames(tmp_path, ["frame,groom,rear", "0,1,0", "1,-1,1", "2,1,0"]).behaviors


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (["frame,groom", "0,1", "1,2", "2,0"], "'groom', row 3.*found '2'"),
        (["frame,groom", "0,1", "1,maybe", "2,0", "3,0"], "'groom', row 3.*found 'maybe'"),
        (["frame,groom", "1,1", "2,0"], "'1' instead of 0 in row 2"),
        (["frame,groom", "0,1", "2,0"], "'2' instead of 1 in row 3"),
        (["frame,groom,groom", "0,1,0", "1,0,0"], "'groom' twice"),
        (["frame,groom", "0,1", "1,0,1"], "row 3, has 3 cells"),
        (["frame,groom"], "no format that is known"),
        (["0,1", "1,0"], "no format that is known"),
        (["", ",", ""], "only blank lines"),
        (["Frame,Paw", "0,3", "1,7"], "found '3'"),
        ([*DEEPLABCUT[:3], DEEPLABCUT[4]], "'1' instead of 0 in row 4"),
        (DEEPLABCUT[:3], "header but no rows"),
        ([*DEEPLABCUT, "2,1,2,5"], "'groom', row 6.*found '5'"),
    ],
)
def test_bad_tables_of_frames(tmp_path, lines, says):
    with pytest.raises(InputError, match=says) as caught:
        read_frames(tmp_path, lines)
    assert "labels.csv" in str(caught.value) and "\n" not in str(caught.value)


# ---- label columns inside a DeepLabCut CSV


@pytest.mark.parametrize(
    "header",
    [
        ["groom", "", ""],
        ["", "groom", ""],
        ["", "", "groom"],
        ["D", "groom", "label"],
        ["groom", "Unnamed: 3_level_1", "Unnamed: 3_level_2"],
    ],
)
def test_label_name_in_any_header_row(tmp_path, header):
    lines = [
        ",".join([line.rpartition(",")[0], name]) for line, name in zip(DEEPLABCUT, [*header, "1", "0"], strict=True)
    ]
    table = read_frames(tmp_path, lines)
    assert table.behaviors == ("groom",)
    assert table.active[:, 0].tolist() == [True, False] and table.scored.all()


def test_label_columns_under_a_flat_header(tmp_path):
    lines = ["coords,midbody_x,midbody_y,midbody_likelihood,Grooming,Mid rearing", "0,1,2,1,0,", "1,1,2,1,1,0"]
    table = read_frames(tmp_path, lines)
    assert table.behaviors == ("Grooming", "Mid rearing")
    assert table.scored.tolist() == [[True, False], [True, True]]


def test_marks_as_the_thesis_lab_makes_them(tmp_path):
    lines = [
        "scorer,D,D,groom,mid rearing,wall rearing,speed",
        "bodyparts,nose,nose,,,,",
        "coords,x,y,,,,",
        "0,1,2,x,,,3.5",
        "1,1,2,,,,3.5",
        "2,1,2,X,,x,3.5",
    ]
    table = read_frames(tmp_path, lines)
    assert table.behaviors == ("groom", "mid rearing", "wall rearing")
    assert table.active.tolist() == [[True, False, False], [False] * 3, [True, False, True]]
    assert table.scored.all()
    assert "speed" in table.faults


def test_poses_without_labels_are_no_labels(tmp_path):
    with pytest.raises(InputError, match="no column of labels"):
        read_frames(tmp_path, [line.rpartition(",")[0] for line in DEEPLABCUT])


# ---- bout CSV


def test_bout_csv(tmp_path):
    lines = ["Start_Frame,behavior,STOP_FRAME,mean_probability", "5,groom,9,0.5", "8.0,rear,11,", "9,groom,10,", ",,,"]
    events = read_bouts(tmp_path, lines)
    assert events.bouts == (Bout("groom", 5, 9), Bout("rear", 8, 11), Bout("groom", 9, 10))
    assert (events.span.n_frames, events.span.complete) == (11, False)
    assert "row 3" in events.span.where
    active, scored = events.frames_of("rear", 20) or ([], [])
    assert np.flatnonzero(active).tolist() == [8, 9, 10] and np.all(scored)


def test_a_bout_csv_may_say_that_nothing_happened(tmp_path):
    events = read_bouts(tmp_path, BOUTS[:1])
    assert events.bouts == () and events.behaviors == () and events.span.n_frames == 0


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (["groom,5,5"], "row 2, found 5 to 5"),
        (["groom,5,9", "groom,7,4"], "row 3, found 7 to 4"),
        ([",5,9"], "row 2, names no behavior"),
        (["groom,0.5,9"], "'start_frame' of labels.csv, row 2, found '0.5'"),
        (["groom,5,"], "'stop_frame' of labels.csv, row 2, found ''"),
        (["groom,-1,4"], "found '-1'"),
        (["groom,1e999,4"], "found '1e999'"),
        (['groom,"1,000","1,200"'], "found '1,000'"),
    ],
)
def test_bad_bouts(tmp_path, rows, says):
    with pytest.raises(InputError, match=says):
        read_bouts(tmp_path, [BOUTS[0], *rows])


@given(active=st.lists(st.booleans(), min_size=1, max_size=60), name=st.text("aé ,;\"'µ-", min_size=1).map(str.strip))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_bouts_come_back_as_they_were_written(tmp_path, active, name):
    name = name or "groom"
    quoted = '"' + name.replace('"', '""') + '"'
    bouts = bouts_from_frames(np.array(active), name)
    rows = [f"{quoted},{bout.start_frame},{bout.stop_frame}" for bout in bouts]
    assert list(read_bouts(tmp_path, [BOUTS[0], *rows]).bouts) == bouts


# ---- telling formats apart


def test_a_wrong_format_name_gets_a_suggestion(tmp_path):
    with pytest.raises(InputError, match="Did you mean 'boris_tabular'"):
        read_annotation(write(tmp_path / "labels.csv", TABULAR), 20, FPS, choice=AnnotationChoice("boris_tabula"))


@pytest.mark.parametrize("name", list(EXAMPLES))
def test_a_file_read_as_another_format_is_refused_or_lacks_the_behavior(tmp_path, name):
    path = write(tmp_path / "labels.csv", EXAMPLES[name])
    for other in set(FORMATS) - {name} - (FRAME_TABLES if name in FRAME_TABLES else set()):
        try:
            assert "groom" not in read_annotation(path, 20, FPS, choice=AnnotationChoice(other)).behaviors
        except InputError as error:
            assert "labels.csv" in str(error)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "0 bytes"),
        (b'{"observations": {}}', "behaviors_conf"),
        (b'{"observations": {}, "behaviors_conf": {}}', "no observations"),
        (b"PK\x03\x04", "damaged workbook"),
        (b"o\t2016\tv.mp4\ts\tSTATE\t1.8\t8.1\n", "without its header row"),
        (b"some text\nof no kind\n", "Known formats are"),
        (b"behavior,start,stop\ngroom,5,9\n", "could be bout_csv.* or bout_csv_seconds.*: bout_csv:labels.csv or "),
    ],
)
def test_other_files_are_refused(tmp_path, content, says):
    path = tmp_path / "labels.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=says):
        read_annotation(path, 20, FPS)
