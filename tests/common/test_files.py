import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from common.errors import InputError
from common.files import replacing, sha256_of, write_bytes, write_text

ROOT = Path(__file__).resolve().parents[2]


def names_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_a_text_is_written_into_a_folder_that_is_made_and_is_hashed_by_its_bytes(tmp_path: Path):
    path = tmp_path / "new" / "folder" / "mäuse.txt"
    write_text(path, "Mäuse\r\n")
    assert path.read_bytes() == "Mäuse\r\n".encode()
    assert sha256_of(path) == hashlib.sha256("Mäuse\r\n".encode()).hexdigest()
    assert names_in(path.parent) == ["mäuse.txt"]


def test_a_file_is_replaced_only_by_a_whole_one(tmp_path: Path):
    path = tmp_path / "table.csv"
    write_text(path, "old")
    with pytest.raises(KeyboardInterrupt), replacing(path) as temporary:
        temporary.write_text("ha", encoding="utf-8")
        assert path.read_text(encoding="utf-8") == "old"
        raise KeyboardInterrupt
    assert names_in(tmp_path) == ["table.csv"]
    assert path.read_text(encoding="utf-8") == "old"
    with replacing(path) as temporary:
        temporary.write_text("half whole", encoding="utf-8")
    assert names_in(tmp_path) == ["table.csv"]
    assert path.read_text(encoding="utf-8") == "half whole"


def test_a_killed_process_leaves_the_old_file_and_a_hidden_one_that_goes_later(tmp_path: Path):
    path = tmp_path / "table.csv"
    write_text(path, "old")
    code = (
        "import os\nfrom pathlib import Path\nfrom common.files import replacing\n"
        f"with replacing(Path({str(path)!r})) as temporary:\n    temporary.write_text('ha')\n    os._exit(9)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 9
    assert path.read_text(encoding="utf-8") == "old"
    (left,) = set(tmp_path.iterdir()) - {path}
    assert (left.name[0], left.suffix) == (".", ".tmp")
    write_text(path, "young ones may still be being written")
    assert left.exists()
    os.utime(left, (time.time() - 7200,) * 2)
    write_text(tmp_path / "another.csv", "")
    assert left.exists()
    write_text(path, "new")
    assert names_in(tmp_path) == ["another.csv", "table.csv"]


def test_a_folder_is_replaced_whole(tmp_path: Path):
    folder = tmp_path / "demo"
    for name in ("old", "new"):
        with replacing(folder) as temporary:
            (temporary / "in").mkdir(parents=True)
            (temporary / "in" / name).touch()
    assert names_in(tmp_path) == ["demo", "demo/in", "demo/in/new"]
    with pytest.raises(ValueError, match="stop"), replacing(folder) as temporary:
        temporary.mkdir()
        (temporary / "half").touch()
        raise ValueError("stop")
    assert names_in(tmp_path) == ["demo", "demo/in", "demo/in/new"]


def test_a_folder_comes_back_where_the_new_one_cannot_be_moved(tmp_path: Path):
    folder = tmp_path / "demo"
    folder.mkdir()
    (folder / "old").touch()
    with pytest.raises(FileNotFoundError), replacing(folder):
        pass  # nothing is written
    assert names_in(tmp_path) == ["demo", "demo/old"]


def test_a_full_disk_is_one_paragraph_and_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "table.csv"
    write_text(path, "old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match="No space left on device") as raised:
        write_bytes(path, b"new")
    assert "\n" not in str(raised.value)
    assert (names_in(tmp_path), path.read_text(encoding="utf-8")) == (["table.csv"], "old")


def test_a_file_where_a_folder_should_be_is_an_input_error(tmp_path: Path):
    (tmp_path / "runs").touch()
    with pytest.raises(InputError, match="Cannot write"):
        write_text(tmp_path / "runs" / "exp1" / "bouts.csv", "")
