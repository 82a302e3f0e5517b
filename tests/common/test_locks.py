"""Locks that are files hold between processes, and outlive nobody."""

import json
import logging
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from filelock import FileLock, Timeout

from common import locks
from common.locks import CreatedLock, SystemLock, host, lock_at, make_locks_files

COUNT = """
import sys
from pathlib import Path
from common.locks import lock_at
folder = Path(sys.argv[1])
for _ in range(15):
    with lock_at(folder / "n.lock").acquire(poll_interval=0.001):
        n = int((folder / "n").read_text())
        (folder / "n").write_text("")
        (folder / "n").write_text(str(n + 1))
"""


@pytest.mark.parametrize("are_files", [False, True])
def test_processes_take_turns_and_leave_no_files(are_files: bool, tmp_path: Path):
    if are_files:
        make_locks_files(tmp_path)
    (tmp_path / "n").write_text("0", encoding="utf-8")
    processes = [subprocess.Popen([sys.executable, "-c", COUNT, str(tmp_path)]) for _ in range(2)]
    assert [process.wait() for process in processes] == [0, 0]
    assert (tmp_path / "n").read_text(encoding="utf-8") == "30"
    assert {path.name for path in tmp_path.iterdir()} - {locks.MARKER} == {"n"}


def test_what_a_dead_process_held_is_free_at_once_and_what_another_machine_left_after_a_while(tmp_path: Path):
    path = tmp_path / "x.lock"
    held = tmp_path / "x.lock.held"
    held.write_text(json.dumps({"host": host(), "pid": os.getpid(), "began": 1.0}), encoding="utf-8")
    CreatedLock(path).acquire(timeout=0).release()
    held.write_text(json.dumps({"host": "elsewhere", "pid": 1, "began": 1.0}), encoding="utf-8")
    with pytest.raises(Timeout):
        CreatedLock(path).acquire(timeout=0.05, poll_interval=0.01)
    # Somebody who touches it has it still.
    ended = threading.Event()
    touching = threading.Thread(target=lambda: [os.utime(held) for _ in iter(lambda: ended.wait(0.01), True)])
    touching.start()
    with pytest.raises(Timeout):
        CreatedLock(path, nobodys_after_s=0.2).acquire(timeout=0.5, poll_interval=0.01)
    ended.set()
    touching.join()
    CreatedLock(path, nobodys_after_s=0.2).acquire(poll_interval=0.01).release()
    assert not held.exists()


def test_a_folder_that_refuses_the_systems_locks_has_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    assert isinstance(lock_at(tmp_path / "x.lock"), SystemLock)

    def refused(self: FileLock, *_: object, **__: object) -> None:
        raise OSError(37, "No locks available")

    (tmp_path / "nfs").mkdir()
    with monkeypatch.context() as patched:
        patched.setattr(FileLock, "acquire", refused)
        assert type(lock_at(tmp_path / "nfs" / "x.lock")) is CreatedLock
    # Whoever comes later, and would be granted one, goes by what is known.
    assert type(lock_at(tmp_path / "nfs" / "x.lock")) is CreatedLock


def test_a_clock_that_is_set_ends_no_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with CreatedLock(tmp_path / "x.lock").acquire(timeout=0):
        began_s = locks._began(os.getpid())
        assert began_s is not None
        monkeypatch.setattr(locks, "_began", lambda pid: began_s + 30)
        with pytest.raises(Timeout):
            CreatedLock(tmp_path / "x.lock").acquire(timeout=0)


def test_of_several_who_see_that_a_lock_is_nobodys_one_has_it(tmp_path: Path):
    path, held, breaking = (tmp_path / name for name in ("x.lock", "x.lock.held", "x.lock.breaking"))
    held.write_text(json.dumps({"host": host(), "pid": os.getpid(), "began": 1.0}), encoding="utf-8")
    one, other = CreatedLock(path, 0.2), CreatedLock(path, 0.2)
    seen = locks._look(held)
    # While one takes it away nobody else does.
    breaking.touch()
    with pytest.raises(Timeout):
        other.acquire(timeout=0)
    breaking.unlink()
    with one.acquire(timeout=0):
        mine = held.read_bytes()
        # The other saw what was there before, and is late.
        assert not other._break(seen, locks._Watched(breaking))
        assert held.read_bytes() == mine and not breaking.exists()
    # Who was killed while taking one away hinders the others for a while.
    held.write_text(json.dumps({"host": host(), "pid": os.getpid(), "began": 1.0}), encoding="utf-8")
    breaking.touch()
    other.acquire(poll_interval=0.01).release()
    assert [*tmp_path.iterdir()] == []


def test_who_lost_a_lock_does_not_keep_it_for_its_successor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr(locks, "_TOUCHED_EVERY_S", 0.02)
    held = tmp_path / "x.lock.held"
    lock = CreatedLock(tmp_path / "x.lock").acquire(timeout=0)
    locks._create(tmp_path / "x.lock.next", b"another's")
    (tmp_path / "x.lock.next").replace(held)
    lock._ended.wait(0.1)
    touched = held.stat().st_mtime_ns
    lock._ended.wait(0.2)
    assert held.stat().st_mtime_ns == touched and "x.lock.held" in caplog.text
    lock.release()
    assert held.read_bytes() == b"another's"


def elsewhere(held: Path) -> None:
    said = {"host": "lab-pc 2a pid:[7]", "pid": 4711, "began": 1.0, "user": "anna", "since": 1.7e9}
    held.write_text(json.dumps(said), encoding="utf-8")


@pytest.mark.parametrize("kind", [CreatedLock, SystemLock])
def test_a_machine_that_works_keeps_its_lock_and_one_that_was_switched_off_does_not(
    kind: type[CreatedLock], tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    path, held = tmp_path / "x.lock", tmp_path / "x.lock.held"
    elsewhere(held)
    # Its own system's lock is not seen here: on this drive each machine keeps them to itself.
    with pytest.raises(Timeout):
        kind(path, 0.3).acquire(timeout=0)
    with pytest.raises(Timeout):
        # Whoever waits has looked at it before.
        sleep = time.sleep
        monkeypatch.setattr("common.locks.time.sleep", lambda seconds: [os.utime(held), sleep(seconds)])
        kind(path, 60).acquire(timeout=0, poll_interval=0.01, outlive=True)
    monkeypatch.undo()
    assert kind(path).holder().startswith("by anna on lab-pc (process 4711), since 2023-11-")
    caplog.clear()
    with caplog.at_level(logging.INFO), kind(path, 0.3).acquire(timeout=0, poll_interval=0.01, outlive=True) as mine:
        assert f"on {host().split()[0]} (process {os.getpid()})" in mine.holder()
    assert caplog.text.count("locked by anna on lab-pc") == 1 and not [*tmp_path.iterdir()]


def test_a_file_that_only_its_owner_may_lock_stops_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def refused(self: FileLock, *_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(FileLock, "acquire", refused)
    with SystemLock(tmp_path / "x.lock").acquire(timeout=0), pytest.raises(Timeout):
        SystemLock(tmp_path / "x.lock").acquire(timeout=0)
    SystemLock(tmp_path / "x.lock").acquire(timeout=0).release()


@pytest.mark.parametrize("said", [b"", b"[]", b'{"host": ""}', b'{"host": "x", "pid": "\x1b", "since": 1e99}', b"\xff"])
def test_a_lock_that_says_nothing_of_use_is_another_processs(said: bytes, tmp_path: Path):
    (tmp_path / "x.lock.held").write_bytes(said)
    assert CreatedLock(tmp_path / "x.lock").holder() == "by another process"
    CreatedLock(tmp_path / "x.lock", 0.1).acquire(timeout=0, poll_interval=0.01, outlive=True).release()
