"""Every real file of the reference folders that no other test reads: known answers, or a clear refusal."""

from pathlib import Path

import pytest

from common.errors import InputError
from pipeline.annotations import AnnotationChoice, EventList, read_annotation
from pipeline.scoring.bouts.bouts import Bout


def read_named(path: Path, n_frames: int, fps: float, video: str = "", **choice: str) -> EventList:
    found = read_annotation(path, n_frames, fps, choice=AnnotationChoice(**choice), video_name=video)
    assert isinstance(found, EventList)
    return found


@pytest.mark.shared
@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_the_arena_projects_read_like_the_bouts(shared_dir, number):
    folder = shared_dir / "data" / "mouse_arena"
    found = read_named(folder / f"arena_{number}.boris", 2000, 30.0)
    assert found.format == "boris_project"
    assert sorted(found.bouts) == sorted(read_named(folder / f"arena_{number}_annotator_A.csv", 2000, 30.0).bouts)


@pytest.mark.shared
def test_the_simultaneous_events_as_project_and_as_export(shared_dir):
    folder = shared_dir / "data" / "boris"
    found = read_named(folder / "multi_behaviors.boris", 10080, 30.0)
    assert found.bouts == (Bout("mm", 299, 338), Bout("mm", 798, 951), Bout("aa", 846, 919))
    assert found.bouts == read_named(folder / "simultaneous_events_tabular.csv", 10080, 30.0).bouts


SUBJECT1 = [(83, 194), (248, 405), (459, 612)]  # 3.3-7.75, 9.9-16.2, 18.35-24.475 s at 25 fps
LATER = {"subject1": [(2155, 2418), (2525, 2856)], "subject2": [(2656, 2803), (3436, 3510)],
         "No focal subject": [(1195, 1838), (1885, 2030), (3096, 3195)]}  # fmt: skip
EARLIER = [(45, 203), (256, 584), (669, 787)]


def runs(found: EventList) -> list[tuple[int, int]]:
    assert {bout.behavior for bout in found.bouts} <= {"s"}
    return [(bout.start_frame, bout.stop_frame) for bout in found.bouts]


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "observation"),
    [
        ("test_export_events_tabular.csv", ""),
        ("test_export_events_tabular.tsv", ""),
        ("test_export_events_tabular.xlsx", ""),
        ("test.boris", "observation #1"),
        ("test2.boris", "observation #1"),
        ("test_without_media_files_paths.boris", "observation #1"),
    ],
)
def test_one_observation_of_two_subjects_in_all_its_forms(shared_dir, name, observation):
    path = shared_dir / "data" / "boris" / name
    assert runs(read_named(path, 8999, 25.0, subject="subject1", observation=observation)) == SUBJECT1
    assert runs(read_named(path, 8999, 25.0, subject="subject2", observation=observation)) == [(961, 1153)]


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "observation"),
    [
        ("test_export_aggregated_events_test_full_1.tsv", ""),
        ("test_export_aggregated_events_test_full_3.tsv", ""),
        ("test.boris", "observation #2"),
        ("test2.boris", "observation #2"),
    ],
)
def test_two_media_one_after_the_other_in_all_their_forms(shared_dir, name, observation):
    path = shared_dir / "data" / "boris" / name
    for subject, expected in LATER.items():
        found = read_named(path, 8999, 25.0, "video_test_25fps_360s.mp4", subject=subject, observation=observation)
        assert runs(found) == expected
        first = read_named(path, 4499, 25.0, "video_test_25fps_180s.mp4", subject=subject, observation=observation)
        assert runs(first) == (EARLIER if subject == "No focal subject" else [])


@pytest.mark.shared
def test_headerless_exports_of_the_first_of_two_media(shared_dir):
    folder = shared_dir / "data" / "boris"
    found = read_named(
        folder / "test_export_aggregated_events_test_full_4.tsv", 4499, 25.0, media="video_test_25fps_180s.mp4"
    )
    assert runs(found) == EARLIER and "row 4" in found.faults["p"]
    found = read_named(
        folder / "test_export_aggregated_events_test_full_5.tsv", 4499, 25.0, media="video_test_25fps_180s.mp4"
    )
    assert runs(found) == [(125, 203), (256, 584), (669, 750)]
    with pytest.raises(InputError, match=r"doesn't say when video_test_25fps_360s.mp4 begins"):
        read_named(
            folder / "test_export_aggregated_events_test_full_2.tsv", 8999, 25.0, media="video_test_25fps_360s.mp4"
        )


@pytest.mark.shared
def test_the_other_observations_of_the_test_project(shared_dir):
    path = shared_dir / "data" / "boris" / "test.boris"
    found = read_named(path, 4499, 25.0, observation="modifiers")
    assert found.bouts == (Bout("r", 479, 699), Bout("r", 761, 1021), Bout("r (m1)", 479, 699)) and "q" in found.faults
    found = read_named(path, 4499, 25.0, "video2.mp4", observation="2 video")
    assert runs(found) == [(250, 4250)]
    found = read_named(path, 4499, 25.0, "video_test_25fps_180s.mp4", observation="offset neg")
    assert found.bouts == () and found.watched == ((500, 4499),) and "p" in found.faults
    for name in ("live", "live not paired", "observation #2 (copy)", "observation without events"):
        with pytest.raises(InputError, match=r"type 'LIVE'"):
            read_named(path, 4499, 25.0, observation=name)
