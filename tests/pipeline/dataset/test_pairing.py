from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.dataset.pairing.names import annotator_of, is_derived_video, pose_cores
from pipeline.dataset.pairing.pairing import AnnotationSource, Pairing, find_poses, pair_files

DLC = "DLC_resnet50_openfieldOct30shuffle1_100000"


def paths(*names: str) -> list[Path]:
    return [Path(name) for name in names]


def pair(videos: list[str], poses: list[str] = (), labels: list[str | AnnotationSource] = ()) -> Pairing:
    sources = [label if isinstance(label, AnnotationSource) else AnnotationSource(Path(label)) for label in labels]
    return pair_files(paths(*videos), paths(*poses), sources)


def labels_of(pairing: Pairing) -> dict[str, list[tuple[str, str]]]:
    """Annotators and names by video."""
    return {
        files.video.as_posix(): [
            (p.annotator, p.source.observation or p.source.path.as_posix()) for p in files.annotations
        ]
        for files in pairing.videos
    }


def poses_of(pairing: Pairing) -> dict[str, list[str]]:
    return {files.video.as_posix(): [path.as_posix() for path in files.poses] for files in pairing.videos}


def left_over(pairing: Pairing) -> set[str]:
    return {item.observation or item.path.as_posix() for item in pairing.unpaired}


@pytest.mark.parametrize(
    "name",
    [
        f"day1 480A{DLC}.csv",
        f"day1 480A{DLC}_filtered.csv",
        f"day1 480A{DLC}.h5",
        f"day1 480A{DLC}_el.h5",
        "day1 480ADLC.csv",
        "day1 480A_dlc.csv",
        "day1 480A_DLC_missingdata.csv",
        "day1 480A.analysis.h5",
        "day1 480A_pose_est_v5.h5",
        "day1 480A.mp4.predictions.analysis.h5",
        "labels.v001.000_day1 480A.analysis.h5",
        "day1 480A_superanimal_topviewmouse_hrnet_w32.h5",
        "Day1_480a_poses.csv",
        "day1 480A.csv",
    ],
)
def test_a_pose_files_name_is_the_videos_with_what_programs_and_people_add(name: str):
    assert find_poses(Path("day1 480A.mp4"), [Path(name)]) == [Path(name)]


@pytest.mark.parametrize(
    "name",
    [
        f"m1_day2{DLC}.csv", f"m10{DLC}.csv", f"am1{DLC}.csv", f"m1b{DLC}.csv", f"m1+{DLC}.csv", "m1_dlc_day2.csv",
        "m1_dlc_20210611.csv", "m1DLC_day2.csv", "m1 labels.csv", "m1_cam2_dlc.csv", "day2 m1_dlc.csv",
    ],
)  # fmt: skip
def test_another_recordings_poses_are_never_taken(name: str):
    assert find_poses(Path("m1.mp4"), [Path(name)]) == []


def test_the_best_pose_file_comes_first():
    best_first = [
        f"m1{DLC}_filtered.csv",
        f"m1{DLC}_filtered.h5",
        "m1DLC_resnet50_openfieldOct30shuffle1_200000.csv",
        f"m1{DLC}.csv",
        f"m1{DLC}.h5",
        "m1.csv",
    ]
    assert [path.name for path in find_poses(Path("m1.mp4"), paths(*reversed(best_first)))] == best_first


def test_the_latest_of_jabs_pose_files_comes_first():
    names = [f"m1_pose_est_v{version}.h5" for version in (2, 5, 4)]
    assert find_poses(Path("m1.avi"), paths(*names))[0] == Path("m1_pose_est_v5.h5")


def test_where_spelling_tells_words_alone_do_not_count():
    candidates = paths("mouse-1_dlc.csv", "mouse_1_dlc.csv")
    assert find_poses(Path("mouse_1.mp4"), candidates) == [Path("mouse_1_dlc.csv")]


def test_accents_stored_in_either_way_are_the_same():
    composed, apart = "rat\u00f3n 1", "rato\u0301n 1"
    assert find_poses(Path(f"{composed}.mp4"), [Path(f"{apart}{DLC}.csv")]) == [Path(f"{apart}{DLC}.csv")]


def test_a_whole_name_is_among_the_cores():
    assert pose_cores("m1_poses") == ("m1_poses", "m1")


def test_a_prefix_of_another_name_gets_nothing_of_it():
    found = pair(
        ["m1.mp4", "m1_day2.mp4", "mouse1.mp4", "mouse10.mp4"],
        [f"m1_day2{DLC}.csv", f"mouse10{DLC}.csv"],
        ["m1 labels day2.csv", "mouse10_labels.csv"],
    )
    assert poses_of(found) == {
        "m1.mp4": [],
        "m1_day2.mp4": [f"m1_day2{DLC}.csv"],
        "mouse1.mp4": [],
        "mouse10.mp4": [f"mouse10{DLC}.csv"],
    }
    assert labels_of(found)["m1_day2.mp4"] == [("", "m1 labels day2.csv")]
    assert labels_of(found)["mouse10.mp4"] == [("", "mouse10_labels.csv")]
    assert labels_of(found)["m1.mp4"] == labels_of(found)["mouse1.mp4"] == []


def test_it_gets_nothing_of_it_though_the_longer_video_be_missing():
    found = pair(["m1.mp4"], [f"m1_day2{DLC}.csv"], ["m1_day2.csv", "m1 labels day2.csv", "m1_treated.csv", "m10.csv"])
    assert poses_of(found) == {"m1.mp4": []} and labels_of(found) == {"m1.mp4": []}
    assert left_over(found) == {f"m1_day2{DLC}.csv", "m1_day2.csv", "m1 labels day2.csv", "m1_treated.csv", "m10.csv"}


def test_messy_names():
    found = pair(
        ["videos/day1 480A.mp4", "videos/Ratón 2.MP4", "videos/m3_top.avi"],
        [f"dlc/day1 480A{DLC}.csv", "dlc/raton_2_dlc.csv"],
        ["BORIS/480A_BORIS.tsv", "BORIS/labels raton-2.csv", "BORIS/m3 etiquetas.csv"],
    )
    assert labels_of(found) == {
        "videos/day1 480A.mp4": [("", "BORIS/480A_BORIS.tsv")],
        "videos/Ratón 2.MP4": [("", "BORIS/labels raton-2.csv")],
        "videos/m3_top.avi": [("", "BORIS/m3 etiquetas.csv")],
    }
    assert poses_of(found)["videos/Ratón 2.MP4"] == ["dlc/raton_2_dlc.csv"]
    by_part = {files.video.stem: files.annotations[0].by_part for files in found.videos}
    assert by_part == {"day1 480A": True, "Ratón 2": False, "m3_top": True}


def test_a_part_of_the_name_must_fit_one_video_that_has_nothing_better():
    two_days = pair(["day1 480A.mp4", "day2 480A.mp4"], labels=["480A_BORIS.tsv"])
    assert left_over(two_days) == {"480A_BORIS.tsv"}
    taken = pair(["day1 480A.mp4"], labels=["480A_BORIS.tsv", "day1 480A labels.csv"])
    assert labels_of(taken) == {"day1 480A.mp4": [("", "day1 480A labels.csv")]}
    assert left_over(taken) == {"480A_BORIS.tsv"}


def test_the_front_of_a_name_is_not_such_a_part():
    assert left_over(pair(["m1_day2.mp4"], labels=["m1 labels.csv"])) == {"m1 labels.csv"}


def test_cameras_are_told_apart_or_left():
    found = pair(["m1_cam1.mp4", "m1_cam2.mp4"], [f"m1_cam2{DLC}.csv"], ["m1 labels.csv", "m1_cam1_labels.csv"])
    assert poses_of(found) == {"m1_cam1.mp4": [], "m1_cam2.mp4": [f"m1_cam2{DLC}.csv"]}
    assert labels_of(found)["m1_cam1.mp4"] == [("", "m1_cam1_labels.csv")]
    assert left_over(found) == {"m1 labels.csv"}


def test_one_name_in_two_folders_is_told_by_the_folder():
    found = pair(
        ["day1/480A.mp4", "day2/480A.mp4"],
        [f"day1/480A{DLC}.csv", f"dlc/day2/480A{DLC}.csv", "480A_dlc.csv"],
        ["labels/day2 480A.csv", "day3/480A.csv", "labels/480A.csv"],
    )
    assert poses_of(found) == {
        "day1/480A.mp4": [f"day1/480A{DLC}.csv"],
        "day2/480A.mp4": [f"dlc/day2/480A{DLC}.csv"],
    }
    assert labels_of(found)["day2/480A.mp4"] == [("", "labels/day2 480A.csv")]
    assert left_over(found) == {"480A_dlc.csv", "day3/480A.csv", "labels/480A.csv"}


def test_a_file_beside_videos_is_of_these_or_of_none():
    found = pair(["WT/1.mp4", "HD/2.mp4"], [f"HD/1{DLC}.csv"], ["HD/1.csv"])
    assert left_over(found) == {f"HD/1{DLC}.csv", "HD/1.csv"}
    assert "another folder" in found.unpaired[0].reason


def test_annotators_are_told_by_the_names():
    found = pair(
        ["m1.mp4", "m2.mp4"],
        labels=["m1_labels_anna.csv", "m1_labels_ben.csv", "m2 scored by Ben.csv", "m2_rater2.csv", "anna m2.csv"],
    )
    assert labels_of(found) == {
        "m1.mp4": [("anna", "m1_labels_anna.csv"), ("ben", "m1_labels_ben.csv")],
        "m2.mp4": [("anna", "anna m2.csv"), ("Ben", "m2 scored by Ben.csv"), ("rater2", "m2_rater2.csv")],
    }


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["labels"], ""), (["annotator", "A"], "A"), (["annotator", "2"], "2"),
        (["labels", "Anna", "Maria"], "Anna_Maria"), (["day", "2"], None), (["baseline"], None), (["2"], None),
        (["+"], None), (["cam1"], None),
    ],
)  # fmt: skip
def test_who_annotated(words: list[str], name: str | None):
    assert annotator_of(words) == name


def test_what_a_file_names_inside_counts_before_its_name():
    found = pair(
        ["a.mp4", "b.mp4"],
        labels=[
            AnnotationSource(Path("all.boris"), "first", ("C:\\lab\\a.mp4",)),
            AnnotationSource(Path("all.boris"), "second", ("/lab/B.MP4",)),
            AnnotationSource(Path("all.boris"), "third", ("c.mp4",)),
            AnnotationSource(Path("a.tsv"), "", ("b.mp4",)),
        ],
    )
    assert labels_of(found) == {"a.mp4": [("", "first")], "b.mp4": [("", "second")]}
    assert left_over(found) == {"third", "a.tsv"}
    assert "names b.mp4 inside, but is itself called as a.mp4" in found.unpaired[0].reason


def test_an_observation_of_several_videos_is_told_by_its_media():
    found = pair(["a.mp4", "b.mp4"], labels=[AnnotationSource(Path("x.tsv"), "", ("a.mp4", "b.mp4"))])
    assert [[p.media for p in files.annotations] for files in found.videos] == [["a.mp4"], ["b.mp4"]]


def test_observations_may_be_called_as_videos_and_annotators():
    found = pair(
        ["a.mp4"],
        labels=[AnnotationSource(Path("x.boris"), f"a_{who}", ("a.mp4",)) for who in ("anna", "ben")],
    )
    assert labels_of(found) == {"a.mp4": [("anna", "a_anna"), ("ben", "a_ben")]}


def test_names_that_differ_in_signs_are_different():
    found = pair(["480A+.mp4", "480A.mp4"], [f"480A+{DLC}.csv", f"480A{DLC}.csv"], ["480A labels.csv"])
    assert poses_of(found) == {"480A+.mp4": [f"480A+{DLC}.csv"], "480A.mp4": [f"480A{DLC}.csv"]}
    assert labels_of(found)["480A.mp4"] == [("", "480A labels.csv")]


@pytest.mark.parametrize(
    ("stem", "derived"),
    [
        (f"m1{DLC}_labeled", True), ("m1_labeled", True), ("m1_overlay", True), (f"m1{DLC}_p60_labeled", True),
        ("m2_overlay", False), ("m1_day2", False), ("m10", False),
    ],
)  # fmt: skip
def test_videos_that_were_drawn_from_others(stem: str, derived: bool):
    assert is_derived_video(stem, ["m1"]) is derived


NAMES = st.lists(
    st.sampled_from(["m1", "m10", "M1", "day1", "480A", "480", "ñ", "+", "cam1", "labels", "anna", "2", "DLC_x", "a"]),
    min_size=1,
    max_size=4,
).flatmap(lambda words: st.sampled_from([" ", "_", "-"]).map(lambda sign: sign.join(words)))
FOLDERS = st.sampled_from(["", "day1", "day2", "videos", "labels"])
FILES = st.builds(
    lambda folder, name, end: Path(folder) / f"{name}{end}", FOLDERS, NAMES, st.sampled_from([".x", ".y"])
)
SOURCES = st.builds(
    lambda path, observation, media: AnnotationSource(path, observation, (media,) if media else ()),
    FILES,
    st.sampled_from(["", "m1", "first"]),
    st.one_of(st.just(""), NAMES.map(lambda name: f"{name}.x")),
)


@given(st.lists(FILES), st.lists(FILES), st.lists(SOURCES), st.randoms())
def test_no_file_is_of_two_videos_and_order_does_not_matter(videos, poses, sources, random):
    found = pair_files(videos, poses, sources)
    paired_poses = [path for files in found.videos for path in files.poses]
    paired_sources = [p.source for files in found.videos for p in files.annotations]
    assert len(set(paired_poses)) == len(paired_poses)
    assert len(set(paired_sources)) == len(paired_sources)
    assert [files.video for files in found.videos] == sorted(set(videos))
    left = {(item.path, item.observation) for item in found.unpaired}
    assert {(path, "") for path in poses} | {(s.path, s.observation) for s in sources} == (
        left | {(path, "") for path in paired_poses} | {(s.path, s.observation) for s in paired_sources}
    )
    assert all(item.reason for item in found.unpaired)
    for items in (videos, poses, sources):
        random.shuffle(items)
    assert pair_files(videos, poses, sources) == found


@given(NAMES, st.lists(FILES))
def test_poses_that_are_found_begin_or_end_with_the_videos_words(name, candidates):
    for path in find_poses(Path(f"{name}.mp4"), candidates):
        assert name.casefold().replace("_", " ").replace("-", " ") in path.stem.casefold().replace("_", " ").replace(
            "-", " "
        )
