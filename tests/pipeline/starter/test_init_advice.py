from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.names import canonical
from pipeline.annotations import EventList, FrameTable
from pipeline.annotations.base import LabelSpan
from pipeline.config.schema import load_config
from pipeline.scoring.bouts.bouts import Bout
from pipeline.starter.labels import BehaviorTally, choose_annotator, tally_behaviors
from pipeline.starter.poses import PoseAdvice, advise_by_videos, advise_on_poses, choose_center
from pipeline.starter.starter_yaml import StarterFacts, starter_yaml
from tests.features.test_blob import BODY_PX, arena, wander, write


def write_mouse(path: Path, length_px: float, n_frames: int = 200, likelihood: float = 0.9) -> Path:
    """A mouse along x, with ears, whose snout is `length_px` before its tail base."""
    names = ("snout", "leftear", "rightear", "tailbase")
    xs = (length_px, 0.8 * length_px, 0.8 * length_px, 0.0)
    rows = ["scorer" + ",net" * 12]
    rows.append("bodyparts," + ",".join(name for name in names for _ in range(3)))
    rows.append("coords" + ",x,y,likelihood" * 4)
    rows += [f"{i}," + ",".join(f"{100 + x},{50},{likelihood}" for x in xs) for i in range(n_frames)]
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("keypoints", "center"),
    [
        (("nose", "midbody", "tailbase"), ("midbody",)),
        (("Nose", "Body_Center", "TailBase"), ("Body_Center",)),
        (("nose", "mouse_center"), ("mouse_center",)),
        (("snout", "leftear", "rightear", "tailbase"), ("leftear", "rightear", "tailbase")),
        (
            ("nose", "leftear", "rightear", "neck", "lefthip", "righthip", "tail"),
            ("leftear", "rightear", "lefthip", "righthip"),
        ),
        (("nose", "tail_base"), ("nose", "tail_base")),
        (("forepaw", "elbow", "tailtip"), ("elbow",)),
        (("whatever",), ("whatever",)),
        ((), ()),
    ],
)
def test_the_point_nearest_to_the_middle_of_the_body(keypoints: tuple[str, ...], center: tuple[str, ...]):
    assert choose_center(keypoints) == center


def test_the_crop_is_less_than_twice_the_animals_length(tmp_path: Path):
    advice = advise_on_poses([write_mouse(tmp_path / "a.csv", 80), write_mouse(tmp_path / "b.csv", 84)])
    assert advice.body_px == pytest.approx(82) and advice.crop_px == 150
    assert advise_on_poses([tmp_path / "a.csv"], shortest_side_px=100).crop_px == 100


@pytest.mark.parametrize(("n_frames", "likelihood"), [(50, 0.9), (200, 0.3)])
def test_no_crop_is_suggested_from_too_little(tmp_path: Path, n_frames: int, likelihood: float):
    assert advise_on_poses([write_mouse(tmp_path / "a.csv", 80, n_frames, likelihood)]).crop_px is None


def test_nor_where_the_animals_differ_too_much(tmp_path: Path):
    advice = advise_on_poses([write_mouse(tmp_path / "a.csv", 80), write_mouse(tmp_path / "b.csv", 160)])
    assert advice.crop_px is None and "80 to 160 px long" in advice.notes[0]


def test_an_unreadable_pose_file_is_said(tmp_path: Path):
    (tmp_path / "a.csv").write_text("nothing\nof, this\n", encoding="utf-8")
    advice = advise_on_poses([tmp_path / "a.csv"])
    assert advice.keypoints == () and "a.csv" in advice.notes[0]


def test_animals_of_a_sleap_file_and_slots_of_superanimal_are_named(tmp_path: Path):
    sleap, slots = tmp_path / "sleap.csv", tmp_path / "slots.csv"
    header = "track,frame_idx,nose.x,nose.y,midbody.x,midbody.y"
    sleap.write_text(f"{header}\nblack,0,1,2,3,4\nwhite,0,5,6,7,8\n", encoding="utf-8")
    advice = advise_on_poses([sleap])
    assert advice.individuals == ("black", "white") and advice.keypoints == ("midbody",) and not advice.notes
    rows = ["scorer" + ",net" * 4, "individuals,animal0,animal0,animal1,animal1", "bodyparts" + ",nose" * 4]
    slots.write_text("\n".join([*rows, "coords,x,y,x,y", "0,1,2,3,4"]) + "\n", encoding="utf-8")
    advice = advise_on_poses([slots])
    assert advice.individuals == ("animal0", "animal1") and "not ordered" in advice.notes[0]


@pytest.mark.shared
def test_several_animals_must_be_named(shared_dir: Path):
    advice = advise_on_poses(list((shared_dir / "data" / "social_pair").glob("*multi_animal.csv")))
    assert advice.individuals == ("adult", "juvenile")


@pytest.mark.parametrize(
    ("annotators", "chosen"),
    [
        ([[""], [""]], None),
        ([["anna"], ["ben"]], None),
        ([["anna", "ben"], ["anna"]], "anna"),
        ([["anna", "ben"], ["ben", "anna"]], "anna"),
        ([["anna", "ben"], [""]], "anna"),
        ([["anna", "ben"], ["carla"]], "majority"),
        ([], None),
    ],
)
def test_whose_labels_are_used(annotators: list[list[str]], chosen: str | None):
    assert choose_annotator(annotators) == chosen


def test_behaviors_are_counted_over_all_files():
    table = FrameTable(
        Path("a.csv"),
        "frame_csv",
        ("groom", "rear"),
        np.array([[1, 0], [1, 0], [0, 0], [1, 0]], bool),
        np.ones((4, 2), bool),
    )
    events = EventList(
        Path("b.csv"),
        "boris_tabular",
        ("Groom", "Groom (left)"),
        (Bout("Groom", 2, 5), Bout("Groom (left)", 2, 5)),
        LabelSpan(5, False, "b.csv"),
    )
    tallies = tally_behaviors({"a": {"": table}, "b": {"anna": events}}, None)
    assert tallies == [
        BehaviorTally(("Groom", "groom"), 3, 6, ("a", "b")),
        BehaviorTally(("rear",), 0, 0, ()),
    ]


def test_the_starter_says_what_it_left_out(tmp_path: Path):
    tallies = (
        BehaviorTally(("groom: left # fast",), 3, 60, ("a", "b", "c"), n_individuals=3),
        BehaviorTally(("3",), 3, 5, ("a", "b", "c"), n_individuals=3),
        BehaviorTally(("jump",), 3, 5, ("a", "b", "c"), n_individuals=2),
        BehaviorTally(("Background",), 9, 900, ("a", "b", "c"), n_individuals=3),
        BehaviorTally(("rear",), 0, 0, ()),
    )
    facts = StarterFacts("x", "my/recordings.csv", tallies, n_annotated=3, n_individuals=3, fps=59.94)
    path = tmp_path / "x.yaml"
    path.write_text(starter_yaml(facts), encoding="utf-8")
    assert load_config(path).their_names() == {"groom_left_#_fast": ["groom: left # fast"], "class_3": ["3"]}
    text = path.read_text(encoding="utf-8")
    assert "# Background: says that nothing was seen" in text and "# rear: never occurs" in text
    assert "every second frame" in text
    assert "  # jump: jump   # 3 bouts, 5 frames, in 3 of 3 recordings; left out: cross-validation needs 3" in text


def test_where_every_behavior_is_rare_all_are_kept_and_it_is_said(tmp_path: Path):
    tallies = (
        BehaviorTally(("groom",), 3, 60, ("a", "b"), n_individuals=2),
        BehaviorTally(("rear",), 1, 5, ("a",), n_individuals=1),
    )
    path = tmp_path / "x.yaml"
    path.write_text(starter_yaml(StarterFacts("x", "r.csv", tallies, n_annotated=4, n_individuals=4)), encoding="utf-8")
    assert load_config(path).behavior_names() == ("groom", "rear")
    assert "THIS NEEDS 3 INDIVIDUALS THAT SHOW THE BEHAVIOR; no behavior is shown by more than 2." in path.read_text(
        encoding="utf-8"
    )


def test_animals_are_counted_not_recordings():
    labels = {
        name: {
            "": EventList(
                Path("b.csv"), "boris_tabular", ("groom",), (Bout("groom", 2, 5),), LabelSpan(5, False, "b.csv")
            )
        }
        for name in "abc"
    }
    (by_recording,) = tally_behaviors(labels, None)
    (by_animal,) = tally_behaviors(labels, None, {"a": "m1", "b": "m1", "c": "m2"})
    assert (by_recording.n_individuals, by_animal.n_individuals) == (3, 2)


# In the one form that every reader gives to names.
TEXTS = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=20).filter(str.strip).map(canonical)


@given(
    st.lists(TEXTS, max_size=6), st.lists(TEXTS, max_size=3, unique=True), TEXTS, st.sampled_from([25.0, 60.0, 120.0])
)
def test_whatever_the_names_are_the_starter_can_be_loaded(tmp_path_factory, behaviors, keypoints, path_text, fps):
    advice = PoseAdvice(tuple(keypoints), tuple(keypoints), tuple(keypoints[:2]))
    tallies = tuple(BehaviorTally((name,), 2, 10, ("a",)) for name in behaviors)
    facts = StarterFacts(
        "x", path_text, tallies, tuple(behaviors), tuple(keypoints), ("a", "b"), "a", 2, 2, advice, fps
    )
    path = tmp_path_factory.mktemp("starter") / "x.yaml"
    path.write_text(starter_yaml(facts), encoding="utf-8", newline="")
    config = load_config(path)
    assert config.recordings == path_text and config.annotations == "a"
    # `None` or `background` says that nothing was seen, and is left to a remark.
    expected = [tally.names[0] for tally in tallies if not tally.is_nothing]
    assert [names[0] for names in config.their_names().values()] == (expected or ["my_behavior"])
    if keypoints:
        assert list(config.center.keypoint_names) == keypoints


def test_the_shortest_bout_of_the_starter_lets_the_humans_own_bouts_through(tmp_path: Path):
    def shortest(*short_frames: int, fps: float = 30.0) -> float:
        tallies = tuple(BehaviorTally((f"b{i}",), 20, 400, ("m",), n) for i, n in enumerate(short_frames))
        path = tmp_path / "starter.yaml"
        path.write_text(starter_yaml(StarterFacts("x", "r.csv", tallies, fps=fps)), encoding="utf-8")
        settings = load_config(path).postprocess
        assert not isinstance(settings, str)
        return settings.min_bout_s

    assert shortest(60, 90) == 0.5
    assert shortest(60, 10) == 0.3
    assert shortest(1) == 0.0
    assert shortest(5, fps=0.0) == 0.5


def test_the_starter_shows_movement_where_frames_lie_close_enough(tmp_path: Path):
    def moments_s(fps: float) -> list[tuple[float, ...]]:
        path = tmp_path / "starter.yaml"
        path.write_text(starter_yaml(StarterFacts("x", "r.csv", fps=fps)), encoding="utf-8")
        sources = load_config(path).filled_sources()
        assert {source.crop.size_px for source in sources} == {160}
        return [source.crop.moments_s for source in sources]

    assert moments_s(30.0) == moments_s(0.0) == [(), (-0.2, 0.0, 0.2)]
    assert moments_s(4.0) == [()]


def test_one_bout_in_twenty_is_no_longer_than_the_short_length():
    bouts = tuple(Bout("rear", 100 * i, 100 * i + i + 1) for i in range(40))
    events = EventList(Path("b.csv"), "bout_csv", ("rear",), bouts, LabelSpan(4000, False, "b.csv"))
    (tally,) = tally_behaviors({"a": {"": events}}, None)
    assert tally.short_frames == 3


def test_the_videos_tell_the_length_that_the_poses_do_not(tmp_path: Path):
    advice = PoseAdvice(("midbody",), ("midbody",))
    video = write(tmp_path / "mouse.avi", arena(wander(), 180, 40))
    told = advise_by_videos(advice, [(video, 25.0)])
    assert told.is_from_videos and told.body_px == pytest.approx(BODY_PX[0], rel=0.2)
    assert told.crop_px == 10 * round(1.8 * told.body_px / 10)
    assert told.keypoints == ("midbody",)


def test_a_video_in_which_nothing_moves_tells_no_length(tmp_path: Path):
    video = write(tmp_path / "still.avi", arena(np.full((60, 2), 75.0), 180, 40))
    (tmp_path / "broken.avi").write_bytes(b"RIFF")
    advice = advise_by_videos(PoseAdvice(), [(video, 25.0), (tmp_path / "broken.avi", 25.0)])
    assert advice.body_px is None and advice.crop_px is None and not advice.is_from_videos


@pytest.mark.shared
def test_videos_and_poses_tell_about_the_same_length(shared_dir: Path):
    folder = shared_dir / "data" / "openfield_dlc"
    by_poses = advise_on_poses([folder / "m3v1mp4_dlc.csv"])
    by_video = advise_by_videos(PoseAdvice(), [(folder / "m3v1mp4.mp4", 30.0)])
    assert by_poses.body_px is not None and not by_poses.is_from_videos
    assert by_video.body_px == pytest.approx(by_poses.body_px, rel=0.1)
