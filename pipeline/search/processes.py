"""Which processes work on a search, on this machine and on others that share its folder, and which of them live.

On the same machine the system tells. Of another machine a file is looked at that its process touches again and again;
both are made without locks of the file system, which network folders are bad at.
"""

import contextlib
import json
import platform
import threading
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

from common.errors import InputError

_BEAT_S = 15.0
# A busy network folder shows others' files late.
_DEAD_AFTER_S = 180.0
FOLDER = ".processes"


class OwnProcess:
    """This process, as others see it, for the time of a `with` block.

    Parameters
    ----------
    folder : Path
        Of the search; it is made when missing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / FOLDER
        self._stopped = threading.Event()
        process = psutil.Process()
        self.facts: dict[str, Any] = {
            "host": platform.node(),
            "pid": process.pid,
            "started": process.create_time(),
            "token": uuid.uuid4().hex[:12],
        }

    def __enter__(self) -> "OwnProcess":
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._path(self.facts).write_text(json.dumps(self.facts), encoding="utf-8")
        except OSError as error:
            raise InputError(
                f"The search's folder {self._folder.parent} cannot be made or written: {error.strerror or error}. "
                "Choose a folder that you may write with --output or `output_dir:`."
            ) from None
        for path in self._folder.glob("*.alive"):
            if not self.lives(_facts_in(path)):
                path.unlink(missing_ok=True)
        threading.Thread(target=self._go_on, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        with contextlib.suppress(OSError):
            self._path(self.facts).unlink(missing_ok=True)
            self._folder.rmdir()

    def lives(self, other: Mapping[str, Any] | None) -> bool:
        """Whether the process of these `facts` may still be at work; False for None, as one that was killed early."""
        if not other:
            return False
        if other.get("host") == self.facts["host"]:
            return _runs_here(int(other["pid"]), float(other["started"]))
        try:
            # Both moments are of the folder's clock: those of two machines may differ.
            return self._beat() - self._path(other).stat().st_mtime < _DEAD_AFTER_S
        except OSError:
            return False

    def others_live(self) -> bool:
        """Whether another process is at work in the folder."""
        found = [_facts_in(path) for path in self._folder.glob("*.alive")]
        return any(facts.get("token") != self.facts["token"] and self.lives(facts) for facts in found)

    def _go_on(self) -> None:
        while not self._stopped.wait(_BEAT_S):
            with contextlib.suppress(OSError):
                self._beat()

    def _beat(self) -> float:
        path = self._path(self.facts)
        path.touch()
        return path.stat().st_mtime

    def _path(self, facts: Mapping[str, Any]) -> Path:
        return self._folder / f"{facts['token']}.alive"


def _facts_in(path: Path) -> dict[str, Any]:
    """What a process said of itself; nothing where its file is gone, or no more than begun."""
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        return facts if isinstance(facts, dict) else {}
    except (OSError, ValueError):
        return {}


def _runs_here(pid: int, started: float) -> bool:
    try:
        process = psutil.Process(pid)
        # Numbers of processes are used again.
        return abs(process.create_time() - started) < 1 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True
