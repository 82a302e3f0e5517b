"""Small inputs from the field, each with its right outcome, as `audit` sees a row of a table of recordings.

What was wrong with each stands in ../shared/data/field/README.md; here is what must come of it, and what must be said.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from features.centers import CenterConfig
from pipeline.annotations import read_annotation
from pipeline.audit.recording import Audit, audit_table
from pipeline.dataset.reading import ReadingSettings
from pipeline.dataset.streams import with_known_streams
from pipeline.scoring.bouts.bouts import runs_of_true
from tests.lab import write_poses, write_video

pytestmark = pytest.mark.shared


@dataclass(frozen=True)
class Labels:
    """A file of labels: the bouts that it says, {} where it is refused, and words that are said of it."""

    path: str
    bouts: dict[str, list[tuple[int, int]]]
    said: tuple[str, ...] = ()
    cell: str = ""
    n_frames: int = 1500


@dataclass(frozen=True)
class Poses:
    """A file of poses: where a keypoint (x, y) is in some frames (nan: missing), {} where it is refused, and words."""

    path: str
    places: dict[int, tuple[float, float]]
    said: tuple[str, ...] = ()
    animal: str = ""
    keypoint: str = "midbody"
    n_frames: int = 50


@dataclass(frozen=True)
class Video:
    """A video: how many frames it has, 0 where it is refused, how many of them are lost, and words."""

    path: str
    n_frames: int
    said: tuple[str, ...] = ()
    n_lost: int = 0
    fps: str = ""


NAN = (np.nan, np.nan)
LABELS = [
    Labels("labels/mabe.csv", {"sniff": [(10, 40)]}, cell="#subject=1"),
    Labels("labels/mabe.csv", {"sniff": [(10, 40)], "rear": [(50, 80)]}),
    Labels("labels/lisbet.csv", {"grooming": [(25, 50)]}),
    Labels("labels/label_end.csv", {"grooming": [(25, 49)]}, ("first frame without the behavior",)),
    Labels("labels/events_words.csv", {"grooming": [(25, 50)]}),
    Labels("labels/boris_live.csv", {}, ("error", "Live observation", "start_s")),
    Labels("labels/one_based.csv", {"grooming": [(24, 49)]}, ("from 1",)),
    Labels("labels/one_based.csv", {}, ("error", "from 1"), n_frames=1499),
    Labels("overlapping-bouts/two.csv", {"Supported": [(750, 780)]}, ("note", "overlap")),
    Labels("mat-annotations/demo1_manual_annotations.mat", {}, ("error", "MATLAB", "writetable")),
    Labels("boris-binary-modifiers/WT_sim_04_No_focal_subject_binary.csv", {"grooming": [(509, 600)]}),
    Labels("boris-ods-xls-html/HD_sim_01_tabular.ods", {"grooming": [(32, 130)]}),
    Labels("boris-ods-xls-html/HD_sim_01_tabular.html", {"grooming": [(32, 130)]}),
    Labels("boris-ods-xls-html/HD_sim_01_tabular.xls", {}, ("error", "97-2003 (.xls)")),
]
POSES = [
    Poses("poses/dlc3d.csv", {}, ("error", "3-D")),
    Poses("poses/rtm.csv", {0: (200.1, 145.2)}, ("warning", "reach 3.99, not 1")),
    Poses("poses/sa.csv", {}, ("error", "SuperAnimal's slots, which are not ordered")),
    Poses("poses/sa.csv", {6: (193.647, 199.516)}, ("warning", "not ordered"), "animal0", "nose", 300),
    Poses("poses/sleap1.csv", {0: (100, 50), 7: NAN, 9: (109, 50)}),
    Poses("poses/sleap2.csv", {0: (100, 50)}, animal="track_0", n_frames=50),
    Poses("poses/sleap2.csv", {}, ("error", "track_0, track_1")),
    Poses("labeled-data-csv/CollectedData.csv", {}, ("error", "labeled data set")),
]
VIDEOS = [
    Video("video/broken_mid.avi", 60, ("warning", "lost"), n_lost=3),
    Video("video/broken_mid.mp4", 60, ("warning", "lost"), n_lost=5),
    Video("video/av1.mp4", 60),
    Video("video/av1.mkv", 60),
    Video("video/cover_first.mkv", 60),
    Video("video/editlist.mp4", 40, ("edit list",)),
    Video("video/raw60.h264", 60, ("warning", "25 frames/s are assumed")),
    Video("video/raw60.h264", 60, fps="60"),
    Video("video/sizechange.ts", 0, ("error", "size")),
    Video("video/cut_mts.ts", 32, ("warning", "cut off")),
]


def audited(folder: Path, row: str, more_columns: str = "", settings: ReadingSettings | None = None) -> Audit:
    folder.mkdir(parents=True, exist_ok=True)
    header = "recording,video,poses,annotations,individual,group,split" + more_columns
    table = folder / "recordings.csv"
    table.write_text(f"{header}\n{row}\n", encoding="utf-8")
    return audit_table(table, settings or ReadingSettings(cache_dir=folder / "cache"), is_experiment=False)


def words_of(audit: Audit) -> str:
    return "\n".join(f"{item.severity}: {item.found} {item.consequence} {item.remedy}" for item in audit.findings)


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """A function that gives the path of a video of so many frames at 25 frames/s."""
    folder = tmp_path_factory.mktemp("films")

    def film(n_frames: int, fps: float = 25.0) -> Path:
        path = folder / f"{n_frames} at {fps:g}.avi"
        if not path.exists():
            write_video(path, np.zeros((n_frames, 2), bool), fps=fps)
            write_poses(path.with_suffix(".csv"), n_frames)
        return path

    return film


def ids(cases):
    return [Path(case.path).name for case in cases]


@pytest.mark.parametrize("case", LABELS, ids=ids(LABELS))
def test_labels(shared_dir, film, tmp_path, case):
    path, is_demo = shared_dir / "data" / "field" / case.path, "_sim_" in case.path
    video = film(case.n_frames, 10.0 if is_demo else 25.0)
    audit = audited(tmp_path, f"r,{video},{video.with_suffix('.csv')},{path}{case.cell},m,,train")
    said = words_of(audit)
    read = list(audit.recordings[0].loaded.labels.values())
    assert ("error:" in said) == (not read) == (not case.bouts), said
    for behavior, bouts in case.bouts.items():
        labels = read[0].annotation.frames_of(behavior, case.n_frames)
        assert labels is not None
        assert runs_of_true(labels[0])[: len(bouts)] == bouts
        assert labels[1].all()
    assert all(word in said for word in case.said), said


def test_streams_that_a_file_lacks_are_unscored(shared_dir):
    names = ("rat01", "rat03", "rat17")
    folder = shared_dir / "data" / "field" / "caltech-streams"
    files = {
        name: read_annotation(folder / f"{name}_annot.txt", 13_984, 30.0, behaviors=["social", "bite", "chase"])
        for name in names
    }
    found = {name: labels.frames_of("bite", 13_984) for name, labels in with_known_streams(files).items()}
    assert found["rat01"] is not None and found["rat01"][1].any()
    assert found["rat03"] is not None and found["rat03"][1].any()
    assert found["rat17"] is None
    social = files["rat17"].frames_of("social", 13_984)
    assert social is not None and social[0].any() and social[1].all()


@pytest.mark.parametrize("case", POSES, ids=ids(POSES))
def test_poses(shared_dir, film, tmp_path, case):
    path = shared_dir / "data" / "field" / case.path
    settings = ReadingSettings(center=CenterConfig(keypoints=case.keypoint), cache_dir=tmp_path / "cache")
    row = f"r,{film(case.n_frames)},{path},,m,,,{case.animal}"
    audit = audited(tmp_path, row, ",animal" if case.animal else "", settings)
    said, pose = words_of(audit), audit.recordings[0].loaded.pose
    assert ("error:" in said) == (pose is None) == (not case.places), said
    for frame, place in case.places.items():
        assert pose is not None
        np.testing.assert_allclose(pose.xy_px[frame, pose.keypoints.index(case.keypoint)], place)
    assert all(word in said for word in case.said), said


@pytest.mark.parametrize("case", VIDEOS, ids=ids(VIDEOS))
def test_videos(shared_dir, tmp_path, case):
    path = shared_dir / "data" / "field" / case.path
    write_poses(tmp_path / "poses.csv", case.n_frames or 60)
    audit = audited(tmp_path, f"r,{path},poses.csv,,m,,,{case.fps}", ",fps" if case.fps else "")
    said, loaded = words_of(audit), audit.recordings[0].loaded
    assert ("error:" in said) == (loaded.video is None) == (not case.n_frames), said
    if loaded.video is not None:
        assert loaded.video.n_frames == case.n_frames
        assert loaded.video.fps == float(case.fps or 25)
        assert loaded.centers is not None
        assert int((~loaded.centers.observed).sum()) == case.n_lost
    assert all(word in said for word in case.said), said


def test_a_clip_of_few_frames_as_a_blob(shared_dir, tmp_path):
    folder = shared_dir / "data" / "field" / "blob-advice"
    said = words_of(audit_table(folder / "r.csv", ReadingSettings(cache_dir=tmp_path), is_experiment=False))
    assert "blob" in said
    for advice in ("other keypoints", "lower center", "for the tracker"):
        assert advice not in said.casefold(), said
