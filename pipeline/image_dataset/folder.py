"""The folder of a data set: what lies where, what is finished, and what is damaged.

``dataset.json`` comes first and says what the data set is made of. A unit is done when its record is there, which has
the checksum of its files. Checksums of images.csv and README.md are written into ``dataset.json`` last.
"""

import hashlib
import json
import logging
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import Timeout

from common.errors import InputError
from common.files import clear_remains, put_bytes, sha256_of, write_text
from common.locks import lock_at
from common.suggestions import listing
from pipeline.image_dataset.rows import SIDES

log = logging.getLogger(__name__)

FACTS, TABLE, README, UNITS = "dataset.json", "images.csv", "README.md", ".units"
LAST_FILES = (TABLE, README)
_IMAGE = re.compile(r"\d+\.(jpg|png)")


class DatasetDir:
    """The files of one data set, by name."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._facts_path = path / FACTS

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Keep other processes out for the time of a `with` block; what killed ones left is cleared.

        Raises
        ------
        InputError
            Another process is at work here, or the folder holds something else than a data set.
        """
        self._require_own()
        whole = self.path.absolute()
        whole.parent.mkdir(parents=True, exist_ok=True)
        lock = lock_at(whole.parent / f".{whole.name}.lock")
        try:
            lock.acquire(timeout=0, outlive=True)
        except Timeout:
            raise InputError(
                f"The data set {self.path} is being made {lock.holder()}. Wait until that ends, or choose another "
                "folder with --output."
            ) from None
        try:
            if self.path.is_dir():
                clear_remains(self.path)
            yield
        finally:
            lock.release()

    def _require_own(self) -> None:
        """Images are never mixed with a lab's own files."""
        if self.path.exists() and not self.path.is_dir():
            raise InputError(f"--output {self.path} is a file. Name a folder for the data set.")
        if not self.path.is_dir() or self._facts_path.exists():
            return
        others = sorted(entry.name for entry in self.path.iterdir() if not entry.name.startswith("."))
        if others:
            raise InputError(
                f"The folder {self.path} holds other files ({listing(others, 3)}), and no data set of Rearview. Images "
                "would be mixed with them: choose a new folder with --output."
            )

    @property
    def exists(self) -> bool:
        """Whether a data set was begun here."""
        return self._facts_path.exists()

    def facts(self) -> dict[str, Any]:
        """What it is made of.

        Raises
        ------
        InputError
            When that can't be read.
        """
        try:
            found = json.loads(self._facts_path.read_text(encoding="utf-8"))
            if isinstance(found, dict):
                return found
        except (OSError, ValueError):
            pass
        raise InputError(
            f"{self._facts_path} can't be read, so what this data set was made of is not known. Choose another folder "
            "with --output, or make it again with --overwrite, which deletes the images that are there."
        )

    def write_facts(self, facts: dict[str, Any]) -> None:
        """Say what it is made of."""
        write_text(self._facts_path, json.dumps(facts, indent=2, ensure_ascii=False) + "\n")

    def _require_nothing_else(self) -> None:
        """Refuse to delete what no data set wrote."""
        images = (path for side in SIDES for path in (self.path / side).rglob("*") if path.is_file())
        foreign = [path for path in images if not _IMAGE.fullmatch(path.name)]
        with suppress(OSError, ValueError):
            known = json.loads(self._facts_path.read_text(encoding="utf-8")).get("finished", {})
            written = [(self.path / name, sha256) for name, sha256 in known.items()]
            foreign += [path for path, sha256 in written if path.exists() and sha256_of(path) != sha256]
        if foreign:
            raise InputError(
                f"--overwrite deletes the data set in {self.path}, but {foreign[0]} was put there, or changed, by "
                "somebody else. Move it away, or choose another folder with --output."
            )

    def clear(self) -> None:
        """Delete what a data set consists of, and nothing else; the facts last, so that a kill can be repeated.

        Raises
        ------
        InputError
            Other files lie in its folders, or one of its own was changed.
        """
        self._require_nothing_else()
        for name in (*SIDES, UNITS):
            # Records first would do as well: without its record a unit is not believed to be there.
            if (self.path / name).is_dir():
                shutil.rmtree(self.path / name)
        for side in SIDES:
            for shard in self.path.glob(f"{side}-[0-9]*.tar"):
                shard.unlink()
        for name in (*LAST_FILES, FACTS):
            (self.path / name).unlink(missing_ok=True)

    def write_unit(self, number: int, identity: str, files: Sequence[str], contents: Iterator[bytes]) -> None:
        """Write all files of a unit, and then its record.

        Raises
        ------
        OSError
            The folder can't be written or the disk is full.
        LostWorkError
            The same for the record.
        """
        digest = hashlib.sha256()
        for folder in {(self.path / path).parent for path in files}:
            folder.mkdir(parents=True, exist_ok=True)
        for path, content in zip(files, contents, strict=True):
            put_bytes(self.path / path, content)
            digest.update(content)
        record = {"made_of": identity, "n_files": len(files), "sha256": digest.hexdigest()}
        write_text(self._record_path(number), json.dumps(record) + "\n")

    def has_record(self, number: int) -> bool:
        """Whether a unit was finished once; `is_whole` says whether it still is."""
        return self._record_path(number).exists()

    def is_whole(self, number: int, identity: str, files: Sequence[str]) -> bool:
        """Whether all files of a unit are as they were written; False where it was never finished."""
        try:
            record = json.loads(self._record_path(number).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        digest = hashlib.sha256()
        with suppress(OSError):
            for path in files:
                with (self.path / path).open("rb") as file:
                    digest.update(file.read())
        return bool(record == {"made_of": identity, "n_files": len(files), "sha256": digest.hexdigest()})

    def drop_record(self, number: int) -> None:
        """Have a unit be made again."""
        self._record_path(number).unlink(missing_ok=True)

    def _record_path(self, number: int) -> Path:
        return self.path / UNITS / f"{number:06d}.json"

    def write_last(self, name: str, write: Callable[[Path], None], facts: dict[str, Any]) -> None:
        """Write images.csv or README.md, unless it is there as it was written.

        Raises
        ------
        InputError
            It was changed since.
        """
        path, known = self.path / name, facts.get("finished", {}).get(name)
        if known is None or not path.exists():
            write(path)
        elif sha256_of(path) != known:
            raise InputError(
                f"{path} is not as it was written. Was it changed by hand, or damaged? Move it away and give the same "
                "command again: it is written again. The images are as they should be."
            )

    def sums(self) -> dict[str, str]:
        """Checksums of the files that are written last."""
        return {name: sha256_of(self.path / name) for name in LAST_FILES}
