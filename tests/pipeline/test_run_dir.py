"""Writing in one step, claiming a folder, setting an old run aside."""

import os
from pathlib import Path

import pytest

from features.errors import InputError
from pipeline.run_dir import RunDir, write_text


def test_a_file_is_replaced_whole_and_leaves_nothing_beside_it(tmp_path: Path):
    path = tmp_path / "räksmörgås" / "a b.csv"
    write_text(path, "old")
    write_text(path, "new €")
    assert path.read_text(encoding="utf-8") == "new €"
    assert [p.name for p in path.parent.iterdir()] == ["a b.csv"]


def test_a_full_disk_leaves_the_old_file_and_says_what_to_do(tmp_path: Path, monkeypatch):
    path = tmp_path / "scores.csv"
    write_text(path, "old")

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match=r"No space left.*--output.*finished work is kept"):
        write_text(path, "new")
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_made_is_an_input_error(tmp_path: Path):
    (tmp_path / "runs").write_text("a file where the folder should be", encoding="utf-8")
    with pytest.raises(InputError, match="cannot be made"):
        RunDir(tmp_path / "runs" / "exp1").claim()


def test_two_processes_cannot_work_in_one_folder(tmp_path: Path):
    first = RunDir(tmp_path / "exp1")
    first.claim()
    with pytest.raises(InputError, match="Another process"):
        RunDir(tmp_path / "exp1").claim()
    first.release()
    second = RunDir(tmp_path / "exp1")
    second.claim()
    second.release()


def test_an_earlier_run_is_kept_until_the_new_one_is_finished(tmp_path: Path):
    run = RunDir(tmp_path / "exp1")
    run.claim()
    run.write_provenance({"finished": "yes"})
    assert not run.is_finished()
    write_text(run.report_path, "<html>")
    assert run.is_finished()
    run.set_aside()
    assert not run.holds_anything()
    kept = tmp_path / "exp1.previous"
    assert RunDir(kept).is_finished()
    run.drop_set_aside()
    assert not kept.exists()
    run.release()


def test_damaged_provenance_counts_as_unfinished(tmp_path: Path):
    run = RunDir(tmp_path)
    run.provenance_path.write_text('{"finished": "2026', encoding="utf-8")
    assert not run.is_finished()
