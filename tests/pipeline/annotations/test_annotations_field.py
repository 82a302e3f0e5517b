"""Files as the field brings them: each small input of ../shared/data/field about labels, and others of its kind."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.errors import InputError
from common.words import says_background, says_unknown
from pipeline.annotations import AnnotationChoice, EventList, names_videos, read_annotation
from pipeline.scoring.bouts.bouts import Bout, bouts_from_frames
from pipeline.starter.lab_folder import recognise, sources_of
from tests.pipeline.annotations.test_annotations_tables import column, events, read, table

GROOM = (("grooming", 25, 50),)
# File, frames and rate of its video → format, first bouts (or active frames of a behavior), and a word of its note.
FIELD = {
    "labels/mabe.csv": (1500, 25.0, "bout_csv", (("sniff", 10, 40), ("rear", 50, 80), ("sniff (2)", 10, 40)), ""),
    "labels/lisbet.csv": (1500, 25.0, "bout_csv_seconds", GROOM, ""),
    "labels/label_end.csv": (
        1500,
        25.0,
        "bout_csv",
        (("grooming", 25, 49),),
        "'end_frame' is taken as the first frame",
    ),
    "labels/events_words.csv": (1500, 25.0, "bout_csv_seconds", GROOM, ""),
    "labels/one_based.csv": (1500, 25.0, "frame_csv", {"grooming": range(24, 49)}, "counts frames from 1"),
    "overlapping-bouts/two.csv": (1500, 25.0, "bout_csv_seconds", (("Supported", 750, 780),), "1 of 2 bouts"),
    "boris-binary-modifiers/WT_sim_04_No_focal_subject_binary.csv": (1500, 10.0, "boris_binary", {"jump": []}, ""),
    "boris-binary-modifiers/WT_sim_04_tabular.csv": (1500, 10.0, "boris_tabular", (("wall_rearing", 168, 191),), ""),
    "boris-ods-xls-html/HD_sim_01_tabular.html": (1500, 10.0, "boris_tabular", (("grooming", 32, 130),), ""),
    "boris-ods-xls-html/HD_sim_01_tabular.ods": (1500, 10.0, "boris_tabular", (("grooming", 32, 130),), ""),
}
REFUSED = {
    "labels/boris_live.csv": "'Live observation', whose times are counted from.*behavior,start_s,stop_s",
    "boris-ods-xls-html/HD_sim_01_tabular.xls": r"an Excel workbook of 97-2003 \(.xls\); save or export it as CSV",
    "mat-annotations/demo1_manual_annotations.mat": r"a MATLAB file \(.mat\).*writetable",
}


@pytest.mark.shared
def test_every_label_file_of_the_field_has_its_outcome_here(shared_dir):
    folders = ("labels", "boris-binary-modifiers", "boris-ods-xls-html", "mat-annotations", "overlapping-bouts")
    found = {f"{folder}/{path.name}" for folder in folders for path in (shared_dir / "data/field" / folder).iterdir()}
    assert {name for name in found if not name.endswith("README")} == {*FIELD, *REFUSED}


@pytest.mark.shared
@pytest.mark.parametrize("name", list(FIELD))
def test_files_of_the_field_are_read(shared_dir, name):
    n_frames, fps, format_name, expected, note = FIELD[name]
    path = shared_dir / "data/field" / name
    found = read_annotation(path, n_frames, fps, video_name=f"{path.stem.removesuffix('_tabular')}.mp4")
    assert found.format == format_name
    if isinstance(expected, dict):
        for behavior, frames in expected.items():
            assert np.flatnonzero(column(found, behavior, n_frames)).tolist() == list(frames)
    else:
        assert isinstance(found, EventList)
        assert found.bouts[: len(expected)] == tuple(Bout(*bout) for bout in expected)
    assert len(found.notes) == bool(note) and note in "".join(found.notes)


@pytest.mark.shared
@pytest.mark.parametrize("name", list(REFUSED))
def test_files_of_the_field_are_refused_with_a_remedy(shared_dir, name):
    with pytest.raises(InputError, match=REFUSED[name]) as caught:
        read_annotation(shared_dir / "data/field" / name, 1500, 25.0)
    assert "\n" not in str(caught.value)


@pytest.mark.shared
def test_the_same_observation_in_all_of_boris_forms(shared_dir):
    folder = shared_dir / "data/field"
    forms = (folder / f"boris-ods-xls-html/HD_sim_01_tabular.{kind}" for kind in ("html", "ods"))
    page, sheet = (read_annotation(path, 1500, 10.0) for path in forms)
    assert isinstance(page, EventList) and isinstance(sheet, EventList)
    assert page.bouts == sheet.bouts and len(page.bouts) == 22
    binary = read_annotation(
        folder / "boris-binary-modifiers/WT_sim_04_No_focal_subject_binary.csv", 1500, 10.0, behaviors=["grooming"]
    )
    tabular = read_annotation(folder / "boris-binary-modifiers/WT_sim_04_tabular.csv", 1500, 10.0)
    for behavior in ("grooming", "grooming (paws|left)", "mid_rearing"):
        assert column(binary, behavior, 1500) == column(tabular, behavior, 1500)
    assert 1 in column(binary, "grooming", 1500)


# ---- words


def test_what_words_mean_in_a_class_column(tmp_path):
    words = ["none", "background", "other", "groom", "", "nan", "NA", "unknown", "not scored", "Unlabeled", "None"]
    found = table(tmp_path, ["Frame,Action", *(f"{i},{word}" for i, word in enumerate(words))])
    assert set(found.behaviors) == {"none", "background", "other", "groom", "None"}
    assert column(found, "groom", 11) == [0, 0, 0, 1, -1, -1, -1, -1, -1, -1, 0]
    assert column(found, "none", 11)[0] == 1


@pytest.mark.parametrize(
    "cells",
    [
        ["TRUE", "FALSE", "", "True"],
        ["yes", "no", "NA", "Yes"],
        ["1.0", "0.0", "-1.0", "1.0"],
        ["Y", "n", "unknown", "y"],
        ["1", "0", "None", "true"],
    ],
)
def test_what_words_mean_in_a_column_of_0_and_1(tmp_path, cells):
    found = table(tmp_path, ["frame,groom", *(f"{i},{text}" for i, text in enumerate(cells))])
    assert found.format == "frame_csv" and column(found, "groom", 4) == [1, 0, -1, 1]
    assert recognise(tmp_path / "labels.csv") == {"annotations"}


def test_a_comma_that_may_stand_between_thousands_is_not_guessed_at(tmp_path):
    header = "behavior,start_s,stop_s"
    with pytest.raises(InputError, match="row 2, column 'start_s': 1,500 may be a thousand and more"):
        events(tmp_path, [header, 'groom,"1,500","2,500"'])
    for lines in ([header, 'groom,"1,5","2,50"'], [header.replace(",", ";"), "groom;1,500;2,500"]):
        assert events(tmp_path, lines).bouts == (Bout("groom", 15, 25),)


def test_times_and_ids_beside_a_class_are_no_classes(tmp_path):
    found = table(tmp_path, ["Frame,Time (s),video_id,Action", "0,0.0,m1,none", "1,0.1,m1,groom"])
    assert found.format == "class_csv" and found.behaviors == ("groom", "none")


def test_background_is_no_label_in_a_column_of_0_and_1(tmp_path):
    found = table(tmp_path, ["frame,groom,rear", "0,1,0", "1,background,1", "2,0,0"])
    assert "'background'" in found.faults["groom"]


def test_one_list_of_words_for_readers_and_init():
    assert all(map(says_background, ("none", "None", "background", "Other", "no behavior", "No_Behaviour", "nothing")))
    assert all(map(says_unknown, ("unknown", "Not scored", "un-labelled", "?", "Ambiguous", "out of view")))
    assert not any(says_background(word) or says_unknown(word) for word in ("rest", "0", "immobile", "groom"))


def test_what_words_mean_as_the_behavior_of_a_bout(tmp_path):
    found = events(
        tmp_path, ["behavior,start_frame,stop_frame", "groom,2,5", "unknown,4,8", "none,8,20", "Not scored,18,30"]
    )
    assert found.behaviors == ("groom", "none")
    assert column(found, "groom", 20) == [0, 0, 1, 1, 1, *[-1] * 3, *[0] * 10, -1, -1]
    (note,) = found.notes
    assert "2 of 4 bouts" in note and "Their 6 frames are not scored" in note
    with pytest.raises(InputError, match="row 2, names no behavior"):
        read(tmp_path, ["behavior,start_frame,stop_frame", "nan,2,5"])


# ---- frames counted from 1


@pytest.mark.parametrize(
    "lines",
    [
        ["frame,groom", "1,0", "2,1", "3,0"],
        ["Frame,Action", "1,a", "2,groom", "3,a"],
        [",background,groom", "1,1,0", "2,0,1", "3,1,0"],
    ],
)
def test_frames_counted_from_1_are_read_where_no_row_can_be_missing(tmp_path, lines):
    found = table(tmp_path, lines, n_frames=3)
    assert column(found, "groom", 3) == [0, 1, 0]
    assert len(found.notes) == 1 and "row k is taken as frame k - 1" in found.notes[0]
    with pytest.raises(InputError, match="'1' instead of 0 in row 2"):
        read(tmp_path, lines, n_frames=4)
    with pytest.raises(InputError, match="'4' instead of 3 in row 4"):
        read(tmp_path, [*lines[:-1], lines[-1].replace("3", "4")], n_frames=3)


# ---- bout tables under other names


@pytest.mark.parametrize(
    ("header", "row", "format_name"),
    [
        ("behaviour,start_frame,end_frame", "groom,5,9", "bout_csv"),
        ("label,StartFrame,StopFrame", "groom,5,9", "bout_csv"),
        ("event,onset (frames),offset (frames)", "groom,5,9", "bout_csv"),
        ("start frame,stop frame,action", "5,9,groom", "bout_csv"),
        ("Behavior,Start (s),End (s)", "groom,0.5,0.9", "bout_csv_seconds"),
        ("class,from [ms],to [ms]", "groom,500,900", "bout_csv_seconds"),
        ("type,onset_ms,offset_ms", "groom,500,900", "bout_csv_seconds"),
        ("behavior_name,start_time,end_time", "groom,0.5,0.9", "bout_csv_seconds"),
        ("Behavior,starttime,endtime", "groom,0:00.5,0:00.9", "bout_csv_seconds"),
        ("Behavior,begin,end", "groom,00:00:00.5,00:00:00.9", "bout_csv_seconds"),
        ("annotation,from,to", "groom,0.5,0.9", "bout_csv_seconds"),
        ("Behavior,Start (s),End", "groom,0.5,0.9", "bout_csv_seconds"),
        ("label,from,to", "groom,5 frames,9 frames", "bout_csv"),
        ("label,from,to", "groom,500ms,0.9 s", "bout_csv_seconds"),
        ("label,start_s,stop_s", "groom,0.5 s,0.9 sec", "bout_csv_seconds"),
    ],
)
def test_a_bout_table_is_known_by_its_pair_of_ends(tmp_path, header, row, format_name):
    found = events(tmp_path, [header, row])
    assert found.format == format_name and found.bouts == (Bout("groom", 5, 9),)


STARTS, STOPS = ("start", "Start", "from", "onset", "begin"), ("stop", "End", "to", "offset", "finish")
UNITS = [
    ("{}_frame", 1.0), ("{} (frames)", 1.0), ("frame_{}", 1.0), ("{}_s", 0.1), ("{} (s)", 0.1), ("{} [sec]", 0.1),
    ("{}_time", 0.1), ("time_{}", 0.1), ("{}_ms", 100.0), ("{} time (ms)", 100.0), ("{}_min", 0.1 / 60),
]  # fmt: skip


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    active=st.lists(st.booleans(), min_size=3, max_size=60),
    behavior=st.sampled_from(["behavior", "Behaviour", "action", "label", "Event", "class", "type", "behavior name"]),
    ends=st.tuples(st.sampled_from(STARTS), st.sampled_from(STOPS), st.sampled_from(UNITS)),
    others=st.lists(st.sampled_from(["duration", "comment", "probability", "row", "video_id", "rater"]), unique=True),
    data=st.data(),
)
def test_the_same_bouts_whatever_the_columns_are_called(tmp_path, active, behavior, ends, others, data):
    start, stop, (form, per_frame) = ends
    bouts = bouts_from_frames(np.array(active), "groom")
    columns = {behavior: "groom", form.format(start): 0, form.format(stop): 1, **dict.fromkeys(others, "7")}
    names = data.draw(st.permutations(list(columns)))
    lines = [",".join(names)]
    for bout in bouts:
        at = [f"{frame * per_frame:.10g}" for frame in (bout.start_frame, bout.stop_frame)]
        lines.append(",".join(str(at[v]) if isinstance(v := columns[name], int) else v for name in names))
    assert list(events(tmp_path, lines, n_frames=60).bouts) == bouts


@pytest.mark.parametrize("header", ["behavior,start,end", "label,from,to", "type;onset;offset"])
def test_whole_numbers_without_a_unit_are_refused(tmp_path, header):
    row = "groom,5,9" if "," in header else "groom;5;9"
    with pytest.raises(
        InputError, match=r"do not say what they count.*bout_csv_seconds:labels.csv; or call the columns"
    ):
        read(tmp_path, [header, row])
    assert events(tmp_path, [header, row], format="bout_csv").bouts == (Bout("groom", 5, 9),)


@pytest.mark.parametrize("choice", [{}, {"format": "bout_csv"}])
def test_ends_in_two_units_are_refused(tmp_path, choice):
    lines = ["behavior,start_frame,stop_s", "groom,5,0.9"]
    with pytest.raises(InputError, match="'start_frame' and 'stop_s' are not in the same unit"):
        read(tmp_path, lines, **choice)
    with pytest.raises(InputError, match="Expected a bout CSV in seconds"):
        read(tmp_path, lines, format="bout_csv_seconds")


@pytest.mark.parametrize("row", ["groom,5 frames,0.9 s", "groom,5 frames,9", "groom,5,9 frames"])
def test_cells_in_two_units_are_refused(tmp_path, row):
    with pytest.raises(InputError, match="'from' and 'to' are not in the same unit"):
        read(tmp_path, ["label,from,to", row])


@pytest.mark.parametrize("header", ["start_frame,stop_frame,rear", "agent_id,start,end,rear"])
def test_a_pair_of_ends_is_never_a_behavior(tmp_path, header):
    lines = [header, *(",".join(value for _ in header.split(",")) for value in "10")]
    with pytest.raises(InputError, match=r"no column says of which behavior. Name that column `behavior`"):
        read(tmp_path, lines)


def test_columns_of_ids_are_no_behaviors_of_a_frame_table(tmp_path):
    found = table(tmp_path, ["frame,mouse_id,subject,video_id,groom,target", "0,1,1,1,0,1", "1,1,1,1,1,0"])
    assert found.behaviors == ("groom", "target")


def test_borises_aggregated_export_is_none_of_the_general_tables(tmp_path):
    header = "Observation id,Subject,Behavior,Behavior type,Start (s),Stop (s),FPS (frame/s),Media duration (s)"
    assert read(tmp_path, [header, "o,,groom,STATE,0.5,0.9,10.0,2.0"]).format == "boris_aggregated"
    with pytest.raises(InputError, match="Expected a bout CSV in seconds"):
        read(tmp_path, [header, "o,,groom,STATE,0.5,0.9,10.0,2.0"], format="bout_csv_seconds")


# ---- whose, and of which recording

MABE = [
    "video_id,agent_id,target_id,action,start_frame,stop_frame",
    "44,mouse1,mouse2,sniff,1,4", "44,mouse1,mouse3,sniff,3,6", "44,mouse1,self,rear,8,9", "44,mouse2,mouse1,chase,2,5",
]  # fmt: skip


def test_an_agent_is_an_animal_and_a_target_a_modifier(tmp_path):
    found = events(tmp_path, MABE, animal="mouse1")
    assert found.bouts == (
        Bout("sniff", 1, 6), Bout("rear", 8, 9), Bout("sniff (mouse2)", 1, 4), Bout("sniff (mouse3)", 3, 6),
    )  # fmt: skip
    assert found.notes == ()  # towards two animals at once is no mistake
    assert events(tmp_path, MABE, subject="mouse2").behaviors == ("chase", "chase (mouse1)")
    assert events(tmp_path, MABE, animal="mouse3").bouts == ()  # others' target, so it was there
    assert events(tmp_path, MABE, behaviors=["chase"]).bouts[0] == Bout("chase", 2, 5)
    both = events(tmp_path, [*MABE, "44,mouse2,mouse1,sniff,5,7"], subject="mouse1 + Mouse2")  # labels of the pair
    assert [bout for bout in both.bouts if "(" not in bout.behavior] == [
        Bout("sniff", 1, 7), Bout("rear", 8, 9), Bout("chase", 2, 5),
    ]  # fmt: skip
    with pytest.raises(InputError, match=r"no animal 'mouse4' here.*It has: mouse1, mouse2"):
        events(tmp_path, MABE, subject="mouse1+mouse4")
    with pytest.raises(InputError, match=r"2 animals: mouse1, mouse2.*#subject=mouse1"):
        read(tmp_path, MABE)


def test_a_bout_of_no_animal_is_nobody_s(tmp_path):
    lines = ["subject,behavior,start_s,stop_s", "a,groom,0,1", ",groom,1.2,1.5"]
    assert events(tmp_path, lines, animal="a").bouts == (Bout("groom", 0, 10),)
    with pytest.raises(InputError, match=r"2 animals: \(no animal\), a"):
        read(tmp_path, lines)
    assert len(events(tmp_path, [lines[0], lines[2]]).bouts) == 1  # an empty column tells nobody apart


OFT = [
    ";from;to;file;animal;experimenter;CSVname;type",
    "1;0.2;0.4;OFT_1_Ann.json;OFT_1;Ann;OFT_1DeepCut_resnet50_Blockmay9.csv;Supported",
    "2;0.5;0.7;OFT_1_Bob.json;OFT_1;Bob;OFT_1DeepCut_resnet50_Blockmay9.csv;Supported",
    "3;1.0;1.4;OFT_2_Ann.json;OFT_2;Ann;OFT_2DeepCut_resnet50_Blockmay9.csv;Unsupported",
    "4;1.1;1.4;OFT_2_Bob.json;OFT_2;Bob;OFT_2DeepCut_resnet50_Blockmay9.csv;Grooming",
]


@pytest.mark.parametrize(
    ("video", "choice", "bout"),
    [
        ("OFT_1.mp4", {"observation": "Ann"}, ("Supported", 2, 4)),
        ("OFT_2.mp4", {"observation": "bob"}, ("Grooming", 11, 14)),
        ("x.mp4", {"observation": "OFT_2_Ann.json"}, ("Unsupported", 10, 14)),
        ("x.mp4", {"observation": "OFT_2 Ann"}, ("Unsupported", 10, 14)),
        ("OFT_2.mp4", {"media": "OFT_1", "observation": "Bob"}, ("Supported", 5, 7)),
    ],
)
def test_one_file_for_many_recordings_and_raters(tmp_path, video, choice, bout):
    path = tmp_path / "all.csv"
    path.write_text("\n".join(OFT) + "\n", encoding="utf-8")
    found = read_annotation(path, 20, 10.0, choice=AnnotationChoice(**choice), video_name=video)
    assert isinstance(found, EventList) and found.bouts == (Bout(*bout),) and found.notes == ()


@pytest.mark.parametrize(
    ("video", "choice", "says"),
    [
        ("OFT_1.mp4", {}, "bouts of one recording by 2 raters .*: Ann, Bob. Name the one .*#observation=Ann"),
        ("x.mp4", {}, "bouts of 2 recordings by Ann, Bob: OFT_1, OFT_2, and x.mp4 is not clearly one"),
        ("x.mp4", {"observation": "Ann"}, "2 recordings by Ann, Bob: OFT_1, OFT_2, and x.mp4 is not"),
        ("OFT_1.mp4", {"observation": "An"}, "and An is not clearly one of them. Did you mean 'Ann'"),
        ("OFT_1.mp4", {"media": "OFT_3", "observation": "Ann"}, "and OFT_3 is not clearly one of them"),
    ],
)
def test_what_only_the_user_can_choose(tmp_path, video, choice, says):
    path = tmp_path / "all.csv"
    path.write_text("\n".join(OFT) + "\n", encoding="utf-8")
    with pytest.raises(InputError, match=says):
        read_annotation(path, 20, 10.0, choice=AnnotationChoice(**choice), video_name=video)


def test_init_finds_each_recording_and_rater_of_one_file(tmp_path):
    path = tmp_path / "all.csv"
    path.write_text("\n".join(OFT) + "\n", encoding="utf-8")
    assert [source.observation for source in sources_of(path)] == ["OFT_1 Ann", "OFT_1 Bob", "OFT_2 Ann", "OFT_2 Bob"]
    assert names_videos(path)
    path.write_text("behavior,start_s,stop_s\ngroom,0.5,0.9\n", encoding="utf-8")
    assert [source.observation for source in sources_of(path)] == [""] and not names_videos(path)


@pytest.mark.shared
def test_dlcanalyzer_s_published_labels(shared_dir):
    path = shared_dir / "data/labels/AllEPMLables.csv"
    sources = sources_of(path)
    assert len(sources) == 15
    n_rows = sum(1 for _ in path.open(encoding="utf-8")) - 1
    n_bouts, notes = 0, []
    for source in sources:
        choice = AnnotationChoice(observation=source.observation)
        found = read_annotation(path, 16_000, 25.0, choice=choice)
        assert isinstance(found, EventList)
        n_bouts += len(found.bouts)
        notes += [note for note in found.notes if "overlap" in note]
    assert len(notes) == 4  # of 15, as the field's README counts them
    assert n_rows - 40 < n_bouts < n_rows


@pytest.mark.parametrize(
    "rows", [["groom,5,9", "groom,8,12"], ["groom,8,12", "groom,5,9"], ["groom,5,12", "groom,6,9"]]
)
def test_bouts_of_one_behavior_that_overlap_are_one(tmp_path, rows):
    found = events(tmp_path, ["behavior,start_frame,stop_frame", *rows, "groom,14,15", "rear,5,12"])
    assert set(found.bouts) == {Bout("groom", 5, 12), Bout("groom", 14, 15), Bout("rear", 5, 12)}
    (note,) = found.notes
    assert "1 of 4 bouts in labels.csv overlap" in note and "frames of 'groom' in row" in note


def test_many_overlaps_are_one_note_with_the_longest(tmp_path):
    rows = [f"groom,{i},{i + 3 + (i == 6)}" for i in range(0, 12, 2)]
    found = events(tmp_path, ["behavior,start_frame,stop_frame", *rows])
    assert found.bouts == (Bout("groom", 0, 13),)
    (note,) = found.notes
    assert "5 of 6 bouts" in note and "the longest overlap is 2 frames of 'groom' in row 5 (until frame 10)" in note
