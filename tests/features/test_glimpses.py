"""Single frames of a video, sought: the very pictures that decoding it from its beginning gives."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from features.video import glimpses
from features.video.glimpses import frames_at
from features.video.reading import iter_frames
from tests.features.made_videos import write_timed_video
from tests.lab import known_labels, write_video

WANTED = [0, 1, 37, 38, 99, 150, 251, 252, 299, 1000]


def pictures(frames) -> dict[int, np.ndarray]:
    return {frame.number: frame.picture().copy() for frame in frames}


@pytest.mark.parametrize(
    "step_s", [lambda frame: 0.1, lambda frame: 0.05 + 0.2 * (frame % 7 == 3)], ids=["even", "uneven"]
)
def test_sought_frames_are_those_that_decoding_gives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step_s):
    path = write_timed_video(tmp_path / "a.mp4", 300, step_s, gop=25)
    every = pictures(iter_frames(path))
    monkeypatch.setattr(glimpses, "iter_frames", None)  # it is not decoded as a whole
    found = pictures(frames_at(path, WANTED))
    assert list(found) == WANTED[:-1]
    assert all(np.array_equal(found[number], every[number]) for number in found)
    assert pictures(frames_at(path, [])) == {}


def test_without_time_stamps_it_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write_video(tmp_path / "a.avi", known_labels(0))
    every = pictures(iter_frames(tmp_path / "a.avi"))
    found = pictures(frames_at(tmp_path / "a.avi", [3, 100]))
    assert list(found) == [3, 100] and np.array_equal(found[100], every[100])
    monkeypatch.setattr(glimpses, "MOST_UNSOUGHT", 50)
    assert list(pictures(frames_at(tmp_path / "a.avi", [3, 100]))) == [3]


def test_what_is_damaged_is_left_out(tmp_path: Path):
    path = write_timed_video(tmp_path / "whole.mp4", 120, gop=20)
    content = bytearray(path.read_bytes())
    content[len(content) // 3 : len(content) // 3 + 400] = bytes(400)
    shutil.copy(path, tmp_path / "a.mp4").write_bytes(content)
    every = pictures(iter_frames(path))
    found = pictures(frames_at(tmp_path / "a.mp4", [2, 60, 118]))
    assert set(found) <= {2, 60, 118} and np.array_equal(found[2], every[2])
