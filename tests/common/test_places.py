"""Paths in files that leave the machine: still found, but without the user's name and folders."""

from pathlib import Path

import pytest

from common.places import all_told, path_at, path_from, told


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    folder = tmp_path / "home" / "alice"
    (folder / "lab").mkdir(parents=True)
    monkeypatch.setattr(Path, "home", lambda: folder)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("USERPROFILE", str(folder))
    monkeypatch.chdir(folder)
    return folder


def test_a_path_is_found_again_and_names_nobody(home, tmp_path):
    run = tmp_path / "runs" / "exp1"
    run.mkdir(parents=True)
    for path, text in (
        (run.parent / "a b.mp4", "../a b.mp4"),
        (tmp_path / "videos" / "é.mp4", "../../videos/é.mp4"),
        (home / "lab" / "m.mp4", "~/lab/m.mp4"),
        (run, "."),
    ):
        assert path_from(run, path) == text
        assert path_at(run, text) == path.resolve()
    # Both in the home folder: they can be moved together.
    assert path_from(home / "runs", home / "lab" / "m.mp4") == "../lab/m.mp4"
    assert path_at(run, str(home / "x.mp4")) == home / "x.mp4"


def test_words_are_told_from_where_they_are_read(home, tmp_path):
    lab = tmp_path / "lab"
    text = f"{lab / 'm.mp4'} has no poses in {lab}; see {home / 'lab' / 'x'}, {home}, {tmp_path / 'lab-2' / 'y'}."
    assert told(text, [lab]) == f"m.mp4 has no poses in .; see lab/x, ., {tmp_path / 'lab-2' / 'y'}.".replace(
        "lab/x", str(Path("lab/x"))
    )
    tree = {"a": [str(lab / "m"), 5, None], "b": {"c": str(lab)}}
    assert all_told(tree, [lab]) == {"a": ["m", 5, None], "b": {"c": "."}}


def test_home_is_a_tilde(home, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path / "home")
    assert told(f"--output={home / 'runs'}") == f"--output={Path('alice/runs')}"
    monkeypatch.chdir(home / "lab")
    assert told(f"at {home / 'runs'} and {home}") == f"at {Path('~/runs')} and ~"
