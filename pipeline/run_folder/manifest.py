"""manifest.json: size and SHA-256 of every file of a finished run, written last and checked by whoever reads one."""

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from common.errors import InputError
from common.files import sha256_of, write_text
from common.names import canonical
from common.suggestions import listing

MANIFEST = "manifest.json"
PROMISE = {"checksums": MANIFEST}
"""Stands in provenance.json: a run that says this and has no manifest never came to its end."""
_FORMAT_VERSION = 1

NOT_READ = ("report.html", "log.txt", "figures", "fits")
"""What nothing reads once a run is finished: a copy does without it."""

State = Literal["changed", "missing", "unknown"]


@dataclass(frozen=True)
class Entry:
    """What a file was when it was written, or when somebody accepted it (`accepted`: that moment; else empty)."""

    bytes: int
    sha256: str
    accepted: str = ""


class Manifest:
    """The manifest of one folder; read when it is first asked for.

    Parameters
    ----------
    folder : Path
        Of a run or of predictions.
    outside : collection of str
        Folders in it whose files come after the run: they are not listed.
    """

    def __init__(self, folder: Path, outside: Collection[str]) -> None:
        self.folder = folder
        self.path = folder / MANIFEST
        self._outside = frozenset(outside)

    @property
    def exists(self) -> bool:
        """Whether the folder has one: that of a run that is finished, and not older than manifests."""
        return self.path.is_file()

    @cached_property
    def entries(self) -> dict[str, Entry]:
        """Every file by its path in the folder, with `/` between names; empty where there is no manifest.

        Raises
        ------
        InputError
            When the manifest is damaged.
        """
        try:
            tree = json.loads(self.path.read_text(encoding="utf-8"))
            if tree.pop("sha256") != _sha256_of_tree(tree):
                raise ValueError("its own checksum differs")
            return {name: Entry(**entry) for name, entry in tree["files"].items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise InputError(
                f"{self.path} is damaged ({str(error).splitlines()[0]}), so that nothing tells whether the files of "
                f"{self.folder} are as they were written. Copy it again from where the run was made, or make the run "
                f"again with --overwrite. To take all files as they are now: {self._accept(MANIFEST)}."
            ) from None

    def write(self) -> None:
        """List all files as they are now."""
        self._write({name: _entry(path) for name, path in self._files()})

    def remove(self) -> None:
        """Before anything is written anew: without a manifest no run is finished."""
        self.path.unlink(missing_ok=True)
        self.__dict__.pop("entries", None)

    def update(self, names: Collection[str], accepted: str = "") -> None:
        """List files, or folders, as they are now; those that are gone are no longer listed. Nothing without manifest.

        Raises
        ------
        InputError
            When the manifest is damaged.
        """
        if not self.exists:
            return
        kept = {name: entry for name, entry in self.entries.items() if not _is_within(name, names)}
        new = {name: _entry(path, accepted) for name, path in self._files() if _is_within(name, names)}
        self._write(kept | new)

    def accept_all(self, accepted: str) -> None:
        """Take every file as it is now, whatever the manifest said."""
        self._write({name: _entry(path, accepted) for name, path in self._files()})

    def require(self, path: Path) -> None:
        """Raise `InputError` unless a file is as it was written; nothing is said where there is no manifest."""
        if not self.entries:
            return
        name = self.name_of(path)
        state = self._state(name, path)
        if state is not None:
            raise self.complaint({name: state})

    def lists(self, path: Path) -> bool:
        """Whether a file was written by this run."""
        return self.name_of(path) in self.entries

    def findings(self) -> dict[str, State]:
        """What is not as it was written, by file, in order of names.

        Raises
        ------
        InputError
            When the manifest is damaged.
        """
        paths = dict(self._files())
        states = {name: self._state(name, paths.get(name)) for name in sorted({*self.entries, *paths})}
        return {name: state for name, state in states.items() if state is not None}

    def missing(self, folders: Collection[str]) -> list[str]:
        """Files that are gone of these folders, or of those that lie in the run's folder itself and are read."""
        needed = [n for n in self.entries if n.split("/")[0] in folders or not ("/" in n or is_unread(n))]
        there = {name for name, _ in self._files()}
        return [name for name in needed if name not in there]

    def complaint(self, findings: Mapping[str, State]) -> InputError:
        """An error about files that are not as they were written."""
        words = {
            "changed": "not as it was written ({}): damaged, or edited",
            "missing": "missing ({}), so that this copy is incomplete",
            "unknown": "not of this run ({}), whose manifest does not name it: move it away",
        }
        said = []
        for state, text in words.items():
            names = [name for name, found in findings.items() if found == state]
            if names:
                text = text if len(names) == 1 else text.replace("not as it was", "not as they were")
                said.append(text.format(listing(names, 5)))
        return InputError(
            f"{self.folder} has files that cannot be used: {'; '.join(said)}. Copy them again from where they were "
            f"made, or make them again with --overwrite. Was it done on purpose? Then accept it: "
            f"{self._accept(*list(findings)[:3])}."
        )

    def name_of(self, path: Path) -> str:
        """The name by which a file of the folder is listed."""
        return _name(path.relative_to(self.folder))

    def _state(self, name: str, path: Path | None) -> State | None:
        entry = self.entries.get(name)
        if path is None or not path.is_file():
            return None if entry is None else "missing"
        if entry is None:
            return "unknown"
        is_same = path.stat().st_size == entry.bytes and sha256_of(path) == entry.sha256
        return None if is_same else "changed"

    def _files(self) -> Iterator[tuple[str, Path]]:
        """Yield what a manifest lists: hidden files (and what systems put into folders) are nobody's."""
        if not self.folder.is_dir():
            return
        for path in sorted(self.folder.rglob("*")):
            parts = path.relative_to(self.folder).parts
            is_ours = not any(part.startswith(".") for part in parts) and parts[0] not in {MANIFEST, *self._outside}
            if is_ours and parts[-1].casefold() not in {"thumbs.db", "desktop.ini"} and path.is_file():
                yield _name(Path(*parts)), path

    def _accept(self, *names: str) -> str:
        folder, *files = (f'"{name}"' if " " in name else name for name in (str(self.folder), *names))
        return f"python run_experiment.py verify {folder} --accept {' '.join(files)}"

    def _write(self, entries: dict[str, Entry]) -> None:
        files = {name: {k: v for k, v in asdict(entries[name]).items() if v != ""} for name in sorted(entries)}
        tree: dict[str, Any] = {"format_version": _FORMAT_VERSION, "files": files}
        tree["sha256"] = _sha256_of_tree(tree)
        write_text(self.path, json.dumps(tree, indent=1, ensure_ascii=False) + "\n")
        self.__dict__["entries"] = entries


def is_unread(name: str) -> bool:
    """Whether nothing reads a file once its run is finished."""
    return name.split("/")[0] in NOT_READ


def _entry(path: Path, accepted: str = "") -> Entry:
    return Entry(path.stat().st_size, sha256_of(path), accepted)


def _name(path: Path) -> str:
    # Systems differ in the form of accents that they give back.
    return canonical(path.as_posix())


def _is_within(name: str, places: Iterable[str]) -> bool:
    return any(name == place or name.startswith(f"{place}/") for place in places)


def _sha256_of_tree(tree: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(tree, sort_keys=True).encode("utf-8")).hexdigest()
