"""Sealed files: a changed byte is noticed, a cut-off save leaves no two that disagree, and an edit can be accepted."""

import json
from pathlib import Path

import pytest

from common.errors import InputError
from common.seals import (
    accept_changed,
    checked_text,
    is_stale,
    keep_changed,
    read_checked_text,
    read_seal,
    seal_path,
    write_sealed,
)


class Killed(BaseException):
    """What a kill looks like from inside."""


@pytest.fixture
def paths(tmp_path) -> tuple[Path, Path]:
    folder = tmp_path / "run" / "corrections"
    return folder / "m 1.a.csv", folder / "m 1.a.boris"


def save(paths: tuple[Path, Path], n: int) -> None:
    write_sealed({paths[0]: f"first {n}\n", paths[1]: f"made from first {n}\n"}, {"n": n})


def read(path: Path) -> int:
    """The number of the save that a file is of; its facts say the same."""
    found = read_seal(path)["n"]
    assert path.read_text(encoding="utf-8").split()[-1] == str(found)
    return int(found)


def test_files_are_read_back_with_what_was_remembered(paths):
    for n in (1, 2, 3):
        save(paths, n)
        assert [read(path) for path in paths] == [n, n]
    assert read_seal(paths[0].with_name("other.csv")) == {}
    # A file of another suffix that was not written with them is no part of them.
    other = paths[0].with_suffix(".txt")
    other.write_text("x", encoding="utf-8")
    assert read_seal(other) == {}


def test_every_changed_byte_and_every_cut_is_noticed(paths):
    save(paths, 1)
    for damaged in (*paths, seal_path(paths[0])):
        whole = damaged.read_bytes()
        for place in range(len(whole)):
            for broken in (whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :], whole[:place]):
                damaged.write_bytes(broken)
                if damaged.suffix != ".json":
                    with pytest.raises(InputError, match="is not as Rearview wrote it"):
                        read_seal(damaged)
                    continue
                # A seal may lose its last line break, or the checksum of itself, and still say all it said.
                for path in paths:
                    try:
                        assert read_seal(path) == {"n": 1}
                    except InputError as error:
                        assert "is damaged" in str(error)
                    else:
                        assert place >= whole.index(b"\n")
        damaged.write_bytes(whole)
    assert [read(path) for path in paths] == [1, 1]


def test_what_is_made_from_a_changed_file_is_not_used_either(paths):
    save(paths, 1)
    paths[0].write_text("edited\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"m 1\.a\.csv, from which m 1\.a\.boris is made, is not as Rearview wrote it"):
        read_seal(paths[1])


@pytest.mark.parametrize("n_steps", range(1, 6))
@pytest.mark.parametrize("earlier", ["sealed", "unsealed", "none"])
def test_a_kill_at_any_step_leaves_the_old_or_the_new(paths, monkeypatch, n_steps, earlier):
    if earlier == "sealed":
        save(paths, 0)
        save(paths, 1)
    elif earlier == "unsealed":
        paths[0].parent.mkdir(parents=True)
        for path, text in zip(paths, ("first 1\n", "made from first 1\n"), strict=True):
            path.write_text(text, encoding="utf-8")
    steps = 0
    replace = Path.replace

    def replace_or_die(self: Path, target: Path) -> Path:
        nonlocal steps
        steps += 1
        if steps == n_steps:
            raise Killed
        return replace(self, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", replace_or_die)
        if n_steps < 5:
            with pytest.raises(Killed):
                save(paths, 2)
        else:
            save(paths, 2)
    n_found = {path.read_text(encoding="utf-8").split()[-1] for path in paths if path.is_file()}
    for path in reversed(paths):
        if path.is_file():
            read_seal(path)
    texts = [path.read_text(encoding="utf-8").split()[-1] for path in paths if path.is_file()]
    assert len(set(texts)) <= 1, (n_found, texts)
    save(paths, 3)
    assert [read(path) for path in paths] == [3, 3]


def test_an_edit_is_accepted_and_what_is_made_from_it_is_made_again(paths):
    save(paths, 1)
    paths[0].write_text("edited\n", encoding="utf-8")
    with pytest.raises(InputError, match=r'--accept "corrections/m 1\.a\.csv"') as error:
        read_seal(paths[0])
    assert f"verify {paths[0].parent.parent} " in str(error.value)
    assert accept_changed(paths[0])
    assert read_seal(paths[0]) == {}
    assert is_stale(paths[1])
    with pytest.raises(InputError, match=r"older than m 1\.a\.csv"):
        read_seal(paths[1])
    save(paths, 2)
    assert not is_stale(paths[1])
    # What is made may be edited as well, and is then what it is.
    paths[1].write_text("edited in BORIS\n", encoding="utf-8")
    assert not is_stale(paths[1])
    with pytest.raises(InputError, match="is not as Rearview wrote it"):
        read_seal(paths[1])
    assert accept_changed(paths[1])
    assert [read_seal(path) for path in paths] == [{"n": 2}, {"n": 2}]


def test_a_damaged_seal_stops_neither_accepting_nor_saving(paths):
    save(paths, 1)
    seal_path(paths[0]).write_bytes(b"\xff{")
    with pytest.raises(InputError, match="holds the checksums of the files beside it"):
        read_seal(paths[0])
    assert accept_changed(paths[0])
    assert read_seal(paths[0]) == {}
    seal_path(paths[0]).write_text("[1]", encoding="utf-8")
    assert [path.name for path in keep_changed(paths)] == ["m 1.a (changed 1).csv", "m 1.a (changed 1).boris"]
    save(paths, 2)
    assert [read(path) for path in paths] == [2, 2]


def test_what_somebody_changed_is_kept_before_it_is_written_over(paths):
    save(paths, 1)
    assert keep_changed(paths) == []
    for _ in range(2):
        paths[0].write_text("edited\n", encoding="utf-8")
        (kept,) = keep_changed(paths)
        assert kept.read_text(encoding="utf-8") == "edited\n"
        save(paths, 2)
    assert kept.name == "m 1.a (changed 2).csv"


def test_without_a_seal_there_is_nothing_to_accept(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("x", encoding="utf-8")
    assert not accept_changed(path)
    assert not is_stale(path)
    assert keep_changed([path]) == []


def test_a_text_with_its_checksum_is_the_text_or_an_error(tmp_path):
    path = tmp_path / "draft.json"
    text = json.dumps({"bouts": [["ü", 1, 2]]}, ensure_ascii=False)
    whole = checked_text(text).encode("utf-8")
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        try:
            assert json.loads(read_checked_text(path)) == json.loads(text)
        except ValueError:
            continue
        assert place == len(whole) - 1
    path.write_text(text + "\n", encoding="utf-8")
    assert read_checked_text(path) == text


def test_a_name_too_long_for_a_seal_has_none(tmp_path):
    path = tmp_path / ("x" * 250 + ".csv")
    path.write_text("x", encoding="utf-8")
    assert read_seal(path) == {}
    assert not accept_changed(path)


def test_a_file_that_is_held_by_another_program_is_said_and_replaced_by_the_next_save(paths, monkeypatch):
    save(paths, 1)
    replace = Path.replace

    def hold(self: Path, target: Path) -> Path:
        if target == paths[1]:
            raise PermissionError("it is open")
        return replace(self, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", hold)
        with pytest.raises(InputError, match="Is it open in another program"):
            save(paths, 2)
        assert read(paths[0]) == 2
        with pytest.raises(InputError, match="older than"):
            read_seal(paths[1])
    # Once it is free, whoever reads finds what was to be there.
    assert [read(path) for path in reversed(paths)] == [2, 2]
