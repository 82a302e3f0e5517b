"""Locks between processes and machines, for files that several of them write.

A lock is a file that only one can create, and that says who has it: the holder touches it again and again, and one
that is touched no longer is nobody's. As a rule the system keeps a lock beside it (flock), which outlasts a process
that is stopped for long. Some network folders refuse that. No file stays when a lock is released.
"""

import errno
import functools
import getpass
import json
import logging
import os
import socket
import stat
import threading
import time
import uuid
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import psutil
from filelock import FileLock, SoftFileLock, Timeout

from common.errors import shown

log = logging.getLogger(__name__)

MARKER = ".locks_are_files"
"""A file of this name in a folder says that the system's locks can't be trusted there."""
_REFUSALS = {errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP}
_TOUCHED_EVERY_S = 10.0
_NOBODYS_AFTER_S = 90.0
_CLOCK_MAY_STEP_S = 60.0
"""The start of a process is reckoned from the clock, and moves when that is set."""


def lock_at(path: Path) -> "CreatedLock":
    """The lock that lies at a path, not yet taken: with the system's, or a file alone where that can't be trusted."""
    if (path.parent / MARKER).exists() or not _is_granted_in(path.parent):
        return CreatedLock(path)
    return SystemLock(path)


def take_turn(lock: "CreatedLock", doing: str) -> None:
    """Take a lock; where somebody has it, say so ("NAME is being made") and wait.

    Raises
    ------
    OSError
        The folder can't be written.
    """
    try:
        lock.acquire(timeout=0)
    except Timeout:
        log.info("%s %s. Waiting for it.", doing, lock.holder())
        lock.acquire()


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

    def acquire(self, timeout: float = -1, poll_interval: float = 0.2, outlive: bool = False) -> Self:
        """Take it, or wait for it at most so many seconds (less than 0: without end).

        With `outlive` it waits longer for a lock of another machine, until that is touched or nobody's: at first sight
        the lock of a machine that was switched off is like any other.

        Raises
        ------
        filelock.Timeout
            Somebody else has it.
        OSError
            The folder can't be written.
        """
        began, held, breaking = time.monotonic(), _Watched(self._path), _Watched(self._breaking_path)
        is_told = False
        own = json.dumps(_holder_here()).encode("utf-8")
        while not _create(self._path, own):
            found, unchanged_s = held.look()
            is_nobodys = found is not None and (unchanged_s > self._nobodys_after_s or _is_dead(found[0]))
            if is_nobodys and self._break(found, breaking):
                continue
            may_be_left = found is not None and held.is_as_first_seen and not is_nobodys and _is_elsewheres(found[0])
            if 0 <= timeout <= time.monotonic() - began and not (outlive and may_be_left):
                raise Timeout(str(self._path))
            if outlive and may_be_left and not is_told:
                is_told = True
                log.info(
                    "%s is locked %s. Looking for %.0f s whether that still runs.",
                    self._path.parent, self.holder(), self._nobodys_after_s,
                )  # fmt: skip
            time.sleep(poll_interval)
        self._own, self._ended = own, threading.Event()
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

    def holder(self) -> str:
        """Who has it, as the end of a sentence: "by anna on lab-pc (process 12), since 2026-11-30 22:40"."""
        found = _look(self._path)
        return _in_words(found[0]) if found is not None else "by another process"

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


class SystemLock(CreatedLock):
    """The same, while this process has the system's lock at the path as well."""

    def __init__(self, path: Path, nobodys_after_s: float = _NOBODYS_AFTER_S) -> None:
        super().__init__(path, nobodys_after_s)
        self._system_path = path
        self._system: FileLock | None = None

    def acquire(self, timeout: float = -1, poll_interval: float = 0.2, outlive: bool = False) -> Self:
        """See `CreatedLock`."""
        began, system = time.monotonic(), _system_lock(self._system_path)
        # A file that another user left, and which only its owner may lock, stops nobody: the other file decides.
        with suppress(PermissionError):
            system.acquire(timeout=timeout, poll_interval=poll_interval)
        try:
            left_s = timeout if timeout < 0 else max(0.0, timeout - (time.monotonic() - began))
            super().acquire(left_s, poll_interval, outlive)
        except BaseException:
            system.release()
            raise
        self._system = system
        return self

    def release(self) -> None:
        """See `CreatedLock`; the system's file goes, too, as long as nobody else has it."""
        super().release()
        if self._system is not None:
            if os.name != "nt":
                # Who opened it before may then have the system's lock on what is gone, and another on a new file: the
                # other file decides. Windows removes none that is open; there filelock removes it.
                with suppress(OSError):
                    self._system_path.unlink()
            self._system.release()
            self._system = None


def _system_lock(path: Path) -> FileLock:
    """Where others may write to the folder, they may lock the file, too: some versions let only its owner."""
    by_others = path.parent.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return FileLock(path, mode=0o644 | by_others) if by_others else FileLock(path)


_Seen = tuple[bytes, int]
"""What a file says, and when it was touched."""


class _Watched:
    """A file, and for how long it was seen to be as it is."""

    def __init__(self, path: Path) -> None:
        self._path, self._seen, self._since_s = path, _look(path), time.monotonic()
        self.is_as_first_seen = True

    def look(self) -> tuple[_Seen | None, float]:
        """The file, None where there is none, and for how many seconds it is that way."""
        found, now_s = _look(self._path), time.monotonic()
        if found != self._seen:
            self._seen, self._since_s, self.is_as_first_seen = found, now_s, False
        return found, now_s - self._since_s


def _create(path: Path, text: bytes) -> bool:
    """Whether a file was not there, and is now."""
    try:
        with path.open("xb") as file:
            try:
                file.write(text)
                file.flush()
            except OSError:
                # The disk is full: a lock that says nothing would be in the way.
                with suppress(OSError):
                    path.unlink()
                raise
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
    node = uuid.getnode()
    # Without a network card it is drawn anew by each process, which this bit says.
    return f"{socket.gethostname()} {0 if node >> 40 & 1 else node:x} {processes}".strip()


def _holder_here() -> dict[str, Any]:
    """What a lock of this process says."""
    user = ""
    with suppress(Exception):  # whatever a system without names of users raises
        user = getpass.getuser()
    pid = os.getpid()
    known = {"host": host(), "pid": pid, "began": _began(pid), "user": user, "since": time.time()}
    return {**known, "id": uuid.uuid4().hex}


def _in_words(said: bytes) -> str:
    try:
        holder = json.loads(said)
        machine = "".join(map(shown, str(holder["host"]).split()[0][:60]))
        user = "".join(map(shown, str(holder.get("user") or "")[:60]))
        since = time.strftime("%Y-%m-%d %H:%M", time.localtime(float(holder["since"])))
        return f"by {f'{user} on ' if user else ''}{machine} (process {int(holder['pid'])}), since {since}"
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, OSError, OverflowError):
        return "by another process"


def _is_elsewheres(said: bytes) -> bool:
    """Whether a lock names no process that can be seen from here."""
    try:
        return bool(json.loads(said)["host"] != host())
    except (ValueError, KeyError, TypeError):
        # Who created it was killed before that was written.
        return True


def _is_dead(said: bytes) -> bool:
    """Whether the process that a lock names is known to have ended."""
    try:
        holder = json.loads(said)
        if holder["host"] != host():
            return False
        began_s = _began(holder["pid"])
        if began_s is None:
            return not psutil.pid_exists(holder["pid"])
        return abs(began_s - holder["began"]) > _CLOCK_MAY_STEP_S or _is_zombie(holder["pid"])
    except (ValueError, KeyError, TypeError):
        # It is only just being written.
        return False


def _is_zombie(pid: int) -> bool:
    """Whether a process has ended, but the one that started it has not noticed."""
    with suppress(psutil.Error):
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    return False


def _began(pid: int) -> float | None:
    """When a process was started, which tells it from a later one of the same number; None where that isn't known."""
    try:
        return psutil.Process(pid).create_time()
    except psutil.Error:
        return None
