"""The export command on a run folder, and corrections made in BORIS on their way back."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ruamel.yaml import YAML

from common.errors import InputError
from common.tables import read_table, write_lines
from common.yaml_text import dump_yaml
from pipeline.annotations import EventList, read_annotation
from pipeline.commands.export import run_export_command, run_recordings
from pipeline.dataset.labels import label_tracks
from pipeline.dataset.table import read_recordings
from pipeline.exports import EXPORTS, frame_csv
from pipeline.exports.boris_project import boris_project
from pipeline.exports.recording import HUMAN, PREDICTED, ExportRecording
from pipeline.run_folder.reading import read_run
from pipeline.run_folder.run_dir import RunDir
from pipeline.scoring.bouts.bouts import Bout
from tests.pipeline.report.report_runs import make_run

N_FRAMES = 300


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    """Two labelled recordings, of which nobody scored the last hundred frames, and one that was predicted only."""
    return make_run(
        tmp_path / "exp1", n_train=1, n_test=1, n_predict=1, n_frames=N_FRAMES, unscored=slice(200, N_FRAMES)
    )


def _read(table: Path, cell: str, fps: float, n_frames: int, name: str = "mouse_01") -> EventList:
    (table.parent / f"{name}.mp4").write_bytes(b"no video is decoded here")
    write_lines(table, [["recording", "video", "annotations"], [name, f"{name}.mp4", cell]])
    [row] = read_recordings(table)
    [(annotator, path)] = row.annotation_paths.items()
    found = read_annotation(
        path, n_frames, fps, choice=row.annotation_choices[annotator], video_name=row.video_path.name
    )
    assert isinstance(found, EventList)
    return found


def _tree(run_dir: Path) -> dict[str, Any]:
    tree: dict[str, Any] = json.loads((run_dir / "exports" / "exp1.boris").read_text(encoding="utf-8"))
    return tree


def test_every_format_of_every_recording_is_written(run_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_export_command([str(run_dir)]) == 0
    names = ("mouse_01", "mouse_01 (human)", "mouse_02", "mouse_02 (human)", "mouse_03")
    ends = {"xlsx": "xlsx", "paste": "tsv", "bouts": "csv", "frames": "csv"}
    expected = {f"{key}/{name}.{end}" for name in names for key, end in ends.items()}
    folder = run_dir / "exports"
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert found == expected | {"exp1.boris"}
    assert list(_tree(run_dir)["observations"]) == list(names)
    said = capsys.readouterr().out
    assert "exp1.boris#observation=mouse_01" in said and "Not every frame was scored" in said


def test_the_project_holds_the_bouts_of_the_run(run_dir: Path) -> None:
    run_export_command([str(run_dir), "--format", "boris"])
    for name in ("mouse_01", "mouse_03"):
        cell = f"exports/exp1.boris#observation={name}"
        found = _read(run_dir / "mine.csv", cell, 10, N_FRAMES, name)
        table = RunDir(run_dir).predictions_path(name)
        for behavior in ("grooming", "mid_rearing", "wall_rearing"):
            active = np.array([row[behavior] == "1" for row in read_table(table)])
            frames = found.frames_of(behavior, N_FRAMES)
            assert frames is not None and np.array_equal(frames[0], active)


def test_human_bouts_are_of_scored_frames_only(run_dir: Path) -> None:
    [recording, *_] = run_recordings(read_run(run_dir))
    assert all(bout.stop_frame <= 200 for bout in recording.bouts[HUMAN])
    assert [(part.start_frame, part.stop_frame) for part in recording.unscored[HUMAN]] == [(200, N_FRAMES)] * 3
    run_export_command([str(run_dir), "--format", "boris"])
    found = _read(run_dir / "mine.csv", "exports/exp1.boris#observation=mouse_01 (human)", 10, N_FRAMES)
    assert found.watched == ((0, 200),)
    assert sorted(found.bouts) == sorted(recording.bouts[HUMAN])
    assert "not scored" in _tree(run_dir)["observations"]["mouse_01 (human)"]["description"]


def test_corrections_are_said_not_to_be_in_it(run_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_export_command([str(run_dir)])
    assert "Corrections" not in capsys.readouterr().out
    (run_dir / "corrections").mkdir()
    (run_dir / "corrections" / "mouse_02.csv").write_text("behavior\n", encoding="utf-8")
    run_export_command([str(run_dir)])
    assert f"Corrections of mouse_02 are not part of this: they lie in {run_dir / 'corrections'}" in (
        capsys.readouterr().out
    )


def test_only_what_is_asked_for(run_dir: Path, tmp_path: Path) -> None:
    run_export_command([str(run_dir), "--format", "bouts", "--output", str(tmp_path / "out"), "mouse_02"])
    written = sorted(path.name for path in (tmp_path / "out").rglob("*.*"))
    assert written == ["mouse_02 (human).csv", "mouse_02.csv"]
    assert not (run_dir / "exports").exists()


def test_the_project_is_dated_as_the_run(run_dir: Path) -> None:
    run_export_command([str(run_dir), "--format", "boris"])
    assert _tree(run_dir)["project_date"] == "2026-11-21T08:00:00"


def test_a_second_export_changes_no_byte(run_dir: Path, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        run_export_command([str(run_dir), "--output", str(tmp_path / folder)])
    for path in (tmp_path / "a").rglob("*.*"):
        assert path.read_bytes() == (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes()
    run_export_command([str(run_dir), "--output", str(tmp_path / "a")])


def test_corrections_are_not_written_over(run_dir: Path) -> None:
    run_export_command([str(run_dir), "--format", "boris"])
    path = run_dir / "exports" / "exp1.boris"
    path.write_text("corrected", encoding="utf-8")
    with pytest.raises(InputError, match="corrected by hand"):
        run_export_command([str(run_dir)])
    assert path.read_text(encoding="utf-8") == "corrected" and not (run_dir / "exports" / "bouts").exists()
    run_export_command([str(run_dir), "--overwrite"])
    assert path.read_text(encoding="utf-8") != "corrected"


def test_a_recording_that_is_not_there_is_named(run_dir: Path) -> None:
    with pytest.raises(InputError, match=r"no recording 'mouse_1'. Did you mean 'mouse_01'"):
        run_export_command([str(run_dir), "mouse_1"])


def test_a_recording_without_predictions_is_named(run_dir: Path) -> None:
    RunDir(run_dir).predictions_path("mouse_01").unlink()
    with pytest.raises(InputError, match="no predictions of mouse_01"):
        run_export_command([str(run_dir), "mouse_01"])
    run_export_command([str(run_dir), "--format", "boris"])
    assert "mouse_01" not in _tree(run_dir)["observations"]


def test_a_folder_that_is_no_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"config\.yaml"):
        run_export_command([str(tmp_path)])


def test_an_unknown_format_is_a_wrong_argument(run_dir: Path) -> None:
    with pytest.raises(SystemExit):
        run_export_command([str(run_dir), "--format", "ods"])


# Corrections, with 25 frames per second and 500 frames: what the events are in BORIS, and the bouts they mean.
PREDICTED_BOUTS = [Bout("groom", 50, 100), Bout("groom", 200, 240), Bout("rear", 60, 70), Bout("rear", 300, 301)]


def _corrected(folder: Path, without: list[tuple[str, int]], added: list[list[Any]]) -> EventList:
    """Export, drop and add events as BORIS does, save as BORIS saves, read as annotation."""
    recording = ExportRecording("mouse_01", folder / "mouse_01.mp4", 25, 500, {PREDICTED: PREDICTED_BOUTS, HUMAN: []})
    tree = boris_project([recording], ("groom", "rear", "never"), "exp1")
    events = tree["observations"]["mouse_01"]["events"]
    kept = [row for row in events if (row[2], row[5]) not in without]
    assert len(kept) == len(events) - len(without)
    tree["observations"]["mouse_01"]["events"] = sorted([*kept, *added], key=lambda row: row[:5])
    (folder / "my.boris").write_text(json.dumps(tree), encoding="ascii")
    return _read(folder / "recordings.csv", "anna=my.boris#observation=mouse_01", 25, 500)


@pytest.mark.parametrize("index", [[110], ["NA"], []], ids=["index", "NA", "none"])
def test_a_stop_that_was_moved(tmp_path: Path, index: list[Any]) -> None:
    found = _corrected(tmp_path, [("groom", 100)], [[4.4, "", "groom", "", "", *index]])
    assert sorted(found.bouts) == [Bout("groom", 50, 110), *PREDICTED_BOUTS[1:]]


def test_a_bout_that_was_deleted(tmp_path: Path) -> None:
    found = _corrected(tmp_path, [("rear", 300), ("rear", 301)], [])
    assert sorted(found.bouts) == PREDICTED_BOUTS[:3]


@pytest.mark.parametrize(
    "added",
    [
        [[12.361, "", "rear", "", "late", "NA"], [12.799, "", "rear", "", "", "NA"]],
        [[12.361, "", "rear", "", "late"], [12.799, "", "rear", "", ""]],
        [[12.361, "", "rear", "", "late", 309], [12.8, "", "rear", "", "", 320]],
    ],
    ids=["NA", "none", "index"],
)
def test_a_bout_that_was_added_between_the_frames(tmp_path: Path, added: list[list[Any]]) -> None:
    found = _corrected(tmp_path, [], added)
    assert sorted(found.bouts) == sorted([*PREDICTED_BOUTS, Bout("rear", 309, 320)])


def test_a_behavior_that_was_added_to_a_recording_that_had_none_of_it(tmp_path: Path) -> None:
    found = _corrected(tmp_path, [], [[19.0, "", "never", "", "", 475], [20.0, "", "never", "", "", 500]])
    assert Bout("never", 475, 500) in found.bouts


def test_a_stop_that_was_forgotten_is_an_error_that_names_the_event(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="START of 'groom'"):
        _corrected(tmp_path, [("groom", 240)], [])


def test_a_project_of_several_observations_needs_one_named(tmp_path: Path) -> None:
    _corrected(tmp_path, [], [])
    with pytest.raises(InputError, match=r"my\.boris#observation=NAME"):
        _read(tmp_path / "recordings.csv", "my.boris", 25, 500)


def test_keys_and_colors_of_the_ethogram_tell_behaviors_apart() -> None:
    behaviors = [f"groom {i}" for i in range(40)]
    ethogram = boris_project([], behaviors, "x")["behaviors_conf"]
    keys = [entry["key"] for entry in ethogram.values() if entry["key"]]
    assert keys[0] == "g" and len(keys) == len(set(keys)) == 36
    assert [entry["code"] for entry in ethogram.values()] == behaviors


def test_the_formats_say_what_they_are() -> None:
    assert all(module.DESCRIPTION and module.DESCRIPTION[-1] != "." for module in EXPORTS.values())


def test_a_behavior_that_is_called_as_the_frame_numbers_reads_back(tmp_path: Path) -> None:
    recording = ExportRecording("m1", Path("m1.mp4"), 25, 9, {PREDICTED: [Bout("frame", 2, 5), Bout("index", 0, 1)]})
    [file] = frame_csv.files([recording], ("index", "frame"), "run")
    (tmp_path / "m1.csv").write_bytes(file.content)
    found = read_annotation(tmp_path / "m1.csv", 9, 25)
    assert found.behaviors == ("index", "frame")
    frames = found.frames_of("frame", 9)
    assert frames is not None and np.flatnonzero(frames[0]).tolist() == [2, 3, 4] and frames[1].all()


@pytest.mark.parametrize("key", ["boris", "bouts", "frames"])
def test_a_run_with_names_of_its_own_reads_its_exports_back(tmp_path: Path, key: str) -> None:
    theirs = {"grooming": ["Putzen"], "mid_rearing": ["mid left", "mid right"], "wall_rearing": ["wall", "mid left"]}
    run_dir = make_run(tmp_path / "r", n_train=1, n_test=0, n_frames=N_FRAMES, unscored=slice(250, N_FRAMES), seed=2)
    config = run_dir / "config.yaml"
    tree = YAML(typ="safe", pure=True).load(config.read_text(encoding="utf-8"))
    config.write_text(dump_yaml(tree | {"behaviors": theirs, "head": {"name": "lstm"}}), encoding="utf-8")
    run_export_command([str(run_dir), "--format", key])
    cell = {
        "boris": "exports/exp1.boris#observation=mouse_01 (human)",
        "bouts": "exports/bouts/mouse_01 (human).csv",
        "frames": "exports/frames/mouse_01 (human).csv",
    }[key]
    write_lines(run_dir / "mine.csv", [["recording", "video", "annotations"], ["m", "m.mp4", cell]])
    (run_dir / "m.mp4").write_bytes(b"no video is decoded here")
    [row] = read_recordings(run_dir / "mine.csv")
    choice = row.annotation_choices[""]
    found = read_annotation(row.annotation_paths[""], N_FRAMES, 10, choice=choice, video_name="mouse_01.mp4")
    # In a bout CSV alone, what never happens is unknown: another file must name it.
    spoken = replace(found, behaviors=tuple(dict.fromkeys((*found.behaviors, "mid left")))) if key == "bouts" else found
    track = label_tracks({"m": spoken}, theirs, {"m": N_FRAMES})["m"]
    labels = read_table(RunDir(run_dir).labels_path("mouse_01"))
    for column, behavior in enumerate(theirs):
        active = np.array([line[behavior] == "1" for line in labels])
        assert np.array_equal(track.active[:250, column], active[:250])
    if key == "frames":
        assert track.scored[:250].all() and not track.scored[250:].any()
