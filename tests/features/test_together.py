"""Videos that are inspected beside each other are known as those that are inspected alone."""

from pathlib import Path

import pytest

from features.video import inspection, together
from features.video.inspection import inspect_video
from tests.lab import known_labels, write_video


def test_what_is_remembered_is_what_each_alone_is_like(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(together, "_LEAST_FRAMES", 1)
    videos = [tmp_path / f"vidéo {number}.avi" for number in range(3)]
    for number, path in enumerate(videos):
        write_video(path, known_labels(number))
    (tmp_path / "no video.avi").write_bytes(b"RIFF")
    index, told = tmp_path / "cache" / "videos.json", []
    asked = [(path, 25.0 if path == videos[2] else None) for path in (*videos, videos[0], tmp_path / "no video.avi")]
    together.inspect_together(asked, index, 2, lambda *place: told.append(place))
    assert told == [(0, 3), (1, 3), (2, 3), (3, 3)]
    expected = [inspect_video(path, fps=fps) for path, fps in asked[:3]]
    monkeypatch.setattr(inspection, "_inspect", lambda *of: pytest.fail("was not remembered"))
    assert [inspect_video(path, index, fps=fps) for path, fps in asked[:3]] == expected
    together.inspect_together(asked, index, 2, lambda *place: pytest.fail("nothing was left to do"))
