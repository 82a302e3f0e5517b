"""Classes per frame, DeepEthogram, SimBA, BORIS' binary table, bouts in seconds, Caltech files, workbooks."""

import datetime
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from common.errors import InputError
from common.notes import Doubt
from pipeline.annotations import AnnotationChoice, EventList, FrameTable, RawAnnotation, read_annotation
from pipeline.annotations.sheets import read_sheet
from pipeline.config.schema import load_config
from pipeline.dataset.labels import label_tracks
from pipeline.scoring.bouts.bouts import Bout, bouts_from_frames

FPS = 10.0


def read(
    tmp_path: Path, lines: list[str], n_frames: int = 20, fps: float = FPS, behaviors=(), **choice
) -> RawAnnotation:
    path = tmp_path / "labels.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return read_annotation(path, n_frames, fps, choice=AnnotationChoice(**choice), behaviors=behaviors)


def table(tmp_path: Path, lines: list[str], **wanted) -> FrameTable:
    found = read(tmp_path, lines, **wanted)
    assert isinstance(found, FrameTable)
    return found


def events(tmp_path: Path, lines: list[str], **wanted) -> EventList:
    found = read(tmp_path, lines, **wanted)
    assert isinstance(found, EventList)
    return found


def column(found: RawAnnotation, behavior: str, n_frames: int) -> list[int]:
    """1, 0, -1 = not scored."""
    frames = found.frames_of(behavior, n_frames)
    assert frames is not None
    return np.where(frames[1], frames[0].astype(int), -1).tolist()


# ---- class per frame


def test_the_pain_dataset_s_numbers(tmp_path):
    found = table(tmp_path, ["Frame,Action", "0,0", "1,0", "2,3", "3,10", "4,", "5,-1", "6,3.0"])
    assert found.format == "class_csv" and found.behaviors == ("0", "3", "10") and found.span.n_frames == 7
    assert column(found, "3", 7) == [0, 0, 1, 0, -1, -1, 1]
    assert column(found, "7", 7) == [0, 0, 0, 0, -1, -1, 0]  # a class that did not happen here


def test_classes_are_merged_as_the_pain_project_does(tmp_path):
    first, second = ["Frame,Action", "0,0", "1,1", "2,5", "3,6"], ["Frame,Action", "0,0", "1,0", "2,6", "3,2"]
    found = {}
    for name, lines in (("a", first), ("b", second)):
        path = tmp_path / f"{name}.csv"
        path.write_text("\n".join(lines), encoding="utf-8")
        found[name] = read_annotation(path, 4, 30.0)
    named = 'behaviors: {paw_withdraw: ["1", "5", "6"], paw_lick: "2"}'
    (tmp_path / "x.yaml").write_text(
        f"name: x\nhead: {{name: lstm}}\nbackbone: {{name: compact}}\n{named}", encoding="utf-8"
    )
    tracks = label_tracks(found, load_config(tmp_path / "x.yaml").their_names(), {"a": 4, "b": 4})
    assert tracks["a"].active.T.tolist() == [[False, True, True, True], [False] * 4]
    assert tracks["b"].active.T.tolist() == [[False, False, True, False], [False, False, False, True]]
    assert tracks["a"].scored.all() and tracks["b"].scored.all()


@pytest.mark.parametrize(
    "lines",
    [["label", "rest", "walk", "", "rest"], [";Behavior", "0;rest", "1;walk", "2;", "3;rest"]],
)
def test_classes_in_words(tmp_path, lines):
    found = table(tmp_path, lines)
    assert found.behaviors == ("rest", "walk") and column(found, "walk", 4) == [0, 1, -1, 0]


# ---- DeepEthogram


def test_deepethogram(tmp_path):
    found = table(tmp_path, [",background,groom,rear", "0,0,1,1", "1,1,0,0", "2,-1,-1,-1", "3,0,0,1"])
    assert found.format == "deepethogram" and found.behaviors == ("background", "groom", "rear")
    assert column(found, "rear", 4) == [1, 0, -1, 1] and column(found, "background", 4) == [0, 1, -1, 0]


@pytest.mark.parametrize(
    ("row", "says"), [("1,1,1,0", "frame 1 is background and a behavior"), ("1,0,0,0", "frame 1 is neither background")]
)
def test_a_background_that_disagrees_is_refused(tmp_path, row, says):
    lines = [",background,groom,rear", "0,0,1,1", row]
    with pytest.raises(InputError, match=says):
        read(tmp_path, lines)
    assert column(read(tmp_path, lines, format="frame_csv"), "groom", 2) == [1, int(row == "1,1,1,0")]


# ---- SimBA


def test_simba_targets(tmp_path):
    header = ",Ear_left_1_x,Ear_left_1_y,Ear_left_1_p,Movement,All_bp_in_roi,Attack,Sniffing"
    found = table(tmp_path, [header, "0,10.5,3,0.99,2.25,1,0,1", "1,10,3,1,0,1,0,1", "2,1,0,1,0.5,0,0,0"])
    assert found.format == "simba" and found.span.n_frames == 3
    assert found.behaviors == ("All_bp_in_roi", "Attack", "Sniffing")  # a feature of 0 and 1 can't be told apart
    assert column(found, "Sniffing", 3) == [1, 1, 0] and column(found, "Attack", 3) == [0, 0, 0]
    ambiguous = table(tmp_path, [header, "0,10.5,3,0.99,2.25,1,,1", "1,10,3,1,0,1,1,0"])
    assert "no 0" in ambiguous.faults["Attack"]
    assert "row 2" in found.faults["Movement"] and "Ear_left_1_x" not in found.faults


# ---- BORIS' binary table


def binary(step_s: float, until_s: float, bouts: list[tuple[float, float]]) -> list[str]:
    """As BORIS makes it: the state at t is whether an odd number of presses is at or before t."""
    times = [round(i * step_s, 6) for i in range(round(until_s / step_s) + 1)]
    states = [sum(press <= t for bout in bouts for press in bout) % 2 for t in times]
    return ["time,groom,rear", *(f"{t},{state},0" for t, state in zip(times, states, strict=True))]


@pytest.mark.parametrize("step_s", [0.1, 0.05, 0.025])
def test_a_binary_table_with_a_step_of_a_frame_or_less(tmp_path, step_s):
    found = table(tmp_path, binary(step_s, 2.0, [(0.3, 0.7), (1.9, 2.0)]))
    assert found.format == "boris_binary" and found.span.n_frames == 20 and not found.notes
    expected = [0] * 3 + [1] * 4 + [0] * 12 + [1]
    # The row at the video's end is the state after its last frame; the two rows of that frame then differ.
    assert column(found, "groom", 20)[:19] == expected[:19] and column(found, "groom", 20)[19] in (1, -1)
    assert column(found, "rear", 20) == [0] * 20


def test_a_binary_table_with_a_longer_step_scores_only_the_frames_of_its_rows(tmp_path):
    found = table(tmp_path, binary(0.5, 2.0, [(0.3, 0.7)]))
    expected = [-1] * 20
    expected[0], expected[5], expected[10], expected[15], expected[19] = 0, 1, 0, 0, 0
    assert column(found, "groom", 20) == expected
    assert "5 of 20 frames" in found.notes[0]


def test_rows_of_a_frame_that_differ_leave_it_unscored(tmp_path):
    assert column(read(tmp_path, binary(0.05, 1.9, [(0.35, 0.8)])), "groom", 20)[2:9] == [0, -1, 1, 1, 1, 1, 0]


# ---- bout CSV in seconds


def test_bouts_in_seconds(tmp_path):
    found = events(tmp_path, ["behavior,start_s,stop_s", "groom,0.52,0.9", "rear,0:01,00:00:01.5", "groom,1.01,1.02"])
    assert found.format == "bout_csv_seconds"
    assert found.bouts == (Bout("groom", 5, 9), Bout("rear", 10, 15))  # the third is shorter than a frame


def test_start_and_stop_without_a_unit_must_be_named_unless_only_seconds_are_possible(tmp_path):
    lines = ["behavior,start,stop", "groom,5,9"]
    with pytest.raises(InputError, match=r"could be bout_csv.* or bout_csv_seconds.*bout_csv:labels.csv"):
        read(tmp_path, lines)
    assert events(tmp_path, lines, format="bout_csv").bouts == (Bout("groom", 5, 9),)
    assert events(tmp_path, lines, format="bout_csv_seconds", n_frames=100).bouts == (Bout("groom", 50, 90),)
    assert events(tmp_path, ["behavior,start,stop", "groom,0.5,0.9"]).bouts == (Bout("groom", 5, 9),)


def test_frames_win_over_seconds_and_are_checked_against_them(tmp_path):
    header = "behavior,start_frame,stop_frame,start_s,stop_s"
    assert events(tmp_path, [header, "groom,5,9,0.55,"]).bouts == (Bout("groom", 5, 9),)
    with pytest.raises(InputError, match=r"row 2: frame 9 and stop_s 1.5 are more than a frame apart"):
        read(tmp_path, [header, "groom,5,9,0.5,1.5"])
    with pytest.raises(InputError, match=r"row 2: frame 9 and stop_s 1.5"):
        read(tmp_path, ["behavior,start_frame,stop_frame,stop_s", "groom,5,9,1.5"])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(active=st.lists(st.booleans(), min_size=1, max_size=60), fps=st.sampled_from([10.0, 29.97, 60.0, 250.0]))
def test_bouts_come_back_from_seconds(tmp_path, active, fps):
    bouts = bouts_from_frames(np.array(active), "groom")
    rows = [f"groom,{b.start_frame / fps:.3f},{b.stop_frame / fps:.3f}" for b in bouts]
    assert list(events(tmp_path, ["behavior,start_s,stop_s", *rows], fps=fps).bouts) == bouts


SIMBA = ",Nose_x,Nose_y,Nose_p,Movement"
SECONDS = "behavior,start_s,stop_s"


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (["Frame,Action", "1,0", "2,0"], "'1' instead of 0 in row 2"),
        (["Frame,Action", "0,0", "1,2.5"], r"row 3, found '2.5'"),
        (["Frame,Action", "0,0", "1,-2"], "row 3, found '-2'"),
        (["Frame,Action", *(f"{i},w{i}" for i in range(300))], "300 different classes"),
        ([SIMBA, "0,1,2,1,0.5", "2,1,2,1,0.5"], "'2' instead of 1 in row 3"),
        ([SIMBA, "0,1,2,1,0.5"], "no column of labels.*'Movement', row 2"),
        (["time,groom", "0,1", "0,0"], "times that increase.*row 3"),
        (["time,groom", "0,1", "33,0", "67,1"], "goes on until 67 s, but the video has 20 frames"),
        (["time,groom", "0,1", "0.1,2"], "'groom', row 3.*found '2'"),
        (["time,groom,groom", "0,1,0"], "'groom' twice"),
        ([SECONDS, "groom,0.9,0.5"], "row 2, found 0.9 to 0.5"),
        ([SECONDS, "groom,-1,0.5"], "row 2, found '-1'"),
        ([SECONDS, ",0.5,0.9"], "names no behavior"),
        ([SECONDS, "groom,0.5,x"], "'stop_s' of labels.csv, row 2"),
    ],
)
def test_bad_tables(tmp_path, lines, says):
    with pytest.raises(InputError, match=says):
        read(tmp_path, lines)


# ---- Caltech

ANNOT = [
    "Bento annotation file", "Movie file(s): /films/mouse.seq", "", "Stimulus name: ", "Annotation start frame: 1",
    "Annotation stop frame: 20", "Annotation framerate: 10.000000", "", "List of channels:", "Ch1", "Ch2", "",
    "List of annotations:", "attack", "mount", "", "Ch1----------", ">attack", "Start\t Stop\t Duration ", "1\t4\t3",
    "6\t6\t0", "", ">mount", "Start\t Stop\t Duration ", "9\t20\t11", "", "",
]  # fmt: skip
CHANNEL_2 = ["Ch2----------", ">attack", "Start\t Stop\t Duration ", "11\t12\t1", ""]
TXT = [
    "Caltech Behavior Annotator - Annotation File", "", "Configuration file:", "other\to", "walk_away\tw", "",
    "S1: start    end     type", "-----------------------------",
    "         1      5    other", "         6     20    walk_away",
]  # fmt: skip


def test_annot_counts_from_one_and_includes_the_last_frame(tmp_path):
    found = events(tmp_path, ANNOT)
    assert found.format == "caltech"
    assert found.bouts == (Bout("attack", 0, 4), Bout("attack", 5, 6), Bout("mount", 8, 20))
    assert found.span.fits(20) and found.watched is None


def test_annot_in_seconds(tmp_path):
    as_seconds = {"1\t4\t3": "0.1\t0.4\t0.3", "6\t6\t0": "0.6\t0.6\t0", "9\t20\t11": "0.9\t2\t1.1"}
    lines = [as_seconds.get(line, line) for line in ANNOT]
    assert events(tmp_path, lines).bouts == events(tmp_path, ANNOT).bouts


def test_annot_of_a_part_of_the_video(tmp_path):
    lines = [
        line.replace("start frame: 1", "start frame: 5").replace("stop frame: 20", "stop frame: 15") for line in ANNOT
    ]
    lines = [line for line in lines if line not in ("1\t4\t3", "9\t20\t11")]
    assert column(read(tmp_path, lines), "attack", 20) == [-1] * 4 + [0, 1] + [0] * 9 + [-1] * 5


def test_a_channel_is_named_or_told_by_the_behaviors(tmp_path):
    lines = [*ANNOT, *CHANNEL_2]
    with pytest.raises(InputError, match=r"2 channels: Ch1, Ch2.*labels.csv#subject=Ch1"):
        read(tmp_path, lines)
    assert events(tmp_path, lines, subject="Ch2").bouts == (Bout("attack", 10, 12),)
    assert events(tmp_path, lines, behaviors=["mount"]).bouts == (Bout("mount", 8, 20),)
    with pytest.raises(InputError, match=r"no channel 'Ch3' here. Did you mean 'Ch"):
        read(tmp_path, lines, subject="Ch3")


def test_an_annot_file_of_another_movie(tmp_path):
    path = tmp_path / "m.annot"
    path.write_text("\n".join(ANNOT), encoding="utf-8")
    assert read_annotation(path, 20, FPS, video_name="mouse.mp4").notes == ()
    (name,) = read_annotation(path, 20, FPS, video_name="cage 7.mp4").notes
    assert isinstance(name, Doubt) and "was scored on mouse.seq" in name
    with pytest.raises(InputError, match=r"^m.annot was scored on mouse.seq.*10.0 frames per second"):
        read_annotation(path, 20, 30.0, video_name="cage 7.mp4")
    path.write_text("\n".join(ANNOT).replace("stop frame: 20", "stop frame: 90"), encoding="utf-8")
    assert "until frame 90, but the video has 20 frames" in read_annotation(path, 20, FPS).notes[0]


def test_the_older_txt_with_streams(tmp_path):
    assert events(tmp_path, TXT).bouts == (Bout("other", 0, 5), Bout("walk_away", 5, 20))
    second = ["", "S2: start    end     type", "-----------------------------", " 1 20 other"]
    assert events(tmp_path, [*TXT, *second], subject="S2").bouts == (Bout("other", 0, 20),)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("1\t4\t3", "0\t4\t3", "'0' and '4'"),
        ("1\t4\t3", "4\t1\t3", "row 20, found '4' and '1'"),
        ("1\t4\t3", "1\tx\t3", "'1' and 'x'"),
        ("1\t4\t3", "1", "row 20, found '1'"),
        ("framerate: 10.000000", "framerate: 30", r"30.0 frames per second, but the video has 10"),
        ("start frame: 1", "start frame: soon", "row 5 .annotation start frame., found 'soon'"),
    ],
)
def test_bad_annot_files(tmp_path, old, new, says):
    with pytest.raises(InputError, match=says):
        read(tmp_path, [line.replace(old, new) for line in ANNOT])


# ---- Excel


def write_zip(path: Path, parts: Mapping[str, str | bytes]) -> Path:
    """Without the time of day, so that a fuzz sees the same bytes again."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return path


def workbook(path: Path, sheets: dict[str, str], shared: str = "") -> Path:
    """A workbook of the parts that none can do without; `sheets` are the XML of rows, `shared` of texts."""
    main = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    parts = {"workbook": "sheet.main", "sharedStrings": "sharedStrings"}
    parts |= {f"worksheets/s{i}": "worksheet" for i in range(len(sheets))}
    types = "".join(f'<Override PartName="/xl/{n}.xml" ContentType="{kind}.{k}+xml"/>' for n, k in parts.items())
    names = "".join(f'<sheet name="{n}" sheetId="{i + 1}" r:id="r{i}"/>' for i, n in enumerate(sheets))
    targets = "".join(
        f'<Relationship Id="r{i}" Type="{office}/worksheet" Target="worksheets/s{i}.xml"/>' for i in range(len(sheets))
    )
    targets += f'<Relationship Id="texts" Type="{office}/sharedStrings" Target="sharedStrings.xml"/>'
    links = f'<Relationships xmlns="{package}/relationships">{targets}</Relationships>'
    parts_of = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types">{types}</Types>',
        "xl/workbook.xml": f'<workbook {main} xmlns:r="{office}"><sheets>{names}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": links,
        "xl/sharedStrings.xml": f"<sst {main}>{shared}</sst>",
    }
    for i, rows in enumerate(sheets.values()):
        parts_of[f"xl/worksheets/s{i}.xml"] = f"<worksheet {main}><sheetData>{rows}</sheetData></worksheet>"
    write_zip(path, parts_of)
    return path


TEXTS = (
    "<si><t>behavior</t></si><si><t>start_</t><r><t>frame</t></r></si><si><t>stop_frame</t></si><si><t>groom</t></si>"
)
ROWS = (
    '<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c><c r="C1" t="s"><v>2</v></c></row>'
    '<row r="3"><c r="A3" t="s"><v>3</v></c><c r="B3"><v>5</v></c><c r="C3"><v>9.0</v></c></row>'
    '<row r="4"><c r="A4" t="inlineStr"><is><t>rear</t></is></c><c r="C4"><v>7</v></c></row>'
)


def test_a_sheet_as_excel_writes_it(tmp_path):
    rows = ROWS.replace('<c r="C4">', '<c r="B4"><v>6</v></c><c r="C4">')
    path = workbook(tmp_path / "labels.xlsx", {"bouts": rows, "empty": ""}, TEXTS)
    found = read_annotation(path, 20, FPS)
    assert isinstance(found, EventList) and found.bouts == (Bout("groom", 5, 9), Bout("rear", 6, 7))


def test_a_gap_in_a_sheet_is_an_empty_cell(tmp_path):
    with pytest.raises(InputError, match=r"'start_frame' of labels.xlsx, row 4, found ''"):
        read_annotation(workbook(tmp_path / "labels.xlsx", {"bouts": ROWS}, TEXTS), 20, FPS)


@pytest.mark.parametrize(
    ("sheets", "says"),
    [
        ({"a": ROWS, "b": ROWS}, "a workbook of 2 sheets: a, b"),
        ({"a": ""}, "an empty workbook"),
        ({"a": ROWS.replace("<v>3</v>", "<v>99</v>")}, "damaged workbook"),
        ({"a": ROWS.replace('r="4"', 'r="9999999"')}, "too many cells"),
        ({"a": "<row>"}, "damaged workbook"),
    ],
)
def test_bad_workbooks(tmp_path, sheets, says):
    with pytest.raises(InputError, match=says) as caught:
        read_annotation(workbook(tmp_path / "labels.xlsx", sheets, TEXTS), 20, FPS)
    assert "save the sheet" in str(caught.value) and "\n" not in str(caught.value)


def test_cells_are_read_as_they_are_meant(tmp_path):
    book = Workbook()
    sheet = book.active
    sheet.append(["behavior", "start_s", "stop_s", "said  by", "is sure", "on"])
    # Typed as times, Excel keeps fractions of a day.
    sheet.append(["groom", datetime.time(0, 0, 0, 500_000), datetime.time(0, 0, 1), " Ada\n B ", True, None])
    sheet.append([])
    sheet.append(["rear", datetime.timedelta(seconds=1.2), 1.5, "", False, datetime.date(2026, 1, 2)])
    sheet["A9"] = "=1+1"
    book.save(tmp_path / "labels.xlsx")
    assert read_sheet(tmp_path / "labels.xlsx") == (
        (1, ["behavior", "start_s", "stop_s", "said by", "is sure", "on"]),
        (2, ["groom", "0:00:00.500000", "0:00:01.000000", "Ada B", "1"]),
        (4, ["rear", "0:00:01.200000", "1.5", "", "0", "2026-01-02T00:00:00"]),
    )
    found = read_annotation(tmp_path / "labels.xlsx", 20, FPS)
    assert isinstance(found, EventList) and found.bouts == (Bout("groom", 5, 10), Bout("rear", 12, 15))


def test_other_zip_files_are_refused(tmp_path):
    path = tmp_path / "labels.ods"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("document.xml", "<x/>")
    with pytest.raises(InputError, match="no workbook of Excel"):
        read_annotation(path, 20, FPS)


def test_bouts_that_are_a_models_are_told_from_corrected_ones(tmp_path):
    header = "behavior,start_frame,stop_frame,origin"
    found = events(tmp_path, [header, "groom,1,3,model", "groom,5,9,edited", "groom,12,13,model", "groom,15,16,human"])
    assert len(found.bouts) == 4
    (note,) = found.notes
    assert note.startswith("2 of 4 bouts in labels.csv are a model's")
    assert events(tmp_path, [header, "groom,5,9,edited"]).notes == ()
