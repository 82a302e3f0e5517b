"""Seals: checksums beside files that people may edit, so that damage is noticed and an edit is accepted on purpose.

Files of one name with several suffixes are written together, the others being made from the first. Their seal,
``<name>.seal.json``, lies beside them and holds the checksums of the last two saves and what must be remembered of
each: whenever a save is cut off, the first file is of one of the two, and the others follow it.
"""

import contextlib
import hashlib
import json
from collections.abc import Iterable, Mapping
from itertools import count
from pathlib import Path
from typing import Any, Literal, NamedTuple

from common.errors import InputError
from common.files import sha256_of, write_text

SUFFIX = ".seal.json"
_PENDING = ".pending"

SealState = Literal["changed", "missing", "stale", "unsealed"]
"""What a sealed file may be that is not as it was written; `unsealed`: its seal is damaged, so that nobody knows."""


class _Save(NamedTuple):
    """Checksums by file name, the first file's first (None: to be made again), and what belongs to them."""

    files: dict[str, str | None]
    facts: dict[str, Any]


def seal_path(path: Path) -> Path:
    """Where the seal of a file lies."""
    return path.with_name(f"{path.stem}{SUFFIX}")


def write_sealed(texts: Mapping[Path, str], facts: Mapping[str, Any]) -> None:
    """Write files of one name, that from which the others are made first, with their seal.

    Raises
    ------
    InputError
        When the folder cannot be written, or one of the files is held by another program.
    """
    first, *others = texts
    earlier = [save for save in _known_saves(first) or [] if save.files.get(first.name) == _sha256(first)]
    if not earlier and _is_file(first):
        # Of a version without seals: until the new files are in place, the old ones are right.
        earlier = [_Save({path.name: _sha256(path) for path in texts}, {})]
    sums = {path.name: hashlib.sha256(text.encode("utf-8")).hexdigest() for path, text in texts.items()}
    for path in others:
        write_text(_pending(path), texts[path])
    _write(first, [_Save(dict(sums), dict(facts)), *earlier[:1]])
    write_text(first, texts[first])
    _finish(first)
    for path in others:
        if _sha256(path) != sums[path.name]:
            raise InputError(
                f"{first} is written, but {path.name} beside it can't be replaced. Is it open in another program? "
                "Close it and save again."
            )


def read_seal(path: Path) -> dict[str, Any]:
    """What was remembered when a sealed file was written; {} where it has no seal. A save that was cut off is finished.

    Raises
    ------
    InputError
        When the file, or the one that it is made from, is not as it was written.
    """
    saves = _saves(path)
    if not saves or all(path.name not in save.files for save in saves):
        return {}
    first = path.with_name(next(iter(saves[0].files)))
    _finish(first)
    found, truth = _sha256(path), _sha256(first)
    current = next((save for save in saves if truth in (None, save.files[first.name])), None)
    if current is None:
        raise _changed(first, path)
    expected = current.files.get(path.name)
    if found == expected:
        return current.facts
    if expected is None or _is_known(path, saves):
        raise InputError(
            f"{path} is older than {first.name} beside it, from which it is made. Open the review of the run once, "
            f"which makes it again, or use {first.name}."
        )
    raise _changed(path, path)


def is_stale(path: Path) -> bool:
    """Whether a sealed file must be made again from the first one: it is missing, or was written before that."""
    saves = _saves(path)
    if not saves:
        return False
    first = path.with_name(next(iter(saves[0].files)))
    _finish(first)
    current = next((save for save in saves if save.files[first.name] == _sha256(first)), None)
    found = _sha256(path)
    return current is not None and (found is None or (found != current.files.get(path.name) and _is_known(path, saves)))


def seal_findings(folder: Path) -> dict[Path, SealState]:
    """The sealed files of a folder that are not as they were written, a first file before those made from it."""
    found: dict[Path, SealState] = {}
    for seal in sorted(folder.glob(f"*{SUFFIX}")):
        stem = seal.name.removesuffix(SUFFIX)
        there = sorted((path for path in folder.iterdir() if path.stem == stem and _is_file(path)), reverse=True)
        saves = _known_saves(there[0]) if there else []
        if saves is None:
            found |= dict.fromkeys(there, "unsealed")
        for name in saves[0].files if saves else ():
            state = _state(folder / name)
            if state is not None:
                found[folder / name] = state
    return found


def _state(path: Path) -> SealState | None:
    if is_stale(path):
        return "stale"
    if not _is_file(path):
        return "missing"
    return None if _is_known(path, _saves(path)) else "changed"


def accept_changed(path: Path) -> bool:
    """Take a file as it is now, whoever changed it; False where it has no seal.

    What was made from the first file of its name must be made again, and what was remembered of it no longer counts.

    Raises
    ------
    InputError
        When the file is not there, or the seal can't be written.
    """
    seal, found = seal_path(path), _sha256(path)
    if not _is_file(seal):
        return False
    if found is None:
        raise InputError(f"There is no file {path} to accept.")
    # Where the seal is damaged nothing is known any more: what is accepted stands for itself.
    saves = _known_saves(path) or [_Save({path.name: found}, {})]
    newest = saves[0]
    first, *_ = newest.files
    if path.name == first:
        changed = _Save({first: found} | dict.fromkeys(list(newest.files)[1:]), {})
    else:
        changed = _Save(newest.files | {path.name: found}, newest.facts)
    _write(path, [changed, *saves[:1]])
    return True


def keep_changed(paths: Iterable[Path]) -> list[Path]:
    """Move aside what somebody changed since it was sealed, before it is written over; returns where it is kept."""
    kept = []
    for path in paths:
        saves = _known_saves(path)
        if _is_file(path) and saves != [] and not _is_known(path, saves or []):
            names = (path.with_name(f"{path.stem} (changed {n}){path.suffix}") for n in count(1))
            kept.append(path.replace(next(name for name in names if not name.exists())))
    return kept


def checked_text(text: str) -> str:
    """A line of text with its checksum below, for a file that nobody edits."""
    return f"{text}\n{hashlib.sha256(text.encode('utf-8')).hexdigest()}\n"


def read_checked_text(path: Path) -> str:
    """The text that `checked_text` was made of; one without a checksum is of an earlier version.

    Raises
    ------
    ValueError
        When it is not as it was written.
    """
    text, _, digest = path.read_text(encoding="utf-8").removesuffix("\n").rpartition("\n")
    if text and hashlib.sha256(text.encode("utf-8")).hexdigest() != digest:
        raise ValueError("its checksum does not fit: it was changed or is damaged")
    return text or digest


def _finish(first: Path) -> None:
    """Put what was written for the save that the first file is of into its place."""
    saves = _saves(first)
    if not saves or saves[0].files.get(first.name) != _sha256(first):
        return
    for name, expected in saves[0].files.items():
        path = first.with_name(name)
        if expected is not None and _sha256(_pending(path)) == expected:
            # Another process may be quicker, and who reads need not be allowed to write.
            with contextlib.suppress(OSError):
                _pending(path).replace(path)


def _changed(changed: Path, asked: Path) -> InputError:
    made_from = f", from which {asked.name} is made," if changed != asked else ""
    return InputError(
        f"{changed}{made_from} is not as Rearview wrote it: it was edited since, or is damaged. If you edited it "
        f"yourself, accept it as it is: {_command(changed)}. If not, restore it from a "
        "copy, or save it again in the review."
    )


def _is_known(path: Path, saves: list[_Save]) -> bool:
    return _sha256(path) in [save.files.get(path.name) for save in saves]


def _pending(path: Path) -> Path:
    return path.with_name(f".{path.name}{_PENDING}")


def _sha256(path: Path) -> str | None:
    return sha256_of(path) if _is_file(path) else None


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        # Such as a name longer than the system takes.
        return False


def _saves(path: Path) -> list[_Save]:
    """The saves that the seal of a file knows, the last one first; none without a seal."""
    seal = seal_path(path)
    if not _is_file(seal):
        return []
    try:
        found = json.loads(read_checked_text(seal))
        return [_Save(dict(save["files"]), dict(save["facts"])) for save in found]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise InputError(
            f"{seal} is damaged: it holds the checksums of the files beside it, so it is not known whether {path} is "
            "as it was written. Restore it from a copy, or look through that file and accept it as it is: "
            f"{_command(path)}."
        ) from None


def _command(path: Path) -> str:
    """What accepts a file."""
    names = (str(path.parent.parent), f"{path.parent.name}/{path.name}")
    folder, name = (f'"{name}"' if " " in name else name for name in names)
    return f"verify {folder} --accept {name}"


def _known_saves(path: Path) -> list[_Save] | None:
    """The same; None where the seal is damaged."""
    try:
        return _saves(path)
    except InputError:
        return None


def _write(path: Path, saves: list[_Save]) -> None:
    write_text(seal_path(path), checked_text(json.dumps([save._asdict() for save in saves], ensure_ascii=False)))
