import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import InputError
from pipeline.starter import lab_folder
from pipeline.starter.findings import Findings, find_recordings
from pipeline.starter.lab_folder import recognise, scan_folder, sources_of
from pipeline.starter.printing import print_findings
from pipeline.starter.starter_yaml import StarterFacts
from tests.damage import damaged, fuzzed, read_or_refused
from tests.features.test_video_damage import make
from tests.lab import known_labels, write_labels, write_poses, write_video

PROJECT = {
    "behaviors_conf": {"0": {"type": "State event", "code": "groom"}},
    "observations": {
        "first": {"file": {"1": ["C:\\lab\\a.mp4"], "2": []}, "events": []},
        "second": {"file": {"1": ["/lab/b.mp4", "/lab/c.mp4"]}, "events": []},
        "live": {"file": [], "type": "LIVE", "events": []},
    },
}
HEADER_8 = "Observation id,Source,Subject,Behavior,Behavior type,Time,Media file name"


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "text", "kinds"),
    [
        ("a.csv", "scorer,s,s\nbodyparts,nose,nose\ncoords,x,y\n0,1,2\n1,1,2\n", {"poses"}),
        ("a.csv", "scorer,s,s,\nbodyparts,nose,nose,\ncoords,x,y,groom\n0,1,2,0\n1,1,2,1\n", {"poses", "annotations"}),
        ("a.csv", "frame,x,y\n0,0,1\n1,1,0\n", {"poses"}),
        ("a.csv", "frame,groom\n0,0\n1,1\n", {"annotations"}),
        ("a.csv", "frame,speed\n0,0.3\n1,1.7\n", set()),
        ("a.csv", "behavior,start_frame,stop_frame\ngroom,0,4\n", {"annotations"}),
        ("a.tsv", "Frame\tAction\n0\tgroom\n1\trear\n", {"annotations"}),
        ("a.csv", "NOSE_x,NOSE_y,NOSE_p,groom\n1,2,0.5,0\n1,2,0.5,1\n", {"poses", "annotations"}),
        ("a.csv", f"{HEADER_8}\nx,player #1:a.mp4,,groom,START,1.0,a.mp4\n", {"annotations"}),
        ("a.boris", json.dumps(PROJECT), {"annotations"}),
        ("a.json", '{"observations": 3}', set()),
        ("a.csv", "recording,video,poses\nm1,m1.mp4,m1.csv\n", set()),
        ("a.csv", "track,frame_idx,instance.score,nose.x,nose.y,nose.score\n,0,1,0,1,1\n", {"poses"}),
        ("CollectedData_Anna.csv", "scorer,s,s\nbodyparts,nose,nose\ncoords,x,y\nimg0.png,1,2\n", set()),
        ("notes.txt", "Mouse 480A was lively today.\nSo was 481A.\n", set()),
        ("a.csv", "", set()),
    ],
)
def test_a_file_is_told_by_what_is_in_it(tmp_path: Path, name: str, text: str, kinds: set[str]):
    assert recognise(write(tmp_path / name, text)) == kinds


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("scorer,s,s\nbodyparts,nose,nose\ncoords,x,y\nlabeled-data/a/img0.png,1,2\n", "labeled data set"),
        ("scorer,s,s,s\nbodyparts,nose,nose,nose\ncoords,x,y,z\n0,1,2,3\n", "is 3-D"),
    ],
)
def test_points_that_are_not_of_a_video_are_said_and_not_taken(tmp_path: Path, text: str, says: str):
    with pytest.raises(InputError, match=says):
        recognise(write(tmp_path / "a.csv", text))
    assert [says in skipped.reason for skipped in scan_folder(tmp_path).skipped] == [True]
    assert not scan_folder(tmp_path).poses


def test_files_that_no_reader_takes_are_left_aside_by_their_kind(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    for name in ("m1.mat", "b/m2.mat"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"MATLAB 5.0 MAT-file, Platform: PCWIN64" + bytes(200))
    (tmp_path / "m1.xls").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(200))
    write(tmp_path / "report.html", "<html><body><p>Nothing of ours.</p></body></html>")
    lab = scan_folder(tmp_path)
    facts = StarterFacts("x", "t.csv", (), n_annotated=0, n_individuals=0, fps=25.0)
    findings = Findings(lab.root, tmp_path / "t.csv", tmp_path / "x.yaml", (), (), lab.skipped, facts, "")
    print_findings(findings)
    said = " ".join(capsys.readouterr().out.split())
    assert "m1.mat: Expected a table of annotations in m1.mat, found a MATLAB file" in said
    assert said.count("writetable") == 1 and "(Likewise b/m2.mat.)" in said
    assert "m1.xls: " in said and "97-2003 (.xls)" in said
    assert "report.html: no labels, poses or features in a format that Rearview knows" in said


def test_arrays_of_poses_are_told_from_embeddings(tmp_path: Path):
    np.save(tmp_path / "poses.npy", np.zeros((4, 3, 2)))
    np.save(tmp_path / "embeddings.npy", np.zeros((4, 3)))
    np.savez(tmp_path / "tracks.npz", keypoints=np.zeros((4, 3, 2)))
    np.savez(tmp_path / "other.npz", embeddings=np.zeros((4, 3)))
    kinds = {path.name: recognise(path) for path in tmp_path.iterdir()}
    assert {name for name, found in kinds.items() if found == {"poses"}} == {"poses.npy", "tracks.npz"}


@pytest.mark.parametrize("packed", [False, True])
def test_observations_of_a_project_and_their_media(tmp_path: Path, packed: bool):
    path = tmp_path / "all.boris"
    content = json.dumps(PROJECT).encode()
    path.write_bytes(gzip.compress(content) if packed else content)
    found = {source.observation: source.media for source in sources_of(path)}
    assert found == {"first": ("C:\\lab\\a.mp4",), "second": ("/lab/b.mp4", "/lab/c.mp4")}


def test_a_damaged_project_is_said(tmp_path: Path):
    with pytest.raises(InputError, match="Expected BORIS project"):
        sources_of(write(tmp_path / "a.boris", '{"observations": '))


def test_observations_of_an_export(tmp_path: Path):
    rows = ["x,player #1:a.mp4;b.mp4,,groom,START,1.0,a.mp4", "y,player #1:c.mp4,,groom,START,1.0,c.mp4"]
    path = write(tmp_path / "a.csv", "\n".join([HEADER_8, *rows]))
    assert {s.observation: s.media for s in sources_of(path)} == {"x": ("a.mp4", "b.mp4"), "y": ("c.mp4",)}


def test_an_export_of_one_observation_needs_no_name_of_it(tmp_path: Path):
    path = write(tmp_path / "a.csv", f"{HEADER_8}\nx,player #1:a.mp4,,groom,START,1.0,a.mp4\n")
    assert [(s.observation, s.media) for s in sources_of(path)] == [("", ("a.mp4",))]


@pytest.mark.shared
def test_media_in_real_files_of_boris(shared_dir: Path):
    folder = shared_dir / "data" / "boris"
    assert sources_of(folder / "test_export_aggregated_events_test_full_5.tsv")[0].media == (
        "video_test_25fps_180s.mp4",
    )
    assert sources_of(folder / "test_export_events_tabular.xlsx")[0].media == ("video_test_25fps_360s.mp4",)
    several = {source.observation: len(source.media) for source in sources_of(folder / "test.boris")}
    assert several["observation #2"] == 2 and "live" not in several and len(several) == 7


def make_lab(folder: Path) -> None:
    active = known_labels(0)
    for name in (
        "videos/m1.avi",
        "videos/m1DLC_resnet50_x_labeled.avi",
        "runs/exp/m1.avi",
        ".hidden/m2.avi",
        "cache/a.avi",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_video(folder / name, active)
    write(folder / "videos/._m1.avi", "resource fork")
    write(folder / "runs/exp/provenance.json", "{}")
    write(folder / "cache/videos.json", "{}")
    write(folder / "labeled-data/m1/CollectedData_A.csv", "x")
    (folder / "Zeitstände").mkdir()
    write_poses(folder / "Zeitstände" / "m1_dlc.csv", len(active))
    write_labels(folder / "m1 labels.csv", active)
    write(folder / "videos/m3.mp4", "")


def test_a_labs_folder(tmp_path: Path):
    make_lab(tmp_path)
    found = scan_folder(tmp_path)
    root = tmp_path.resolve()
    assert [path.relative_to(root).as_posix() for path in found.videos] == ["videos/m1.avi"]
    assert [path.name for path in found.poses] == ["m1_dlc.csv"]
    assert [source.path.name for source in found.annotations] == ["m1 labels.csv"]
    reasons = {item.path.name: item.reason for item in found.skipped}
    assert reasons["exp"] == "a run of Rearview" and reasons["cache"] == "a cache of Rearview"
    assert "drawn from another" in reasons["m1DLC_resnet50_x_labeled.avi"]
    assert "empty" in reasons["m3.mp4"] and "DeepLabCut" in reasons["labeled-data"]


def test_a_deeplabcut_projects_own_config_is_no_run(tmp_path: Path):
    write(tmp_path / "project/config.yaml", "Task: openfield")
    write_video_in = tmp_path / "project/videos"
    write_video_in.mkdir()
    write_video(write_video_in / "m1.avi", known_labels(0))
    assert [path.name for path in scan_folder(tmp_path).videos] == ["m1.avi"]


def test_too_many_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for i in range(4):
        write(tmp_path / f"{i}.txt", "x")
    (tmp_path / "my videos").mkdir()
    monkeypatch.setattr(lab_folder, "MOST_FILES", 3)
    with pytest.raises(InputError, match=r"more than 3 files.*my videos"):
        scan_folder(tmp_path)


def test_no_folder(tmp_path: Path):
    with pytest.raises(InputError, match="found nothing"):
        scan_folder(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["x.npy", "x.npz", "x_boxes.npy", "x.csv", "x.boris"])
@fuzzed(30)
@given(data=st.data())
def test_whatever_is_damaged_it_is_told_what_a_file_is(tmp_path: Path, name: str, data: st.DataObject):
    path = tmp_path / name
    if name.endswith(".npy"):
        np.save(path, np.ones((3, 2, 4)))
    elif name.endswith(".npz"):
        np.savez(path, keypoints=np.ones((3, 2, 2)))
    else:
        path.write_text(
            '{"observations": {}, "behaviors_conf": {}}' if name == "x.boris" else "frame,groom\n0,1\n1,0\n"
        )
    path.write_bytes(data.draw(damaged(path.read_bytes())))
    read_or_refused(lambda: recognise(path))


def test_names_that_a_table_cannot_hold_are_left_aside_with_a_word(tmp_path: Path):
    (tmp_path / "a\u202eb").mkdir()
    write_video(tmp_path / "a\u202eb" / "v.avi", known_labels(0))
    write_video(tmp_path / "v\x1b.avi", known_labels(0))
    write_video(tmp_path / "v.avi", known_labels(0))
    lab = scan_folder(tmp_path)
    assert [path.name for path in lab.videos] == ["v.avi"]
    assert len(lab.skipped) == 2 and all("can't hold" in skipped.reason for skipped in lab.skipped)


def test_videos_of_any_camera_are_found(tmp_path: Path):
    names = ["a.flv", "b.ts", "c.3gp", "d.gif", "e.h264", "f.MTS", "g.m2ts", "h.mkv"]
    for name in names:
        made = tmp_path / ("made.m2ts" if name == "f.MTS" else f"made{Path(name).suffix}")
        codec, pixels = ("gif", "rgb8") if name == "d.gif" else ("libx264", "yuv420p")
        make(made, codec, pixels=pixels).rename(tmp_path / name)
    write(tmp_path / "code.ts", "export const x = 1;\n")
    lab = scan_folder(tmp_path)
    assert [path.name for path in lab.videos] == sorted([*names, "code.ts"])
    found = find_recordings(lab, tmp_path / "recordings.csv", tmp_path / "x.yaml", "x", has_blob=True)
    assert len(found.recordings) == len(names)
    (skipped,) = [one for one in found.skipped if one.path.name == "code.ts"]
    assert "can't be opened as a video" in skipped.reason
