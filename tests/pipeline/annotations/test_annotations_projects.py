"""BORIS projects, and the choice of observation, media file and subject in all BORIS files."""

import gzip
import json
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.errors import InputError
from pipeline.annotations import AnnotationChoice, EventList, read_annotation
from pipeline.scoring.bouts.bouts import Bout, bouts_from_frames

FPS = 10.0


def observation(*events: list, files=None, lengths=None, **other) -> dict:
    files = {"1": ["v.mp4"], "2": []} if files is None else files
    lengths = {"v.mp4": 10.0} if lengths is None else lengths
    media = {"length": lengths, "fps": dict.fromkeys(lengths, FPS), "offset": other.pop("offset", {"1": 0.0})}
    return {"type": "MEDIA", "file": files, "events": list(events), "time offset": 0.0, "media_info": media, **other}


def press(time_s: float, code="groom", subject="", modifier="", index: int | str | None = None) -> list:
    return [time_s, subject, code, modifier, "", *([] if index is None else [index])]


def project(**observations: dict) -> dict:
    codes = {"groom": "State event", "rear": "State event with coding map", "jump": "Point event"}
    return {
        "behaviors_conf": {str(i): {"code": code, "type": kind} for i, (code, kind) in enumerate(codes.items())},
        "subjects_conf": {"0": {"name": "black"}, "1": {"name": "white"}, "2": {"name": "nobody"}},
        "observations": observations,
    }


def read(tmp_path: Path, content: dict, n_frames: int = 100, fps: float = FPS, video: str = "", behaviors=(), **choice):
    path = tmp_path / "p.boris"
    path.write_text(json.dumps(content), encoding="utf-8")
    return read_named(path, n_frames, fps, video, behaviors, **choice)


def read_named(path: Path, n_frames: int, fps: float = FPS, video: str = "", behaviors=(), **choice) -> EventList:
    found = read_annotation(
        path, n_frames, fps, choice=AnnotationChoice(**choice), video_name=video, behaviors=behaviors
    )
    assert isinstance(found, EventList)
    return found


def test_presses_alternate_for_each_behavior(tmp_path):
    events = [press(1.0), press(1.5, "rear"), press(1.7, "jump"), press(2.0), press(3.0, "rear")]
    found = read(tmp_path, project(o=observation(*events)))
    assert found.bouts == (Bout("groom", 10, 20), Bout("rear", 15, 30))
    assert found.behaviors == ("groom", "rear") and "event 3" in found.faults["jump"]


def test_a_packed_project(tmp_path):
    path = tmp_path / "p.boris_gz"
    path.write_bytes(gzip.compress(json.dumps(project(o=observation(press(1.0), press(2.0)))).encode()))
    assert read_named(path, 100).bouts == (Bout("groom", 10, 20),)


def test_the_frame_index_wins_within_a_frame(tmp_path):
    found = read(tmp_path, project(o=observation(press(1.04, index=11), press(2.0, index="NA"))))
    assert found.bouts == (Bout("groom", 11, 20),)
    with pytest.raises(InputError, match=r"p.boris, event 1: the image index 13 and the time 1.04 s"):
        read(tmp_path, project(o=observation(press(1.04, index=13), press(2.0))))


def test_modifiers_are_paired_apart_and_known_with_and_without(tmp_path):
    events = [
        press(1, modifier="wall"),
        press(2, modifier="free"),
        press(3, modifier="wall"),
        press(4, modifier="free"),
    ]
    found = read(tmp_path, project(o=observation(*events, press(5, modifier="None"), press(6, modifier="None"))))
    assert found.behaviors == ("groom", "groom (wall)", "groom (free)", "rear")
    assert [b for b in found.bouts if b.behavior == "groom"] == [Bout("groom", 10, 40), Bout("groom", 50, 60)]
    assert Bout("groom (wall)", 10, 30) in found.bouts and Bout("groom (free)", 20, 40) in found.bouts


def test_a_late_overlap_of_modifiers_needs_no_room(tmp_path):
    events = [press(1, modifier="a"), press(2, modifier="b"), press(9e7, modifier="a"), press(9.1e7, modifier="b")]
    found = read(tmp_path, project(o=observation(*events, lengths={})))
    assert found.bouts[0] == Bout("groom", 10, 910_000_000) and not found.span.fits(100)


@pytest.mark.parametrize("escaped", [True, False])
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_names_are_the_same_however_their_accents_are_stored(tmp_path, form, escaped):
    films = [observation(press(1.0, "olfateó", "ratón"), press(2.0, "olfateó", "ratón"), files={"1": [f"{name}.mp4"]},
                         lengths={f"{name}.mp4": 10.0}) for name in ("niña", "otra")]  # fmt: skip
    content = project(**{"día": films[0], "más": films[1]})
    content["behaviors_conf"]["9"] = {"code": "olfateó", "type": "State event"}
    text = json.dumps(content, ensure_ascii=False)
    text = unicodedata.normalize(form, text)
    (tmp_path / "p.boris").write_text(json.dumps(json.loads(text), ensure_ascii=escaped), encoding="utf-8")
    other = unicodedata.normalize("NFD", "niña.mp4")
    for wanted in ({"video": other}, {"observation": "día", "subject": "ratón", "video": "x.mp4"}):
        found = read_named(tmp_path / "p.boris", 100, **wanted)
        assert found.bouts == (Bout("olfateó", 10, 20),)


def test_a_code_that_the_ethogram_lacks_is_a_fault_under_its_name(tmp_path):
    found = read(tmp_path, project(o=observation(press(1.0), press(2.0), press(3.0, "sniff"))))
    assert found.behaviors == ("groom", "rear") and "does not know 'sniff'" in found.faults["sniff"]


def test_only_the_observation_time_interval_was_watched(tmp_path):
    content = project(o=observation(press(3.0), press(4.0), **{"observation time interval": [2, 5.5]}))
    active, scored = read(tmp_path, content).frames_of("groom", 100)
    assert np.flatnonzero(active).tolist() == list(range(30, 40))
    assert np.flatnonzero(scored).tolist() == list(range(20, 55))
    content = project(o=observation(**{"observation time interval": [0, 0]}))
    assert read(tmp_path, content).frames_of("groom", 100)[1].all()


@pytest.mark.parametrize(
    ("events", "says"),
    [
        ([press(1.0)], r"START of 'groom' in event 1 .time 1.0. has no STOP after it"),
        ([press(1.0), press(2.0, modifier="wall")], "START of 'groom' in event 1"),
        ([press("soon"), press(2.0)], "event 1, found 'soon'"),
        ([press(None), press(2.0)], "event 1, found ''"),
        ([[], press(2.0)], "START of 'groom' in event 2"),
        ([press(-1.0), press(2.0)], "event 1, found '-1.0'"),
    ],
)
def test_bad_events(tmp_path, events, says):
    with pytest.raises(InputError, match=says):
        read(tmp_path, project(o=observation(*events)))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"observations": []}, "no BORIS|found something else"),
        ({"observations": {"o": {}}, "behaviors_conf": 3}, "behaviors_conf"),
        (project(), "no observations"),
        (project(o={**observation(), "type": "LIVE"}), "type 'LIVE'"),
        (project(o=observation(files=[])), "names no media file"),
        (project(o={**observation(), "events": "x"}), "observation 'o'.*events"),
        (project(o=observation(lengths={"v.mp4": 20.0})), "200 frames at 10 fps, but the video has 100"),
    ],
)
def test_bad_projects(tmp_path, content, says):
    with pytest.raises(InputError, match=says) as caught:
        read(tmp_path, content)
    assert "p.boris" in str(caught.value) and "\n" not in str(caught.value)


# ---- observations


def test_an_observation_is_told_by_its_video_or_named(tmp_path):
    content = project(
        day1=observation(
            press(1.0), press(2.0), files={"1": ["C:\\films\\M1.avi"]}, lengths={"C:\\films\\M1.avi": 10.0}
        ),
        day2=observation(press(3.0), press(4.0), files={"1": ["/films/m2.mp4"]}, lengths={"/films/m2.mp4": 10.0}),
    )
    assert read(tmp_path, content, video="m1.avi").bouts == (Bout("groom", 10, 20),)
    assert read(tmp_path, content, video="m2.mkv").bouts == (Bout("groom", 30, 40),)  # converted after scoring
    assert read(tmp_path, content, video="other.mp4", observation="day2").bouts == (Bout("groom", 30, 40),)
    with pytest.raises(InputError, match=r"2 observations, of which none name x.mp4: day1, day2.*#observation=NAME"):
        read(tmp_path, content, video="x.mp4")
    with pytest.raises(InputError, match=r"has no observation 'day3'. Did you mean 'day"):
        read(tmp_path, content, observation="day3")


def test_two_observers_of_one_video_must_be_told_apart(tmp_path):
    content = project(anna=observation(press(1.0), press(2.0)), ben=observation())
    with pytest.raises(InputError, match=r"of which 2 name v.mp4: anna, ben"):
        read(tmp_path, content, video="v.mp4")
    assert read(tmp_path, content, observation="ben", video="v.mp4").bouts == ()


# ---- media


def two_videos(**other) -> dict:
    events = [press(1.0, index=10), press(2.0, index=20), press(8.0, index=80), press(13.0, index=30)]
    events += [press(15.0, "rear", index=50), press(16.0, "rear", index=60)]
    return project(
        o=observation(*events, files={"1": ["a.mp4", "b.mp4"]}, lengths={"a.mp4": 10.0, "b.mp4": 12.0}, **other)
    )


def test_media_one_after_the_other(tmp_path):
    assert read(tmp_path, two_videos(), video="a.mp4").bouts == (Bout("groom", 10, 20), Bout("groom", 80, 100))
    second = read(tmp_path, two_videos(), 120, video="b.mp4")
    assert second.bouts == (Bout("groom", 0, 30), Bout("rear", 50, 60)) and second.span.fits(120)
    assert read(tmp_path, two_videos(), 120, media="b.mp4").bouts == second.bouts


def test_a_time_offset_is_taken_off(tmp_path):
    content = two_videos(**{"time offset": 100.0})
    for event in content["observations"]["o"]["events"]:
        event[0] += 100.0
    assert read(tmp_path, content, 120, video="b.mp4").bouts == (Bout("groom", 0, 30), Bout("rear", 50, 60))
    content = project(o=observation(press(3.0), press(12.0), **{"time offset": 5.0}))
    with pytest.raises(InputError, match=r"time 3.0 s lies 2 s before the video's beginning.*offset of 5 s"):
        read(tmp_path, content)


def test_a_video_in_another_player_begins_at_its_offset(tmp_path):
    files = {"1": ["top.mp4"], "2": ["side.mp4"]}
    lengths = {"top.mp4": 10.0, "side.mp4": 10.0}
    content = project(o=observation(press(4.0, index=40), press(9.5, index=95), files=files, lengths=lengths,
                                    offset={"1": 0.0, "2": 2.0}))  # fmt: skip
    assert read(tmp_path, content, video="top.mp4").bouts == (Bout("groom", 40, 95),)
    side = read(tmp_path, content, video="side.mp4")
    assert side.bouts == (Bout("groom", 20, 75),)
    assert np.flatnonzero(side.frames_of("groom", 100)[1]).tolist() == list(range(80))  # then player 1 was over


def test_a_video_that_is_played_twice_is_refused(tmp_path):
    content = project(o=observation(files={"2": [], "1": ["v.mp4", "v.mp4"]}))
    with pytest.raises(InputError, match=r"plays v.mp4 more than once"):
        read(tmp_path, content, video="v.mp4")


def test_media_that_are_not_told_apart(tmp_path):
    with pytest.raises(InputError, match=r"2 media files: a.mp4, b.mp4, and v.mp4 is not clearly.*#media=NAME"):
        read(tmp_path, two_videos(), video="v.mp4")
    with pytest.raises(InputError, match=r"120 frames at 10 fps, but the video has 100"):
        read(tmp_path, two_videos(), video="b.mp4")
    content = two_videos()
    del content["observations"]["o"]["media_info"]["length"]["a.mp4"]
    with pytest.raises(InputError, match=r"doesn't say when b.mp4 begins"):
        read(tmp_path, content, 120, video="b.mp4")
    with pytest.raises(InputError, match=r"holds one media file: v.mp4, and w.mp4 is not clearly"):
        read(tmp_path, project(o=observation()), media="w.mp4")


TABULAR = (
    "Observation id,Source,Time offset (s),Media duration (s),FPS,Subject,Behavior,Modifier #1,Behavior type,Time,"
    "Media file name,Image index"
)
AGGREGATED = (
    "Observation id,Source,Time offset (s),Media duration (s),FPS (frame/s),Subject,Behavior,Behavior type,Start (s),"
    "Stop (s),Media file name,Image index start,Image index stop"
)


def of_two(
    kind: str, media="player #1:a.mp4;b.mp4|player #2:c.mp4", lengths="10.000;12.000|22.000", fps="10.000;10.000|10.000"
):
    """The same observation as in `two_videos`, as BORIS 8 exports it."""
    shown = f"o,{media},0.0,{lengths},{fps}"
    events = [(1, 2, "groom"), (8, 13, "groom"), (15, 16, "rear")]
    index = {1: 10, 2: 20, 8: 80, 13: 30, 15: 50, 16: 60}
    if kind == "aggregated":
        return [
            AGGREGATED,
            *(f"{shown},,{b},STATE,{s},{e},{'ab'[s >= 10]}.mp4,{index[s]},{index[e]}" for s, e, b in events),
        ]
    presses = sorted((t, k, b) for s, e, b in events for t, k in ((s, "START"), (e, "STOP")))
    return [TABULAR, *(f"{shown},,{b},,{k},{t},{'ab'[t >= 10]}.mp4,{index[t]}" for t, k, b in presses)]


@pytest.mark.parametrize("kind", ["tabular", "aggregated"])
def test_exports_of_several_media_read_like_the_project(tmp_path, kind):
    path = tmp_path / "export.csv"
    path.write_text("\n".join(of_two(kind)), encoding="utf-8")
    for video, n_frames in (("a.mp4", 100), ("b.mp4", 120)):
        expected = read(tmp_path, two_videos(), n_frames, video=video)
        assert sorted(read_named(path, n_frames, video=video).bouts) == sorted(expected.bouts)
    with pytest.raises(InputError, match=r"doesn't say when c.mp4 begins.*project"):
        read_named(path, 220, video="c.mp4")


def test_an_export_with_a_time_offset_is_read_only_where_nothing_can_be_missing(tmp_path):
    lines = [AGGREGATED, *(f"o,player #1:v.mp4,5.0,10.0,10.0,,groom,STATE,{s},{s + 1},v.mp4,NA,NA" for s in (6, 12))]
    path = tmp_path / "export.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    assert read_named(path, 100).bouts == (Bout("groom", 10, 20), Bout("groom", 70, 80))
    path.write_text("\n".join(lines[:2]), encoding="utf-8")
    with pytest.raises(InputError, match=r"row 2, has a time offset of 5.0 s, and BORIS leaves events out.*project"):
        read_named(path, 100)


# ---- subjects


def of_two_subjects() -> dict:
    black = [press(1.0, subject="black"), press(2.0, subject="black")]
    white = [
        press(1.5, subject="white"),
        press(2.5, subject="white"),
        press(3, "rear", "white"),
        press(4, "rear", "white"),
    ]
    return project(o=observation(*sorted(black + white)))


def test_a_subject_is_named_or_told_by_the_behaviors(tmp_path):
    assert read(tmp_path, of_two_subjects(), subject="black").bouts == (Bout("groom", 10, 20),)
    assert read(tmp_path, of_two_subjects(), subject="White").bouts == (Bout("groom", 15, 25), Bout("rear", 30, 40))
    assert read(tmp_path, of_two_subjects(), behaviors=["rear"]).bouts == (Bout("rear", 30, 40),)
    assert read(tmp_path, of_two_subjects(), behaviors=["walk"]).bouts == ()
    assert read(tmp_path, of_two_subjects(), subject="nobody").bouts == ()  # in the project, but did nothing
    for behaviors in ([], ["groom"], ["groom", "rear"]):
        with pytest.raises(InputError, match=r"2 subjects: black, white.*p.boris#subject=black"):
            read(tmp_path, of_two_subjects(), behaviors=behaviors)
    with pytest.raises(InputError, match=r"no subject 'blakc'.* Did you mean 'black'"):
        read(tmp_path, of_two_subjects(), subject="blakc")


def test_events_without_a_subject_have_a_name(tmp_path):
    content = of_two_subjects()
    content["observations"]["o"]["events"] += [press(5.0), press(6.0)]
    assert read(tmp_path, content, subject="No focal subject").bouts == (Bout("groom", 50, 60),)


# ---- round trip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    tracks=st.dictionaries(
        st.sampled_from(["groom", "rear", "Prüfen µ"]), st.lists(st.booleans(), min_size=2, max_size=60)
    ),
    fps=st.sampled_from([10.0, 23.976, 29.97, 60.0, 250.0]),
    with_index=st.booleans(),
)
def test_bouts_come_back_from_a_project(tmp_path, tracks, fps, with_index):
    bouts = [bout for name, active in tracks.items() for bout in bouts_from_frames([*active, False], name)]
    frames = sorted((frame, b.behavior) for b in bouts for frame in (b.start_frame, b.stop_frame))
    events = [press(round(frame / fps, 3), name, index=frame if with_index else None) for frame, name in frames]
    content = project(o=observation(*events, lengths={}))
    content["behaviors_conf"]["9"] = {"code": "Prüfen µ", "type": "State event"}
    assert sorted(read(tmp_path, content, 61, fps).bouts) == sorted(bouts)


def test_a_behavior_of_the_ethogram_that_nobody_pressed_did_not_happen(tmp_path):
    found = read(tmp_path, project(o=observation(press(1.0), press(2.0))))
    active, scored = found.frames_of("rear", 100)
    assert not active.any() and scored.all()
    assert "rear" in found.behaviors and "sniff" not in found.behaviors
