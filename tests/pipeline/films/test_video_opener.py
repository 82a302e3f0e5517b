"""Whoever reads a video that is none says the same of it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.errors import InputError
from features.video.inspection import inspect_video
from pipeline.films.browser_video import make_browser_video, plays_in_browsers
from pipeline.films.film_strips import FilmedRecording, cut_thumbnails
from pipeline.scoring.timeline import Timeline
from pipeline.starter.videos import read_video_header


def cut_one(path: Path) -> Any:
    timeline = Timeline("m1", 10.0, ("rearing",), np.zeros((5, 1)), {})
    item = FilmedRecording(timeline, path, np.full((5, 2), 9.0), 8)
    return cut_thumbnails(item, [2], lambda n_read: None)


READERS: dict[str, Any] = {
    "film strips": cut_one,
    "video for browsers": lambda path: make_browser_video(
        path, path.with_name("out.mp4"), lambda done, total: None, 10.0
    ),
    "init": read_video_header,
}


def spoil(path: Path, kind: str) -> None:
    if kind == "folder":
        path.mkdir()
    elif kind == "empty":
        path.touch()
    elif kind == "text":
        path.write_text("frame,x,y\n" * 200, encoding="utf-8")


@pytest.mark.parametrize("kind", ["missing", "folder", "empty", "text"])
@pytest.mark.parametrize("reader", READERS)
def test_what_is_no_video_is_told_in_the_same_words(tmp_path: Path, reader: str, kind: str, capfd):
    path = tmp_path / "m1.mp4"
    spoil(path, kind)
    with pytest.raises(InputError) as expected:
        inspect_video(path)
    with pytest.raises(InputError) as caught:
        READERS[reader](path)
    assert str(caught.value) == str(expected.value)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("kind", ["missing", "folder", "empty"])
def test_what_holds_nothing_is_told_before_a_browser_is_asked(tmp_path: Path, kind: str):
    path = tmp_path / "m1.mp4"
    spoil(path, kind)
    with pytest.raises(InputError) as expected:
        inspect_video(path)
    with pytest.raises(InputError) as caught:
        plays_in_browsers(path)
    assert str(caught.value) == str(expected.value)
