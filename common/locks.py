"""Locks between processes and machines, for files that several of them write.

As a rule the system keeps a lock (flock), and frees it when its process dies. Some network folders refuse that, and on
others each machine keeps locks to itself. In such a folder a lock is a file, which only one can create: the holder
touches it again and again, and one that is touched no longer is nobody's.
"""

import errno
import functools
import json
import logging
import os
import socket
import threading
import time
import uuid
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Self

import psutil
from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout

log = logging.getLogger(__name__)

MARKER = ".locks_are_files"
"""A file of this name in a folder says that the system's locks can't be trusted there."""
_REFUSALS = {errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP}
_TOUCHED_EVERY_S = 10.0
_NOBODYS_AFTER_S = 90.0
_CLOCK_MAY_STEP_S = 60.0
"""The start of a process is reckoned from the clock, and moves when that is set."""


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
        is_granted = _is_the_systems(trial)
    except (OSError, NotImplementedError) as error:
        if isinstance(error, OSError) and error.errno not in _REFUSALS:
            return True
        is_granted = False
    finally:
        with suppress(OSError):
            trial.unlink(missing_ok=True)
    if not is_granted:
        make_locks_files(folder)
    return is_granted


def _is_the_systems(trial: Path) -> bool:
    """Whether a lock is the system's; filelock's own files, which it may make instead, outlive their process."""
    with warnings.catch_warnings():
        # It says so when it does that.
        warnings.simplefilter("ignore")
        lock = FileLock(trial)
        with lock.acquire(timeout=0):
            # It writes into its own, and nothing into the system's.
            return not (isinstance(lock, SoftFileLock) or trial.stat().st_size > 0)


class CreatedLock:
    """A lock that is a file, which says whose it is; for one thread at a time.

    Nobody's clock is compared with another's: who waits sees that the file is not touched any more, or that the
    process it names is dead, where that is of the same machine.
    """

    def __init__(self, path: Path, nobodys_after_s: float = _NOBODYS_AFTER_S) -> None:
        self._path = path.with_name(path.name + ".held")
        # Who takes away what is nobody's has this file meanwhile, so that nobody else does.
        self._breaking_path = path.with_name(path.name + ".breaking")
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
        began, held, breaking = time.monotonic(), _Watched(self._path), _Watched(self._breaking_path)
        own = json.dumps({"host": host(), "pid": os.getpid(), "began": _began(os.getpid()), "id": uuid.uuid4().hex})
        while not _create(self._path, own.encode("utf-8")):
            found, unchanged_s = held.look()
            is_nobodys = found is not None and (unchanged_s > self._nobodys_after_s or _is_dead(found[0]))
            if is_nobodys and self._break(found, breaking):
                continue
            if 0 <= timeout <= time.monotonic() - began:
                raise Timeout(str(self._path))
            time.sleep(poll_interval)
        self._own, self._ended = own.encode("utf-8"), threading.Event()
        threading.Thread(target=self._keep_touched, args=(self._own, self._ended), daemon=True).start()
        return self

    def release(self) -> None:
        """Let others have it; nothing where it is not held."""
        self._ended.set()
        found = _look(self._path)
        if self._own and found is not None and found[0] == self._own:
            with suppress(OSError):
                _unlink(self._path)
        self._own = b""

    def __enter__(self) -> Self:
        return self if self._own else self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()

    def _break(self, seen: "_Seen | None", breaking: "_Watched") -> bool:
        """Remove what is nobody's, if it still is as it was seen; whether that was done."""
        if not _create(self._breaking_path, b""):
            left, unchanged_s = breaking.look()
            if left is not None and unchanged_s > self._nobodys_after_s:
                # Who was at it was killed.
                with suppress(OSError):
                    self._breaking_path.unlink()
            return False
        try:
            if _look(self._path) != seen:
                return False
            _unlink(self._path)
        except OSError:
            return False
        finally:
            with suppress(OSError):
                _unlink(self._breaking_path)
        return True

    def _keep_touched(self, own: bytes, ended: threading.Event) -> None:
        while not ended.wait(_TOUCHED_EVERY_S):
            with suppress(OSError):
                found = _look(self._path)
                if (found is None and not self._path.exists()) or (found is not None and found[0] != own):
                    break
                os.utime(self._path)
        if not ended.is_set():
            # This machine slept for long. What is there now, if anything, is another's.
            log.warning("Another process has taken the lock %s, which this one had not touched for long.", self._path)


_Seen = tuple[bytes, int]
"""What a file says, and when it was touched."""


class _Watched:
    """A file, and for how long it was seen to be as it is."""

    def __init__(self, path: Path) -> None:
        self._path, self._seen, self._since_s = path, _look(path), time.monotonic()

    def look(self) -> tuple[_Seen | None, float]:
        """The file, None where there is none, and for how many seconds it is that way."""
        found, now_s = _look(self._path), time.monotonic()
        if found != self._seen:
            self._seen, self._since_s = found, now_s
        return found, now_s - self._since_s


def _create(path: Path, text: bytes) -> bool:
    """Whether a file was not there, and is now."""
    try:
        with path.open("xb") as file:
            file.write(text)
    except FileExistsError:
        return False
    except PermissionError:
        # On Windows also where it is only just being removed.
        if os.path.lexists(path):
            return False
        raise
    return True


def _unlink(path: Path) -> None:
    """Remove a file, which on Windows nobody may be reading at that moment."""
    for _ in range(20):
        with suppress(PermissionError):
            return path.unlink()
        time.sleep(0.05)
    return path.unlink()


def _look(path: Path) -> _Seen | None:
    try:
        return path.read_bytes(), path.stat().st_mtime_ns
    except OSError:
        return None


@functools.cache
def host() -> str:
    """A name for all that sees the processes of this one: machines and containers may share that of the network."""
    processes = ""
    with suppress(OSError):
        processes = str(Path("/proc/self/ns/pid").readlink())
    return f"{socket.gethostname()} {uuid.getnode():x} {processes}".strip()


def _is_dead(said: bytes) -> bool:
    """Whether the process that a lock names is known to have ended."""
    try:
        holder = json.loads(said)
        if holder["host"] != host():
            return False
        if not psutil.pid_exists(holder["pid"]):
            return True
        began_s = _began(holder["pid"])
        return began_s is not None and abs(began_s - holder["began"]) > _CLOCK_MAY_STEP_S
    except (ValueError, KeyError, TypeError):
        # It is only just being written.
        return False


def _began(pid: int) -> float | None:
    """When a process was started, which tells it from a later one of the same number; None where that isn't known."""
    try:
        return psutil.Process(pid).create_time()
    except psutil.Error:
        return None
