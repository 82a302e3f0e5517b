"""Writing in one step, claiming a folder, setting an old run aside."""

import contextlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from common.errors import InputError
from common.files import write_text
from pipeline.run_folder.provenance import RunRecord
from pipeline.run_folder.run_dir import PREDICTION, RunDir


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
    with pytest.raises(InputError, match=rf"exp1 is being worked on by .* \(process {os.getpid()}\), since 20"):
        RunDir(tmp_path / "exp1").claim()
    first.release()
    second = RunDir(tmp_path / "exp1")
    second.claim()
    second.release()
    assert [path.name for path in tmp_path.iterdir()] == ["exp1"]


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


def finished_run(folder: Path, what: str = "first") -> RunDir:
    run = RunDir(folder)
    run.claim()
    write_text(run.config_path, what)
    run.write_provenance({"finished": what})
    write_text(run.report_path, "<html>")
    run.release()
    return run


def test_what_a_human_made_outlives_the_run(tmp_path: Path):
    finished_run(tmp_path / "exp1")
    for folder in ("corrections", "exports"):
        write_text(tmp_path / "exp1" / folder / "m1.csv", folder)
    run = RunDir(tmp_path / "exp1")
    run.claim()
    run.set_aside()
    # The new run may learn from them.
    assert (tmp_path / "exp1" / "corrections" / "m1.csv").read_text(encoding="utf-8") == "corrections"
    run.drop_set_aside()
    run.release()
    assert (tmp_path / "exp1" / "exports" / "m1.csv").is_file()
    assert not (tmp_path / "exp1.previous").exists()


def test_a_run_that_got_nowhere_gives_way_to_the_earlier_one_however_often_it_is_tried(tmp_path: Path):
    finished_run(tmp_path / "exp1")
    write_text(tmp_path / "exp1" / "corrections" / "m1.csv", "mine")
    for _ in range(3):
        run = RunDir(tmp_path / "exp1")
        run.claim()
        run.set_aside()
        write_text(run.config_path, "second")
        run.release()
        assert run.config_path.read_text(encoding="utf-8") == "first" and run.is_finished()
        assert (tmp_path / "exp1" / "corrections" / "m1.csv").is_file()
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["exp1"]


def test_attempts_that_were_killed_lose_no_finished_run(tmp_path: Path):
    finished_run(tmp_path / "exp1")
    write_text(tmp_path / "exp1" / "corrections" / "m1.csv", "mine")
    for n in range(2):
        killed = RunDir(tmp_path / "exp1")
        killed.claim()
        killed.set_aside()
        write_text(killed.config_path, f"killed {n}")
        killed._lock.release()  # as the system does when a process ends
        assert (tmp_path / "exp1.previous" / "config.yaml").read_text(encoding="utf-8") == "first"
    last = RunDir(tmp_path / "exp1")
    last.claim()
    last.set_aside()
    write_text(last.config_path, "done")
    last.write_provenance({"finished": "now"})
    write_text(last.report_path, "<html>")
    last.drop_set_aside()
    last.release()
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["exp1"]
    assert last.config_path.read_text(encoding="utf-8") == "done"
    assert (tmp_path / "exp1" / "corrections" / "m1.csv").is_file()


@pytest.mark.parametrize("n_removed", range(10))
def test_what_a_kill_left_to_clear_up_is_cleared_by_the_next(tmp_path: Path, monkeypatch, n_removed):
    """Killed before the earlier run was moved, then while the new one cleared up."""

    def killed_in_time(remove: Callable[..., None]) -> Callable[..., None]:
        def removed(path: Path, **options: bool) -> None:
            nonlocal n_removed
            if ".previous" in str(path):
                if not n_removed:
                    raise KeyboardInterrupt
                n_removed -= 1
            remove(path, **options)

        return removed

    finished_run(tmp_path / "exp1")
    (tmp_path / "exp1" / ".set_aside").touch()
    killed = RunDir(tmp_path / "exp1")
    killed.claim()
    assert not (tmp_path / "exp1" / ".set_aside").exists()
    killed.set_aside()
    shutil.copytree(tmp_path / "exp1.previous", tmp_path / "exp1.previous-2")
    finished = finished_run(tmp_path / "new", "second")
    killed._lock.release()
    killed.path.rmdir()
    finished.path.rename(killed.path)
    for name in ("unlink", "rmdir"):
        monkeypatch.setattr(Path, name, killed_in_time(getattr(Path, name)))
    for _ in range(2):
        with contextlib.suppress(KeyboardInterrupt):
            killed.claim()
        killed._lock.release()
        n_removed = 99
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["exp1"]
    assert killed.config_path.read_text(encoding="utf-8") == "second"


@pytest.mark.parametrize("n_written", range(3))
def test_predictions_that_were_killed_at_their_beginning_are_known_as_predictions(tmp_path, monkeypatch, n_written):
    def write(path: Path, text: str) -> None:
        nonlocal n_written
        if not n_written:
            raise KeyboardInterrupt
        n_written -= 1
        write_text(path, text)

    for module in ("provenance", "run_dir"):
        monkeypatch.setattr(f"pipeline.run_folder.{module}.write_text", write)
    run = RunDir(tmp_path / "new")
    with run.claimed(), contextlib.suppress(KeyboardInterrupt):
        RunRecord(run, "settings", {"kind": PREDICTION})
    with RunDir(tmp_path / "new").claimed():
        assert run.is_prediction() == run.holds_anything()


def test_corrections_of_two_runs_are_both_kept(tmp_path: Path):
    finished_run(tmp_path / "exp1")
    write_text(tmp_path / "exp1.previous" / "corrections" / "m1.csv", "older")
    write_text(tmp_path / "exp1.previous" / ".set_aside", "")
    write_text(tmp_path / "exp1" / "corrections" / "m1.csv", "newer")
    run = RunDir(tmp_path / "exp1")
    run.drop_set_aside()
    assert (tmp_path / "exp1.previous" / "corrections" / "m1.csv").read_text(encoding="utf-8") == "older"
    assert (tmp_path / "exp1" / "corrections" / "m1.csv").read_text(encoding="utf-8") == "newer"


def test_a_copy_that_somebody_made_is_not_deleted(tmp_path: Path):
    write_text(tmp_path / "exp1.previous" / "config.yaml", "a copy by hand")
    finished_run(tmp_path / "exp1")
    run = RunDir(tmp_path / "exp1")
    run.claim()
    run.set_aside()
    run.drop_set_aside()
    run.release()
    assert (tmp_path / "exp1.previous" / "config.yaml").read_text(encoding="utf-8") == "a copy by hand"
    assert not (tmp_path / "exp1.previous-2").exists()


@pytest.mark.parametrize("name", ["recordings.csv", "m1.mp4", "videos/m1.mp4"])
def test_a_folder_with_other_files_is_left_alone(tmp_path: Path, name: str):
    # A project of DeepLabCut has a config.yaml, too.
    write_text(tmp_path / "lab" / "config.yaml", "Task: openfield")
    write_text(tmp_path / "lab" / name, "mine")
    with pytest.raises(InputError, match="holds other files"):
        RunDir(tmp_path / "lab").claim()
    assert (tmp_path / "lab" / name).read_text(encoding="utf-8") == "mine"


def test_an_unfinished_run_and_hidden_files_are_no_other_files(tmp_path: Path):
    for name in ("config.yaml", "log.txt", "fits/a.npz", ".DS_Store"):
        write_text(tmp_path / "exp1" / name, "x")
    run = RunDir(tmp_path / "exp1")
    run.claim()
    run.release()


def test_the_working_folder_can_be_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    finished_run(tmp_path / "exp1")
    monkeypatch.chdir(tmp_path / "exp1")
    run = RunDir(Path())
    run.claim()
    assert run.is_finished()
    run.release()


def test_a_file_in_place_of_the_folder_is_an_input_error(tmp_path: Path):
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(InputError, match="Cannot write"):
        write_text(tmp_path / "file" / "below.csv", "y")


def test_what_kills_left_is_cleared_by_the_next_run(tmp_path: Path):
    """Old files alone where another process may be writing, and never what is no file of ours."""
    run = RunDir(tmp_path / "exp1")
    left = [".scores.csv.0a1b2c3d.tmp", "predictions/.m 1.csv.0a1b2c3d.tmp", "heads/.grooming.77.partial/head.json"]
    old, young = (run.corrections_path / f".m1.csv.{name}.tmp" for name in ("0a1b2c3d", "4e5f6a7b"))
    mine = [run.path / ".notes.old", run.corrections_path / "m1.csv"]
    for path in (*(run.path / name for name in left), old, young, *mine):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    os.utime(old, (1, 1))
    write_text(run.config_path, "name: exp1")
    run.write_provenance({})
    run.claim()
    run.release()
    remaining = {path for path in run.path.rglob("*") if path.is_file()}
    assert remaining == {young, *mine, run.config_path, run.provenance_path}
    assert [path.name for path in (run.path / "heads").iterdir()] == []
