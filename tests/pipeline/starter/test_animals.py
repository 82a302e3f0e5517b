"""A row for each animal of a video: who is who in poses and annotations, and what only the user knows."""

import json
from pathlib import Path

import numpy as np
import pytest

from common.tables import write_table
from pipeline.config.schema import load_config
from pipeline.dataset.load import load_dataset
from pipeline.dataset.pairing.subjects import pair_subjects
from pipeline.starter.findings import Findings, find_recordings
from pipeline.starter.lab_folder import scan_folder
from pipeline.starter.printing import print_findings
from pipeline.starter.starter_yaml import starter_yaml
from tests.lab import N_FRAMES, known_labels, write_video
from tests.pipeline.annotations.test_annotations_projects import observation, project
from tests.pipeline.dataset.test_animals import labels_of, write_both_subjects

KEYPOINTS = ("nose", "midbody", "tailbase")


@pytest.mark.parametrize(
    ("animals", "subjects", "pairs", "by", "left"),
    [
        (["black", "white"], ["White", "black"], {"black": "black", "white": "White"}, "name", ([], [])),
        (["mouse_1", "mouse_2"], ["Mouse 1", "mouse-2"], {"mouse_1": "Mouse 1", "mouse_2": "mouse-2"},
         "name", ([], [])),
        (["adult", "juvenile"], ["adult"], {"adult": "adult"}, "name", (["juvenile"], [])),
        (["1", "2"], ["mouse2", "mouse1"], {"1": "mouse1", "2": "mouse2"}, "number", ([], [])),
        (["0", "1"], ["mouse1", "mouse2"], {"0": "mouse1", "1": "mouse2"}, "shifted", ([], [])),
        (["track_1", "track_2"], ["0", "1"], {"track_1": "0", "track_2": "1"}, "shifted", ([], [])),
        # What is no more than likely is left to the user.
        (["0", "1"], ["mouse1"], {}, "name", (["0", "1"], ["mouse1"])),
        (["0", "1"], ["mouse3", "mouse7"], {}, "name", (["0", "1"], ["mouse3", "mouse7"])),
        (["1", "2"], ["black", "white"], {}, "name", (["1", "2"], ["black", "white"])),
        (["a b", "ab"], ["a.b", "c"], {}, "name", (["a b", "ab"], ["a.b", "c"])),
        (["1", "2"], ["1a2", "2a1"], {}, "name", (["1", "2"], ["1a2", "2a1"])),
    ],
)  # fmt: skip
def test_subjects_are_animals_of_the_same_name_or_number(animals, subjects, pairs, by, left):
    found = pair_subjects(animals, subjects)
    assert (found.subject_of, found.by) == (pairs, by)
    assert (list(found.animals), list(found.subjects)) == left


def write_tracks(path: Path, names: tuple[str, ...] = ("dark", "light")) -> None:
    """A multi-animal DeepLabCut CSV; animals stand still, 20 px apart."""
    columns = [(name, point) for name in names for point in KEYPOINTS]
    head = [",".join(["scorer", *["net"] * 3 * len(columns)])]
    head += [",".join([level, *(column[i] for column in columns for _ in range(3))])
             for i, level in enumerate(("individuals", "bodyparts"))]  # fmt: skip
    head.append(",".join(["coords", *["x", "y", "likelihood"] * len(columns)]))
    cells = [f"{20 + 20 * names.index(name)},{20 + 10 * KEYPOINTS.index(point)},0.9" for name, point in columns]
    rows = [",".join([str(i), *cells]) for i in range(N_FRAMES)]
    path.write_text("\n".join([*head, *rows]) + "\n", encoding="utf-8")


def write_ids(folder: Path, name: str, ids: tuple[int, ...] = (0, 1)) -> None:
    """NumPy tracks of boxes."""
    boxes = np.array([[10 + 20 * i, 10, 20 + 20 * i, 30] for i in range(len(ids))], dtype=float)
    np.save(folder / f"{name}_boxes.npy", np.tile(boxes, (N_FRAMES, 1, 1)))
    np.save(folder / f"{name}_ids.npy", np.tile(ids, (N_FRAMES, 1)))


def make_lab(folder: Path, n_videos: int = 3, renamed: tuple[str, str] = ("dark", "light")) -> Path:
    """Videos of two animals, whose behaviors BORIS has under these names; without poses."""
    folder.mkdir(exist_ok=True)
    for i in range(n_videos):
        write_video(folder / f"w{i}.avi", known_labels(50 + i))
        path = folder / f"w{i}_boris.csv"
        write_both_subjects(path, i)
        text = path.read_text(encoding="utf-8")
        text = text.replace(",dark,", f",{renamed[0]},").replace(",light,", f",{renamed[1]},")
        path.write_text(text, encoding="utf-8")
    return folder


def boris_bout(video: int, whose: str) -> str:
    """BORIS' tabular export of one bout of two seconds."""
    head = "Observation id,Media file name,Media duration (s),FPS (frame/s),Subject,Behavior,Behavior type,Time"
    beginning = f"o{video},w{video}.avi,{N_FRAMES / 10},10,{whose},grooming"
    return f"{head}\n{beginning},START,1\n{beginning},STOP,3\n"


def found(lab: Path) -> Findings:
    return find_recordings(scan_folder(lab), lab / "recordings.csv", lab / "x.yaml", "x", has_blob=False)


def written(lab: Path) -> Path:
    """The experiment that `init` writes beside its table."""
    findings = found(lab)
    write_table(lab / "recordings.csv", tuple(findings.recordings[0].cells), [r.cells for r in findings.recordings])
    (lab / "x.yaml").write_text(starter_yaml(findings.facts), encoding="utf-8")
    return lab / "x.yaml"


def said(findings: Findings, capsys: pytest.CaptureFixture[str]) -> str:
    print_findings(findings)
    return " ".join(capsys.readouterr().out.split())


def test_each_animal_has_a_row_with_its_own_labels_and_its_partner(tmp_path: Path, capsys):
    lab = make_lab(tmp_path / "lab")
    for i in range(3):
        write_tracks(lab / f"w{i}_dlc.csv")
    findings = found(lab)
    assert "3 videos; 6 rows, one for each animal, 6 with annotations" in (words := said(findings, capsys))
    assert (
        "dark, light stand in several of 3 videos" in words and "paired with the animals of its poses by name" in words
    )
    config = load_config(written(lab))
    loaded = load_dataset(config)
    assert [item.id for item in loaded] == [f"w{i}_{animal}" for i in range(3) for animal in ("dark", "light")]
    for item in loaded:
        row = item.recording
        assert (row.animal, row.partner) == (item.id[3:], "light" if item.id[3:] == "dark" else "dark")
        assert row.individual == item.id and item.labels is not None
        expected = labels_of(int(item.id[1]), row.animal)
        columns = [item.labels.behaviors.index(name) for name in ("grooming", "rearing")]
        assert np.array_equal(item.labels.active[:, columns], expected)
    entries = config.features if isinstance(config.features, list | tuple) else [config.features]
    assert [getattr(entry, "partner", None) for entry in entries] == [None, None, "other"]


def test_numbers_are_paired_as_a_doubt_and_other_names_left_to_the_user(tmp_path: Path, capsys):
    lab = make_lab(tmp_path / "lab", 3, ("mouse1", "mouse2"))
    other = make_lab(tmp_path / "other", 1, ("black", "white"))
    for folder, name in ((lab, "w0"), (lab, "w1"), (lab, "w2"), (other, "w0")):
        write_ids(folder, name)
    findings = found(lab)
    assert [item.cells["annotations"] for item in findings.recordings[:2]] == [
        "w0_boris.csv#subject=mouse1", "w0_boris.csv#subject=mouse2"
    ]  # fmt: skip
    assert "counts from 0: 0 = mouse1, 1 = mouse2. Right?" in said(findings, capsys)
    loaded = load_dataset(load_config(written(lab)))
    assert loaded[1].labels is not None and np.array_equal(loaded[1].labels.active.sum(), labels_of(0, "light").sum())
    findings = found(other)
    assert [(item.animal, item.cells["annotations"], item.cells["split"]) for item in findings.recordings] == [
        ("0", "", ""), ("1", "", "")
    ]  # fmt: skip
    assert "which of its animals (0, 1) is black, white" in (words := said(findings, capsys))
    assert "`w0_boris.csv#subject=black`" in words


def test_labels_of_nobody_are_those_of_the_pair_and_those_of_one_are_not_given_to_the_other(tmp_path: Path, capsys):
    lab = make_lab(tmp_path / "lab", 3, ("", ""))
    for i in range(3):
        write_tracks(lab / f"w{i}_dlc.csv")
        path = lab / f"w{i}_boris.csv"
        path.write_text(boris_bout(i, ""), encoding="utf-8")
    findings = found(lab)
    assert [(item.id, item.animal) for item in findings.recordings] == [(f"w{i}", "") for i in range(3)]
    assert "do not say which of dark, light shows a behavior" in said(findings, capsys)
    assert {len(item.animals.tracks) for item in load_dataset(load_config(written(lab))) if item.animals} == {2}
    # With a third name in a file, whose animals others call otherwise.
    write_tracks(lab / "w0_dlc.csv", ("dark", "single", "light"))
    assert {tuple(r.animals.tracks) for r in load_dataset(load_config(written(lab))) if r.animals} == {
        ("dark", "light")
    }
    assert "not dark, light" not in said(found(lab), capsys)
    write_tracks(lab / "w1_dlc.csv", ("a", "b"))
    assert "w1.avi: its two animals are called a, b, and not dark, light" in said(found(lab), capsys)
    write_tracks(lab / "w1_dlc.csv", ("dark", "single"))
    assert "w1.avi: its poses are of dark, but labels of the others are of a pair" in said(found(lab), capsys)
    for i in range(2):
        write_tracks(lab / f"w{i}_dlc.csv")
    # One file that names a subject, and all have rows by animal.
    path.write_text(path.read_text(encoding="utf-8").replace(",,grooming", ",Dark,grooming"), encoding="utf-8")
    findings = found(lab)
    assert [item.cells["annotations"] for item in findings.recordings] == [""] * 4 + ["w2_boris.csv", ""]
    words = said(findings, capsys)
    assert "w2_boris.csv has no subject light" in words and "with #subject=Dark behind it" in words
    assert "it does not say which animal shows a behavior" in words


def test_subjects_without_poses_and_tracks_without_labels_have_rows(tmp_path: Path, capsys):
    lab = make_lab(tmp_path / "lab", 1)
    findings = found(lab)
    assert [(item.id, item.cells["poses"]) for item in findings.recordings] == [("w0_dark", ""), ("w0_light", "")]
    assert "no pose file that tells them apart" in said(findings, capsys)
    (lab / "w0_boris.csv").unlink()
    header = "track,frame_idx,instance.score," + ",".join(f"{k}.x,{k}.y,{k}.score" for k in KEYPOINTS)
    rows = [f"{track},{i},0.9" + f",{x},20,0.9" * 3 for i in range(N_FRAMES) for track, x in (("t0", 20), ("t1", 40))]
    rows += [f"t2,{i},0.9" + ",30,30,0.9" * 3 for i in range(3)]
    (lab / "w0.analysis.csv").write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    findings = found(lab)
    assert [(item.id, item.cells["partner"], item.cells["split"]) for item in findings.recordings] == [
        ("w0_t0", "t1", ""), ("w0_t1", "t0", "")
    ]  # fmt: skip
    assert "no rows for t2, seen in fewer than 5% of its frames" in said(findings, capsys)


def test_the_only_animal_of_a_file_of_several_names_is_named(tmp_path: Path, capsys):
    lab = make_lab(tmp_path / "lab", 3, ("dark", "dark"))
    for i, whose in enumerate(("dark", "mouse1", "")):
        write_tracks(lab / f"w{i}_dlc.csv", ("dark", "single"))
        (lab / f"w{i}_boris.csv").write_text(boris_bout(i, whose), encoding="utf-8")
    findings = found(lab)
    assert [(r.id, r.individual, r.animal, r.cells["annotations"]) for r in findings.recordings] == [
        ("w0", "w0", "dark", "w0_boris.csv"),
        ("w1", "w1", "dark", "w1_boris.csv#subject=mouse1"),
        ("w2", "w2", "dark", "w2_boris.csv#subject=No focal subject"),
    ]
    assert "dark of the poses is taken for mouse1" in (words := said(findings, capsys))
    assert "center.individual" not in words and not findings.facts.has_rows
    for item in load_dataset(load_config(written(lab))):
        assert item.labels is not None and item.labels.active.sum() == 20
    # Beside a video of two the geometry of both is left out, and that is said.
    write_tracks(lab / "w0_dlc.csv", ("dark", "light", "single"))
    findings = found(lab)
    assert [(r.id, r.cells["partner"]) for r in findings.recordings] == [
        ("w0_dark", "light"), ("w0_light", "dark"), ("w1_dark", ""), ("w2_dark", "")
    ]  # fmt: skip
    assert "2 rows without a `partner` (w1_dark, w2_dark)" in said(findings, capsys)
    assert not findings.facts.has_partners and len(load_dataset(load_config(written(lab)))) == 4


def test_a_subject_without_events_is_not_taken_as_negative(tmp_path: Path, capsys):
    lab = make_lab(tmp_path / "lab", 2)
    events = [[1.0, "dark", "grooming", "", ""], [3.0, "dark", "grooming", "", ""]]
    observations = {f"w{i}": observation(*events[: 2 - 2 * i], files={"1": [f"w{i}.avi"]}, lengths={f"w{i}.avi": 12.0})
                    for i in range(2)}  # fmt: skip
    content = project(**observations)
    content["subjects_conf"] = {"0": {"name": "dark"}, "1": {"name": "light"}}
    content["behaviors_conf"] = {"0": {"code": "grooming", "type": "State event"}}
    (lab / "p.boris").write_text(json.dumps(content), encoding="utf-8")
    for i in range(2):
        (lab / f"w{i}_boris.csv").unlink()
        write_tracks(lab / f"w{i}_dlc.csv")
    findings = found(lab)
    assert [(r.id, r.cells["annotations"], r.cells["split"]) for r in findings.recordings] == [
        ("w0_dark", "p.boris#observation=w0", "train"), ("w0_light", "", ""), ("w1_dark", "", ""), ("w1_light", "", "")
    ]  # fmt: skip
    words = said(findings, capsys)
    assert "Was light watched, and showed nothing? Then write `p.boris#observation=w0#subject=light`" in words
    # What the sentence says to write is read as watched, without any behavior.
    written(lab)
    table = lab / "recordings.csv"
    cells = findings.recordings[1].cells | {"annotations": "p.boris#observation=w0#subject=light", "split": "train"}
    write_table(table, tuple(cells), [findings.recordings[0].cells, cells])
    item = load_dataset(load_config(lab / "x.yaml"))[1]
    assert item.labels is not None and item.labels.scored.all() and not item.labels.active.any()
    # Other names than the animals' do not end in an error where nothing is scored.
    for i in range(2):
        write_ids(lab, f"w{i}", (3, 7))
        (lab / f"w{i}_dlc.csv").unlink()
    assert "which of its animals (3, 7) is dark" in (words := said(found(lab), capsys))
    assert "has no events of 3, 7" in words


def test_poses_without_videos_are_recordings(tmp_path: Path, capsys):
    lab = make_lab(tmp_path / "lab", 3)
    for i in range(3):
        write_tracks(lab / f"w{i}_dlc.csv")
        (lab / f"w{i}.avi").unlink()
    findings = found(lab)
    assert "3 pose files without a video; 6 rows" in said(findings, capsys)
    first = findings.recordings[0]
    assert (first.id, first.cells["video"], first.cells["poses"], first.cells["fps"]) == (
        "w0_dark", "", "w0_dlc.csv", "10"
    )  # fmt: skip
    loaded = load_dataset(load_config(written(lab)))
    assert loaded[1].labels is not None and loaded[1].labels.active.sum() == labels_of(0, "light").sum()
    for path in lab.glob("*_boris.csv"):
        path.unlink()
    assert "Nothing tells how many frames per second" in said(found(lab), capsys)


@pytest.mark.shared
def test_a_real_pair_of_which_one_was_scored(shared_dir: Path, tmp_path: Path, capsys):
    folder = shared_dir / "data" / "social_pair"
    findings = find_recordings(scan_folder(folder), tmp_path / "recordings.csv", tmp_path / "x.yaml", "x", False)
    adult, juvenile = (item.cells for item in findings.recordings)
    assert (adult["animal"], adult["partner"], adult["fps"], adult["split"]) == ("adult", "juvenile", "30", "train")
    assert (juvenile["animal"], juvenile["annotations"], juvenile["split"]) == ("juvenile", "", "")
    assert findings.facts.has_partners and [tally.names for tally in findings.facts.behaviors] == [("interact",)]
    assert "no subject juvenile, so that this row has no annotations" in said(findings, capsys)
