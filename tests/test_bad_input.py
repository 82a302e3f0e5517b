"""Whatever a user gets wrong: one paragraph that names it, exit code 2, and nothing half-written."""

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.command_line import main
from tests.lab import (
    BEHAVIORS,
    N_FRAMES,
    known_labels,
    make_embedded_lab,
    make_video_lab,
    write_labels,
    write_poses,
    write_video,
)

BORIS_HEADER = (
    "Observation id,Observation date,Description,Observation duration,Observation type,Source,Time offset (s),"
    "Media duration (s),FPS,Subject,Behavior,Behavioral category,Behavior type,Time,Media file name,Image index,"
    "Image file path,Comment\n"
)
BORIS_ROW = "v1,2026-01-01,,12,Media file(s),player #1:v1.avi,0.0,12.0,10.0,,{b},,{s},{t},v1.avi,{i},NA,\n"


@pytest.fixture(scope="module")
def lab(tmp_path_factory) -> Path:
    """A sound lab with videos; each test breaks a copy of it."""
    return make_video_lab(tmp_path_factory.mktemp("lab") / "lab").parent


def copy_of(lab: Path, folder: Path) -> Path:
    folder.mkdir()
    for path in lab.iterdir():
        if path.is_file():
            (folder / path.name).write_bytes(path.read_bytes())
    yaml = folder / "experiment.yaml"
    yaml.write_text(yaml.read_text(encoding="utf-8").replace(lab.as_posix(), folder.as_posix()), encoding="utf-8")
    return yaml


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def empty_video(folder: Path) -> None:
    write_video(folder / "v1.avi", known_labels(1)[:0])


def no_pose(folder: Path) -> None:
    lines = ["scorer,sim,sim,sim", "bodyparts,midbody,midbody,midbody", "coords,x,y,likelihood"]
    (folder / "v1_dlc.csv").write_text("\n".join([*lines, *(f"{i},,," for i in range(N_FRAMES))]), encoding="utf-8")


def boris(folder: Path, rows: list[str], header: str = BORIS_HEADER) -> None:
    (folder / "v1 labels.csv").write_text(header + "".join(rows), encoding="utf-8")


def too_long_labels(folder: Path) -> None:
    (folder / "v1 labels.csv").write_text(
        "behavior,start_frame,stop_frame\ngrooming,3,9\nrearing,100,140\n", encoding="utf-8"
    )


def never_grooming(folder: Path) -> None:
    for i in range(3):
        active = known_labels(i)
        active[:, 0] = False
        write_labels(folder / f"v{i} labels.csv", active)


def one_recording(folder: Path) -> None:
    lines = (folder / "recordings.csv").read_text(encoding="utf-8").splitlines()[:2]
    (folder / "recordings.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


CASES: dict[str, tuple[Callable[[Path], object], list[str]]] = {
    "missing video": (lambda f: (f / "v1.avi").unlink(), ["v1.avi", "row 3"]),
    "not a video": (lambda f: (f / "v1.avi").write_bytes(b"not a video at all" * 50), ["v1.avi"]),
    "video of zero bytes": (lambda f: (f / "v1.avi").write_bytes(b""), ["v1.avi", "empty"]),
    "video without frames": (empty_video, ["v1.avi"]),
    "pose rows": (lambda f: write_poses(f / "v1_dlc.csv", 110), ["v1", "120 frames", "110 rows", "120 rows"]),
    "no such keypoint": (lambda f: write_poses(f / "v1_dlc.csv", N_FRAMES, "snout"), ["midbody", "snout"]),
    "no pose at all": (no_pose, ["midbody"]),
    "label beyond the end": (too_long_labels, ["v1", "140", "120"]),
    "unknown behavior": (
        lambda f: edit(f / "experiment.yaml", "rearing: rearing", "rearing: raering"),
        ["raering", "rearing"],
    ),
    "unpaired start": (
        lambda f: boris(f, [BORIS_ROW.format(b="grooming", s="START", t=1.0, i=10)]),
        ["v1 labels.csv", "START", "row 2"],
    ),
    "empty export": (lambda f: (f / "v1 labels.csv").write_text("", encoding="utf-8"), ["v1 labels.csv", "empty"]),
    "headerless export": (
        lambda f: boris(f, [BORIS_ROW.format(b="grooming", s="START", t=1.0, i=10)], header=""),
        ["v1 labels.csv"],
    ),
    "unknown key": (
        lambda f: edit(f / "experiment.yaml", "units: 4", "unist: 4"),
        ["unknown key head.unist", "head.units"],
    ),
    "wrong type": (lambda f: edit(f / "experiment.yaml", "units: 4", "units: many"), ["head.units", "many"]),
    "wrong range": (lambda f: edit(f / "experiment.yaml", "epochs: 3", "epochs: 0"), ["training.epochs", "0"]),
    "duplicate id": (lambda f: edit(f / "recordings.csv", "v1,", "v0,"), ["v0", "row 2", "row 3"]),
    "one recording only": (one_recording, ["1 recording", "cross_validation: none"]),
    "behavior without positives": (never_grooming, ["grooming", "0 of the 3"]),
    "nothing to train on": (
        lambda f: edit(f / "experiment.yaml", "recordings.csv", "recording.csv"),
        ["recording.csv"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_one_paragraph_and_exit_code_2(lab: Path, tmp_path: Path, capsys, case: str):
    spoil, said = CASES[case]
    yaml = copy_of(lab, tmp_path / "copy")
    spoil(yaml.parent)
    assert main([str(yaml)]) == 2
    message = capsys.readouterr().err.split("Error: ")[1].strip()
    assert "\n" not in message and len(message) > 40
    for words in said:
        assert words in message
    run = yaml.parent / "runs" / "tiny"
    assert not (run / "scores.csv").exists() and not (run / "predictions").exists()


def test_once_the_mistake_is_mended_the_same_command_runs(lab: Path, tmp_path: Path):
    yaml = copy_of(lab, tmp_path / "copy")
    edit(yaml, "grooming: grooming", "grooming: gromming")
    assert main([str(yaml), "--stage", "features"]) == 2
    edit(yaml, "gromming", "grooming")
    assert main([str(yaml), "--stage", "features"]) == 0


def test_heads_alone_need_cached_embeddings(lab: Path, tmp_path: Path, capsys):
    yaml = copy_of(lab, tmp_path / "copy")
    assert main([str(yaml), "--stage", "heads"]) == 2
    assert "--stage features" in capsys.readouterr().err


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="permissions do not bind administrators")
def test_a_read_only_output_folder_is_an_input_error(tmp_path: Path, capsys):
    yaml = make_embedded_lab(tmp_path / "lab")
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    assert main([str(yaml), "--output", str(folder / "run")]) == 2
    assert "locked" in capsys.readouterr().err


@pytest.mark.parametrize(("code", "word"), [(errno.EROFS, "may not be"), (errno.ENOSPC, "disk is full")])
def test_a_folder_that_takes_nothing_is_said_in_plain_words(tmp_path: Path, capsys, monkeypatch, code: int, word: str):
    yaml = make_embedded_lab(tmp_path / "lab")

    def refuse(*_args, **_kwargs):
        raise OSError(code, os.strerror(code), "somewhere")

    monkeypatch.setattr("pipeline.run_folder.provenance.write_text", refuse)
    assert main([str(yaml)]) == 2
    assert word in capsys.readouterr().err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device that is always full")
def test_a_full_disk_while_tables_are_written(tmp_path: Path, capsys, monkeypatch):
    yaml = make_embedded_lab(tmp_path / "lab")
    real = os.fsync

    def full(descriptor: int) -> None:
        with open("/dev/full", "wb", buffering=0) as device:  # noqa: PTH123
            device.write(b"x")
        real(descriptor)

    monkeypatch.setattr("common.files.os.fsync", full)
    assert main([str(yaml)]) == 2
    assert "No space left" in capsys.readouterr().err
    assert not list((tmp_path / "lab" / "runs").rglob("*.tmp"))


def test_bad_arguments_end_with_2_and_usage(capsys):
    with pytest.raises(SystemExit) as caught:
        main([])
    assert caught.value.code == 2
    assert "usage" in capsys.readouterr().err


def test_two_experiments_cannot_share_a_folder(lab: Path, capsys):
    yaml = str(lab / "experiment.yaml")
    assert main([yaml, yaml]) == 2
    assert "name" in capsys.readouterr().err
    assert main([yaml, yaml, "--output", "x"]) == 2


def test_the_real_command_prints_no_traceback(tmp_path: Path):
    root = Path(__file__).resolve().parents[1]
    command = [sys.executable, str(root / "run_experiment.py"), str(tmp_path / "none.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr and "does not exist" in done.stderr


def test_behaviors_of_the_miniature_are_what_the_tests_think():
    assert BEHAVIORS == ("grooming", "rearing")
