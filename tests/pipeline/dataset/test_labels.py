from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import InputError
from pipeline.annotations import EventList, FrameTable, LabelSpan, RawAnnotation
from pipeline.dataset.labels import label_tracks, names_in_annotations
from pipeline.scoring.bouts.bouts import Bout


def events(*bouts: Bout, name="e.csv", **other) -> EventList:
    end = max((bout.stop_frame for bout in bouts), default=0)
    names = tuple(dict.fromkeys(bout.behavior for bout in bouts))
    return EventList(Path(name), "bout_csv", names, bouts, LabelSpan(end, False, f"{name}, row 2"), **other)


def frames(columns: Mapping[str, Sequence[int]], name="f.csv", **other) -> FrameTable:
    """1, 0, and -1 for not scored."""
    values = np.array(list(columns.values())).T
    return FrameTable(Path(name), "frame_csv", tuple(columns), values == 1, values >= 0, **other)


def test_bouts_become_frames_and_all_are_scored():
    tracks = label_tracks({"m1": events(Bout("g", 1, 3), Bout("r", 2, 4))}, {"rear": ["r"], "groom": ["g"]}, {"m1": 5})
    track = tracks["m1"]
    assert track.behaviors == ("rear", "groom") and track.n_frames == 5
    assert track.active[:, 0].tolist() == [False, False, True, True, False]
    assert track.active[:, 1].tolist() == [False, True, True, False, False]
    assert track.scored.all()


def test_not_scored_is_not_negative():
    track = label_tracks({"m1": frames({"g": [1, 0, -1]})}, {"groom": ["g"]}, {"m1": 3})["m1"]
    assert track.active[:, 0].tolist() == [True, False, False]
    assert track.scored[:, 0].tolist() == [True, True, False]


def test_a_behavior_missing_in_one_file_is_negative_in_events_and_unscored_in_frames():
    annotations: dict[str, RawAnnotation] = {"a": events(Bout("g", 0, 1)), "b": events(), "c": frames({"r": [0, 1]})}
    tracks = label_tracks(annotations, {"groom": ["g"]}, {"a": 2, "b": 2, "c": 2})
    assert tracks["b"].scored.all() and not tracks["b"].active.any()
    assert not tracks["c"].scored.any() and not tracks["c"].active.any()


def test_several_of_theirs_make_one_of_ours():
    table = frames({"wall": [1, 0, 0, -1, -1], "mid": [0, 0, 1, 1, 0]})
    track = label_tracks({"m1": table}, {"rear": ["wall", "mid"]}, {"m1": 5})["m1"]
    assert track.active[:, 0].tolist() == [True, False, True, True, False]
    assert track.scored[:, 0].tolist() == [True, True, True, True, False]


@given(st.lists(st.tuples(st.integers(-1, 1), st.integers(-1, 1)), min_size=1, max_size=30))
def test_active_frames_are_scored_and_other_behaviors_do_not_matter(rows):
    wall, mid = zip(*rows, strict=True)
    n_frames = {"m1": len(rows)}
    merged = label_tracks({"m1": frames({"wall": wall, "mid": mid})}, {"rear": ["wall", "mid"]}, n_frames)["m1"]
    alone = label_tracks({"m1": frames({"wall": wall, "mid": mid})}, {"w": ["wall"]}, n_frames)["m1"]
    assert (merged.scored | ~merged.active).all()
    assert alone.active[:, 0].tolist() == [value == 1 for value in wall]
    assert alone.scored[:, 0].tolist() == [value >= 0 for value in wall]


def test_an_unknown_behavior_is_told_with_what_there_is_per_file():
    annotations: dict[str, RawAnnotation] = {
        "a": events(Bout("grooming", 0, 1), name="a.csv"),
        "b": frames({"rear": [0, 1]}, name="b.csv"),
    }
    with pytest.raises(InputError) as caught:
        label_tracks(annotations, {"groom": ["groming"]}, {"a": 2, "b": 2})
    text = str(caught.value)
    for part in [
        "'groming' (for 'groom')",
        "2 annotation files",
        "Did you mean 'grooming'",
        "grooming in a.csv",
        "rear in b.csv",
    ]:
        assert part in text
    assert "\n" not in text


def test_one_unknown_name_among_several_is_an_error_too():
    with pytest.raises(InputError, match="'mid'"):
        label_tracks({"a": events(Bout("wall", 0, 1))}, {"rear": ["wall", "mid"]}, {"a": 2})


def test_faults_matter_only_under_a_name_that_is_asked_for():
    annotation = events(Bout("g", 0, 1), faults={"jump": "row 3: a point event"})
    assert label_tracks({"a": annotation}, {"g": ["g"]}, {"a": 2})
    with pytest.raises(InputError, match=r"'jump' can't be read from e.csv \(recording 'a'\): row 3: a point event"):
        label_tracks({"a": annotation}, {"jump": ["jump"]}, {"a": 2})


@pytest.mark.parametrize(
    ("annotation", "says"),
    [
        (events(Bout("g", 0, 6)), "5 frames.* reach to frame 6 .e.csv, row 2."),
        (frames({"g": [0] * 4}), "5 frames.* 4 rows .f.csv."),
        (frames({"g": [0] * 6}), "5 frames.* 6 rows .f.csv."),
    ],
)
def test_labels_must_fit_the_video(annotation, says):
    with pytest.raises(InputError, match=says):
        label_tracks({"m1": annotation}, {"g": ["g"]}, {"m1": 5})


def test_names_that_the_same_yaml_reads_back():
    found = names_in_annotations({"rear": ["wall", "mid"], "mid rear": ["mid"], "groom": ["groom"]})
    assert found == {"rear": "wall", "mid rear": "mid rear", "groom": "groom"}


def test_our_name_in_a_file_is_not_silently_read_as_no_bout():
    annotations: dict[str, RawAnnotation] = {"a": events(Bout("wall", 0, 1)), "b": events(Bout("rear", 0, 1), name="b")}
    with pytest.raises(InputError, match=r"b \(recording 'b'\) has 'rear', which is our name for wall"):
        label_tracks(annotations, {"rear": ["wall"]}, {"a": 2, "b": 2})
    merged = label_tracks(annotations, {"rear": ["wall", "rear"]}, {"a": 2, "b": 2})
    assert merged["b"].active[:, 0].tolist() == [True, False]


def test_a_name_that_is_known_anyway_may_be_in_none_of_the_files():
    annotations: dict[str, RawAnnotation] = {"a": events(Bout("g", 0, 1)), "b": frames({"g": [0, 1]})}
    behaviors = {"groom": ["g"], "rear": ["wall"]}
    with pytest.raises(InputError, match="'wall'"):
        label_tracks(annotations, behaviors, {"a": 2, "b": 2})
    tracks = label_tracks(annotations, behaviors, {"a": 2, "b": 2}, is_known=True)
    assert tracks["a"].scored.all() and not tracks["a"].active[:, 1].any()
    assert not tracks["b"].scored[:, 1].any()
    with pytest.raises(InputError, match="Did you mean 'Wall'"):
        label_tracks({"a": events(Bout("Wall", 0, 1))}, {"rear": ["wall"]}, {"a": 2}, is_known=True)
