"""BORIS' tabular and aggregated exports."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.errors import InputError
from common.notes import Doubt
from pipeline.annotations import AnnotationChoice, EventList, FrameTable, read_annotation
from pipeline.scoring.bouts.bouts import Bout, bouts_from_frames

FPS = 10.0
N_FRAMES = 100
TABULAR = (
    "Observation id,Observation date,Time offset (s),Media duration (s),FPS,Subject,Behavior,Behavior type,Time,"
    "Media file name,Image index"
)
AGGREGATED = (
    "Observation id,Time offset (s),Media duration (s),FPS (frame/s),Subject,Behavior,Behavior type,Start (s),"
    "Stop (s),Media file name,Image index start,Image index stop"
)


def press(kind: str, time_s: float | str, behavior="groom", index="NA", **other: str) -> str:
    cells = {"observation": "o1", "offset": "0.0", "duration": "10.0", "fps": "10.0", "subject": "", "media": "v.mp4"}
    cells.update(other)
    return (
        f"{cells['observation']},2026-01-01,{cells['offset']},{cells['duration']},{cells['fps']},{cells['subject']},"
        f"{behavior},{kind},{time_s},{cells['media']},{index}"
    )


def bout(start_s: float | str, stop_s: float | str, behavior="groom", kind="STATE", start="NA", stop="NA", fps="10.0"):
    return f"o1,0.0,10.0,{fps},No focal subject,{behavior},{kind},{start_s},{stop_s},v.mp4,{start},{stop}"


def read(tmp_path: Path, lines: list[str], n_frames: int = N_FRAMES, fps: float = FPS) -> EventList:
    path = tmp_path / "boris.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return read_events(path, n_frames, fps)


def read_events(path: Path, n_frames: int, fps: float) -> EventList:
    annotation = read_annotation(path, n_frames, fps)
    assert isinstance(annotation, EventList)
    return annotation


def n_active(events: EventList, behavior: str) -> int:
    return sum(bout.n_frames for bout in events.bouts if bout.behavior == behavior)


def test_tabular_pairs_each_behavior_for_itself(tmp_path):
    lines = [TABULAR, press("START", 1), press("START", 1.5, "rear"), press("STOP", 2), press("STOP", 3, "rear")]
    assert read(tmp_path, lines).bouts == (Bout("groom", 10, 20), Bout("rear", 15, 30))


def test_rows_need_not_be_in_order_of_time(tmp_path):
    lines = [TABULAR, press("STOP", 2), press("START", 3), press("STOP", 4), press("START", 1)]
    assert sorted(read(tmp_path, lines).bouts) == [Bout("groom", 10, 20), Bout("groom", 30, 40)]


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_a_bout_may_begin_where_the_last_ends(tmp_path, order):
    middle = [press("STOP", 2), press("START", 2)]
    lines = [TABULAR, press("START", 1), *(middle[i - 1] for i in order), press("STOP", 3)]
    assert sorted(read(tmp_path, lines).bouts) == [Bout("groom", 10, 20), Bout("groom", 20, 30)]


def test_times_go_to_the_nearest_frame(tmp_path):
    # BORIS writes frame 17 at 30 fps as 0.567 s, frame 59 as 1.967 s: one is above, one below.
    lines = [TABULAR, *(press(kind, t, fps="30.0") for kind, t in [("START", 0.567), ("STOP", 1.967)])]
    assert read(tmp_path, lines, 300, 30.0).bouts == (Bout("groom", 17, 59),)


def test_the_image_index_wins_within_a_frame(tmp_path):
    lines = [TABULAR, press("START", 1.04, index="11"), press("STOP", 2, index="20")]
    assert read(tmp_path, lines).bouts == (Bout("groom", 11, 20),)


@pytest.mark.parametrize(
    "lines",
    [
        [TABULAR, press("START", 1.04, index="13"), press("STOP", 2, index="20")],
        [AGGREGATED, bout(1.04, 2, start="13", stop="20")],
    ],
)
def test_index_and_time_that_disagree_are_refused(tmp_path, lines):
    with pytest.raises(InputError, match=r"row 2: the image index 13 and the time 1.04 s"):
        read(tmp_path, lines)


@pytest.mark.parametrize("time", ["0:01.5", "00:00:01.5", "1.5"])
def test_times_as_clock(tmp_path, time):
    assert read(tmp_path, [TABULAR, press("START", time), press("STOP", 2)]).bouts == (Bout("groom", 15, 20),)


@pytest.mark.parametrize(
    ("presses", "says"),
    [
        ([press("START", 1)], "START of 'groom' in row 2 .time 1. has no STOP after it"),
        ([press("START", 1), press("START", 2), press("STOP", 3)], "START of 'groom' in row 2 .* row 3"),
        ([press("STOP", 1), press("START", 2), press("STOP", 3)], "STOP of 'groom' in row 2"),
        ([press("START", 1), press("STOP", 2), press("START", 3)], "START of 'groom' in row 4"),
        ([press("START", 1), press("STOP", 2), press("BEGIN", 3)], "row 4, found 'groom' and 'BEGIN'"),
        ([press("START", 1), press("STOP", 2, "")], "row 3, found ''"),
        ([press("START", "soon"), press("STOP", 2)], "row 2, found 'soon'"),
        ([press("START", 1), press("STOP", "1e308")], "row 3, found '1e308'"),
        ([press("START", "1:-2"), press("STOP", 100)], "row 2, found '1:-2'"),
        ([press("START", 1), press("STOP", -2)], "row 3, found '-2'"),
        ([press("START", 1), press("STOP", 2, index="4.5")], "image index in boris.csv, row 3, found '4.5'"),
        ([], "no events"),
        ([press("START", 1), press("STOP", 2, observation="o2")], "2 observations: o1, o2"),
        ([press("START", 1), press("STOP", 2, media="w.mp4")], "2 media files: v.mp4, w.mp4"),
        ([press("START", 1, subject="a"), press("STOP", 2, subject="b")], "2 subjects: a, b"),
        ([press("START", 1, subject="a"), press("STOP", 2)], "2 subjects: No focal subject, a"),
        ([press("START", 1, offset="5.0"), press("STOP", 2, offset="5.0")], "row 2, has a time offset of 5.0 s"),
        ([press("START", 1, duration="12.0"), press("STOP", 2)], "120 frames at 10 fps, but the video has 100"),
        ([press("START", 1, fps="25.0"), press("STOP", 2)], "25.0 frames per second, but the video has 10"),
        ([press("START", 1, fps="10.0;25.0"), press("STOP", 2)], "10.0;25.0 frames per second"),
    ],
)
def test_bad_tabular_exports(tmp_path, presses, says):
    with pytest.raises(InputError, match=says) as caught:
        read(tmp_path, [TABULAR, *presses])
    assert "boris.csv" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("frames_off", [-1, 1])
def test_media_duration_may_be_a_frame_off(tmp_path, frames_off):
    lines = [TABULAR, press("START", 1), press("STOP", 2)]
    assert read(tmp_path, lines, N_FRAMES + frames_off).bouts


def test_a_bout_until_the_end_whose_stop_boris_left_out(tmp_path, caplog):
    lines = [TABULAR, press("START", 1), press("STOP", 3), press("START", 8.5)]
    events = read(tmp_path, lines)
    assert events.bouts == (Bout("groom", 10, 30), Bout("groom", 85, 100))
    assert "row 4" in events.notes[0] and events.notes[0] in caplog.text
    with pytest.raises(InputError, match="row 4"):  # longer than any other: somebody forgot the STOP
        read(tmp_path, [*lines[:3], press("START", 7.9)])


def test_points_are_faults_only_under_their_name(tmp_path):
    lines = [TABULAR, press("START", 1), press("POINT", 1.5, "jump"), press("STOP", 2)]
    events = read(tmp_path, lines)
    assert events.behaviors == ("groom",) and "row 3" in events.faults["jump"]
    events = read(tmp_path, [AGGREGATED, bout(1, 2), bout(1.5, 1.5, "jump", "POINT", stop="NA")])
    assert events.behaviors == ("groom",) and "row 3" in events.faults["jump"]


def test_a_state_shorter_than_a_frame_covers_none_but_is_known(tmp_path):
    events = read(tmp_path, [TABULAR, press("START", 1.01), press("STOP", 1.02)])
    assert events.bouts == () and events.behaviors == ("groom",)


def test_version_7_with_its_preamble(tmp_path):
    lines = [
        "Observation id,DLC1,,,,,,,",
        ",,,,,,,,",
        "Media file(s),,,,,,,,",
        "Player #1,/home/me/v.avi,,,,,,,",
        "Time offset (s),0.0,,,,,,,",
        "independent variables,,,,,,,,",
        "variable,value,,,,,,,",
        "Time,Media file path,Total length,FPS,Subject,Behavior,Behavioral category,Comment,Status",
        "1.0,/home/me/v.avi,10.0,10.0,adult,groom,,,START",
        "2.0,/home/me/v.avi,10.0,10.0,adult,groom,,,STOP",
    ]
    assert read(tmp_path, lines).bouts == (Bout("groom", 10, 20),)
    with pytest.raises(InputError, match=r"time offset of 3\.0"):
        read(tmp_path, [line.replace("(s),0.0", "(s),3.0") for line in lines])
    with pytest.raises(InputError, match="has no STOP"):
        read(tmp_path, lines[:-1])


def test_aggregated(tmp_path):
    lines = [AGGREGATED, bout(1, 2), bout(1.5, 2.5, "rear", start="15", stop="25"), bout(3, 4, fps="10.0;10.0")]
    assert read(tmp_path, lines).bouts == (Bout("groom", 10, 20), Bout("rear", 15, 25), Bout("groom", 30, 40))


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([bout(2, 1)], "row 2, the bout of 'groom' stops .frame 10. before it starts .frame 20."),
        ([bout(1, "NA")], "'Stop .s.' of boris.csv, row 2, found 'NA'"),
        ([bout(1, 2, kind="STAT")], "row 2, found 'groom' and 'STAT'"),
        ([], "no events"),
    ],
)
def test_bad_aggregated_exports(tmp_path, rows, says):
    with pytest.raises(InputError, match=says):
        read(tmp_path, [AGGREGATED, *rows])


def test_a_label_beyond_the_end_shows_in_the_span(tmp_path):
    events = read(tmp_path, [AGGREGATED, bout(1, 2), bout(9, 10.1)])
    assert events.span.fits(N_FRAMES)  # a frame late: BORIS' player at the end of the file
    events = read(tmp_path, [AGGREGATED, bout(1, 2), bout(9, 10.4)])
    assert not events.span.fits(N_FRAMES) and events.span.n_frames == 104 and "row 3" in events.span.where


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    active=st.lists(st.booleans(), min_size=2, max_size=80),
    fps=st.sampled_from([10.0, 25.0, 29.97, 30.0, 60.0, 250.0]),
    with_index=st.booleans(),
    kind=st.sampled_from(["tabular", "aggregated"]),
)
def test_bouts_come_back_from_either_export(tmp_path, active, fps, with_index, kind):
    bouts = bouts_from_frames([*active, False], "groom")
    if not bouts:
        return
    n_frames, rows = len(active) + 1, []
    shown = {"duration": f"{n_frames / fps:.3f}", "fps": f"{fps:.3f}"}
    for b in bouts:
        (t0, i0), (t1, i1) = ((f"{f / fps:.3f}", f if with_index else "NA") for f in (b.start_frame, b.stop_frame))
        if kind == "tabular":
            rows += [press("START", t0, index=str(i0), **shown), press("STOP", t1, index=str(i1), **shown)]
        else:
            rows.append(f"o,0,{shown['duration']},{shown['fps']},,groom,STATE,{t0},{t1},v,{i0},{i1}")
    events = read(tmp_path, [TABULAR if kind == "tabular" else AGGREGATED, *rows], n_frames, fps)
    assert list(events.bouts) == bouts


# ---- real files


@pytest.mark.shared
@pytest.mark.parametrize(
    ("number", "counts"),
    [(1, (0, 858, 497)), (2, (78, 534, 1075)), (3, (140, 887, 304)), (4, (209, 689, 467))],
)
def test_three_forms_of_the_same_annotation_read_alike(shared_dir, number, counts):
    folder = shared_dir / "data" / "mouse_arena"
    forms = [
        read_events(folder / f"arena_{number}_annotator_A{form}.csv", 2000, 30.0)
        for form in ("", "_boris_tabular", "_boris_aggregated")
    ]
    assert [form.format for form in forms] == ["bout_csv", "boris_tabular", "boris_aggregated"]
    for form in forms:
        assert sorted(form.bouts) == sorted(forms[0].bouts)
        behaviors = ("wall_rearing", "turning", "locomotion")
        assert tuple(n_active(form, behavior) for behavior in behaviors) == counts


@pytest.mark.shared
def test_real_exports(shared_dir):
    folder = shared_dir / "data" / "boris"
    pair = shared_dir / "data" / "social_pair" / "e3v813a-20210610T122332-122642_boris_tabular_v7.csv"
    events = read_events(pair, 5700, 30.0)
    assert events.behaviors == ("interact",) and len(events.bouts) == 10
    assert events.bouts[0] == Bout("interact", 896, 1042) and events.span.n_frames == 5417
    both = read_events(folder / "simultaneous_events_tabular.csv", 10080, 30.0)
    assert both.bouts == (Bout("mm", 299, 338), Bout("mm", 798, 951), Bout("aa", 846, 919))
    for name, n_frames, n_bouts in [
        ("e3v813a-20210610T120637-121213", 10080, 15),
        ("e3v813a-20210610T121558-122141", 10290, 29),
        ("e3v813a-20210610T122758-123309", 9330, 8),
        ("e3v813a-20210610T123521-124106", 10349, 32),
    ]:
        events = read_events(folder / f"{name}_tabular_v7.csv", n_frames, 30.0)
        assert len(events.bouts) == n_bouts and events.span.fits(n_frames)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("test_export_events_tabular.csv", "2 subjects: subject1, subject2"),
        ("test_export_events_tabular.tsv", "2 subjects: subject1, subject2"),
        ("test_export_events_tabular.xlsx", "2 subjects: subject1, subject2"),
        ("test_export_aggregated_events_test_full_1.tsv", "2 media files"),
        ("test_export_aggregated_events_test_full_2.tsv", "539.92 s, that is 13498 frames.*#media=NAME"),
        ("test_export_aggregated_events_test_full_3.tsv", "2 media files"),
        ("test_export_aggregated_events_test_full_4.tsv", "539.92 s, that is 13498 frames.*#media=NAME"),
        ("test_export_aggregated_events_test_full_5.tsv", "539.92 s, that is 13498 frames.*#media=NAME"),
        ("test_export_aggregated_events_test_full_6.tsv", "0 bytes"),
        ("test.boris", "12 observations: offset positif"),
        ("test2.boris", "9 observations: offset positif"),
        ("test_without_media_files_paths.boris", "9 observations: offset positif"),
    ],
)
def test_real_exports_that_leave_a_choice_or_cannot_be_used_are_refused(shared_dir, name, says):
    with pytest.raises(InputError, match=says) as caught:
        read_annotation(shared_dir / "data" / "boris" / name, 8999, 25.0)
    assert "\n" not in str(caught.value)


@pytest.mark.shared
def test_thesis_labels_among_predictions(shared_dir):
    path = shared_dir / "data" / "thesis_predictions" / "HD_ChR2_510A_resnet_lstm.csv"
    table = read_annotation(path, 6600, 10.0)
    assert isinstance(table, FrameTable)
    assert table.behaviors == ("grooming", "rearing_mig", "rearing_paret")
    assert table.span.n_frames == 6600 and set(table.faults) == {"g_prediction", "mr_prediction", "wr_prediction"}


@pytest.mark.parametrize(
    ("scored", "is_doubted"),
    [
        ("mouse 480A day1.mp4", False), ("C:\\lab\\day1_480A.avi", False), ("480A.mp4", False),
        ("DAY1 480a converted.mkv", False), ("day1 481A.mp4", True), ("day2 480A.mp4", True), ("arena_3.mp4", True),
    ],
)  # fmt: skip
def test_a_file_that_was_scored_on_quite_another_video_is_remarked_upon(tmp_path, scored, is_doubted):
    project = {
        "behaviors_conf": {"0": {"type": "State event", "code": "groom"}},
        "observations": {
            "o": {
                "type": "MEDIA", "description": "", "time offset": 0, "file": {"1": [scored]},
                "media_info": {"length": {scored: 2.0}, "fps": {scored: 10.0}},
                "events": [[0.5, "", "groom", "", ""], [1.0, "", "groom", "", ""]],
            }
        },
    }  # fmt: skip
    path = tmp_path / "any.boris"
    path.write_text(json.dumps(project), encoding="utf-8")
    notes = read_annotation(path, 20, 10.0, video_name="day1 480A.mp4").notes
    assert [isinstance(note, Doubt) for note in notes] == [True] * is_doubted
    if is_doubted:
        assert "but this recording's video is day1 480A.mp4" in notes[0]
        # Who names the media file has looked.
        named = AnnotationChoice(media=scored)
        assert read_annotation(path, 20, 10.0, choice=named, video_name="day1 480A.mp4").notes == ()


@pytest.mark.shared
def test_real_labels_of_another_video_are_remarked_upon(shared_dir):
    folder = shared_dir / "data" / "mouse_arena"
    for name in ("arena_1_annotator_A_boris_aggregated.csv", "arena_4_annotator_A_boris_aggregated.csv"):
        for number in (1, 4):
            found = read_annotation(folder / name, 2000, 30.0, video_name=f"arena_{number}.mp4")
            doubts = [note for note in found.notes if isinstance(note, Doubt)]
            assert bool(doubts) == (f"arena_{number}_" not in name)


OPEN = {
    "tabular": [TABULAR, press("START", 1, media="cage7.mp4"), press("START", 2, media="cage7.mp4")],
    "tabular of another length": [TABULAR, press("START", 1, media="cage7.mp4", duration="33.0")],
    "aggregated": [AGGREGATED, bout(3, 2).replace("v.mp4", "cage7.mp4")],
    "project": [
        '{"observations": {"o": {"type": "MEDIA", "file": {"1": ["/films/cage7.mp4"]}, "time offset": 0.0,',
        '"events": [[0.5, "", "groom", "", ""]]}},',
        '"behaviors_conf": {"0": {"type": "State event", "code": "groom"}}}',
    ],
}


@pytest.mark.parametrize("name", list(OPEN))
def test_that_labels_are_of_another_video_is_said_before_what_is_wrong_with_them(tmp_path, name):
    path = tmp_path / "labels"
    path.write_text("\n".join(OPEN[name]) + "\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"^labels was scored on cage7.mp4, but this recording's video is v.mp4.*"):
        read_annotation(path, N_FRAMES, FPS, video_name="v.mp4")
    with pytest.raises(InputError) as same:
        read_annotation(path, N_FRAMES, FPS, video_name="cage7.avi")
    assert "was scored on cage7.mp4" not in str(same.value)


def test_events_behind_the_videos_end_are_said_before_a_start_without_stop(tmp_path):
    lines = [line.replace(",10.0,", ",,", 1) for line in (TABULAR, press("START", 1), press("START", 240))]
    with pytest.raises(InputError, match=r"^boris.csv has events until 240 s, but the video lasts 10 s.*no STOP"):
        read(tmp_path, lines)
