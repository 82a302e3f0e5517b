"""Clips sorted into folders by behavior become a table and an experiment."""

from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML

from common.tables import write_table
from pipeline.audit.recording import audit_table
from pipeline.dataset.reading import ReadingSettings
from pipeline.dataset.table import COLUMNS, read_recordings
from pipeline.starter.findings import Findings, find_recordings
from pipeline.starter.lab_folder import scan_folder
from pipeline.starter.printing import print_findings
from pipeline.starter.starter_yaml import starter_yaml
from tests.features.test_poses_calms21 import sequence, write
from tests.lab import write_video


def make(root: Path, clips: dict[str, int]) -> Path:
    """Videos by path and number of frames, 10 frames per second."""
    for name, n_frames in clips.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        write_video(root / name, np.zeros((n_frames, 2), dtype=bool))
    return root


def found(root: Path) -> Findings:
    return find_recordings(scan_folder(root), root / "recordings.csv", root / "x.yaml", "x", has_blob=False)


CLIPS = {
    **{f"wall rearing/clip{i}.avi": 6 + i for i in range(3)},
    **{f"grooming/clip{i}.avi": 5 for i in range(4)},
    "test/grooming/other mouse3.avi": 9,
}


def test_each_clip_is_a_recording_of_its_folder_s_class(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    findings = found(make(tmp_path, CLIPS))
    write_table(tmp_path / "recordings.csv", COLUMNS, [item.cells for item in findings.recordings])
    read = {item.id: item for item in read_recordings(tmp_path / "recordings.csv")}
    classes = {name: [item.annotation_paths[""].as_posix()] for name, item in read.items()}
    ids = {f"{folder}_clip{i}": [folder.replace("_", " ")] for folder in ("grooming", "wall_rearing") for i in range(3)}
    assert classes == ids | {"clip3": ["grooming"], "other_mouse3": ["grooming"]}
    individuals = {name: item.individual for name, item in read.items()}
    assert individuals.pop("other_mouse3") == "mouse3"
    assert all(name == individual for name, individual in individuals.items()), "nothing tells whose clips these are"
    assert {(item.split, item.pose_word) for item in read.values()} == {("train", "middle")}
    settings = YAML(typ="safe", pure=True).load(starter_yaml(findings.facts))
    assert settings["behaviors"] == {"wall_rearing": "wall rearing", "grooming": "grooming"}
    assert settings["task"] == {"name": "exclusive", "other": None} and settings["cross_validation"] == 5
    assert settings["head"]["layers"] == 1
    print_findings(findings)
    said = " ".join(capsys.readouterr().out.split())
    assert (
        "8 clips, sorted into folders" in said and "Of 7 clips nothing tells" in said and "scores are too good" in said
    )


def test_a_folder_of_background_names_the_background(tmp_path: Path):
    clips = {f"{folder}/{i}.avi": 5 for folder in ("rearing", "sniffing", "background") for i in range(3)}
    settings = YAML(typ="safe", pure=True).load(starter_yaml(found(make(tmp_path, clips)).facts))
    assert list(settings["behaviors"]) == ["rearing", "sniffing"] and settings["task"]["other"] == "background"


@pytest.mark.parametrize(
    "clips",
    [
        {f"{folder}/{i}.avi": 5 for folder in ("day1", "day2") for i in range(3)},
        {f"{folder}/{i}.avi": 5 for folder in ("rearing", "mouse12") for i in range(3)},
        {f"{folder}/{i}.avi": 5 for folder in ("rearing", "") for i in range(3)},
        {f"rearing/{i}.avi": 5 for i in range(6)},
        {f"{folder}/1.avi": 5 for folder in ("rearing", "grooming", "sniffing")},
        {f"{folder}/{i}.avi": 120 for folder in ("WT", "HD") for i in range(2)},
    ],
    ids=["days", "an animal", "one above", "one folder", "one each", "12 s"],
)
def test_other_folders_are_no_classes(tmp_path: Path, clips: dict[str, int]):
    findings = found(make(tmp_path, clips))
    assert not findings.facts.are_clips and {item.cells["annotations"] for item in findings.recordings} == {""}


def test_labels_beside_clips_are_taken_instead(tmp_path: Path):
    make(tmp_path, {f"{folder}/{folder}{i}.avi": 5 for folder in ("a", "b") for i in range(3)})
    (tmp_path / "a" / "a1.csv").write_text("behavior,start_frame,stop_frame\ngroom,0,4\n", encoding="utf-8")
    cells = {item.id: item.cells["annotations"] for item in found(tmp_path).recordings}
    assert cells.pop("a1") == "a/a1.csv" and set(cells.values()) == {""}


def test_of_a_clip_all_is_seen(tmp_path: Path):
    findings = found(make(tmp_path, CLIPS))
    write_table(tmp_path / "recordings.csv", COLUMNS, [item.cells for item in findings.recordings])
    audit = audit_table(tmp_path / "recordings.csv", ReadingSettings(cache_dir=tmp_path / "cache"), is_experiment=False)
    assert not [finding for finding in audit.findings if finding.severity == "error"]
    clip = next(item.loaded for item in audit.recordings if item.id == "clip3")
    assert clip.centers is not None and clip.centers.observed.all()
    np.testing.assert_array_equal(clip.centers.xy_px, np.full((5, 2), 31.5))
    active, scored = clip.labels[""].annotation.frames_of("grooming", 5) or (None, None)
    assert active is not None and active.all() and scored.all()


def test_sequences_of_one_file_are_recordings_without_videos(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    content = {f"task1/train/mouse00{i}_task1_annotator1": sequence(i) for i in range(3)}
    content["task1/train/mouse003_task1_annotator1"] = {k: v for k, v in sequence(3).items() if k != "annotations"}
    write(tmp_path / "train.json", {"annotator-id_0": content})
    findings = found(tmp_path)
    assert [item.cells["recording"] for item in findings.recordings] == [name.rpartition("/")[2] for name in content]
    first, last = findings.recordings[0].cells, findings.recordings[-1].cells
    cell = "train.json#sequence=task1/train/mouse000_task1_annotator1"
    assert (first["video"], first["poses"], first["annotations"], first["split"]) == ("", cell, cell, "train")
    assert (last["annotations"], last["split"], last["fps"]) == ("", "", "30")
    settings = YAML(typ="safe", pure=True).load(starter_yaml(findings.facts))
    assert settings["behaviors"] == {"attack": "attack", "investigation": "investigation"}
    assert settings["task"] == {"name": "exclusive", "other": "other"} and settings["features"] == {"source": "poses"}
    print_findings(findings)
    assert "4 sequences, 3 with annotations" in " ".join(capsys.readouterr().out.split())
