"""Locks that are files hold between processes, and outlive nobody."""

import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from filelock import FileLock, Timeout

from common.locks import CreatedLock, lock_at, make_locks_files

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


def test_processes_take_turns_in_a_folder_whose_locks_are_files(tmp_path: Path):
    make_locks_files(tmp_path)
    (tmp_path / "n").write_text("0", encoding="utf-8")
    processes = [subprocess.Popen([sys.executable, "-c", COUNT, str(tmp_path)]) for _ in range(2)]
    assert [process.wait() for process in processes] == [0, 0]
    assert (tmp_path / "n").read_text(encoding="utf-8") == "30"
    assert not (tmp_path / "n.lock.held").exists()


def test_what_a_dead_process_held_is_free_at_once_and_what_another_machine_left_after_a_while(tmp_path: Path):
    path = tmp_path / "x.lock"
    held = tmp_path / "x.lock.held"
    held.write_text(json.dumps({"host": socket.gethostname(), "pid": os.getpid(), "began": 1.0}), encoding="utf-8")
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
    assert isinstance(lock_at(tmp_path / "x.lock"), FileLock)

    def refused(self: FileLock, *_: object, **__: object) -> None:
        raise OSError(37, "No locks available")

    (tmp_path / "nfs").mkdir()
    with monkeypatch.context() as patched:
        patched.setattr(FileLock, "acquire", refused)
        assert isinstance(lock_at(tmp_path / "nfs" / "x.lock"), CreatedLock)
    # Whoever comes later, and would be granted one, goes by what is known.
    assert isinstance(lock_at(tmp_path / "nfs" / "x.lock"), CreatedLock)
