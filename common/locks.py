"""Locks between processes and machines, for files that several of them write.

As a rule the system keeps a lock (flock), and frees it when its process dies. Some network folders refuse that, and on
others each machine keeps locks to itself. In such a folder a lock is a file, which only one can create: the holder
touches it again and again, and one that is touched no longer is nobody's.
"""

import errno
import functools
import json
import os
import socket
import threading
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Self

import psutil
from filelock import BaseFileLock, FileLock, Timeout

MARKER = ".locks_are_files"
"""A file of this name in a folder says that the system's locks can't be trusted there."""
_REFUSALS = {errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP}
_TOUCHED_EVERY_S = 10.0
_NOBODYS_AFTER_S = 90.0


def lock_at(path: Path) -> "BaseFileLock | CreatedLock":
    """The lock that lies at a path, not yet taken: the system's, or a file where the system's can't be trusted."""
    if (path.parent / MARKER).exists() or not _is_granted_in(path.parent):
        return CreatedLock(path)
    return FileLock(path)


def make_locks_files(folder: Path) -> None:
    """Have every lock of a folder be a file from now on, on all machines that see it."""
    (folder / MARKER).touch()


@functools.lru_cache(maxsize=256)
def _is_granted_in(folder: Path) -> bool:
    """Whether the system grants locks in a folder; True as well where that can't be tried."""
    trial = folder / f".{uuid.uuid4().hex[:8]}.trial.lock"
    try:
        FileLock(trial).acquire(timeout=0).lock.release()
    except (OSError, NotImplementedError) as error:
        if isinstance(error, OSError) and error.errno not in _REFUSALS:
            return True
        make_locks_files(folder)
        return False
    finally:
        with suppress(OSError):
            trial.unlink(missing_ok=True)
    return True


class CreatedLock:
    """A lock that is a file, which says whose it is; for one thread at a time.

    Nobody's clock is compared with another's: who waits sees that the file is not touched any more, or that the
    process it names is dead, where that is of the same machine.
    """

    def __init__(self, path: Path, nobodys_after_s: float = _NOBODYS_AFTER_S) -> None:
        self._path = path.with_name(path.name + ".held")
        self._nobodys_after_s = nobodys_after_s
        self._own = b""
        self._ended = threading.Event()

    def acquire(self, timeout: float = -1, poll_interval: float = 0.2) -> Self:
        """Take it, or wait for it at most so many seconds (less than 0: without end).

        Raises
        ------
        filelock.Timeout
            Somebody else has it.
        OSError
            The folder can't be written.
        """
        began = changed = time.monotonic()
        seen: tuple[bytes, int] | None = None
        while not self._create():
            now, found = time.monotonic(), self._look()
            seen, changed = (seen, changed) if found == seen else (found, now)
            if found is not None and (now - changed > self._nobodys_after_s or _is_dead(found[0])):
                self._take_away(found[0])
            elif 0 <= timeout <= now - began:
                raise Timeout(str(self._path))
            else:
                time.sleep(poll_interval)
        self._ended = threading.Event()
        threading.Thread(target=self._keep_touched, args=(self._ended,), daemon=True).start()
        return self

    def release(self) -> None:
        """Let others have it; nothing where it is not held."""
        self._ended.set()
        found = self._look()
        if self._own and found is not None and found[0] == self._own:
            with suppress(OSError):
                self._path.unlink()
        self._own = b""

    def __enter__(self) -> Self:
        return self if self._own else self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()

    def _create(self) -> bool:
        own = json.dumps({"host": socket.gethostname(), "pid": os.getpid(), "began": _began(os.getpid()),
                          "id": uuid.uuid4().hex})  # fmt: skip
        try:
            with self._path.open("xb") as file:
                file.write(own.encode("utf-8"))
        except FileExistsError:
            return False
        self._own = own.encode("utf-8")
        return True

    def _look(self) -> tuple[bytes, int] | None:
        """What it says and when it was touched; None where there is none."""
        try:
            return self._path.read_bytes(), self._path.stat().st_mtime_ns
        except OSError:
            return None

    def _take_away(self, seen: bytes) -> None:
        """Remove what is nobody's; of several who see that, one succeeds."""
        aside = self._path.with_name(f"{self._path.name}.{uuid.uuid4().hex[:8]}")
        with suppress(OSError):
            self._path.rename(aside)
            if aside.read_bytes() != seen and not self._path.exists():
                # Another was quicker, and this is its own.
                aside.rename(self._path)
            else:
                aside.unlink()

    def _keep_touched(self, ended: threading.Event) -> None:
        while not ended.wait(_TOUCHED_EVERY_S):
            with suppress(OSError):
                os.utime(self._path)


def _is_dead(said: bytes) -> bool:
    """Whether the process that a lock names is known to have ended."""
    try:
        holder = json.loads(said)
        return bool(holder["host"] == socket.gethostname() and _began(holder["pid"]) != holder["began"])
    except (ValueError, KeyError, TypeError):
        # It is only just being written.
        return False


def _began(pid: int) -> float | None:
    """When a process was started, which tells it from a later one of the same number; None where there is none."""
    try:
        return psutil.Process(pid).create_time()
    except psutil.Error:
        return None
