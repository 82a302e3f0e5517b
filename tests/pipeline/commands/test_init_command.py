import csv
import shutil
from pathlib import Path

import numpy as np
import pytest

from common.errors import InputError
from pipeline.command_line import main
from pipeline.commands.init import run_init_command
from pipeline.config.schema import load_config
from pipeline.dataset.load import load_dataset
from pipeline.dataset.pairing.table_cells import guess_individuals, recording_ids, safe_name
from pipeline.dataset.recording import Recording
from pipeline.dataset.table import read_recordings
from tests.lab import N_FRAMES, known_labels, write_labels, write_poses, write_video

DLC = "DLC_resnet50_openOct30shuffle1_100000"


def make_messy_lab(folder: Path) -> Path:
    """Three animals with labels on day 1, one of them again on day 2 without, in folders of their own."""
    for part in ("vidéos", "poses", "labels"):
        (folder / part).mkdir(parents=True)
    for seed, animal in enumerate(("480A", "481A", "482A")):
        active = known_labels(seed)
        write_video(folder / "vidéos" / f"day1 {animal}.avi", active)
        write_poses(folder / "poses" / f"day1 {animal}{DLC}.csv", N_FRAMES, keypoint="Body Center")
        write_labels(folder / "labels" / f"day1 {animal} labels.csv", active)
    write_video(folder / "vidéos" / "day2 480A.avi", known_labels(9))
    write_labels(folder / "labels" / "day9 480A labels.csv", known_labels(9))
    return folder


def rows_of(folder: Path) -> dict[str, dict[str, str]]:
    with (folder / "recordings.csv").open(encoding="utf-8", newline="") as stream:
        return {row["recording"]: row for row in csv.DictReader(stream)}


def recordings_of(folder: Path) -> dict[str, Recording]:
    return {recording.id: recording for recording in read_recordings(folder / "recordings.csv")}


def test_a_labs_folder_becomes_a_table_and_an_experiment(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    lab = make_messy_lab(tmp_path / "Größe test")
    assert main(["init", str(lab)]) == 0
    rows = rows_of(lab)
    assert list(rows) == ["day1_480A", "day1_481A", "day1_482A", "day2_480A"]
    assert rows["day1_480A"] == {
        "recording": "day1_480A",
        "video": "vidéos/day1 480A.avi",
        "poses": f"poses/day1 480A{DLC}.csv",
        "annotations": "labels/day1 480A labels.csv",
        "individual": "480A",
        "group": "",
        "split": "train",
    }
    assert [rows["day2_480A"][column] for column in ("poses", "annotations", "individual", "split")] == [
        "",
        "",
        "480A",
        "",
    ]
    config = load_config(lab / "Größe_test.yaml")
    assert config.their_names() == {"grooming": ["grooming"], "rearing": ["rearing"]}
    assert config.center.keypoint_names == ("Body Center",)
    assert Path(config.recordings) == (lab / "recordings.csv").resolve()
    said = " ".join(capsys.readouterr().out.split())
    assert "labels/day9 480A labels.csv: no video here has this name" in said
    assert "1 video without a pose file (day2_480A)" in said
    assert "column `individual`" in said and "run_experiment.py audit" in said


def test_what_is_written_can_be_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    lab = make_messy_lab(tmp_path / "lab")
    monkeypatch.chdir(tmp_path)
    run_init_command(["lab", "--output", "out/put", "--name", "first"])
    (lab / "vidéos" / "day2 480A.avi").unlink()
    run_init_command(["lab", "--output", "out/put", "--name", "first", "--overwrite"])
    assert rows_of(tmp_path / "out/put")["day1_480A"]["video"] == "../../lab/vidéos/day1 480A.avi"
    config = load_config(tmp_path / "out/put/first.yaml")
    assert config.recordings == "out/put/recordings.csv"
    found = load_dataset(config)
    expected = known_labels(0)
    labels = found[0].labels
    assert labels is not None and config.behavior_names() == tuple(labels.behaviors)
    for column, name in enumerate(("grooming", "rearing")):
        assert np.array_equal(labels.active[:, labels.behaviors.index(name)], expected[:, column])


def test_blob_is_written_when_asked(tmp_path: Path):
    lab = make_messy_lab(tmp_path / "lab")
    run_init_command([str(lab), "--blob"])
    assert recordings_of(lab)["day2_480A"].has_blob_poses
    assert not recordings_of(lab)["day1_480A"].has_blob_poses


def test_nothing_is_overwritten_unasked(tmp_path: Path):
    lab = make_messy_lab(tmp_path / "lab")
    (lab / "recordings.csv").write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match=r"lab has recordings\.csv already; nothing is overwritten"):
        run_init_command([str(lab)])
    assert (lab / "recordings.csv").read_text(encoding="utf-8") == "mine"
    assert not (lab / "lab.yaml").exists()
    run_init_command([str(lab), "--overwrite"])
    assert len(recordings_of(lab)) == 4


def test_both_files_are_written_or_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    lab = make_messy_lab(tmp_path / "lab")
    monkeypatch.setattr("pipeline.commands.init.starter_yaml", lambda facts: "name: [")
    before = set(lab.rglob("*"))
    with pytest.raises(InputError, match="be read as YAML"):
        run_init_command([str(lab)])
    assert set(lab.rglob("*")) == before


def test_two_annotators_and_copies_of_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    lab = tmp_path / "lab"
    lab.mkdir()
    for seed in range(2):
        active = known_labels(seed)
        write_video(lab / f"m{seed}.avi", active)
        write_labels(lab / f"m{seed}_labels_anna.csv", active)
        write_labels(lab / f"m{seed}_labels_anna_final.csv", active)
        write_labels(lab / f"m{seed}_labels_ben.csv", known_labels(seed + 10))
        write_labels(lab / f"m{seed} labels.csv", known_labels(seed + 20))
    write_labels(lab / "m1_labels_ben_new.csv", known_labels(30))
    run_init_command([str(lab)])
    assert rows_of(lab)["m0"]["annotations"] == "anna=m0_labels_anna.csv;ben=m0_labels_ben.csv"
    assert rows_of(lab)["m1"]["annotations"] == "anna=m1_labels_anna.csv"
    assert load_config(lab / "lab.yaml").annotations == "anna"
    said = " ".join(capsys.readouterr().out.split())
    assert "m0 labels.csv: m0.avi has labels of anna, ben; this file does not say whose it is" in said
    assert "m1_labels_ben.csv: 2 files could be the labels of m1.avi, and they do not say the same" in said
    assert "(Likewise m1_labels_ben_new.csv.)" in said
    assert "Labels of 2 individuals: cross-validation needs 3" in said
    assert "THIS NEEDS 3 INDIVIDUALS" in (lab / "lab.yaml").read_text(encoding="utf-8")


def test_one_export_for_several_videos_with_point_events(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    lab = tmp_path / "lab"
    lab.mkdir()
    media = "Media file name,Media duration (s),FPS (frame/s)"
    rows = [f"Observation id,{media},Subject,Behavior,Behavior type,Start (s),Stop (s)"]
    for name in ("a", "b"):
        write_video(lab / f"{name}.avi", known_labels(0))
        rows += [
            f"obs {name},C:\\lab\\{name}.avi,12.0,10.0,,Mid Rearing,STATE,{start},{start + 1}" for start in (1.0, 4.0)
        ]
        rows += [f"obs {name},C:\\lab\\{name}.avi,12.0,10.0,,mid_rearing,STATE,6.0,6.5"]
        rows += [f"obs {name},C:\\lab\\{name}.avi,12.0,10.0,,sniff,POINT,5.0,5.0"]
    (lab / "all videos.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    run_init_command([str(lab)])
    assert rows_of(lab)["b"]["annotations"] == "all videos.csv#observation=obs b"
    assert recordings_of(lab)["b"].annotation_choices[""].observation == "obs b"
    assert load_config(lab / "lab.yaml").their_names() == {"Mid_Rearing": ["Mid Rearing", "mid_rearing"]}
    text = (lab / "lab.yaml").read_text(encoding="utf-8")
    assert "6 bouts, 50 frames, in 2 of 2 recordings" in text and "can't be used: sniff" in text
    assert "Point events" in capsys.readouterr().out


def test_what_labels_lack_is_said_and_what_is_the_same_for_many_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    head = "Caltech Behavior Annotator - Annotation File\n\nConfiguration file:\nbase z\n\n"
    one = "S1: start end type\n----\n1 60 social\n61 120 base\n"
    two = "S2: start end type\n----\n1 90 base\n91 120 bite\n"
    for i in range(6):
        write_video(tmp_path / f"rat{i}.avi", known_labels(i))
        (tmp_path / f"rat{i}_annot.txt").write_text(head + one + (two if i < 4 else ""), encoding="utf-8")
    (tmp_path / "rat3_annot.txt").write_text(head + one.replace("61 120", "61 80") + two, encoding="utf-8")
    assert main(["init", str(tmp_path), "--name", "x"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert set(load_config(tmp_path / "x.yaml").their_names()) == {"social", "bite"}, "base is in two streams"
    assert said.count("the stream S1 can be read, while 'bite' is in S2 of other files") == 1
    assert "(Likewise rat5.)" in said and said.count("Likewise") == 1
    assert "rat3: 33 % of the labels in rat3_annot.txt are unscored" in said


def test_a_video_that_cannot_be_opened_is_left_aside(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    lab = make_messy_lab(tmp_path / "lab")
    (lab / "vidéos" / "broken.mp4").write_bytes(b"no video at all")
    run_init_command([str(lab)])
    assert "broken" not in rows_of(lab)
    assert "can't be opened as a video" in " ".join(capsys.readouterr().out.split())


def test_a_folder_without_videos_is_said(tmp_path: Path):
    with pytest.raises(InputError, match="Expected videos"):
        run_init_command([str(tmp_path)])


def test_names_with_signs_of_the_table_are_written_or_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    lab = tmp_path / "lab, [bold] a=b"
    lab.mkdir()
    for name in (" m1", "m2, x=y", "m3;z"):
        write_video(lab / f"{name}.avi", known_labels(0))
        write_labels(lab / f"{name} labels.csv", known_labels(0))
    run_init_command([str(lab)])
    found = recordings_of(lab)
    assert {recording.video_path.name for recording in found.values()} == {" m1.avi", "m2, x=y.avi", "m3;z.avi"}
    assert {name for name, r in found.items() if r.annotation_paths} == {"m1", "m2,_x=y"}
    assert "m3;z labels.csv" in capsys.readouterr().out


def test_ids_are_unique_and_safe():
    videos = [
        Path(name)
        for name in ("day1/480A.mp4", "day2/480A.mp4", "day2/480a.avi", "x/con.mp4", "x/pooled.mp4", "y/?.mp4")
    ]
    ids = list(recording_ids(videos).values())
    assert ids == ["day1_480A", "day2_480A", "480a", "video_con", "video_pooled", "video"]
    assert safe_name("  a b\tc. ", "x") == "a_b_c" and len(safe_name("é" * 300, "x").encode()) <= 100


@pytest.mark.parametrize(
    ("stem", "individual"),
    [
        ("day1 480A", "480A"), ("480a_day2_cam1", "480a"), ("2021-06-10 480A", "480A"), ("20210610_m12_top", "m12"),
        ("mouse12_trial3", "mouse12"), ("Mouse 12 day 3", "Mouse12"), ("m1_day2", "m1"), ("HD_sim_01", "own"),
        ("arena_1", "own"), ("480A", "own"), ("480A 481A day1", "own"), ("day1", "own"),
    ],
)  # fmt: skip
def test_individuals_are_guessed_only_where_the_name_is_clear(stem: str, individual: str):
    assert guess_individuals({Path(f"{stem}.mp4"): "own"}) == {Path(f"{stem}.mp4"): individual}


def test_one_animal_is_spelled_one_way():
    videos = [Path("day1 480A.mp4"), Path("day2 480a.mp4")]
    assert set(guess_individuals(recording_ids(videos)).values()) == {"480A"}


@pytest.mark.shared
def test_the_real_arena_is_paired_as_its_own_table_says(shared_dir: Path, tmp_path: Path):
    source = shared_dir / "data" / "mouse_arena"
    shutil.copytree(source, tmp_path / "arena")
    (tmp_path / "arena" / "recordings.csv").unlink()
    run_init_command([str(tmp_path / "arena")])
    found = recordings_of(tmp_path / "arena")
    for expected in read_recordings(source / "recordings.csv"):
        own = found[expected.id]
        assert own.video_path.name == expected.video_path.name and own.pose_path is not None
        assert own.pose_path.name == expected.pose_path.name and set(own.annotation_paths) == {"A", "B"}
        assert own.annotation_paths["B"].name == expected.annotation_paths["B"].name
    config = load_config(tmp_path / "arena" / "arena.yaml")
    assert set(config.behavior_names()) == {"wall_rearing", "turning", "locomotion"} and config.annotations == "A"


@pytest.mark.shared
def test_center_and_crop_of_a_real_open_field(shared_dir: Path, tmp_path: Path):
    shutil.copytree(shared_dir / "data" / "openfield_dlc", tmp_path / "lab")
    run_init_command([str(tmp_path / "lab")])
    assert rows_of(tmp_path / "lab")["m3v1mp4"]["poses"] == "m3v1mp4_dlc.csv"
    config = load_config(tmp_path / "lab" / "lab.yaml")
    assert config.center.keypoint_names == ("leftear", "rightear", "tailbase")
    assert 180 <= config.crop.size_px <= 260
