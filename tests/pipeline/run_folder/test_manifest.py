"""A finished run knows its files: what is damaged, missing or foreign is refused by whoever reads it."""

import json
import shutil
import unicodedata
from pathlib import Path

import numpy as np
import pytest

from common.errors import InputError
from common.seals import is_stale, read_seal, write_sealed
from pipeline.command_line import main
from pipeline.report.html import write_report
from pipeline.report.words.summary import notices
from pipeline.run_folder.manifest import is_unread
from pipeline.run_folder.reading import read_run
from pipeline.run_folder.run_dir import RunDir
from tests.conftest import made_once
from tests.pipeline.report.report_runs import make_run

pytestmark = pytest.mark.usefixtures("no_figures")


def make(folder: Path) -> None:
    run = RunDir(make_run(folder / "exp é", n_train=2, n_test=1, n_frames=150))
    run.write_provenance(run.read_provenance() | {"checksums": "manifest.json"})
    write_report(run.path, is_being_written=True)
    run.manifest.write()


@pytest.fixture
def folder(tmp_path, tmp_path_factory) -> Path:
    """A run with its manifest, to be damaged."""
    whole = made_once(tmp_path_factory, "run with manifest", make)
    return Path(shutil.copytree(whole / "exp é", tmp_path / "exp é"))


def files_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_no_damage_is_read(folder):
    """Flipped bytes and cut ends in files of every kind; bouts and what nothing reads are verified only."""
    chance = np.random.default_rng(11)
    names = {path: path.relative_to(folder).as_posix() for path in files_of(folder)}
    paths = [path for path, name in names.items() if not is_unread(name) and not name.startswith("bouts/")]
    assert len({path.name for path in paths}) > 15
    for path in paths:
        whole = path.read_bytes()
        for position in chance.integers(0, len(whole), 2):
            other = whole[:position] + bytes([whole[position] ^ 1 << int(chance.integers(8))]) + whole[position + 1 :]
            for damaged in (other, whole[:position]):
                path.write_bytes(damaged)
                with pytest.raises(InputError, match=rf"{path.name}.*damaged"):
                    read_run(folder)
                    pytest.fail(f"{path} was read, though byte {position} is another")
        path.write_bytes(whole)
    read_run(folder)


def test_verify_lists_everything_and_takes_what_is_meant(folder, capsys):
    assert main(["verify", str(folder)]) == 0
    assert "all as written" in capsys.readouterr().out
    for name, change in (("scores.csv", lambda text: text.replace("0.5", "0.6")), ("groups.csv", lambda _: "a,b\n")):
        path = folder / name
        path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
    (folder / "predictions" / "mouse_01.csv").unlink()
    (folder / "log.txt").unlink()
    (folder / "mine.txt").touch()
    (folder / ".DS_Store").touch()
    (folder / "corrections").mkdir()
    (folder / "corrections" / "mouse_01.csv").touch()
    assert main(["verify", str(folder)]) == 2
    printed = capsys.readouterr().out
    assert [line.strip() for line in printed.splitlines()[1:6]] == [
        "groups.csv: changed: damaged, or edited",
        "mine.txt: not of this run",
        "predictions/mouse_01.csv: missing; predict does without it",
        "scores.csv: changed: damaged, or edited",
        "1 files that nothing reads (report.html, log.txt, figures, fits) are missing",
    ]
    with pytest.raises(InputError, match=r'\(groups\.csv\).*verify ".*exp é" --accept groups\.csv\.$'):
        read_run(folder, only=())
    # As the shell completes it, and by its name alone.
    accepted = ["groups.csv", str(folder / "scores.csv"), "mine.txt", "predictions"]
    (folder / "groups.csv").unlink()
    assert main(["verify", str(folder), "--accept", *accepted]) == 0
    assert "scores.csv: accepted as it is, 20" in capsys.readouterr().out
    run = read_run(folder)
    assert list(run.accepted) == ["mine.txt", "scores.csv"]
    assert any("scores.csv: edited after the run" in notice.text for notice in notices(run))
    assert main(["verify", str(folder), "--accept", "score.csv"]) == 2
    assert "no file 'score.csv' to accept" in capsys.readouterr().err


@pytest.mark.parametrize("damaged", ["m 1.csv", "m 1.boris", "m 1.seal.json"])
def test_verify_takes_corrections_that_are_meant(folder, damaged, capsys):
    table, boris = (folder / "corrections" / f"m 1{suffix}" for suffix in (".csv", ".boris"))
    write_sealed({table: "a\n", boris: "b\n"}, {"n": 1})
    assert main(["verify", str(folder)]) == 0
    assert main(["verify", str(folder), "--accept", "corrections/m 1.csv"]) == 2
    assert "as it was written: there is nothing to accept" in capsys.readouterr().err
    assert read_seal(table) == {"n": 1}
    path = table.with_name(damaged)
    path.write_bytes(path.read_bytes()[:-3] + b"x\n")
    assert main(["verify", str(folder)]) == 2
    words = "perhaps changed: its seal" if path.suffix == ".json" else "changed: damaged, or edited"
    accepted = boris if damaged == boris.name else table
    assert f"corrections/{accepted.name}: {words}" in capsys.readouterr().out
    with pytest.raises(InputError, match=rf'verify ".* é" --accept "corrections/{accepted.name}"\.'):
        read_seal(accepted)
    given = f"corrections/{accepted.name}"
    assert main(["verify", str(folder), "--accept", given]) == (2 if damaged == table.name else 0)
    read_seal(accepted)
    assert is_stale(boris) == (damaged == table.name)
    stale = "corrections/m 1.boris: missing, or older than what it is made from" in capsys.readouterr().out
    assert stale == is_stale(boris)


def test_corrections_are_accepted_wherever_they_lie(tmp_path, capsys):
    table, boris = (tmp_path / "labels" / f"m1{suffix}" for suffix in (".csv", ".boris"))
    write_sealed({table: "a\n", boris: "b\n"}, {})
    for path in (table, boris):
        path.write_text("edited\n", encoding="utf-8")
    assert main(["verify", str(tmp_path), "--accept", str(table.parent)]) == 0
    assert [read_seal(path) for path in (table, boris)] == [{}, {}]
    assert main(["verify", str(tmp_path), "--accept", "labels/m1.csv"]) == 2
    assert main(["verify", str(tmp_path)]) == 2
    assert "is no folder of a run" in capsys.readouterr().err


def test_a_damaged_manifest_is_none(folder, capsys):
    path = folder / "manifest.json"
    whole = path.read_bytes()
    for position in range(20, len(whole), 199):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
        with pytest.raises(InputError, match=r"manifest\.json is damaged.*--accept manifest\.json"):
            read_run(folder)
    assert main(["verify", str(folder)]) == 2
    assert main(["verify", str(folder), "--accept", "manifest.json"]) == 0
    assert "scores.csv: accepted as it is" in capsys.readouterr().out
    path.unlink()
    with pytest.raises(InputError, match=r"did not come to its end: it has no manifest\.json"):
        read_run(folder)
    assert not RunDir(folder).is_finished()


def test_a_run_of_before_manifests_is_read_with_a_word(folder, capsys):
    run = RunDir(folder)
    run.manifest.remove()
    provenance = run.read_provenance()
    del provenance["checksums"]
    run.write_provenance(provenance)
    assert run.is_finished()
    assert main(["export", str(folder)]) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "was made before runs had checksums: its files are not checked" in said
    assert main(["verify", str(folder)]) == 2
    assert "nothing to compare its files with" in capsys.readouterr().err


def test_the_report_can_be_made_again(folder):
    run = RunDir(folder)
    whole = run.report_path.read_bytes()
    run.report_path.write_bytes(whole[:-100])
    assert run.manifest.findings() == {"report.html": "changed"}
    assert main(["verify", str(folder)]) == 2
    write_report(folder)
    assert RunDir(folder).manifest.findings() == {}
    assert run.report_path.read_bytes() == whole


def test_names_of_another_form_of_unicode_are_the_same(folder):
    """A copy by another system may spell accents in another way."""
    label = folder / "labels" / "é.csv"
    label.touch()
    RunDir(folder).manifest.update(["labels"])
    assert "labels/é.csv" in json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["files"]
    label.rename(label.with_name(unicodedata.normalize("NFD", label.name)))
    assert RunDir(folder).manifest.findings() == {}
