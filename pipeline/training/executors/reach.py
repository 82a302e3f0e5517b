"""Whether a worker elsewhere is fit for a command's jobs: the same code and packages, the same files and folders."""

import functools
import hashlib
import platform
import time
import uuid
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import Timeout

from common.files import write_bytes
from common.locks import lock_at, make_locks_files
from pipeline.runtime.machine import package_versions
from pipeline.training.executors.base import Needs

ROOT = Path(__file__).resolve().parents[3]
_WAIT_S = 5.0
"""A network folder may show a new file late."""
_NAMED = ".reach-"
_LEFT_AFTER_S = 30 * 86_400.0
"""Files by which folders are known, and that are older than any command runs, were left by one that was killed."""


@dataclass(frozen=True)
class Wanted:
    """What a worker must have.

    `versions`: of packages, by name. `files`: size in bytes by absolute path, a file of each folder that is read.
    `folders`: absolute paths of folders that results go to. `locked`: of those that hold locks. `token`: name of the
    files by which it is seen that folders are the same ones.
    """

    versions: dict[str, str]
    files: dict[str, int]
    folders: tuple[str, ...]
    locked: tuple[str, ...]
    token: str


@dataclass(frozen=True)
class Found:
    """What a worker has: `problems` in words, none where it is fit; `folders_without_locks` between machines."""

    problems: tuple[str, ...]
    folders_without_locks: tuple[str, ...] = ()


def versions_here() -> dict[str, str]:
    """Versions of all that can change a result; Rearview's own is a hash of its code."""
    return {"Rearview (hash of its code)": _code_hash(), "Python": platform.python_version()} | package_versions()


@functools.cache
def _code_hash() -> str:
    digest = hashlib.sha256()
    for package in ("common", "features", "models", "pipeline"):
        for path in sorted((ROOT / package).rglob("*.py")):
            digest.update(path.relative_to(ROOT).as_posix().encode("utf-8") + path.read_bytes())
    return digest.hexdigest()[:12]


@contextmanager
def wanted(needs: Needs) -> Iterator[Wanted]:
    """What workers must have for jobs; for the time of the block files lie in the folders by which they are known."""
    token = f"{_NAMED}{uuid.uuid4().hex}"
    files: dict[Path, tuple[str, int]] = {}
    for path in needs.reads:
        with suppress(OSError):
            files.setdefault(path.absolute().parent, (str(path.absolute()), path.stat().st_size))
    folders, locked = (
        tuple(dict.fromkeys(str(path.absolute()) for path in paths)) for paths in (needs.writes, needs.locked)
    )
    _clear_up({*folders, *locked}, f"{_NAMED}*", older_than_s=_LEFT_AFTER_S)
    try:
        for folder in folders:
            write_bytes(Path(folder) / token, token.encode("utf-8"))
        for folder in locked:
            Path(folder).mkdir(parents=True, exist_ok=True)
        yield Wanted(versions_here(), dict(files.values()), folders, locked, token)
    finally:
        _clear_up({*folders, *locked}, f"{token}*")


def _clear_up(folders: Collection[str], pattern: str, older_than_s: float = -float("inf")) -> None:
    for folder in folders:
        for left in Path(folder).glob(pattern):
            with suppress(OSError):
                if time.time() - left.stat().st_mtime > older_than_s:
                    left.unlink()


def look(wanted: Wanted) -> Found:
    """To be called by a worker: what it lacks.

    In each folder it looks for the file that was left there, and leaves one of its own.
    """
    problems, here = [], versions_here()
    differing = [
        f"{name} {here.get(name, 'is not installed')} (not {version})"
        for name, version in wanted.versions.items()
        if here.get(name) != version
    ]
    if differing:
        problems.append(f"runs other versions: {', '.join(differing)}")
    for path, n_bytes in wanted.files.items():
        with suppress(OSError):
            if Path(path).stat().st_size == n_bytes:
                continue
        problems.append(f"doesn't see the file {path}")
    for folder in map(Path, wanted.folders):
        problem = _problem_of(folder, wanted.token)
        if problem:
            problems.append(problem)
    without = [folder for folder in wanted.locked if not _is_locked_for_others(Path(folder) / f"{wanted.token}.lock")]
    return Found(tuple(problems), tuple(without))


def _problem_of(folder: Path, token: str) -> str:
    if not folder.is_dir():
        return f"has no folder {folder}"
    if not _appears(folder / token):
        return f"has a folder {folder}, but it is another one: a file that was just written there is missing"
    try:
        (folder / f"{token}-{uuid.uuid4().hex[:8]}").write_text(token, encoding="utf-8")
    except OSError as error:
        return f"can't write into the folder {folder} ({error.strerror or error})"
    return ""


def _appears(path: Path) -> bool:
    deadline = time.monotonic() + _WAIT_S
    while not path.exists():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


def _is_locked_for_others(path: Path) -> bool:
    """Whether this process can't take the lock that the command holds."""
    try:
        lock = lock_at(path)
        lock.acquire(timeout=0)
    except Timeout:
        return True
    except OSError:
        return False
    lock.release()
    return False


@contextmanager
def held_locks(wanted: Wanted) -> Iterator[None]:
    """Hold a lock in every folder, so that workers can try whether it holds for them."""
    locks = [lock_at(Path(folder) / f"{wanted.token}.lock") for folder in wanted.locked]
    for lock in locks:
        lock.acquire()
    try:
        yield
    finally:
        for lock in locks:
            lock.release()


def trust_no_system_locks(folders: Iterable[str]) -> None:
    """Have locks of folders be files."""
    for folder in folders:
        make_locks_files(Path(folder))
